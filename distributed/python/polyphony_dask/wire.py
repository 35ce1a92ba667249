"""What the Rust program and the bridge say to each other.

A frame is its length (u64) and a message; a message is the number of its kind
(u8) and fields, as `processes/src/codec.rs` writes them: numbers little endian at
their full width, text, bytes and lists behind a count (u32), an option behind 0
or 1. The kinds are in `distributed/src/dask/wire.rs`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import TypeVar

T = TypeVar("T")

LIMIT = 1 << 32
"""The longest message, in bytes."""


class Command(IntEnum):
    """What the program asks for."""

    CONNECT = 0
    CHUNK = 1
    SCATTER = 2
    WANT = 3
    RELEASE = 4
    INFO = 5
    SCALE = 6


class Event(IntEnum):
    """What the bridge answers."""

    READY = 0
    REFUSED = 1
    DONE = 2
    VALUE = 3
    KILLED = 4
    CANCELLED = 5
    BROKEN = 6
    INFO = 7
    ALIVE = 8
    LOST = 9
    SCALED = 10
    GONE = 11


class Reader:
    """A message, field by field."""

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._at = 0

    def number(self, code: str) -> int:
        """A number of this width, by `struct`'s letter."""
        (value,) = struct.unpack_from(f"<{code}", self._message, self._at)
        self._at += struct.calcsize(f"<{code}")
        return int(value)

    def real(self) -> float:
        """A number with a fraction."""
        (value,) = struct.unpack_from("<d", self._message, self._at)
        self._at += 8
        return float(value)

    def data(self) -> bytes:
        """Bytes."""
        length = self.number("I")
        begin, self._at = self._at, self._at + length
        if self._at > len(self._message):
            raise ValueError("a message is cut short")
        return self._message[begin : self._at]

    def text(self) -> str:
        """Text."""
        return self.data().decode()

    def option(self, read: Callable[[], T]) -> T | None:
        """What `read` reads, if it is there."""
        return read() if self.number("B") else None

    def many(self, read: Callable[[], T]) -> list[T]:
        """A list of what `read` reads."""
        return [read() for _ in range(self.number("I"))]


def data(content: bytes) -> bytes:
    """Bytes as a field."""
    return struct.pack("<I", len(content)) + content


def text(content: str) -> bytes:
    """Text as a field."""
    return data(content.encode())


def number(code: str, value: int) -> bytes:
    """A number as a field."""
    return struct.pack(f"<{code}", value)


def many(fields: list[bytes]) -> bytes:
    """A list as a field."""
    return number("I", len(fields)) + b"".join(fields)


def frame(kind: IntEnum, *fields: bytes) -> bytes:
    """A message with its length."""
    body = bytes([kind]) + b"".join(fields)
    return struct.pack("<Q", len(body)) + body
