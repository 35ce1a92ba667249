//! What threads cost and gain, for waiting, for memory, for arithmetic, and for
//! a total that all of them add to.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read, Seek};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread::available_parallelism;
use std::time::Duration;

use report::suite::{Claim, Routine, Scale, Suite, Workload, fresh, repeat};
use report::work::{busy, check_steps, steps};
use threads::do_nothing::{lock_held, lock_released, unlocked, whole_line};
use threads::{Transcript, counter, gil, scoped, serial, squares, work_stealing};

/// The lecture's `range(10)`: in every workload but `sin`, ten tasks.
const RUNS: [u32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

mod arrays;
mod spinning;

fn main() -> ExitCode {
    report::drive(suite)
}

fn suite(scale: Scale) -> Suite {
    Suite::new("threads")
        .workload(do_nothing(scale))
        .workload(squares_ten_times())
        .workload(arrays::squares_once())
        .workload(arrays::sin_in_place(scale))
        .workload(arrays::multiply(scale))
        .workload(calibrated(scale))
        .workload(counting(scale))
}

/// What a model promises of the lines it prints.
#[derive(Clone, Copy, PartialEq)]
enum Promise {
    WholeLines,
    EveryByte,
}

/// The file that the runs printed to, unread: reading it is not the work.
struct Printed {
    file: File,
    promise: Promise,
    results: Vec<io::Result<()>>,
}

fn do_nothing(scale: Scale) -> Workload<Printed> {
    use Promise::{EveryByte, WholeLines};
    let wait = scale.wait(Duration::from_secs(1)).as_millis() as u64;
    Workload::new("do_nothing", "Ten runs that each print a line to a file and sleep")
        .parameter("milliseconds of sleep", vec![1, wait])
        .check(|_, printed| check_printed(printed))
        .check_python(|_, answer| {
            let lines: Vec<String> = RUNS.iter().map(|n| format!("Run {n}.")).collect();
            let expected = format!("{} and 10 newlines", lines.join(" "));
            if answer == expected { Ok(()) } else { Err(format!("printed {answer:?}")) }
        })
        .model("serial", |ms| {
            printing(WholeLines, move |out| serial::map(&RUNS, |&n| unlocked(out, n, sleep(ms))))
        })
        .model("threads", |ms| {
            printing(EveryByte, move |out| scoped::map(&RUNS, |&n| unlocked(out, n, sleep(ms))))
        })
        .model("lock_released", |ms| {
            printing(WholeLines, move |out| {
                let out = Mutex::new(out);
                scoped::map(&RUNS, |&n| lock_released(&out, n, sleep(ms)))
            })
        })
        .model("lock_held", |ms| {
            printing(WholeLines, move |out| {
                let out = Mutex::new(out);
                scoped::map(&RUNS, |&n| lock_held(&out, n, sleep(ms)))
            })
        })
        .model("whole_lines", |ms| {
            printing(WholeLines, move |out| scoped::map(&RUNS, |&n| whole_line(out, n, sleep(ms))))
        })
        .python("python_serial")
        .python("python_threads")
        .python("python_lock")
        .note(
            "The lecture sleeps 1 s; a quick run sleeps 50 ms. In 1 ms of sleep it shows what the \
             threads themselves cost.",
        )
        .note(
            "Lines are whole in every model but `threads` and `python_threads`, where text and \
             newline are written apart and only the bytes are checked.",
        )
        .claim(
            Claim::new(41, "Ten threads that sleep take as long as one")
                .compares("threads", "serial")
                .at(wait)
                .at_most(0.11)
                .predicted("0.10 on any number of cores, for sleep is not work"),
        )
        .claim(
            Claim::new(41, "Ten threads that sleep take as long as one, in Python")
                .compares("python_threads", "python_serial")
                .at(wait)
                .at_most(0.11)
                .predicted("0.10: who sleeps does not hold the interpreter lock"),
        )
        .claim(
            Claim::new(
                44,
                "Mixed output can be fixed with a lock, without making the threads wait for each \
                 other",
            )
            .compares("lock_released", "threads")
            .at(wait)
            .at_most(1.05)
            .predicted("1.00, for the lock is released before the sleep; held across it, 10"),
        )
        .claim(
            Claim::new(41, "Ten threads that sleep cost less above the sleep than Python's")
                .compares("threads", "python_threads")
                .at(1)
                .at_most(1.0)
                .predicted("0.8: both sleep for 1 ms, and Python starts a thread more slowly"),
        )
}

fn sleep(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn printing(
    promise: Promise,
    run: impl Fn(&File) -> Vec<io::Result<()>> + 'static,
) -> Routine<Printed> {
    fresh(
        || tempfile::tempfile().expect("the temporary directory takes a file"),
        move |file| {
            let results = run(&file);
            Printed { file, promise, results }
        },
    )
}

fn check_printed(printed: &Printed) -> Result<(), String> {
    let mut text = String::new();
    let mut file = &printed.file;
    file.rewind().and_then(|()| file.read_to_string(&mut text)).map_err(|e| e.to_string())?;
    if let Some(error) = printed.results.iter().find_map(|result| result.as_ref().err()) {
        return Err(format!("a print failed: {error}"));
    }
    let right = match printed.promise {
        Promise::WholeLines => Transcript::of(&text).is_whole(10),
        Promise::EveryByte => Transcript::of(&text).has_every_byte(10),
    };
    if right { Ok(()) } else { Err(format!("printed {text:?}")) }
}

fn squares_ten_times() -> Workload<Vec<(u32, u64)>> {
    Workload::new("squares", "Ten times the list of the squares of 0 to m - 1")
        .parameter("m", vec![100_000, 1_000_000])
        .elements(|m| 10 * m)
        .expect(|m| RUNS.iter().map(|&n| (n, (m - 1) * (m - 1))).collect())
        .expect_python(|m| {
            let ends = RUNS.map(|n| format!("run {n} ends at {}", (m - 1) * (m - 1)));
            ends.join("; ")
        })
        .model("serial", |m| repeat(move || serial::map(&RUNS, |&n| do_something(n, m))))
        .model("threads", |m| repeat(move || scoped::map(&RUNS, |&n| do_something(n, m))))
        .model("work_stealing", |m| {
            work_stealing::start();
            repeat(move || work_stealing::map(&RUNS, |&n| do_something(n, m)))
        })
        .python("python_serial")
        .python("python_threads")
        .note(
            "As in the lecture each run makes its list and drops it, in the timed part; its last \
             element is the answer. The lecture's print is left out.",
        )
        .note(
            "In Rust this measures memory, not arithmetic: the serial loop gets the same buffer \
             back each time, still warm in the cache, while each thread writes one of its own. \
             What ten threads fail to gain here is no GIL; see the workload `gil`.",
        )
}

/// The lecture's `do_something_in_python(n)`: makes the list and drops it.
///
/// The work is the same function in every model, so its number and its last
/// element tell whether a model ran it, for each item and in order.
fn do_something(n: u32, m: u64) -> (u32, u64) {
    let list = black_box(squares(black_box(small(m))));
    (n, list.last().copied().unwrap_or_default())
}

/// The suite counts in `u64`, squares in `u32`.
fn small(m: u64) -> u32 {
    u32::try_from(m).expect("m is a number of the lecture's size")
}

fn calibrated(scale: Scale) -> Workload<Vec<u64>> {
    let cores = available_parallelism().map_or(1, usize::from);
    // Ten equal tasks cannot be shared out evenly on, say, four cores.
    let possible = 10.0 / 10_usize.div_ceil(cores) as f64;
    let of_possible = 0.7;
    Workload::new("gil", "Ten tasks of pure arithmetic, free and under one lock")
        .parameter(
            "microseconds a task",
            scale.pick([100, 1_000, 5_000], [100, 1_000, 5_000, 40_000]),
        )
        .expect(|us| tasks(us).into_iter().map(busy).collect())
        .check_python(|_, answer| check_steps(RUNS.len(), answer))
        .own_pace()
        .model("serial", |us| on_tasks(us, |tasks| serial::map(tasks, |&steps| busy(steps))))
        .model("threads", |us| on_tasks(us, |tasks| scoped::map(tasks, |&steps| busy(steps))))
        .model("work_stealing", |us| {
            work_stealing::start();
            on_tasks(us, |tasks| work_stealing::map(tasks, |&steps| busy(steps)))
        })
        .model("gil", |us| on_tasks(us, |tasks| gil::map(tasks, |&steps| busy(steps))))
        .python("python_serial")
        .python("python_threads")
        .note(
            "`gil` is the threads of `threads` with one lock around each task. It is held from the \
             task's beginning to its end: no thread gives way to another, as CPython's do every \
             5 ms.",
        )
        .note("A task takes as long in Python as in Rust, and does that much less.")
        .claim(
            Claim::new(50, "Ten threads of pure Python take as long as one")
                .compares("python_threads", "python_serial")
                .at(5_000)
                .at_least(0.9)
                .at_most(1.2)
                .on_cores(2)
                .predicted("1.0 with the interpreter lock; a free-threaded Python refutes it"),
        )
        .claim(
            Claim::new(51, "It is the interpreter lock that takes the gain away")
                .compares("gil", "serial")
                .at(5_000)
                .at_least(0.9)
                .at_most(1.1)
                .on_cores(2)
                .predicted("1.0: one lock around the work makes Rust's threads like Python's"),
        )
        .claim(
            Claim::new(54, "Except for specific problems threads aren't the answer (Rust)")
                .compares("threads", "serial")
                .at(5_000)
                .at_least(1.0 / (of_possible * possible))
                .on_cores(2)
                .predicted("refuted: 0.5 on 2 cores, 0.3 on 4; 0.7 of the possible gain refutes"),
        )
}

/// The steps of ten tasks. Each does one step more than the one before, which
/// takes a nanosecond and gives each another answer.
fn tasks(microseconds: u64) -> Vec<u64> {
    let first = steps(Duration::from_micros(microseconds));
    (first..first + 10).collect()
}

fn on_tasks(microseconds: u64, model: impl Fn(&[u64]) -> Vec<u64> + 'static) -> Routine<Vec<u64>> {
    let tasks = tasks(microseconds);
    repeat(move || model(&tasks))
}

fn counting(scale: Scale) -> Workload<u64> {
    let threads = RUNS.len();
    let count = move |count: fn(usize, u64) -> u64| {
        move |increments| repeat(move || count(threads, increments))
    };
    Workload::new("counter", "Ten threads that each add 1 to one total, so many times")
        .parameter(
            "increments a thread",
            scale.pick([1_000, 100_000], [1_000, 10_000, 100_000, 1_000_000]),
        )
        .elements(|increments| 10 * increments)
        .expect(|increments| 10 * increments)
        .model("serial", count(counter::serial))
        .model("atomic", count(counter::atomic))
        .model("mutex", count(counter::mutex))
        .model("channel", count(counter::channel))
        .model("local_then_reduce", count(counter::local_then_reduce))
        .note(
            "Threads are started and joined inside the clock in every model but `serial`; at \
             1,000 increments that is most of the time, and the threads hardly meet.",
        )
        .note("An increment is not optimised away: it goes through memory each time.")
        .claim(
            Claim::new(5, "Threads need locks to control shared resources")
                .compares("local_then_reduce", "mutex")
                .at(100_000)
                .at_least(0.1)
                .predicted(
                    "refuted, 0.03: something must control them, but what is not shared \
                            until the end needs no lock and is over ten times cheaper",
                ),
        )
}
