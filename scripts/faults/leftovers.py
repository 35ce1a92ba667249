"""What a case leaves: processes, names in shared memory, files.

Every process of a case inherits a mark in its environment, so that it is known
for what it is whoever its parent and its group are by now. Files are looked for
in a folder that the case has for its temporary ones.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

MARK = "POOL_FAULTS_CASE"
"""The variable that marks a case's processes."""

SHARED_MEMORY = Path("/dev/shm")
NAMES = ("sem.mp-", "sem.loky-", "psm_", "mp-", "loky-")
"""How the names that Python's pools give to shared things begin."""


def processes(mark: str) -> list[int]:
    """The living processes of a case. A zombie has no environment."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit():
                environment = (entry / "environ").read_bytes().split(b"\0")
                if wanted in environment:
                    found.append(int(entry.name))
    return found


def others(mark: str) -> list[int]:
    """The same without this process."""
    return [pid for pid in processes(mark) if pid != os.getpid()]


def gone_after(mark: str, patience: float) -> float | None:
    """How long it takes until there are no others; `None` if some stay."""
    start = time.monotonic()
    while others(mark):
        if time.monotonic() - start > patience:
            return None
        time.sleep(0.01)
    return time.monotonic() - start


def kill(mark: str) -> None:
    """Kills all of a case's processes but this one, stopped ones too."""
    while found := others(mark):
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def shared_names() -> set[str]:
    """The names in shared memory that a Python pool may have made."""
    if not SHARED_MEMORY.is_dir():
        return set()
    return {
        name.name for name in SHARED_MEMORY.iterdir() if name.name.startswith(NAMES)
    }
