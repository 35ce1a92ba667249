"""What a topic's module declares, and the work whose duration is a parameter.

from lecture.operation import Operation, Operations

def cubes(count: int) -> Operation:
    return Operation(
        run=lambda numbers: [x**3 for x in numbers],
        prepare=lambda: range(count),
        answer=lambda result: f"sum {sum(result)}",
    )

OPERATIONS: Operations = {"map/python_serial": cubes}
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Operation:
    """One model's work on one parameter, ready to run any number of times.

    `run` is timed. It takes what `prepare` made for this iteration, or nothing
    where there is no `prepare`. `answer` turns a result into the line of text
    that the suite compares with the known one. `close` ends what the operation
    opened (a pool, a client) and is called once. Only `run` is on the clock.
    """

    run: Callable[..., Any]
    prepare: Callable[[], Any] | None = None
    answer: Callable[[Any], str] = str
    close: Callable[[], None] | None = None


Operations: TypeAlias = Mapping[str, Callable[[int], Operation]]
"""`"workload/model"` to the function that sets the model up for a parameter."""


def busy(steps: int) -> int:
    """Runs `steps` steps of an integer chain and returns where it ends.

    It is the chain of `report::work::busy`, so the same number of steps ends
    at the same value. Python's integers do not wrap at 64 bits: the mask does.

    >>> hex(busy(1_000))
    '0x294021b0fdd227ea'
    """
    x = 0x9E37_79B9_7F4A_7C15
    for _ in range(steps):
        x = x * 6_364_136_223_846_793_005 & 0xFFFF_FFFF_FFFF_FFFF
        x = (x << 23 | x >> 41) + 1 & 0xFFFF_FFFF_FFFF_FFFF
    return x


def steps_for(seconds: float) -> int:
    """The number of steps of `busy` that last about `seconds` here.

    Calibrated once a run: whoever starts several peers hands the rate to all
    of them in `POLYPHONY_STEPS_PER_SECOND`, so that all do the same work. A
    peer that is started alone calibrates for itself.
    """
    given = os.environ.get("POLYPHONY_STEPS_PER_SECOND")
    return round(seconds * (float(given) if given else steps_per_second()))


@cache
def steps_per_second() -> float:
    """How many steps of `busy` this machine does in a second; takes 50 ms."""
    trial = 5_000
    fastest = min(_seconds(trial) for _ in range(30))
    return trial / fastest


def _seconds(steps: int) -> float:
    # The fastest of several trials counts: interruptions only slow one down.
    start = perf_counter()
    busy(steps)
    return perf_counter() - start
