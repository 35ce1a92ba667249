"""What a case has at hand: pools of one peer, a folder, and patience."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults import leftovers, tasks
from faults.peers import PEERS, Pool


@dataclass(frozen=True)
class Outcome:
    """What came of waiting for a task."""

    text: str
    seconds: float
    hangs: bool = False
    value: Any = None
    failed: bool = False

    def __str__(self) -> str:
        if self.hangs:
            return self.text
        return f"{self.text} in {milliseconds(self.seconds)}"


def milliseconds(seconds: float) -> str:
    """A latency, with as many digits as tell something."""
    taken = seconds * 1e3
    if taken < 0.1:
        return "under 0.1 ms"
    return f"{taken:.1f} ms" if taken < 10 else f"{taken:,.0f} ms"


@dataclass
class Bench:
    """One case on one peer."""

    peer: str
    folder: Path
    mark: str
    patience: float
    latest: Pool | None = None

    def pool(
        self,
        workers: int = 2,
        initializer: Callable[..., None] | None = None,
        *arguments: object,
    ) -> Pool:
        """A pool whose workers are all there, unless they are to fail."""
        self.latest = PEERS[self.peer](workers, initializer, *arguments)
        if initializer is None:
            warm_up = [self.latest.submit(tasks.nap, 0.1) for _ in range(workers)]
            for handle in warm_up:
                self.latest.result(handle, None)
        return self.latest

    def wait(self, handle: Any, until: float | None = None) -> Outcome:
        """Waits for a task, as long as patience lasts."""
        return self._attempt(lambda: handle, until)

    def call(
        self, task: Callable[..., Any], *arguments: object, until: float | None = None
    ) -> Outcome:
        """Submits a task and waits for it."""
        pool = self.latest
        assert pool is not None
        return self._attempt(lambda: pool.submit(task, *arguments), until)

    def _attempt(self, submit: Callable[[], Any], until: float | None) -> Outcome:
        pool = self.latest
        assert pool is not None
        start = time.perf_counter()
        left = self.patience if until is None else max(0.0, until - time.monotonic())
        try:
            value = pool.result(submit(), left)
        except pool.timeouts:
            return Outcome(f"hangs ({self.patience:g} s)", self.patience, hangs=True)
        except BaseException as error:  # noqa: BLE001 - what is raised is what is asked
            taken = time.perf_counter() - start
            return Outcome(f"error ({type(error).__name__})", taken, failed=True)
        return Outcome("a value", time.perf_counter() - start, value=value)

    def held(self, count: int) -> list[int]:
        """The workers that `tasks.hold` has begun in, once there are so many."""
        deadline = time.monotonic() + self.patience
        while len(found := tasks.marks(self.folder, "hold")) < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {len(found)} of {count} tasks have begun")
            time.sleep(0.001)
        return found

    def afterwards(self) -> str:
        """Whether the pool still does what it should."""
        until = time.monotonic() + self.patience
        for x in range(4):
            outcome = self.call(tasks.double, x, until=until)
            if outcome.value != 2 * x:
                why = "hangs" if outcome.hangs else outcome.text
                return f"pool lost ({why.removeprefix('error (').removesuffix(')')})"
        return "pool goes on"

    def program(self, ending: str) -> "Program":
        """Starts a program with a pool of its own."""
        return Program(self, ending)


class Program:
    """A program with a pool, in a session and a process group of its own."""

    def __init__(self, bench: Bench, ending: str) -> None:
        command = [sys.executable, "-m", "faults.program", bench.peer, ending]
        self.bench = bench
        self.child = subprocess.Popen(
            [*command, str(bench.folder)], start_new_session=True
        )

    def await_marks(self, prefix: str, count: int) -> None:
        """Waits until the program has left so many marks."""
        deadline = time.monotonic() + self.bench.patience
        while len(tasks.marks(self.bench.folder, prefix)) < count:
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the program did not come so far")
            time.sleep(0.001)

    def signal(self, number: signal.Signals, group: bool = False) -> None:
        """Signals the program, or its whole group as a terminal does."""
        if group:
            os.killpg(self.child.pid, number)
        else:
            os.kill(self.child.pid, number)

    def end(self) -> str:
        """How and when it ended, and what it left."""
        start = time.perf_counter()
        try:
            code = self.child.wait(self.bench.patience)
        except subprocess.TimeoutExpired:
            return f"program hangs ({self.bench.patience:g} s)"
        taken = milliseconds(time.perf_counter() - start)
        how = signal.Signals(-code).name if code < 0 else f"code {code}"
        return f"program ends ({how}) in {taken}, {self.leaves()}"

    def leaves(self) -> str:
        """What is left of its processes, and for how long."""
        start = time.perf_counter()
        gone = leftovers.gone_after(self.bench.mark, 2.0)
        if gone is not None:
            return f"workers gone after {milliseconds(gone)}"
        early = len(leftovers.others(self.bench.mark))
        rest = self.bench.patience - (time.perf_counter() - start)
        if leftovers.gone_after(self.bench.mark, rest) is not None:
            taken = milliseconds(time.perf_counter() - start)
            return f"{early} processes left after 2 s, none after {taken}"
        late = len(leftovers.others(self.bench.mark))
        return (
            f"{early} processes left after 2 s, {late} after {self.bench.patience:g} s"
        )
