//! Rust tasks on a Dask cluster of this machine: for each row one of its own, a
//! scheduler and workers, which is there before the clock starts and ends with the
//! row.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use distributed::Client;
use processes::Task;
use report::suite::{Routine, repeat};

use crate::clusters::WORKERS;
use crate::dask::{self, DaskHere};

/// `work` again and again on two workers of one thread, as Dask's own rows have.
pub(crate) fn warm_on_dask<Out: 'static>(
    python: &Path,
    work: impl Fn(&Client) -> Out + 'static,
) -> Routine<Out> {
    of(python, WORKERS, 1, work)
}

/// The same on one worker of so many threads.
pub(crate) fn mapped_in_one_worker(
    python: &Path,
    threads: usize,
    task: Task<u64, u64>,
    inputs: Vec<u64>,
) -> Routine<Vec<u64>> {
    of(python, 1, threads, map(task, inputs))
}

/// `client.gather(client.map(task, inputs))` on two workers.
pub(crate) fn mapped_on_dask(
    python: &Path,
    task: Task<u64, u64>,
    inputs: Vec<u64>,
) -> Routine<Vec<u64>> {
    of(python, WORKERS, 1, map(task, inputs))
}

fn map(task: Task<u64, u64>, inputs: Vec<u64>) -> impl Fn(&Client) -> Vec<u64> {
    move |client| {
        let futures = client.map(&task, inputs.iter().copied());
        client.gather(futures).expect("the tasks do not fail")
    }
}

fn of<Out: 'static>(
    python: &Path,
    workers: usize,
    threads: usize,
    work: impl Fn(&Client) -> Out + 'static,
) -> Routine<Out> {
    let cluster = DaskHere::start(python, workers, threads).expect("a cluster");
    let client = cluster.connect(python, library()).expect("a client");
    // The client says goodbye before the cluster ends.
    let both = (client, cluster);
    repeat(move || {
        let (client, _cluster) = &both;
        work(client)
    })
}

/// Built once, when it is first needed.
fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| dask::library("bench_tasks").expect("a library of the tasks"))
}
