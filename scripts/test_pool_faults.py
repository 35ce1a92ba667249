"""The harness of the fault table: a hang, a death and a leftover are told."""

import os
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

from faults import harness, leftovers, table
from faults.cases import CASES
from faults.peers import PEERS

PATIENCE = 1.0


class Conversations(unittest.TestCase):
    """Programs that stand for a case."""

    def told(self, program: str, mark: str = "") -> list[str]:
        """What the harness says of a program that may say things itself."""
        begin = """
            import json, os, subprocess, sys, time
            def say(**message):
                descriptor = int(os.environ["POOL_FAULTS_TOLD"])
                os.write(descriptor, json.dumps(message).encode() + b"\\n")
        """
        text = textwrap.dedent(begin) + textwrap.dedent(program)
        environment = os.environ | {leftovers.MARK: mark}
        command = [sys.executable, "-c", text]
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder, "log")
            return harness.converse(command, environment, PATIENCE, log)

    def test_outcomes_are_told_in_order(self) -> None:
        told = self.told(
            """
            say(stage="fault"); say(outcome="one"); say(stage="close")
            say(outcome=""); say(stage="exit")
            """
        )
        self.assertEqual(told, ["one", ""])

    def test_a_hang_is_told_with_its_stage(self) -> None:
        told = self.told(
            """
            say(stage="fault"); say(outcome="one"); say(stage="close"); time.sleep(60)
            """
        )
        self.assertEqual(told, ["one", "close hangs (1 s)"])

    def test_an_interpreter_that_does_not_exit_is_told(self) -> None:
        told = self.told('say(stage="exit"); time.sleep(60)')
        self.assertEqual(told, ["interpreter does not exit (1 s)"])

    def test_a_death_is_told_with_its_stage(self) -> None:
        told = self.told('say(stage="fault"); os._exit(0)')
        self.assertEqual(told, ["died at fault"])

    def test_what_is_left_is_counted_and_killed(self) -> None:
        mark = "test-of-leftovers"
        harness.adopt_orphans()
        program = """
            # In a session of its own, with a file of its own.
            subprocess.Popen(["sleep", "60"], start_new_session=True)
            say(stage="exit")
        """
        self.assertEqual(self.told(program, mark), [])
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "file").touch()
            left = harness.what_is_left(mark, Path(folder), leftovers.shared_names())
        self.assertEqual(left, "leftover: 1 process, 1 file")
        leftovers.kill(mark)
        harness.reap()
        self.assertEqual(leftovers.processes(mark), [])


class Cases(unittest.TestCase):
    """Real ones, on the pools that every Python has."""

    def run_case(self, number: str, peer: str) -> str:
        [case] = [case for case in CASES if case.number == number]
        return harness.run(case, peer, sys.executable, PATIENCE, Path(os.devnull))

    def test_a_fault_that_hangs_one_and_ends_the_other(self) -> None:
        self.assertEqual(self.run_case("8", "pool"), "hangs (1 s); pool goes on")
        self.assertRegex(
            self.run_case("8", "executor"),
            r"^error \(BrokenProcessPool\) in .* ms; pool lost \(BrokenProcessPool\)$",
        )

    def test_a_fault_that_both_survive(self) -> None:
        for peer in ("pool", "executor"):
            self.assertRegex(
                self.run_case("9", peer),
                r"^error \(ValueError\) in .* ms, same workers; pool goes on$",
            )

    def test_what_no_peer_has_says_why(self) -> None:
        self.assertTrue(self.run_case("50", "pool").startswith("– (no such thing"))

    def test_each_number_stands_once(self) -> None:
        numbers = [case.number for case in CASES]
        self.assertEqual(len(numbers), len(set(numbers)))


class Table(unittest.TestCase):
    """Markdown, and our own column."""

    def test_ours_is_found_wherever_it_stands_in_a_line(self) -> None:
        lines = [
            "running 2 tests",
            "test fault_01_killed ... fault 1: WorkerDied(signal 9) in 0.4 ms",
            "ok",
            "fault 18b: Decode in 0.1 ms",
            "fault 01: WorkerDied(signal 9) in 2.5 ms",
            "fault 01: WorkerDied(signal 9) in 0.4 ms",
            "fault 18b: also late, in 10.0 ms",
            "the default 3: is none",
        ]
        expected = {
            "1": "WorkerDied(signal 9) (0.4 to 2.5 ms)",
            "18b": "Decode (0.1 ms); also late (10.0 ms)",
        }
        self.assertEqual(table.read_ours(lines), expected)

    def test_rows_have_a_cell_for_each_column(self) -> None:
        cells = {"1": {"pool": "a | b"}, "50": dict.fromkeys(PEERS, "– (none)")}
        lines = table.markdown(cells, {"1": "ours"}).splitlines()
        self.assertEqual(lines[2].split(" | ")[2:], ["a \\| b", "–", "–", "ours |"])
        self.assertTrue(lines[3].endswith("| – (none) | – | – | – |"))

    def test_a_table_takes_the_place_of_the_one_before(self) -> None:
        text = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
        new = table.replace(text, "new\n")
        self.assertEqual(new, f"before\n{table.BEGIN}\nnew\n{table.END}\nafter\n")
        with self.assertRaises(ValueError):
            table.replace("no marks", "new")


if __name__ == "__main__":
    unittest.main()
