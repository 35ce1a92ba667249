//! What a result's way costs, from a task to the client, and from a task to the
//! next and to the client.

use distributed::{Client, LocalCluster};
use processes::Worker;
use report::suite::{Claim, Routine, Scale, Workload, repeat};
use serde_bytes::ByteBuf;

use crate::clusters::{WORKERS, processes, threads, warm};
use crate::on_dask::warm_on_dask;
use crate::tasks::{BLOB, PASSED_ON, blob};

const SIZES: [u64; 3] = [64 << 10, 1 << 20, 16 << 20];

pub(crate) fn transfer(_: Scale) -> Workload<ByteBuf> {
    let fetched = |cluster, n| {
        warm(cluster, move |client| client.submit(&BLOB, n).result().expect("no task fails"))
    };
    sized("transfer", "the result of a task, n bytes, at the client")
        .note("bare_process: a call of a worker process, with no client and no scheduler")
        .note("serial makes the bytes and sends them nowhere; every row makes them anew")
        .claim(less_than_a_half_of_dask())
        .model("serial", |n| repeat(move || BLOB.run(n)))
        .model("bare_process", |n| {
            let mut worker = Worker::spawn().expect("a worker process");
            repeat(move || worker.call(&BLOB, &n).expect("no task fails"))
        })
        .model("threads", move |n| fetched(threads(WORKERS), n))
        .model("processes", move |n| fetched(processes(WORKERS), n))
        .python("dask_default")
}

pub(crate) fn chain(_: Scale) -> Workload<ByteBuf> {
    fn chained(client: &Client, n: u64) -> ByteBuf {
        let first = client.submit(&BLOB, n);
        client.submit(&PASSED_ON, &first).result().expect("no task fails")
    }
    let warm = |cluster: LocalCluster, n| -> Routine<ByteBuf> {
        warm(cluster, move |client| chained(client, n))
    };
    sized("chain", "n bytes from a task to a second one, and from that to the client")
        .note("the client's process holds all values: what a second task takes goes there and back")
        .note("on Dask the first link's value stays with the worker that made it")
        .claim(less_than_a_half_of_dask())
        .model("serial", |n| repeat(move || PASSED_ON.run(BLOB.run(n))))
        .model("bare_process", |n| {
            let mut worker = Worker::spawn().expect("a worker process");
            repeat(move || {
                let first = worker.call(&BLOB, &n).expect("no task fails");
                worker.call(&PASSED_ON, &first).expect("no task fails")
            })
        })
        .model("threads", move |n| warm(threads(WORKERS), n))
        .model("processes", move |n| warm(processes(WORKERS), n))
        .on_dask("rust_on_dask", |python, n| warm_on_dask(python, move |client| chained(client, n)))
        .python("dask_default")
}

fn sized(name: &str, title: &str) -> Workload<ByteBuf> {
    Workload::new(name, title)
        .parameter("bytes", SIZES.into())
        .bytes(|n| n)
        .expect(blob)
        .expect_python(|n| format!("{n} bytes"))
}

fn less_than_a_half_of_dask() -> Claim {
    Claim::new(64, "on one machine a result of 1 MiB costs at most half of what Dask takes for it")
        .compares("processes", "dask_default")
        .at(1 << 20)
        .at_most(0.5)
        .predicted(
            "0.2: Dask's scheduler takes some milliseconds for any task, and here each byte is \
             copied some six times, which takes a millisecond",
        )
}
