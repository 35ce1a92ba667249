"""What Python's process pools do when something goes wrong, measured.

`scripts/pool-faults` is the command. `cases` provokes the faults in `peers`
with `tasks`; `run` is the program in which one case happens, `program` one that
a case starts, signals and watches; `harness` runs a case under its deadline and
looks for what it left; `table` makes markdown of it.
"""
