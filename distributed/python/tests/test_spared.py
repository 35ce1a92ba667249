"""What was done before is not to blame for the deaths of workers: scheduler and workers
are real, and so are the deaths."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polyphony_dask import wire
from polyphony_dask.entries import MERCY
from polyphony_dask.wire import Command, Event
from tests.conftest import local_cluster
from tests.peer import Peer, eventually
from tests.tasks import item_of, u64


class Hospital:
    """A cluster of which one death of a worker is enough for Dask to give a task up,
    and a task that waits while a file is not there."""

    def __init__(self, cluster: Any, peer: Peer, gate: Path) -> None:
        self.cluster, self.scheduler, self.peer = cluster, cluster.scheduler, peer
        self.gate = gate
        self.scheduler.allowed_failures = 0

    def wait_for_gate(self, number: int) -> None:
        self.peer.chunk(number, ("wait_for", wire.text(str(self.gate))))

    def task(self, number: int) -> Any:
        """A chunk as the scheduler knows it."""
        tasks = list(self.scheduler.tasks.items())
        found = [task for key, task in tasks if str(key).endswith(f"-{number}")]
        return found[0] if found else None

    def runs(self, number: int) -> Any:
        """The worker that a chunk is with, if that is there."""
        task = self.task(number)
        worker = task and task.processing_on
        there = worker and worker.address in self.scheduler.workers
        return worker.address if there else None

    def kill(self, address: str) -> None:
        """Kills a worker; its nanny starts the next."""

        def nanny() -> Any:
            """Hears of its worker's address later than the scheduler does."""
            nannies = self.cluster.workers.values()
            return next((one for one in nannies if one.worker_address == address), None)

        eventually(lambda: nanny() is not None)
        os.kill(nanny().pid, signal.SIGKILL)
        eventually(lambda: address not in self.scheduler.workers)

    def kill_with(self, number: int) -> None:
        """Kills the worker that a chunk is with, as soon as it is with one."""
        eventually(lambda: self.runs(number) is not None)
        self.kill(self.runs(number))

    def lose(self, number: int) -> None:
        """Kills the worker that has a chunk's value."""
        (worker,) = self.task(number).who_has
        self.kill(worker.address)

    def is_quiet(self) -> None:
        """Nothing is told meanwhile, and the bridge is there."""
        self.peer.say(Command.INFO, wire.number("Q", 7))
        self.peer.hear(Event.INFO)


@pytest.fixture
def hospital(
    request: pytest.FixtureRequest, peer: Peer, tasks: Path, tmp_path: Path
) -> Iterator[Hospital]:
    """One of so many workers."""
    peer.guard_for(100)
    with local_cluster(request.param) as cluster:
        peer.connect(cluster.scheduler_address, tasks)
        peer.hear(Event.READY)
        yield Hospital(cluster, peer, tmp_path / "gate")
        peer.close()


one = pytest.mark.parametrize("hospital", [1], indirect=True)
two = pytest.mark.parametrize("hospital", [2], indirect=True)


def done_and_lost(hospital: Hospital) -> None:
    """A first chunk is done, its value is lost, and whoever makes it again dies."""
    hospital.gate.touch()
    hospital.wait_for_gate(1)
    hospital.peer.hear(Event.DONE)
    hospital.gate.unlink()
    hospital.lose(1)
    hospital.kill_with(1)
    eventually(lambda: hospital.task(1).state == "erred")


@one
def test_whoever_needs_it_has_it_made_again(hospital: Hospital) -> None:
    peer = hospital.peer
    done_and_lost(hospital)
    peer.call(2, "increment", (1, 0, "wait_for"))
    peer.call(3, "increment", (1, 0, "wait_for"))
    for _ in range(2):
        hospital.kill_with(1)
    eventually(lambda: hospital.runs(1) is not None)
    # Nothing is told of them until they are done.
    hospital.is_quiet()
    hospital.gate.touch()
    peer.some(Command.WANT, 1, 2, 3)
    values = dict(peer.value() for _ in range(3))
    assert {number: item_of(reply, 0)[0] for number, reply in values.items()} == {
        1: False,
        2: False,
        3: False,
    }


@one
def test_what_was_never_done_may_be_to_blame(hospital: Hospital) -> None:
    hospital.wait_for_gate(4)
    hospital.kill_with(4)
    _, read = hospital.peer.hear(Event.KILLED)
    assert (read.number("Q"), read.number("Q")) == (4, 4)


@one
def test_mercy_has_an_end(hospital: Hospital) -> None:
    done_and_lost(hospital)
    hospital.peer.some(Command.WANT, 1)
    for _ in range(MERCY):
        hospital.kill_with(1)
    _, read = hospital.peer.hear(Event.KILLED)
    assert (read.number("Q"), read.number("Q")) == (1, 1)


@one
def test_what_is_let_go_while_it_is_spared_leaves_nothing(hospital: Hospital) -> None:
    peer = hospital.peer
    done_and_lost(hospital)
    peer.call(2, "increment", (1, 0, "wait_for"))
    eventually(lambda: hospital.runs(1) is not None)
    peer.some(Command.RELEASE, 1, 2)
    eventually(lambda: not hospital.scheduler.tasks)
    hospital.is_quiet()
    # And when it is let go at the very moment.
    hospital.wait_for_gate(3)
    hospital.gate.touch()
    peer.hear(Event.DONE)
    hospital.gate.unlink()
    hospital.lose(3)
    hospital.kill_with(3)
    eventually(lambda: hospital.task(3).state == "erred")
    peer.call(4, "increment", (3, 0, "wait_for"))
    peer.some(Command.RELEASE, 3, 4)
    eventually(lambda: not hospital.scheduler.tasks)
    hospital.is_quiet()


@two
def test_what_dask_forgets_beside_a_failure_is_made_again(hospital: Hospital) -> None:
    peer, scheduler = hospital.peer, hospital.scheduler
    hospital.gate.touch()
    hospital.wait_for_gate(1)
    for number in (2, 3):
        peer.call(number, "increment", (1, 0, "wait_for"))
    for _ in range(3):
        peer.hear(Event.DONE)
    peer.some(Command.RELEASE, 1)
    eventually(lambda: hospital.task(1).state == "released")
    here, there = scheduler.workers
    for number, home, other in ((2, here, there), (3, there, here)):
        key = hospital.task(number).key
        if home not in {worker.address for worker in hospital.task(number).who_has}:
            sync = hospital.cluster.sync
            sync(scheduler.gather_on_worker, home, {key: [other]})
            sync(scheduler.delete_worker_data, other, [key], "test")
    hospital.gate.unlink()
    # The one is lost; what both are made of is made again on the only other worker,
    # and with that dies, beside it, the second.
    hospital.lose(3)
    eventually(lambda: hospital.runs(1) == here)
    hospital.kill(here)
    eventually(lambda: hospital.task(1).state == "erred")
    assert [hospital.task(number).state for number in (2, 3)] == ["released", "erred"]
    peer.some(Command.WANT, 2, 3)
    eventually(lambda: hospital.runs(1) is not None)
    hospital.gate.touch()
    values = dict(peer.value() for _ in range(2))
    one_more = (False, u64(1))
    assert {number: item_of(reply, 0) for number, reply in values.items()} == {
        2: one_more,
        3: one_more,
    }
