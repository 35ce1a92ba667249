"""The shim calls the library in this process."""

import threading
import time
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

from polyphony_dask import shim
from polyphony_dask.plugin import Parcel, module_of, write_once
from tests.tasks import item_of, library, request, request_of, u64


class ShimTest(unittest.TestCase):
    def setUp(self) -> None:
        self.library = shim.Library(str(library()))
        shim.LIBRARY = self.library

    def test_a_library_says_what_it_is(self) -> None:
        described = self.library.describe()
        self.assertEqual(described["abi"], shim.ABI)
        self.assertEqual(described["tasks"]["increment"], "u64 -> u64")
        self.assertEqual(described["tasks"]["sum"], "Vec<u64> -> u64")

    def test_a_chunk_has_an_item_for_each_call(self) -> None:
        calls = [("increment", u64(1)), ("panic_on_odd", u64(7)), ("nothing", b"")]
        where, reply = shim.run_chunk(request(*calls))
        self.assertEqual(where, "")
        self.assertEqual(item_of(reply, 0), (False, u64(2)))
        failed, failure = item_of(reply, 1)
        self.assertTrue(failed)
        self.assertIn(b"7 is odd", failure)
        self.assertIn(b"mod.rs:", failure)
        self.assertIn(b"increment", item_of(reply, 2)[1])

    def test_holes_are_filled_with_items(self) -> None:
        values = shim.run_chunk(request(("increment", u64(1)), ("increment", u64(39))))
        add = request_of(["increment"], ("add", b"", [(0, 0, 0), (0, 0, 1)]))
        self.assertEqual(item_of(shim.run_chunk(add, values)[1], 0), (False, u64(42)))

    def test_a_failure_is_handed_on_with_its_origin(self) -> None:
        odd = shim.run_chunk(request(("panic_on_odd", u64(7))))
        one = request_of(["panic_on_odd"], ("increment", b"", [(0, 0, 0)]))
        two = request_of(["increment"], ("increment", b"", [(0, 0, 0)]))
        next_ = shim.run_chunk(one, odd)
        for _, reply in (next_, shim.run_chunk(two, next_)):
            failed, failure = item_of(reply, 0)
            name = b"panic_on_odd"
            self.assertTrue(failed)
            self.assertEqual(failure, u64(len(name))[:4] + name + item_of(odd[1], 0)[1])

    def test_scattered_data_is_a_value(self) -> None:
        value = ("", shim.one_item(u64(41)))
        one = request_of(["scatter"], ("increment", b"", [(0, 0, 0)]))
        self.assertEqual(item_of(shim.run_chunk(one, value)[1], 0), (False, u64(42)))

    def test_a_request_that_makes_no_sense_is_an_exception(self) -> None:
        with self.assertRaisesRegex(RuntimeError, "cut short"):
            self.library.call(b"\1\0\0\0")

    def test_other_threads_run_meanwhile(self) -> None:
        sleeping = threading.Thread(
            target=self.library.call, args=(request(("sleep", u64(300))),)
        )
        begun = time.monotonic()
        sleeping.start()
        turns = 0
        while sleeping.is_alive():
            turns += 1
            time.sleep(0.001)
        self.assertGreater(turns, 10, "the lock was held")
        self.assertLess(time.monotonic() - begun, 30)

    def test_what_is_no_library_of_tasks_is_refused(self) -> None:
        lines = Path("/proc/self/maps").read_text().splitlines()
        libc = [line.split()[-1] for line in lines if "libc.so" in line]
        with self.assertRaisesRegex(shim.Misfit, "no library of tasks"):
            shim.Library(libc[0])


class ParcelTest(unittest.TestCase):
    def test_another_library_is_another_module(self) -> None:
        one, same, other = Parcel(b"one"), Parcel(b"one"), Parcel(b"other")
        self.assertEqual(one.name, same.name)
        self.assertNotEqual(one.name, other.name)
        self.assertIs(one.module(), same.module())
        self.assertIsNot(one.module(), other.module())
        self.assertEqual(one.module().run_chunk.__module__, one.name)

    def test_a_module_of_source_explains_itself(self) -> None:
        module = module_of(
            "polyphony_of_source", "def fail():\n    raise ValueError('here')\n"
        )
        with self.assertRaisesRegex(ValueError, "here"):
            module.fail()

    def test_a_file_is_written_whole_and_once(self) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "library.so"
            write_once(path, b"first")
            write_once(path, b"second")
            self.assertEqual(path.read_bytes(), b"first")
            self.assertEqual(list(Path(folder).iterdir()), [path])


if __name__ == "__main__":
    unittest.main()
