//! What a reader must know of the machine before believing a figure.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The machine, the compiler and the commit of a run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in bytes.
    pub memory: u64,
    /// The kernel's release.
    pub kernel: String,
    /// `rustc --version`.
    pub rustc: String,
    /// The commit, with `+ changes` if the tree differs from it; or why there is none.
    pub commit: String,
}

/// The Python of a run, as `peer.py --describe` tells it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Python {
    /// Such as `3.13.1`.
    pub version: String,
    /// Such as `CPython`.
    pub implementation: String,
    /// What it was built with.
    pub compiler: String,
    /// Whether the build was guided by a profile, which makes CPython 5 to
    /// 55 % faster, if its configuration says so.
    pub pgo: Option<bool>,
    /// Whether it was optimised at link time, if its configuration says so.
    pub lto: Option<bool>,
    /// Whether its global interpreter lock is on.
    pub gil: bool,
    /// How its `multiprocessing` starts processes unless told otherwise.
    pub start_method: String,
    /// NumPy's version, if it is there.
    pub numpy: Option<String>,
    /// Dask's version, if it is there.
    pub dask: Option<String>,
    /// distributed's version, if it is there.
    pub distributed: Option<String>,
}

impl Machine {
    /// Looks at this machine. What cannot be found out is `unknown`.
    pub fn describe() -> Self {
        Self {
            cpu: field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            cores: cores(),
            memory: field("/proc/meminfo", "MemTotal")
                .and_then(|kib| kib.trim_end_matches(" kB").parse::<u64>().ok())
                .map_or(0, |kib| kib * 1024),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| unknown(), |s| s.trim().into()),
            rustc: output("rustc", &["--version"]).unwrap_or_else(unknown),
            commit: commit(),
        }
    }
}

/// Cores that this process may use: affinity and cgroup limits count.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn commit() -> String {
    let Some(head) = output("git", &["rev-parse", "--short=12", "HEAD"]) else {
        return "none (not a git checkout)".into();
    };
    match output("git", &["status", "--porcelain"]) {
        Some(changes) if changes.is_empty() => head,
        _ => format!("{head} + changes"),
    }
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn unknown() -> String {
    "unknown".into()
}
