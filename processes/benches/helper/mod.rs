//! What happens in a helper process, and is timed there.
//!
//! `fork` is safe only in a process with one thread, and its cost grows with
//! the memory of the process that calls it. The bench has threads by the time
//! it measures, and memory of its own; a helper is a fresh worker with neither.
//! Whatever a workload does to its helper, such as pinning it to a core, ends
//! with it.

mod memory;

use std::fs;
use std::hint::black_box;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use processes::fork::{self, Forked};
use processes::{
    Error, Registry, Task, Worker, pipe, reexec, shared_memory, spawn, squares, thread,
    unix_socket, write_squares,
};
use report::suite::{Routine, refused, timed};
use report::work::busy;
use serde::de::DeserializeOwned;

/// As many processes as the lecture starts.
pub(crate) const TEN: usize = 10;

/// A parameter, and for how many iterations.
pub(crate) type Job = (u64, u64);

/// The nanoseconds that all iterations took, and their results.
pub(crate) type Measured<Out> = Result<(u64, Vec<Out>), String>;

pub(crate) const LAST_SQUARE: Task<u64, u64> = Task::new("last_square", |m| last_square(&m));
pub(crate) const BUSY: Task<u64, u64> = Task::new("busy", busy);
pub(crate) const NOTHING: Task<(), ()> = Task::new("nothing", |()| ());

pub(crate) const FORK_SQUARES: Task<Job, Measured<Vec<u64>>> =
    Task::new("fork_squares", |(m, iterations)| {
        time(iterations, || all(fork::map(&[m; TEN], last_square)))
    });
pub(crate) const FORK_BUSY: Task<Job, Measured<Vec<u64>>> =
    Task::new("fork_busy", |(steps, iterations)| {
        time(iterations, || all(fork::map(&[steps; TEN], |&steps| busy(steps))))
    });
pub(crate) const FORK_NOTHING: Task<Job, Measured<u64>> =
    Task::new("fork_nothing", |(n, iterations)| time(iterations, || fork_nothing(n)));
pub(crate) const SPAWN_NOTHING: Task<Job, Measured<u64>> =
    Task::new("spawn_nothing", |(n, iterations)| time(iterations, || spawn_nothing(n)));
pub(crate) const REEXEC_NOTHING: Task<Job, Measured<u64>> =
    Task::new("reexec_nothing", |(n, iterations)| time(iterations, || reexec_nothing(n)));

pub(crate) const THREAD_NOTHING: Task<Job, Measured<u64>> =
    Task::new("thread_nothing", |(n, iterations)| time(iterations, || thread_nothing(n)));

pub(crate) const THREAD: Task<Job, Measured<u64>> = Task::new("thread", |(bytes, iterations)| {
    let mut child = apart(|| thread::Resident::start(bytes as usize, fill))?;
    measure(iterations, |clock| clock.time(|| child.ask(bytes as usize)).map(sum))
});
pub(crate) const PIPE: Task<Job, Measured<u64>> = Task::new("pipe", |(bytes, iterations)| {
    let mut child = apart(|| pipe::Resident::start(bytes as usize, fill))?;
    measure(iterations, |clock| clock.time(|| child.ask(bytes as usize)).map(sum))
});
pub(crate) const UNIX_SOCKET: Task<Job, Measured<u64>> =
    Task::new("unix_socket", |(bytes, iterations)| {
        let mut child = apart(|| unix_socket::Resident::start(bytes as usize, fill))?;
        measure(iterations, |clock| clock.time(|| child.ask(bytes as usize)).map(sum))
    });
pub(crate) const SHARED_MEMORY: Task<Job, Measured<u64>> =
    Task::new("shared_memory", |(bytes, iterations)| {
        let mut child = apart(|| shared_memory::Resident::start(bytes as usize, fill))?;
        measure(iterations, |clock| clock.time(|| child.ask(bytes as usize)).map(sum))
    });

/// Makes a helper hold so many MiB, in large pages or in small ones.
pub(crate) const HOLD: Task<(u64, bool), Result<(), String>> =
    Task::new("hold", |(mebibytes, large)| memory::hold(mebibytes, large));

/// What the workers of this bench can be asked for.
pub(crate) fn registry() -> Registry {
    Registry::new()
        .with(&LAST_SQUARE)
        .with(&BUSY)
        .with(&NOTHING)
        .with(&FORK_SQUARES)
        .with(&FORK_BUSY)
        .with(&FORK_NOTHING)
        .with(&SPAWN_NOTHING)
        .with(&REEXEC_NOTHING)
        .with(&THREAD_NOTHING)
        .with(&THREAD)
        .with(&PIPE)
        .with(&UNIX_SOCKET)
        .with(&SHARED_MEMORY)
        .with(&HOLD)
}

/// A model that runs in a helper of its own, on one parameter.
pub(crate) fn in_helper<Out>(task: Task<Job, Measured<Out>>, parameter: u64) -> Routine<Out>
where
    Out: DeserializeOwned + 'static,
{
    timed_in(helper(), task, parameter)
}

/// The same in a helper that holds so many MiB, in large pages or in small ones.
pub(crate) fn in_helper_that_holds<Out>(
    (mebibytes, large): (u64, bool),
    task: Task<Job, Measured<Out>>,
    parameter: u64,
) -> Routine<Out>
where
    Out: DeserializeOwned + 'static,
{
    match available_mebibytes() {
        Some(available) if available < mebibytes + RESERVE => {
            refused(format!("{available} MiB of memory are available"))
        }
        // A system that does not say what it has may be asked for it.
        _ => {}
    }
    let mut helper = helper();
    let held = helper.call(&HOLD, &(mebibytes, large)).unwrap_or_else(|e| panic!("{e}"));
    held.unwrap_or_else(|why| refused(why));
    timed_in(helper, task, parameter)
}

/// MiB that a helper's memory must leave to everybody else.
const RESERVE: u64 = 256;

/// What can be had without swapping, as the kernel estimates it.
fn available_mebibytes() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
}

fn helper() -> Worker {
    Worker::spawn_single_threaded().unwrap_or_else(|e| panic!("{e}"))
}

fn timed_in<Out>(mut helper: Worker, task: Task<Job, Measured<Out>>, parameter: u64) -> Routine<Out>
where
    Out: DeserializeOwned + 'static,
{
    timed(move |iterations| {
        let (nanoseconds, results) =
            helper.call(&task, &(parameter, iterations)).map_err(|e| e.to_string())??;
        Ok((Duration::from_nanos(nanoseconds), results))
    })
}

/// Starts a child, process or thread, on one core and leaves this thread on
/// another, where the machine has two: else the figures show where the
/// scheduler happened to put them. A child begins where its parent is.
fn apart<C>(start: impl FnOnce() -> Result<C, Error>) -> Result<C, String> {
    static CORES: OnceLock<Option<(usize, usize)>> = OnceLock::new();
    // Asked once, for the answer is narrower afterwards.
    let cores = *CORES.get_or_init(two_cores);
    if let Some((_, childs)) = cores {
        pin(childs)?;
    }
    let child = start().map_err(|e| e.to_string())?;
    if let Some((own, _)) = cores {
        pin(own)?;
    }
    Ok(child)
}

/// Two processors that this process may use and that are not two threads of
/// one core.
fn two_cores() -> Option<(usize, usize)> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).ok()?;
    let mut allowed = (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let first = allowed.next()?;
    let core_of = |cpu: usize| {
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        // Where the system does not tell, each is taken for a core of its own.
        fs::read_to_string(path).unwrap_or_else(|_| cpu.to_string())
    };
    let core = core_of(first);
    allowed.find(|cpu| core_of(*cpu) != core).map(|second| (first, second))
}

/// Keeps this thread, and what it starts from now on, on one processor.
fn pin(cpu: usize) -> Result<(), String> {
    let mut only = CpuSet::new();
    only.set(cpu)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &only))
        .map_err(|e| format!("cannot pin to processor {cpu}: {e}"))
}

/// The time that the timed parts of an iteration take.
#[derive(Default)]
pub(crate) struct Clock(Duration);

impl Clock {
    /// Runs `work` on the clock.
    pub(crate) fn time<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = work();
        self.0 += start.elapsed();
        result
    }
}

/// Runs `work` so many times, after once that does not count: by then every
/// buffer is there and its pages have been touched.
pub(crate) fn measure<Out>(
    iterations: u64,
    mut work: impl FnMut(&mut Clock) -> Result<Out, Error>,
) -> Measured<Out> {
    work(&mut Clock::default()).map_err(|e| e.to_string())?;
    let mut clock = Clock::default();
    let results: Result<_, _> = (0..iterations).map(|_| work(&mut clock)).collect();
    Ok((clock.0.as_nanos() as u64, results.map_err(|e| e.to_string())?))
}

fn time<Out>(iterations: u64, mut work: impl FnMut() -> Result<Out, Error>) -> Measured<Out> {
    let mut clock = Clock::default();
    let results: Result<_, _> = (0..iterations).map(|_| clock.time(&mut work)).collect();
    Ok((clock.0.as_nanos() as u64, results.map_err(|e| e.to_string())?))
}

/// The list that the lecture makes and throws away, and its last element to
/// show that it was made: (m - 1)².
pub(crate) fn last_square(m: &u64) -> u64 {
    black_box(squares(*m)).last().copied().unwrap_or_default()
}

/// Squares, and ones in the bytes that are left.
fn fill(bytes: &mut [u8]) {
    write_squares(bytes);
    bytes.as_chunks_mut::<8>().1.fill(1);
}

/// The sum of what [`fill`] leaves in `bytes`.
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    let (squares, rest) = bytes.as_chunks::<8>();
    let squares = squares.iter().map(|square| u64::from_ne_bytes(*square));
    squares.chain(rest.iter().map(|byte| u64::from(*byte))).fold(0, u64::wrapping_add)
}

/// All results, or the first error.
pub(crate) fn all<R>(results: Vec<Result<R, Error>>) -> Result<Vec<R>, Error> {
    results.into_iter().collect()
}

/// Forks `n` children that do nothing; how many of them succeeded in that.
fn fork_nothing(n: u64) -> Result<u64, Error> {
    let mut children = (0..n).map(|_| fork::start(|| 0)).collect::<Result<Vec<Forked>, _>>()?;
    Ok(children.iter_mut().map(Forked::wait).filter(|exit| exit.success()).count() as u64)
}

/// Starts `n` threads that do nothing; how many of them ended well.
fn thread_nothing(n: u64) -> Result<u64, Error> {
    Ok(all(thread::map(&vec![(); n as usize], |()| ()))?.len() as u64)
}

/// Starts `n` times the smallest program there is.
pub(crate) fn spawn_nothing(n: u64) -> Result<u64, Error> {
    let exits = all(spawn::map(&vec![(); n as usize], |()| Command::new("true")))?;
    Ok(exits.iter().filter(|exit| exit.success()).count() as u64)
}

/// Starts `n` workers, has each do nothing, and ends them.
pub(crate) fn reexec_nothing(n: u64) -> Result<u64, Error> {
    Ok(all(reexec::map(&NOTHING, &vec![(); n as usize]))?.len() as u64)
}
