"""The lecture's `Client(n_workers=4, processes=True)` on Dask itself.

Everything stays on this machine: Dask's processes talk over 127.0.0.1, its
threads within this process, and the dashboard that Dask insists on takes any
free port of 127.0.0.1. `pure=False` gives each call a key of its own; otherwise
the second iteration would find the results of the first and run nothing.
"""

import logging
from collections.abc import Sequence

from distributed import Client

from lecture.operation import Operation, Operations, busy, steps_for

WORKERS = 4
"""As in the lecture."""

TASKS_OF_BUSY = 100
"""As in the suite's Rust rows."""


def increment(x: int) -> int:
    """The Dask tutorial's `inc`."""
    return x + 1


def start_client(n_workers: int, *, processes: bool) -> Client:
    """The lecture's client, quiet; it owns its cluster and closes it too."""
    return Client(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=processes,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )


def mapped(tasks: int, *, processes: bool) -> Operation:
    """`map` and `gather` on a cluster that is there before and stays."""
    client = start_client(WORKERS, processes=processes)

    def run() -> list[int]:
        futures = client.map(increment, range(tasks), pure=False)
        results: list[int] = client.gather(futures)
        return results

    return Operation(run, answer=by_place, close=client.close)


def by_place(results: Sequence[int]) -> str:
    """All results in one line; each is weighted by its place, so that order counts."""
    weighted = sum(place * x for place, x in enumerate(results, start=1))
    return f"{len(results)} results, by place {weighted}"


def map_threads(tasks: int) -> Operation:
    """Workers that are threads of this process."""
    return mapped(tasks, processes=False)


def map_processes(tasks: int) -> Operation:
    """Workers that are processes, as in the lecture."""
    return mapped(tasks, processes=True)


def busy_processes(microseconds: int) -> Operation:
    """100 calibrated tasks on worker processes."""
    # Calibrated before there are workers that could disturb it.
    steps = steps_for(microseconds / 1e6)
    tasks = [steps] * TASKS_OF_BUSY
    client = start_client(WORKERS, processes=True)

    def run() -> list[int]:
        ends: list[int] = client.gather(client.map(busy, tasks, pure=False))
        return ends

    def answer(ends: Sequence[int]) -> str:
        return "; ".join(f"{steps} steps end at {end}" for end in ends)

    return Operation(run, answer=answer, close=client.close)


def started(workers: int, *, processes: bool) -> Operation:
    """A cluster made for one task, and ended in good order after it."""

    def run() -> int:
        with start_client(workers, processes=processes) as client:
            result: int = client.submit(increment, 0, pure=False).result()
            return result

    return Operation(run)


def start_threads(workers: int) -> Operation:
    """Workers that are threads of this process."""
    return started(workers, processes=False)


def start_processes(workers: int) -> Operation:
    """Workers that are processes, as in the lecture."""
    return started(workers, processes=True)


OPERATIONS: Operations = {
    "map/dask_threads": map_threads,
    "map/dask_processes": map_processes,
    "busy/dask_processes": busy_processes,
    "start/dask_threads": start_threads,
    "start/dask_processes": start_processes,
}
