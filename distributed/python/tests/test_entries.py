"""How often a value is tried to be put on the cluster; the cluster is made up."""

import asyncio
from typing import Any

from polyphony_dask import shim, wire
from polyphony_dask.entries import TRIES, Entries
from polyphony_dask.wire import Event


class Cluster:
    """Workers of which some are gone or stopped; client and session in one."""

    name = "session"

    def __init__(self, *workers: str) -> None:
        self.client = self
        self.workers = list(workers)
        self.said: list[tuple[Event, bytes]] = []
        self.keys: list[str] = []
        self.released = 0
        self.work: list[asyncio.Task[None]] = []

    async def scatter(self, data: dict[str, Any], broadcast: bool) -> dict[str, Any]:
        (key,) = data
        self.keys.append(key)
        match self.workers.pop(0):
            case "gone":
                raise OSError("it is gone")
            case "stopped":
                await asyncio.sleep(60)
        return {key: self}

    def release(self) -> None:
        self.released += 1

    def start(self, work: Any) -> None:
        self.work.append(asyncio.get_running_loop().create_task(work))

    def send(self, event: Event, *fields: bytes) -> None:
        self.said.append((event, b"".join(fields)))


async def put(cluster: Cluster, release: bool = False) -> Entries:
    session: Any = cluster
    entries = Entries(session, shim, patience=0.05)
    entries.scatter(3, False, b"value")
    if release:
        await asyncio.sleep(0.01)
        entries.release(3)
    await asyncio.gather(*cluster.work)
    return entries


def test_the_next_worker_is_tried_under_the_same_key() -> None:
    cluster = Cluster("stopped", "gone", "there")
    entries = asyncio.run(put(cluster))
    assert cluster.keys == ["scatter-session-3"] * 3
    assert cluster.said == []
    assert not entries.entries[3].failed
    assert entries.bytes_on_the_way == 0


def test_after_some_it_is_told() -> None:
    cluster = Cluster(*["gone"] * (TRIES + 1))
    asyncio.run(put(cluster))
    assert len(cluster.keys) == TRIES
    why = "no worker takes a value: OSError: it is gone"
    told = wire.number("Q", 3) + wire.text(why)
    assert cluster.said == [(Event.BROKEN, told)]


def test_what_nobody_needs_any_more_is_not_tried_again() -> None:
    cluster = Cluster("stopped", "there")
    asyncio.run(put(cluster, release=True))
    assert (len(cluster.keys), cluster.released, cluster.said) == (1, 0, [])
