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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// wait(2): the code in the second byte, or the signal in the first, whose
    /// highest bit tells of a core dump.
    fn ended(code: i32, signal: i32, core: bool) -> Exit {
        Exit::from(ExitStatus::from_raw(code << 8 | signal | i32::from(core) << 7))
    }

    proptest! {
        #[test]
        fn every_code_is_told(code in 0..=255) {
            prop_assert_eq!(ended(code, 0, false), Exit::Exited(code));
            prop_assert_eq!(ended(code, 0, false).success(), code == 0);
            prop_assert_eq!(ended(code, 0, false).to_string(), format!("exited({code})"));
        }

        #[test]
        fn every_signal_is_told_with_a_core_dump_or_without(
            signal in 1..=64,
            core in any::<bool>(),
        ) {
            let exit = ended(0, signal, core);
            prop_assert_eq!(exit, Exit::Killed(signal));
            prop_assert!(!exit.success());
            let told = exit.to_string();
            prop_assert!(told == "aborted" || told.starts_with("killed by "), "{}", told);
        }
    }

    #[test]
    fn a_stop_is_no_end() {
        assert_eq!(Exit::from(ExitStatus::from_raw(19 << 8 | 0x7f)), Exit::Unknown);
    }
}
