"""What a task costs Dask's own client: for each line of input, which is a number of
tasks, the seconds that a map of so many took."""

import signal
import sys
import time

from distributed import Client, Scheduler


def increment(x: int) -> int:
    """The Dask tutorial's `inc`."""
    return x + 1


def at_hand(dask_scheduler: Scheduler) -> int:
    """How many tasks the scheduler knows."""
    return len(dask_scheduler.tasks)


# Ctrl-C ends the program that started this one, and this one without a word.
signal.signal(signal.SIGINT, signal.SIG_DFL)
with Client(sys.argv[1]) as client:
    for line in sys.stdin:
        tasks = int(line)
        started = time.perf_counter()
        results = client.gather(client.map(increment, range(tasks), pure=False))
        took = time.perf_counter() - started
        if results != list(range(1, tasks + 1)):
            sys.exit("the results are not those of the inputs, in order")
        # Dask has to forget each of them, which the next round must not wait for.
        del results
        while client.run_on_scheduler(at_hand) > 0:
            time.sleep(0.01)
        print(took, flush=True)
