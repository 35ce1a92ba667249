"""The shim calls the library in this process."""

import threading
import time
from pathlib import Path

import pytest

from polyphony_dask import shim
from polyphony_dask.plugin import Parcel, module_of, write_once
from tests.tasks import request, u64


@pytest.fixture(autouse=True)
def loaded(tasks: Path) -> shim.Library:
    shim.LIBRARY = shim.Library(str(tasks))
    return shim.LIBRARY


def test_a_library_says_what_it_is(loaded: shim.Library) -> None:
    described = loaded.describe()
    assert described["abi"] == shim.ABI
    assert described["tasks"]["increment"] == "u64 -> u64"
    assert described["tasks"]["sum"] == "Vec<u64> -> u64"


def test_a_chunk_has_an_item_for_each_call() -> None:
    calls = [("increment", u64(1)), ("panic_on_odd", u64(7)), ("nothing", b"")]
    where, origin, reply = shim.run_chunk(request(*calls))
    assert (where, origin) == ("", "")
    assert shim.item_of(reply, 0) == (False, u64(2))
    failed, failure = shim.item_of(reply, 1)
    assert failed
    assert b"7 is odd" in failure
    assert b"mod.rs:" in failure
    assert b"increment" in shim.item_of(reply, 2)[1]
    with pytest.raises(IndexError):
        shim.item_of(reply, 3)


def test_holes_are_filled_with_items() -> None:
    values = shim.run_chunk(request(("increment", u64(1)), ("increment", u64(39))))
    holes = [(0, 0, "increment"), (0, 1, "increment")]
    _, origin, reply = shim.run_call("add", 0, [b"", b"", b""], holes, values)
    assert (origin, shim.item_of(reply, 0)) == ("", (False, u64(42)))


def test_a_failure_is_handed_on_with_its_origin() -> None:
    odd = shim.run_chunk(request(("panic_on_odd", u64(7))))
    next_ = shim.run_call("increment", 0, [b"", b""], [(0, 0, "panic_on_odd")], odd)
    last = shim.run_call("increment", 0, [b"", b""], [(0, 0, "increment")], next_)
    for _, origin, reply in (next_, last):
        assert origin == "panic_on_odd"
        assert shim.item_of(reply, 0) == shim.item_of(odd[2], 0)


def test_a_request_that_makes_no_sense_is_an_exception(loaded: shim.Library) -> None:
    with pytest.raises(RuntimeError, match="cut short"):
        loaded.call(b"\1\0\0\0")


def test_other_threads_run_meanwhile(loaded: shim.Library) -> None:
    sleep = request(("sleep", u64(300)))
    sleeping = threading.Thread(target=loaded.call, args=(sleep,))
    begun = time.monotonic()
    sleeping.start()
    turns = 0
    while sleeping.is_alive():
        turns += 1
        time.sleep(0.001)
    assert turns > 10, "the lock was held"
    assert time.monotonic() - begun < 30


def test_what_is_no_library_of_tasks_is_refused() -> None:
    lines = Path("/proc/self/maps").read_text().splitlines()
    libc = [line.split()[-1] for line in lines if "libc.so" in line]
    with pytest.raises(shim.Misfit, match="no library of tasks"):
        shim.Library(libc[0])


def test_another_library_is_another_module() -> None:
    one, same, other = Parcel(b"one"), Parcel(b"one"), Parcel(b"other")
    assert one.name == same.name != other.name
    assert one.module() is same.module()
    assert one.module() is not other.module()
    assert one.module().run_chunk.__module__ == one.name


def test_a_module_of_source_explains_itself() -> None:
    source = "def fail():\n    raise ValueError('here')\n"
    with pytest.raises(ValueError, match="here"):
        module_of("polyphony_of_source", source).fail()


def test_a_file_is_written_whole_and_once(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    write_once(path, b"first")
    write_once(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]
