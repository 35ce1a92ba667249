//! Another program for each item: `subprocess.run`.
//!
//! The standard library starts it by `posix_spawn`: the new process borrows
//! the parent's memory until the program is loaded, so the cost does not grow
//! with what the parent holds: 0.7 ms for the smallest program there is, from a
//! parent of nothing and of 1 GiB (`fork_memory` in the bench, two cores).

use std::process::{Child, Command};
use std::sync::Arc;

use crate::error::{Error, cannot};
use crate::status::Exit;

/// Starts the program that `command` makes of each item, and waits for all.
///
/// ```
/// use processes::{Exit, spawn};
/// use std::process::Command;
///
/// let exits = spawn::map(&["true", "false"], |name| Command::new(name));
/// assert_eq!(*exits[0].as_ref().unwrap(), Exit::Exited(0));
/// assert_eq!(*exits[1].as_ref().unwrap(), Exit::Exited(1));
/// ```
///
/// # Errors
/// [`Error::Spawn`] for an item whose program could not be started.
pub fn map<T>(items: &[T], command: impl Fn(&T) -> Command) -> Vec<Result<Exit, Error>> {
    let started: Vec<Result<Child, Error>> = items
        .iter()
        .map(|item| command(item).spawn().map_err(|e| Error::Spawn(Arc::new(e))))
        .collect();
    started
        .into_iter()
        .map(|child| child?.wait().map(Exit::from).map_err(cannot("wait for a process")))
        .collect()
}
