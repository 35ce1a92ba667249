"""The table of what happened, and our own column of it."""

import re
from collections.abc import Iterable, Mapping

from faults.cases import CASES
from faults.peers import PEERS

BEGIN = "<!-- faults: made by scripts/pool-faults -->"
END = "<!-- end of faults -->"

NOTHING = "–"

# What a test of ours prints, wherever in a line libtest has put it:
#     fault 1: WorkerDied(signal 9), pool goes on in 0.4 ms
OURS = re.compile(r"\bfault (\d+[a-z]?): (.+)")

Cells = Mapping[str, Mapping[str, str]]
"""By the fault's number and the peer's name on the command line."""


def read_ours(lines: Iterable[str]) -> dict[str, str]:
    """Our column, from the output of the Rust tests."""
    found: dict[str, dict[str, list[str]]] = {}
    for line in lines:
        if match := OURS.search(line):
            number = match[1].lstrip("0")
            outcome, _, time = match[2].strip().rpartition(" in ")
            times = found.setdefault(number, {}).setdefault(outcome, [])
            times.append(time.removesuffix(" ms"))
    return {
        number: "; ".join(
            f"{outcome.rstrip(',')} ({span(times)} ms)"
            for outcome, times in told.items()
        )
        for number, told in found.items()
    }


def span(times: list[str]) -> str:
    """One time, or the least and the most of several."""
    ordered = sorted(set(times), key=float)
    return " to ".join(dict.fromkeys((ordered[0], ordered[-1])))


def markdown(cells: Cells, ours: Mapping[str, str]) -> str:
    """The rows that have a cell, ours last."""
    names = [peer.name for peer in PEERS.values()]
    lines = [
        row("", "fault", *names, "ours"),
        "|" + "---|" * (len(names) + 3),
    ]
    for case in CASES:
        if case.number in cells:
            told = [cells[case.number].get(peer, NOTHING) for peer in PEERS]
            mine = ours.get(case.number, NOTHING)
            lines.append(row(case.number, case.title, *merged(told), mine))
    return "\n".join(lines) + "\n"


def merged(told: list[str]) -> list[str]:
    """A reason that holds for all peers is given once."""
    if len(set(told)) == 1 and told[0].startswith(f"{NOTHING} ("):
        return [told[0], *[NOTHING] * (len(told) - 1)]
    return told


def row(*cells: str) -> str:
    """A line of a markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def replace(text: str, table: str) -> str:
    """The text with this table between its two marks."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"the text does not have {BEGIN} and {END} once each")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table}{END}{after}"
