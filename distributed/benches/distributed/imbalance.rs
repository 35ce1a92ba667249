//! What "dynamic" buys: tasks that are not alike, on two workers.
//!
//! `imbalance` computes, and shows what a machine with two cores to itself
//! gains. The others wait, which takes time and no core: they show what the
//! placement does, whatever else the machine is at.

use std::time::Duration;

use distributed::Placement;
use processes::Task;
use report::suite::{Claim, Scale, Workload, repeat};
use report::work::{busy, steps};

use crate::clusters::{WORKERS, mapped, processes, threads};
use crate::on_dask::mapped_on_dask;
use crate::tasks::{BUSY, WAIT};

/// Short tasks behind the long one, and how many of them it outlasts.
const SHORT_TASKS: usize = 100;
const LONG: u64 = 100;

/// Tasks whose times are drawn, or all the same.
const DRAWN: usize = 40;
const UNIFORM: usize = 20;

pub(crate) fn steps_of(microseconds: u64) -> u64 {
    steps(Duration::from_micros(microseconds))
}

/// One long task ahead of short ones.
fn straggling(short: u64, long: u64) -> Vec<u64> {
    let mut inputs = vec![short; SHORT_TASKS + 1];
    inputs[0] = long;
    inputs
}

/// Numbers below `2 * mean`, the same ones always: a linear congruential
/// generator (Knuth, "The Art of Computer Programming", vol. 2, 3.3.4), whose
/// upper half is drawn from.
fn uniform_below_twice(mean: u64) -> Vec<u64> {
    let mut state = 2020_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((u128::from(state) * u128::from(2 * mean)) >> 64) as u64
    };
    (0..DRAWN).map(|_| draw()).collect()
}

pub(crate) fn imbalance(scale: Scale) -> Workload<Vec<u64>> {
    let inputs = |us| straggling(steps_of(us), steps_of(LONG * us));
    let workload =
        Workload::new("imbalance", "one long task ahead of 100 short ones, on a warm cluster of 2")
            .parameter(
                "microseconds of a short task",
                scale.pick([100, 1_000], [100, 1_000, 10_000]),
            )
            .elements(|_| SHORT_TASKS as u64 + 1)
            .expect(move |us| inputs(us).into_iter().map(busy).collect())
            .note("the long task is as long as all of the short ones")
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
            .model("serial", move |us| {
                let inputs = inputs(us);
                repeat(move || inputs.iter().copied().map(busy).collect())
            });
    placed(workload, BUSY, inputs)
        .on_dask("rust_on_dask", move |python, us| mapped_on_dask(python, BUSY, inputs(us)))
}

pub(crate) fn straggler(scale: Scale) -> Workload<Vec<u64>> {
    let inputs = |us| straggling(us, LONG * us);
    let workload = waiting("straggler", "the same, with tasks that wait and compute nothing")
        .parameter("microseconds of a short task", scale.pick([1_000], [1_000, 10_000]))
        .elements(|_| SHORT_TASKS as u64 + 1)
        .expect(inputs)
        .expect_python(move |us| by_place(&inputs(us)))
        .note("at 10,000: a task of 1 s ahead of 100 of 10 ms")
        .note("rust_on_dask: its calls go in chunks, which must not hold up the short ones")
        .claim(at_least_a_quarter_faster("dynamic_threads"))
        .claim(at_least_a_quarter_faster("dynamic_processes"))
        .claim(at_least_a_quarter_faster("rust_on_dask"))
        .model("lower_bound", move |us| half_of_the_time(inputs(us)));
    placed(workload, WAIT, inputs)
        .on_dask("rust_on_dask", move |python, us| mapped_on_dask(python, WAIT, inputs(us)))
        .python("dask_default")
        .python("dask_best")
}

fn at_least_a_quarter_faster(model: &str) -> Claim {
    Claim::new(59, "behind one long task, dynamic placement is at least a quarter faster")
        .compares(model, "static_blocks")
        .at_most(0.75)
        .predicted("0.67, as with tasks that compute, and however busy the cores are")
}

pub(crate) fn drawn(scale: Scale) -> Workload<Vec<u64>> {
    let workload = waiting("drawn", "40 tasks that wait for a time drawn from 0 to twice the mean")
        .parameter("microseconds of a task, on average", scale.pick([10_000], [1_000, 10_000]))
        .elements(|_| DRAWN as u64)
        .expect(uniform_below_twice)
        .note("U[0, 2 * mean), the same 40 draws in every row and every run")
        .claim(
            Claim::new(59, "tasks of unlike length pay for a dynamic scheduler, too")
                .compares("dynamic_processes", "static_blocks")
                .at_most(0.85)
                .predicted(
                    "refuted, at 0.95: halves of 20 such tasks differ by some 7 %, and what is \
                     left at the end of a dynamic run is half a task",
                ),
        )
        .model("lower_bound", |us| half_of_the_time(uniform_below_twice(us)));
    placed(workload, WAIT, uniform_below_twice)
}

pub(crate) fn uniform(scale: Scale) -> Workload<Vec<u64>> {
    let inputs = |us| vec![us; UNIFORM];
    let bounded = |model: &str| {
        Claim::new(59, "equal tasks of 10 ms take no longer than they must, to within 5 %")
            .compares(model, "lower_bound")
            .at(10_000)
            .at_most(1.05)
            .predicted("1.01: a wait of 10 ms ends some 0.1 ms late")
    };
    let workload = waiting("uniform", "20 tasks that wait for the same time")
        .parameter("microseconds of a task", scale.pick([10_000], [1_000, 10_000]))
        .elements(|_| UNIFORM as u64)
        .expect(inputs)
        .claim(bounded("dynamic_threads"))
        .claim(bounded("dynamic_processes"))
        .model("lower_bound", move |us| half_of_the_time(inputs(us)));
    placed(workload, WAIT, inputs)
}

fn waiting(name: &str, title: &str) -> Workload<Vec<u64>> {
    Workload::new(name, title)
        .note("tasks sleep: what is compared is placement, whatever the cores are at")
        .note("lower_bound: one wait for the sum of all times, over 2 workers")
}

/// All results in one line, as Python tells them: each is weighted by its place, so
/// that order counts.
pub(crate) fn by_place(results: &[u64]) -> String {
    let weighted: u64 = (1..).zip(results).map(|(place, x)| place * x).sum();
    format!("{} results, by place {weighted}", results.len())
}

/// What two workers cannot be faster than.
fn half_of_the_time(inputs: Vec<u64>) -> report::suite::Routine<Vec<u64>> {
    let all: u64 = inputs.iter().sum();
    repeat(move || {
        WAIT.run(all / WORKERS as u64);
        inputs.clone()
    })
}

/// The three placements.
fn placed(
    workload: Workload<Vec<u64>>,
    task: Task<u64, u64>,
    inputs: impl Fn(u64) -> Vec<u64> + Copy + 'static,
) -> Workload<Vec<u64>> {
    workload
        .note("static_blocks runs in threads")
        .model("static_blocks", move |us| {
            let cluster = threads(WORKERS).placement(Placement::StaticBlocks);
            mapped(cluster, task, inputs(us))
        })
        .model("dynamic_threads", move |us| mapped(threads(WORKERS), task, inputs(us)))
        .model("dynamic_processes", move |us| mapped(processes(WORKERS), task, inputs(us)))
}
