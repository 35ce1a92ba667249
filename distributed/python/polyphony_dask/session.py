"""What all parts of the bridge stand on: Dask's client, and the way back."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from typing import Any

from distributed import Client

from polyphony_dask import wire
from polyphony_dask.wire import Event


class Session:
    """One program's use of one cluster."""

    def __init__(self, client: Client, out: asyncio.WriteTransport) -> None:
        self.client = client
        self.name = uuid.uuid4().hex
        self.out = out
        self.tasks: set[asyncio.Task[None]] = set()
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def send(self, event: Event, *fields: bytes) -> None:
        """Never waits: what the program has not read yet is kept here."""
        self.out.write(wire.frame(event, *fields))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Beside everything else. Its exception would be a bug, and is the end:
        a task that nobody watches any more would be waited for for ever."""

        def ended(task: asyncio.Task[None]) -> None:
            self.tasks.discard(task)
            if not task.cancelled() and (error := task.exception()):
                self.lose(f"the bridge failed: {said(error)}")

        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(ended)

    def lose(self, why: str) -> None:
        """Nothing more can come of it."""
        if not self.lost.done():
            self.lost.set_result(why)


def said(error: BaseException | None) -> str:
    """An exception in one line."""
    return (
        f"{type(error).__name__}: {error}" if error is not None else "nobody knows why"
    )
