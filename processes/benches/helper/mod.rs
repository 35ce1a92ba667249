//! What happens in a helper process, and is timed there.
//!
//! `fork` is safe only in a process with one thread, and its cost grows with
//! the memory of the process that calls it. The bench has threads by the time
//! it measures, and memory of its own; a helper is a fresh worker with neither.

use std::cell::RefCell;
use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::prctl::set_thp_disable;
use processes::fork::{self, Forked};
use processes::{
    Error, Registry, Task, Worker, pipe, reexec, shared_memory, spawn, squares, unix_socket,
    write_squares,
};
use report::suite::{Routine, timed};
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

pub(crate) const PIPE: Task<Job, Measured<u64>> = Task::new("pipe", |(bytes, iterations)| {
    let mut child =
        pipe::Resident::start(bytes as usize, write_squares).map_err(|e| e.to_string())?;
    measure(iterations, |clock| clock.time(|| child.ask(bytes as usize)).map(sum))
});
pub(crate) const UNIX_SOCKET: Task<Job, Measured<u64>> =
    Task::new("unix_socket", |(bytes, iterations)| {
        let mut child = unix_socket::Resident::start(bytes as usize, write_squares)
            .map_err(|e| e.to_string())?;
        measure(iterations, |clock| clock.time(|| child.ask(bytes as usize)).map(sum))
    });
pub(crate) const SHARED_MEMORY: Task<Job, Measured<u64>> =
    Task::new("shared_memory", |(bytes, iterations)| {
        let mut child = shared_memory::Resident::start(bytes as usize, write_squares)
            .map_err(|e| e.to_string())?;
        measure(iterations, |clock| clock.time(|| child.ask(bytes as usize)).map(sum))
    });

/// Makes a helper hold so many MiB that it has written to.
pub(crate) const HOLD: Task<u64, ()> = Task::new("hold", |mebibytes| {
    thread_local! {
        static HELD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    // With huge pages there would be 512 times fewer entries to copy, on
    // machines that hand them out unasked.
    set_thp_disable(true).expect("a process may do without huge pages");
    HELD.set(vec![1; (mebibytes as usize) << 20]);
});

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
    in_helper_that_holds(0, task, parameter)
}

/// The same in a helper that holds so many MiB.
pub(crate) fn in_helper_that_holds<Out>(
    mebibytes: u64,
    task: Task<Job, Measured<Out>>,
    parameter: u64,
) -> Routine<Out>
where
    Out: DeserializeOwned + 'static,
{
    let mut helper = Worker::spawn_single_threaded().unwrap_or_else(|e| panic!("{e}"));
    helper.call(&HOLD, &mebibytes).unwrap_or_else(|e| panic!("{e}"));
    timed(move |iterations| {
        let (nanoseconds, results) =
            helper.call(&task, &(parameter, iterations)).map_err(|e| e.to_string())??;
        Ok((Duration::from_nanos(nanoseconds), results))
    })
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

/// The sum of the squares in `bytes`.
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    let squares = bytes.as_chunks::<8>().0.iter().map(|square| u64::from_ne_bytes(*square));
    squares.fold(0, u64::wrapping_add)
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

/// Starts `n` times the smallest program there is.
pub(crate) fn spawn_nothing(n: u64) -> Result<u64, Error> {
    let exits = all(spawn::map(&vec![(); n as usize], |()| Command::new("true")))?;
    Ok(exits.iter().filter(|exit| exit.success()).count() as u64)
}

/// Starts `n` workers, has each do nothing, and ends them.
pub(crate) fn reexec_nothing(n: u64) -> Result<u64, Error> {
    Ok(all(reexec::map(&NOTHING, &vec![(); n as usize]))?.len() as u64)
}
