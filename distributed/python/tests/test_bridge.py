"""The bridge as the program sees it: a process, and Dask's scheduler and workers
behind it."""

import copy
import logging
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path
from typing import Any

from distributed import LocalCluster
from distributed.versions import get_versions

from polyphony_dask import wire
from polyphony_dask.connect import misfits
from polyphony_dask.wire import Command, Event, Reader
from tests.tasks import item_of, library, request, request_of, u64

DEADLINE = 20.0
"""Seconds; nothing here takes a tenth of it."""


class Peer:
    """The program's end of a bridge."""

    def __init__(self) -> None:
        boot = "from polyphony_dask.bridge import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", boot],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        )
        # Whatever hangs ends by this.
        self.guard = threading.Timer(DEADLINE, self.process.kill)
        self.guard.start()

    def say(self, command: Command, *fields: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(wire.frame(command, *fields))
        self.process.stdin.flush()

    def connect(self, address: str, tasks: Path, patience: float = 20) -> None:
        none = wire.number("B", 0)
        fields = wire.text(address), wire.text(str(tasks)), none, none, none
        self.say(Command.CONNECT, *fields, wire.number("Q", int(patience * 1000)))

    def hear(self, *expected: Event) -> tuple[Event, Reader]:
        """The next event but signs of life; it must be one of these."""
        assert self.process.stdout
        while True:
            head = self.process.stdout.read(8)
            if len(head) < 8:
                raise AssertionError(
                    f"the bridge has ended, and not said one of {expected}"
                )
            (length,) = struct.unpack("<Q", head)
            read = Reader(self.process.stdout.read(length))
            event = Event(read.number("B"))
            if event == Event.ALIVE:
                continue
            if event not in expected:
                rest = read._message[1:200]
                raise AssertionError(
                    f"{event!r} instead of one of {expected}: {rest!r}"
                )
            return event, read

    def value(self) -> tuple[int, bytes]:
        """The number and reply of the next value."""
        while True:
            event, read = self.hear(Event.DONE, Event.VALUE)
            if event == Event.VALUE:
                number, _worker = read.number("Q"), read.text()
                return number, read.data()

    def chunk(self, number: int, *calls: tuple[str, bytes]) -> None:
        self.send(number, calls[0][0], [], request(*calls))

    def call(self, number: int, task: str, *of: tuple[int, int, str]) -> None:
        """One call, whose parts are items of the chunks that are named with their
        tasks."""
        chunks = list(dict.fromkeys((chunk, name) for chunk, _, name in of))
        holes = [(0, chunks.index((chunk, name)), item) for chunk, item, name in of]
        names = [name for _, name in chunks]
        content = request_of(names, (task, b"", holes))
        self.send(number, task, [chunk for chunk, _ in chunks], content)

    def send(
        self,
        number: int,
        task: str,
        of: list[int],
        content: bytes,
        resources: dict[str, float] | None = None,
    ) -> None:
        amounts = [
            wire.text(name) + struct.pack("<d", amount)
            for name, amount in (resources or {}).items()
        ]
        fields = (
            wire.number("Q", number),
            wire.text(task),
            wire.number("i", 0),
            wire.many(amounts),
            wire.many([wire.number("Q", chunk) for chunk in of]),
            wire.data(content),
        )
        self.say(Command.CHUNK, *fields)

    def some(self, command: Command, *numbers: int) -> None:
        self.say(command, wire.many([wire.number("Q", number) for number in numbers]))

    def close(self) -> int:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        status = self.process.wait(DEADLINE)
        self.guard.cancel()
        self.process.stdout.close()
        return status


class BridgeTest(unittest.TestCase):
    cluster: Any
    tasks: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.tasks = library()
        cls.cluster = LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            host="127.0.0.1",
            silence_logs=logging.CRITICAL,
        )

    @classmethod
    def tearDownClass(cls) -> None:
        cls.cluster.close()

    def connected(self) -> Peer:
        peer = Peer()
        self.addCleanup(peer.close)
        peer.connect(self.cluster.scheduler_address, self.tasks)
        _, read = peer.hear(Event.READY)
        self.assertEqual(read.number("I"), 2)
        names = read.many(lambda: (read.text(), read.text()))
        self.assertIn(("increment", "u64 -> u64"), names)
        return peer

    def clients(self) -> list[str]:
        clients = self.cluster.scheduler.clients
        return [name for name in clients if "polyphony" in name.lower()]

    def test_values_are_those_of_the_tasks(self) -> None:
        peer = self.connected()
        peer.chunk(1, ("increment", u64(1)), ("increment", u64(39)))
        peer.call(2, "add", (1, 0, "increment"), (1, 1, "increment"))
        peer.some(Command.RELEASE, 1)
        peer.some(Command.WANT, 2)
        number, reply = peer.value()
        self.assertEqual((number, item_of(reply, 0)), (2, (False, u64(42))))

    def test_scattered_data_is_an_argument(self) -> None:
        peer = self.connected()
        data = bytes([3]) * (8 << 20)
        peer.say(
            Command.SCATTER,
            wire.number("Q", 1),
            wire.number("B", 0),
            wire.data(struct.pack("<I", len(data)) + data),
        )
        for number in (2, 3):
            peer.call(number, "sum_bytes", (1, 0, "scatter"))
        peer.some(Command.WANT, 2, 3)
        for _ in range(2):
            self.assertEqual(item_of(peer.value()[1], 0), (False, u64(3 * len(data))))

    def test_a_task_that_kills_workers_is_given_up(self) -> None:
        peer = self.connected()
        peer.chunk(1, ("abort", u64(0)))
        _, read = peer.hear(Event.KILLED)
        self.assertEqual((read.number("Q"), read.number("Q")), (1, 1))
        self.assertEqual((read.text(), read.number("I")), ("abort", 4))
        self.assertTrue(read.text().startswith("tcp://"))
        # The replaced workers have the tasks too.
        peer.chunk(2, ("increment", u64(1)))
        peer.some(Command.WANT, 2)
        self.assertEqual(item_of(peer.value()[1], 0), (False, u64(2)))

    def test_nothing_is_left_of_a_program_that_goes_or_is_killed(self) -> None:
        for end in ("close", "kill"):
            with self.subTest(end):
                peer = self.connected()
                peer.chunk(1, ("increment", u64(1)))
                peer.hear(Event.DONE)
                if end == "kill":
                    peer.process.send_signal(signal.SIGKILL)
                peer.close()
                until = time.monotonic() + DEADLINE
                while self.clients() or self.cluster.scheduler.tasks:
                    self.assertLess(time.monotonic(), until, self.clients())
                    time.sleep(0.01)

    def test_what_a_task_prints_is_no_message(self) -> None:
        peer = self.connected()
        peer.say(Command.INFO, wire.number("Q", 7))
        _, read = peer.hear(Event.INFO)
        self.assertEqual(read.number("Q"), 7)
        workers = read.many(lambda: (read.text(), read.text(), read.number("I")))
        self.assertGreaterEqual(len(workers), 1)
        self.assertEqual({threads for _, _, threads in workers}, {1})


class RefusalTest(unittest.TestCase):
    def test_no_scheduler(self) -> None:
        peer = Peer()
        peer.connect("tcp://127.0.0.1:9", library(), patience=1)
        _, read = peer.hear(Event.REFUSED)
        self.assertIn("no scheduler at tcp://127.0.0.1:9", read.text())
        self.assertEqual(peer.close(), 0)

    def test_a_scheduler_that_goes(self) -> None:
        cluster: Any = LocalCluster(
            n_workers=0,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
            host="127.0.0.1",
        )
        peer = Peer()
        peer.connect(cluster.scheduler_address, library(), patience=5)
        peer.hear(Event.READY)
        cluster.close()
        _, read = peer.hear(Event.LOST)
        self.assertIn("scheduler", read.text())
        self.assertEqual(peer.close(), 0)

    def test_other_versions_are_named(self) -> None:
        ours: Any = get_versions()
        theirs = copy.deepcopy(ours)
        same = {"client": ours, "scheduler": ours, "workers": {"tcp://a": theirs}}
        self.assertEqual(misfits(same), [])
        theirs["packages"]["distributed"] = "2000.1.0"
        [unlike] = misfits(same)
        ours_is = ours["packages"]["distributed"]
        self.assertEqual(
            unlike, f"worker tcp://a has distributed 2000.1.0, the client {ours_is}"
        )


if __name__ == "__main__":
    unittest.main()
