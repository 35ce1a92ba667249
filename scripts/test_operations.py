"""Each operation of the lecture runs once; rows and suites know each other."""

import importlib
import re
import unittest
from types import ModuleType

from lecture.operation import busy, steps_for
from peer import known_topics
from test_peer import SCRIPTS, ask, converse

SMALL = "2"
"""A parameter that every operation takes: elements, milliseconds, workers."""


def operations_of(test: unittest.TestCase, topic: str) -> ModuleType:
    """A topic's module. Skips the test, by name, where a library is missing."""
    try:
        return importlib.import_module(known_topics()[topic])
    # Run from the root, the crate `distributed` passes for an empty package of
    # that name where Dask's is missing: then a name in it is what is not found.
    except ImportError as error:
        return test.skipTest(f"{topic} needs {error.name}")


class OperationsTest(unittest.TestCase):
    def test_each_operation_runs(self) -> None:
        for topic in known_topics():
            with self.subTest(topic):
                for row in operations_of(self, topic).OPERATIONS:
                    with self.subTest(f"{topic}/{row}"):
                        self.run_one(f"{topic}/{row}")

    def run_one(self, name: str) -> None:
        """Two requests to a real peer: it answers both, and ends well."""
        script = SCRIPTS / "peer.py"
        messages, errors, status = converse(script, name, SMALL, requests=ask(1) * 2)
        if "needs the module" in messages[-1].get("error", ""):
            self.skipTest(f"{name} {messages[-1]['error']}")
        self.assertEqual(messages[0], {"ready": True}, errors)
        self.assertEqual(len(messages), 3, (messages, errors))
        for message in messages[1:]:
            self.assertEqual(len(message.get("answers", [])), 1, message)
            for answer in message["answers"]:
                self.check_steps(answer)
        # A library may have warned of a busy machine, so this only explains.
        self.assertEqual(status, 0, errors)

    def check_steps(self, answer: str) -> None:
        """`report::work::check_steps`, for the answers that it is for."""
        for steps, end in re.findall(r"(\d+) steps end at (\d+)", answer):
            self.assertEqual(busy(int(steps)), int(end), answer)

    def test_rows_and_suites_know_each_other(self) -> None:
        for topic in known_topics():
            with self.subTest(topic):
                benches = (SCRIPTS.parent / topic / "benches").rglob("*.rs")
                suite = "".join(bench.read_text() for bench in benches)
                literals = set(re.findall(r'"(\w+)"', suite))
                declared = {
                    name for name in literals if re.match("python_|numpy_|dask_", name)
                }
                rows = [row.split("/") for row in operations_of(self, topic).OPERATIONS]
                self.assertEqual({model for _, model in rows}, declared)
                self.assertLessEqual({workload for workload, _ in rows}, literals)


class BusyTest(unittest.TestCase):
    def test_the_chain_ends_where_that_of_rust_does(self) -> None:
        ends = {
            0: 0x9E37_79B9_7F4A_7C15,
            1: 0x5163_EF9D_588C_72BA,
            2: 0x0B1D_EE38_595D_18EF,
            1_000: 0x2940_21B0_FDD2_27EA,
            123_456: 0xEDA1_A7FA_E3E4_00DF,
        }
        self.assertEqual({steps: busy(steps) for steps in ends}, ends)

    def test_steps_are_proportional_to_time(self) -> None:
        self.assertEqual(steps_for(0.0), 0)
        self.assertGreater(steps_for(0.01), 0)
        self.assertAlmostEqual(steps_for(0.02), 2 * steps_for(0.01), delta=1)


if __name__ == "__main__":
    unittest.main()
