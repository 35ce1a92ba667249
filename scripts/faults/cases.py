"""Each fault, provoked for real.

A case returns what happened, in the words of the table. The numbers are those
of the tests of our own pool (`fault_NN_...`); a letter tells two forms of one
fault apart. Afterwards `run` looks at the pool that the case made last: whether
it goes on, and whether it closes.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from faults import leftovers, tasks
from faults.bench import Bench, milliseconds
from faults.peers import PEERS, Missing, Pool

LARGE = 64 << 20


@dataclass(frozen=True)
class Case:
    """A row of the table."""

    number: str
    title: str
    provoke: Callable[[Bench], str] | None
    """None for what no peer has; then `why` says so."""
    why: str = ""
    looks_after: bool = True
    """Whether the case leaves a pool that is looked at and closed."""


def one(task: Callable[..., Any], *arguments: object) -> Callable[[Bench], str]:
    """A task that goes wrong by itself."""

    def provoke(bench: Bench) -> str:
        return str(bench.wait(bench.pool().submit(task, *arguments)))

    return provoke


def killed_in_task(bench: Bench) -> str:
    """SIGKILL from outside, while the task runs."""
    handle = bench.pool().submit(tasks.hold, bench.folder)
    os.kill(bench.held(1)[0], signal.SIGKILL)
    return str(bench.wait(handle))


def all_killed(bench: Bench) -> str:
    """SIGKILL for four workers at once, with 20 tasks waiting."""
    pool = bench.pool(4)
    held = [pool.submit(tasks.hold, bench.folder) for _ in range(4)]
    waiting = [pool.submit(tasks.double, x) for x in range(20)]
    for pid in bench.held(4):
        os.kill(pid, signal.SIGKILL)
    start = time.monotonic()
    # The queued ones first: those in flight may hang.
    queued = tally(waiting, bench, start)
    return f"in flight: {tally(held, bench, start)}; queued: {queued}"


def tally(handles: list[Any], bench: Bench, start: float) -> str:
    """How many came out how, and when the last of them did."""
    until = start + bench.patience
    outcomes = [bench.wait(handle, until=until) for handle in handles]
    counts: dict[str, int] = {}
    for outcome in outcomes:
        text = outcome.text.replace("a value", "done").replace("hangs", "hang")
        counts[text] = counts.get(text, 0) + 1
    told = ", ".join(f"{count} {text}" for text, count in counts.items())
    if any(outcome.hangs for outcome in outcomes):
        return told
    return f"{told}, the last in {milliseconds(time.monotonic() - start)}"


def idle_killed(bench: Bench) -> str:
    """SIGKILL for an idle worker, then a task; eight times, each worker once
    or more: one of them holds the lock of the queue that they share."""
    pool = bench.pool()
    slowest = 0.0
    for turn in range(8):
        os.kill(pool.workers()[turn % 2], signal.SIGKILL)
        time.sleep(0.3)
        outcome = bench.call(tasks.double, turn)
        if outcome.hangs or outcome.failed:
            return f"{outcome}, at kill {turn + 1} of 8"
        slowest = max(slowest, outcome.seconds)
    return f"8 kills, 8 tasks done, the slowest in {milliseconds(slowest)}"


def raises(bench: Bench) -> str:
    """An exception, and which processes are there afterwards."""
    pool = bench.pool()
    before = set(pool.workers())
    outcome = bench.wait(pool.submit(tasks.fail))
    same = "same workers" if set(pool.workers()) == before else "other workers"
    return f"{outcome}, {same}"


def many_not_encoded(bench: Bench) -> str:
    """100 arguments that cannot be encoded, and 100 good ones among them."""
    pool = bench.pool()
    bad, good = [], []
    start = time.monotonic()
    for x in range(100):
        bad.append(pool.submit(tasks.ignore, tasks.NotEncoded()))
        good.append(pool.submit(tasks.double, x))
    return f"bad: {tally(bad, bench, start)}; good: {tally(good, bench, start)}"


def large(bench: Bench) -> str:
    """64 MiB there and back."""
    value = os.urandom(1 << 20) * (LARGE >> 20)
    outcome = bench.wait(bench.pool().submit(tasks.echo, value))
    if outcome.hangs or outcome.failed:
        return str(outcome)
    equal = "equal" if outcome.value == value else "other"
    return f"{equal} bytes in {milliseconds(outcome.seconds)}"


def many_submitted(bench: Bench) -> str:
    """More submissions than a pipe of wake-ups holds, while nobody reads it."""
    pool = bench.pool()
    done = threading.Event()

    def submit() -> None:
        for x in range(40_000):
            pool.submit(tasks.double, x)
        done.set()

    start = time.perf_counter()
    threading.Thread(target=submit, daemon=True).start()
    if not done.wait(bench.patience):
        return f"submitting hangs ({bench.patience:g} s)"
    return f"40,000 submitted in {milliseconds(time.perf_counter() - start)}"


def initializer_fails(task: Callable[..., None], bench: Bench) -> str:
    """An initializer that goes wrong, and how often it is tried."""
    bench.pool(2, task, bench.folder)
    told = bench.call(tasks.double, 1)
    started = len(tasks.marks(bench.folder, "started"))
    return f"{told}, {started:,} workers started"


def cancelled(bench: Bench) -> str:
    """Cancels a running task, five that wait, and one that is done."""
    pool = bench.pool(1)
    finished = pool.submit(tasks.double, 1)
    pool.result(finished, None)
    running = pool.submit(tasks.nap, 0.5)
    time.sleep(0.2)
    waiting = [pool.submit(tasks.double, x) for x in range(5)]
    taken_back = sum(pool.cancel(handle) for handle in waiting)
    was = {True: "cancelled", False: "goes on"}[pool.cancel(running)]
    late = "cancelled" if pool.cancel(finished) else "stays"
    return f"queued: {taken_back} of 5 cancelled; running: {was}; finished: {late}"


def stopped(bench: Bench) -> str:
    """SIGSTOP in the middle of a task."""
    handle = bench.pool().submit(tasks.hold, bench.folder)
    [pid] = bench.held(1)
    os.kill(pid, signal.SIGSTOP)
    outcome = bench.wait(handle)
    if outcome.hangs:
        # A pool that waits for its workers would wait for this one too.
        os.kill(pid, signal.SIGKILL)
    return str(outcome)


def wait_runs_out(bench: Bench) -> str:
    """A wait that is shorter than the task, and another one."""
    pool = bench.pool()
    handle = pool.submit(tasks.nap, 0.5)
    try:
        pool.result(handle, 0.1)
    except pool.timeouts as error:
        outcome = bench.wait(handle)
        return f"{type(error).__name__}, then {outcome}"
    return "the wait did not run out"


def interrupted(bench: Bench) -> str:
    """Ctrl-C: SIGINT for the whole group, in the middle of a map."""
    program = bench.program("mapping")
    program.await_marks("hold", 2)
    program.signal(signal.SIGINT, group=True)
    return program.end()


def parent_ends(ending: str, mark: str, number: signal.Signals, bench: Bench) -> str:
    """A signal for the program alone."""
    program = bench.program(ending)
    program.await_marks(mark, 2 if mark == "hold" else 1)
    program.signal(number)
    return program.end()


def main_returns(bench: Bench) -> str:
    """The program ends while two tasks run and two wait."""
    program = bench.program("returning")
    program.await_marks("begun", 2)
    told = program.end()
    begun = len(tasks.marks(bench.folder, "begun"))
    finished = len(tasks.marks(bench.folder, "finished"))
    return f"{told}; of 4 tasks {begun} began, {finished} finished"


def shut_twice(bench: Bench) -> str:
    """A second shutdown, and a task that comes too late."""
    pool = bench.pool()
    pool.shutdown()
    # A second one that fails is told as a case that fails.
    pool.shutdown()
    return f"second: ok; submit: {bench.call(tasks.double, 1)}"


def killed_with_children(bench: Bench) -> str:
    """Kills a pool whose task has started a process."""
    if why := PEERS[bench.peer].lacks_kill:
        raise Missing(why)
    pool = bench.pool(1)
    pool.submit(tasks.hold_with_child, bench.folder)
    [worker] = bench.held(1)
    start = time.perf_counter()
    pool.kill()
    while os.path.exists(f"/proc/{worker}/exe") and alive(worker):
        if time.perf_counter() - start > bench.patience:
            return f"worker lives on ({bench.patience:g} s)"
        time.sleep(0.001)
    taken = milliseconds(time.perf_counter() - start)
    time.sleep(1.0)
    left = len([pid for pid in leftovers.others(bench.mark) if is_sleep(pid)])
    return f"worker gone in {taken}, grandchild {'lives on' if left else 'gone too'}"


def alive(pid: int) -> bool:
    """Whether a process is more than a zombie."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def is_sleep(pid: int) -> bool:
    """Whether this process is the one that `tasks.hold_with_child` started."""
    try:
        with open(f"/proc/{pid}/comm") as comm:
            return comm.read().strip() == "sleep"
    except OSError:
        return False


def started_and_ended(bench: Bench) -> str:
    """200 pools one after the other, or as many as patience allows."""

    def cycle() -> None:
        pool = PEERS[bench.peer](1, None)
        assert pool.result(pool.submit(tasks.double, 1), None) == 2
        pool.close()

    cycle()
    before = open_files(), threading.active_count()
    start = time.monotonic()
    cycles = 0
    while cycles < 200 and time.monotonic() - start < 0.8 * bench.patience:
        cycle()
        cycles += 1
    after = open_files(), threading.active_count()
    grown = [late - early for early, late in zip(before, after, strict=True)]
    taken = milliseconds((time.monotonic() - start) / cycles)
    return f"{cycles} pools, {grown[0]:+} files, {grown[1]:+} threads, {taken} each"


def open_files() -> int:
    """The descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


NO_DEADLINE = (
    "no such thing: a wait can have a limit, a task cannot; "
    "to end one is to kill its worker"
)
NO_GREETING = (
    "no such thing: a worker is forked, or the same interpreter again; "
    "builds are not compared"
)

CASES = [
    Case("1", "worker killed in the middle of a task", killed_in_task),
    Case("2", "all 4 workers killed at once, 20 tasks queued", all_killed),
    Case("3", "idle worker killed, then a task", idle_killed),
    Case("4", "task exits with 0, without a word", one(tasks.leave_at_once)),
    Case("5", "task exits with 3 (`sys.exit`)", one(tasks.leave_with_3)),
    Case("6", "segmentation fault", one(tasks.segfault)),
    Case("7", "stack overflow", one(tasks.overflow_the_stack)),
    Case("8", "abort", one(tasks.abort)),
    Case("9", "task panics (raises)", raises),
    Case("11", "argument cannot be encoded", one(tasks.ignore, tasks.NotEncoded())),
    Case("12", "100 that cannot be encoded among 100 good ones", many_not_encoded),
    Case("13", "argument cannot be decoded", one(tasks.ignore, tasks.NotDecoded())),
    Case(
        "14",
        "worker dies while it decodes the argument",
        one(tasks.ignore, tasks.DiesWhenDecoded()),
    ),
    Case("15", "result cannot be encoded", one(tasks.give_not_encoded)),
    Case(
        "16",
        "worker dies while it encodes the result",
        one(tasks.give_dies_when_encoded),
    ),
    Case("17", "result cannot be decoded", one(tasks.give_not_decoded)),
    Case("18", "error value cannot be encoded", one(tasks.fail_unsendably)),
    Case("18b", "error value cannot be decoded", one(tasks.fail_undecodably)),
    Case("20", "64 MiB there and back", large),
    Case("21", "40,000 submitted at once", many_submitted),
    Case("22", "initializer fails", partial(initializer_fails, tasks.fail_to_begin)),
    Case(
        "23",
        "worker dies before it is ready",
        partial(initializer_fails, tasks.die_at_the_beginning),
    ),
    Case("34", "cancel", cancelled),
    Case("36", "worker hangs (SIGSTOP)", stopped),
    Case("37", "task over its deadline", None, NO_DEADLINE),
    Case("38", "a wait runs out, and another is made", wait_runs_out),
    Case("39", "Ctrl-C in the middle of a map", interrupted, looks_after=False),
    Case(
        "40",
        "SIGTERM for the parent, workers busy",
        partial(parent_ends, "mapping", "hold", signal.SIGTERM),
        looks_after=False,
    ),
    Case(
        "40b",
        "SIGKILL for the parent, workers busy",
        partial(parent_ends, "mapping", "hold", signal.SIGKILL),
        looks_after=False,
    ),
    Case("41", "main returns without shutdown", main_returns, looks_after=False),
    Case(
        "43",
        "shutdown twice, and submit after it",
        shut_twice,
        looks_after=False,
    ),
    Case(
        "44",
        "kill while a task has a process of its own",
        killed_with_children,
        looks_after=False,
    ),
    Case(
        "45",
        "parent's end of the connection closes, workers idle",
        partial(parent_ends, "idle", "idle", signal.SIGKILL),
        looks_after=False,
    ),
    Case(
        "49",
        "200 pools of 1, each made, used and closed",
        started_and_ended,
        looks_after=False,
    ),
    Case("50", "worker of another build", None, NO_GREETING),
]


def closed(bench: Bench) -> str:
    """Closes the pool of a case; what to say of it, if anything."""
    pool: Pool | None = bench.latest
    assert pool is not None
    start = time.perf_counter()
    try:
        pool.close()
    except Exception as error:  # noqa: BLE001 - what is raised is what is asked
        return f"closing fails ({type(error).__name__})"
    taken = time.perf_counter() - start
    return f"closes in {milliseconds(taken)}" if taken > 1 else ""
