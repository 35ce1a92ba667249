"""The lecture's pool: `multiprocessing.Pool(processes=4)` and its `map`.

The pool forks its workers, which was the default on Linux when the lecture was
held and is the cheapest way that Python has; newer Pythons ask for it by name.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.pool import Pool

from lecture.operation import Operation, Operations, busy, steps_for

WORKERS = 4
"""As in the lecture."""

ITEMS_OF_COST = 100
"""The lecture's 100 items, when what is swept is the cost of each."""

ITEMS_OF_CHUNK = 1_000
"""Enough items that chunks of 1 and of 250 differ."""

FORK = multiprocessing.get_context("fork")


def fn(x: int) -> int:
    """The lecture's function."""
    return x**3


def cubes_answer(cubes: Sequence[int]) -> str:
    """All cubes in one line; each is weighted by its place, so that order counts."""
    weighted = sum(place * cube for place, cube in enumerate(cubes, start=1))
    return f"{len(cubes)} cubes, by place {weighted}"


def serial_map(items: int) -> Operation:
    """A loop over `items` integers in this process."""
    a = range(items)
    return Operation(lambda: list(map(fn, a)), answer=cubes_answer)


def pooled(
    function: Callable[[int], int],
    items: Sequence[int],
    answer: Callable[[Sequence[int]], str],
    chunksize: int | None = None,
) -> Operation:
    """`Pool.map` on a pool that is there before and stays."""
    pool = FORK.Pool(processes=WORKERS)

    def close() -> None:
        pool.close()
        pool.join()

    return Operation(
        lambda: pool.map(function, items, chunksize), answer=answer, close=close
    )


def pool_map(items: int) -> Operation:
    """The lecture's `pool.map(fn, a)`."""
    return pooled(fn, range(items), cubes_answer)


def pool_map_best_chunk(items: int) -> Operation:
    """The same with chunks of an eighth: the fastest for 100,000 cubes, of sizes
    from 1,563 to all, tried by hand on two cores (2026-11-28)."""
    return pooled(fn, range(items), cubes_answer, chunksize=max(1, items // 8))


def pool_create_map_close(items: int) -> Operation:
    """A pool made for one map, and ended in good order after it."""
    a = range(items)

    def run() -> list[int]:
        pool = FORK.Pool(processes=WORKERS)
        try:
            return pool.map(fn, a)
        finally:
            pool.close()
            pool.join()

    return Operation(run, answer=cubes_answer)


def created(method: str, items: int) -> Operation:
    """A pool made for one map, if there is anything to map; ended off the clock."""
    context = multiprocessing.get_context(method)
    a = range(items)

    def run() -> tuple[Pool, list[int]]:
        pool = context.Pool(processes=WORKERS)
        return pool, pool.map(fn, a) if items else []

    def answer(made: tuple[Pool, list[int]]) -> str:
        pool, cubes = made
        pool.close()
        pool.join()
        return cubes_answer(cubes)

    return Operation(run, answer=answer)


def pool_create(items: int) -> Operation:
    """By fork."""
    return created("fork", items)


def pool_create_spawn(items: int) -> Operation:
    """By spawn: each worker is an interpreter of its own."""
    return created("spawn", items)


def echo(argument: bytes) -> bytes:
    """What went to the worker comes back."""
    return argument


def pool_large(length: int) -> Operation:
    """One argument of so many bytes, there and back."""
    argument = bytes(range(251)) * (length // 251 + 1)
    argument = argument[:length]
    pool = FORK.Pool(processes=WORKERS)

    def close() -> None:
        pool.close()
        pool.join()

    return Operation(
        lambda: pool.apply(echo, (argument,)),
        answer=lambda came: f"{len(came)} bytes, sum {sum(came)}",
        close=close,
    )


def pool_chunk(chunksize: int) -> Operation:
    """`Pool.map` of 1,000 integers with a chunk size of one's own."""
    return pooled(fn, range(ITEMS_OF_CHUNK), cubes_answer, chunksize)


def busy_answer(steps: int, ends: Sequence[int]) -> str:
    """Where the chain of each item ended."""
    return "; ".join(f"{steps} steps end at {end}" for end in ends)


def serial_busy(nanoseconds: int) -> Operation:
    """A loop over 100 calibrated items in this process."""
    steps = steps_for(nanoseconds / 1e9)
    items = [steps] * ITEMS_OF_COST
    return Operation(
        lambda: list(map(busy, items)), answer=lambda ends: busy_answer(steps, ends)
    )


def pool_busy(nanoseconds: int) -> Operation:
    """`Pool.map` of 100 calibrated items."""
    # Calibrated before there are workers that could disturb it.
    steps = steps_for(nanoseconds / 1e9)
    return pooled(busy, [steps] * ITEMS_OF_COST, lambda ends: busy_answer(steps, ends))


OPERATIONS: Operations = {
    "map_cube/python_serial": serial_map,
    "map_cube/python_pool": pool_map,
    "map_cube/python_pool_best_chunk": pool_map_best_chunk,
    "create/python_pool": pool_create,
    "create/python_spawn": pool_create_spawn,
    "create_map_close/python_pool": pool_create_map_close,
    "chunk/python_pool": pool_chunk,
    "item_cost/python_serial": serial_busy,
    "item_cost/python_pool": pool_busy,
    "large/python_pool": pool_large,
}
