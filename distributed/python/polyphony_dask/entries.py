"""The tasks that the program has handed to Dask, and what comes of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from distributed import Future, wait
from distributed.client import FuturesCancelledError
from distributed.scheduler import KilledWorker

from polyphony_dask import wire
from polyphony_dask.session import Session, said
from polyphony_dask.wire import Event


@dataclass
class Entry:
    """A task of Dask's, as long as anybody needs it."""

    future: Future[Any]
    dependencies: list[int]
    holders: int = 1
    wanted: bool = False
    done: bool = False


class Entries:
    """All of them, by the numbers that the program gave them."""

    def __init__(self, session: Session, shim: Any, patience: float) -> None:
        self.session = session
        self.patience = patience
        self.shim = shim
        self.entries: dict[int, Entry] = {}

    def submit(
        self,
        number: int,
        task: str,
        priority: int,
        resources: dict[str, float],
        dependencies: list[int],
        request: bytes,
    ) -> None:
        """Hands a chunk to Dask, under a key that nobody else has."""
        if any(of not in self.entries for of in dependencies):
            # It was scattered, and no worker would take it.
            why = "a value that it takes is not on the cluster"
            self.session.send(Event.BROKEN, wire.number("Q", number), wire.text(why))
            return
        futures = [self.entries[of].future for of in dependencies]
        future = self.session.client.submit(
            self.shim.run_chunk,
            request,
            *futures,
            key=f"{task}-{self.session.name}-{number}",
            priority=priority,
            resources=resources or None,
            pure=False,
        )
        # Held here until this one is done: the scheduler may hear of a release
        # before it has understood a graph that was sent before.
        for of in dependencies:
            self.entries[of].holders += 1
        entry = self.entries[number] = Entry(future, dependencies)
        self.session.start(self.watch(number, entry))

    async def scatter(self, number: int, onto_each: bool, item: bytes) -> None:
        """Puts a value on a worker or on each; nobody hears of it unless it fails."""
        value = ("", self.shim.one_item(item))
        # A stopped worker must not hold up everything behind it: a second for each
        # megabyte is more than the slowest network takes.
        longest = self.patience + len(item) / 1e6
        try:
            # In a list, or Dask would take the tuple apart.
            [future] = await asyncio.wait_for(
                self.session.client.scatter([value], hash=False, broadcast=onto_each),
                longest,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            self.session.send(
                Event.BROKEN, wire.number("Q", number), wire.text(said(error))
            )
            return
        self.entries[number] = Entry(future, [], done=True)

    async def watch(self, number: int, entry: Entry) -> None:
        """Tells how it ends."""
        try:
            await wait([entry.future])
        except FuturesCancelledError as error:
            if "scheduler-connection-lost" in str(error):
                self.session.lose("the connection to the scheduler is lost")
            elif entry.holders > 0 and "scheduler-restart" in str(error):
                why = "another client has restarted the cluster"
                self.session.send(
                    Event.BROKEN, wire.number("Q", number), wire.text(why)
                )
            elif entry.holders > 0:
                # It was not cancelled here: then nobody would hold it.
                gone = any(
                    of in self.entries and self.entries[of].future.cancelled()
                    for of in entry.dependencies
                )
                why = "a value put on the cluster is gone with its worker"
                self.session.send(
                    Event.BROKEN,
                    wire.number("Q", number),
                    wire.text(why if gone else said(error)),
                )
            self.end(entry)
            return
        self.end(entry)
        if entry.holders == 0:
            return
        if entry.future.status == "error":
            self.fail(number, await entry.future.exception())
            return
        self.session.send(Event.DONE, wire.number("Q", number))
        if entry.wanted:
            await self.fetch(number, entry)

    def end(self, entry: Entry) -> None:
        """It needs nobody's value any more."""
        entry.done = True
        dependencies, entry.dependencies = entry.dependencies, []
        for of in dependencies:
            self.release(of)

    async def fetch(self, number: int, entry: Entry) -> None:
        """Brings a value to the program."""
        try:
            worker, reply = await self.session.client.gather(entry.future)
            fields = wire.text(worker), wire.data(reply)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            # It was there, was lost with its worker, and cannot be had again.
            self.fail(number, error)
            return
        self.session.send(Event.VALUE, wire.number("Q", number), *fields)

    def fail(self, number: int, error: BaseException | None) -> None:
        """Tells why there is no value."""
        name = wire.number("Q", number)
        if isinstance(error, KilledWorker):
            attempts = error.allowed_failures + 1
            last = getattr(error.last_worker, "address", str(error.last_worker))
            # It may be the end of another task, whose value this one takes.
            task, _session, fault = str(error.task).rsplit("-", 2)
            fields = (
                wire.number("Q", int(fault)),
                wire.text(task),
                wire.number("I", attempts),
                wire.text(str(last)),
            )
            self.session.send(Event.KILLED, name, *fields)
        else:
            self.session.send(Event.BROKEN, name, wire.text(said(error)))

    def want(self, number: int) -> None:
        """Somebody asks for the value: now, or as soon as it is there."""
        entry = self.entries.get(number)
        if entry is None or entry.wanted:
            return
        entry.wanted = True
        if entry.done:
            self.session.start(self.fetch(number, entry))

    def release(self, number: int) -> None:
        """One needs it less; if that was the last, Dask may forget it."""
        entry = self.entries.get(number)
        if entry is None:
            return
        entry.holders -= 1
        if entry.holders == 0:
            del self.entries[number]
            entry.future.release()
            self.end(entry)
