//! Graphs whose results are known.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use distributed::{Client, Error, Future, With};
use nix::sys::signal::{Signal, raise};
use processes::{Registry, Task};
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;

use super::numbers::Numbers;
use super::{PATIENCE, Tally};

const INCREMENT: Task<u64, u64> = Task::new("increment", |x| x + 1);
const ADD: Task<(u64, u64), u64> = Task::new("add", |(x, y)| x + y);

/// Takes so many microseconds.
const NAP: Task<(u64, u64), u64> = Task::new("nap", |(x, microseconds)| {
    std::thread::sleep(Duration::from_micros(microseconds));
    x + 1
});

/// How many of the numbers below a bound, from a stream of this seed, leave
/// which remainder.
const COUNT: Task<(u64, u64), Vec<u64>> = Task::new("count", |(seed, many)| count(seed, many));

const MERGE: Task<Vec<Vec<u64>>, Vec<u64>> = Task::new("merge", |counts| merge(&counts));

/// The sum of a part of the bytes.
const SUM_PART: Task<(ByteBuf, u64, u64), u64> =
    Task::new("sum_part", |(bytes, from, to)| sum(&bytes[from as usize..to as usize]));

/// So many bytes that look random.
const BYTES: Task<(u64, u64), ByteBuf> = Task::new("bytes", |(seed, many)| bytes(seed, many));

/// Fails until there are so many files in its directory, each attempt making one.
const FAIL_TIMES: Task<(PathBuf, u64, u64), u64> =
    Task::new("fail_times", |(directory, times, x)| {
        let attempt = fs::read_dir(&directory).expect("a directory").count() as u64;
        fs::write(directory.join(attempt.to_string()), "").expect("a file");
        assert!(attempt >= times, "attempt {attempt}");
        x + 1
    });

/// Takes the file away if it is there, and then ends its process in the way that
/// was in it: one file, one death. Otherwise it adds one.
const DIE_ONCE: Task<(PathBuf, u64), u64> = Task::new("die_once", |(file, x)| {
    let Ok(how) = fs::read_to_string(&file) else { return x + 1 };
    fs::remove_file(&file).expect("it was there");
    match how.as_str() {
        "abort" => std::process::abort(),
        "exit" => std::process::exit(0),
        _ => raise(Signal::SIGSTOP).expect("a process may stop itself"),
    }
    x + 1
});

/// Makes a file, to show that it ran.
const TOUCH: Task<PathBuf, ()> = Task::new("touch", |file| {
    fs::write(file, "").expect("the directory is there");
});

/// What workers can be asked for.
pub(crate) fn registry() -> Registry {
    let registry = Registry::new().with(&INCREMENT).with(&ADD).with(&NAP).with(&COUNT);
    registry
        .with(&MERGE)
        .with(&SUM_PART)
        .with(&BYTES)
        .with(&FAIL_TIMES)
        .with(&DIE_ONCE)
        .with(&TOUCH)
}

fn count(seed: u64, many: u64) -> Vec<u64> {
    let (mut numbers, mut counts) = (Numbers::new(seed, 7), vec![0; 10]);
    (0..many).for_each(|_| counts[numbers.below(10) as usize] += 1);
    counts
}

fn merge(counts: &[Vec<u64>]) -> Vec<u64> {
    (0..10).map(|at| counts.iter().map(|counts| counts[at]).sum()).collect()
}

fn bytes(seed: u64, many: u64) -> ByteBuf {
    let mut numbers = Numbers::new(seed, 8);
    ByteBuf::from((0..many).map(|_| numbers.next() as u8).collect::<Vec<_>>())
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().copied().map(u64::from).sum()
}

/// Submits graphs, one after the other, and holds the results against the exact
/// ones.
pub(crate) struct Graphs<'c> {
    client: &'c Client,
    tally: &'c Tally,
    /// How many times as often as usual workers end.
    haste: u64,
    numbers: Numbers,
}

impl<'c> Graphs<'c> {
    pub(crate) fn new(client: &'c Client, tally: &'c Tally, haste: u64, numbers: Numbers) -> Self {
        Self { client, tally, haste, numbers }
    }

    /// The next graph, from submission to end.
    pub(crate) fn run_one(&mut self) {
        match self.numbers.below(10) {
            0 => self.tree(),
            1 => self.map_reduce(),
            2 => self.chain(),
            3 => self.scattered(),
            4 => self.large(),
            5 => self.retried(),
            6 => self.cancelled(),
            7 => self.dying(),
            8 => self.detached(),
            _ => self.late(),
        }
        self.tally.graphs.fetch_add(1, Relaxed);
    }

    fn submitted(&self, tasks: u64) {
        self.tally.tasks.fetch_add(tasks, Relaxed);
    }

    /// The result, if it comes.
    fn outcome<Out: DeserializeOwned>(&self, future: &Future<Out>) -> Option<Result<Out, Error>> {
        if !future.wait_timeout(PATIENCE) {
            eprintln!("lost: {} has not come in {PATIENCE:?}", future.task());
            self.tally.lost.fetch_add(1, Relaxed);
            return None;
        }
        Some(future.result())
    }

    /// The result must be this.
    fn check<Out>(&self, future: &Future<Out>, exact: &Out)
    where
        Out: DeserializeOwned + PartialEq,
    {
        match self.outcome(future) {
            Some(Ok(result)) if result == *exact => {}
            Some(Ok(_)) => {
                eprintln!("wrong: {}", future.task());
                self.tally.wrong.fetch_add(1, Relaxed);
            }
            Some(Err(e)) => {
                eprintln!("lost: {e}");
                self.tally.lost.fetch_add(1, Relaxed);
            }
            None => {}
        }
    }

    /// The result must be this, or this error.
    fn check_or<Out>(&self, future: &Future<Out>, exact: &Out, may: impl Fn(&Error) -> bool)
    where
        Out: DeserializeOwned + PartialEq,
    {
        match self.outcome(future) {
            Some(Err(e)) if may(&e) => _ = self.tally.ended.fetch_add(1, Relaxed),
            Some(_) => self.check(future, exact),
            None => {}
        }
    }

    /// A sum by pairs, whose leaves take a while.
    fn tree(&mut self) {
        let (leaves, nap) = (1 + self.numbers.below(300), self.numbers.below(300));
        let mut level = self.client.map(&NAP, (0..leaves).map(|x| (x, nap)));
        let pair = |pair: &[Future<u64>]| match pair {
            [one] => self.client.submit(&INCREMENT, one),
            pair => self.client.submit(&ADD, With((&pair[0], &pair[1]))),
        };
        let (mut tasks, mut ones) = (leaves, 0);
        while level.len() > 1 {
            ones += level.len() as u64 % 2;
            level = level.chunks(2).map(pair).collect();
            tasks += level.len() as u64;
        }
        self.submitted(tasks);
        self.check(&level[0], &(leaves * (leaves + 1) / 2 + ones));
    }

    fn map_reduce(&mut self) {
        let (parts, seed) = (1 + self.numbers.below(40), self.numbers.next());
        let many = self.numbers.below(20_000);
        let seeds = (0..parts).map(|part| seed.wrapping_add(part));
        let counts = self.client.map(&COUNT, seeds.clone().map(|seed| (seed, many)));
        let merged: Vec<_> =
            counts.chunks(8).map(|counts| self.client.submit(&MERGE, counts)).collect();
        // What was merged is needed by nobody but the cluster.
        drop(counts);
        let total = self.client.submit(&MERGE, &merged);
        self.submitted(parts + merged.len() as u64 + 1);
        let exact: Vec<_> = seeds.map(|seed| count(seed, many)).collect();
        self.check(&total, &merge(&exact));
    }

    /// Each task takes the value of the one before.
    fn chain(&mut self) {
        let (links, start) = (1 + self.numbers.below(100), self.numbers.below(1 << 40));
        let mut last = self.client.submit(&INCREMENT, start);
        for _ in 1..links {
            last = self.client.submit(&INCREMENT, &last);
        }
        self.submitted(links);
        self.check(&last, &(start + links));
    }

    fn scattered(&mut self) {
        let (seed, many) = (self.numbers.next(), 1 + self.numbers.below(1 << 20));
        let data = bytes(seed, many);
        let parts = 1 + self.numbers.below(20);
        let scattered = self.client.scatter(&data);
        let bounds = |part| (part * many / parts, (part + 1) * many / parts);
        let sums: Vec<_> = (0..parts)
            .map(|part| {
                let (from, to) = bounds(part);
                self.client.submit(&SUM_PART, With((&scattered, from, to)))
            })
            .collect();
        drop(scattered);
        self.submitted(parts);
        for (part, future) in (0..).zip(&sums) {
            let (from, to) = bounds(part);
            self.check(future, &sum(&data[from as usize..to as usize]));
        }
    }

    /// A large value is made and taken by several.
    fn large(&mut self) {
        let (seed, many) = (self.numbers.next(), self.numbers.below(1 << 21));
        let made = self.client.submit(&BYTES, (seed, many));
        let takers = 1 + self.numbers.below(6);
        let sums: Vec<_> =
            (0..takers).map(|_| self.client.submit(&SUM_PART, With((&made, 0, many)))).collect();
        drop(made);
        self.submitted(1 + takers);
        let exact = sum(&bytes(seed, many));
        sums.iter().for_each(|future| self.check(future, &exact));
    }

    /// Each task fails some times, which its retries allow.
    fn retried(&mut self) {
        let tasks = 1 + self.numbers.below(10);
        let directories: Vec<_> =
            (0..tasks).map(|_| tempfile::tempdir().expect("a directory")).collect();
        let times = self.numbers.below(4);
        let with = self.client.with().retries(times as u32);
        let futures = with.map(
            &FAIL_TIMES,
            (0..).zip(&directories).map(|(x, directory)| (directory.path().into(), times, x)),
        );
        let sums: Vec<_> = futures.iter().map(|one| self.client.submit(&INCREMENT, one)).collect();
        self.submitted(2 * tasks);
        (0..).zip(&sums).for_each(|(x, future)| self.check(future, &(x + 2)));
        // Or its directory would go while it is tried.
        (0..).zip(&futures).for_each(|(x, future)| self.check(future, &(x + 1)));
    }

    /// One ends its worker, or stops it, amid others.
    fn dying(&mut self) {
        let directory = tempfile::tempdir().expect("a directory");
        let (file, tasks) = (directory.path().join("how"), 1 + self.numbers.below(50));
        let how = ["abort", "exit", "stop"][self.numbers.below(3) as usize];
        fs::write(&file, how).expect("a file");
        let mut last = self.client.submit(&INCREMENT, 0);
        let others = self.client.map(&INCREMENT, 0..tasks);
        last = self.client.submit(&DIE_ONCE, With((file, &last)));
        let dependants: Vec<_> =
            others.iter().map(|other| self.client.submit(&ADD, With((other, &last)))).collect();
        self.submitted(2 + 2 * tasks);
        (0..).zip(&dependants).for_each(|(x, future)| self.check(future, &(x + 3)));
    }

    /// Some are done though nobody holds a future of them.
    fn detached(&mut self) {
        let directory = tempfile::tempdir().expect("a directory");
        let tasks = 1 + self.numbers.below(50);
        let files: Vec<PathBuf> =
            (0..tasks).map(|n| directory.path().join(n.to_string())).collect();
        let futures = self.client.map(&TOUCH, files.clone());
        futures.into_iter().for_each(Future::detach);
        self.submitted(tasks);
        let begin = Instant::now();
        while !files.iter().all(|file| file.exists()) {
            if begin.elapsed() > PATIENCE {
                eprintln!("lost: what was let go on has not been done in {PATIENCE:?}");
                self.tally.lost.fetch_add(1, Relaxed);
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Some are cancelled, in the middle or before, and others depend on them.
    fn cancelled(&mut self) {
        let tasks = 1 + self.numbers.below(100);
        let nap = self.numbers.below(2_000);
        let naps = self.client.map(&NAP, (0..tasks).map(|x| (x, nap)));
        let sums: Vec<_> = naps.iter().map(|one| self.client.submit(&INCREMENT, one)).collect();
        self.submitted(2 * tasks);
        std::thread::sleep(Duration::from_micros(self.numbers.below(5_000)));
        let doomed: Vec<bool> = naps.iter().map(|_| self.numbers.one_in(3)).collect();
        let which = naps.iter().zip(&doomed).filter(|(_, doomed)| **doomed);
        self.client.cancel(which.map(|(nap, _)| nap), self.numbers.one_in(2));
        for (x, ((nap, sum), doomed)) in (0..).zip(naps.iter().zip(&sums).zip(doomed)) {
            let may = |e: &Error| doomed && matches!(e, Error::Cancelled { .. });
            self.check_or(nap, &(x + 1), may);
            self.check_or(sum, &(x + 2), may);
        }
    }

    /// One is over its deadline, others are not, and the rest is let go of.
    fn late(&mut self) {
        let tasks = 1 + self.numbers.below(20);
        let late = self.numbers.below(tasks);
        let nap = |x| if x == late { 600_000_000 } else { 100 };
        // Far above what one takes that is not hindered, and below what a worker
        // lives. One that is stopped is late, too.
        let limit = Duration::from_millis((100 + self.numbers.below(300)) / self.haste);
        let futures = self.client.with().deadline(limit).map(&NAP, (0..tasks).map(|x| (x, nap(x))));
        let dropped = self.client.map(&NAP, (0..tasks).map(|x| (x, 1_000)));
        self.submitted(2 * tasks);
        drop(dropped);
        for (x, future) in (0..).zip(&futures) {
            self.check_or(future, &(x + 1), |e| matches!(e, Error::Timeout { .. }));
        }
    }
}
