//! Pools and parents that end: 39 to 41, 43 to 45 and 49.

use std::fs;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use pool::{Error, ProcessPool};
use processes::Worker;

use crate::harness::{Case, descriptors, fault, inside, print, runs, signal_of, timed, until};
use crate::tasks::{NESTED, PID, SLEEP, SQUARE, WAIT};

/// Whether this process ignores the signal, and so do those that it starts.
fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("a mask");
    let ignored = u64::from_str_radix(ignored.trim(), 16).expect("a number");
    ignored >> (signal as i32 - 1) & 1 == 1
}

/// A parent in the middle of a map, ended by a signal: nothing of it is left
/// two seconds later.
fn parent_ended_by(test: &str, signal: Signal, group: bool) {
    if inside(test) {
        crate::tasks::claim();
        let pool = ProcessPool::new(4).expect("workers start");
        let _submitted = pool.submit(&SLEEP, Duration::from_secs(60)).expect("it is open");
        let _ = pool.map_chunked(&SLEEP, &[Duration::from_secs(60); 8], 1);
        unreachable!("it is ended before");
    }
    if is_ignored(signal) {
        return println!("not tried: {signal} is ignored here, as behind a shell's `&`");
    }
    let mut case = Case::start(test, &[]);
    until("four workers", || case.processes().len() == 5);
    std::thread::sleep(Duration::from_millis(100));
    let sent = Instant::now();
    case.signal(signal, group);
    let status = case.wait();
    case.ends_clean(Duration::from_secs(2));
    let number = match signal {
        Signal::SIGINT => "39",
        Signal::SIGTERM => "40",
        _ => "40b",
    };
    let outcome = format!("{number} program ends ({signal}), nothing is left");
    print(&outcome, sent.elapsed());
    // A shell calls this 128 and the signal's number: 130 for Ctrl-C.
    assert_eq!(signal_of(status), Some(signal as i32), "{status}");
}

#[test]
fn fault_39_ctrl_c_in_the_middle_of_a_map() {
    parent_ended_by("lifecycle::fault_39_ctrl_c_in_the_middle_of_a_map", Signal::SIGINT, true);
}

#[test]
fn fault_40_parent_terminated() {
    parent_ended_by("lifecycle::fault_40_parent_terminated", Signal::SIGTERM, false);
}

#[test]
fn fault_40_parent_killed() {
    parent_ended_by("lifecycle::fault_40_parent_killed", Signal::SIGKILL, false);
}

#[test]
fn fault_41_main_ends_without_a_shutdown() {
    let test = "lifecycle::fault_41_main_ends_without_a_shutdown";
    if inside(test) {
        crate::tasks::claim();
        let pool = ProcessPool::new(4).expect("workers start");
        let _ = pool.submit(&SLEEP, Duration::from_secs(60)).expect("it is open");
        assert_eq!(pool.map(&SQUARE, &[2]).expect("it works"), [4]);
        // Nothing is dropped.
        std::process::exit(0);
    }
    let mut case = Case::start(test, &[]);
    let status = case.wait();
    assert!(status.success(), "{status}");
    case.ends_clean(Duration::from_secs(2));
}

#[test]
fn fault_41_pool_dropped_while_tasks_run() {
    fault("lifecycle::fault_41_pool_dropped_while_tasks_run", || {
        let pool = ProcessPool::new(2).expect("workers start");
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let running = pool.submit(&WAIT, file.clone()).expect("it is open");
        until("the task", || file.exists());
        let waiting: Vec<_> =
            (0..9).map(|_| pool.submit(&SLEEP, Duration::from_secs(60))).collect();
        timed("41 `Closed`; a dropped pool is reaped", || drop(pool));
        // `fault` looks whether they have been reaped.
        assert!(matches!(running.join(), Err(Error::Closed)));
        for handle in waiting {
            assert!(matches!(handle.expect("it was open").join(), Err(Error::Closed)));
        }
    });
}

#[test]
fn fault_43_shut_down_twice_and_submit_afterwards() {
    fault("lifecycle::fault_43_shut_down_twice_and_submit_afterwards", || {
        let pool = ProcessPool::new(2).expect("workers start");
        let handles: Vec<_> =
            (0..20).map(|_| pool.submit(&SLEEP, Duration::from_millis(10))).collect();
        timed("43 second: ok; submit: `Closed`; 20 tasks of 10 ms waited for", || pool.shutdown());
        for handle in handles {
            let handle = handle.expect("it was open");
            assert!(handle.is_finished(), "shutdown waits for all");
            handle.join().expect("it has run");
        }
        pool.shutdown();
        assert!(matches!(pool.submit(&SQUARE, 1), Err(Error::Closed)));
        assert!(matches!(pool.map(&SQUARE, &[1]), Err(Error::Closed)));
        assert!(matches!(pool.imap(&SQUARE, [1]).next(), Some(Err(Error::Closed))));
        assert!(matches!(pool.imap_unordered(&SQUARE, [1]).next(), Some((0, Err(Error::Closed)))));
        pool.kill();
    });
}

#[test]
fn fault_44_killed_with_a_pool_inside_a_task() {
    fault("lifecycle::fault_44_killed_with_a_pool_inside_a_task", || {
        let pool = ProcessPool::new(1).expect("a worker");
        let directory = tempfile::tempdir().expect("a directory");
        let handle = pool.submit(&NESTED, directory.path().to_owned()).expect("it is open");
        let inner: Vec<u32> = ["inner-0", "inner-1"]
            .map(|name| {
                let file = directory.path().join(name);
                until("a worker of a worker", || file.exists());
                fs::read_to_string(file).expect("it is there").parse().expect("a process id")
            })
            .into();
        assert!(inner.iter().all(|&pid| runs(pid)));
        timed("44 workers and their workers gone", || {
            pool.kill();
            until("the workers' workers to go", || !inner.iter().any(|&pid| runs(pid)));
        });
        assert!(matches!(handle.join(), Err(Error::Closed)));
    });
}

#[test]
fn fault_45_parent_closes_the_socket() {
    fault("lifecycle::fault_45_parent_closes_the_socket", || {
        let mut worker = Worker::spawn().expect("a worker");
        let pid = worker.call(&PID, &()).expect("a pid");
        let socket = UnixStream::from(worker.as_fd().try_clone_to_owned().expect("a socket"));
        timed("45 worker leaves by itself", || {
            socket.shutdown(Shutdown::Both).expect("it is open");
            until("the worker to leave by itself", || !runs(pid));
        });
    });
}

#[test]
fn fault_49_descriptors_and_threads_are_stable() {
    fault("lifecycle::fault_49_descriptors_and_threads_are_stable", || {
        let threads = || fs::read_dir("/proc/self/task").expect("Linux").count();
        let round = || {
            let pool = ProcessPool::new(2).expect("workers start");
            assert_eq!(pool.submit(&SQUARE, 3).expect("it is open").join().expect("it works"), 9);
            assert_eq!(pool.map(&SQUARE, &[4]).expect("it works"), [16]);
        };
        round();
        let before = descriptors();
        // A joined thread is out of the list a moment later.
        let started = Instant::now();
        (0..200).for_each(|_| round());
        print("49 200 pools, +0 files, +0 threads,", started.elapsed());
        assert_eq!(descriptors(), before);
        until("threads to end", || threads() <= 3 + 1);
    });
}
