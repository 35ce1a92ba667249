"""One case on one peer: `-m faults.run PEER NUMBER FOLDER MARK PATIENCE`.

It writes lines of JSON to the descriptor that `harness` gives it: what it is
about to do, and what came of it. What it does not come to say, hangs.
"""

import json
import os
import resource
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from faults.bench import Bench
from faults.cases import CASES, closed
from faults.peers import Missing

TOLD = "POOL_FAULTS_TOLD"
"""The variable that names the descriptor."""


def main() -> None:
    """Reads the command line."""
    _, peer, number, folder, mark, patience = sys.argv
    # Crashes are meant here; nobody wants their memory on disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    told = int(os.environ.pop(TOLD))
    os.set_inheritable(told, False)
    # A forked worker would hold it, and hide this process's end.
    os.register_at_fork(after_in_child=lambda: os.close(told))

    def say(**message: str) -> None:
        os.write(told, json.dumps(message).encode() + b"\n")

    def stage(name: str, work: Callable[[], str]) -> bool:
        say(stage=name)
        try:
            say(outcome=work())
        except Missing as why:
            say(outcome=f"– ({why})")
            return False
        except Exception as error:  # noqa: BLE001 - it is told
            traceback.print_exc()
            say(outcome=f"{name} fails ({type(error).__name__}: {error})")
        return True

    [case] = [case for case in CASES if case.number == number]
    bench = Bench(peer, Path(folder), mark, float(patience))
    provoke = case.provoke
    assert provoke is not None
    applies = stage("fault", lambda: provoke(bench))
    if bench.latest is not None and case.looks_after:
        if applies:
            stage("afterwards", bench.afterwards)
        stage("close", lambda: closed(bench))
    say(stage="exit")


if __name__ == "__main__":
    main()
