"""What this Python is: figures of two builds are not figures of one."""

import multiprocessing
import os
import platform
import shlex
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version

from lecture.operation import steps_per_second


def describe() -> dict[str, object]:
    """The interpreter and the libraries, with no path of this machine.

    `steps_per_second` is the rate at which this Python does calibrated work
    now. `pgo` and `lto` are `None` where the build does not say. `gil` and
    `start_method` decide what threads and processes are worth.
    """
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "pgo": built_with("--enable-optimizations", "-fprofile-use"),
        "lto": built_with("--with-lto", "-flto"),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "start_method": multiprocessing.get_start_method(),
        "numpy": installed("numpy"),
        "dask": installed("dask"),
        "distributed": installed("distributed"),
        "executable": os.path.basename(sys.executable),
        "steps_per_second": steps_per_second(),
    }


def built_with(option: str, flag: str) -> bool | None:
    """Whether CPython was configured with `option`, or compiled with `flag`.

    `None` where that cannot be known: other builds keep no such record, and
    Debian and its children, which optimise from outside `configure`, blank the
    flags in the record that they ship.
    """
    configured = sysconfig.get_config_var("CONFIG_ARGS")
    if not configured:
        return None
    options = [word.partition("=") for word in shlex.split(configured)]
    chosen = [value != "no" for name, _, value in options if name == option]
    if chosen:
        return chosen[-1]
    flags = sysconfig.get_config_vars("PY_CORE_CFLAGS", "PY_CORE_LDFLAGS")
    if any(flag in (text or "") for text in flags):
        return True
    blanked = sysconfig.get_config_var("PGO_PROF_USE_FLAG") == ""
    return None if blanked else False


def installed(distribution: str) -> str | None:
    """The version of a library, without importing it."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
