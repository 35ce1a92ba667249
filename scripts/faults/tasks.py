"""What runs in the workers: functions and values that go wrong in one way each."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

HOLD_SECONDS = 60.0
"""Longer than any deadline here."""


def double(x: int) -> int:
    """A task that does what it should."""
    return 2 * x


def echo(value: bytes) -> bytes:
    """Brings back what it was given."""
    return value


def ignore(_: object) -> None:
    """Takes any argument."""


def worker() -> int:
    """The worker's process id."""
    return os.getpid()


def nap(seconds: float) -> None:
    """Sleeps, so that the other workers get something too."""
    time.sleep(seconds)


def leave_mark(folder: Path, prefix: str) -> None:
    """Leaves a file whose name ends with this process's id."""
    handle, _ = tempfile.mkstemp(
        prefix=f"{prefix}-", suffix=f"-{os.getpid()}", dir=folder
    )
    os.close(handle)


def marks(folder: Path, prefix: str) -> list[int]:
    """The process ids of those who left such a file, one for each file."""
    return [int(file.name.split("-")[-1]) for file in folder.glob(f"{prefix}-*")]


def hold(folder: Path) -> None:
    """Says that it has begun, and goes on for longer than anybody waits."""
    leave_mark(folder, "hold")
    time.sleep(HOLD_SECONDS)


def finish(folder: Path) -> None:
    """Takes half a second, and says at which end it was."""
    leave_mark(folder, "begun")
    time.sleep(0.5)
    leave_mark(folder, "finished")


def hold_with_child(folder: Path) -> None:
    """Starts a process of its own, and goes on."""
    subprocess.Popen(["sleep", str(HOLD_SECONDS)])
    hold(folder)


def leave_at_once() -> NoReturn:
    """Leaves with success, and without a word."""
    os._exit(0)


def leave_with_3() -> NoReturn:
    """Leaves as a program does."""
    sys.exit(3)


def segfault() -> None:
    """Reads where nothing is."""
    ctypes.string_at(0)


def overflow_the_stack() -> None:
    """Calls itself through C, on a stack that may not grow by much."""
    _, most = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (256 << 10, most))
    sys.setrecursionlimit(1 << 30)
    again: Any = ctypes.CFUNCTYPE(None)(lambda: again())
    again()


def abort() -> NoReturn:
    """Ends by SIGABRT."""
    os.abort()


def fail() -> NoReturn:
    """Raises an exception that can be sent."""
    raise ValueError("no")


class TwoReasons(Exception):
    """An exception that is encoded as if it took one argument."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.second = second


def fail_undecodably() -> NoReturn:
    """Raises an exception that cannot be decoded where it arrives."""
    raise TwoReasons("one", "two")


class Unsendable(Exception):
    """An exception that cannot be encoded."""

    def __reduce__(self) -> NoReturn:
        raise TypeError("this exception cannot be sent")


def fail_unsendably() -> NoReturn:
    """Raises an exception that cannot be encoded."""
    raise Unsendable("no")


class NotEncoded:
    """A value that cannot be encoded."""

    def __reduce__(self) -> NoReturn:
        raise TypeError("it cannot be encoded")


def refuse() -> NoReturn:
    """What decoding calls."""
    raise TypeError("it cannot be decoded")


def die() -> NoReturn:
    """Ends by SIGKILL."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL cannot be survived")


class NotDecoded:
    """A value that can be encoded and not decoded."""

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return refuse, ()


class DiesWhenDecoded:
    """A value that kills who decodes it."""

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return die, ()


class DiesWhenEncoded:
    """A value that kills who encodes it."""

    def __reduce__(self) -> NoReturn:
        die()


def give_not_encoded() -> NotEncoded:
    """Returns what cannot be encoded."""
    return NotEncoded()


def give_not_decoded() -> NotDecoded:
    """Returns what cannot be decoded."""
    return NotDecoded()


def give_dies_when_encoded() -> DiesWhenEncoded:
    """Returns what kills the worker when it is encoded."""
    return DiesWhenEncoded()


def fail_to_begin(folder: Path) -> NoReturn:
    """An initializer that raises."""
    leave_mark(folder, "started")
    raise ValueError("no")


def die_at_the_beginning(folder: Path) -> NoReturn:
    """An initializer that ends its worker."""
    leave_mark(folder, "started")
    die()
