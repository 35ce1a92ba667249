"""Calls Rust tasks on a worker, through the C interface of their library.

This module stands alone: its source travels to scheduler and workers, where it
gets a name of its own (see `plugin`). The interface is described in
`distributed/src/dask/abi.rs`.

The value of a task for Dask is an `Answers`: where it ran, and the library's
reply, with one item for each call.
"""

from __future__ import annotations

import ctypes
import json
import struct
from collections.abc import Sequence
from typing import Any

ABI = 2
"""The version of the C interface that this module speaks."""

Answers = tuple[str, bytes]


class Misfit(RuntimeError):
    """A library that cannot be used here; says both sides."""

    # Pickled by its text alone, so that it can be read where this module is not.
    def __reduce__(self) -> tuple[Any, ...]:
        return RuntimeError, self.args


class Buffer(ctypes.Structure):
    """Bytes of the library's."""

    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Value(ctypes.Structure):
    """Bytes of ours."""

    _fields_ = [("data", ctypes.c_char_p), ("length", ctypes.c_size_t)]


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
        self._call.argtypes = [
            *(ctypes.c_char_p, ctypes.c_size_t),
            *(ctypes.POINTER(Value), ctypes.c_size_t),
            ctypes.POINTER(Buffer),
        ]
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

    def call(self, request: bytes, values: Sequence[bytes] = ()) -> bytes:
        """The reply to a request that takes items of these other replies. A task's
        failure is in it, and no exception."""
        count, buffer = len(values), Buffer()
        array = (Value * count)(*(Value(value, len(value)) for value in values))
        code = self._call(request, len(request), array, count, ctypes.byref(buffer))
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


def refused() -> str:
    """Why this process has not loaded the library; empty if it has, or need not."""
    return REFUSED


def load(path: str) -> dict[str, Any]:
    """Loads the library, once in a process, and says what it is."""
    global LIBRARY
    if LIBRARY is None:
        LIBRARY = Library(path)
    return LIBRARY.describe()


def run_chunk(request: bytes, *values: Answers) -> Answers:
    """Many calls, and the values of other chunks that they take."""
    return where(), loaded().call(request, [reply for _, reply in values])


def one_item(item: bytes) -> bytes:
    """A reply of one item, which is what scattered data is taken for."""
    return struct.pack("<QIQ", 0, 1, len(item)) + item


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
