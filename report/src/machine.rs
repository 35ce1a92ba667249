//! What a reader must know of the machine before believing a figure.

use std::fs;
use std::path::Path;
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
        Self::describe_at(Path::new("."))
    }

    /// The same with the commit of another checkout than the current directory's.
    pub fn describe_at(checkout: &Path) -> Self {
        Self {
            cpu: field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            cores: cores(),
            memory: field("/proc/meminfo", "MemTotal")
                .and_then(|kib| kib.trim_end_matches(" kB").parse::<u64>().ok())
                .map_or(0, |kib| kib * 1024),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| unknown(), |s| s.trim().into()),
            rustc: output(checkout, "rustc", &["--version"]).unwrap_or_else(unknown),
            commit: commit(checkout),
        }
    }
}

impl Machine {
    /// The processor and its cores, short enough for a column's head.
    ///
    /// ```
    /// # let mut machine = report::machine::Machine::describe();
    /// machine.cpu = "Intel(R) Xeon(R) CPU @ 2.20GHz".into();
    /// machine.cores = 2;
    /// assert_eq!(machine.short(), "Intel Xeon, 2 cores");
    /// machine.cpu = "AMD EPYC 7B13 64-Core Processor".into();
    /// assert_eq!(machine.short(), "AMD EPYC 7B13, 2 cores");
    /// ```
    pub fn short(&self) -> String {
        let name = self.cpu.split(" @ ").next().unwrap_or_default();
        let name = name.replace("(R)", "").replace("(TM)", "").replace("(tm)", "");
        let told = |word: &&str| !matches!(*word, "CPU" | "Processor") && !word.ends_with("-Core");
        let name: Vec<_> = name.split_whitespace().filter(told).collect();
        let name = if name.is_empty() { "unknown processor".to_owned() } else { name.join(" ") };
        match self.cores {
            0 => name,
            1 => format!("{name}, 1 core"),
            cores => format!("{name}, {cores} cores"),
        }
    }

    /// Whether this is the same hardware as another, as far as either is known:
    /// processor, cores and memory. Kernel, compiler and commit do not count,
    /// for those are what a comparison is often about; and what the kernel
    /// keeps of the memory differs a little from one boot to the next.
    pub fn is_same_hardware(&self, other: &Self) -> bool {
        let cpu = self.cpu == other.cpu || [&self.cpu, &other.cpu].contains(&&unknown());
        let cores = self.cores == other.cores || self.cores.min(other.cores) == 0;
        let (less, more) = (self.memory.min(other.memory), self.memory.max(other.memory));
        let memory = less == 0 || more - less <= more / 16;
        cpu && cores && memory
    }
}

/// Cores that this process may use: affinity and cgroup limits count.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn commit(checkout: &Path) -> String {
    let Some(head) = output(checkout, "git", &["rev-parse", "--short=12", "HEAD"]) else {
        return "none (not a git checkout)".into();
    };
    match output(checkout, "git", &["status", "--porcelain"]) {
        Some(changes) if changes.is_empty() => head,
        _ => format!("{head} + changes"),
    }
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn output(directory: &Path, program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(directory).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What stands for what could not be found out.
pub(crate) fn unknown() -> String {
    "unknown".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            cpu: "Intel(R) Core(TM) i7-1360P".into(),
            cores: 4,
            memory: 16 << 30,
            kernel: "6.1".into(),
            rustc: "rustc 1.95.0".into(),
            commit: "abc".into(),
        }
    }

    #[test]
    fn another_commit_on_the_same_hardware() {
        let later = Machine { commit: "def".into(), kernel: "6.2".into(), ..machine() };
        assert!(later.is_same_hardware(&machine()));
        let rebooted = Machine { memory: (16 << 30) - (5 << 20), ..machine() };
        assert!(rebooted.is_same_hardware(&machine()));
    }

    #[test]
    fn other_hardware() {
        let others = [
            Machine { cpu: "AMD EPYC".into(), ..machine() },
            Machine { cores: 2, ..machine() },
            Machine { memory: 8 << 30, ..machine() },
        ];
        for other in others {
            assert!(!other.is_same_hardware(&machine()) && !machine().is_same_hardware(&other));
        }
        let little_known = Machine { cpu: unknown(), cores: 0, memory: 0, ..machine() };
        assert!(little_known.is_same_hardware(&machine()));
    }
}
