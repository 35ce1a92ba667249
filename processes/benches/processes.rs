//! What a process costs to have, to feed and to hear from, and from which
//! amount of work on it pays.

mod helper;

use std::process::ExitCode;
use std::time::Duration;

use helper::{
    BUSY, FORK_BUSY, FORK_NOTHING, FORK_SQUARES, LAST_SQUARE, PIPE, REEXEC_NOTHING, SHARED_MEMORY,
    SPAWN_NOTHING, TEN, THREAD, THREAD_NOTHING, UNIX_SOCKET, all, in_helper, in_helper_that_holds,
    last_square, reexec_nothing, spawn_nothing,
};
use processes::{Error, reexec, serial, thread};
use report::suite::{Claim, Routine, Scale, Suite, Workload, repeat};
use report::work::{busy, check_steps, steps};

fn main() -> ExitCode {
    processes::worker_entry(helper::registry());
    report::drive(suite)
}

fn suite(scale: Scale) -> Suite {
    Suite::new("processes")
        .workload(ten_lists_of_squares(scale))
        .workload(calibrated(scale))
        .workload(results(scale))
        .workload(create())
        .workload(fork_memory(scale))
}

fn ten_lists_of_squares(scale: Scale) -> Workload<Vec<u64>> {
    Workload::new("squares", "Ten tasks that each make a list of squares and drop it")
        .parameter("squares in a list", scale.pick([1_000, 1_000_000], [1_000, 100_000, 1_000_000]))
        .elements(|m| m * TEN as u64)
        .expect(|m| vec![(m - 1).pow(2); TEN])
        .expect_python(|m| format!("10 lists end at {}", (m - 1).pow(2)))
        .model("serial", |m| here(move || all(serial::map(&[m; TEN], last_square))))
        .model("threads", |m| here(move || all(thread::map(&[m; TEN], last_square))))
        .model("fork", |m| in_helper(FORK_SQUARES, m))
        .model("reexec", |m| here(move || all(reexec::map(&LAST_SQUARE, &[m; TEN]))))
        .python("python_serial")
        .python("python_threads")
        .python("python_fork")
        .note(
            "As in the lecture, nothing comes back but proof: each list's last square. Starting \
             and ending the threads and processes is inside the time.",
        )
        .note(
            "A million squares are 8 MB. The loop's allocator hands it the last list's memory \
             again, warm; a fresh process begins with none, and faults in every page of its list.",
        )
        .claim(
            Claim::new(55, "Ten processes make ten lists of squares faster than a loop")
                .compares("fork", "serial")
                .at(1_000_000)
                .at_most(0.9)
                .on_cores(2)
                .predicted("refuted, about 4: each list takes under a millisecond"),
        )
        .claim(
            Claim::new(55, "Ten processes make ten lists of squares faster than a loop, in Python")
                .compares("python_fork", "python_serial")
                .at(1_000_000)
                .at_most(0.9)
                .on_cores(2)
                .predicted("confirmed, 0.67: processes do not share the interpreter lock"),
        )
}

fn calibrated(scale: Scale) -> Workload<Vec<u64>> {
    let steps_each = |microseconds| steps(Duration::from_micros(microseconds));
    Workload::new("busy", "Ten tasks of pure arithmetic")
        .parameter(
            "microseconds a task",
            scale.pick([100, 1_000, 5_000], [10, 100, 1_000, 5_000, 20_000]),
        )
        .elements(|_| TEN as u64)
        .expect(move |us| vec![busy(steps_each(us)); TEN])
        .check_python(|_, answer| check_steps(TEN, answer))
        .own_pace()
        .model("serial", move |us| {
            let steps = steps_each(us);
            here(move || all(serial::map(&[steps; TEN], |&steps| busy(steps))))
        })
        .model("threads", move |us| {
            let steps = steps_each(us);
            here(move || all(thread::map(&[steps; TEN], |&steps| busy(steps))))
        })
        .model("fork", move |us| in_helper(FORK_BUSY, steps_each(us)))
        .model("reexec", move |us| {
            let steps = steps_each(us);
            here(move || all(reexec::map(&BUSY, &[steps; TEN])))
        })
        .python("python_serial")
        .python("python_threads")
        .python("python_fork")
        .note("Starting and ending the threads and processes is inside the time.")
        .note("Python takes as many steps as last as long in it, far fewer than Rust.")
        .claim(
            Claim::new(55, "Ten processes are as good as ten threads, once a task is long enough")
                .compares("fork", "threads")
                .at(5_000)
                .at_most(1.11)
                .on_cores(2)
                .predicted("confirmed, 1.0: ten forks are lost in 25 ms on each of two cores"),
        )
        .claim(
            Claim::new(55, "Ten processes escape the lock that ten threads share, in Python")
                .compares("python_fork", "python_threads")
                .at(5_000)
                .at_most(0.9)
                .on_cores(2)
                .predicted("confirmed, 0.7: half the arithmetic, and ten forks of an interpreter"),
        )
}

fn results(scale: Scale) -> Workload<u64> {
    const MOST: u64 = 8 << 20;
    Workload::new("results", "A resident thread or child makes squares and hands them back")
        .parameter(
            "bytes of squares",
            scale.pick(
                [1, 4_096, 65_536, 1 << 20, MOST],
                [1, 8, 64, 512, 4_096, 32_768, 65_536, 262_144, 1 << 20, MOST],
            ),
        )
        .bytes(|bytes| bytes)
        .expect(|bytes| (0..bytes / 8).fold(bytes % 8, |sum, x| sum + x * x))
        .model("thread", |bytes| in_helper(THREAD, bytes))
        .model("pipe", |bytes| in_helper(PIPE, bytes))
        .model("unix_socket", |bytes| in_helper(UNIX_SOCKET, bytes))
        .model("shared_memory", |bytes| in_helper(SHARED_MEMORY, bytes))
        .note(
            "Warm: the child was forked before, the buffers are used again, and each figure is \
             one request and its reply. Making the squares is inside the time, summing them is not. \
             Bytes that make no whole square are ones.",
        )
        .note(
            "`thread` moves a vector; `shared_memory` leaves the bytes where the parent reads \
             them; a pipe and a socket copy them into the kernel and out of it.",
        )
        .note(
            "Maker and reader, the thread's too, are pinned to two different cores where there \
             are two; with one core, they share it.",
        )
        .claim(
            Claim::new(
                9,
                "Shared memory is at least five times as fast as a socket, so processes need not \
                 communicate through a network",
            )
            .compares("unix_socket", "shared_memory")
            .at(MOST)
            .at_least(5.0)
            .predicted(
                "confirmed, about 8 between two cores: two copies, and some hundred times that \
                 one wakes the other",
            ),
        )
}

fn create() -> Workload<u64> {
    Workload::new("create", "Start so many that do nothing, and wait for their end")
        .parameter("threads or processes", vec![1, TEN as u64])
        .elements(|n| n)
        .expect(|n| n)
        .expect_python(|n| n.to_string())
        .model("thread", |n| {
            here(move || Ok(all(thread::map(&vec![(); n as usize], |()| ()))?.len() as u64))
        })
        .model("fork", |n| in_helper(FORK_NOTHING, n))
        .model("spawn", |n| here(move || spawn_nothing(n)))
        .model("reexec", |n| here(move || reexec_nothing(n)))
        .python("python_thread")
        .python("python_fork")
        .python("python_spawn")
        .patience(Duration::from_secs(2))
        .note(
            "`fork` copies a small process, having looked in /proc that it has one thread; \
             `spawn` starts the program `true`; `reexec` starts this bench once more, up to its \
             first answer. All wait for the end.",
        )
        .claim(
            Claim::new(3, "Threads are cheap to create and destroy")
                .compares("thread", "reexec")
                .at_most(0.2)
                .predicted("confirmed, 0.01 to 0.07: a thread loads no program"),
        )
        .claim(
            Claim::new(8, "A process has a higher overhead, by fork")
                .compares("fork", "thread")
                .at_least(5.0)
                .predicted("2 to 30: it depends on the memory of the process that forks"),
        )
        .claim(
            Claim::new(8, "A process has a higher overhead, by fork, in Python")
                .compares("python_fork", "python_thread")
                .at_least(5.0)
                .predicted("confirmed, 45"),
        )
}

fn fork_memory(scale: Scale) -> Workload<u64> {
    const SMALL: bool = false;
    const LARGE: bool = true;
    Workload::new("fork_memory", "Start one that does nothing, from a process that holds memory")
        .parameter(
            "MiB that the parent holds",
            scale.pick([0, 64, 256, 1_024], [0, 1, 4, 16, 64, 256, 1_024]),
        )
        .expect(|_| 1)
        .expect_python(|_| "1".into())
        .model("thread", |mebibytes| in_helper_that_holds((mebibytes, SMALL), THREAD_NOTHING, 1))
        .model("fork", |mebibytes| in_helper_that_holds((mebibytes, SMALL), FORK_NOTHING, 1))
        .model("fork_large_pages", |mebibytes| {
            in_helper_that_holds((mebibytes, LARGE), FORK_NOTHING, 1)
        })
        .model("spawn", |mebibytes| in_helper_that_holds((mebibytes, SMALL), SPAWN_NOTHING, 1))
        .model("reexec", |mebibytes| in_helper_that_holds((mebibytes, SMALL), REEXEC_NOTHING, 1))
        .python("python_fork")
        .python("python_spawn")
        .patience(Duration::from_secs(2))
        .note(
            "The memory has been written to, in pages of 4 KiB, and of 2 MiB (transparent huge \
             pages, asked for by madvise) in `fork_large_pages`. `fork` copies the table of those \
             pages; the others start a thread or a program and copy nothing. Each runs in a \
             helper with one thread.",
        )
        .claim(
            Claim::new(
                8,
                "Fork costs more the more memory the parent holds; starting a program does not",
            )
            .compares("fork", "spawn")
            .at(256)
            .at_least(2.0)
            .predicted("confirmed, about 5: 16 to 26 µs a MiB against a flat 0.8 ms"),
        )
        .claim(
            Claim::new(8, "It is the number of pages that makes fork dear, not the memory")
                .compares("fork", "fork_large_pages")
                .at(1_024)
                .at_least(10.0)
                .predicted("confirmed, 50 or more: 512 pages in place of 262,144"),
        )
}

/// A model that runs in this process; an error of it is a failure.
fn here<Out: 'static>(mut work: impl FnMut() -> Result<Out, Error> + 'static) -> Routine<Out> {
    repeat(move || work().unwrap_or_else(|e| panic!("{e}")))
}
