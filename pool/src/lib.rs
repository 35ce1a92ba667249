//! Pool.map: a fixed crew of threads or processes for many tasks.
