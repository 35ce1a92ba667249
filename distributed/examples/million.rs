//! What tasks that wait take in memory, up to a million of them at once, and
//! what each takes of time.
//!
//! Both workers are held up, so that nothing runs while the tasks are
//! submitted; then they are let go, and all tasks are done, each by itself.
//! That is repeated, because what was freed must serve again. Each row is a
//! process of its own, whose memory nobody has used before.
//!
//! ```text
//! cargo run --release -p distributed --example million                  # up to 1,000,000
//! cargo run --release -p distributed --example million -- 10000 100000
//! ```
//!
//! It ends with an error if a task is lost, if two have one name, if a task
//! takes more memory the more of them wait, or if memory grows from round to
//! round.

#[path = "common/usage.rs"]
mod usage;

use std::collections::HashSet;
use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use distributed::{Client, Future, Place};
use processes::{Registry, Task};

const USAGE: &str = "\
million [TASKS]...

What a waiting task takes of memory, and a task of time, on threads and on processes,
with so many tasks at once (10000, 100000 and 1000000).";

const INC: Task<u64, u64> = Task::new("inc", |x| x + 1);

/// Runs until the path is there.
const HELD: Task<String, ()> = Task::new("held", |path| {
    while !Path::new(&path).exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
});

const WORKERS: usize = 2;

/// The same tasks so many times.
const ROUNDS: usize = 5;

/// It is looked at the memory so often while tasks are submitted.
const LOOKS: u64 = 10;

/// The most that one of the last tasks may take, over what all took on average.
const FLAT: f64 = 1.5;

/// The most that the last round may leave behind, over what the one before left.
/// What is left is nearly all the allocator's, which holds it ready: after a
/// round or two it has no reason to ask for more.
const STEADY: f64 = 1.1;

/// With fewer, what is measured is mostly what the allocator holds ready.
const ENOUGH: u64 = 100_000;

/// What came of one round.
struct Round {
    submit_ns: f64,
    do_ns: f64,
    /// Bytes a task while all wait; in later rounds much of it was there before.
    waiting: f64,
    /// The same of the last tenth of them.
    last: f64,
    /// Bytes a task when all is done and dropped.
    left: f64,
    /// The largest worker, in bytes; none for threads.
    worker: Option<u64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    processes::worker_entry(Registry::new().with(&INC).with(&HELD));
    let arguments = usage::arguments(USAGE);
    // This program, once more, for one row.
    if let [kind @ ("threads" | "processes"), tasks] =
        arguments.iter().map(String::as_str).collect::<Vec<_>>()[..]
    {
        return row(kind, tasks.parse()?);
    }
    let sizes = match arguments.is_empty() {
        true => ["10000", "100000", "1000000"].map(String::from).to_vec(),
        false => arguments,
    };
    if let Some(odd) = sizes.iter().find(|size| !size.parse().is_ok_and(|size: u64| size > 0)) {
        usage::refuse(USAGE, &format!("{odd:?} is no number of tasks"));
    }
    println!("{WORKERS} workers; the first of {ROUNDS} rounds, times the fastest of them");
    println!(
        "| workers | tasks | bytes a waiting task | of the last tenth | KiB of a worker | ns to submit | ns to do and gather | bytes a task left | after {ROUNDS} rounds |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for kind in ["threads", "processes"] {
        for tasks in &sizes {
            let row = Command::new(std::env::current_exe()?).args([kind, tasks]).status()?;
            if !row.success() {
                return Err(format!("{tasks} tasks in {kind}: {row}").into());
            }
        }
    }
    Ok(())
}

fn row(kind: &str, tasks: u64) -> Result<(), Box<dyn Error>> {
    let client = Client::local().n_workers(WORKERS).processes(kind == "processes").start()?;
    // The first of them load code and start threads.
    client.gather(client.map(&INC, 0..1_000))?;
    let start = resident("self")?;
    let rounds = (0..ROUNDS).map(|_| a_round(&client, tasks, start));
    let rounds = rounds.collect::<Result<Vec<_>, _>>()?;
    let fastest = |time: fn(&Round) -> f64| rounds.iter().map(time).fold(f64::MAX, f64::min);
    let (first, left) = (&rounds[0], rounds[ROUNDS - 1].left);
    let before = rounds[ROUNDS - 2].left;
    let worker = first.worker.map_or("–".into(), |bytes| (bytes >> 10).to_string());
    println!(
        "| {kind} | {tasks} | {:.0} | {:.0} | {worker} | {:.0} | {:.0} | {:.0} | {left:.0} |",
        first.waiting,
        first.last,
        fastest(|round| round.submit_ns),
        fastest(|round| round.do_ns),
        first.left,
    );
    if tasks >= ENOUGH && first.last > FLAT * first.waiting {
        return Err("the more tasks wait, the more each of them takes".into());
    }
    if tasks >= ENOUGH && left > STEADY * before {
        return Err("the memory grows from round to round".into());
    }
    Ok(())
}

/// Submits all, and lets them be done.
fn a_round(client: &Client, tasks: u64, start: u64) -> Result<Round, Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let gate = directory.path().join("gate");
    let path = gate.to_str().ok_or("a path in UTF-8")?;
    let held = client.map(&HELD, [path; WORKERS].map(String::from));
    while client.info().running < WORKERS {
        std::thread::sleep(Duration::from_millis(1));
    }
    let done = client.info().done;

    let grown = || Ok::<_, Box<dyn Error>>(resident("self")?.saturating_sub(start) as f64);
    let mut futures = Vec::with_capacity(tasks as usize);
    let (mut before, mut all) = (0.0, 0.0);
    let mut submitted = Duration::ZERO;
    for look in 0..LOOKS {
        let begin = Instant::now();
        futures.extend(client.map(&INC, look * tasks / LOOKS..(look + 1) * tasks / LOOKS));
        submitted += begin.elapsed();
        // What was submitted is taken in before what is asked for behind it.
        let waiting = client.info().waiting;
        if waiting != futures.len() {
            return Err(format!("{waiting} tasks wait of {}", futures.len()).into());
        }
        (before, all) = (all, grown()?);
    }
    let names: HashSet<_> = futures.iter().map(Future::id).collect();
    if names.len() != futures.len() {
        return Err("two tasks have one name".into());
    }
    drop(names);
    let mut worker = None;
    for info in client.info().workers {
        if let Place::Process { pid } = info.place {
            worker = worker.max(Some(resident(&pid.to_string())?));
        }
    }

    std::fs::write(&gate, "")?;
    let begin = Instant::now();
    client.gather(held)?;
    let results = client.gather(futures)?;
    let took = begin.elapsed();
    if !results.iter().copied().eq(1..=tasks) {
        return Err("the results are not those of the inputs, in order".into());
    }
    let done = client.info().done - done;
    if done != tasks + WORKERS as u64 {
        return Err(format!("{done} tasks were done for {tasks} and the {WORKERS} held").into());
    }
    drop(results);
    // What is let go of is dropped by the cluster, soon and not at once.
    std::thread::sleep(Duration::from_millis(100));
    let each = |sum: f64| sum / tasks as f64;
    Ok(Round {
        submit_ns: each(submitted.as_nanos() as f64),
        do_ns: each(took.as_nanos() as f64),
        waiting: each(all),
        last: (all - before) / (tasks / LOOKS) as f64,
        left: each(grown()?),
        worker,
    })
}

/// A process's memory, in bytes.
fn resident(process: &str) -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kibibytes.ok_or("no memory in /proc")?.parse::<u64>()? << 10)
}
