//! Each thread on its own core, with its own chunk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::{Pid, gettid};
use threads::{PinError, Pinned};

/// The cores on which the calling thread may run.
fn allowed() -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).expect("a thread may ask");
    (0..CpuSet::count()).filter(|core| set.is_set(*core) == Ok(true)).collect()
}

#[test]
fn every_element_is_changed_exactly_once() {
    for threads in 1..=allowed().len() {
        let mut pinned = Pinned::start(threads).expect("there are as many cores");
        for length in 0..40 {
            let mut data = vec![0; length];
            let add_one = |chunk: &mut [i32]| {
                assert!(!chunk.is_empty(), "no thread works on nothing");
                chunk.iter_mut().for_each(|x| *x += 1);
            };
            pinned.for_each_chunk(&mut data, add_one);
            assert_eq!(data, vec![1; length], "{length} on {threads} threads");
        }
    }
}

#[test]
fn each_chunk_has_its_own_core_each_time() {
    let cores = allowed();
    let mut pinned = Pinned::start(cores.len()).expect("there are as many cores");
    for _ in 0..50 {
        let mut data: Vec<usize> = (0..cores.len()).collect();
        pinned.for_each_chunk(&mut data, |chunk| {
            assert_eq!(allowed(), [cores[chunk[0]]], "chunk {}", chunk[0]);
            chunk[0] = usize::MAX;
        });
        assert_eq!(data, vec![usize::MAX; cores.len()]);
    }
    assert_eq!(allowed(), cores, "the caller is as free as before");
}

#[test]
fn a_panic_in_any_chunk_reaches_the_caller_and_the_other_chunks_are_done() {
    let threads = allowed().len();
    let mut pinned = Pinned::start(threads).expect("there are as many cores");
    for bad in 0..threads {
        let mut data: Vec<usize> = (0..threads).collect();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            pinned.for_each_chunk(&mut data, |chunk| {
                assert_ne!(chunk[0], bad, "one is bad");
                chunk[0] = usize::MAX;
            });
        }));
        assert!(panicked.is_err(), "chunk {bad}");
        let done = data.iter().filter(|x| **x == usize::MAX).count();
        assert_eq!(done, threads - 1, "the other chunks are done");
        assert_eq!(allowed().len(), threads, "the caller is as free as before");
    }
}

/// Runs something on the last of the threads, and returns its number in the system.
fn last_thread(pinned: &mut Pinned) -> i32 {
    let mut data = vec![0; allowed().len()];
    pinned.for_each_chunk(&mut data, |chunk| chunk[0] = gettid().as_raw());
    data[data.len() - 1]
}

/// What a thread of this process does: `R` if it runs or would, `S` if it sleeps;
/// `None` if it has ended.
fn state(thread: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).ok()?;
    let (_, state) = stat.rsplit_once(") ").expect("the name is in brackets");
    state.chars().next()
}

fn within_five_seconds(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < Duration::from_secs(5), "{what}");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_thread_that_waits_awake_does_not_sleep_until_the_end() {
    let threads = allowed().len();
    if threads < 2 {
        return; // There is nobody but the caller.
    }
    let pinned = Pinned::start(threads).expect("there are as many cores");
    let mut pinned = pinned.awake_for(Duration::from_millis(100));
    // Whose core is wanted by another sleeps before its time, so one attempt may fail.
    within_five_seconds("it sleeps after each call", || {
        let thread = last_thread(&mut pinned);
        sleep(Duration::from_millis(2));
        state(thread) == Some('R')
    });
    let thread = last_thread(&mut pinned);
    within_five_seconds("it does not sleep", || state(thread) == Some('S'));
}

#[test]
fn a_thread_that_waits_awake_ends_with_its_crew() {
    let threads = allowed().len();
    if threads < 2 {
        return; // There is nobody but the caller.
    }
    let pinned = Pinned::start(threads).expect("there are as many cores");
    let mut pinned = pinned.awake_for(Duration::from_secs(3_600));
    let thread = last_thread(&mut pinned);
    drop(pinned);
    within_five_seconds("it has not ended", || state(thread).is_none());
}

#[test]
fn after_a_panic_there_is_work_as_before() {
    let threads = allowed().len();
    let pinned = Pinned::start(threads).expect("there are as many cores");
    let mut pinned = pinned.awake_for(Duration::from_millis(5));
    for _ in 0..20 {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            pinned.for_each_chunk(&mut vec![0; threads], |_| panic!("on purpose"));
        }));
        assert!(panicked.is_err());
        let mut data = vec![0; 1_000];
        pinned.for_each_chunk(&mut data, |chunk| chunk.fill(1));
        assert_eq!(data, vec![1; 1_000]);
    }
}

#[test]
fn more_threads_than_cores_are_refused() {
    let cores = allowed().len();
    match Pinned::start(cores + 1) {
        Err(error @ PinError::TooFewCores { .. }) => assert_eq!(
            error.to_string(),
            format!(
                "{} pinned threads need as many cores, and this thread may use {cores}",
                cores + 1
            )
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
#[should_panic(expected = "0 threads")]
fn zero_threads_are_refused() {
    let _ = Pinned::start(0);
}
