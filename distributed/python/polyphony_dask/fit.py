"""Whether a machine can load a library: its processor, and its C library.

Read from the library's own file, in the format ELF, before anybody loads it: what
the dynamic loader says of a misfit names one side only.
"""

from __future__ import annotations

import platform
import re
import struct
from dataclasses import dataclass

Version = tuple[int, int]

MACHINES = {
    3: "i686",
    21: "ppc64le",
    22: "s390x",
    40: "armv7l",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
}
"""ELF's numbers of processors, as `platform.machine` calls them."""

NEEDED_VERSIONS = 0x6FFF_FFFE
"""The kind of a section that lists versions of other libraries' symbols."""


@dataclass(frozen=True)
class Needs:
    """A processor, and a C library not older than this."""

    machine: str
    glibc: Version | None

    def __str__(self) -> str:
        if self.glibc is None:
            return self.machine
        return f"{self.machine} with glibc {dotted(self.glibc)} or newer"


def dotted(version: Version) -> str:
    """As people write it."""
    return ".".join(map(str, version))


def needs(library: bytes) -> Needs | None:
    """What a library needs; `None` if it is not in the format or cut short."""
    try:
        return _needs(library)
    except (struct.error, IndexError, ValueError):
        return None


def _needs(library: bytes) -> Needs | None:
    if library[:4] != b"\x7fELF":
        return None
    order = {1: "<", 2: ">"}[library[5]] if library[5] in (1, 2) else "<"
    (number,) = struct.unpack_from(f"{order}H", library, 18)
    machine = MACHINES.get(number, f"processor {number}")
    versions = _glibc_versions(library, order) if library[4] == 2 else []
    return Needs(machine, max(versions, default=None))


def _glibc_versions(library: bytes, order: str) -> list[Version]:
    """The versions of glibc whose symbols a library of 64 bits names."""
    (at,) = struct.unpack_from(f"{order}Q", library, 40)
    size, count = struct.unpack_from(f"{order}HH", library, 58)
    # Of each section: kind, offset, size, which holds its texts, entries.
    sections = [
        struct.unpack_from(f"{order}4xI16xQQII", library, at + size * index)
        for index in range(count)
    ]
    found = []
    for kind, entry, _, texts, entries in sections:
        if kind != NEEDED_VERSIONS:
            continue
        _, begin, length, _, _ = sections[texts]
        names = library[begin : begin + length]
        for _ in range(entries):
            of_entry, first, following = struct.unpack_from(
                f"{order}2xH4xII", library, entry
            )
            version = entry + first
            for _ in range(of_entry):
                name, next_version = struct.unpack_from(
                    f"{order}8xII", library, version
                )
                text = names[name : names.index(b"\0", name)].decode()
                if numbers := re.fullmatch(r"GLIBC_(\d+)\.(\d+)(\.\d+)?", text):
                    found.append((int(numbers[1]), int(numbers[2])))
                version += next_version
            entry += following
    return found


def here() -> str:
    """What this machine has."""
    return f"{platform.machine()} with {' '.join(platform.libc_ver()) or 'no glibc'}"


def fits(what: Needs | None) -> bool:
    """Whether this machine has it; what is not known is left to the loader."""
    if what is None:
        return True
    if what.machine != platform.machine():
        return False
    name, version = platform.libc_ver()
    if what.glibc is None:
        return True
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if name != "glibc" or numbers is None:
        return False
    return (int(numbers[1]), int(numbers[2])) >= what.glibc
