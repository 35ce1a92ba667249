"""The tasks that the program has handed to Dask, and what comes of them: a value, an
error, or the end of workers, of which most tasks that had to do with it are innocent.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from distributed import Future, wait
from distributed.client import FuturesCancelledError
from distributed.scheduler import KilledWorker

from polyphony_dask import wire
from polyphony_dask.session import Session, said
from polyphony_dask.wire import Event

TRIES = 4
"""How often a value is put on the cluster before it is given up: as often as Dask
runs a task whose workers die."""

PAUSE = 0.1
"""Seconds before the next try, when a worker has just gone."""

MERCY = 20
"""How often in a row what was done before is done again whose workers die. Dask
holds a death against all that lay with the worker, and never forgets one."""

LOST = "lost dependencies", "already forgotten"
"""Dask's reasons why a task cannot be done whose inputs are gone."""


@dataclass
class Entry:
    """A task of Dask's, as long as anybody needs it."""

    dependencies: list[int]
    future: Future[Any] | None = None
    """None before Dask knows of it, which may wait for what it takes; and if that
    never comes."""
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether Dask knows of it, or never will."""
    failed: str = ""
    """Why it never will."""
    holders: int = 1
    wanted: bool = False
    done: bool = False
    """It is at its end, however that came."""
    has_value: bool = False
    """It was done, once at least; of what is put there that is taken for granted."""
    spared: int = 0
    """How often it was done again since, because workers died of it."""

    def settle(self, future: Future[Any] | None, failed: str = "") -> None:
        """What became of it: from now on those go that take it."""
        self.future, self.failed = future, failed
        self.settled.set()

    def is_gone(self) -> bool:
        """It was lost with its worker, and Dask cannot make it again."""
        return self.future is None or bool(self.future.cancelled())


class Entries:
    """All of them, by the numbers that the program gave them."""

    def __init__(self, session: Session, shim: Any, patience: float) -> None:
        self.session = session
        self.patience = patience
        self.shim = shim
        self.entries: dict[int, Entry] = {}
        self.sparing = asyncio.Lock()
        self.bytes_on_the_way = 0

    def submit(
        self,
        number: int,
        task: str,
        priority: int,
        resources: dict[str, float],
        dependencies: list[int],
        request: bytes,
    ) -> None:
        """Hands a chunk to Dask, as soon as Dask knows of all that it takes."""
        entry = self.entries[number] = Entry(dependencies)
        # Held here until this one is done: the scheduler may hear of a release
        # before it has understood a graph that was sent before.
        taken = [self.entries[of] for of in dependencies]
        for of in taken:
            of.holders += 1

        def hand_over() -> None:
            if why := next((of.failed for of in taken if of.failed), ""):
                entry.settle(None, why)
                self.tell(Event.BROKEN, number, wire.text(why))
            elif any(of.is_gone() for of in taken):
                entry.settle(None)
                self.tell_gone(number, entry)
            else:
                future = self.session.client.submit(
                    self.shim.run_chunk,
                    request,
                    *(of.future for of in taken),
                    key=f"{task}-{self.session.name}-{number}",
                    priority=priority,
                    resources=resources or None,
                    pure=False,
                )
                entry.settle(future)
                self.session.start(self.watch(number, entry, future))

        async def later(on_the_way: list[Entry]) -> None:
            for of in on_the_way:
                await of.settled.wait()
            if entry.holders > 0:
                hand_over()

        if on_the_way := [of for of in taken if not of.settled.is_set()]:
            self.session.start(later(on_the_way))
        else:
            hand_over()

    def scatter(self, number: int, onto_each: bool, item: bytes) -> None:
        """Puts a value on a worker or on each, beside everything else: only what
        takes it waits. Nobody hears of it unless it fails."""
        entry = self.entries[number] = Entry([], done=True, has_value=True)
        value = ("", self.shim.one_item(item))
        self.session.start(self.put(number, entry, onto_each, value))

    async def put(
        self, number: int, entry: Entry, onto_each: bool, value: tuple[str, bytes]
    ) -> None:
        """Tries until a worker has it: the next try goes to the next worker."""
        key = f"scatter-{self.session.name}-{number}"
        self.bytes_on_the_way += len(value[1])
        # A stopped worker is not waited for for ever: a second for each megabyte
        # that shares the way is more than the slowest network takes.
        longest = self.patience + self.bytes_on_the_way / 1e6
        why = ""
        try:
            for _ in range(TRIES):
                if entry.holders == 0:
                    break
                try:
                    # By a key of ours: what comes of an earlier try after all is a
                    # copy of the same.
                    sent = self.session.client.scatter(
                        {key: value}, broadcast=onto_each
                    )
                    future = (await asyncio.wait_for(sent, longest))[key]
                except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                    why = said(error)
                    await asyncio.sleep(PAUSE)
                else:
                    entry.settle(future)
                    break
        finally:
            self.bytes_on_the_way -= len(value[1])
        if entry.holders == 0:
            # Nobody needs it any more.
            if entry.future is not None:
                entry.future.release()
        elif entry.future is None:
            entry.settle(None, f"no worker takes a value: {why}")
            self.tell(Event.BROKEN, number, wire.text(entry.failed))

    async def watch(self, number: int, entry: Entry, future: Future[Any]) -> None:
        """Tells how it ends."""
        try:
            error = await self.outcome(number, entry, future)
        except FuturesCancelledError as cancelled:
            if entry.holders > 0:
                # It was not cancelled here: then nobody would hold it.
                self.tell_cancelled(number, entry, str(cancelled))
            self.end(entry)
            return
        if error is None:
            for of in self.taken(entry):
                of.spared = 0
        self.end(entry)
        if entry.holders == 0:
            return
        if error is not None:
            self.fail(number, error)
            return
        entry.has_value = True
        self.tell(Event.DONE, number)
        if entry.wanted:
            await self.fetch(number, entry, future)

    async def outcome(
        self, number: int, entry: Entry, future: Future[Any]
    ) -> BaseException | None:
        """Waits until a value is there, or there is a reason why there is none that
        is not to be done again."""
        was_spared = False
        while True:
            # It may be taken back before this goes on.
            await wait([future])
            if future.status == "finished":
                if was_spared:
                    await self.rescue()
                return None
            if future.status != "error":
                continue
            error: BaseException | None = await future.exception()
            if entry.holders == 0 or not await self.spare(number, future, error):
                return error
            was_spared = True

    async def spare(
        self, number: int, future: Future[Any], error: BaseException | None
    ) -> bool:
        """Has this task done again, or the one whose value it takes, if workers died
        of one that was done before: what kills them is then another that lay there,
        too. So it is done again and again until that other is found."""
        entry = self.entries.get(number)
        if entry is None or not isinstance(error, KilledWorker):
            return False
        _, _, fault = blamed(error)
        of = self.entries.get(fault)
        if of is None:
            # What nobody knows any more was done, for what takes its value held it
            # until then; unless that has failed. Its deaths are held against this.
            if any(of.done and not of.has_value for of in self.taken(entry)):
                return False
            of = entry
        elif not of.has_value:
            return False
        # The first of many that take its value has it done for all of them.
        async with self.sparing:
            if not await still(future, error):
                return True
            client = self.session.client
            if of.spared >= MERCY or client.scheduler is None or entry.holders == 0:
                return False
            of.spared += 1
            # Not by `Client.retry`: that takes a future back a second time, which may
            # be done by then.
            try:
                await client.scheduler.retry(keys=[future.key], client=client.id)
            except Exception:  # noqa: BLE001 - it is not needed any more, or all is lost
                return False
            # What it says of them comes on another way.
            until = asyncio.get_running_loop().time() + self.patience
            while await still(future, error):
                late = asyncio.get_running_loop().time() > until
                if late or entry.holders == 0:
                    return False
                await asyncio.sleep(0.01)
            return True

    async def rescue(self) -> None:
        """Has those values made again that were lost while what they are made of had
        failed: Dask thinks of them no more. Another that is lost begins anew."""
        futures = [entry.future for entry in self.entries.values() if entry.has_value]
        client = self.session.client
        for future in futures:
            # One by one: of those that it does not know Dask says nothing but that.
            if future is not None and future.status == "lost" and client.scheduler:
                with suppress(Exception):
                    await client.scheduler.retry(keys=[future.key], client=client.id)

    def taken(self, entry: Entry) -> list[Entry]:
        """Those whose values it takes."""
        return [self.entries[of] for of in entry.dependencies]

    def tell(self, event: Event, number: int, *fields: bytes) -> None:
        """Tells of a chunk."""
        self.session.send(event, wire.number("Q", number), *fields)

    def tell_cancelled(self, number: int, entry: Entry, why: str) -> None:
        """Dask does not know of it any more, and nobody here wanted that."""
        if "scheduler-connection-lost" in why:
            self.session.lose("the connection to the scheduler is lost")
            return
        if "scheduler-restart" in why:
            why = "another client has restarted the cluster"
        elif entry.done or self.lost(entry) or any(reason in why for reason in LOST):
            self.tell_gone(number, entry)
            return
        self.tell(Event.BROKEN, number, wire.text(why))

    def lost(self, entry: Entry) -> list[int]:
        """Which of the values that it takes are gone."""
        return [of for of in entry.dependencies if self.entries[of].is_gone()]

    def tell_gone(self, number: int, entry: Entry) -> None:
        """It is gone with its worker, or what it takes is, and Dask cannot make it."""
        lost = [wire.number("Q", of) for of in self.lost(entry)]
        self.tell(Event.GONE, number, wire.many(lost))

    def end(self, entry: Entry) -> None:
        """It needs nobody's value any more."""
        entry.done = True
        dependencies, entry.dependencies = entry.dependencies, []
        for of in dependencies:
            self.release(of)

    async def fetch(self, number: int, entry: Entry, future: Future[Any]) -> None:
        """Brings a value to the program."""
        try:
            while (error := await self.outcome(number, entry, future)) is None:
                try:
                    worker, reply = await self.session.client.gather(future)
                except KilledWorker:
                    # Lost since, and what makes it again lay beside what kills.
                    continue
                entry.spared = 0
                self.tell(Event.VALUE, number, wire.text(worker), wire.data(reply))
                return
        except Exception as lost:  # noqa: BLE001 - whatever it is, it is told
            # It was there, and was lost with its worker.
            if future.cancelled():
                self.tell_cancelled(number, entry, said(lost))
                return
            error = lost
        if entry.holders > 0:
            self.fail(number, error)

    def fail(self, number: int, error: BaseException | None) -> None:
        """Tells why there is no value."""
        if isinstance(error, KilledWorker):
            attempts = error.allowed_failures + 1
            last = getattr(error.last_worker, "address", str(error.last_worker))
            task, _session, fault = blamed(error)
            fields = (
                wire.number("Q", fault),
                wire.text(task),
                wire.number("I", attempts),
                wire.text(str(last)),
            )
            self.tell(Event.KILLED, number, *fields)
        else:
            self.tell(Event.BROKEN, number, wire.text(said(error)))

    def want(self, number: int) -> None:
        """Somebody asks for the value: now, or as soon as it is there."""
        entry = self.entries.get(number)
        if entry is None or entry.wanted:
            return
        entry.wanted = True
        if entry.has_value and entry.future is not None:
            self.session.start(self.fetch(number, entry, entry.future))

    def release(self, number: int) -> None:
        """One needs it less; if that was the last, Dask may forget it."""
        entry = self.entries.get(number)
        if entry is None:
            return
        entry.holders -= 1
        if entry.holders == 0:
            del self.entries[number]
            if entry.future is not None:
                entry.future.release()
            self.end(entry)


async def still(future: Future[Any], error: BaseException) -> bool:
    """Whether this is what has become of it, and not the same once more."""
    return bool(future.status == "error" and await future.exception() is error)


def blamed(error: KilledWorker) -> tuple[str, str, int]:
    """Of whom workers died, whoever takes that one's value: its task, its session and
    its number."""
    task, session, number = str(error.task).rsplit("-", 2)
    return task, session, int(number)
