"""The lecture's `threading` cells: printing and sleeping, squares, NumPy's sine.

Ten threads of pure Python take turns under the global interpreter lock. Sleep
and NumPy's loops let go of it, and so those two gain from threads.
"""

import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from lecture.operation import Operation, Operations, busy, steps_for

RUNS = range(10)
"""As in the lecture."""

Array = NDArray[np.float64]


def start_and_join(
    target: Callable[..., object], arguments: Iterable[tuple[Any, ...]]
) -> None:
    """Calls `target` in one thread for each tuple of arguments, all at once."""
    threads = []
    for args in arguments:
        threads.append(threading.Thread(target=target, args=args))
        threads[-1].start()
    for thread in threads:
        thread.join()


def one_after_the_other(function: Callable[[int], int]) -> list[int]:
    """What `function` makes of each run's number."""
    return [function(n) for n in RUNS]


def in_ten_threads(function: Callable[[int], int]) -> list[int]:
    """The same in a thread each. A thread returns nothing, so each leaves its
    result in its place."""
    results = [0] * len(RUNS)

    def target(n: int) -> None:
        results[n] = function(n)

    start_and_join(target, ((n,) for n in RUNS))
    return results


def do_nothing(n: int, seconds: float, page: TextIO) -> None:
    """The lecture's first version."""
    print(f"Run {n}.", file=page)
    time.sleep(seconds)


def do_nothing_with_lock(
    n: int, seconds: float, page: TextIO, lock: threading.Lock
) -> None:
    """The lecture's remedy; `with` releases the lock even if the print fails."""
    with lock:
        print(f"Run {n}.", file=page)
    time.sleep(seconds)


def new_page() -> TextIO:
    """A file to print to that has no name; line by line, as a terminal is."""
    return tempfile.TemporaryFile("w+", buffering=1, encoding="ascii")


def read(page: TextIO) -> str:
    """What was printed; closes the page."""
    with page:
        page.seek(0)
        return page.read()


def every_byte(page: TextIO) -> str:
    """What was printed where a text and its newline may have come apart."""
    text = read(page)
    runs = sorted(re.findall(r"Run \d+\.", text))
    newlines = text.count("\n")
    return f"{' '.join(runs)} and {newlines} newlines"


def whole_lines(page: TextIO) -> str:
    """What was printed where each line must be whole; if one is not, all of it."""
    lines = read(page).splitlines()
    if not all(re.fullmatch(r"Run \d+\.", line) for line in lines):
        return f"mixed lines {lines}"
    return f"{' '.join(sorted(lines))} and {len(lines)} newlines"


def do_nothing_serial(milliseconds: int) -> Operation:
    """Ten runs, one after the other."""

    def run(page: TextIO) -> TextIO:
        for n in RUNS:
            do_nothing(n, milliseconds / 1e3, page)
        return page

    return Operation(run, prepare=new_page, answer=whole_lines)


def do_nothing_threads(milliseconds: int) -> Operation:
    """Ten threads, and nothing that keeps their lines apart."""

    def run(page: TextIO) -> TextIO:
        start_and_join(do_nothing, ((n, milliseconds / 1e3, page) for n in RUNS))
        return page

    return Operation(run, prepare=new_page, answer=every_byte)


def do_nothing_lock(milliseconds: int) -> Operation:
    """Ten threads with a lock around the print, released before the sleep."""

    def run(page: TextIO) -> TextIO:
        lock = threading.Lock()
        start_and_join(
            do_nothing_with_lock, ((n, milliseconds / 1e3, page, lock) for n in RUNS)
        )
        return page

    return Operation(run, prepare=new_page, answer=whole_lines)


def last_square(m: int) -> int:
    """The lecture's `do_something_in_python`: a list of squares, made and dropped.

    Its last element is the answer. The lecture's print is left out, as in Rust.
    """
    a = [_**2 for _ in range(m)]
    return a[-1]


def ends(squares: list[int]) -> str:
    """Where each run's list ended."""
    return "; ".join(f"run {n} ends at {last}" for n, last in enumerate(squares))


def squares_serial(m: int) -> Operation:
    """Ten lists of `m` squares, one after the other."""
    return Operation(lambda: one_after_the_other(lambda _: last_square(m)), answer=ends)


def squares_threads(m: int) -> Operation:
    """Ten lists of `m` squares in ten threads."""
    return Operation(lambda: in_ten_threads(lambda _: last_square(m)), answer=ends)


def in_a_list(squares: list[int]) -> str:
    """How many squares there are and what they add up to."""
    return f"{len(squares)} squares, sum {sum(squares)}"


def in_an_array(squares: NDArray[np.int64]) -> str:
    """The same, of an array."""
    return f"{len(squares)} squares, sum {squares.sum()}"


def squares_list(m: int) -> Operation:
    """The lecture's list of `m` squares, once."""
    return Operation(lambda: [_**2 for _ in range(m)], answer=in_a_list)


def squares_new_array(m: int) -> Operation:
    """`m` squares in a new array."""
    return Operation(lambda: np.arange(m) ** 2, answer=in_an_array)


def squares_reused_array(m: int) -> Operation:
    """`m` squares over those of the time before."""
    numbers = np.arange(m)
    out = np.empty_like(numbers)
    return Operation(lambda: np.multiply(numbers, numbers, out=out), answer=in_an_array)


def multiply_in_place(elements: int) -> Operation:
    """Each element times -1, so that the array keeps its values but for the sign."""
    arr = np.arange(elements, dtype=float)

    def run() -> Array:
        nonlocal arr
        arr *= -1.0
        return arr

    # Whole numbers below 2^53 in any order: the sum is exact.
    return Operation(run, answer=lambda arr: f"sum {int(np.abs(arr).sum())}")


def do_something_in_numpy(arr: Array) -> None:
    """The lecture's sine: in place, by way of a temporary array."""
    arr[:] = np.sin(arr)


def sum_of(arr: Array) -> str:
    """The sum, rounded: the last places are NumPy's own."""
    return f"sum {arr.sum():.6f}"


def sin_serial(elements: int) -> Operation:
    """The sine of a whole array."""
    arr0 = np.arange(elements, dtype=float)

    def run(arr: Array) -> Array:
        do_something_in_numpy(arr)
        return arr

    return Operation(run, prepare=arr0.copy, answer=sum_of)


def sin_threads_2(elements: int) -> Operation:
    """The sine of two halves, in two threads. `array_split` gives views, as the
    lecture's slices are, but loses no remainder."""
    arr0 = np.arange(elements, dtype=float)

    def run(arr: Array) -> Array:
        halves = np.array_split(arr, 2)
        start_and_join(do_something_in_numpy, ((half,) for half in halves))
        return arr

    return Operation(run, prepare=arr0.copy, answer=sum_of)


def chains(steps: int, ends: list[int]) -> str:
    """Where each chain ended."""
    return "; ".join(f"{steps} steps end at {end}" for end in ends)


def gil_serial(microseconds: int) -> Operation:
    """Ten calibrated tasks, one after the other."""
    steps = steps_for(microseconds / 1e6)
    return Operation(
        lambda: one_after_the_other(lambda _: busy(steps)),
        answer=lambda ends: chains(steps, ends),
    )


def gil_threads(microseconds: int) -> Operation:
    """Ten calibrated tasks in ten threads."""
    steps = steps_for(microseconds / 1e6)
    return Operation(
        lambda: in_ten_threads(lambda _: busy(steps)),
        answer=lambda ends: chains(steps, ends),
    )


OPERATIONS: Operations = {
    "do_nothing/python_serial": do_nothing_serial,
    "do_nothing/python_threads": do_nothing_threads,
    "do_nothing/python_lock": do_nothing_lock,
    "squares/python_serial": squares_serial,
    "squares/python_threads": squares_threads,
    "squares_once/python_list": squares_list,
    "squares_once/numpy_new": squares_new_array,
    "squares_once/numpy_reused": squares_reused_array,
    "multiply/numpy_serial": multiply_in_place,
    "sin/numpy_serial": sin_serial,
    "sin/numpy_threads_2": sin_threads_2,
    "gil/python_serial": gil_serial,
    "gil/python_threads": gil_threads,
}
