"""The peer's side of the conversation, on operations made for the purpose."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Timer
from typing import Any

SCRIPTS = Path(__file__).resolve().parent
DEADLINE = 120.0

FAKES = """
import multiprocessing
import os
import subprocess
import sys
import time

from lecture.operation import Operation


def square(n):
    return Operation(lambda: n * n)


def noisy(n):
    def run():
        print("printed")
        os.write(1, b"written\\n")
        subprocess.run([sys.executable, "-c", "print('by a child')"], check=True)
    return Operation(run)


def reading(n):
    return Operation(lambda: sys.stdin.read(), answer=repr)


def prepared(n):
    return Operation(lambda x: x.pop() + len(x), prepare=lambda: [n], answer=str)


def rarely_wrong(n):
    ran = 0
    def run():
        nonlocal ran
        ran += 1
        return "wrong" if ran == n else "right"
    return Operation(run)


def raising(n):
    def run():
        raise ValueError("first line\\nsecond line")
    return Operation(run, close=said("closed"))


def said(text):
    return lambda: print(text, file=sys.stderr)


def leaving(n):
    return Operation(lambda: sys.exit(0))


def no_text(n):
    return Operation(lambda: 1, answer=lambda result: result)


def sleeping(n):
    def run():
        said("running")()
        time.sleep(n)
    return Operation(run, close=said("closed"))


def unclosable(n):
    return Operation(lambda: n, close=lambda: 1 / 0)


def needing(n):
    import no_such_module


def pooled(n):
    context = multiprocessing.get_context("spawn" if n else "fork")
    pool = context.Pool(2)
    def close():
        pool.terminate()
        pool.join()
    return Operation(lambda: pool.map(abs, range(-3, 0)), answer=repr, close=close)


def worker(n):
    # Holds what it inherited for longer than its parent lives.
    time.sleep(n)


def leaving_a_child(n):
    if os.fork() == 0:
        for descriptor in (1, 2):
            os.close(descriptor)
        worker(n)
        os._exit(0)
    return Operation(lambda: n)


def terminated(n):
    def run():
        child = multiprocessing.get_context("fork").Process(target=worker, args=(n,))
        child.start()
        child.terminate()
        child.join()
        return child.exitcode
    return Operation(run)


def stray(n):
    def run():
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Operation(run)


OPERATIONS = {
    f"fake/python_{set_up.__name__}": set_up
    for set_up in (
        square, noisy, reading, prepared, rarely_wrong, raising, leaving, no_text,
        sleeping, unclosable, needing, pooled, leaving_a_child, terminated, stray,
    )
}
"""


def ask(iterations: int) -> str:
    """A request, as the parent writes it."""
    return json.dumps({"iterations": iterations}) + "\n"


@contextmanager
def started(script: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A peer that is killed with its group at the deadline, and after the block."""
    peer = subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )

    late = Event()

    def give_up() -> None:
        late.set()
        kill()

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.killpg(peer.pid, signal.SIGKILL)

    killer = Timer(DEADLINE, give_up)
    killer.start()
    with peer:
        try:
            yield peer
        finally:
            killer.cancel()
            kill()
    if late.is_set():
        raise AssertionError(f"not done after {DEADLINE:g} s")


def converse(
    script: Path, *arguments: str, requests: str = ""
) -> tuple[list[Any], str, int]:
    """Sends all requests at once: the messages, standard error, exit status."""
    with started(script, *arguments) as peer:
        output, errors = peer.communicate(requests)
    return [json.loads(line) for line in output.splitlines()], errors, peer.returncode


class PeerTest(unittest.TestCase):
    """A copy of the scripts with one topic, whose operations do what they must not."""

    folder: tempfile.TemporaryDirectory[str]
    script: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        copy = Path(cls.folder.name)
        cls.script = copy / "peer.py"
        (copy / "lecture").mkdir()
        for name in ("peer.py", "timing.py", "describe.py", "lecture/operation.py"):
            shutil.copy(SCRIPTS / name, copy / name)
        (copy / "lecture" / "a_topic.py").write_text(textwrap.dedent(FAKES))
        (copy / "lecture" / "_shared.py").write_text("")

    def run_fake(
        self, name: str, parameter: int = 1, requests: str = ask(1)
    ) -> tuple[list[Any], str, int]:
        """Converses with `a-topic/fake/python_<name>`."""
        row = f"a-topic/fake/python_{name}"
        return converse(self.script, row, str(parameter), requests=requests)

    def error_of(self, *arguments: str, requests: str = ask(1)) -> str:
        """The error that ends a conversation."""
        messages, _, status = converse(self.script, *arguments, requests=requests)
        self.assertEqual(status, 1)
        self.assertEqual(list(messages[-1]), ["error"])
        return str(messages[-1]["error"])

    def test_answers_each_request(self) -> None:
        messages, errors, status = self.run_fake("square", 7, ask(1) + ask(1000))
        ready, first, second = messages
        self.assertEqual(ready, {"ready": True})
        self.assertEqual(first["answers"], ["49"])
        self.assertEqual(second["answers"], ["49"])
        self.assertGreater(second["nanoseconds"], 0)
        self.assertEqual((errors, status), ("", 0))

    def test_end_of_input_closes(self) -> None:
        messages, errors, status = self.run_fake("sleeping", 0, "")
        self.assertEqual((messages, errors, status), ([{"ready": True}], "closed\n", 0))

    def test_what_an_operation_prints_is_not_the_protocol(self) -> None:
        messages, errors, status = self.run_fake("noisy", 1, ask(2) + ask(1))
        self.assertEqual(
            [m.get("answers") for m in messages], [None, ["None"], ["None"]]
        )
        self.assertEqual((errors, status), ("", 0))

    def test_an_operation_does_not_read_the_requests(self) -> None:
        # More of them than the peer reads ahead.
        messages, _, _ = self.run_fake("reading", 1, ask(1) * 1000)
        self.assertEqual([m.get("answers") for m in messages], [None] + [["''"]] * 1000)

    def test_every_iteration_has_an_input_of_its_own(self) -> None:
        messages, _, _ = self.run_fake("prepared", 5, ask(1000))
        self.assertEqual(messages[-1]["answers"], ["5"])

    def test_every_result_of_a_batch_is_checked(self) -> None:
        for at in (1, 777, 1000):
            messages, _, _ = self.run_fake("rarely_wrong", at, ask(1000))
            self.assertEqual(sorted(messages[-1]["answers"]), ["right", "wrong"])

    def test_an_exception_is_one_line_and_closes(self) -> None:
        messages, errors, status = self.run_fake("raising")
        self.assertRegex(
            messages[-1]["error"],
            r"^ValueError: first line second line \(a_topic\.py, line \d+\)$",
        )
        self.assertEqual((errors, status), ("closed\n", 1))

    def test_an_operation_that_exits_is_an_error(self) -> None:
        error = self.error_of("a-topic/fake/python_leaving", "1")
        self.assertIn("SystemExit", error)

    def test_an_answer_is_text(self) -> None:
        error = self.error_of("a-topic/fake/python_no_text", "1")
        self.assertIn("`answer` returned int", error)

    def test_an_error_while_closing_is_told(self) -> None:
        messages, errors, status = self.run_fake("unclosable")
        self.assertEqual(messages[-1]["answers"], ["1"])
        self.assertIn("while closing: ZeroDivisionError", errors)
        self.assertEqual(status, 1)

    def test_an_unknown_operation_names_the_known_ones(self) -> None:
        error = self.error_of("a-topic/fake/python_cube", "1")
        self.assertIn("a-topic/fake/python_square", error)
        error = self.error_of("b-topic/fake/python_square", "1")
        self.assertRegex(error, "unknown operation b-topic.*: a-topic$")

    def test_a_missing_module_is_named(self) -> None:
        error = self.error_of("a-topic/fake/python_needing", "1")
        self.assertIn("needs the module no_such_module", error)

    def test_a_bad_command_line_is_an_error(self) -> None:
        self.assertIn("usage: ", self.error_of())
        for parameter in ("-1", "1.5", "many", ""):
            error = self.error_of("a-topic/fake/python_square", parameter)
            self.assertIn("a whole number", error)

    def test_a_bad_request_is_an_error(self) -> None:
        row = "a-topic/fake/python_square"
        for request in ('{"iterations": 0}', "{}", "[1]", '{"iterations": true}'):
            error = self.error_of(row, "1", requests=request + "\n")
            self.assertIn('expected {"iterations": n}', error)
        error = self.error_of(row, "1", requests="run\n")
        self.assertIn("is not JSON", error)

    def test_half_a_request_is_none(self) -> None:
        messages, _, status = self.run_fake("square", 1, '{"iterations": 1}')
        self.assertEqual((messages, status), ([{"ready": True}], 0))

    def test_signals_close(self) -> None:
        for signum in (signal.SIGTERM, signal.SIGINT):
            for requests in ("", ask(1)):
                row = "a-topic/fake/python_sleeping"
                with started(self.script, row, "3600") as peer:
                    assert peer.stdin and peer.stdout and peer.stderr
                    peer.stdout.readline()
                    peer.stdin.write(requests)
                    peer.stdin.flush()
                    if requests:
                        self.assertEqual(peer.stderr.readline(), "running\n")
                    peer.send_signal(signum)
                    self.assertEqual(peer.wait(), 128 + signum)
                    self.assertEqual(peer.stderr.read(), "closed\n")

    def test_an_answer_that_nobody_reads_ends_the_peer(self) -> None:
        row = "a-topic/fake/python_sleeping"
        with started(self.script, row, "0") as peer:
            assert peer.stdin and peer.stdout and peer.stderr
            peer.stdout.readline()
            peer.stdout.close()
            # The input stays open, and there would be work for ever.
            peer.stdin.write(ask(1 << 62))
            peer.stdin.flush()
            self.assertEqual(peer.wait(), 0)
            self.assertEqual(peer.stderr.read().splitlines()[-1], "closed")

    def test_pools_of_forked_and_of_spawned_workers(self) -> None:
        for spawned in (0, 1):
            messages, errors, status = self.run_fake("pooled", spawned, ask(2))
            self.assertEqual(messages[-1].get("answers"), ["[3, 2, 1]"])
            self.assertEqual((errors, status), ("", 0))

    def test_a_forked_child_is_ended_by_a_signal_as_ever(self) -> None:
        messages, errors, status = self.run_fake("terminated", 3600, ask(50))
        self.assertEqual(messages[-1].get("answers"), [str(-signal.SIGTERM)])
        self.assertEqual((errors, status), ("", 0))

    def test_a_child_does_not_hide_the_end_of_its_parent(self) -> None:
        messages, _, status = self.run_fake("leaving_a_child", 3600)
        self.assertEqual(messages[-1]["answers"], ["3600"])
        self.assertEqual(status, 0)

    def test_a_forked_child_that_returns_is_ended(self) -> None:
        messages, errors, status = self.run_fake("stray", 1, ask(1))
        self.assertEqual([m.get("answers") for m in messages], [None, ["1"]])
        self.assertIn("a forked child left its operation", errors)
        self.assertEqual(status, 0)

    def test_a_peer_that_cannot_close_is_killed_with_its_group(self) -> None:
        program = "import peer, time; peer.end_within(0.1); time.sleep(3600)"
        end = subprocess.run(
            [sys.executable, "-c", program],
            check=False,
            cwd=SCRIPTS,
            capture_output=True,
            timeout=DEADLINE,
            process_group=0,
        )
        self.assertEqual(end.returncode, -signal.SIGKILL)
        self.assertIn(b"not closed after 0.1 s", end.stderr)

    def test_describes_the_python_without_a_path(self) -> None:
        end = subprocess.run(
            [sys.executable, str(self.script), "--describe"],
            capture_output=True,
            check=True,
            timeout=DEADLINE,
        )
        described = json.loads(end.stdout)
        self.assertEqual(described["version"], sys.version.split()[0].rstrip("+"))
        for key in ("implementation", "compiler", "executable"):
            self.assertNotIn("/", described[key])
        for key in ("pgo", "lto", "numpy", "dask", "distributed"):
            self.assertIn(key, described)


if __name__ == "__main__":
    unittest.main()
