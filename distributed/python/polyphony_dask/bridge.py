"""Holds Dask's client for a Rust program, and does what it says.

Commands come on standard input and events go out on standard output, framed as
in `wire`. The bridge ends when its input does, so it never outlives the program,
and with it the client, whereupon the scheduler forgets what was the program's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import struct
import uuid
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client, Future, wait
from distributed.client import FuturesCancelledError
from distributed.scheduler import KilledWorker
from distributed.security import Security

from polyphony_dask import wire
from polyphony_dask.plugin import Parcel, ShimPlugin, TasksPlugin
from polyphony_dask.wire import Command, Event, Reader

ALIVE_EVERY = 1.0
"""Seconds between signs of life."""


@dataclass
class Entry:
    """A task of Dask's, as long as anybody needs it."""

    future: Future[Any]
    dependencies: list[int]
    holders: int = 1
    wanted: bool = False
    done: bool = False


class Refusal(Exception):
    """Why there can be no bridge to that cluster."""


class Lost(Exception):
    """The scheduler is gone, or says nothing any more."""


class Bridge:
    """The entries, and what is going on about them."""

    def __init__(
        self, client: Client, parcel: Parcel, out: asyncio.WriteTransport
    ) -> None:
        self.client = client
        self.shim = parcel.module()
        self.session = uuid.uuid4().hex
        self.threads = 0
        self.out = out
        self.entries: dict[int, Entry] = {}
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

    async def obey(self, message: bytes) -> None:
        """Carries a command out, or begins to."""
        read = Reader(message)
        match read.number("B"):
            case Command.CHUNK:
                number, task, priority = read.number("Q"), read.text(), read.number("i")
                self.submit(
                    number, task, priority, [], self.shim.run_chunk, read.data()
                )
            case Command.CALL:
                number, task, priority = read.number("Q"), read.text(), read.number("i")
                retries = read.number("I")
                pieces = read.many(read.data)
                holes = read.many(
                    lambda: (read.number("Q"), read.number("I"), read.text())
                )
                places: dict[int, int] = {}
                filled = [
                    (places.setdefault(of, len(places)), item, name)
                    for of, item, name in holes
                ]
                self.submit(
                    number, task, priority, list(places), self.shim.run_call,
                    task, retries, pieces, filled,
                )  # fmt: skip
            case Command.SCATTER:
                await self.scatter(read.number("Q"), read.data())
            case Command.WANT:
                for number in read.many(lambda: read.number("Q")):
                    self.want(number)
            case Command.RELEASE:
                for number in read.many(lambda: read.number("Q")):
                    self.release(number)
            case Command.INFO:
                self.start(self.tell(read.number("Q")))
            case other:
                raise ValueError(f"there is no command {other}")

    def submit(
        self,
        number: int,
        task: str,
        priority: int,
        dependencies: list[int],
        function: Any,
        *arguments: Any,
    ) -> None:
        """Hands a task to Dask, under a key that nobody else has."""
        if any(of not in self.entries for of in dependencies):
            # It was scattered, and no worker would take it.
            why = "a value that it takes is not on the cluster"
            self.send(Event.BROKEN, wire.number("Q", number), wire.text(why))
            return
        futures = [self.entries[of].future for of in dependencies]
        future = self.client.submit(
            function,
            *arguments,
            *futures,
            key=f"{task}-{self.session}-{number}",
            priority=priority,
            pure=False,
        )
        # Held here until this one is done: the scheduler may hear of a release
        # before it has understood a graph that was sent before.
        for of in dependencies:
            self.entries[of].holders += 1
        entry = self.entries[number] = Entry(future, dependencies)
        self.start(self.watch(number, entry))

    async def scatter(self, number: int, item: bytes) -> None:
        """Puts a value on a worker; nobody hears of it unless it fails."""
        value = ("", "", self.shim.one_item(item))
        try:
            # In a list, or Dask would take the tuple apart.
            [future] = await self.client.scatter([value], hash=False)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            self.send(Event.BROKEN, wire.number("Q", number), wire.text(said(error)))
            return
        self.entries[number] = Entry(future, [], done=True)

    async def watch(self, number: int, entry: Entry) -> None:
        """Tells how it ends."""
        try:
            await wait([entry.future])
        except FuturesCancelledError as error:
            if "scheduler-connection-lost" in str(error):
                self.lose("the connection to the scheduler is lost")
            elif entry.holders > 0 and "scheduler-restart" in str(error):
                why = "another client has restarted the cluster"
                self.send(Event.BROKEN, wire.number("Q", number), wire.text(why))
            elif entry.holders > 0:
                self.send(Event.CANCELLED, wire.number("Q", number))
            self.end(entry)
            return
        self.end(entry)
        if entry.holders == 0:
            return
        if entry.future.status == "error":
            self.fail(number, await entry.future.exception())
            return
        self.send(Event.DONE, wire.number("Q", number))
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
            worker, origin, reply = await self.client.gather(entry.future)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            # It was there, was lost with its worker, and cannot be had again.
            self.fail(number, error)
            return
        fields = wire.text(worker), wire.text(origin), wire.data(reply)
        self.send(Event.VALUE, wire.number("Q", number), *fields)

    def fail(self, number: int, error: BaseException | None) -> None:
        """Tells why there is no value."""
        name = wire.number("Q", number)
        if isinstance(error, KilledWorker):
            attempts = error.allowed_failures + 1
            last = getattr(error.last_worker, "address", str(error.last_worker))
            # It may be the end of another task, whose value this one takes.
            task = str(error.task).rsplit("-", 2)[0]
            fields = wire.text(task), wire.number("I", attempts), wire.text(str(last))
            self.send(Event.KILLED, name, *fields)
        else:
            self.send(Event.BROKEN, name, wire.text(said(error)))

    def want(self, number: int) -> None:
        """Somebody asks for the value: now, or as soon as it is there."""
        entry = self.entries.get(number)
        if entry is None or entry.wanted:
            return
        entry.wanted = True
        if entry.done:
            self.start(self.fetch(number, entry))

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

    async def identity(self, workers: int) -> Any:
        """What the scheduler says of itself, and of so many workers."""
        scheduler: Any = self.client.scheduler
        return await scheduler.identity(n_workers=workers)

    async def tell(self, question: int) -> None:
        """Which workers there are."""
        try:
            identity = await self.identity(-1)
        except Exception:  # noqa: BLE001
            return  # Whoever watches the scheduler says what that means.
        workers = [
            wire.text(address)
            + wire.text(str(worker["name"]))
            + wire.number("I", worker["nthreads"])
            for address, worker in identity["workers"].items()
        ]
        self.send(Event.INFO, wire.number("Q", question), wire.many(workers))

    def lose(self, why: str) -> None:
        """Nothing more can come of it."""
        if not self.lost.done():
            self.lost.set_result(why)

    async def live(self) -> None:
        """Gives signs of life."""
        while True:
            self.send(Event.ALIVE, wire.number("I", self.threads))
            await asyncio.sleep(ALIVE_EVERY)

    async def look(self, patience: float) -> None:
        """Looks whether the scheduler answers, and whether Dask is content."""
        while True:
            if self.client.status != "running":
                self.lose(f"the connection to the scheduler is {self.client.status}")
            try:
                said_of_itself = await asyncio.wait_for(self.identity(0), patience)
                self.threads = said_of_itself["total_threads"]
            except TimeoutError:
                self.lose(f"the scheduler has not answered for {patience:g} s")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                self.lose(f"the scheduler does not answer: {said(error)}")
            await asyncio.sleep(min(ALIVE_EVERY, patience / 4))


def said(error: BaseException | None) -> str:
    """An exception in one line."""
    return (
        f"{type(error).__name__}: {error}" if error is not None else "nobody knows why"
    )


def misfits(versions: dict[str, Any]) -> list[str]:
    """Which of the cluster's versions are not ours, each with both."""

    def of(who: dict[str, Any]) -> dict[str, str]:
        packages = {
            name: str(who["packages"].get(name)) for name in ("dask", "distributed")
        }
        python = str(who["packages"].get("python")).split(".")
        return packages | {"Python": ".".join(python[:2])}

    ours = of(versions["client"])
    others = {"the scheduler": versions["scheduler"]}
    others |= {
        f"worker {address}": worker for address, worker in versions["workers"].items()
    }
    return [
        f"{whose} has {name} {theirs}, the client {ours[name]}"
        for whose, who in others.items()
        for name, theirs in of(who).items()
        if theirs != ours[name]
    ]


async def connect(read: Reader) -> tuple[Client, Parcel, dict[str, Any], float]:
    """The client of a cluster whose workers have the tasks."""
    address, library = read.text(), read.text()
    ca, certificate, key = (read.option(read.text) for _ in range(3))
    patience = read.number("Q") / 1000
    security = None
    if ca is not None:
        security = Security(
            tls_ca_file=ca,
            tls_client_cert=certificate,
            tls_client_key=key,
            require_encryption=True,
        )
    try:
        client = await Client(
            address,
            asynchronous=True,
            timeout=patience,
            security=security,
            name="polyphony",
        )
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise Refusal(f"no scheduler at {address}: {said(error)}") from error
    try:
        async with asyncio.timeout(patience):
            if unlike := misfits(await client.get_versions()):
                raise Refusal("; ".join(unlike))
            parcel = Parcel(Path(library).read_bytes())
            described = parcel.load(library)
            await client.register_plugin(ShimPlugin(parcel))
            await client.register_plugin(TasksPlugin(parcel))
    except Refusal:
        await client.close()
        raise
    except TimeoutError as error:
        raise Refusal(
            f"the cluster did not take the tasks in {patience:g} s"
        ) from error
    except Exception as error:
        await client.close()
        raise Refusal(str(error)) from error
    return client, parcel, described, patience


async def receive(commands: asyncio.StreamReader) -> bytes | None:
    """The next message; none at the end, or in the middle of one."""
    try:
        (length,) = struct.unpack("<Q", await commands.readexactly(8))
        if length > wire.LIMIT:
            raise ValueError(f"a message of {length} bytes")
        return await commands.readexactly(length)
    except asyncio.IncompleteReadError:
        return None


async def serve(commands: asyncio.StreamReader, out: asyncio.WriteTransport) -> None:
    """From the first command to the end of input, or of the cluster."""
    first = await receive(commands)
    if first is None:
        return
    read = Reader(first)
    if read.number("B") != Command.CONNECT:
        raise ValueError("the first command is to connect")
    try:
        client, parcel, described, patience = await connect(read)
    except Refusal as refusal:
        out.write(wire.frame(Event.REFUSED, wire.text(str(refusal))))
        return
    tasks = [
        wire.text(name) + wire.text(how) for name, how in described["tasks"].items()
    ]
    bridge = Bridge(client, parcel, out)
    bridge.threads = (await bridge.identity(0))["total_threads"]
    bridge.send(Event.READY, wire.number("I", bridge.threads), wire.many(tasks))
    bridge.start(bridge.live())
    bridge.start(bridge.look(patience))

    async def work() -> None:
        while (message := await receive(commands)) is not None:
            await bridge.obey(message)

    working = asyncio.create_task(work())
    ends: list[asyncio.Future[Any]] = [working, bridge.lost]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if bridge.lost.done():
        bridge.send(Event.LOST, wire.text(bridge.lost.result()))
    for task in [working, *bridge.tasks]:
        task.cancel()
    # If it cannot, it goes with the process, and the scheduler sees that.
    with suppress(Exception):
        await asyncio.wait_for(client.close(timeout=2), 4)
    if working.done() and not working.cancelled() and (error := working.exception()):
        raise error


async def run(commands: int, events: int) -> None:
    """Serves by these descriptors."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(commands, "rb", 0)
    )
    out, _ = await loop.connect_write_pipe(asyncio.Protocol, os.fdopen(events, "wb", 0))
    await serve(reader, out)
    # What was said last is still on its way.
    for _ in range(200):
        if out.get_write_buffer_size() == 0:
            break
        await asyncio.sleep(0.01)
    out.close()


def main() -> None:
    """Takes standard input and output for itself, before anybody prints."""
    commands, events = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    # What matters is told as an event; standard error is the program's.
    logging.disable(logging.CRITICAL)
    asyncio.run(run(commands, events))
