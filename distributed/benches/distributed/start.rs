//! How long it takes from nothing to a first result.

use std::any::Any;
use std::sync::mpsc;

use distributed::LocalCluster;
use processes::Worker;
use report::suite::{Claim, Scale, Workload, repeat};

use crate::clusters::{processes, threads};
use crate::tasks::INCREMENT;

/// A first result, and what brought it: that is ended off the clock.
pub(crate) struct First {
    result: u64,
    #[expect(dead_code, reason = "it is there to be dropped")]
    ended_later: Box<dyn Any>,
}

pub(crate) fn start(scale: Scale) -> Workload<First> {
    Workload::new("start", "n workers started, and a first result in hand")
        .parameter("workers", scale.pick([2, 4], [1, 2, 4, 8]))
        .check(|_, first: &First| match (first.result, INCREMENT.run(0)) {
            (got, known) if got == known => Ok(()),
            (got, known) => Err(format!("got {got}, expected {known}")),
        })
        .expect_python(|_| INCREMENT.run(0).to_string())
        .note("bare_threads and bare_processes have no client and no scheduler")
        .note("all workers are there before the first task is handed in; bare_threads run one each")
        .note("what was started is ended off the clock")
        .claim(
            Claim::new(63, "a client's first result comes in a twentieth of the time of Dask's")
                .compares("processes", "dask_processes")
                .at_most(0.05)
                .predicted(
                    "0.01: a process that starts itself again greets in a millisecond or two, \
                     Dask's workers first import Dask, which takes a second",
                ),
        )
        .model("bare_threads", |n| {
            repeat(move || {
                let (tell, results) = mpsc::channel();
                let threads: Vec<_> = (0..n)
                    .map(|_| {
                        let tell = tell.clone();
                        std::thread::spawn(move || _ = tell.send(INCREMENT.run(0)))
                    })
                    .collect();
                let result = results.recv().expect("one of them has run");
                First { result, ended_later: Box::new(Joined(threads)) }
            })
        })
        .model("bare_processes", |n| {
            repeat(move || {
                let mut workers = Worker::spawn_all(n as usize).expect("worker processes");
                let result = workers[0].call(&INCREMENT, &0).expect("increment does not fail");
                First { result, ended_later: Box::new(workers) }
            })
        })
        .model("threads", |n| repeat(move || first_result(threads(n as usize))))
        .model("processes", |n| repeat(move || first_result(processes(n as usize))))
        .python("dask_threads")
        .python("dask_processes")
}

fn first_result(cluster: LocalCluster) -> First {
    let client = cluster.start().expect("a cluster");
    let result = client.submit(&INCREMENT, 0).result().expect("increment does not fail");
    First { result, ended_later: Box::new(client) }
}

/// Threads that are waited for when they are dropped.
struct Joined(Vec<std::thread::JoinHandle<()>>);

impl Drop for Joined {
    fn drop(&mut self) {
        for thread in self.0.drain(..) {
            // Its panic would have been that of the receiver above.
            let _ = thread.join();
        }
    }
}
