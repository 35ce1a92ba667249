"""The tests' library of tasks, which cargo builds."""

import os
import struct
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def library() -> Path:
    """The library; skips the test where it has not been built, but not under CI."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [
        target / profile / "examples/libtest_tasks.so"
        for profile in ("debug", "release")
    ]
    there = [path for path in built if path.exists()]
    if not there:
        why = "run: cargo build -p distributed --example test_tasks"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return max(there, key=lambda path: path.stat().st_mtime)


def request(*calls: tuple[str, bytes]) -> bytes:
    """A request of these calls."""
    return request_of([], *((task, value, []) for task, value in calls))


def request_of(
    values: list[str], *calls: tuple[str, bytes, list[tuple[int, int, int]]]
) -> bytes:
    """A request of calls that take items of others' replies: for each hole where in
    the input, of which value, and which item of that."""
    parts = [struct.pack("<II", len(calls), len(values))]
    parts += [struct.pack("<I", len(name)) + name.encode() for name in values]
    for task, value, holes in calls:
        name = task.encode()
        parts.append(struct.pack("<IQIIQ", 0, 0, len(name), len(holes), len(value)))
        parts.append(name)
        parts += [struct.pack("<QII", *hole) for hole in holes]
        parts.append(value)
    return b"".join(parts)


def item_of(reply: bytes, number: int) -> tuple[bool, bytes]:
    """An item of a reply, and whether it is a failure."""
    (items,) = struct.unpack_from("<I", reply, 8)
    lengths = struct.unpack_from(f"<{items}Q", reply, 12)
    plain = [length & ~(7 << 61) for length in lengths]
    begin = 12 + 8 * items + sum(plain[:number])
    return bool(lengths[number] >> 63), reply[begin : begin + plain[number]]


def u64(value: int) -> bytes:
    """A number as Rust's codec writes it."""
    return struct.pack("<Q", value)
