//! How long one waits for a task: each is submitted when the last has answered.

use distributed::Client;
use processes::Worker;
use report::suite::{Claim, Scale, Workload, repeat};

use crate::clusters::{WORKERS, processes, threads, warm};
use crate::on_dask::warm_on_dask;
use crate::tasks::INCREMENT;

pub(crate) fn round_trip(scale: Scale) -> Workload<u64> {
    fn each(client: &Client, n: u64) -> u64 {
        (0..n).fold(0, |x, _| client.submit(&INCREMENT, x).result().expect("no task fails"))
    }
    let one_by_one = |cluster, n| warm(cluster, move |client| each(client, n));
    Workload::new("round_trip", "n increments, each of the result of the last, warm clusters of 2")
        .parameter("tasks", scale.pick([100], [100, 1_000]))
        .elements(|n| n)
        .expect(|n| n)
        .expect_python(|n| n.to_string())
        .note("bare_process: a call of a worker process, with no client and no scheduler")
        .note("the client waits for each result, and does not hand its future on as an argument")
        .claim(
            Claim::new(64, "to wait for a task costs at most 3 times a call of a bare process")
                .compares("processes", "bare_process")
                .at_most(3.0)
                .predicted(
                    "2 to 4: the engine is woken by the client, and the client by the engine, \
                     beside the two wake-ups of a bare call",
                ),
        )
        .model("serial", |n| repeat(move || (0..n).fold(0, |x, _| INCREMENT.run(x))))
        .model("bare_process", |n| {
            let mut worker = Worker::spawn().expect("a worker process");
            repeat(move || {
                (0..n).fold(0, |x, _| worker.call(&INCREMENT, &x).expect("no task fails"))
            })
        })
        .model("threads", move |n| one_by_one(threads(WORKERS), n))
        .model("processes", move |n| one_by_one(processes(WORKERS), n))
        .on_dask("rust_on_dask", |python, n| warm_on_dask(python, move |client| each(client, n)))
        .python("dask_default")
}
