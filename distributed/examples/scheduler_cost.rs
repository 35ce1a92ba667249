//! What the scheduler takes for a task, without workers: every task is done
//! the moment it is handed out.
//!
//! ```sh
//! cargo run --release -p distributed --example scheduler-cost              # 1,000,000 tasks
//! cargo run --release -p distributed --example scheduler-cost -- 100000
//! ```
//!
//! A task is submitted (in batches of 1000, or all at once where its shape
//! wants it), assigned, finished and released. The first column of times is the
//! median of five runs over all of that; the others are its parts. The bytes
//! are what the resident memory of a fresh process grew by while all tasks
//! waited, divided by them.

#[path = "common/usage.rs"]
mod usage;

use std::time::{Duration, Instant};

use distributed::scheduler::{
    Action, Event, Fifo, Locality, Policy, Scheduler, Spec, TaskId, WorkerId,
};

const USAGE: &str = "\
scheduler-cost [TASKS]

What the scheduler takes for a task of so many (1000000), without workers.";

/// How often each row is measured.
const RUNS: usize = 5;

/// Tasks, in the batches in which they are submitted.
struct Shape {
    name: &'static str,
    batches: fn(u64) -> Vec<Vec<Spec>>,
}

const SHAPES: [Shape; 4] = [
    Shape { name: "bag", batches: |tasks| batched((0..tasks).map(|n| Spec::new(TaskId(n)))) },
    Shape {
        name: "bag at once",
        batches: |n| vec![(0..n).map(|n| Spec::new(TaskId(n))).collect()],
    },
    Shape { name: "merge", batches: |tasks| vec![merge(tasks)] },
    Shape { name: "tree", batches: |tasks| vec![tree(tasks)] },
];

/// Times of one run, in nanoseconds for each task.
#[derive(Clone, Copy, Default)]
struct Times {
    total: f64,
    submit: f64,
    finish: f64,
    release: f64,
}

fn main() {
    let arguments = usage::arguments(USAGE);
    let tasks = match arguments.first().map(|argument| (argument, argument.parse())) {
        None => 1_000_000,
        Some((_, Ok(tasks))) => tasks,
        Some((odd, Err(_))) => usage::refuse(USAGE, &format!("{odd:?} is no number of tasks")),
    };
    // This process, once more, for the memory of one shape.
    if let Some(name) = arguments.get(1) {
        let Some(shape) = SHAPES.iter().find(|shape| shape.name == name) else {
            usage::refuse(USAGE, &format!("it takes one number, and not {name:?} too"));
        };
        return println!("{:.0}", waiting_bytes(&(shape.batches)(tasks)));
    }
    println!("{tasks} tasks; nanoseconds a task");
    println!(
        "| shape | workers | depth | policy | total | submit | finish | release | bytes a waiting task |"
    );
    println!("|---|--:|--:|---|--:|--:|--:|--:|--:|");
    for shape in &SHAPES {
        let bytes = in_fresh_process(tasks, shape);
        for (workers, depth) in [(2, 64), (2, 1), (1000, 2)] {
            row(shape, tasks, &bytes, (workers, depth), Locality);
        }
        row(shape, tasks, &bytes, (2, 64), Fifo);
    }
}

fn row(
    shape: &Shape,
    tasks: u64,
    bytes: &str,
    (workers, depth): (u64, u32),
    policy: impl Policy + Copy + 'static,
) {
    let mut runs: Vec<Times> =
        (0..RUNS).map(|_| run((shape.batches)(tasks), workers, depth, policy)).collect();
    runs.sort_by(|a, b| a.total.total_cmp(&b.total));
    let Times { total, submit, finish, release } = runs[RUNS / 2];
    println!(
        "| {} | {workers} | {depth} | {} | {total:.0} | {submit:.0} | {finish:.0} | {release:.0} | {bytes} |",
        shape.name,
        policy.name(),
    );
}

/// Submits everything, does at once what is handed out, and lets go of each
/// result when it is there.
fn run(batches: Vec<Vec<Spec>>, workers: u64, depth: u32, policy: impl Policy + 'static) -> Times {
    let tasks: usize = batches.iter().map(Vec::len).sum();
    let mut scheduler = Scheduler::new(policy, 3);
    let mut actions = Vec::new();
    for worker in (0..workers).map(WorkerId) {
        scheduler.handle(Event::WorkerJoined { worker, depth }, &mut actions);
    }
    let (mut submit, mut finish, mut release) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut hands: Vec<(WorkerId, TaskId)> = Vec::new();
    let mut done = Vec::new();
    let mut finished = 0;
    let started = Instant::now();
    for specs in batches {
        let at = Instant::now();
        scheduler.handle(Event::Submitted { specs }, &mut actions);
        submit += at.elapsed();
        let at = Instant::now();
        loop {
            for action in actions.drain(..) {
                match action {
                    Action::Assign { task, worker } => hands.push((worker, task)),
                    Action::Finish { task, .. } => done.push(task),
                    _ => {}
                }
            }
            // The driver lets go of futures in passing, some at a time.
            if done.len() >= 64 {
                finished += done.len();
                let at = Instant::now();
                let tasks = std::mem::take(&mut done);
                scheduler.handle(Event::Released { tasks }, &mut actions);
                release += at.elapsed();
                actions.clear();
            }
            let Some((worker, task)) = hands.pop() else { break };
            let event = Event::Finished { worker, task, bytes: 8, kept: false };
            scheduler.handle(event, &mut actions);
        }
        finish += at.elapsed();
    }
    finished += done.len();
    scheduler.handle(Event::Released { tasks: done }, &mut actions);
    let total = started.elapsed();
    assert_eq!(finished, tasks, "every task is finished once");
    assert_eq!(scheduler.counts(), Default::default(), "nothing is left");
    let each = |time: Duration| time.as_nanos() as f64 / tasks as f64;
    Times {
        total: each(total),
        submit: each(submit),
        finish: each(finish - release),
        release: each(release),
    }
}

/// What a waiting task adds to the memory of a process that did nothing before.
fn in_fresh_process(tasks: u64, shape: &Shape) -> String {
    let program = std::env::current_exe().expect("this program has a path");
    let child = std::process::Command::new(program).args([&tasks.to_string(), shape.name]).output();
    let output = child.expect("this program can be started").stdout;
    String::from_utf8_lossy(&output).trim().to_owned()
}

fn waiting_bytes(batches: &[Vec<Spec>]) -> f64 {
    let tasks: usize = batches.iter().map(Vec::len).sum();
    let mut scheduler = Scheduler::new(Locality, 3);
    let before = resident();
    for specs in batches {
        // A copy: if the batch itself were dropped, its memory would be used
        // for the tasks, and the process would not grow.
        scheduler.handle(Event::Submitted { specs: specs.clone() }, &mut Vec::new());
    }
    let grown = resident() - before;
    assert_eq!(scheduler.counts().ready + scheduler.counts().waiting, tasks);
    grown / tasks as f64
}

/// The resident memory of this process, in bytes.
fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or(f64::NAN) * 4096.0
}

fn batched(specs: impl Iterator<Item = Spec>) -> Vec<Vec<Spec>> {
    let specs: Vec<Spec> = specs.collect();
    specs.chunks(1000).map(<[Spec]>::to_vec).collect()
}

/// Independent tasks, and one that takes all their results, for each 10,000.
fn merge(tasks: u64) -> Vec<Spec> {
    let spec = |n: u64| {
        let first = n / 10_000 * 10_000;
        let last = n == first + 9_999 || n == tasks - 1;
        let inputs: Vec<TaskId> = if last { (first..n).map(TaskId).collect() } else { vec![] };
        Spec::new(TaskId(n)).after(inputs)
    };
    (0..tasks).map(spec).collect()
}

/// Sums of two, of those, and so on: the `n`th inner task takes the two that
/// stand next in line.
fn tree(tasks: u64) -> Vec<Spec> {
    // One inner task less than there are leaves.
    let leaves = tasks.div_ceil(2);
    let spec = |n: u64| match n.checked_sub(leaves) {
        None => Spec::new(TaskId(n)),
        Some(inner) => Spec::new(TaskId(n)).after([TaskId(2 * inner), TaskId(2 * inner + 1)]),
    };
    (0..2 * leaves - 1).map(spec).collect()
}
