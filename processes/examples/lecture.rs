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

fn main() -> Result<(), Error> {
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

fn ten_lists_of_squares() -> Result<(), Error> {
    part("do_something: print, then a million squares; ten times");
    timed("one after the other", || all(serial::map(&RUNS, do_something)))?;
    timed("ten threads", || all(thread::map(&RUNS, do_something)))?;
    timed("ten forked processes", || all(fork::map(&RUNS, do_something)))?;
    timed("ten processes by re-execution", || all(reexec::map(&DO_SOMETHING, &RUNS)))?;
    println!("A list takes under a millisecond here: to start a process for it is a loss.");
    Ok(())
}

fn ten_calibrated_tasks() -> Result<(), Error> {
    part("the same with 40 ms of arithmetic each, as long as the lecture's list in Python");
    let steps = [steps(CALIBRATED); 10];
    timed("one after the other", || all(serial::map(&steps, |&steps| busy(steps))))?;
    timed("ten threads", || all(thread::map(&steps, |&steps| busy(steps))))?;
    timed("ten forked processes", || all(fork::map(&steps, |&steps| busy(steps))))?;
    timed("ten processes by re-execution", || all(reexec::map(&BUSY, &steps)))?;
    println!("Now all three divide the time by the number of idle cores.");
    Ok(())
}

fn memory_of_its_own() -> Result<(), Error> {
    part("own copies of resources");
    let mut cell = 0;
    std::thread::scope(|scope| scope.spawn(|| cell = 7).join()).expect("it does not panic");
    println!("a thread wrote 7; its parent reads {cell}");
    let cell = Cell::new(0);
    all(fork::map(&[7], |&x| cell.set(x)))?;
    println!("a forked child wrote 7; its parent reads {}", cell.get());
    let mut child = shared_memory::Resident::start(1, |bytes| bytes[0] = 7)?;
    println!("a child wrote 7 to shared memory; its parent reads {}", child.ask(1)?[0]);
    Ok(())
}

fn results_back() -> Result<(), Error> {
    part("a million squares back, 8 MB, from a process that is already there");
    let bytes = SQUARES as usize * 8;
    let mut expected = vec![0; bytes];
    write_squares(&mut expected);

    let mut child = pipe::Resident::start(bytes, write_squares)?;
    child.ask(bytes)?; // Touches every page once.
    let by_pipe = timed("through a pipe", || Ok(child.ask(bytes)? == expected))?;
    let mut child = unix_socket::Resident::start(bytes, write_squares)?;
    child.ask(bytes)?;
    let by_socket = timed("through a Unix socket", || Ok(child.ask(bytes)? == expected))?;
    let mut child = shared_memory::Resident::start(bytes, write_squares)?;
    child.ask(bytes)?;
    let by_memory = timed("in shared memory", || Ok(child.ask(bytes)? == expected))?;
    println!(
        "all right: {}; reading them to compare is in the time",
        by_pipe && by_socket && by_memory
    );
    Ok(())
}

fn how_it_ended() -> Result<(), Error> {
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

fn workers() -> Result<(), Error> {
    part("a worker that stays, and what it survives");
    let mut worker = timed("started", Worker::spawn)?;
    timed("called", || worker.call(&NOTHING, &()))?;
    timed("called for a thousand items at once", || worker.call_batch(&NOTHING, &[(); 1000]))?;
    println!("{}", told(worker.call(&REFUSE, &7)));
    timed("called again, in the same process", || worker.call(&NOTHING, &()))?;
    println!("{}", told(worker.call(&EXIT, &3)));
    Ok(())
}

fn cost_of_creation() -> Result<(), Error> {
    part("ten that do nothing, started and waited for");
    timed("threads", || all(thread::map(&[(); 10], |()| ())))?;
    timed("forked processes", || {
        let mut children = (0..10).map(|_| fork::start(|| 0)).collect::<Result<Vec<_>, _>>()?;
        Ok(children.iter_mut().map(Forked::wait).filter(|exit| exit.success()).count())
    })?;
    timed("another program", || all(spawn::map(&["true"; 10], command)))?;
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

fn timed<R>(what: &str, work: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    let start = Instant::now();
    let result = work()?;
    println!("{what:<36} {:>9.3} ms", start.elapsed().as_secs_f64() * 1e3);
    Ok(result)
}

fn all<R>(results: Vec<Result<R, Error>>) -> Result<Vec<R>, Error> {
    results.into_iter().collect()
}
