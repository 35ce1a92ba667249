//! The lecture's pool, three ways, beside a loop and Python's.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use pool::cube::{CUBE, cube};
use pool::{ProcessPool, RayonPool, ThreadPool, serial};
use processes::Task;
use report::suite::{Claim, Routine, Scale, Suite, Workload, repeat, timed};
use report::work::{busy, check_steps, steps};
use serde_bytes::ByteBuf;

/// The lecture's `Pool(processes=4)`, for every pool, whatever the cores.
const WORKERS: usize = 4;

/// The lecture's `range(100)`, when what is swept is the cost of an item.
const ITEMS_OF_COST: usize = 100;

/// Enough items that chunks of 1 and of 250 differ.
const ITEMS_OF_CHUNK: u64 = 1_000;

/// `report::work::busy`, as other processes know it.
const BUSY: Task<u64, u64> = Task::new("pool/busy", busy);

/// An argument that comes back as it is.
const ECHO: Task<ByteBuf, ByteBuf> = Task::new("pool/echo", |bytes| bytes);

/// The same, as a sequence of numbers.
const ECHO_NUMBERS: Task<Vec<u8>, Vec<u8>> = Task::new("pool/echo_numbers", |bytes| bytes);

type Cubes = Vec<Option<u64>>;

fn main() -> ExitCode {
    processes::worker_entry(pool::cube::registry().with(&BUSY).with(&ECHO).with(&ECHO_NUMBERS));
    report::drive(suite)
}

fn suite(scale: Scale) -> Suite {
    Suite::new("pool")
        .workload(map_cube(scale))
        .workload(create(scale))
        .workload(create_map_close())
        .workload(chunk(scale))
        .workload(item_cost(scale))
        .workload(large(scale))
}

fn map_cube(scale: Scale) -> Workload<Cubes> {
    Workload::new("map_cube", "the cubes of n integers, on a pool of 4 that is there already")
        .parameter("integers", scale.pick([100, 10_000, 100_000], [100, 1_000, 10_000, 100_000]))
        .elements(|n| n)
        .expect(cubes)
        .expect_python(cubes_answer)
        .note("100 integers and 4 workers are the lecture's numbers")
        .claim(
            Claim::new(57, "Pool(4).map(fn, range(100)) is the way to map 100 cubes (in Rust)")
                .compares("process_pool", "serial")
                .at(100)
                .at_most(1.0)
                .on_cores(2)
                .predicted(
                    "100 to 2,000, refuted on any machine: the loop needs half a nanosecond a \
                     cube, a message to another process and its answer some ten thousand",
                ),
        )
        .claim(
            Claim::new(57, "Pool(4).map(fn, range(100)) is the way to map 100 cubes (in Python)")
                .compares("python_pool", "python_serial")
                .at(100)
                .at_most(1.0)
                .on_cores(2)
                .predicted("about 100, refuted: 6 us for the loop, 0.65 ms for the warm pool"),
        )
        .model("serial", |n| {
            let items = integers(n);
            repeat(move || serial::map(&items, |&x| cube(x)))
        })
        .model("thread_pool", |n| {
            let (pool, items) = (threads(), integers(n));
            repeat(move || all(pool.map(&items, |&x| cube(x))))
        })
        .model("rayon", |n| {
            let (pool, items) = (rayon(), integers(n));
            repeat(move || all(pool.map(&items, |&x| cube(x))))
        })
        .model("process_pool", |n| {
            let (pool, items) = (processes(), integers(n));
            repeat(move || all(pool.map(&CUBE, &items)))
        })
        .claim(
            Claim::new(
                57,
                "a pool of processes maps 100,000 cubes in a twentieth of the time of Python's, at \
                 the chunk size that is best for that",
            )
            .compares("process_pool", "python_pool_best_chunk")
            .at(100_000)
            .at_most(0.05)
            .predicted(
                "0.04: 0.6 ms in a loop of such maps alone, against 14.5 ms measured for Python's \
                 best chunk size on another day",
            ),
        )
        .python("python_serial")
        .python("python_pool")
        .python("python_pool_best_chunk")
}

fn create(scale: Scale) -> Workload<Cubes> {
    Workload::new("create", "A pool of 4 is made, and maps n cubes: until its first result")
        .parameter("integers", scale.pick([0, 100], [0, 100]))
        .elements(|n| n)
        .expect(cubes)
        .expect_python(cubes_answer)
        .note("closing the pool is not timed; at 0 nothing is mapped, and the pool is just made")
        .note(
            "ours return when all workers are ready; Python's returns before, so that what it \
             takes to start them is in the column with a map only",
        )
        .model("thread_pool", |n| {
            let items = integers(n);
            lived(
                threads,
                move |pool: &ThreadPool| first(&items, || pool.map(&items, |&x| cube(x))),
                drop,
            )
        })
        .model("rayon", |n| {
            let items = integers(n);
            lived(
                rayon,
                move |pool: &RayonPool| first(&items, || pool.map(&items, |&x| cube(x))),
                drop,
            )
        })
        .model("process_pool", |n| {
            let items = integers(n);
            lived(
                processes,
                move |pool: &ProcessPool| first(&items, || pool.map(&CUBE, &items)),
                drop,
            )
        })
        .python("python_pool")
        .python("python_spawn")
}

/// A pool that is made and used on the clock, and ended off it.
fn lived<Pool: 'static, Out: 'static>(
    make: impl Fn() -> Pool + 'static,
    work: impl Fn(&Pool) -> Out + 'static,
    end: impl Fn(Pool) + 'static,
) -> Routine<Out> {
    timed(move |iterations| {
        let mut taken = Duration::ZERO;
        let mut results = Vec::new();
        for _ in 0..iterations {
            let start = Instant::now();
            let pool = make();
            results.push(work(&pool));
            taken += start.elapsed();
            end(pool);
        }
        Ok((taken, results))
    })
}

/// The first map of a pool, if there is anything to map.
fn first(items: &[u64], map: impl FnOnce() -> Result<Cubes, pool::Error>) -> Cubes {
    if items.is_empty() { Vec::new() } else { all(map()) }
}

fn create_map_close() -> Workload<Cubes> {
    Workload::new("create_map_close", "A pool of 4 is made, maps n cubes and is closed")
        .parameter("integers", vec![100])
        .elements(|n| n)
        .expect(cubes)
        .expect_python(cubes_answer)
        .note("cold: making the pool and closing it, until no thread or process is left, are timed")
        .note(
            "all close by goodbye, Python's by close and join: each worker is told that no work \
             will come, leaves by itself and is waited for",
        )
        .model("serial", |n| {
            let items = integers(n);
            repeat(move || serial::map(&items, |&x| cube(x)))
        })
        .model("thread_pool", |n| {
            let items = integers(n);
            repeat(move || all(threads().map(&items, |&x| cube(x))))
        })
        .model("rayon", |n| {
            let items = integers(n);
            repeat(move || all(rayon().map(&items, |&x| cube(x))))
        })
        .model("process_pool", |n| {
            let items = integers(n);
            repeat(move || {
                let pool = processes();
                let cubes = all(pool.map(&CUBE, &items));
                // Dropped, it would kill them.
                pool.shutdown();
                cubes
            })
        })
        .python("python_pool")
}

fn chunk(scale: Scale) -> Workload<Cubes> {
    Workload::new("chunk", "the cubes of 1,000 integers, handed out n at a time to a pool of 4")
        .parameter("integers a chunk", scale.pick([1, 7, 25, 63, 250], [1, 7, 25, 63, 250, 1_000]))
        .elements(|_| ITEMS_OF_CHUNK)
        .expect(|_| cubes(ITEMS_OF_CHUNK))
        .expect_python(|_| cubes_answer(ITEMS_OF_CHUNK))
        .note("63 is what Python's pool would choose; serial has no chunks")
        .note("rayon halves: its pieces hold at least a chunk and less than two")
        .model("serial", |_| {
            let items = integers(ITEMS_OF_CHUNK);
            repeat(move || serial::map(&items, |&x| cube(x)))
        })
        .model("thread_pool", |chunk| {
            let (pool, items, chunk) = (threads(), integers(ITEMS_OF_CHUNK), size(chunk));
            repeat(move || all(pool.map_chunked(&items, chunk, |&x| cube(x))))
        })
        .model("rayon", |chunk| {
            let (pool, items, chunk) = (rayon(), integers(ITEMS_OF_CHUNK), size(chunk));
            repeat(move || all(pool.map_chunked(&items, chunk, |&x| cube(x))))
        })
        .model("process_pool", |chunk| {
            let (pool, items, chunk) = (processes(), integers(ITEMS_OF_CHUNK), size(chunk));
            repeat(move || all(pool.map_chunked(&CUBE, &items, chunk)))
        })
        .python("python_pool")
}

fn item_cost(scale: Scale) -> Workload<Vec<u64>> {
    Workload::new("item_cost", "100 items that each take n nanoseconds, on a pool of 4")
        .parameter(
            "nanoseconds an item",
            scale.pick(
                [100, 1_000, 10_000, 100_000, 1_000_000],
                [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000],
            ),
        )
        .elements(|_| ITEMS_OF_COST as u64)
        .expect(|nanoseconds| serial::map(&calibrated(nanoseconds), |&steps| busy(steps)))
        .check_python(|_, answer| check_steps(ITEMS_OF_COST, answer))
        .own_pace()
        .note("a pool pays from the column on in which it is faster than the loop of its language")
        .note(
            "Python takes fewer steps in the same time; it says where each of its 100 chains \
             ended, and the chain is run again to check",
        )
        .note(
            "100 ns is an item alone: in the loop the processor begins the next item's chain \
             before the last one's end, so serial takes less than that an item there",
        )
        .claim(
            Claim::new(14, "for every X do y is what parallelises: here on threads")
                .compares("thread_pool", "serial")
                .at_most(0.7)
                .on_cores(2)
                .predicted(
                    "above 1 below a microsecond an item, 0.5 on 2 cores from there: waking \
                     somebody takes some 20 us",
                ),
        )
        .claim(
            Claim::new(57, "a pool of processes makes sense once an item takes a millisecond")
                .compares("process_pool", "serial")
                .at(1_000_000)
                .at_most(0.7)
                .on_cores(2)
                .predicted("0.5 on 2 cores: 15 messages are lost in 100 ms of work"),
        )
        .model("serial", |nanoseconds| {
            let items = calibrated(nanoseconds);
            repeat(move || serial::map(&items, |&steps| busy(steps)))
        })
        .model("thread_pool", |nanoseconds| {
            let (pool, items) = (threads(), calibrated(nanoseconds));
            repeat(move || all(pool.map(&items, |&steps| busy(steps))))
        })
        .model("rayon", |nanoseconds| {
            let (pool, items) = (rayon(), calibrated(nanoseconds));
            repeat(move || all(pool.map(&items, |&steps| busy(steps))))
        })
        .model("process_pool", |nanoseconds| {
            let (pool, items) = (processes(), calibrated(nanoseconds));
            repeat(move || all(pool.map(&BUSY, &items)))
        })
        .python("python_serial")
        .python("python_pool")
}

fn large(scale: Scale) -> Workload<Vec<u8>> {
    const MEBIBYTE: u64 = 1 << 20;
    let sizes = scale.pick([MEBIBYTE, 16 * MEBIBYTE], [MEBIBYTE, 16 * MEBIBYTE, 64 * MEBIBYTE]);
    Workload::new("large", "one argument of n bytes goes to a worker, and comes back")
        .parameter("bytes", sizes)
        .bytes(|n| n)
        .expect(bytes)
        .expect_python(|n| format!("{n} bytes, sum {}", sum(&bytes(n))))
        .note("threads copy it once, because the result is a value of its own")
        .note(
            "process_pool sends serde_bytes' ByteBuf, one piece; by_number sends a Vec<u8>, \
             which serde hands over byte after byte",
        )
        .model("serial", |n| {
            let argument = [bytes(n)];
            repeat(move || one(serial::map(&argument, Vec::clone)))
        })
        .model("thread_pool", |n| {
            let (pool, argument) = (threads(), [bytes(n)]);
            repeat(move || one(all(pool.map(&argument, Vec::clone))))
        })
        .model("process_pool", |n| {
            let (pool, argument) = (processes(), [ByteBuf::from(bytes(n))]);
            repeat(move || {
                let mut results = all(pool.map(&ECHO, &argument));
                results.pop().expect("a result for the argument").into_vec()
            })
        })
        .model("process_pool_by_number", |n| {
            let (pool, argument) = (processes(), [bytes(n)]);
            repeat(move || one(all(pool.map(&ECHO_NUMBERS, &argument))))
        })
        .python("python_pool")
}

/// Bytes that do not compress to nothing, nor repeat with a page.
fn bytes(n: u64) -> Vec<u8> {
    (0..n).map(|x| (x % 251) as u8).collect()
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte)).sum()
}

fn one(mut results: Vec<Vec<u8>>) -> Vec<u8> {
    results.pop().expect("a result for the argument")
}

fn integers(n: u64) -> Vec<u64> {
    (0..n).collect()
}

/// 100 items of so many nanoseconds, in steps of `busy`.
fn calibrated(nanoseconds: u64) -> Vec<u64> {
    vec![steps(Duration::from_nanos(nanoseconds)); ITEMS_OF_COST]
}

fn cubes(n: u64) -> Cubes {
    (0..n).map(|x| Some(x * x * x)).collect()
}

/// All cubes in one line; each is weighted by its place, so that order counts.
fn cubes_answer(n: u64) -> String {
    let weighted: u128 = (0..u128::from(n)).map(|x| (x + 1) * x.pow(3)).sum();
    format!("{n} cubes, by place {weighted}")
}

fn size(chunk: u64) -> usize {
    usize::try_from(chunk).expect("a chunk fits in memory")
}

fn threads() -> ThreadPool {
    ThreadPool::new(WORKERS).expect("threads start")
}

fn rayon() -> RayonPool {
    RayonPool::new(WORKERS).expect("threads start")
}

fn processes() -> ProcessPool {
    ProcessPool::new(WORKERS).expect("workers start")
}

fn all<R>(results: Result<Vec<R>, pool::Error>) -> Vec<R> {
    results.expect("every item has a result")
}
