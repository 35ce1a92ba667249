"""How long an operation takes, and what it answered."""

import os
import sys
import traceback
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any, NoReturn

from lecture.operation import Operation

# A batch grows until it lasts this long, so that reading the clock is lost in
# it, and results are kept no longer than that.
BATCH_NANOSECONDS = 100_000


class Timer:
    """Runs an operation in batches, as `report/src/suite/routine.rs` does.

    Inputs are made before the clock starts; results are kept until it stops,
    and then every one is turned into an answer. The garbage collector stays
    on, as a user has it.
    """

    def __init__(
        self, operation: Operation, between_batches: Callable[[], None] = lambda: None
    ) -> None:
        self._operation = operation
        self._between_batches = between_batches
        self._size = 1

    def run(self, iterations: int) -> tuple[int, list[str]]:
        """Returns the nanoseconds of all iterations, and each distinct answer once."""
        total = 0
        answers: dict[str, None] = {}
        while iterations > 0:
            self._between_batches()
            size = min(self._size, iterations)
            taken, results = self._batch(size)
            answers.update(distinct(results, self._operation.answer))
            total += taken
            iterations -= size
            if taken < BATCH_NANOSECONDS // 2 and size == self._size:
                self._size *= 2
            elif taken > BATCH_NANOSECONDS * 2:
                self._size = max(self._size // 2, 1)
        return total, list(answers)

    def _batch(self, size: int) -> tuple[int, list[Any]]:
        run, prepare = self._operation.run, self._operation.prepare
        process = os.getpid()
        try:
            if prepare is None:
                start = perf_counter_ns()
                results = [run() for _ in range(size)]
                return perf_counter_ns() - start, results
            inputs = [prepare() for _ in range(size)]
            start = perf_counter_ns()
            results = [run(input) for input in inputs]
            return perf_counter_ns() - start, results
        finally:
            # A child that `run` forked must not come back out of it, to serve
            # requests beside its parent.
            if os.getpid() != process:
                end_stray_child()


def distinct(results: list[Any], answer: Callable[[Any], str]) -> dict[str, None]:
    """Each answer once, in order. One object is asked once.

    Raises `TypeError` for an answer that is no text.
    """
    seen: set[int] = set()
    answers: dict[str, None] = {}
    for result in results:
        # All results are alive, so that no two share an identity.
        if id(result) in seen:
            continue
        seen.add(id(result))
        text = answer(result)
        if not isinstance(text, str):
            raise TypeError(f"`answer` returned {type(text).__name__}, not str")
        answers[text] = None
    return answers


def end_stray_child() -> NoReturn:
    """Ends a forked child that ran past its work, with a word on why."""
    if sys.exc_info()[0] is not None:
        traceback.print_exc()
    print("peer.py: a forked child left its operation: ended", file=sys.stderr)
    os._exit(1)
