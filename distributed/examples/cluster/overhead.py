"""What a task costs Dask's own client: for each line of input, which is a number of
tasks, the seconds that a map of so many took."""

import signal
import sys
import time

from distributed import Client, Scheduler, Worker


def increment(x: int) -> int:
    """The Dask tutorial's `inc`."""
    return x + 1


def known(dask_scheduler: Scheduler) -> int:
    """How many tasks the scheduler has not forgotten."""
    return len(dask_scheduler.tasks)


def held(dask_worker: Worker) -> int:
    """How many of them a worker has not forgotten."""
    return len(dask_worker.state.tasks)


def kept(client: Client) -> int:
    """How many tasks Dask has not forgotten, others' too."""
    return int(client.run_on_scheduler(known) + sum(client.run(held).values()))


# Ctrl-C ends the program that started this one, and this one without a word.
signal.signal(signal.SIGINT, signal.SIG_DFL)
with Client(sys.argv[1]) as client:
    before = kept(client)
    for line in sys.stdin:
        tasks = int(line)
        started = time.perf_counter()
        results = client.gather(client.map(increment, range(tasks), pure=False))
        took = time.perf_counter() - started
        if results != list(range(1, tasks + 1)):
            sys.exit("the results are not those of the inputs, in order")
        # Dask has to forget each of them, which the next round must not wait for.
        del results
        until = time.monotonic() + 60
        while kept(client) > before:
            if time.monotonic() > until:
                sys.exit("Dask has not forgotten its tasks after 60 s")
            time.sleep(0.01)
        print(took, flush=True)
