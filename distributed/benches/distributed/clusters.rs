//! The clusters that every workload runs on, and the tasks of more than one.

use std::time::Duration;

use distributed::{Client, LocalCluster};
use processes::Task;
use report::suite::{Routine, repeat};
use report::work::busy;

/// As many as this suite takes for granted that there are cores. The lecture's
/// four stand in `busy` and `start`.
pub(crate) const WORKERS: usize = 2;

/// The Dask tutorial's `inc`.
pub(crate) const INCREMENT: Task<u64, u64> = Task::new("distributed/increment", |x| x + 1);

/// `report::work::busy`, as other processes know it.
pub(crate) const BUSY: Task<u64, u64> = Task::new("distributed/busy", busy);

/// Waits for so many microseconds, and returns them: work that takes time and
/// no core.
pub(crate) const WAIT: Task<u64, u64> = Task::new("distributed/wait", |us| {
    std::thread::sleep(Duration::from_micros(us));
    us
});

pub(crate) fn threads(n: usize) -> LocalCluster {
    Client::local().n_workers(n).processes(false)
}

pub(crate) fn processes(n: usize) -> LocalCluster {
    Client::local().n_workers(n).processes(true)
}

/// `work` again and again on a cluster that is there before and stays.
pub(crate) fn warm<Out: 'static>(
    cluster: LocalCluster,
    work: impl Fn(&Client) -> Out + 'static,
) -> Routine<Out> {
    let client = cluster.start().expect("a cluster");
    repeat(move || work(&client))
}

/// `client.gather(client.map(task, inputs))`.
pub(crate) fn mapped(
    cluster: LocalCluster,
    task: Task<u64, u64>,
    inputs: Vec<u64>,
) -> Routine<Vec<u64>> {
    warm(cluster, move |client| {
        let futures = client.map(&task, inputs.iter().copied());
        client.gather(futures).expect("the tasks do not fail")
    })
}
