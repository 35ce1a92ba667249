"""scripts/dask-cluster, as who has no cluster uses it."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peer import eventually

SCRIPT = Path(__file__).resolve().parents[3] / "scripts/dask-cluster"

ASK = """
import os, sys
from distributed import Client
with Client(os.environ["POLYPHONY_CLUSTER"], timeout=20) as client:
    print(client.scheduler.address, client.submit(sum, [40, 2]).result(20))
"""


def run(*arguments: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """The script, which keeps its files in that folder; nothing of it is left."""
    done = subprocess.run(
        [SCRIPT, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"WORKERS": "1", "TMPDIR": str(folder)} | env,
    )
    assert list(folder.iterdir()) == [], "files are left"
    assert processes(folder) == [], "processes are left"
    return done


def processes(folder: Path) -> list[str]:
    """The command lines of those that keep their files in that folder."""
    mark = f"TMPDIR={folder}".encode()
    left = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                left.append((process / "cmdline").read_text())
        except OSError:
            pass  # It is gone, or another user's.
    return left


def has_hosts() -> bool:
    """Whether workers can be on hosts of their own here."""
    checked = subprocess.run([SCRIPT, "--hosts", "--check"], capture_output=True)
    return checked.returncode == 0


HOSTS = pytest.param(
    ["--hosts"],
    marks=pytest.mark.skipif(not has_hosts(), reason="there can be no hosts here"),
)


@pytest.mark.parametrize(("name", "value"), [("WORKERS", "x"), ("THREADS", "0")])
def test_what_is_no_number_of_workers_is_refused(
    name: str, value: str, tmp_path: Path
) -> None:
    done = run("true", folder=tmp_path, **{name: value})
    assert done.returncode == 2
    assert done.stderr.startswith("dask-cluster: no cluster is of WORKERS=")
    assert f"{name}={value}" in done.stderr


@pytest.mark.parametrize("options", [[], HOSTS])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_nothing_is_left(
    tmp_path: Path, options: list[str], end: signal.Signals
) -> None:
    script = until_it_is_ended(tmp_path, *options)
    assert script.stdout
    assert script.stdout.readline().startswith("tcp://")
    # The script, a scheduler, and a worker with its nanny.
    eventually(lambda: len(processes(tmp_path)) > 3)
    # Ctrl-C is for all that run in the foreground.
    (os.killpg if end == signal.SIGINT else os.kill)(script.pid, end)
    assert script.wait(30) == 128 + end
    assert processes(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [[], HOSTS])
def test_it_can_be_ended_while_it_starts(tmp_path: Path, options: list[str]) -> None:
    script = until_it_is_ended(tmp_path, *options)
    eventually(lambda: any("\0scheduler\0" in line for line in processes(tmp_path)))
    script.terminate()
    assert script.wait(30) == 128 + signal.SIGTERM
    assert processes(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [HOSTS])
def test_hosts_end_even_by_a_kill(tmp_path: Path, options: list[str]) -> None:
    script = until_it_is_ended(tmp_path, *options)
    assert script.stdout
    assert script.stdout.readline().startswith("tcp://")
    script.kill()
    eventually(lambda: processes(tmp_path) == [])
    script.wait()


def until_it_is_ended(folder: Path, *options: str) -> subprocess.Popen[str]:
    """The script without a command, in the foreground of a terminal of its own."""
    return subprocess.Popen(
        [SCRIPT, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"WORKERS": "1", "TMPDIR": str(folder)},
        start_new_session=True,
    )


def test_a_command_has_a_cluster(tmp_path: Path) -> None:
    done = run(sys.executable, "-P", "-c", ASK, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tcp://127.0.0.1:")
    assert done.stdout.endswith(" 42\n")


def test_its_exit_code_is_the_commands(tmp_path: Path) -> None:
    assert run("sh", "-c", "exit 7", folder=tmp_path, WORKERS="0").returncode == 7


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
def test_a_command_has_a_cluster_that_speaks_tls(tmp_path: Path) -> None:
    done = run("--tls", sys.executable, "-P", "-c", ASK, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tls://127.0.0.1:")
    assert done.stdout.endswith(" 42\n")


def test_without_openssl_there_is_one_clear_line(tmp_path: Path) -> None:
    # A path without it. The script that makes the certificates is asked itself, for
    # the other would look for its Python there.
    (tmp_path / "bash").symlink_to(shutil.which("bash") or "/bin/bash")
    done = subprocess.run(
        [SCRIPT.with_name("certificates"), tmp_path],
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path)},
    )
    expected = "certificates: there is no openssl, which makes certificates: install it"
    assert (done.returncode, done.stderr.splitlines()) == (2, [expected])
