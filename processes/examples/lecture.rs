//! The `multiprocessing` cells of the lecture, at the lecture's own numbers.
//!
//! ```text
//! cargo run --release -p processes --example processes-lecture
//! ```
//!
//! Takes a second or two.

use std::cell::Cell;
use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, raise};
use processes::fork::Forked;
use processes::{
    Error, Exit, Registry, Task, Worker, fork, pipe, reexec, serial, shared_memory, spawn, squares,
    thread, unix_socket, write_squares,
};
use report::work::{busy, steps};

/// A process that failed, or a result that is wrong.
type Failure = Box<dyn std::error::Error>;

/// The lecture's `range(10)`.
const RUNS: [u32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/// The lecture's `range(1000000)`.
const SQUARES: u64 = 1_000_000;

/// Longer than it takes to start a process, by far.
const CALIBRATED: Duration = Duration::from_millis(40);

fn do_something(n: &u32) -> u64 {
    println!("Run {n}.");
    black_box(squares(SQUARES)).last().copied().unwrap_or_default()
}

const DO_SOMETHING: Task<u32, u64> = Task::new("do_something", |n| do_something(&n));
const BUSY: Task<u64, u64> = Task::new("busy", busy);
const NOTHING: Task<(), ()> = Task::new("nothing", |()| ());
const REFUSE: Task<u32, u32> = Task::new("refuse", |n| panic!("{n} is refused"));
const EXIT: Task<i32, ()> = Task::new("exit", |code| std::process::exit(code));

fn main() -> Result<(), Failure> {
    processes::worker_entry(
        Registry::new().with(&DO_SOMETHING).with(&BUSY).with(&NOTHING).with(&REFUSE).with(&EXIT),
    );
    println!("process {}", std::process::id());
    ten_lists_of_squares()?;
    ten_calibrated_tasks()?;
    memory_of_its_own()?;
    results_back()?;
    how_it_ended()?;
    workers()?;
    cost_of_creation()
}

fn ten_lists_of_squares() -> Result<(), Failure> {
    part("do_something: print, then a million squares; ten times");
    let expected = [(SQUARES - 1).pow(2); RUNS.len()];
    compare(
        &expected,
        "a list",
        [
            ("one after the other", &|| all(serial::map(&RUNS, do_something))),
            ("ten threads", &|| all(thread::map(&RUNS, do_something))),
            ("ten forked processes", &|| all(fork::map(&RUNS, do_something))),
            ("ten processes by re-execution", &|| all(reexec::map(&DO_SOMETHING, &RUNS))),
        ],
    )
}

fn ten_calibrated_tasks() -> Result<(), Failure> {
    part("the same with 40 ms of arithmetic each, as long as the lecture's list in Python");
    let steps = [steps(CALIBRATED); 10];
    let expected = steps.map(busy);
    compare(
        &expected,
        "a task",
        [
            ("one after the other", &|| all(serial::map(&steps, |&steps| busy(steps)))),
            ("ten threads", &|| all(thread::map(&steps, |&steps| busy(steps)))),
            ("ten forked processes", &|| all(fork::map(&steps, |&steps| busy(steps)))),
            ("ten processes by re-execution", &|| all(reexec::map(&BUSY, &steps))),
        ],
    )
}

/// A model's name, and its ten results.
type Model<'a> = (&'a str, &'a dyn Fn() -> Result<Vec<u64>, Error>);

/// Times models on the same ten tasks, of which the first does them serially,
/// and says what came of it.
fn compare(expected: &[u64], task: &str, models: [Model<'_>; 4]) -> Result<(), Failure> {
    let mut serial = Duration::ZERO;
    let mut sentences = Vec::new();
    for (name, model) in models {
        let (results, taken) = timed(name, model)?;
        right(name, results == expected)?;
        if serial.is_zero() {
            serial = taken;
            let each = serial.as_secs_f64() * 1e3 / expected.len() as f64;
            sentences.push(format!("{task} takes {each:.2} ms"));
            continue;
        }
        let ratio = taken.as_secs_f64() / serial.as_secs_f64();
        sentences.push(match ratio {
            ..0.95 => format!("{name} take {ratio:.2} of the time: a gain"),
            0.95..=1.05 => format!("{name} take as long"),
            _ => format!("{name} take {ratio:.1} times as long: a loss"),
        });
    }
    println!("So, this once: {}.", sentences.join("; "));
    Ok(())
}

fn memory_of_its_own() -> Result<(), Failure> {
    part("own copies of resources");
    let mut cell = 0;
    std::thread::scope(|scope| scope.spawn(|| cell = 7).join()).expect("it does not panic");
    println!("a thread wrote 7; its parent reads {cell}");
    right("a thread shares memory", cell == 7)?;
    let cell = Cell::new(0);
    all(fork::map(&[7], |&x| cell.set(x)))?;
    println!("a forked child wrote 7; its parent reads {}", cell.get());
    right("a forked child has its own memory", cell.get() == 0)?;
    let mut child = shared_memory::Resident::start(1, |bytes| bytes[0] = 7)?;
    let read = child.ask(1)?[0];
    println!("a child wrote 7 to shared memory; its parent reads {read}");
    right("shared memory is shared", read == 7)
}

fn results_back() -> Result<(), Failure> {
    part("a million squares back, 8 MB, from a process that is already there");
    let bytes = SQUARES as usize * 8;
    let mut expected = vec![0; bytes];
    write_squares(&mut expected);

    let mut child = pipe::Resident::start(bytes, write_squares)?;
    child.ask(bytes)?; // Touches every page once.
    let (same, _) = timed("through a pipe", || Ok(child.ask(bytes)? == expected))?;
    right("the pipe's bytes", same)?;
    let mut child = unix_socket::Resident::start(bytes, write_squares)?;
    child.ask(bytes)?;
    let (same, by_socket) = timed("through a Unix socket", || Ok(child.ask(bytes)? == expected))?;
    right("the socket's bytes", same)?;
    let mut child = shared_memory::Resident::start(bytes, write_squares)?;
    child.ask(bytes)?;
    let (same, by_memory) = timed("in shared memory", || Ok(child.ask(bytes)? == expected))?;
    right("the shared bytes", same)?;
    let ratio = by_socket.as_secs_f64() / by_memory.as_secs_f64();
    println!("All are right (comparing them is in the time). Socket over memory: {ratio:.1}.");
    Ok(())
}

fn how_it_ended() -> Result<(), Failure> {
    part("exit codes and signals");
    let show = |what: &str, exit: Exit| println!("{what:<36} {exit}");
    show("returned", fork::start(|| 0)?.wait());
    show("called exit(3)", fork::start(|| std::process::exit(3))?.wait());
    show("sent itself SIGKILL", fork::start(|| i32::from(raise(Signal::SIGKILL).is_ok()))?.wait());
    show("called abort", fork::start(|| std::process::abort())?.wait());
    for (program, exit) in ["true", "false"].iter().zip(spawn::map(&["true", "false"], command)) {
        show(&format!("the program {program}"), exit?);
    }
    Ok(())
}

fn workers() -> Result<(), Failure> {
    part("a worker that stays, and what it survives");
    let (mut worker, _) = timed("started", Worker::spawn)?;
    timed("called", || worker.call(&NOTHING, &()))?;
    timed("called for a thousand items at once", || worker.call_batch(&NOTHING, &[(); 1000]))?;
    println!("{}", told(worker.call(&REFUSE, &7)));
    timed("called again, in the same process", || worker.call(&NOTHING, &()))?;
    println!("{}", told(worker.call(&EXIT, &3)));
    right("a worker that left is dead", !worker.is_alive())
}

fn cost_of_creation() -> Result<(), Failure> {
    part("ten that do nothing, started and waited for");
    timed("threads", || all(thread::map(&[(); 10], |()| ())))?;
    let (succeeded, _) = timed("forked processes", || {
        let mut children = (0..10).map(|_| fork::start(|| 0)).collect::<Result<Vec<_>, _>>()?;
        Ok(children.iter_mut().map(Forked::wait).filter(|exit| exit.success()).count())
    })?;
    right("ten forks that do nothing", succeeded == 10)?;
    let (exits, _) = timed("another program", || all(spawn::map(&["true"; 10], command)))?;
    right("ten programs that do nothing", exits.iter().all(|exit| exit.success()))?;
    timed("this program again", || all(reexec::map(&NOTHING, &[(); 10])))?;
    Ok(())
}

/// What a caller gets to read of a task that fails.
fn told<R>(outcome: Result<R, Error>) -> String {
    outcome.map_or_else(|e| e.to_string(), |_| "it did not fail".into())
}

fn command(program: &&str) -> Command {
    Command::new(program)
}

fn part(title: &str) {
    println!("\n== {title}");
}

fn timed<R>(what: &str, work: impl FnOnce() -> Result<R, Error>) -> Result<(R, Duration), Error> {
    let start = Instant::now();
    let result = work()?;
    let taken = start.elapsed();
    println!("{what:<36} {:>9.3} ms", taken.as_secs_f64() * 1e3);
    Ok((result, taken))
}

/// A result that is wrong ends the program, and not with success.
fn right(what: &str, right: bool) -> Result<(), Failure> {
    if right { Ok(()) } else { Err(format!("wrong: {what}").into()) }
}

fn all<R>(results: Vec<Result<R, Error>>) -> Result<Vec<R>, Error> {
    results.into_iter().collect()
}
