//! The clusters that every workload runs on.

use distributed::{Client, LocalCluster};
use processes::Task;
use report::suite::{Routine, repeat};

/// As many as this suite takes for granted that there are cores. The lecture's
/// four stand in `busy` and `start`.
pub(crate) const WORKERS: usize = 2;

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
