//! How a process ended: what `multiprocessing.Process.exitcode` reports, with
//! signals by name.
//!
//! A parent learns it by `wait`, once; until then the ended process stays in
//! the table as a zombie.
//!
//! ```
//! use processes::status::Exit;
//! use std::process::Command;
//!
//! let ended = Command::new("sh").args(["-c", "exit 3"]).status()?;
//! assert_eq!(Exit::from(ended).to_string(), "exited(3)");
//! let ended = Command::new("sh").args(["-c", "kill -KILL $$"]).status()?;
//! assert_eq!(Exit::from(ended).to_string(), "killed by SIGKILL");
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::Signal;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It left with this code; 0 means success.
    Exited(i32),
    /// A signal of this number ended it.
    Killed(i32),
    /// Somebody else collected its status: it is gone, and no more is known.
    Unknown,
}

impl Exit {
    /// Whether it left with 0.
    pub fn success(self) -> bool {
        self == Exit::Exited(0)
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Exited(code),
            (None, Some(signal)) => Exit::Killed(signal),
            (None, None) => Exit::Unknown,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Exit::Exited(code) => write!(f, "exited({code})"),
            Exit::Killed(signal) => match Signal::try_from(signal) {
                Ok(Signal::SIGABRT) => f.write_str("aborted"),
                Ok(signal) => write!(f, "killed by {signal}"),
                // The real-time signals have no names of their own.
                Err(_) => write!(f, "killed by signal {signal}"),
            },
            Exit::Unknown => f.write_str("ended, its status unknown"),
        }
    }
}
