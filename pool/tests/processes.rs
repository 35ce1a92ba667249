//! What the process pool does when workers and tasks fail, for real.

use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use pool::cube::CUBE;
use pool::{Error, ProcessPool};
use processes::status::Exit;
use processes::{Registry, Task};
use serde::{Deserialize, Serialize};

/// Longer than anything here takes, on the busiest machine.
const DEADLINE: Duration = Duration::from_secs(10);

/// Kills its own process when it comes to `true`.
const SUICIDE: Task<(u32, bool), u32> = Task::new("suicide", |(item, die)| {
    if die {
        raise(Signal::SIGKILL).expect("a process may kill itself");
    }
    item
});

const LEAVE: Task<i32, ()> = Task::new("leave", |code| process::exit(code));

const PANIC: Task<u32, u32> = Task::new("panic", |item| {
    assert!(!item.is_multiple_of(10), "{item} is bad");
    item
});

const WHO: Task<(), u32> = Task::new("who", |()| {
    thread::sleep(Duration::from_millis(5));
    process::id()
});

/// Writes its process id to the file, if it is given one, and waits to be killed.
const WAIT: Task<Option<PathBuf>, u32> = Task::new("wait", |file| {
    if let Some(file) = file {
        let unfinished = file.with_extension("unfinished");
        std::fs::write(&unfinished, process::id().to_string()).expect("the directory is there");
        std::fs::rename(unfinished, file).expect("the file is there");
        thread::sleep(DEADLINE);
    }
    process::id()
});

/// Leaves a file of this number in the directory, and waits for the other's:
/// whether it came, while this item still ran.
const MEET: Task<(PathBuf, u32), bool> = Task::new("meet", |(directory, number)| {
    std::fs::write(directory.join(number.to_string()), "").expect("the directory is there");
    let other = directory.join((1 - number).to_string());
    let started = Instant::now();
    while !other.exists() && started.elapsed() < DEADLINE {
        thread::sleep(Duration::from_millis(1));
    }
    other.exists()
});

const NESTED: Task<u64, Vec<Option<u64>>> = Task::new("nested", |n| {
    let pool = ProcessPool::new(2).expect("workers of a worker start");
    pool.map(&CUBE, &(0..n).collect::<Vec<_>>()).expect("every item has a result")
});

const SEND: Task<Picky, u32> = Task::new("send", |picky| picky.0);

/// Cannot be encoded if it is 7, and panics if it is 13.
#[derive(Clone, Copy, Deserialize)]
struct Picky(u32);

impl Serialize for Picky {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            7 => Err(serde::ser::Error::custom("seven is not sent")),
            13 => panic!("thirteen is bad luck"),
            n => serializer.serialize_u32(n),
        }
    }
}

/// Workers start here; see `processes::test_worker_entry`.
#[test]
fn worker_entry() {
    let registry = Registry::new().with(&CUBE).with(&SUICIDE).with(&LEAVE).with(&PANIC);
    let registry = registry.with(&WHO).with(&WAIT).with(&MEET).with(&NESTED).with(&SEND);
    processes::test_worker_entry("worker_entry", registry);
}

fn pool_of(workers: usize) -> ProcessPool {
    worker_entry();
    ProcessPool::new(workers).expect("workers start")
}

/// The workers' process ids, smallest first.
fn pids(pool: &ProcessPool) -> Vec<u32> {
    let mut pids = pool.map_chunked(&WHO, &[(); 40], 1).expect("every item has a result");
    pids.sort_unstable();
    pids.dedup();
    pids
}

fn death(outcome: &Result<u32, Error>) -> Option<Exit> {
    match outcome {
        Err(Error::Process { source, .. }) => match **source {
            processes::Error::Died { exit, .. } => Some(exit),
            _ => None,
        },
        _ => None,
    }
}

const KILLED: Exit = Exit::Killed(9);

#[test]
fn a_worker_that_kills_itself_costs_what_it_had_done_and_nothing_else() {
    let started = Instant::now();
    let pool = pool_of(4);
    let items: Vec<(u32, bool)> = (0..100).map(|item| (item, item % 30 == 10)).collect();
    let outcomes = pool.map_each(&SUICIDE, &items, 7);
    assert_eq!(outcomes.len(), 100);
    for (item, outcome) in (0_u32..).zip(&outcomes) {
        // 10, 40 and 70 die. What stood before them in their chunk of 7 was
        // done, and its result is lost; what stood after them was not begun.
        let first = item - item % 7;
        match (
            item % 30 == 10,
            (first..item + 7 - item % 7).any(|other| other % 30 == 10 && other > item),
        ) {
            (true, _) => {
                assert_eq!(death(outcome), Some(KILLED), "{item}: {outcome:?}");
                let named = outcome.as_ref().expect_err("it died").to_string();
                assert!(named.contains(&format!("item {item} ")), "{named}");
            }
            (false, true) if outcome.is_err() => assert_eq!(death(outcome), Some(KILLED)),
            _ => assert_eq!(outcome.as_ref().ok(), Some(&item), "{outcome:?}"),
        }
    }
    let cubes = pool.map(&CUBE, &[1, 2, 3]).expect("the pool works on");
    assert_eq!(cubes, [Some(1), Some(8), Some(27)]);
    assert!(started.elapsed() < DEADLINE, "{:?}", started.elapsed());
}

#[test]
fn a_worker_killed_from_outside_is_noticed_at_once() {
    let pool = pool_of(2);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("pid");
    let mut items = vec![None; 20];
    items[3] = Some(file.clone());
    let started = Instant::now();
    let outcomes = thread::scope(|scope| {
        scope.spawn(|| {
            let pid = read_when_there(&file).parse().expect("a process id");
            kill(Pid::from_raw(pid), Signal::SIGKILL).expect("the worker is there");
        });
        pool.map_each(&WAIT, &items, 1)
    });
    // The task alone would have waited as long as this.
    assert!(started.elapsed() < DEADLINE, "{:?}", started.elapsed());
    for (item, outcome) in outcomes.iter().enumerate() {
        assert_eq!(death(outcome), (item == 3).then_some(KILLED), "{item}: {outcome:?}");
    }
}

fn read_when_there(file: &Path) -> String {
    let started = Instant::now();
    while started.elapsed() < DEADLINE {
        if let Ok(text) = std::fs::read_to_string(file) {
            return text;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("nothing was written in {DEADLINE:?}");
}

#[test]
fn workers_killed_while_they_are_idle_cost_nothing() {
    let pool = pool_of(3);
    let before = pids(&pool);
    for pid in before.iter().map(|pid| Pid::from_raw(pid.cast_signed())) {
        kill(pid, Signal::SIGKILL).expect("the worker is there");
        // The signal has come; the death is a moment later. It is only looked
        // at: the pool must find the body.
        let dead = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        waitid(Id::Pid(pid), dead).expect("the worker is a child");
    }
    let after = pids(&pool);
    assert!(after.iter().all(|pid| !before.contains(pid)), "{before:?} {after:?}");
    assert!(after.len() <= 3, "{after:?}");
}

#[test]
fn every_task_kills_its_worker_and_the_map_still_ends() {
    let pool = pool_of(4);
    let items: Vec<(u32, bool)> = (0..24).map(|item| (item, true)).collect();
    let outcomes = pool.map_each(&SUICIDE, &items, 1);
    assert!(outcomes.iter().all(|outcome| death(outcome) == Some(KILLED)), "{outcomes:?}");
    assert_eq!(pool.map(&CUBE, &[5]).expect("the pool works on"), [Some(125)]);
}

#[test]
fn leaving_is_a_death_even_with_success() {
    let pool = pool_of(1);
    for code in [0, 3] {
        let error = pool.map(&LEAVE, &[code]).expect_err("the worker left");
        assert_eq!(death(&Err(error)), Some(Exit::Exited(code)));
    }
}

#[test]
fn a_panic_is_the_item_s_and_its_worker_lives() {
    let pool = pool_of(2);
    let before = pids(&pool);
    let items: Vec<u32> = (1..=25).collect();
    let outcomes = pool.map_each(&PANIC, &items, 7);
    for (item, outcome) in items.iter().zip(&outcomes) {
        match outcome {
            Ok(value) => assert_eq!(value, item),
            Err(Error::Process { item: at, source, .. }) => {
                assert_eq!(*at, Some(*item as usize - 1));
                let message = source.to_string();
                assert!(message.contains(&format!("{item} is bad")), "{message}");
                assert!(message.contains("processes.rs"), "{message}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 2);
    let first = pool.map(&PANIC, &items).expect_err("two items panic");
    assert!(matches!(first, Error::Process { item: Some(9), .. }), "{first:?}");
    assert!(pids(&pool).iter().all(|pid| before.contains(pid)));
}

#[test]
fn an_item_that_cannot_be_sent_fails_alone() {
    let pool = pool_of(2);
    let items: Vec<Picky> = (0..12).map(Picky).collect();
    let outcomes = pool.map_each(&SEND, &items, 12);
    for (item, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(value) => assert_eq!(*value as usize, item),
            Err(Error::Process { item: Some(7), source, .. }) => {
                assert!(matches!(**source, processes::Error::Encode { .. }), "{source:?}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(outcomes[7].is_err());
}

#[test]
fn a_serialize_that_panics_leaves_no_hole() {
    let pool = pool_of(1);
    let items: Vec<Picky> = (12..18).map(Picky).collect();
    let outcomes = pool.map_each(&SEND, &items, 2);
    for (item, outcome) in outcomes.iter().enumerate() {
        match (item, outcome) {
            (1, Err(Error::Panicked { item: Some(1), message, .. })) => {
                assert_eq!(message, "thirteen is bad luck");
            }
            (0 | 2.., Ok(value)) => assert_eq!(*value as usize, item + 12),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_task_may_have_a_pool_of_its_own() {
    let pool = pool_of(2);
    let nested = pool.map(&NESTED, &[3, 4]).expect("every item has a result");
    let cubes = [Some(0), Some(1), Some(8), Some(27)];
    assert_eq!(nested, [&cubes[..3], &cubes[..]]);
}

#[test]
fn many_callers_share_a_pool() {
    let pool = pool_of(2);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let items: Vec<u64> = (0..200).collect();
                let cubes = pool.map_chunked(&CUBE, &items, 3).expect("every item has a result");
                assert_eq!(cubes[199], Some(7_880_599));
            });
        }
    });
}

#[test]
fn chunks_run_at_the_same_time() {
    let pool = pool_of(2);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let items = [0, 1].map(|number| (directory.path().to_owned(), number));
    // One at a time, the first would wait in vain for the second.
    assert_eq!(pool.map_chunked(&MEET, &items, 1).expect("they meet"), [true, true]);
}

#[test]
fn the_work_is_shared_among_the_workers() {
    let pool = pool_of(4);
    assert_eq!(pids(&pool).len(), 4);
}

#[test]
fn what_was_submitted_is_called_by_its_name_and_is_no_item() {
    let pool = pool_of(1);
    // Only one for it: a panic may take longer, if a backtrace is asked for.
    let hasty = ProcessPool::builder().workers(1).deadline(Duration::from_millis(200));
    let hasty = hasty.build().expect("a worker");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("pid");
    let picky = |number| pool.submit(&SEND, Picky(number)).expect("open").join();
    let errors = [
        (pool.submit(&LEAVE, 3).expect("open").join().map(|()| 0), "task leave has no result: "),
        (pool.submit(&PANIC, 10).expect("open").join(), "task panic has no result: "),
        (hasty.submit(&WAIT, Some(file)).expect("open").join(), "task wait was not done after "),
        (picky(7), "task send has no result: "),
        (picky(13), "task send panicked: thirteen is bad luck, at "),
    ];
    for (outcome, expected) in errors {
        let text = outcome.expect_err("it fails").to_string();
        assert!(text.starts_with(expected), "{text}");
        assert!(!text.contains("item"), "{text}");
    }
    // What is mapped is counted, however it comes to the workers.
    let lazy: Vec<_> = pool.imap(&PANIC, [1, 10]).collect();
    let text = lazy[1].as_ref().expect_err("it fails").to_string();
    assert!(text.starts_with("item 1 has no result: task panic panicked: "), "{text}");
    for (item, outcome) in pool.imap_unordered(&SEND, [Picky(1), Picky(13)]) {
        assert_eq!(item == 1, outcome.is_err());
        let text = outcome.map_or_else(|error| error.to_string(), |_| "item 1 panicked: ".into());
        assert!(text.starts_with("item 1 panicked: "), "{text}");
    }
}
