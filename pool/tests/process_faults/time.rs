//! Tasks that take too long, and waits that end: 34 and 36 to 38.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pool::{Error, ProcessPool};
use processes::Error as TaskError;

use crate::harness::{fault, runs, timed, until};
use crate::tasks::{PID, SLEEP, SQUARE, WAIT};

fn pid_in(file: &Path) -> u32 {
    until("a worker's process id", || file.exists());
    fs::read_to_string(file).expect("it is there").parse().expect("a process id")
}

#[test]
fn fault_34_cancelled_while_it_waits_runs_or_is_over() {
    fault("time::fault_34_cancelled_while_it_waits_runs_or_is_over", || {
        let pool = ProcessPool::new(1).expect("a worker");
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let running = pool.submit(&WAIT, file.clone()).expect("it is open");
        let pid = pid_in(&file);
        let mark = directory.path().join("never");
        let waiting = pool.submit(&WAIT, mark.clone()).expect("it is open");
        assert!(waiting.cancel());
        assert!(!waiting.cancel(), "once");
        assert!(matches!(waiting.join(), Err(Error::Cancelled)));
        assert!(!running.cancel(), "what runs is killed only if that is asked for");
        assert!(!running.is_finished() && runs(pid));
        let cancelled = timed(
            "34 queued: `Cancelled`; finished: stays; running: goes on, or `Cancelled` by kill",
            || {
                assert!(running.kill());
                running.join()
            },
        );
        assert!(matches!(cancelled, Err(Error::Cancelled)), "{cancelled:?}");
        until("its end", || !runs(pid));
        let over = pool.submit(&SQUARE, 3).expect("it is open");
        until("the task", || over.is_finished());
        assert!(!over.cancel() && !over.kill());
        assert_eq!(over.join().expect("it was over"), 9);
        assert!(!mark.exists(), "what was cancelled has not run");
    });
}

#[test]
fn fault_36_stopped_worker() {
    fault("time::fault_36_stopped_worker", || {
        let limit = Duration::from_millis(400);
        let pool = ProcessPool::builder().workers(2).time_to_live(limit).build();
        let pool = pool.expect("workers start");
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let handle = pool.submit(&WAIT, file.clone()).expect("it is open");
        let long = pool.submit(&SLEEP, 3 * limit).expect("it is open");
        let pid = pid_in(&file);
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGSTOP).expect("it is there");
        let outcome =
            timed("36 `Unresponsive` with a time to live of 400 ms; pool goes on", || {
                handle.join()
            });
        match outcome {
            Err(Error::Process { source, .. }) => {
                assert!(matches!(*source, TaskError::Unresponsive { .. }), "{source:?}");
            }
            other => panic!("{other:?}"),
        }
        assert!(!runs(pid));
        long.join().expect("a worker that merely works long is not killed");
        // Stopped while it is idle: what it is given goes to another.
        let idle = pool.submit(&PID, ()).expect("it is open").join().expect("a pid");
        kill(Pid::from_raw(idle.cast_signed()), Signal::SIGSTOP).expect("it is there");
        let handles: Vec<_> = (0..4).map(|n| pool.submit(&SQUARE, n)).collect();
        timed("36 of an idle worker: done by another", || {
            for (n, handle) in (0..).zip(handles) {
                assert_eq!(handle.expect("it is open").join().expect("it had not begun"), n * n);
            }
        });
    });
}

#[test]
fn fault_37_task_over_its_deadline() {
    fault("time::fault_37_task_over_its_deadline", || {
        let limit = Duration::from_millis(200);
        let pool = ProcessPool::builder().workers(2).deadline(limit).build();
        let pool = pool.expect("workers start");
        let handle = pool.submit(&SLEEP, Duration::from_secs(60)).expect("it is open");
        let outcome =
            timed("37 `Timeout` with a deadline of 200 ms; pool goes on", || handle.join());
        assert!(
            matches!(outcome, Err(Error::Timeout { item: None, task: "sleep", .. })),
            "{outcome:?}"
        );
        // In a map it costs the item, and nothing else.
        let mut naps = vec![Duration::from_millis(1); 40];
        naps[7] = Duration::from_secs(60);
        naps[23] = Duration::from_secs(60);
        for chunk in [1, 7, 40] {
            let outcomes = timed("37 in a map: `Timeout`, its neighbours done,", || {
                pool.map_each(&SLEEP, &naps, chunk)
            });
            for (item, outcome) in outcomes.iter().enumerate() {
                match outcome {
                    Err(Error::Timeout { item: at, .. }) => {
                        assert_eq!(*at, Some(item));
                        assert!(matches!(item, 7 | 23));
                    }
                    Ok(()) => assert!(!matches!(item, 7 | 23)),
                    other => panic!("{item}: {other:?}"),
                }
            }
        }
        // And the slots are back.
        let slow: Vec<_> = (0..2).map(|_| pool.submit(&SLEEP, Duration::from_millis(50))).collect();
        for handle in slow {
            handle.expect("it is open").join().expect("it is in time");
        }
    });
}

#[test]
fn fault_38_a_wait_that_ends_loses_nothing() {
    fault("time::fault_38_a_wait_that_ends_loses_nothing", || {
        let pool = ProcessPool::new(1).expect("a worker");
        let nap = pool.submit(&SLEEP, Duration::from_millis(200)).expect("it is open");
        let squared = pool.submit(&SQUARE, 12).expect("it is open");
        let waited = timed("38 the handle comes back, and has the value later,", || {
            squared.join_timeout(Duration::from_millis(20))
        });
        let squared = waited.expect_err("the worker sleeps");
        nap.join_timeout(Duration::MAX).expect("no limit").expect("it ends");
        assert_eq!(squared.join().expect("it was not lost"), 144);
    });
}

#[test]
fn a_task_does_not_wait_for_the_end_of_a_long_map() {
    fault("time::a_task_does_not_wait_for_the_end_of_a_long_map", || {
        let pool = ProcessPool::new(2).expect("workers start");
        let items = [Duration::from_millis(10); 400];
        thread::scope(|scope| {
            let map = scope.spawn(|| pool.map(&SLEEP, &items));
            thread::sleep(Duration::from_millis(100));
            let task = pool.submit(&SQUARE, 3).expect("it is open");
            assert_eq!(task.join().expect("it runs"), 9);
            assert_eq!(pool.map(&SQUARE, &[1, 2]).expect("it runs"), [1, 4]);
            assert!(!map.is_finished(), "they have waited for it");
            assert_eq!(map.join().expect("no panic").expect("it runs").len(), 400);
        });
    });
}
