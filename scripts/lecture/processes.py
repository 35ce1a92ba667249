"""The lecture's `multiprocessing` cells: ten processes, joined one by one.

`multiprocessing.Process` brings back nothing but an exit code. Where a result
is to be checked, each process leaves one number in an array that they share;
it is made before the clock starts.

The start method is named wherever it matters: the default was fork on Linux
when the lecture was given, and is another in newer Pythons.
"""

import ctypes
import multiprocessing
import os
import threading
from collections.abc import Callable, MutableSequence
from typing import Any, TypeAlias

from lecture.operation import Operation, Operations, busy, steps_for

RUNS = range(10)
"""As in the lecture."""

Results: TypeAlias = MutableSequence[int]

FORK = multiprocessing.get_context("fork")
SPAWN = multiprocessing.get_context("spawn")


def do_something_in_python(m: int) -> int:
    """A list of squares; the last of them shows that it was made."""
    a = [_**2 for _ in range(m)]
    return a[-1]


def leave_result(
    function: Callable[[int], int], argument: int, results: Results, n: int
) -> None:
    """Run number n, for a thread or process that can return nothing."""
    results[n] = function(argument)


def serial(function: Callable[[int], int], argument: int, results: Results) -> None:
    """One run after the other."""
    for n in RUNS:
        leave_result(function, argument, results, n)


def in_threads(function: Callable[[int], int], argument: int, results: Results) -> None:
    """Each run in a thread."""
    threads = []
    for n in RUNS:
        threads.append(
            threading.Thread(target=leave_result, args=(function, argument, results, n))
        )
        threads[-1].start()
    for thread in threads:
        thread.join()


def in_forks(function: Callable[[int], int], argument: int, results: Results) -> None:
    """Each run in a forked process."""
    processes = []
    for n in RUNS:
        processes.append(
            FORK.Process(target=leave_result, args=(function, argument, results, n))
        )
        processes[-1].start()
    for process in processes:
        process.join()
    failed = [process.exitcode for process in processes if process.exitcode != 0]
    if failed:
        raise RuntimeError(f"processes left with {failed}")


Model: TypeAlias = Callable[[Callable[[int], int], int, Results], None]


def ten_times(
    model: Model,
    function: Callable[[int], int],
    argument: int,
    answer: Callable[[Results], str],
) -> Operation:
    """Ten runs of a function, and what is said of their results."""

    def prepare() -> Results:
        results: Results = FORK.Array("Q", len(RUNS), lock=False)
        return results

    def run(results: Results) -> Results:
        model(function, argument, results)
        return results

    return Operation(run=run, prepare=prepare, answer=answer)


def squares(model: Model) -> Callable[[int], Operation]:
    """The parameter is the length of a list."""

    def answer(lasts: Results) -> str:
        distinct = set(lasts)
        if len(distinct) != 1:
            return f"the lists disagree: {sorted(distinct)}"
        return f"{len(lasts)} lists end at {distinct.pop()}"

    def operation(m: int) -> Operation:
        return ten_times(model, do_something_in_python, m, answer)

    return operation


def calibrated(model: Model) -> Callable[[int], Operation]:
    """The parameter is the microseconds of a run."""

    def operation(microseconds: int) -> Operation:
        steps = steps_for(microseconds / 1e6)

        def answer(ends: Results) -> str:
            return "; ".join(f"{steps} steps end at {end}" for end in ends)

        return ten_times(model, busy, steps, answer)

    return operation


def nothing() -> None:
    """What a thread or process does that is only created."""


def create_threads(n: int) -> Operation:
    """Starts n threads, waits for all, and counts those that ended."""

    def run() -> int:
        threads = [threading.Thread(target=nothing) for _ in range(n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(not thread.is_alive() for thread in threads)

    return Operation(run)


def create_processes(context: Any) -> Callable[[int], Operation]:
    """Starts n processes, waits for all, and counts those that succeeded."""

    def operation(n: int) -> Operation:
        def run() -> int:
            processes = [context.Process(target=nothing) for _ in range(n)]
            for process in processes:
                process.start()
            for process in processes:
                process.join()
            return sum(process.exitcode == 0 for process in processes)

        return Operation(run)

    return operation


def create_from_large(context: Any) -> Callable[[int], Operation]:
    """Starts one process from one that holds so many MiB, in pages of 4 KiB."""

    def operation(mebibytes: int) -> Operation:
        disable_large_pages()
        # Written, for memory that was never written to has no pages.
        held = bytearray(b"\1") * (mebibytes << 20)
        create = create_processes(context)(1)
        return Operation(create.run, close=held.clear)

    return operation


def disable_large_pages() -> None:
    """Keeps this process to small pages, where the system hands out large ones."""
    pr_set_thp_disable = 41
    if ctypes.CDLL(None, use_errno=True).prctl(pr_set_thp_disable, 1, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


OPERATIONS: Operations = {
    "squares/python_serial": squares(serial),
    "squares/python_threads": squares(in_threads),
    "squares/python_fork": squares(in_forks),
    "busy/python_serial": calibrated(serial),
    "busy/python_threads": calibrated(in_threads),
    "busy/python_fork": calibrated(in_forks),
    "create/python_thread": create_threads,
    "create/python_fork": create_processes(FORK),
    "create/python_spawn": create_processes(SPAWN),
    "fork_memory/python_fork": create_from_large(FORK),
    "fork_memory/python_spawn": create_from_large(SPAWN),
}
