//! The example's tasks as a library, which workers load that are no Rust
//! programs. Nothing but this line is needed beside the registry.

mod tasks;

distributed::export_tasks!(tasks::registry);
