"""Runs a case under its deadline, and looks for what it leaves."""

import ctypes
import json
import os
import select
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from faults import leftovers
from faults.cases import Case
from faults.run import TOLD

SCRIPTS = Path(__file__).resolve().parent.parent

GRACE = 5.0
"""What a case may take beyond the patience that it was told to have."""

EXIT = "exit"
"""The last stage."""

SETTLING = 2.0
"""How long a case's processes may take to go once it has ended."""

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Makes this process the one that reaps what cases leave."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap() -> None:
    """Reaps all that has ended; nobody else waits for a child meanwhile."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def run(case: Case, peer: str, python: str, patience: float, log: Path) -> str:
    """What happened, in a table's cell."""
    if case.provoke is None:
        return f"– ({case.why})"
    mark = uuid.uuid4().hex
    before = leftovers.shared_names()
    with tempfile.TemporaryDirectory(prefix="pool-faults-") as name:
        files, marks = Path(name, "files"), Path(name, "marks")
        files.mkdir()
        marks.mkdir()
        arguments = [peer, case.number, str(marks), mark, str(patience)]
        environment = os.environ | {
            leftovers.MARK: mark,
            "TMPDIR": str(files),
            "PYTHONPATH": str(SCRIPTS),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [python, "-m", "faults.run", *arguments]
        try:
            told = converse(command, environment, patience, log)
            left = what_is_left(mark, files, before)
        finally:
            # Also if somebody ends this program.
            leftovers.kill(mark)
            reap()
    return "; ".join(filter(None, [*told, left]))


def converse(
    command: list[str], environment: dict[str, str], patience: float, log: Path
) -> list[str]:
    """Starts a case, and hears what comes of it."""
    reader, writer = os.pipe()
    with open(log, "ab") as said:
        child = subprocess.Popen(
            command,
            env=environment | {TOLD: str(writer)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            pass_fds=(writer,),
            start_new_session=True,
        )
    os.close(writer)
    told = list(hear(reader, patience))
    os.close(reader)
    if told[-1] == EXIT:
        told.pop()
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            told.append(f"interpreter does not exit ({patience:g} s)")
    # What hangs is killed as a user would: it alone. What of it is left then is
    # counted.
    child.kill()
    child.wait()
    return told


def hear(reader: int, patience: float) -> Iterator[str]:
    """Each outcome that a case tells, and `EXIT` once it has told all."""
    stage = "start"
    pending = b""
    while True:
        *lines, pending = pending.split(b"\n")
        for line in lines:
            message: dict[str, str] = json.loads(line)
            stage = message.get("stage", stage)
            if "outcome" in message:
                yield message["outcome"]
            if stage == EXIT:
                yield EXIT
                return
        # Some faults have two parts to wait for, the second being what is left.
        limit = patience if stage == "close" else 2 * patience + GRACE
        ready, _, _ = select.select([reader], [], [], limit)
        chunk = os.read(reader, 4096) if ready else b""
        if not chunk:
            yield f"{stage} hangs ({limit:g} s)" if not ready else f"died at {stage}"
            return
        pending += chunk


def what_is_left(mark: str, files: Path, before: set[str]) -> str:
    """Processes that outlive the case, names in shared memory, files."""
    start = time.monotonic()
    while (found := leftovers.processes(mark)) and time.monotonic() - start < SETTLING:
        reap()
        time.sleep(0.01)
    names = leftovers.shared_names() - before
    here = list(files.iterdir())
    counted = [
        count(len(found), "process", "processes"),
        count(len(names), "name in shared memory", "names in shared memory"),
        count(len(here), "file", "files"),
    ]
    for name in names:
        with suppress(OSError):
            (leftovers.SHARED_MEMORY / name).unlink()
    told = ", ".join(filter(None, counted))
    return f"leftover: {told}" if told else ""


def count(number: int, singular: str, plural: str) -> str:
    """A number of things, or nothing."""
    return f"{number} {singular if number == 1 else plural}" if number else ""
