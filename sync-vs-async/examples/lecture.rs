//! The lecture's cells on waiting, in order and at the lecture's own numbers:
//! `cargo run --release -p sync-vs-async --example sync-vs-async-lecture`.
//!
//! It waits for about half a minute in all. Each line is one run, as the
//! lecture's cells are; `cargo bench -p sync-vs-async` measures.

use std::cell::Cell;
use std::error::Error;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use report::work::{busy, steps};
use sync_vs_async::{
    blocking, deadline_first, fan_out, fun1, fun2, join_compute_first, join_sleep_first, runtime,
    sequential, spawn_blocking, spawned,
};

/// The lecture's n and m.
const WAIT: Duration = Duration::from_secs(2);
const M: u64 = 1_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    println!("# What the notebook has running already: an event loop");
    let one = time("to build a runtime on this thread", runtime::current_thread)?;
    let many = time("to build one with a worker per core", runtime::multi_thread)?;

    println!("\n# fun1(2.0, 1000000): sit and wait");
    let sat = time("fun1", || fun1(WAIT, M));

    println!("\n# await fun2(2.0, 1000000): come back later");
    let came_back = time("fun2", || one.block_on(fun2(WAIT, M)));
    assert_eq!(sat, came_back, "the lecture's fun2 returns None; this one the squares");
    println!("              the squares are the same; they take too little of 2 s to be missed");

    println!("\n# The same with a computation as long as the wait, where overlapping gains most");
    let steps = steps(WAIT);
    let work = move || busy(steps);
    let ends = [
        time("blocking", || blocking(WAIT, work)),
        time("join!(sleep, compute)", || one.block_on(join_sleep_first(WAIT, work))),
        time("join!(compute, sleep)", || one.block_on(join_compute_first(WAIT, work))),
        time("join!(compute, timer made before)", || one.block_on(deadline_first(WAIT, work))),
        time("compute.await, then sleep.await", || one.block_on(sequential(WAIT, work))),
        time("two tasks, several threads", || many.block_on(spawned(WAIT, work)))?,
        time("spawn_blocking", || one.block_on(spawn_blocking(WAIT, work)))?,
    ];
    assert!(ends.iter().all(|end| *end == ends[0]), "all computed the same");

    println!("\n# Asyncronous routines are hard to get right, and frequently surprising");
    let nap = Duration::from_millis(50);
    let ran = Cell::new(0);
    let forgotten = |_| {
        let ran = &ran;
        async move { ran.set(ran.get() + 1) }
    };
    time("100,000 futures made and not awaited", || {
        (0..100_000).for_each(|i| drop(black_box(forgotten(i))));
    });
    println!("              {} of them ran", ran.get());
    time("ten waits of 50 ms, awaited one after the other", || {
        one.block_on(fan_out::awaits(10, |_| tokio::time::sleep(nap)))
    });
    time("ten tasks that block for 50 ms on one thread", || {
        one.block_on(fan_out::tasks(10, |_| async move { thread::sleep(nap) }))
    })?;
    time("ten tasks that wait for 50 ms on one thread", || {
        one.block_on(fan_out::tasks(10, |_| tokio::time::sleep(nap)))
    })?;

    println!("\n# ... can sometimes massively decrease runtime: n waits of 50 ms at once");
    for n in [10, 1_000] {
        if n <= 10 {
            time(&format!("{n:>5}, blocking"), || fan_out::calls(n, |_| thread::sleep(nap)));
        } else {
            println!("{:>12.2?}  {n:>5}, blocking (not run: n times the wait)", nap * n as u32);
        }
        time(&format!("{n:>5}, in threads"), || fan_out::threads(n, |_| thread::sleep(nap)))?;
        time(&format!("{n:>5}, as tasks"), || {
            one.block_on(fan_out::tasks(n, |_| tokio::time::sleep(nap)))
        })?;
    }
    let n = 100_000;
    time(&format!("{n:>5}, as tasks"), || {
        one.block_on(fan_out::tasks(n, |_| tokio::time::sleep(nap)))
    })?;
    Ok(())
}

/// Runs `work` once and prints how long it took.
fn time<R>(what: &str, work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = work();
    println!("{:>12.2?}  {what}", start.elapsed());
    result
}
