//! What this machine's cluster costs, and what the simulator makes of it.
//!
//! Three costs are measured on two worker processes and one on a socket; the
//! simulator is told them, and has to say how long other graphs take. Then those
//! run for real.
//!
//! ```text
//! cargo run --release -p distributed --example calibrate
//! ```
//!
//! Tasks wait instead of computing, so that two cores are enough for two workers,
//! the client and its engine. What a wait takes beyond what it is told is measured
//! too, and is part of the durations that the simulator gets.

#[path = "common/usage.rs"]
mod usage;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use distributed::scheduler::Locality;
use distributed::simulation::{Costs, Graph, Setup, simulate};
use distributed::timeline::Record;
use distributed::{Client, Error, Future, With};
use processes::{Registry, Task};

const USAGE: &str = "\
calibrate [--help]

Measures what two worker processes cost here, tells the simulator, and runs the graphs
that it predicts: predicted and real, side by side.";

const WORKERS: usize = 2;

/// Tasks of the graphs whose costs are looked for.
const MANY: u64 = 10_000;

/// Tasks of a chain.
const LINKS: u64 = 1_000;

/// How often what is short is measured, and what is long.
const OFTEN: usize = 21;
const SELDOM: usize = 3;

const INC: Task<u64, u64> = Task::new("inc", |x| x + 1);
const ADD: Task<(u64, u64), u64> = Task::new("add", |(x, y)| x + y);
const SUM: Task<Vec<u64>, u64> = Task::new("sum", |all| all.iter().sum());

/// Waits for so many microseconds.
const WAIT: Task<u64, u64> = Task::new("wait", |us| {
    std::thread::sleep(Duration::from_micros(us));
    us
});

/// Waits for 1 ms, and adds.
const SLOW_ADD: Task<(u64, u64), u64> = Task::new("slow_add", |(x, y)| {
    std::thread::sleep(Duration::from_millis(1));
    x + y
});

/// Runs until the path is there.
const HELD: Task<String, ()> = Task::new("held", |path| {
    while !Path::new(&path).exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
});

/// A graph to be predicted: how the simulator has it, and how it really runs.
struct Case {
    name: &'static str,
    graph: Graph,
    real: fn(&Client) -> Result<u64, Error>,
    value: u64,
    runs: usize,
}

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let registry = Registry::new().with(&INC).with(&ADD).with(&SUM).with(&WAIT);
    processes::worker_entry(registry.with(&SLOW_ADD).with(&HELD));
    if let [odd, ..] = &usage::arguments(USAGE)[..] {
        usage::refuse(USAGE, &format!("it takes no argument, such as {odd:?}"));
    }
    let client = Client::local().n_workers(WORKERS).start()?;
    let setup = measured(&client)?;
    let Setup { latency_ns, worker_ns, costs, .. } = setup;
    let Costs { message_ns, submit_ns, task_ns } = costs;
    println!(
        "a message {message_ns} ns, a task submitted {submit_ns} ns, a task finished {task_ns} ns"
    );
    println!("a way {latency_ns} ns, a task at its worker {worker_ns} ns");
    let bag = |client: &Client| client.gather(client.map(&INC, 0..MANY));
    let recorded = Client::local().n_workers(WORKERS).timeline(true).start()?;
    let plain = typical(OFTEN, || bag(&client).map(drop))?;
    let timed = typical(OFTEN, || {
        let done = bag(&recorded).map(drop);
        recorded.timeline();
        done
    })?;
    let each = |time: u64| time / MANY;
    println!("{} ns a task of {MANY}, {} with a timeline\n", each(plain), each(timed));

    println!("| graph | tasks | least | predicted | real | predicted / real |");
    println!("|---|--:|--:|--:|--:|--:|");
    for Case { name, graph, real, value, runs } in cases()? {
        let predicted = simulate(&graph, &setup, Locality, || 0).makespan_ns;
        let real = typical(runs, || match real(&client)? {
            got if got == value => Ok::<_, Failed>(()),
            got => Err(format!("{name}: {got} in the place of {value}").into()),
        })?;
        let ms = |ns: u64| format!("{:.2} ms", ns as f64 / 1e6);
        println!(
            "| {name} | {} | {} | {} | {} | {:.3} |",
            graph.len(),
            ms(graph.bound_ns(WORKERS as u32)),
            ms(predicted),
            ms(real),
            predicted as f64 / real as f64,
        );
    }
    Ok(())
}

/// What this cluster costs.
fn measured(client: &Client) -> Result<Setup, Failed> {
    let message_ns = message()?;
    let worker_ns = worker()?;
    let submit_ns = submission(client)? / MANY;
    // The rest of what a task takes where there are many.
    let bag = typical(OFTEN, || client.gather(client.map(&INC, 0..MANY)).map(drop))?;
    let task_ns = (bag / MANY).saturating_sub(submit_ns);
    // In a chain each task is sent when the one before is reported; the rest of
    // the time it is on its way, and somebody is woken there.
    let links = typical(OFTEN, || chain(client).result().map(drop))? / LINKS;
    let latency_ns = links.saturating_sub(2 * message_ns + task_ns + worker_ns) / 2;
    println!("a link of a chain {links} ns");
    let costs = Costs { message_ns, submit_ns, task_ns };
    Ok(Setup::local(WORKERS as u32, latency_ns, worker_ns, costs))
}

/// The time in which a few bytes are written into a socket, or read from it.
fn message() -> Result<u64, Failed> {
    const TIMES: u64 = 1_000;
    let (mut here, mut there) = UnixStream::pair()?;
    let mut bytes = [0; 64];
    let times = typical(OFTEN, || {
        (0..TIMES).try_for_each(|_| {
            here.write_all(&bytes)?;
            there.read_exact(&mut bytes)
        })
    })?;
    Ok(times / (2 * TIMES))
}

/// The pace of a worker that has many tiny tasks in hand.
fn worker() -> Result<u64, Failed> {
    let client = Client::local().n_workers(1).timeline(true).start()?;
    client.gather(client.map(&INC, 0..MANY))?;
    let records = client.timeline().records;
    let mut paces: Vec<u64> =
        records.windows(2).map(|two| two[1].start_ns - two[0].start_ns).collect();
    paces.sort_unstable();
    Ok(paces[paces.len() / 2])
}

/// How long it takes to submit many tasks, none of which can begin.
fn submission(client: &Client) -> Result<u64, Failed> {
    let directory = tempfile::tempdir()?;
    let mut times = Vec::new();
    for turn in 0..OFTEN {
        let gate = directory.path().join(turn.to_string());
        let path = gate.to_str().ok_or("a path in UTF-8")?;
        let held = client.map(&HELD, [path; WORKERS].map(String::from));
        while client.info().running < WORKERS {
            std::thread::sleep(Duration::from_millis(1));
        }
        let begin = Instant::now();
        let futures = client.map(&INC, 0..MANY);
        // It is answered behind what was submitted.
        client.info();
        times.push(begin.elapsed());
        std::fs::write(&gate, "")?;
        client.gather(held)?;
        client.gather(futures)?;
    }
    Ok(median(times))
}

/// The median of what `work` takes, in nanoseconds.
fn typical<E: Into<Failed>>(
    runs: usize,
    mut work: impl FnMut() -> Result<(), E>,
) -> Result<u64, Failed> {
    let mut times = Vec::new();
    for _ in 0..runs {
        let begin = Instant::now();
        work().map_err(Into::into)?;
        times.push(begin.elapsed());
    }
    Ok(median(times))
}

fn median(mut times: Vec<Duration>) -> u64 {
    times.sort_unstable();
    times[times.len() / 2].as_nanos() as u64
}

fn cases() -> Result<Vec<Case>, Failed> {
    let (one, ten, thousand) = (wait(1_000, 100)?, wait(10_000, 20)?, wait(1_000_000, 2)?);
    let mut cases = Vec::new();
    let mut case = |name, runs, value, real: fn(&Client) -> Result<u64, Error>, graph| {
        cases.push(Case { name, graph, real, value, runs });
    };

    let real = |client: &Client| Ok(client.gather(client.map(&WAIT, [10_000; 100]))?.iter().sum());
    case("bag of 10 ms", SELDOM, 1_000_000, real, bag(100, "wait", ten));

    let real = |client: &Client| {
        let inputs = std::iter::once(1_000_000).chain([10_000; 100]);
        Ok(client.gather(client.map(&WAIT, inputs))?.iter().sum())
    };
    let mut graph = Graph::new();
    graph.push("wait", [], thousand, 8);
    (0..100).for_each(|_| _ = graph.push("wait", [], ten, 8));
    case("1 s ahead of 100 of 10 ms", SELDOM, 2_000_000, real, graph);

    let real = |client: &Client| tree(client, &SLOW_ADD, 128).result();
    case("tree of 1 ms", OFTEN, 255 * 128, real, tree_of(128, one));

    let real = |client: &Client| tree(client, &ADD, 4_096).result();
    case("tree of nothing", OFTEN, 8_191 * 4_096, real, tree_of(4_096, 0));

    let real = |client: &Client| {
        let parts = client.map(&INC, 0..MANY);
        client.submit(&SUM, &parts).result()
    };
    let mut graph = bag(MANY, "inc", 0);
    graph.push("sum", 0..MANY as u32, 0, 8);
    case("merge of nothing", OFTEN, MANY * (MANY + 1) / 2, real, graph);

    Ok(cases)
}

/// What a wait of so many microseconds really takes, on average, at a worker.
fn wait(us: u64, times: usize) -> Result<u64, Failed> {
    let client = Client::local().n_workers(WORKERS).timeline(true).start()?;
    client.gather(client.map(&WAIT, vec![us; times]))?;
    let took = |record: &Record| record.end_ns - record.start_ns;
    Ok(client.timeline().records.iter().map(took).sum::<u64>() / times as u64)
}

/// Each takes the value of the last.
fn chain(client: &Client) -> Future<u64> {
    let first = client.submit(&INC, 0);
    (1..LINKS).fold(first, |last, _| client.submit(&INC, &last))
}

fn bag(tasks: u64, name: &'static str, duration_ns: u64) -> Graph {
    let mut graph = Graph::new();
    (0..tasks).for_each(|_| _ = graph.push(name, [], duration_ns, 8));
    graph
}

/// Numbers added two by two, and their sums again.
fn tree(client: &Client, add: &Task<(u64, u64), u64>, leaves: u64) -> Future<u64> {
    let mut level = client.map(add, (0..leaves).map(|n| (2 * n, 2 * n + 1)));
    while level.len() > 1 {
        level = client.map(add, level.chunks(2).map(|pair| With((&pair[0], &pair[1]))));
    }
    level.remove(0)
}

/// The same for the simulator: what is added stands in the order of its making.
fn tree_of(leaves: u32, duration_ns: u64) -> Graph {
    let mut graph = bag(leaves.into(), "add", duration_ns);
    (0..leaves - 1).for_each(|n| _ = graph.push("add", [2 * n, 2 * n + 1], duration_ns, 8));
    graph
}
