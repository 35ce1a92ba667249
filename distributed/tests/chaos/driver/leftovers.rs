//! What is left behind.

use std::fmt;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// How long a joined thread may stand in the system's list.
const ECHO: Duration = Duration::from_secs(2);

/// What a process has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    processes: usize,
    zombies: usize,
    threads: usize,
    descriptors: usize,
    /// Mappings of memory that is shared with workers.
    shared: usize,
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processes, zombies, threads, descriptors, shared } = self;
        write!(f, "{processes} processes, {zombies} zombies, {threads} threads, ")?;
        write!(f, "{descriptors} descriptors, {shared} shared pages")
    }
}

/// What this process has now.
pub(crate) fn census() -> Census {
    let count = |directory| fs::read_dir(directory).map_or(0, Iterator::count);
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let (zombies, processes) = family().partition::<Vec<_>, _>(|(_, zombie)| *zombie);
    Census {
        processes: processes.len(),
        zombies: zombies.len(),
        threads: count("/proc/self/task"),
        descriptors: count("/proc/self/fd"),
        shared: maps.lines().filter(|line| line.contains("polyphony")).count(),
    }
}

/// What it has more than before; it has a moment to come to rest.
pub(crate) fn since(before: Census) -> Census {
    let begin = Instant::now();
    loop {
        let now = census();
        let left = Census {
            processes: now.processes.saturating_sub(before.processes),
            zombies: now.zombies.saturating_sub(before.zombies),
            threads: now.threads.saturating_sub(before.threads),
            descriptors: now.descriptors.saturating_sub(before.descriptors),
            shared: now.shared.saturating_sub(before.shared),
        };
        if left == Census::default() || begin.elapsed() > ECHO {
            return left;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// How many bytes of memory this process has.
pub(crate) fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() << 10
}

/// The children of this process that live.
pub(crate) fn children() -> Vec<i32> {
    family().filter(|(_, zombie)| !zombie).map(|(pid, _)| pid).collect()
}

/// The children of this process, and whether they are dead and not reaped.
fn family() -> impl Iterator<Item = (i32, bool)> {
    let parent = std::process::id().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(move |pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // Behind the name, which may hold anything: state and parent.
        let mut rest = stat.rsplit_once(") ")?.1.split(' ');
        let state = rest.next()?;
        (rest.next()? == parent).then_some((pid, state == "Z"))
    })
}
