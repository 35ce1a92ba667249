//! The `threading` cells of the lecture, at the lecture's own numbers.
//!
//! ```text
//! cargo run --release -p threads --example threads-lecture
//! ```
//!
//! Takes about half a minute, most of it asleep.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read, Seek};
use std::sync::Mutex;
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

use report::work::{busy, steps};
use threads::gil::Gil;
use threads::{
    Transcript, counter, do_nothing, gil, scoped, serial, simd, sin, squares, work_stealing,
};

/// The lecture's `range(10)`.
const RUNS: [u32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

fn main() -> io::Result<()> {
    let cores = available_parallelism()?;
    println!("{cores} cores, and {} threads that steal work", work_stealing::start());
    printing_and_sleeping()?;
    mixed_lines()?;
    sine_of_an_array();
    ten_lists_of_squares();
    ten_calibrated_tasks();
    taking_turns();
    one_total();
    one_thread_panics();
    Ok(())
}

fn printing_and_sleeping() -> io::Result<()> {
    part("do_nothing: print, then sleep for a second; ten times");
    let wait = Duration::from_secs(1);
    let out = io::stdout();
    let locked = Mutex::new(&out);
    let all = |results: Vec<io::Result<()>>| results.into_iter().collect::<io::Result<()>>();

    timed("one after the other", || {
        all(serial::map(&RUNS, |&n| do_nothing::unlocked(&out, n, wait)))
    })?;
    timed("ten threads, nothing to keep text and newline together", || {
        all(scoped::map(&RUNS, |&n| do_nothing::unlocked(&out, n, wait)))
    })?;
    timed("ten threads, a lock around the print", || {
        all(scoped::map(&RUNS, |&n| do_nothing::lock_released(&locked, n, wait)))
    })?;
    timed("ten threads, the lock kept while asleep", || {
        all(scoped::map(&RUNS, |&n| do_nothing::lock_held(&locked, n, wait)))
    })?;
    timed("ten threads, each line in one write", || {
        all(scoped::map(&RUNS, |&n| do_nothing::whole_line(&out, n, wait)))
    })?;
    println!("Sleep is not work: it overlaps on any number of cores, unless a lock is held.");
    Ok(())
}

fn mixed_lines() -> io::Result<()> {
    part("\"IO is messed up\": ten threads print 5,000 lines each, to a file");
    type Print = fn(&Mutex<&File>, &File, u32) -> io::Result<()>;
    let prints: [(&str, Print); 3] = [
        ("two writes a line", |_, out, n| do_nothing::unlocked(out, n, Duration::ZERO)),
        ("two under a lock", |out, _, n| do_nothing::lock_released(out, n, Duration::ZERO)),
        ("one write a line", |_, out, n| do_nothing::whole_line(out, n, Duration::ZERO)),
    ];
    for (name, print) in prints {
        let mut out = tempfile::tempfile()?;
        let locked = Mutex::new(&out);
        scoped::map(&RUNS, |n| (0..5_000).try_for_each(|_| print(&locked, &out, *n)))
            .into_iter()
            .collect::<io::Result<()>>()?;
        let mut text = String::new();
        out.rewind()?;
        out.read_to_string(&mut text)?;
        let Transcript { runs, broken, .. } = Transcript::of(&text);
        println!("  {name}: {} lines whole, {broken} broken", runs.len());
    }
    println!("A lock keeps lines whole; so does one write. Neither puts them in order.");
    Ok(())
}

fn sine_of_an_array() {
    part("do_something_in_numpy: the sine of a million numbers, in place");
    let fresh = || (0..1_000_000).map(f64::from).collect::<Vec<_>>();
    let mut expected = fresh();
    timed("serial", || serial::for_each_chunk(&mut expected, sin));

    let mut halves = fresh();
    timed("two threads, a half each", || scoped::for_each_chunk(&mut halves, 2, sin));
    println!("  (arr1 == arr2).all(): {}", expected == halves);

    let mut stolen = fresh();
    timed("work stealing", || work_stealing::for_each_chunk(&mut stolen, sin));
    println!("  (arr1 == arr2).all(): {}", expected == stolen);

    let mut vectors = fresh();
    timed("serial, several elements at a time", || simd::sin(&mut vectors));
    let apart = expected.iter().zip(&vectors).filter(|(one, other)| one != other).count();
    println!("  rounded to the other side: {apart}, each of them one place apart");

    // The lecture's N = arr2.size // n, which is right for its own numbers.
    let mut thirds = fresh();
    let (parts, length) = (3, thirds.len() / 3);
    for part in 0..parts {
        sin(&mut thirds[part * length..(part + 1) * length]);
    }
    let lost = expected.iter().zip(&thirds).filter(|(right, got)| right != got).count();
    println!("With three threads the lecture's size // n leaves {lost} element as it was.");
}

fn ten_lists_of_squares() {
    part("do_something_in_python: ten lists of a million squares");
    let run = |n: &u32| {
        println!("Run {n}.");
        drop(black_box(squares(black_box(1_000_000))));
    };
    timed("one after the other", || serial::map(&RUNS, run));
    timed("ten threads", || scoped::map(&RUNS, run));
    println!("Little arithmetic, much fresh memory: whatever is missing here is no GIL.");
}

fn ten_calibrated_tasks() {
    part("The same contrast with work that is only arithmetic: ten tasks of 40 ms");
    let tasks = [steps(Duration::from_millis(40)); 10];
    let work = |steps: &u64| busy(*steps);
    let expected = timed("serial", || serial::map(&tasks, work));
    let threads = timed("ten threads", || scoped::map(&tasks, work));
    let stolen = timed("work stealing", || work_stealing::map(&tasks, work));
    let locked = timed("ten threads and an interpreter lock", || gil::map(&tasks, work));
    println!("  all the same: {}", [threads, stolen, locked].iter().all(|ends| *ends == expected));

    let wait = Duration::from_millis(100);
    timed("ten threads that sleep 100 ms and keep the interpreter lock", || {
        gil::map(&RUNS, |_| sleep(wait))
    });
    let gil = Gil::new();
    timed("the same, letting go of it as Python does", || {
        scoped::map(&RUNS, |_| gil.take().released(|| sleep(wait)))
    });
}

fn taking_turns() {
    part("Under the interpreter lock: two threads, 100 steps of 1 ms each");
    let gil = Gil::new();
    let step = steps(Duration::from_millis(1));
    let diary = Mutex::new(Vec::new());
    timed("with a checkpoint after each step", || {
        scoped::map(&['a', 'b'], |&name| {
            let mut held = gil.take();
            for _ in 0..100 {
                black_box(busy(step));
                diary.lock().expect("nobody panics").push(name);
                held.checkpoint();
            }
        })
    });
    let diary = diary.into_inner().expect("nobody panics");
    println!("  {}", diary.iter().collect::<String>());
    println!("One step in one thread at a time; whoever waits is let in after 5 ms.");
}

fn one_total() {
    part("One total: ten threads add 1 to it, a million times each");
    type Count = fn(usize, u64) -> u64;
    let remedies: [(&str, Count); 5] = [
        ("serial", counter::serial),
        ("atomic", counter::atomic),
        ("mutex", counter::mutex),
        ("channel", counter::channel),
        ("local, then reduce", counter::local_then_reduce),
    ];
    for (name, count) in remedies {
        let start = Instant::now();
        assert_eq!(count(10, 1_000_000), 10_000_000);
        println!("  {name}: {:.1} ns an increment", start.elapsed().as_nanos() as f64 / 1e7);
    }
    println!("Something must control what is shared. It need not be a lock. If nothing does:");
    // On one core, or a busy machine, the threads may never meet.
    let lost = (1..=20).map(|run| (run, 10_000_000 - counter::racy(10, 1_000_000)));
    match lost.into_iter().find(|(_, lost)| *lost > 0) {
        Some((run, lost)) => println!("  load, then store: {lost} of 10,000,000 lost in run {run}"),
        None => println!("  load, then store: nothing lost in 20 runs; none were together"),
    }
}

fn one_thread_panics() {
    part("One of ten threads panics; the others finish, and the caller is told which");
    let results = scoped::try_map(&RUNS, |&n| {
        assert!(n != 7, "run 7 has had enough");
        n * n
    });
    for result in results {
        match result {
            Ok(square) => print!("  {square}"),
            Err(panicked) => print!("  [{panicked}]"),
        }
    }
    println!();
}

fn part(title: &str) {
    println!("\n{title}");
}

/// Runs one cell and prints how long it took, as `%time` does.
fn timed<R>(name: &str, cell: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = cell();
    println!("  {name}: {:.1?}", start.elapsed());
    result
}
