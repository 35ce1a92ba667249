"""Rust tasks on Dask: what runs in Python.

`shim` calls the library of tasks on a worker, `plugin` brings both there, and `fit`
says whether they can run there.
`bridge` obeys the Rust program, to which it speaks by `wire`: `connect` finds out
whether there can be a client of the cluster, `session` holds it, `entries` are the
tasks that Dask has, and `operate` looks after scheduler and workers.
"""
