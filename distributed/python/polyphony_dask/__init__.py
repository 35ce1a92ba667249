"""Rust tasks on Dask: what runs in Python.

`shim` calls the library of tasks on a worker, `plugin` brings both there,
`bridge` holds Dask's client and speaks with the Rust program by `wire`.
"""
