"""The lecture's operations in Python, one module a topic.

The topic `sync-vs-async` is the module `lecture.sync_vs_async`; it declares its
rows in `OPERATIONS`. A module that begins with an underscore is no topic.
"""
