"""The program's end of a bridge, which is a process of its own."""

import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from polyphony_dask import wire
from polyphony_dask.wire import Command, Event, Reader
from tests.tasks import request, request_of

DEADLINE = 20.0
"""Seconds; nothing here takes a tenth of it."""


def eventually(holds: Callable[[], bool]) -> None:
    """Waits for what others bring about, and may undo in a moment."""
    until = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.001)


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
        self.guard: threading.Timer | None = None
        self.guard_for(DEADLINE)

    def guard_for(self, seconds: float) -> None:
        """Whatever hangs ends by this, from now on."""
        if self.guard:
            self.guard.cancel()
        self.guard = threading.Timer(seconds, self.process.kill)
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

    def scatter(self, number: int, content: bytes, onto_each: bool = False) -> None:
        item = struct.pack("<I", len(content)) + content
        fields = wire.number("Q", number), wire.number("B", onto_each)
        self.say(Command.SCATTER, *fields, wire.data(item))

    def some(self, command: Command, *numbers: int) -> None:
        self.say(command, wire.many([wire.number("Q", number) for number in numbers]))

    def close(self) -> int:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        status = self.process.wait(DEADLINE)
        if self.guard:
            self.guard.cancel()
        self.process.stdout.close()
        return status
