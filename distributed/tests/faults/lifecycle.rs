//! Clusters and parents that end: 39, 40, 43 to 45 and 49; and 21, of the pipes
//! between them.

use std::fs;
use std::os::fd::{AsFd, RawFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use distributed::{Client, Error};
use nix::sys::signal::Signal;
use nix::sys::socket::{Shutdown, shutdown};
use nix::unistd::dup2_stderr;

use crate::harness::{
    Case, both, cluster, descriptors, fault, inside, pids, print, runs, signal, signal_all,
    signal_of, timed, until,
};
use crate::tasks::{INCREMENT, NESTED, SHOUT, SLEEP, WAIT_ONCE};

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
        let client = cluster(4);
        let _ = client.gather(client.map(&SLEEP, vec![60_000; 100]));
        unreachable!("it is ended before");
    }
    if is_ignored(signal) {
        return println!("not tried: {signal} is ignored here, as behind a shell's `&`");
    }
    let mut case = Case::start(test, &[]);
    until("four workers", || case.processes().len() == 5);
    thread::sleep(Duration::from_millis(100));
    let sent = Instant::now();
    case.signal(signal, group);
    let status = case.wait();
    case.ends_clean(Duration::from_secs(2));
    let number = match signal {
        Signal::SIGINT => "39",
        Signal::SIGTERM => "40",
        _ => "40b",
    };
    print(&format!("{number} program ends ({signal}), nothing is left"), sent.elapsed());
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
fn fault_41_main_ends_without_closing() {
    let test = "lifecycle::fault_41_main_ends_without_closing";
    if inside(test) {
        crate::tasks::claim();
        let client = cluster(4);
        let _running = client.map(&SLEEP, vec![60_000; 10]);
        // Nothing is dropped.
        std::process::exit(0);
    }
    let mut case = Case::start(test, &[]);
    let status = case.wait();
    assert!(status.success(), "{status}");
    case.ends_clean(Duration::from_secs(2));
}

#[test]
fn fault_43_closed_and_what_is_left_of_it() {
    fault("lifecycle::fault_43_closed_and_what_is_left_of_it", || {
        for (name, client) in both(2) {
            let done = client.submit(&INCREMENT, 1);
            done.result().expect("a value");
            let futures = client.map(&SLEEP, vec![100; 50]);
            until("two run", || client.info().running == 2);
            // That it cannot be closed twice, or be given work afterwards, the
            // compiler sees to: closing takes the client. Futures outlive it.
            let what = format!("43 {name}: 50 tasks in hand or waiting: a value, or `Closed`,");
            timed(&what, || client.close());
            let mut closed = 0;
            for future in futures {
                assert!(future.done(), "{name}");
                future.cancel();
                match future.result() {
                    Ok(value) => assert_eq!(value, 100, "{name}"),
                    Err(Error::Closed { task: "sleep" }) => closed += 1,
                    Err(other) => panic!("{name}: {other}"),
                }
                future.detach();
            }
            assert!(closed >= 40, "{name}: {closed}");
            assert_eq!(done.result().expect("what is done stays"), 2, "{name}");
        }
    });
}

#[test]
fn fault_43_closed_while_others_wait_and_submit() {
    fault("lifecycle::fault_43_closed_while_others_wait_and_submit", || {
        for (name, client) in both(1) {
            let client = Arc::new(client);
            let running = client.submit(&SLEEP, 200);
            let waiting = client.submit(&SLEEP, 1);
            let waiter = thread::spawn(move || waiting.result());
            let submitter = thread::spawn({
                let client = Arc::clone(&client);
                move || client.map(&INCREMENT, 0..10_000)
            });
            until("one runs", || client.info().running == 1);
            // Whoever drops the last handle closes.
            let what = format!("43 {name}: a waiter in another thread is woken: `Closed`,");
            timed(&what, || drop(client));
            let futures = submitter.join().expect("no panic");
            let result = waiter.join().expect("no panic");
            assert!(matches!(result, Ok(1) | Err(Error::Closed { .. })), "{name}: {result:?}");
            for future in futures {
                let result = future.result();
                assert!(matches!(result, Ok(_) | Err(Error::Closed { .. })), "{name}: {result:?}");
            }
            assert!(running.done(), "{name}");
        }
    });
}

#[test]
fn fault_44_killed_with_a_cluster_inside_a_task() {
    fault("lifecycle::fault_44_killed_with_a_cluster_inside_a_task", || {
        for by_cancel in [false, true] {
            let client = Client::local().n_workers(1).allowed_failures(0).start().expect("one");
            let directory = tempfile::tempdir().expect("a directory");
            let nested = client.submit(&NESTED, directory.path().to_owned());
            let inner: Vec<u32> = ["inner-0", "inner-1"]
                .map(|name| {
                    let file = directory.path().join(name);
                    until("a worker of a worker", || file.exists());
                    fs::read_to_string(file).expect("it is there").parse().expect("a process id")
                })
                .into();
            assert!(inner.iter().all(|&pid| runs(pid)));
            let how = if by_cancel { "cancelled by kill" } else { "worker killed" };
            timed(&format!("44 {how}: workers of workers gone,"), || {
                if by_cancel {
                    client.cancel([&nested], true);
                } else {
                    signal(pids(&client)[0], Signal::SIGKILL);
                }
                until("the workers' workers to go", || !inner.iter().any(|&pid| runs(pid)));
            });
            assert!(nested.result().is_err());
        }
    });
}

/// The descriptors of this process that are sockets.
fn sockets() -> Vec<RawFd> {
    let descriptors = fs::read_dir("/proc/self/fd").expect("Linux").flatten();
    let is_socket = |entry: &fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
    };
    descriptors
        .filter(is_socket)
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

#[test]
fn fault_45_sockets_are_closed() {
    fault("lifecycle::fault_45_sockets_are_closed", || {
        let before = sockets();
        let client = cluster(2);
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let running = client.submit(&WAIT_ONCE, file.clone());
        until("the task", || file.exists());
        let workers = pids(&client);
        let ours: Vec<RawFd> = sockets().into_iter().filter(|fd| !before.contains(fd)).collect();
        assert_eq!(ours.len(), 2, "one for each worker");
        let what = "45 workers leave, others come in their place, the task is run again,";
        timed(what, || {
            for socket in ours {
                shutdown(socket, Shutdown::Both).expect("it is open");
            }
            assert_eq!(running.result().expect("the second attempt"), 7);
            until("the workers to leave", || !workers.iter().any(|&pid| runs(pid)));
        });
        let mapped = client.gather(client.map(&INCREMENT, 0..100)).expect("it works on");
        assert_eq!(mapped, (1..101).collect::<Vec<_>>());
    });
}

#[test]
fn fault_49_descriptors_and_threads_are_stable() {
    fault("lifecycle::fault_49_descriptors_and_threads_are_stable", || {
        let threads = || fs::read_dir("/proc/self/task").expect("Linux").count();
        for processes in [false, true] {
            let round = || {
                let cluster = Client::local().n_workers(2).processes(processes);
                let client = cluster.start().expect("workers start");
                let mapped = client.gather(client.map(&INCREMENT, 0..4)).expect("it works");
                assert_eq!(mapped, [1, 2, 3, 4]);
            };
            round();
            let (files_before, threads_before) = (descriptors(), threads());
            let started = Instant::now();
            (0..200).for_each(|_| round());
            let kind = if processes { "processes" } else { "threads" };
            let what = format!("49 {kind}: 200 clusters, +0 files, +0 threads,");
            print(&what, started.elapsed());
            assert_eq!(descriptors(), files_before);
            // A joined thread is out of the list a moment later; so may be one
            // of the round before.
            until("threads to end", || threads() <= threads_before);
        }
    });
}

#[test]
fn fault_21_nobody_reads_standard_error() {
    fault("lifecycle::fault_21_nobody_reads_standard_error", || {
        let client = Client::local().n_workers(2).start().expect("workers");
        let own = std::io::stderr().as_fd().try_clone_to_owned().expect("a descriptor");
        let (nobody, full) = std::io::pipe().expect("a pipe");
        dup2_stderr(&full).expect("it can be replaced");
        // The pipe of this program holds less, and so does that of the worker;
        // both together hold it.
        let loud = client.submit(&SHOUT, 100 << 10).result();
        let outcome = timed("21 standard error is full, and a worker dies: others work on", || {
            signal_all(pids(&client), Signal::SIGKILL);
            client.gather(client.map(&INCREMENT, 0..100))
        });
        dup2_stderr(&own).expect("it is still open");
        drop((nobody, full));
        assert_eq!(loud.expect("it has been heard"), 100 << 10);
        assert_eq!(outcome.expect("they had not begun"), (1..101).collect::<Vec<_>>());
    });
}
