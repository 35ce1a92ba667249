"""What a library needs, read from its file, and whether a machine has it."""

import platform
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from polyphony_dask import fit
from polyphony_dask.fit import Needs
from polyphony_dask.plugin import Parcel
from polyphony_dask.shim import Misfit


def machine_is(
    patch: pytest.MonkeyPatch, machine: str, libc: tuple[str, str] = ("glibc", "2.36")
) -> None:
    patch.setattr(platform, "machine", lambda: machine)
    patch.setattr(platform, "libc_ver", lambda: libc)


def test_needs_are_those_that_other_tools_read(tasks: Path) -> None:
    if shutil.which("objdump") is None:
        pytest.skip("there is no objdump to compare with")
    told = subprocess.run(
        ["objdump", "-p", str(tasks)], capture_output=True, text=True, check=True
    ).stdout
    glibc = [word[6:] for word in told.split() if word.startswith("GLIBC_2.")]
    highest = max((int(major), int(minor)) for major, minor in map(halves, glibc))
    assert fit.needs(tasks.read_bytes()) == Needs(platform.machine(), highest)


def halves(version: str) -> list[str]:
    return version.split(".")[:2]


def test_a_machine_must_have_processor_and_glibc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needs = Needs("x86_64", (2, 34))
    for machine, libc, fits in [
        ("x86_64", ("glibc", "2.34"), True),
        ("x86_64", ("glibc", "2.100"), True),
        ("x86_64", ("glibc", "3.0"), True),
        ("x86_64", ("glibc", "2.33"), False),
        ("x86_64", ("glibc", "2.4"), False),
        ("x86_64", ("", ""), False),
        ("aarch64", ("glibc", "2.34"), False),
    ]:
        machine_is(monkeypatch, machine, libc)
        assert fit.fits(needs) == fits, (machine, libc)
        assert fit.fits(None), "what is not known is left to the loader"
        assert fit.fits(Needs(machine, None))


def test_another_processor_is_refused_and_named(tasks: Path, tmp_path: Path) -> None:
    other = bytearray(tasks.read_bytes())
    number = 62 if platform.machine() == "aarch64" else 183
    struct.pack_into("<H", other, 18, number)
    copy = tmp_path / "other.so"
    copy.write_bytes(other)
    with pytest.raises(Misfit) as refused:
        Parcel(bytes(other)).load(str(copy))
    theirs = fit.MACHINES[number]
    assert f"built for {theirs} with glibc" in str(refused.value)
    assert f"is {platform.machine()} with glibc" in str(refused.value)


def test_what_is_no_library_needs_nothing_and_harms_nobody(tasks: Path) -> None:
    whole = tasks.read_bytes()
    assert fit.needs(b"") is None
    assert fit.needs(b"no library") is None
    for length in [*range(64), len(whole) // 2, len(whole) - 1]:
        fit.needs(whole[:length])
