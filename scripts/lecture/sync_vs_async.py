"""The lecture's waiting: `time.sleep` against `asyncio`.

The event loop is there before the clock starts, as it is in a notebook.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from lecture.operation import Operation, Operations, busy, steps_for

Result = TypeVar("Result")

M = 1_000_000
"""The lecture's number of squares."""

WAIT = 0.001
"""The seconds of each of many waits."""


def squares(m: int) -> list[int]:
    """The lecture's work."""
    return [x**2 for x in range(m)]


def fun1(n: float, compute: Callable[[], Result]) -> Result:
    """Computes, then waits `n` seconds: the lecture's `fun1`."""
    a = compute()
    time.sleep(n)
    return a


async def fun2a(n: float) -> None:
    """Waits, and lets others run meanwhile: the lecture's `_fun2a`."""
    await asyncio.sleep(n)


async def fun2b(compute: Callable[[], Result]) -> Result:
    """Computes without a single `await`: the lecture's `_fun2b`."""
    return compute()


async def fun2(n: float, compute: Callable[[], Result]) -> Result:
    """Both at once, the sleep first.

    The lecture returns `a[0]`, the sleep's None; this returns what was computed.
    """
    _, a = await asyncio.gather(fun2a(n), fun2b(compute))
    return a


async def fun2_swapped(n: float, compute: Callable[[], Result]) -> Result:
    """Both at once, the computation first."""
    a, _ = await asyncio.gather(fun2b(compute), fun2a(n))
    return a


def on_a_loop(
    work: Callable[[], Awaitable[Result]], answer: Callable[[Result], str]
) -> Operation:
    """Asynchronous work, driven to its end by a loop that is there and stays."""
    loop = asyncio.new_event_loop()
    return Operation(
        lambda: loop.run_until_complete(work()), answer=answer, close=loop.close
    )


def squares_answer(a: list[int]) -> str:
    """How many squares there are and what they add up to."""
    return f"{len(a)} squares, sum {sum(a)}"


def fun_blocking(milliseconds: int) -> Operation:
    """The lecture's `fun1(n, 1000000)`."""
    n = milliseconds / 1e3
    return Operation(lambda: fun1(n, lambda: squares(M)), answer=squares_answer)


def fun_gather(milliseconds: int) -> Operation:
    """The lecture's `await fun2(n, 1000000)`."""
    n = milliseconds / 1e3
    return on_a_loop(lambda: fun2(n, lambda: squares(M)), squares_answer)


def fun_gather_swapped(milliseconds: int) -> Operation:
    """The same with the arguments of `gather` the other way round."""
    n = milliseconds / 1e3
    return on_a_loop(lambda: fun2_swapped(n, lambda: squares(M)), squares_answer)


def balanced_blocking(milliseconds: int) -> Operation:
    """A computation, then a wait that is as long."""
    n = milliseconds / 1e3
    steps = steps_for(n)
    return Operation(lambda: fun1(n, lambda: busy(steps)), answer=busy_answer(steps))


def balanced_gather(milliseconds: int) -> Operation:
    """A computation during a wait that is as long."""
    n = milliseconds / 1e3
    steps = steps_for(n)
    return on_a_loop(lambda: fun2(n, lambda: busy(steps)), busy_answer(steps))


def balanced_gather_swapped(milliseconds: int) -> Operation:
    """The same with the arguments of `gather` the other way round."""
    n = milliseconds / 1e3
    steps = steps_for(n)
    return on_a_loop(lambda: fun2_swapped(n, lambda: busy(steps)), busy_answer(steps))


def busy_answer(steps: int) -> Callable[[int], str]:
    """Where the chain ended, and after how many steps."""
    return lambda end: f"{steps} steps end at {end}"


def waits_asyncio(waits: int) -> Operation:
    """So many waits at once, each a task of the loop."""

    async def wait(i: int) -> int:
        await asyncio.sleep(WAIT)
        return i

    async def run() -> list[int]:
        return await asyncio.gather(*(wait(i) for i in range(waits)))

    return on_a_loop(run, waits_answer)


def waits_threads(waits: int) -> Operation:
    """So many waits, each in a thread. Threads start one after the other, so few of
    many are alive together."""

    def run() -> list[int]:
        waited = [-1] * waits

        def wait(i: int) -> None:
            time.sleep(WAIT)
            waited[i] = i

        threads = []
        for i in range(waits):
            threads.append(threading.Thread(target=wait, args=(i,)))
            threads[-1].start()
        for thread in threads:
            thread.join()
        return waited

    return Operation(run, answer=waits_answer)


def waits_answer(waited: list[int]) -> str:
    """How many have waited, and the sum of their numbers."""
    return f"{len(waited)} waits, sum {sum(waited)}"


OPERATIONS: Operations = {
    "fun/python_blocking": fun_blocking,
    "fun/python_gather": fun_gather,
    "fun/python_gather_swapped": fun_gather_swapped,
    "balanced/python_blocking": balanced_blocking,
    "balanced/python_gather": balanced_gather,
    "balanced/python_gather_swapped": balanced_gather_swapped,
    "waits/python_asyncio": waits_asyncio,
    "waits/python_threads": waits_threads,
}
