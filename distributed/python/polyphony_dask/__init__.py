"""Rust tasks on Dask: what runs in Python.

`shim` calls the library of tasks on a worker, `plugin` brings both there, `fit`
says whether they can run there, `bridge` holds Dask's client and speaks with the
Rust program by `wire`.
"""
