//! What a task costs to handle: graphs of tasks that do next to nothing.
//!
//! The shapes are those of Beránek and Böhm (2020): independent tasks, many
//! whose values one takes (`merge`), and a tree of additions (`tree`). The row
//! `no_workers` answers every task at once with its own input, so that nobody
//! is sent anything; it is not told from the others by its time alone, but by
//! what comes back, and checked for that.

use std::time::Duration;

use distributed::{Client, Future, LocalCluster, With};
use processes::Task;
use report::suite::{Claim, Scale, Workload, repeat};
use report::work::{busy, steps};

use crate::clusters::{WORKERS, processes, threads, warm};
use crate::imbalance::by_place;
use crate::on_dask::warm_on_dask;
use crate::tasks::{ADD, INCREMENT, SUM};

/// Stands where nobody runs it: what comes back is what it was given.
const GIVEN: Task<Vec<u64>, Vec<u64>> = Task::new("distributed/given", |given| given);

/// What comes back of a graph.
pub(crate) enum Done<T> {
    /// The tasks ran, and this is their result.
    Ran(T),
    /// Nobody ran them: each was answered with its own input, which is made of
    /// the answers before it. So this is what the first were given, in order.
    Echoed(Vec<u64>),
}

/// In a quick run Dask's rows stop where an iteration takes longer than this;
/// the table says how long it took.
fn patience(scale: Scale) -> Duration {
    match scale {
        Scale::Quick => Duration::from_secs(10),
        Scale::Full => Duration::MAX,
    }
}

/// What is to be shown of a task's overhead.
fn a_fiftieth_of_dask() -> Claim {
    Claim::new(64, "a task costs at most a fiftieth of what Dask, at its best, takes for it")
        .compares("processes", "dask_best")
        .at(10_000)
        .at_most(0.02)
        .predicted(
            "0.01 or less: Dask took 600 to 900 µs a task in an earlier run, and 5 µs are the aim \
             here",
        )
}

/// Whether they are the same, in the same order; if not, where not.
fn same(got: &[u64], known: impl Iterator<Item = u64>) -> Result<(), String> {
    let mut count = 0;
    for (at, known) in known.enumerate() {
        match got.get(at) {
            Some(got) if *got == known => count = at + 1,
            got => return Err(format!("value {at} is {got:?}, expected {known}")),
        }
    }
    if got.len() == count { Ok(()) } else { Err(format!("{} values, not {count}", got.len())) }
}

fn nobody() -> LocalCluster {
    threads(WORKERS).echo()
}

pub(crate) fn map(scale: Scale) -> Workload<Done<Vec<u64>>> {
    fn increments(client: &Client, n: u64) -> Vec<u64> {
        client.gather(client.map(&INCREMENT, 0..n)).expect("no task fails")
    }
    let ran = move |cluster: LocalCluster, n| {
        warm(cluster, move |client| Done::Ran(increments(client, n)))
    };
    let tasks = scale.pick([100, 1_000, 10_000], [100, 1_000, 10_000, 100_000]);
    Workload::new("map", "n integers incremented, each a task of its own, on a warm cluster of 2")
        .parameter("tasks", tasks)
        .elements(|n| n)
        .check(|n, done: &Done<Vec<u64>>| match done {
            Done::Ran(results) => same(results, 1..=n),
            Done::Echoed(inputs) => same(inputs, 0..n),
        })
        .expect_python(|n| by_place(&(1..=n).collect::<Vec<_>>()))
        .patience(patience(scale))
        .note("the work is next to nothing: what is timed is what a task costs to handle")
        .note("no_workers: every task is answered at once with its own input, by nobody")
        .note("calls_of_2_us: direct calls of 2 µs of calibrated work, for comparison")
        .note("dask_best: worker-saturation at which Dask's overhead was least, inf; pure=False")
        .note("rust_on_dask: a scheduler of its own at worker-saturation 10; calls go in chunks")
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
        .claim(a_fiftieth_of_dask())
        .claim(
            Claim::new(64, "a task costs at most 2 µs to schedule, with nobody to run it")
                .compares("no_workers", "calls_of_2_us")
                .at(10_000)
                .at_most(1.0)
                .predicted("0.5: some hundred nanoseconds each for client, engine and scheduler"),
        )
        .claim(
            Claim::new(64, "a task on one of 2 worker processes costs at most 5 µs")
                .compares("processes", "calls_of_2_us")
                .at(10_000)
                .at_most(2.5)
                .predicted("1: many tasks share a message, so the two wake-ups weigh little"),
        )
        .claim(
            Claim::new(64, "a call of a Rust map on a Dask cluster costs at most 25 µs")
                .compares("rust_on_dask", "calls_of_2_us")
                .at(10_000)
                .at_most(12.5)
                .predicted(
                    "2 to 4: some ten chunks of a thousand calls each, for each of which Dask \
                     takes a millisecond",
                ),
        )
        .claim(
            Claim::new(64, "a map costs at most a tenth of it on Dask if its calls go in chunks")
                .compares("rust_on_dask", "dask_best")
                .at(10_000)
                .at_most(0.1)
                .predicted("0.01: 5 µs a call, where Dask takes 500 to 900 µs for a task"),
        )
        .model("serial", |n| repeat(move || Done::Ran((0..n).map(|x| INCREMENT.run(x)).collect())))
        .model("no_workers", move |n| {
            warm(nobody(), move |client| Done::Echoed(increments(client, n)))
        })
        .model("threads", move |n| ran(threads(WORKERS), n))
        .model("processes", move |n| ran(processes(WORKERS), n))
        .model("calls_of_2_us", |n| {
            let steps = steps(Duration::from_micros(2));
            let call = move |x| {
                busy(steps);
                INCREMENT.run(x)
            };
            repeat(move || Done::Ran((0..n).map(call).collect()))
        })
        .on_dask("rust_on_dask", |python, n| {
            warm_on_dask(python, move |client| Done::Ran(increments(client, n)))
        })
        .python("dask_default")
        .python("dask_best")
}

pub(crate) fn merge(scale: Scale) -> Workload<Done<u64>> {
    fn merged<Out>(client: &Client, n: u64, all: &Task<Vec<u64>, Out>) -> Out
    where
        Out: serde::Serialize + serde::de::DeserializeOwned + 'static,
    {
        let parts = client.map(&INCREMENT, 0..n);
        client.submit(all, &parts).result().expect("no task fails")
    }
    let ran = |cluster, n| warm(cluster, move |client: &Client| Done::Ran(merged(client, n, &SUM)));
    Workload::new("merge", "n increments, and one task that takes the values of all")
        .parameter("increments", scale.pick([1_000, 10_000], [1_000, 10_000, 100_000]))
        .elements(|n| n + 1)
        .check(|n, done| match done {
            Done::Ran(sum) => same(&[*sum], [n * (n + 1) / 2].into_iter()),
            Done::Echoed(inputs) => same(inputs, 0..n),
        })
        .expect_python(|n| (n * (n + 1) / 2).to_string())
        .patience(patience(scale))
        .note("merge-10k of Beránek and Böhm is at 10,000; warm clusters of 2")
        .note("rust_on_dask: the increments go in chunks, and the sum takes the chunks' values")
        .claim(a_fiftieth_of_dask())
        .model("serial", |n| repeat(move || Done::Ran((0..n).map(|x| INCREMENT.run(x)).sum())))
        .model("no_workers", |n| {
            warm(nobody(), move |client| Done::Echoed(merged(client, n, &GIVEN)))
        })
        .model("threads", move |n| ran(threads(WORKERS), n))
        .model("processes", move |n| ran(processes(WORKERS), n))
        .on_dask("rust_on_dask", |python, n| {
            warm_on_dask(python, move |client| Done::Ran(merged(client, n, &SUM)))
        })
        .python("dask_default")
        .python("dask_best")
}

pub(crate) fn tree(scale: Scale) -> Workload<Done<u64>> {
    fn root(client: &Client, levels: u64) -> Future<u64> {
        let pairs = |n: &u64| (2 * n, 2 * n + 1);
        let mut level = client.map(&ADD, (0..1 << (levels - 1)).map(|n| pairs(&n)));
        while level.len() > 1 {
            let pairs = level.chunks(2).map(|pair| With((&pair[0], &pair[1])));
            level = client.map(&ADD, pairs);
        }
        level.pop().expect("the root")
    }
    fn result<T>(future: &Future<T>) -> T
    where
        T: serde::de::DeserializeOwned,
    {
        future.result().expect("no task fails")
    }
    let ran =
        |cluster, levels| warm(cluster, move |client| Done::Ran(result(&root(client, levels))));
    let sum = |levels: u64| (0..1_u64 << levels).sum::<u64>();
    Workload::new("tree", "2^n numbers added two by two, and their sums again: 2^n - 1 tasks")
        .parameter("levels", scale.pick([10, 15], [10, 12, 15]))
        .elements(|levels| (1 << levels) - 1)
        .check(move |levels, done| match done {
            Done::Ran(root) => same(&[*root], [sum(levels)].into_iter()),
            Done::Echoed(inputs) => same(inputs, 0..1 << levels),
        })
        .expect_python(move |levels| sum(levels).to_string())
        .patience(patience(scale))
        .note("tree-15 of Beránek and Böhm is at 15; warm clusters of 2")
        .claim(a_fiftieth_of_dask().at(10))
        .model("serial", |levels| {
            repeat(move || {
                let mut level: Vec<u64> = (0..1 << levels).collect();
                while level.len() > 1 {
                    level = level.chunks(2).map(|pair| ADD.run((pair[0], pair[1]))).collect();
                }
                Done::Ran(level[0])
            })
        })
        .model("no_workers", |levels| {
            // What nobody adds are the numbers themselves; their count before
            // them makes a sequence of them.
            let given = Task::<(u32, u64), Vec<u64>>::new("distributed/given", |_| Vec::new());
            warm(nobody(), move |client| {
                let root = root(client, levels);
                Done::Echoed(result(&client.submit(&given, With((1_u32 << levels, &root)))))
            })
        })
        .model("threads", move |levels| ran(threads(WORKERS), levels))
        .model("processes", move |levels| ran(processes(WORKERS), levels))
        .on_dask("rust_on_dask", move |python, levels| {
            warm_on_dask(python, move |client| Done::Ran(result(&root(client, levels))))
        })
        .python("dask_default")
        .python("dask_best")
}
