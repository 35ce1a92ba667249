"""Resources, copies on each worker, and fewer workers, through the bridge."""

import logging
import struct
import time
import unittest
from typing import Any

from distributed import LocalCluster

from polyphony_dask import wire
from polyphony_dask.wire import Command, Event
from tests.peer import DEADLINE, Peer
from tests.tasks import item_of, library, request, request_of, u64


class FeaturesTest(unittest.TestCase):
    def connected(self, workers: int, **options: Any) -> tuple[Any, Peer]:
        tasks = library()
        cluster: Any = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            host="127.0.0.1",
            silence_logs=logging.CRITICAL,
            **options,
        )
        self.addCleanup(cluster.close)
        peer = Peer()
        self.addCleanup(peer.close)
        peer.connect(cluster.scheduler_address, tasks)
        peer.hear(Event.READY)
        return cluster, peer

    def scatter(self, peer: Peer, number: int, onto_each: bool, data: bytes) -> None:
        content = wire.data(struct.pack("<I", len(data)) + data)
        fields = wire.number("Q", number), wire.number("B", onto_each), content
        peer.say(Command.SCATTER, *fields)

    def test_data_is_on_one_worker_or_on_each(self) -> None:
        cluster, peer = self.connected(2)
        for number, onto_each in ((1, False), (2, True)):
            self.scatter(peer, number, onto_each, bytes(1000))
            peer.call(10 + number, "sum_bytes", (number, 0, "scatter"))
            peer.some(Command.WANT, 10 + number)
            assert item_of(peer.value()[1], 0) == (False, u64(0))
            # While it is held: where it lies, not what was made of it.
            copies = [
                len(task.who_has or ())
                for key, task in cluster.scheduler.tasks.items()
                if key.startswith("tuple-")
            ]
            if onto_each:
                assert max(copies) == 2
                assert len(copies) == 2
            else:
                assert len(copies) == 1

    def test_resources_are_asked_for(self) -> None:
        cluster, peer = self.connected(1, resources={"GPU": 1})
        for number, kind in ((1, "GPU"), (2, "TPU")):
            peer.send(
                number, "increment", [], request(("increment", u64(1))), {kind: 1.0}
            )
        peer.some(Command.WANT, 1, 2)
        number, reply = peer.value()
        assert (number, item_of(reply, 0)) == (1, (False, u64(2)))
        states = {task.state for task in cluster.scheduler.tasks.values()}
        assert "no-worker" in states

    def test_fewer_workers_are_told_of_and_keep_what_they_have(self) -> None:
        cluster, peer = self.connected(2)
        peer.chunk(1, ("increment", u64(1)))
        peer.hear(Event.DONE)
        for question, wanted, told in ((7, 3, 2), (8, 1, 2)):
            peer.say(
                Command.SCALE, wire.number("Q", question), wire.number("I", wanted)
            )
            _, read = peer.hear(Event.SCALED)
            assert (read.number("Q"), read.number("I")) == (question, told)
        until = time.monotonic() + DEADLINE
        while len(cluster.scheduler.workers) > 1:
            assert time.monotonic() < until
            time.sleep(0.01)
        peer.some(Command.WANT, 1)
        assert item_of(peer.value()[1], 0) == (False, u64(2))

    def test_calls_of_a_chunk_take_items_of_others(self) -> None:
        _, peer = self.connected(1)
        peer.chunk(1, ("increment", u64(1)), ("panic_on_odd", u64(7)))
        names = ["increment"]
        calls = request_of(
            names,
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


if __name__ == "__main__":
    unittest.main()
