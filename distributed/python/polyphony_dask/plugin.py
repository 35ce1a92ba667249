"""Brings the shim and the library of tasks to scheduler and workers.

Both are named by what they contain, so that another build is another module and
another file beside the first: to put other bytes into a loaded library's file
crashes the process. A plugin stays with the scheduler, which hands it to workers
that come later, or again.

Plugins are pickled by value: nothing of this package is installed there.
"""

from __future__ import annotations

import hashlib
import inspect
import linecache
import os
import sys
import types
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
from distributed import SchedulerPlugin, WorkerPlugin

from polyphony_dask import fit, shim

cloudpickle.register_pickle_by_value(sys.modules[__name__])
cloudpickle.register_pickle_by_value(fit)


def module_of(name: str, source: str) -> types.ModuleType:
    """The module of this name, made of its source unless it is there."""
    if (there := sys.modules.get(name)) is not None:
        return there
    file = f"<{name}>"
    module = types.ModuleType(name)
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), module.__dict__)  # noqa: S102 - it is our own
    sys.modules[name] = module
    return module


def write_once(path: Path, content: bytes) -> None:
    """Puts a file there whole, or not at all."""
    if not path.exists():
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.write_bytes(content)
        new.rename(path)


class Parcel:
    """What is shipped, and what it is called."""

    def __init__(self, library: bytes) -> None:
        self.library = library
        self.source = inspect.getsource(shim)
        content = hashlib.sha256(self.source.encode() + library)
        self.name = f"polyphony_{content.hexdigest()[:16]}"
        self.needs = fit.needs(library)

    def module(self) -> Any:
        """The shim under its name here, whose functions others know too."""
        return module_of(self.name, self.source)

    def load(self, path: str) -> dict[str, Any]:
        """Loads it here, from where it is, and says what it is."""
        if not fit.fits(self.needs):
            raise shim.Misfit(
                f"the tasks in {path} are built for {self.needs};"
                f" this machine, the client's, is {fit.here()}"
            )
        described: dict[str, Any] = self.module().load(path)
        return described


class TasksPlugin(WorkerPlugin):
    """Loads the tasks on each worker, before it gets work."""

    idempotent = True

    def __init__(self, parcel: Parcel) -> None:
        self.name = parcel.name
        self.source = parcel.source
        self.library = parcel.library
        self.needs = parcel.needs

    def setup(self, worker: Any) -> None:
        """Writes the library down and loads it. If it does not fit, whoever connects
        now is told; tasks that come to a worker which joined later are, one by one."""
        module: Any = module_of(self.name, self.source)
        try:
            if not fit.fits(self.needs):
                raise RuntimeError(
                    f"the tasks are built for {self.needs};"
                    f" worker {worker.address} is {fit.here()}"
                )
            path = Path(worker.local_directory) / f"{self.name}.so"
            write_once(path, self.library)
            try:
                module.load(str(path))
            except OSError as error:
                raise RuntimeError(
                    f"the tasks, built for {self.needs}, cannot be loaded by worker"
                    f" {worker.address}, which is {fit.here()}: {error}"
                ) from None
        except Exception as error:
            module.REFUSED = str(error)
            raise


class ShimPlugin(SchedulerPlugin):
    """Makes the shim known to the scheduler, which unpickles the tasks."""

    idempotent = True

    def __init__(self, parcel: Parcel) -> None:
        self.name = parcel.name
        self.source = parcel.source

    async def start(self, scheduler: Any) -> None:
        """Called when it is registered."""
        module_of(self.name, self.source)
