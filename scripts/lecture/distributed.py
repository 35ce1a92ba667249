"""The lecture's `Client(n_workers=4, processes=True)` on Dask itself.

Everything stays on this machine: Dask's processes talk over 127.0.0.1, its
threads within this process, and the dashboard that Dask insists on takes any
free port of 127.0.0.1. `pure=False` gives each call a key of its own; otherwise
the second iteration would find the results of the first and run nothing.

`dask_default` is Dask as it comes. `dask_best` is the same with the
`worker-saturation` at which its overhead was least.
"""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import dask
from distributed import Client, Worker

from lecture.operation import Operation, Operations, busy, steps_for

WORKERS = 2
"""As in the suite's Rust rows."""

WORKERS_OF_BUSY = 4
"""As in the lecture."""

TASKS_OF_BUSY = 100
"""As in the suite's Rust rows."""

SHORT_TASKS = 100
"""Behind a long one, which takes as long as all of them."""

BEST = float("inf")
"""How many tasks a thread of a worker may be sent at once, where overhead is
all that counts; at 10 it came out the same. Dask's default is 1.1, and its
scheduler reads it as a number."""

PATIENCE = 60
"""Seconds that Dask may take to forget what nobody holds any more."""

BLOCK = bytes(range(251))
"""What transferred data repeats; a prime length, so that a shift is seen."""


def increment(x: int) -> int:
    """The Dask tutorial's `inc`."""
    return x + 1


def add(x: int, y: int) -> int:
    """The Dask tutorial's `add`."""
    return x + y


def wait(microseconds: int) -> int:
    """Work that takes time and no core."""
    time.sleep(microseconds / 1e6)
    return microseconds


def blob(size: int) -> bytes:
    """So many bytes, the same ones always."""
    return (BLOCK * (size // len(BLOCK) + 1))[:size]


def passed_on(data: bytes) -> bytes:
    """The second link of a chain."""
    return data


def start_client(
    n_workers: int,
    *,
    processes: bool = True,
    threads: int = 1,
    saturation: float | None = None,
) -> Client:
    """The lecture's client, quiet; it owns its cluster and closes it too."""
    if saturation is not None:
        # The scheduler is of this process, and reads it when it starts.
        dask.config.set({"distributed.scheduler.worker-saturation": saturation})
    return Client(
        n_workers=n_workers,
        threads_per_worker=threads,
        processes=processes,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )


def warm(
    work: Callable[[Client], Any],
    answer: Callable[[Any], str] = str,
    saturation: float | None = None,
) -> Operation:
    """Work on a cluster that is there before and stays."""
    client = start_client(WORKERS, saturation=saturation)

    def settled(result: Any) -> str:
        forgotten(client)
        return answer(result)

    return Operation(partial(work, client), answer=settled, close=client.close)


def held(dask_worker: Worker) -> int:
    """How many tasks a worker has not forgotten."""
    return len(dask_worker.state.tasks)


def forgotten(client: Client) -> None:
    """Waits until scheduler and workers have forgotten all tasks.

    That takes some 30 us for each, and would fall on the model that is visited next.
    """
    until = time.monotonic() + PATIENCE
    cluster: Any = client.cluster
    while cluster.scheduler.tasks or any(client.run(held).values()):
        if time.monotonic() > until:
            raise TimeoutError(f"Dask keeps tasks for longer than {PATIENCE} s")
        time.sleep(0.005)


def mapped(tasks: int, saturation: float | None = None) -> Operation:
    """`map` and `gather`."""

    def work(client: Client) -> list[int]:
        futures = client.map(increment, range(tasks), pure=False)
        results: list[int] = client.gather(futures)
        return results

    return warm(work, by_place, saturation)


def by_place(results: Sequence[int]) -> str:
    """All results in one line; each is weighted by its place, so that order counts."""
    weighted = sum(place * x for place, x in enumerate(results, start=1))
    return f"{len(results)} results, by place {weighted}"


def straggling(short: int, saturation: float | None = None) -> Operation:
    """A long wait ahead of short ones."""
    waits = [SHORT_TASKS * short] + [short] * SHORT_TASKS

    def work(client: Client) -> list[int]:
        results: list[int] = client.gather(client.map(wait, waits, pure=False))
        return results

    return warm(work, by_place, saturation)


def merged(tasks: int, saturation: float | None = None) -> Operation:
    """Many tasks, and one that takes the values of all."""

    def work(client: Client) -> int:
        futures = client.map(increment, range(tasks), pure=False)
        total: int = client.submit(sum, futures, pure=False).result()
        return total

    return warm(work, saturation=saturation)


def tree(levels: int, saturation: float | None = None) -> Operation:
    """Numbers are added two by two, and their sums again, until one is left."""

    def work(client: Client) -> int:
        level: Sequence[Any] = range(2**levels)
        while len(level) > 1:
            level = client.map(add, level[0::2], level[1::2], pure=False)
        total: int = level[0].result()
        return total

    return warm(work, saturation=saturation)


def round_trip(tasks: int) -> Operation:
    """One task after the other, each submitted when the last has answered."""

    def work(client: Client) -> int:
        x = 0
        for _ in range(tasks):
            x = client.submit(increment, x, pure=False).result()
        return x

    return warm(work)


def transfer(size: int) -> Operation:
    """A result's way to the client."""
    return warm(lambda client: client.submit(blob, size, pure=False).result(), repeats)


def chain(size: int) -> Operation:
    """The same through a second task."""

    def work(client: Client) -> bytes:
        first = client.submit(blob, size, pure=False)
        data: bytes = client.submit(passed_on, first, pure=False).result()
        return data

    return warm(work, repeats)


def repeats(data: bytes) -> str:
    """What the data is, in a line."""
    return f"{len(data)} bytes" if data == blob(len(data)) else "other bytes"


def busy_processes(
    microseconds: int, workers: int = WORKERS_OF_BUSY, threads: int = 1
) -> Operation:
    """100 calibrated tasks on worker processes."""
    # Calibrated before there are workers that could disturb it.
    steps = steps_for(microseconds / 1e6)
    tasks = [steps] * TASKS_OF_BUSY
    client = start_client(workers, threads=threads)

    def run() -> list[int]:
        ends: list[int] = client.gather(client.map(busy, tasks, pure=False))
        return ends

    def answer(ends: Sequence[int]) -> str:
        return "; ".join(f"{steps} steps end at {end}" for end in ends)

    return Operation(run, answer=answer, close=client.close)


def started(workers: int, *, processes: bool) -> Operation:
    """A cluster made, and a first result of it; it is ended off the clock."""

    def run() -> tuple[int, Client]:
        client = start_client(workers, processes=processes)
        return client.submit(increment, 0, pure=False).result(), client

    def answer(first: tuple[int, Client]) -> str:
        result, client = first
        client.close()
        return str(result)

    return Operation(run, answer=answer)


OPERATIONS: Operations = {
    "map/dask_default": mapped,
    "map/dask_best": partial(mapped, saturation=BEST),
    "merge/dask_default": merged,
    "merge/dask_best": partial(merged, saturation=BEST),
    "tree/dask_default": tree,
    "tree/dask_best": partial(tree, saturation=BEST),
    "round_trip/dask_default": round_trip,
    "transfer/dask_default": transfer,
    "chain/dask_default": chain,
    "straggler/dask_default": straggling,
    "straggler/dask_best": partial(straggling, saturation=BEST),
    "busy/dask_processes": busy_processes,
    "worker_threads_of_python/dask_1_thread": partial(busy_processes, workers=1),
    "worker_threads_of_python/dask_2_threads": partial(
        busy_processes, workers=1, threads=2
    ),
    "start/dask_threads": partial(started, processes=False),
    "start/dask_processes": partial(started, processes=True),
}
