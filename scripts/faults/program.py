"""A program with a pool, as a case starts it: `-m faults.program PEER ENDING FOLDER`."""

import sys
import time
from pathlib import Path

from faults import tasks
from faults.peers import PEERS, Pool

WORKERS = 2


def mapping(pool: Pool, folder: Path) -> None:
    """Is in the middle of a map until somebody ends it."""
    try:
        pool.map(tasks.hold, [folder] * WORKERS)
    finally:
        # As at the end of `with`.
        pool.close()


def idle(_: Pool, folder: Path) -> None:
    """Has workers that wait."""
    tasks.leave_mark(folder, "idle")
    time.sleep(tasks.HOLD_SECONDS)


def returning(pool: Pool, folder: Path) -> None:
    """Returns while tasks run and wait, and never says that it is done."""
    for _ in range(2 * WORKERS):
        pool.submit(tasks.finish, folder)
    while len(tasks.marks(folder, "begun")) < WORKERS:
        time.sleep(0.001)


ENDINGS = {"mapping": mapping, "idle": idle, "returning": returning}


def main() -> None:
    """Reads the command line."""
    _, peer, ending, folder = sys.argv
    pool = PEERS[peer](WORKERS, None)
    warm_up = [pool.submit(tasks.nap, 0.1) for _ in range(WORKERS)]
    for handle in warm_up:
        pool.result(handle, None)
    ENDINGS[ending](pool, Path(folder))


if __name__ == "__main__":
    main()
