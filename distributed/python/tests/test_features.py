"""Resources, copies on each worker, and fewer workers, through the bridge."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from polyphony_dask import wire
from polyphony_dask.wire import Command, Event
from tests.conftest import local_cluster
from tests.peer import Peer, eventually
from tests.tasks import item_of, request, request_of, u64


def connected(peer: Peer, cluster: Any, tasks: Path) -> Peer:
    peer.connect(cluster.scheduler_address, tasks)
    peer.hear(Event.READY)
    return peer


def copies(cluster: Any) -> list[int]:
    """Of each scattered value, how many workers have it."""
    tasks = cluster.scheduler.tasks.items()
    return [len(of.who_has or ()) for key, of in tasks if key.startswith("scatter-")]


def test_data_is_on_one_worker_or_on_each(
    peer: Peer, cluster: Any, tasks: Path
) -> None:
    connected(peer, cluster, tasks)
    for number, onto_each in ((1, True), (2, False)):
        peer.scatter(number, bytes([1]) * 1000, onto_each)
        if onto_each:
            eventually(lambda: copies(cluster) == [2])
        peer.call(10 + number, "sum_bytes", (number, 0, "scatter"))
        peer.some(Command.WANT, 10 + number)
        assert item_of(peer.value()[1], 0) == (False, u64(1000))


def test_resources_are_asked_for(
    new_peer: Callable[[], Peer], cluster: Any, tasks: Path
) -> None:
    peer = connected(new_peer(), cluster, tasks)
    content = request(("increment", u64(1)))
    peer.send(1, "increment", [], content, {"POLYPHONY": 1.0})
    peer.send(2, "increment", [], content)
    peer.some(Command.WANT, 1, 2)
    number, reply = peer.value()
    assert (number, item_of(reply, 0)) == (2, (False, u64(2)))
    states = {str(key)[-2:]: of.state for key, of in cluster.scheduler.tasks.items()}
    assert states["-1"] == "no-worker"


def test_fewer_workers_are_told_of_and_keep_what_they_have(
    peer: Peer, tasks: Path
) -> None:
    with local_cluster(2) as cluster:
        connected(peer, cluster, tasks)
        peer.chunk(1, ("increment", u64(1)))
        peer.hear(Event.DONE)
        for question, wanted in ((7, 3), (8, 1)):
            fields = wire.number("Q", question), wire.number("I", wanted)
            peer.say(Command.SCALE, *fields)
            _, read = peer.hear(Event.SCALED)
            assert (read.number("Q"), read.number("I")) == (question, 2)
        eventually(lambda: len(cluster.scheduler.workers) == 1)
        peer.some(Command.WANT, 1)
        assert item_of(peer.value()[1], 0) == (False, u64(2))
        peer.close()


def test_each_call_of_a_chunk_has_its_own_inputs(
    peer: Peer, cluster: Any, tasks: Path
) -> None:
    connected(peer, cluster, tasks)
    peer.chunk(1, ("increment", u64(1)), ("panic_on_odd", u64(7)))
    calls = request_of(
        ["increment"],
        ("add", u64(40), [(0, 0, 0)]),
        ("increment", b"", [(0, 0, 1)]),
        ("increment", b"", [(0, 0, 0)]),
    )
    peer.send(2, "add", [1], calls)
    peer.some(Command.RELEASE, 1)
    peer.some(Command.WANT, 2)
    number, reply = peer.value()
    assert number == 2
    assert item_of(reply, 0) == (False, u64(42))
    assert item_of(reply, 1)[0]
    assert item_of(reply, 2) == (False, u64(3))
