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
    parts = [struct.pack("<I", len(calls))]
    for task, value in calls:
        name = task.encode()
        parts.append(struct.pack("<IIQ", 0, len(name), len(value)) + name + value)
    return b"".join(parts)


def u64(value: int) -> bytes:
    """A number as Rust's codec writes it."""
    return struct.pack("<Q", value)
