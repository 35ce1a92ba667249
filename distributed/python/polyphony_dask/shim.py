"""Calls Rust tasks on a worker, through the C interface of their library.

This module stands alone: its source travels to scheduler and workers, where it
gets a name of its own (see `plugin`). The interface is described in
`distributed/src/dask/abi.rs`.

The value of a task for Dask is an `Answers`: where it ran, whose failure it is
if it could not begin, and the library's reply, with one item for each call.
"""

from __future__ import annotations

import ctypes
import json
import struct
from typing import Any

ABI = 1
"""The version of the C interface that this module speaks."""

FAILED = 1 << 63
"""The bit of an item's length that says that it failed."""

Answers = tuple[str, str, bytes]


class Misfit(RuntimeError):
    """A library that cannot be used here; says both sides."""

    # Pickled by its text alone, so that it can be read where this module is not.
    def __reduce__(self) -> tuple[Any, ...]:
        return RuntimeError, self.args


class Buffer(ctypes.Structure):
    """Bytes of the library's."""

    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Library:
    """A library of tasks. Calls release the interpreter's lock."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        try:
            abi = library.polyphony_abi
        except AttributeError:
            raise Misfit(f"{path} is no library of tasks") from None
        abi.argtypes, abi.restype = (), ctypes.c_uint32
        if (theirs := abi()) != ABI:
            raise Misfit(f"{path} has version {theirs} of the interface, Python {ABI}")
        self._describe = library.polyphony_describe
        self._describe.argtypes, self._describe.restype = [ctypes.POINTER(Buffer)], None
        self._call = library.polyphony_call
        self._call.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(Buffer)]
        self._call.restype = ctypes.c_int32
        self._free = library.polyphony_free
        self._free.argtypes, self._free.restype = (
            [ctypes.c_void_p, ctypes.c_size_t],
            None,
        )

    def describe(self) -> dict[str, Any]:
        """Build, machine, and the tasks with their signatures."""
        buffer = Buffer()
        self._describe(ctypes.byref(buffer))
        described: dict[str, Any] = json.loads(self._taken(buffer))
        if "error" in described:
            raise Misfit(f"the library has no tasks: {described['error']}")
        return described

    def call(self, request: bytes) -> bytes:
        """The reply to a request. A task's failure is in it, and no exception."""
        buffer = Buffer()
        code = self._call(request, len(request), ctypes.byref(buffer))
        reply = self._taken(buffer)
        if code != 0:
            raise RuntimeError(f"the library refuses a request: {reply.decode()}")
        return reply

    def _taken(self, buffer: Buffer) -> bytes:
        try:
            return ctypes.string_at(buffer.data, buffer.length)
        finally:
            self._free(buffer.data, buffer.length)


LIBRARY: Library | None = None
"""What this process has loaded."""

REFUSED = ""
"""Why it has not, where the plugin has tried in vain."""


def load(path: str) -> dict[str, Any]:
    """Loads the library, once in a process, and says what it is."""
    global LIBRARY
    if LIBRARY is None:
        LIBRARY = Library(path)
    return LIBRARY.describe()


def run_chunk(request: bytes) -> Answers:
    """Many calls, none of which takes another's value."""
    return where(), "", loaded().call(request)


def run_call(
    task: str,
    retries: int,
    pieces: list[bytes],
    holes: list[tuple[int, int, str]],
    *values: Answers,
) -> Answers:
    """One call: between its pieces belong items of the values of others.

    A hole is the place of a value, the item in it, and the name of its task.
    Whoever takes the value of a failure fails by it, and does not run.
    """
    parts = [pieces[0]]
    for (place, number, name), piece in zip(holes, pieces[1:], strict=True):
        _, origin, reply = values[place]
        failed, item = item_of(reply, number)
        if failed:
            return where(), origin or name, one_item(item, failed=True)
        parts += (item, piece)
    return where(), "", loaded().call(one_call(task, retries, b"".join(parts)))


def one_call(task: str, retries: int, value: bytes) -> bytes:
    """A request of one call."""
    name = task.encode()
    return struct.pack("<IIIQ", 1, retries, len(name), len(value)) + name + value


def one_item(item: bytes, *, failed: bool = False) -> bytes:
    """A reply of one item, as scattered data has it too."""
    return struct.pack("<QIQ", 0, 1, len(item) | (FAILED if failed else 0)) + item


def item_of(reply: bytes, number: int) -> tuple[bool, bytes]:
    """An item of a reply, and whether it is a failure."""
    (items,) = struct.unpack_from("<I", reply, 8)
    if number >= items:
        raise IndexError(f"there are {items} items, and none of number {number}")
    lengths = struct.unpack_from(f"<{number + 1}Q", reply, 12)
    begin = 12 + 8 * items + sum(length & ~FAILED for length in lengths[:-1])
    length = lengths[-1] & ~FAILED
    return bool(lengths[-1] & FAILED), reply[begin : begin + length]


def loaded() -> Library:
    """The library, which the plugin has loaded before there is work."""
    if LIBRARY is None:
        raise Misfit(REFUSED or "this worker has not loaded the tasks")
    return LIBRARY


def where() -> str:
    """The worker that this runs on."""
    from distributed import get_worker

    try:
        return str(get_worker().address)
    except ValueError:
        return ""
