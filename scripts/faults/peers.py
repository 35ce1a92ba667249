"""Python's process pools behind one interface.

Each is used as its documentation shows, with its defaults: `close` does what
the end of a `with` block does.
"""

import concurrent.futures
import importlib
import multiprocessing
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any


class Missing(Exception):
    """The peer has no such thing; the text says why."""


class Pool(ABC):
    """A pool of so many workers."""

    name: str
    timeouts: tuple[type[BaseException], ...]
    lacks_kill = ""
    """Why there is no kill, if there is none."""

    @abstractmethod
    def __init__(
        self, workers: int, initializer: Callable[..., None] | None, *arguments: object
    ) -> None: ...

    @abstractmethod
    def submit(self, task: Callable[..., Any], *arguments: object) -> Any:
        """A handle, of which `result` makes a value."""

    @abstractmethod
    def result(self, handle: Any, timeout: float | None) -> Any:
        """Waits for a task. Raises one of `timeouts` when time runs out."""

    @abstractmethod
    def map(self, task: Callable[..., Any], inputs: list[Any]) -> list[Any]:
        """All results, in order."""

    @abstractmethod
    def workers(self) -> list[int]:
        """The workers' process ids."""

    @abstractmethod
    def close(self) -> None:
        """What the end of a `with` block does."""

    @abstractmethod
    def shutdown(self) -> None:
        """Waits for what was submitted, and ends."""

    @abstractmethod
    def kill(self) -> None:
        """Ends the workers, whatever they do."""

    def cancel(self, _: Any) -> bool:
        """Takes a task back, if it can."""
        raise Missing("has no cancel")


class MultiprocessingPool(Pool):
    """`multiprocessing.Pool`, with the default start method."""

    name = "multiprocessing.Pool"
    timeouts = (multiprocessing.TimeoutError,)

    def __init__(
        self, workers: int, initializer: Callable[..., None] | None, *arguments: object
    ) -> None:
        self.pool = multiprocessing.Pool(workers, initializer, arguments)

    def submit(self, task: Callable[..., Any], *arguments: object) -> Any:
        return self.pool.apply_async(task, arguments)

    def result(self, handle: Any, timeout: float | None) -> Any:
        return handle.get(timeout)

    def map(self, task: Callable[..., Any], inputs: list[Any]) -> list[Any]:
        return self.pool.map(task, inputs)

    def workers(self) -> list[int]:
        # There is no public way to ask.
        processes: list[Any] = self.pool._pool  # type: ignore[attr-defined]
        return [process.pid for process in processes]

    def close(self) -> None:
        self.pool.terminate()
        self.pool.join()

    def shutdown(self) -> None:
        self.pool.close()
        self.pool.join()

    def kill(self) -> None:
        self.pool.terminate()


class Executor(Pool):
    """`concurrent.futures.ProcessPoolExecutor`, with the default start method."""

    name = "ProcessPoolExecutor"
    timeouts = (concurrent.futures.TimeoutError,)
    executor: Any
    if not hasattr(concurrent.futures.ProcessPoolExecutor, "kill_workers"):
        lacks_kill = "has no kill before Python 3.14"

    def __init__(
        self, workers: int, initializer: Callable[..., None] | None, *arguments: object
    ) -> None:
        # Its types want initializer and arguments to be known together.
        executor: Any = concurrent.futures.ProcessPoolExecutor
        self.executor = executor(workers, initializer=initializer, initargs=arguments)

    def submit(self, task: Callable[..., Any], *arguments: object) -> Any:
        return self.executor.submit(task, *arguments)

    def result(self, handle: Any, timeout: float | None) -> Any:
        return handle.result(timeout)

    def map(self, task: Callable[..., Any], inputs: list[Any]) -> list[Any]:
        return list(self.executor.map(task, inputs))

    def workers(self) -> list[int]:
        return list(self.executor._processes or ())

    def close(self) -> None:
        self.executor.shutdown(wait=True)

    def shutdown(self) -> None:
        self.executor.shutdown(wait=True)

    def kill(self) -> None:
        self.executor.kill_workers()

    def cancel(self, handle: Any) -> bool:
        return bool(handle.cancel())


class Loky(Executor):
    """`loky.ProcessPoolExecutor`."""

    name = "loky"
    lacks_kill = ""

    def __init__(
        self, workers: int, initializer: Callable[..., None] | None, *arguments: object
    ) -> None:
        # Not everybody has it, and it has no types.
        loky: Any = importlib.import_module("loky")
        self.executor = loky.ProcessPoolExecutor(
            workers, initializer=initializer, initargs=arguments
        )

    def kill(self) -> None:
        self.executor.shutdown(wait=True, kill_workers=True)


PEERS: dict[str, type[Pool]] = {
    "pool": MultiprocessingPool,
    "executor": Executor,
    "loky": Loky,
}
"""By the names that the command line knows."""
