//! Programs that these tests start, and their end.

#![allow(dead_code, reason = "each test uses its part")]

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Names the file in which each process of a program leaves a byte.
pub(crate) const STARTED: &str = "PROCESSES_TEST_STARTED";

/// Runs a program to its end, and gives what it said and how many processes left
/// a byte. If it has no end by the deadline, it is ended with all that it
/// started, and that is a finite number.
pub(crate) fn run_for(deadline: Duration, mut command: Command) -> (Output, u64) {
    let started = tempfile::NamedTempFile::new().expect("a temporary file");
    command.env(STARTED, started.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("a program");
    let path = started.path();
    let (done, ended) = channel::<()>();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(deadline) == Err(RecvTimeoutError::Timeout) {
                kill_all(path);
            }
        });
        let output = child.wait_with_output().expect("a status");
        drop(done);
        output
    });
    let processes = started.as_file().metadata().expect("a length").len();
    (output, processes)
}

/// Kills every process that has this file for its budget: it inherits the
/// variable, whoever its parent is by now and whatever its group.
fn kill_all(started: &Path) {
    let mark = [STARTED.as_bytes(), b"=", started.as_os_str().as_bytes()].concat();
    let belongs = |pid: &u32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|v| v == mark))
    };
    loop {
        let processes = fs::read_dir("/proc").expect("Linux").flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        // A dead one has no environment.
        let alive: Vec<u32> = pids.filter(belongs).collect();
        if alive.is_empty() {
            return;
        }
        for pid in alive {
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Checks whether a program succeeded, and what it said on the way.
pub(crate) fn told(output: &Output, succeeds: bool, text: &str) {
    let said = said(output);
    assert_eq!(output.status.success(), succeeds, "{}: {said}", output.status);
    assert!(said.contains(text), "{text:?} is not in: {said}");
}

/// All that a program said.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// Whether a process exists and is no zombie, which somebody else has yet to reap.
pub(crate) fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}
