"""The lecture's lazy evaluation: a class that puts a factorial off, and chains.

Python's lists are eager and its generators lazy; NumPy's arrays are eager, in
compiled loops.
"""

import math
from collections.abc import Callable
from functools import total_ordering
from itertools import islice

from lecture.operation import Operation, Operations

LENGTH = 100_000
"""How many results there are to take from."""


@total_ordering
class LazyFactorial:
    """A factorial with lazy evaluation and caching, as in the lecture.

    `if not self._result` would compute a result of zero again and again. A
    factorial is never zero, so the lecture's line stands.
    """

    def __init__(self, n: int) -> None:
        self._result: int | None = None
        self.n = n

    def compute(self) -> int:
        """The value, computed by the first call."""
        if not self._result:
            self._result = factorial(self.n)
        return self._result

    def __repr__(self) -> str:
        return f"LazyFactorial({self.n})"

    def __lt__(self, other: "LazyFactorial") -> bool:
        return self.n < other.n

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LazyFactorial) and self.n == other.n

    def __hash__(self) -> int:
        """The lecture leaves this out, which makes its class unhashable."""
        return hash(self.n)


def factorial(n: int) -> int:
    """n! by the lecture's loop."""
    res = 1
    for factor in range(1, n + 1):
        res *= factor
    return res


def hexadecimal(number: int) -> str:
    """Digits that need no division, however long the number is."""
    return f"{number:x}"


def eager(n: int) -> Operation:
    """n! when it is asked for, every time."""
    return Operation(lambda: factorial(n), answer=hexadecimal)


def by_math(n: int) -> Operation:
    """n! by the standard library, which multiplies odd numbers as a tree, in C."""
    return Operation(lambda: math.factorial(n), answer=hexadecimal)


def by_gmpy2(n: int) -> Operation:
    """n! by GMP."""
    import gmpy2  # type: ignore[import-untyped]

    return Operation(lambda: gmpy2.fac(n), answer=hexadecimal)


def square_int(words: int) -> Operation:
    """The square of a long number, by Python's Karatsuba multiplication."""
    number = 7 ** int(words * 64 / math.log2(7))
    return Operation(lambda: number * number, answer=hexadecimal)


def square_gmpy2(words: int) -> Operation:
    """The same by GMP."""
    import gmpy2

    number = gmpy2.mpz(7 ** int(words * 64 / math.log2(7)))
    return Operation(lambda: number * number, answer=hexadecimal)


def lazy_create(n: int) -> Operation:
    """n! put off."""
    return Operation(lambda: LazyFactorial(n), answer=one_in_a_thousand(lazy_answer))


def lazy_first(n: int) -> Operation:
    """n! that was put off, computed."""
    return Operation(
        LazyFactorial.compute, prepare=lambda: LazyFactorial(n), answer=hexadecimal
    )


def lazy_cached(n: int) -> Operation:
    """n! that was computed before."""
    lazy = LazyFactorial(n)
    lazy.compute()
    return Operation(lazy.compute, answer=hexadecimal)


def lazy_answer(lazy: LazyFactorial) -> str:
    """What it computes, now that somebody wants to know."""
    return hexadecimal(lazy.compute())


def one_in_a_thousand(
    answer: Callable[[LazyFactorial], str],
) -> Callable[[LazyFactorial], str]:
    """Asks the first of every thousand results and takes its word for the rest.

    To compute all that is created would take a thousand times as long as the
    creation that is measured.
    """
    seen = 0
    latest = ""

    def sampled(lazy: LazyFactorial) -> str:
        nonlocal seen, latest
        if seen % 1_000 == 0:
            latest = answer(lazy)
        seen += 1
        return latest

    return sampled


def by_value(n: int) -> Operation:
    """Both factorials computed, then compared."""

    def run(pair: tuple[LazyFactorial, LazyFactorial]) -> bool:
        a, b = pair
        return a.compute() < b.compute()

    return Operation(run, prepare=lambda: (LazyFactorial(n), LazyFactorial(3 * n)))


def by_n(n: int) -> Operation:
    """The comparison of the lecture's class, which computes neither."""
    a, b = LazyFactorial(n), LazyFactorial(3 * n)
    return Operation(lambda: a < b)


def chain_list(elements: int) -> Operation:
    """A list for each stage."""
    numbers = list(range(elements))

    def run() -> int:
        tripled = [3 * x + 1 for x in numbers]
        kept = [x for x in tripled if x % 2 == 0]
        halves = [x // 2 for x in kept]
        return sum(halves)

    return Operation(run)


def chain_generator(elements: int) -> Operation:
    """A generator for each stage; the sum draws through all of them."""
    numbers = list(range(elements))

    def run() -> int:
        tripled = (3 * x + 1 for x in numbers)
        kept = (x for x in tripled if x % 2 == 0)
        halves = (x // 2 for x in kept)
        return sum(halves)

    return Operation(run)


def chain_numpy(elements: int) -> Operation:
    """An array for each stage."""
    import numpy as np

    numbers = np.arange(elements, dtype=np.uint64)

    def run() -> int:
        tripled = 3 * numbers + 1
        kept = tripled[tripled % 2 == 0]
        halves = kept // 2
        return int(halves.sum())

    return Operation(run)


def take_list(wanted: int) -> Operation:
    """All results, then a slice of them."""
    numbers = list(range(LENGTH))

    def run() -> list[int]:
        incremented = [x + 1 for x in numbers]
        tripled = [3 * x for x in incremented]
        results = [x + 1 for x in tripled]
        return results[:wanted]

    return Operation(run, answer=take_answer)


def take_generator(wanted: int) -> Operation:
    """No more results than are wanted."""
    numbers = list(range(LENGTH))

    def run() -> list[int]:
        incremented = (x + 1 for x in numbers)
        tripled = (3 * x for x in incremented)
        results = (x + 1 for x in tripled)
        return list(islice(results, wanted))

    return Operation(run, answer=take_answer)


def take_answer(results: list[int]) -> str:
    """How many there are and what they add up to."""
    return f"{len(results)} results, sum {sum(results)}"


OPERATIONS: Operations = {
    "factorial/python_eager": eager,
    "factorial/python_lazy_create": lazy_create,
    "factorial/python_lazy_first": lazy_first,
    "factorial/python_lazy_cached": lazy_cached,
    "algorithms/python_loop": eager,
    "algorithms/python_math": by_math,
    "algorithms/python_gmpy2": by_gmpy2,
    "parallel/python_gmpy2": by_gmpy2,
    "square/python_int": square_int,
    "square/python_gmpy2": square_gmpy2,
    "compare/python_by_value": by_value,
    "compare/python_by_n": by_n,
    "chain/python_list": chain_list,
    "chain/python_generator": chain_generator,
    "chain/numpy_eager": chain_numpy,
    "take/python_list": take_list,
    "take/python_generator": take_generator,
}
