"""The cluster itself: whether it lives, who its workers are, and how many."""

from __future__ import annotations

import asyncio
from typing import Any

from polyphony_dask import wire
from polyphony_dask.session import Session, said
from polyphony_dask.wire import Event

ALIVE_EVERY = 1.0
"""Seconds between signs of life."""


class Operator:
    """Asks the scheduler, and tells the program."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.threads = 0
        self.retiring = asyncio.Lock()

    async def identity(self, workers: int) -> Any:
        """What the scheduler says of itself, and of so many workers."""
        scheduler: Any = self.session.client.scheduler
        return await scheduler.identity(n_workers=workers)

    async def tell(self, question: int) -> None:
        """Which workers there are; those that are still being prepared are not."""
        try:
            identity = await self.identity(-1)
        except Exception:  # noqa: BLE001
            return  # Whoever watches the scheduler says what that means.
        workers = [
            wire.text(address)
            + wire.text(str(worker["name"]))
            + wire.number("I", worker["nthreads"])
            for address, worker in identity["workers"].items()
            if worker["status"] != "init"
        ]
        self.session.send(Event.INFO, wire.number("Q", question), wire.many(workers))

    async def scale(self, question: int, wanted: int) -> None:
        """Tells how many workers there are, and has those retire that are too many."""
        try:
            workers = (await self.identity(-1))["workers"].values()
            running = sum(worker["status"] == "running" for worker in workers)
            fields = wire.number("Q", question), wire.number("I", running)
            self.session.send(Event.SCALED, *fields)
            if running < wanted:
                return  # The program is told that this cannot be.
            # One after the other: those that are on their way out count with Dask.
            async with self.retiring:
                surplus = len((await self.identity(-1))["workers"]) - wanted
                if surplus > 0:
                    await self.session.client.retire_workers(n=surplus)
        except Exception:  # noqa: BLE001
            return  # Whoever watches the scheduler says what that means.

    async def live(self) -> None:
        """Gives signs of life."""
        while True:
            self.session.send(Event.ALIVE, wire.number("I", self.threads))
            await asyncio.sleep(ALIVE_EVERY)

    async def look(self, patience: float) -> None:
        """Looks whether the scheduler answers, and whether Dask is content."""
        while True:
            if self.session.client.status != "running":
                self.session.lose(
                    f"the connection to the scheduler is {self.session.client.status}"
                )
            try:
                said_of_itself = await asyncio.wait_for(self.identity(0), patience)
                self.threads = said_of_itself["total_threads"]
            except TimeoutError:
                self.session.lose(f"the scheduler has not answered for {patience:g} s")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                self.session.lose(f"the scheduler does not answer: {said(error)}")
            await asyncio.sleep(min(ALIVE_EVERY, patience / 4))
