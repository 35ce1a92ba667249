//! The lecture's `Client(n_workers=4, processes=True)`, beside direct calls,
//! bare threads and processes, and Dask's own.

use std::process::ExitCode;

use distributed::{Client, LocalCluster, Placement};
use processes::{Registry, Task, Worker};
use report::suite::{Claim, Routine, Scale, Suite, Workload, repeat};
use report::work::{busy, check_steps, steps};

/// The lecture's `n_workers=4`, whatever the cores.
const WORKERS: usize = 4;

/// With two workers, one long task is half of what can be done at once.
const WORKERS_OF_IMBALANCE: usize = 2;

/// Short tasks behind the long one, and how many of them it outlasts.
const SHORT_TASKS: usize = 100;
const LONG: u64 = 100;

const TASKS_OF_BUSY: usize = 100;

/// The Dask tutorial's `inc`.
const INCREMENT: Task<u64, u64> = Task::new("distributed/increment", |x| x + 1);

/// `report::work::busy`, as other processes know it.
const BUSY: Task<u64, u64> = Task::new("distributed/busy", busy);

fn main() -> ExitCode {
    processes::worker_entry(Registry::new().with(&INCREMENT).with(&BUSY));
    report::drive(suite)
}

fn suite(scale: Scale) -> Suite {
    Suite::new("distributed")
        .workload(map(scale))
        .workload(busy_tasks(scale))
        .workload(imbalance(scale))
        .workload(start(scale))
}

fn map(scale: Scale) -> Workload<Vec<u64>> {
    Workload::new("map", "n integers incremented, each a task of its own, on a warm cluster of 4")
        .parameter("tasks", scale.pick([10, 100, 1_000], [10, 100, 1_000, 10_000]))
        .elements(|n| n)
        .expect(|n| (1..=n).collect())
        .expect_python(|n| {
            let by_place: u64 = (1..=n).map(|x| x * x).sum();
            format!("{n} results, by place {by_place}")
        })
        .note("the work is next to nothing: what is timed is the cluster's overhead for a task")
        .note("Dask's rows submit with pure=False: each iteration runs all of its tasks anew")
        .claim(
            Claim::new(64, "n_workers is the number of threads or processes: it matters which")
                .compares("processes", "threads")
                .at(1_000)
                .at_least(2.0)
                .predicted(
                    "5 to 50: a task for a thread passes a lock, one for a process crosses a \
                     socket and back, and wakes somebody on both ways",
                ),
        )
        .model("serial", |n| repeat(move || (0..n).map(|x| INCREMENT.run(x)).collect()))
        .model("threads", |n| mapped(threads(WORKERS), INCREMENT, (0..n).collect()))
        .model("processes", |n| mapped(processes(WORKERS), INCREMENT, (0..n).collect()))
        .python("dask_threads")
        .python("dask_processes")
}

fn busy_tasks(scale: Scale) -> Workload<Vec<u64>> {
    let same = |us| vec![steps_of(us); TASKS_OF_BUSY];
    Workload::new("busy", "100 tasks of calibrated work on a warm cluster of 4")
        .parameter("microseconds of a task", scale.pick([10, 100, 1_000], [10, 100, 1_000, 10_000]))
        .elements(|_| TASKS_OF_BUSY as u64)
        .expect(move |us| same(us).into_iter().map(busy).collect())
        .check_python(|_, answer| check_steps(TASKS_OF_BUSY, answer))
        .own_pace()
        .note("where a model crosses the serial row, its tasks pay for their overhead")
        .note("4 workers on fewer cores share them: the speed-up ends at the number of cores")
        .model("serial", move |us| {
            let inputs = same(us);
            repeat(move || inputs.iter().copied().map(busy).collect())
        })
        .model("threads", move |us| mapped(threads(WORKERS), BUSY, same(us)))
        .model("processes", move |us| mapped(processes(WORKERS), BUSY, same(us)))
        .python("dask_processes")
}

fn imbalance(scale: Scale) -> Workload<Vec<u64>> {
    /// The steps of each task, the long one first.
    fn inputs(us: u64) -> Vec<u64> {
        let mut inputs = vec![steps_of(us); SHORT_TASKS + 1];
        inputs[0] = steps_of(LONG * us);
        inputs
    }
    let two = |cluster: fn(usize) -> LocalCluster| cluster(WORKERS_OF_IMBALANCE);
    Workload::new("imbalance", "one long task ahead of 100 short ones, on a warm cluster of 2")
        .parameter("microseconds of a short task", scale.pick([100, 1_000], [100, 1_000, 10_000]))
        .elements(|_| SHORT_TASKS as u64 + 1)
        .expect(|us| inputs(us).into_iter().map(busy).collect())
        .note("the long task is as long as all of the short ones; static_blocks runs in threads")
        .claim(
            Claim::new(59, "a dynamic task scheduler pays")
                .compares("dynamic_threads", "static_blocks")
                .at_most(0.85)
                .on_cores(2)
                .predicted(
                    "0.67 on two cores: equal blocks give one worker the long task and half of \
                     the short ones, 150 short tasks' time; whoever is free gets done in 100",
                ),
        )
        .model("serial", |us| {
            let inputs = inputs(us);
            repeat(move || inputs.iter().copied().map(busy).collect())
        })
        .model("static_blocks", move |us| {
            mapped(two(threads).placement(Placement::StaticBlocks), BUSY, inputs(us))
        })
        .model("dynamic_threads", move |us| mapped(two(threads), BUSY, inputs(us)))
        .model("dynamic_processes", move |us| mapped(two(processes), BUSY, inputs(us)))
}

fn start(scale: Scale) -> Workload<u64> {
    Workload::new("start", "n workers started, a first result in hand, and all ended again")
        .parameter("workers", scale.pick([4], [1, 2, 4, 8]))
        .expect(|_| INCREMENT.run(0))
        .expect_python(|_| INCREMENT.run(0).to_string())
        .note("bare_threads and bare_processes have no client and no scheduler")
        .note("the first worker runs a task, the others are ready; bare_threads run one each")
        .claim(
            Claim::new(
                63,
                "a client with 4 workers starts, answers and ends in a twentieth of the time of \
                 Dask's",
            )
            .compares("processes", "dask_processes")
            .at(4)
            .at_most(0.05)
            .predicted(
                "0.01: a process that starts itself again greets in a millisecond or two, \
                     Dask's workers first import Dask, which takes a second",
            ),
        )
        .model("bare_threads", |n| {
            repeat(move || {
                std::thread::scope(|scope| {
                    let threads: Vec<_> =
                        (0..n).map(|x| scope.spawn(move || INCREMENT.run(x))).collect();
                    let results = threads.into_iter().map(|thread| thread.join().expect("a sum"));
                    results.fold(u64::MAX, u64::min)
                })
            })
        })
        .model("bare_processes", |n| {
            repeat(move || {
                let mut workers = Worker::spawn_all(n as usize).expect("worker processes");
                let first = workers[0].call(&INCREMENT, &0).expect("increment does not fail");
                // All are told before one is waited for, as a client does.
                workers.iter_mut().for_each(Worker::dismiss);
                first
            })
        })
        .model("threads", |n| repeat(move || first_result(threads(n as usize))))
        .model("processes", |n| repeat(move || first_result(processes(n as usize))))
        .python("dask_threads")
        .python("dask_processes")
}

fn threads(n: usize) -> LocalCluster {
    Client::local().n_workers(n).processes(false)
}

fn processes(n: usize) -> LocalCluster {
    Client::local().n_workers(n).processes(true)
}

fn steps_of(microseconds: u64) -> u64 {
    steps(std::time::Duration::from_micros(microseconds))
}

/// `client.gather(client.map(task, inputs))` on a cluster that is there before
/// and stays.
fn mapped(cluster: LocalCluster, task: Task<u64, u64>, inputs: Vec<u64>) -> Routine<Vec<u64>> {
    let client = cluster.start().expect("a cluster");
    repeat(move || {
        let futures = client.map(&task, inputs.iter().copied());
        client.gather(futures).expect("the tasks do not fail")
    })
}

fn first_result(cluster: LocalCluster) -> u64 {
    let client = cluster.start().expect("a cluster");
    let first = client.submit(&INCREMENT, 0).result().expect("increment does not fail");
    client.close();
    first
}
