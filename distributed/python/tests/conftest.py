"""The library of tasks, a cluster that all tests share, and peers that go."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster

from tests.peer import Peer
from tests.tasks import library


def local_cluster(workers: int) -> Any:
    """A scheduler in this process, and workers that are processes."""
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        host="127.0.0.1",
        silence_logs=logging.CRITICAL,
    )


@pytest.fixture(scope="session")
def tasks() -> Path:
    return library()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    with local_cluster(2) as cluster:
        yield cluster


@pytest.fixture
def new_peer() -> Iterator[Callable[[], Peer]]:
    """Makes peers, and ends those that a test has not."""
    peers: list[Peer] = []

    def new() -> Peer:
        peers.append(Peer())
        return peers[-1]

    yield new
    for peer in peers:
        peer.close()


@pytest.fixture
def peer(new_peer: Callable[[], Peer]) -> Peer:
    """One that is connected to nothing."""
    return new_peer()
