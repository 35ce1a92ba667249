"""scripts/python-env: which Python it takes, and what it says of one that will not do.

What it installs, and that it does not do so twice, is seen wherever it is used.
"""

import os
import subprocess
import sys
import tempfile
import unittest
import venv
from importlib.util import find_spec
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent


def run(script: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A script, which is told of no Python but by these variables."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not (name.startswith("POLYPHONY_") and name.endswith("PYTHON"))
    }
    return subprocess.run(
        [SCRIPTS / script, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=inherited | env,
    )


class ANamedPython(unittest.TestCase):
    """None of these makes an environment, nor begins to."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.bare = Path(folder.name) / "bare"
        venv.create(self.bare, symlinks=True)
        self.target = Path(folder.name) / "target"
        self.target.mkdir()

    def said(self, script: str, *arguments: str, **env: str) -> tuple[int, list[str]]:
        """The exit code, and the lines on standard error."""
        done = run(script, *arguments, CARGO_TARGET_DIR=str(self.target), **env)
        self.assertEqual(done.stdout, "")
        self.assertEqual([path.name for path in self.target.glob("python/*")], [])
        return done.returncode, done.stderr.splitlines()

    @unittest.skipUnless(find_spec("gmpy2") and find_spec("distributed"), "no Dask")
    def test_one_that_has_what_is_needed_is_taken(self) -> None:
        done = run(
            "python-env",
            POLYPHONY_PYTHON=sys.executable,
            POLYPHONY_BASE_PYTHON="nonsense",
        )
        self.assertEqual((done.returncode, done.stdout), (0, f"{sys.executable}\n"))

    def test_one_that_lacks_something_is_named_with_what(self) -> None:
        python = str(self.bare / "bin/python")
        hint = "one to make an environment from is named in POLYPHONY_BASE_PYTHON"
        for arguments, missing in (
            ([], "numpy, dask, distributed, gmpy2"),
            (["--tests"], "numpy, dask, distributed, gmpy2, pytest, mypy, ruff"),
        ):
            code, lines = self.said("python-env", *arguments, POLYPHONY_PYTHON=python)
            named = f"{python}, which POLYPHONY_PYTHON names,"
            expected = [f"python-env: {named} has no {missing}; {hint}"]
            self.assertEqual((code, lines), (2, expected))
        code, lines = self.said("dask-cluster", "true", POLYPHONY_PYTHON=python)
        why = f"{python} is no Python with Dask: name one in POLYPHONY_PYTHON"
        self.assertEqual((code, lines), (2, [f"dask-cluster: {why}"]))

    def test_none_at_all_is_told(self) -> None:
        named = "nonsense, which POLYPHONY_PYTHON names,"
        told = self.said("python-env", POLYPHONY_PYTHON="nonsense")
        self.assertEqual(told, (2, [f"python-env: {named} is not there"]))
        told = self.said("python-env", POLYPHONY_PYTHON="false")
        why = "false, which POLYPHONY_PYTHON names, is no Python of 3.11 or newer"
        self.assertEqual(told, (2, [f"python-env: {why}"]))
        code, lines = self.said("python-env", POLYPHONY_BASE_PYTHON="nonsense")
        hint = "or name one in POLYPHONY_BASE_PYTHON"
        self.assertEqual(code, 2)
        self.assertTrue(lines[-1].endswith(hint), lines)


if __name__ == "__main__":
    unittest.main()
