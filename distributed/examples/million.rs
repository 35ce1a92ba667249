//! What a task that waits takes in memory, a million of them at once.
//!
//! One worker is held up, so that nothing runs while the tasks are submitted;
//! then it is let go, and all of them are done. Twice, because what was freed
//! must serve again.
//!
//! ```text
//! cargo run --release -p distributed --example million
//! cargo run --release -p distributed --example million -- 100000
//! ```

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use distributed::{Client, Place};
use processes::{Registry, Task};

const INC: Task<u64, u64> = Task::new("inc", |x| x + 1);

/// Runs until the path is there.
const HELD: Task<String, ()> = Task::new("held", |path| {
    while !Path::new(&path).exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
});

/// It is looked at the memory so often while tasks are submitted.
const LOOKS: u64 = 10;

/// The most bytes that one more task may take, over what the first took.
const FLAT: f64 = 1.5;

fn main() -> Result<(), Box<dyn Error>> {
    processes::worker_entry(Registry::new().with(&INC).with(&HELD));
    let tasks = std::env::args().nth(1).map_or(Ok(1_000_000), |tasks| tasks.parse())?;
    for processes in [false, true] {
        let client = Client::local().n_workers(1).processes(processes).start()?;
        // The first of them load code and start threads.
        client.gather(client.map(&INC, 0..1_000))?;
        let start = resident("self")?;
        for round in 1..=2 {
            println!("processes({processes}), round {round}: {tasks} tasks");
            a_round(&client, tasks, start)?;
        }
    }
    Ok(())
}

/// Submits all, and lets them be done.
fn a_round(client: &Client, tasks: u64, start: u64) -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let gate = directory.path().join("gate");
    let held = client.submit(&HELD, gate.to_str().ok_or("a path in UTF-8")?.to_owned());
    while client.info().running == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }

    let mut futures = Vec::with_capacity(tasks as usize);
    let mut each = Vec::new();
    let begin = Instant::now();
    for look in 0..LOOKS {
        futures.extend(client.map(&INC, look * tasks / LOOKS..(look + 1) * tasks / LOOKS));
        // What was submitted is taken in before what is asked for behind it.
        let waiting = client.info().waiting as u64;
        if waiting != futures.len() as u64 {
            return Err(format!("{waiting} tasks wait of {}", futures.len()).into());
        }
        each.push((resident("self")?.saturating_sub(start)) as f64 / waiting as f64);
    }
    let submitted = begin.elapsed();
    let worker = client.info().workers.first().map(|worker| worker.place.clone());
    println!(
        "  waiting: {:.0} bytes a task with the first tenth of them, {:.0} with all",
        each[0],
        each[each.len() - 1]
    );
    if let Some(Place::Process { pid }) = worker {
        println!("  the worker process has {} KiB", resident(&pid.to_string())? >> 10);
    }

    std::fs::write(&gate, "")?;
    let begin = Instant::now();
    held.result()?;
    let results = client.gather(futures)?;
    let (done, after) = (begin.elapsed(), resident("self")?);
    if !results.iter().copied().eq(1..=tasks) {
        return Err("the results are not those of the inputs, in order".into());
    }
    drop(results);
    let per_task = |time: Duration| time.as_nanos() as f64 / tasks as f64;
    println!(
        "  all done and right: {:.0} ns a task to submit, {:.0} to do and to gather",
        per_task(submitted),
        per_task(done)
    );
    println!("  at the end {:.0} bytes a task", after.saturating_sub(start) as f64 / tasks as f64);
    // A small number of tasks is lost in what the allocator holds ready.
    if tasks >= 100_000 && each[each.len() - 1] > FLAT * each[0] {
        return Err("the more tasks wait, the more each of them takes".into());
    }
    Ok(())
}

/// A process's memory, in bytes.
fn resident(process: &str) -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kibibytes.ok_or("no memory in /proc")?.parse::<u64>()? << 10)
}
