"""The bridge as the program sees it: a process, and Dask's scheduler and workers
behind it."""

import copy
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distributed.versions import get_versions

from polyphony_dask import wire
from polyphony_dask.connect import misfits
from polyphony_dask.wire import Command, Event
from tests.conftest import local_cluster
from tests.peer import Peer, eventually
from tests.tasks import item_of, u64


@pytest.fixture
def connected(peer: Peer, cluster: Any, tasks: Path) -> Peer:
    """One on the cluster of two workers."""
    peer.connect(cluster.scheduler_address, tasks)
    _, read = peer.hear(Event.READY)
    assert read.number("I") == 2
    names = read.many(lambda: (read.text(), read.text()))
    assert ("increment", "u64 -> u64") in names
    return peer


def test_values_are_those_of_the_tasks(connected: Peer) -> None:
    connected.chunk(1, ("increment", u64(1)), ("increment", u64(39)))
    connected.call(2, "add", (1, 0, "increment"), (1, 1, "increment"))
    connected.some(Command.RELEASE, 1)
    connected.some(Command.WANT, 2)
    number, reply = connected.value()
    assert (number, item_of(reply, 0)) == (2, (False, u64(42)))


def test_scattered_data_is_an_argument(connected: Peer) -> None:
    data = bytes([3]) * (8 << 20)
    connected.scatter(1, data)
    for number in (2, 3):
        connected.call(number, "sum_bytes", (1, 0, "scatter"))
    connected.some(Command.WANT, 2, 3)
    for _ in range(2):
        _, reply = connected.value()
        assert item_of(reply, 0) == (False, u64(3 * len(data)))


def test_only_what_takes_a_value_waits_for_a_stopped_worker(
    peer: Peer, tasks: Path
) -> None:
    with local_cluster(1) as cluster:
        peer.connect(cluster.scheduler_address, tasks)
        peer.hear(Event.READY)
        (nanny,) = cluster.workers.values()
        os.kill(nanny.pid, signal.SIGSTOP)
        peer.scatter(1, bytes([3]) * 1000)
        peer.scatter(2, b"nobody wants it")
        peer.call(3, "sum_bytes", (1, 0, "scatter"))
        peer.call(4, "increment", (3, 0, "sum_bytes"))
        peer.call(5, "sum_bytes", (1, 0, "scatter"))
        peer.some(Command.WANT, 4, 5)
        # One needs what is released here, and another is not to be done.
        peer.some(Command.RELEASE, 1, 2, 3, 5)
        peer.say(Command.INFO, wire.number("Q", 7))
        peer.hear(Event.INFO)
        os.kill(nanny.pid, signal.SIGCONT)
        number, reply = peer.value()
        assert (number, item_of(reply, 0)) == (4, (False, u64(3001)))
        assert len(cluster.scheduler.tasks) <= 3, "the value, its sum and one more"
        peer.some(Command.RELEASE, 4)
        eventually(lambda: not cluster.scheduler.tasks)
        peer.close()


def test_what_is_gone_with_its_worker_is_told(peer: Peer, tasks: Path) -> None:
    with local_cluster(1) as cluster:
        peer.connect(cluster.scheduler_address, tasks)
        peer.hear(Event.READY)
        peer.scatter(1, bytes([3]) * 1000)
        peer.call(2, "sum_bytes", (1, 0, "scatter"))
        peer.hear(Event.DONE)
        (nanny,) = cluster.workers.values()
        os.kill(nanny.pid, signal.SIGKILL)
        eventually(lambda: not cluster.scheduler.tasks)
        # The value of a task, what takes it, and what takes the data itself.
        peer.some(Command.WANT, 2)
        gone(peer, 2)
        peer.call(3, "increment", (2, 0, "sum_bytes"))
        gone(peer, 3, 2)
        peer.call(4, "increment", (3, 0, "increment"))
        gone(peer, 4, 3)
        peer.call(5, "sum_bytes", (1, 0, "scatter"))
        gone(peer, 5, 1)
        peer.scatter(6, bytes([3]) * 1000)
        peer.call(7, "sum_bytes", (6, 0, "scatter"))
        peer.some(Command.WANT, 7)
        number, reply = peer.value()
        assert (number, item_of(reply, 0)) == (7, (False, u64(3000)))
        peer.close()


def gone(peer: Peer, chunk: int, *taken: int) -> None:
    """It is told that this is gone, and which of what it takes."""
    _, read = peer.hear(Event.GONE)
    assert read.number("Q") == chunk
    assert read.many(lambda: read.number("Q")) == list(taken)


def test_a_task_that_kills_workers_is_given_up(connected: Peer) -> None:
    connected.chunk(1, ("abort", u64(0)))
    _, read = connected.hear(Event.KILLED)
    assert (read.number("Q"), read.number("Q")) == (1, 1), "it is to blame itself"
    assert (read.text(), read.number("I")) == ("abort", 4)
    assert read.text().startswith("tcp://")
    # The replaced workers have the tasks too.
    connected.chunk(2, ("increment", u64(1)))
    connected.some(Command.WANT, 2)
    _, reply = connected.value()
    assert item_of(reply, 0) == (False, u64(2))


@pytest.mark.parametrize("end", ["close", "kill"])
def test_nothing_is_left_of_a_program(connected: Peer, cluster: Any, end: str) -> None:
    connected.chunk(1, ("increment", u64(1)))
    connected.hear(Event.DONE)
    scheduler = cluster.scheduler
    if end == "kill":
        connected.process.send_signal(signal.SIGKILL)
    connected.close()

    def left() -> list[str]:
        clients = [name for name in scheduler.clients if "polyphony" in name.lower()]
        return [*clients, *map(str, scheduler.tasks)]

    eventually(lambda: not left())


def test_workers_are_told(connected: Peer) -> None:
    connected.say(Command.INFO, wire.number("Q", 7))
    _, read = connected.hear(Event.INFO)
    assert read.number("Q") == 7
    workers = read.many(lambda: (read.text(), read.text(), read.number("I")))
    assert {threads for _, _, threads in workers} == {1}


def test_no_scheduler(peer: Peer, tasks: Path) -> None:
    peer.connect("tcp://127.0.0.1:9", tasks, patience=1)
    _, read = peer.hear(Event.REFUSED)
    assert "no scheduler at tcp://127.0.0.1:9" in read.text()
    assert peer.close() == 0


def test_a_program_that_goes_before_there_is_an_answer(peer: Peer, tasks: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        _, port = silent.getsockname()
        peer.connect(f"tcp://127.0.0.1:{port}", tasks, patience=600)
        connection, _ = silent.accept()
        with connection:
            assert peer.close() == 0


def test_a_scheduler_that_goes(new_peer: Callable[[], Peer], tasks: Path) -> None:
    with local_cluster(0) as cluster:
        peer = new_peer()
        peer.connect(cluster.scheduler_address, tasks, patience=5)
        peer.hear(Event.READY)
    _, read = peer.hear(Event.LOST)
    assert "scheduler" in read.text()
    assert peer.close() == 0


def test_other_versions_are_named() -> None:
    ours: Any = get_versions()
    theirs = copy.deepcopy(ours)
    same = {"client": ours, "scheduler": ours, "workers": {"tcp://a": theirs}}
    assert misfits(same) == []
    theirs["packages"]["distributed"] = "2000.1.0"
    ours_is = ours["packages"]["distributed"]
    [unlike] = misfits(same)
    assert unlike == f"worker tcp://a has distributed 2000.1.0, the client {ours_is}"
