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
from typing import Any

from polyphony_dask import wire
from polyphony_dask.connect import Refusal, close, connect
from polyphony_dask.entries import Entries
from polyphony_dask.operate import Operator
from polyphony_dask.session import Session
from polyphony_dask.wire import Command, Event, Reader


def obey(message: bytes, entries: Entries, operator: Operator) -> None:
    """Carries a command out, or begins to."""
    read = Reader(message)
    match read.number("B"):
        case Command.CHUNK:
            number, task, priority = read.number("Q"), read.text(), read.number("i")
            resources = dict(read.many(lambda: (read.text(), read.real())))
            dependencies = read.many(lambda: read.number("Q"))
            entries.submit(number, task, priority, resources, dependencies, read.data())
        case Command.SCATTER:
            number, onto_each = read.number("Q"), bool(read.number("B"))
            entries.scatter(number, onto_each, read.data())
        case Command.WANT:
            for number in read.many(lambda: read.number("Q")):
                entries.want(number)
        case Command.RELEASE:
            for number in read.many(lambda: read.number("Q")):
                entries.release(number)
        case Command.INFO:
            operator.session.start(operator.tell(read.number("Q")))
        case Command.SCALE:
            question, wanted = read.number("Q"), read.number("I")
            operator.session.start(operator.scale(question, wanted))
        case other:
            raise ValueError(f"there is no command {other}")


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
    # Read at once, whatever is being done: at the end of input the program is gone.
    messages: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen() -> None:
        while (message := await receive(commands)) is not None:
            messages.put_nowait(message)

    listening = asyncio.create_task(listen())
    connecting = asyncio.create_task(connect(read))
    either: list[asyncio.Future[Any]] = [listening, connecting]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not connecting.done():
        connecting.cancel()
        await asyncio.wait([connecting], timeout=1)
        return
    try:
        client, parcel, described, patience = connecting.result()
    except Refusal as refusal:
        out.write(wire.frame(Event.REFUSED, wire.text(str(refusal))))
        listening.cancel()
        return
    tasks = [
        wire.text(name) + wire.text(how) for name, how in described["tasks"].items()
    ]
    session = Session(client, out)
    entries = Entries(session, parcel.module(), patience)
    operator = Operator(session)
    operator.threads = (await operator.identity(0))["total_threads"]
    session.send(Event.READY, wire.number("I", operator.threads), wire.many(tasks))
    session.start(operator.live())
    session.start(operator.look(patience))

    async def work() -> None:
        while True:
            obey(await messages.get(), entries, operator)

    working = asyncio.create_task(work())
    ends: list[asyncio.Future[Any]] = [listening, working, session.lost]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if session.lost.done():
        session.send(Event.LOST, wire.text(session.lost.result()))
    for task in [listening, working, *session.tasks]:
        task.cancel()
    await close(client)
    for part in (listening, working):
        if part.done() and not part.cancelled() and (error := part.exception()):
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
