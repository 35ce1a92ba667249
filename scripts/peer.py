"""A Python peer: a resident process that runs one operation and times it.

    python scripts/peer.py threads/sin/numpy_serial 1000000
    python scripts/peer.py --describe

The first form answers lines of JSON on standard output, one for each line on
standard input; `report/src/peer.rs` is the other end of the conversation:

    child  -> {"ready": true}
    parent -> {"iterations": 3}
    child  -> {"nanoseconds": 21000000, "answers": ["sum 0.232884"]}

`answers` holds each distinct result once. `{"error": "why"}` instead of either
is the last line. End of input closes what the operation opened and ends the
process; so do SIGTERM, SIGINT, and an answer that nobody is left to read.

The second form prints what this Python is, in one line.

A child that is started by spawn imports this file again, so its top level
does nothing.
"""

import importlib
import json
import os
import platform
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from describe import describe
from lecture.operation import Operation
from timing import Timer

USAGE = "usage: peer.py <topic>/<workload>/<model> <parameter> | --describe"

# The parent kills the whole process group after 10 s. If the parent is gone,
# nobody does, so a peer that cannot close ends itself a little earlier.
CLOSING_SECONDS = 8.0

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class PeerError(Exception):
    """What the parent is told, word for word."""


class Stopped(BaseException):
    """Somebody wants this process to end, whatever it is doing."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Channel:
    """The lines of JSON from and to the parent, out of the operation's reach.

    Operations print, read and start processes as they like: descriptors 0 and
    1 are the null device by then, and the real ones are closed on `fork` (a
    child that held them would hide this process's end) and on `exec`.
    """

    def __init__(self) -> None:
        self._requests, self._answers = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.close(null)
        os.register_at_fork(after_in_child=self._close)

    def _close(self) -> None:
        # Once only: a grandchild may have other files under these numbers.
        for descriptor in (self._requests, self._answers):
            if descriptor >= 0:
                os.close(descriptor)
        self._requests = self._answers = -1

    def requests(self) -> Iterator[Any]:
        """Each whole line until the input ends."""
        pending = b""
        while chunk := os.read(self._requests, 4096):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise PeerError(f"{line!r} is not JSON: {error}") from None

    def send(self, message: dict[str, object]) -> None:
        """Writes one line. Raises `Stopped` if nobody is left to read it."""
        line = json.dumps(message).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._answers, line) :]
        except BrokenPipeError:
            raise Stopped(0) from None

    def check_reader(self) -> None:
        """Raises `Stopped` if nobody is left to read an answer."""
        reader = select.poll()
        reader.register(self._answers, 0)
        if any(events & select.POLLERR for _, events in reader.poll(0)):
            raise Stopped(0)


class StopSignals:
    """Turns SIGTERM and SIGINT into `Stopped`, wherever the program is.

    A forked child has the usual handlers again: a pool ends its workers by
    SIGTERM, and they are not to close their parent's operation. Both signals
    wait while a fork is under way, for the child forgets one that comes before
    its Python is in order, and would never end.
    """

    def __init__(self) -> None:
        self._came: int | None = None
        for signum in STOP_SIGNALS:
            signal.signal(signum, self._stop)
        os.register_at_fork(
            before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS),
            after_in_parent=self._unblock,
            after_in_child=self._forget,
        )

    def check(self) -> None:
        """Raises `Stopped` again if it was lost, as in a hook or a finaliser."""
        if self._came is not None:
            raise Stopped(128 + self._came)

    def _stop(self, signum: int, _: FrameType | None) -> None:
        self._came = signum
        self.check()

    def _forget(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._unblock()

    def _unblock(self) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def known_topics() -> dict[str, str]:
    """Each topic that has Python rows, and its module's name."""
    modules = (Path(__file__).parent / "lecture").glob("[!_]*.py")
    names = sorted(module.stem for module in modules if module.stem != "operation")
    return {name.replace("_", "-"): f"lecture.{name}" for name in names}


def find(name: str) -> Callable[[int], Operation]:
    """The function that sets up the operation of this name."""
    topic, _, row = name.partition("/")
    topics = known_topics()
    if topic not in topics:
        known = ", ".join(topics) or "none"
        raise PeerError(f"unknown operation {name}; the topics with any are: {known}")
    operations = importlib.import_module(topics[topic]).OPERATIONS
    if row not in operations:
        known = ", ".join(f"{topic}/{row}" for row in operations) or "none"
        raise PeerError(f"unknown operation {name}; the known ones are: {known}")
    set_up: Callable[[int], Operation] = operations[row]
    return set_up


def parameter_of(text: str) -> int:
    """The parameter on the command line, a whole number."""
    if not (text.isascii() and text.isdigit()):
        raise PeerError(f"the parameter is a whole number, not {text!r}")
    return int(text)


def iterations_of(request: Any) -> int:
    """How often a request wants the operation to run."""
    iterations = request.get("iterations") if isinstance(request, dict) else None
    if type(iterations) is not int or iterations < 1:
        raise PeerError(f'expected {{"iterations": n}} with n from 1, got {request!r}')
    return iterations


def serve(channel: Channel, signals: StopSignals, operation: Operation) -> None:
    """Answers requests until the input ends."""

    def go_on() -> None:
        signals.check()
        channel.check_reader()

    timer = Timer(operation, between_batches=go_on)
    channel.send({"ready": True})
    for request in channel.requests():
        nanoseconds, answers = timer.run(iterations_of(request))
        channel.send({"nanoseconds": nanoseconds, "answers": answers})
        signals.check()


def describe_error(error: BaseException) -> str:
    """An exception in one line: what, and the last line of ours that it left."""
    if isinstance(error, PeerError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        return (
            f"needs the module {error.name}, which Python "
            f"{platform.python_version()} does not have here "
            "(scripts/python-env makes an environment that does)"
        )
    what = " ".join(f"{type(error).__name__}: {error}".split())
    here = str(Path(__file__).parent)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(here)]
    if not ours:
        return what
    return f"{what} ({Path(ours[-1].filename).name}, line {ours[-1].lineno})"


def end_within(seconds: float) -> None:
    """Kills this process, and its group if it leads one, unless it ends in time."""

    def kill() -> None:
        print(f"peer.py: not closed after {seconds:g} s: killed", file=sys.stderr)
        leads = os.getpgrp() == os.getpid()
        os.kill(0 if leads else os.getpid(), signal.SIGKILL)

    # From here on a signal has nothing to add.
    for signum in STOP_SIGNALS:
        signal.signal(signum, signal.SIG_IGN)
    killer = threading.Timer(seconds, kill)
    killer.daemon = True
    killer.start()


def close(operation: Operation) -> int:
    """Ends what the operation opened; returns the exit status."""
    try:
        if operation.close is not None:
            operation.close()
    except Exception as error:  # noqa: BLE001 (an operation may raise anything)
        print(f"peer.py: while closing: {describe_error(error)}", file=sys.stderr)
        return 1
    return 0


def main(arguments: list[str]) -> int:
    """Runs the command line; returns the exit status."""
    if arguments == ["--describe"]:
        print(json.dumps(describe()))
        return 0
    channel = Channel()
    signals = StopSignals()
    operation = None
    status = 0
    try:
        if len(arguments) != 2:
            raise PeerError(USAGE)
        operation = find(arguments[0])(parameter_of(arguments[1]))
        serve(channel, signals, operation)
    except Stopped as stopped:
        status = stopped.status
    except (Exception, SystemExit) as error:  # noqa: BLE001 (as above)
        status = 1
        with suppress(Stopped):
            channel.send({"error": describe_error(error)})
    end_within(CLOSING_SECONDS)
    if operation is not None:
        status = close(operation) or status
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
