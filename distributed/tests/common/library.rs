//! The tests' tasks as a library, for workers that are no Rust programs.

#[path = "mod.rs"]
mod common;

distributed::export_tasks!(common::registry);
