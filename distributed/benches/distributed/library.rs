//! The suite's tasks as a library, for the rows of Rust on Dask.

mod tasks;

distributed::export_tasks!(tasks::registry);
