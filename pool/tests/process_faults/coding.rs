//! Values that cannot be sent, or not be understood: 11 to 18, 20 and 21; and
//! 59, values that panic when they are dropped.

use std::time::Duration;

use pool::{Error, ProcessPool};
use processes::{Error as TaskError, Exit, Side};

use crate::harness::{fault, timed};
use crate::tasks::{
    Bytes, ECHO, Explosive, Fickle, GIVE, HANDLE, PID, REFUSE, REFUSE_ODDLY, SLEEP, SQUARE, TAKE,
};

fn pool_of(workers: usize) -> ProcessPool {
    ProcessPool::new(workers).expect("workers start")
}

fn task_error<T: std::fmt::Debug>(outcome: Result<T, Error>) -> TaskError {
    match outcome {
        Err(Error::Process { source, .. }) => (*source).clone(),
        other => panic!("{other:?}"),
    }
}

fn pid(pool: &ProcessPool) -> u32 {
    pool.submit(&PID, ()).expect("it is open").join().expect("a pid")
}

#[test]
fn fault_11_argument_cannot_be_encoded() {
    fault("coding::fault_11_argument_cannot_be_encoded", || {
        let pool = pool_of(2);
        let good = pool.submit(&TAKE, Fickle(7)).expect("it is open");
        let bad = pool.submit(&TAKE, Fickle(1)).expect("it is open");
        let error = timed("11 `Encode` to its caller; pool goes on", || task_error(bad.join()));
        match error {
            TaskError::Encode { side: Side::Input, why, .. } => {
                assert_eq!(why, "a one is not sent");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(good.join().expect("it is fine"), 7);
    });
}

#[test]
fn fault_12_a_hundred_arguments_cannot_be_encoded() {
    fault("coding::fault_12_a_hundred_arguments_cannot_be_encoded", || {
        let pool = pool_of(2);
        timed("12 100 `Encode`, the good ones done", || {
            let bad: Vec<_> = (0..100).map(|_| pool.submit(&TAKE, Fickle(1))).collect();
            let good: Vec<_> = (0..10).map(|n| pool.submit(&SQUARE, n)).collect();
            for handle in bad {
                assert!(matches!(
                    task_error(handle.expect("it is open").join()),
                    TaskError::Encode { .. }
                ));
            }
            for (n, handle) in (0..).zip(good) {
                assert_eq!(handle.expect("it is open").join().expect("it is fine"), n * n);
            }
        });
        let mut fickle: Vec<Fickle> = (0..100).map(|_| Fickle(1)).collect();
        fickle.push(Fickle(9));
        let outcomes = pool.map_each(&TAKE, &fickle, 200);
        assert!(outcomes[..100].iter().all(Result::is_err));
        assert_eq!(outcomes[100].as_ref().ok(), Some(&9));
    });
}

#[test]
fn fault_13_argument_cannot_be_decoded() {
    fault("coding::fault_13_argument_cannot_be_decoded", || {
        let pool = pool_of(1);
        let before = pid(&pool);
        let outcomes = timed("13 `Decode`, same worker; pool goes on", || {
            pool.map_each(&TAKE, &[Fickle(0), Fickle(2), Fickle(3), Fickle(6)], 4)
        });
        assert_eq!(outcomes[0].as_ref().ok(), Some(&0));
        match task_error(outcomes[1].clone()) {
            TaskError::Decode { side: Side::Input, why, .. } => {
                assert_eq!(why, "a two is not understood");
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(task_error(outcomes[2].clone()), TaskError::Panicked { .. }));
        assert_eq!(outcomes[3].as_ref().ok(), Some(&6));
        assert_eq!(pid(&pool), before, "the worker lives on");
    });
}

#[test]
fn fault_14_worker_dies_while_it_decodes() {
    fault("coding::fault_14_worker_dies_while_it_decodes", || {
        let pool = pool_of(1);
        let handle = pool.submit(&TAKE, Fickle(4)).expect("it is open");
        let error = timed("14 `Died`; pool goes on", || task_error(handle.join()));
        assert!(matches!(error, TaskError::Died { exit: Exit::Exited(4), .. }), "{error:?}");
        assert_eq!(pool.map(&SQUARE, &[3]).expect("the pool works on"), [9]);
    });
}

#[test]
fn fault_15_result_cannot_be_encoded() {
    fault("coding::fault_15_result_cannot_be_encoded", || {
        let pool = pool_of(1);
        let before = pid(&pool);
        let handle = pool.submit(&GIVE, 1).expect("it is open");
        let error = timed("15 `Encode`, same worker; pool goes on", || task_error(handle.join()));
        assert!(matches!(error, TaskError::Encode { side: Side::Output, .. }), "{error:?}");
        assert_eq!(pid(&pool), before, "the worker lives on");
    });
}

#[test]
fn fault_16_worker_dies_while_it_encodes() {
    fault("coding::fault_16_worker_dies_while_it_encodes", || {
        let pool = pool_of(1);
        let handle = pool.submit(&GIVE, 5).expect("it is open");
        let error = timed("16 `Died`; pool goes on", || task_error(handle.join()));
        assert!(matches!(error, TaskError::Died { exit: Exit::Exited(5), .. }), "{error:?}");
        assert_eq!(pool.map(&SQUARE, &[3]).expect("the pool works on"), [9]);
    });
}

#[test]
fn fault_17_result_cannot_be_decoded() {
    fault("coding::fault_17_result_cannot_be_decoded", || {
        let pool = pool_of(1);
        let before = pid(&pool);
        let handle = pool.submit(&GIVE, 2).expect("it is open");
        let error = timed("17 `Decode`; pool goes on", || task_error(handle.join()));
        assert!(matches!(error, TaskError::Decode { side: Side::Output, .. }), "{error:?}");
        // One that panics in the dispatcher's thread, and in a map's caller.
        let panicked = pool.submit(&GIVE, 3).expect("it is open").join();
        assert!(matches!(panicked, Err(Error::Panicked { .. })), "{panicked:?}");
        let outcomes = pool.map_each(&GIVE, &[0, 3, 2, 6], 4);
        assert_eq!(outcomes[0].as_ref().ok(), Some(&Fickle(0)));
        assert!(matches!(outcomes[1], Err(Error::Panicked { item: Some(1), .. })));
        assert!(matches!(&outcomes[2], Err(Error::Process { item: Some(2), .. })));
        assert_eq!(outcomes[3].as_ref().ok(), Some(&Fickle(6)));
        assert_eq!(pid(&pool), before, "the worker lives on, and so does the dispatcher");
    });
}

#[test]
fn fault_18_error_cannot_be_sent() {
    fault("coding::fault_18_error_cannot_be_sent", || {
        let pool = pool_of(1);
        let handle = pool.submit(&REFUSE, 7).expect("it is open");
        match timed("18 `Unsendable` with the error's text; pool goes on", || {
            task_error(handle.join())
        }) {
            TaskError::Unsendable { task: "refuse", error, why } => {
                assert_eq!(error, "connection 7 refused");
                assert_eq!(why, "it holds a socket");
            }
            other => panic!("{other:?}"),
        }
        let fine = pool.submit(&REFUSE, 0).expect("it is open").join().expect("it is sent");
        assert_eq!(fine.ok(), Some(0));
    });
}

#[test]
fn fault_18b_error_cannot_be_decoded() {
    fault("coding::fault_18b_error_cannot_be_decoded", || {
        let pool = pool_of(1);
        let before = pid(&pool);
        let handle = pool.submit(&REFUSE_ODDLY, 7).expect("it is open");
        match timed("18b `Decode`, same worker; pool goes on", || task_error(handle.join())) {
            TaskError::Decode { side: Side::Output, task: "refuse_oddly", why } => {
                assert_eq!(why, "there is no error 7");
            }
            other => panic!("{other:?}"),
        }
        // One that panics in the dispatcher's thread, and all of them in a map.
        let panicked = pool.submit(&REFUSE_ODDLY, 3).expect("it is open").join();
        assert!(matches!(panicked, Err(Error::Panicked { .. })), "{panicked:?}");
        let outcomes = pool.map_each(&REFUSE_ODDLY, &[0, 3, 7, 0], 4);
        assert!(matches!(outcomes[1], Err(Error::Panicked { item: Some(1), .. })));
        assert!(matches!(&outcomes[2], Err(Error::Process { item: Some(2), .. })));
        for item in [0, 3] {
            assert!(matches!(outcomes[item], Ok(Ok(0))), "{:?}", outcomes[item]);
        }
        assert_eq!(pid(&pool), before, "the worker lives on, and so does the dispatcher");
    });
}

#[test]
fn fault_20_large_argument_and_result() {
    fault("coding::fault_20_large_argument_and_result", || {
        // Signs of life must go on while so much is under way.
        let pool = ProcessPool::builder()
            .workers(2)
            .time_to_live(Duration::from_secs(2))
            .build()
            .expect("workers start");
        let bytes = Bytes((0..64_u32 << 20).map(|n| (n % 251) as u8).collect());
        let slow = pool.submit(&SLEEP, Duration::from_millis(2_500)).expect("it is open");
        let echo = pool.submit(&ECHO, bytes.clone()).expect("it is open");
        assert!(timed("20 equal bytes", || echo.join()).expect("an echo") == bytes);
        slow.join().expect("a worker that works is not killed");
    });
}

#[test]
fn fault_20_large_argument_goes_to_one_worker() {
    fault("coding::fault_20_large_argument_goes_to_one_worker", || {
        const MIB: u64 = 1 << 20;
        let pool = pool_of(4);
        let item = [Bytes(vec![7; 64 << 20])];
        timed("20 in a map", || {
            let mut echoes = pool.map(&ECHO, &item).expect("an echo");
            assert!(echoes.pop().is_some_and(|echo| echo.0 == item[0].0));
        });
        // The others had nothing to do: who brings it must not take it for an item
        // that a slow worker does not begin, and send it to each of them in turn.
        let peaks: Vec<u64> = workers().into_iter().map(peak).collect();
        let large = peaks.iter().filter(|peak| **peak > 60 * MIB).count();
        assert_eq!((peaks.len(), large), (4, 1), "{peaks:?} bytes at most");
    });
}

/// This process's children.
fn workers() -> Vec<u32> {
    let mut workers = Vec::new();
    // Of whichever of its threads.
    for thread in std::fs::read_dir("/proc/self/task").expect("this process").flatten() {
        let children = std::fs::read_to_string(thread.path().join("children"));
        let children = children.expect("the thread is there");
        workers.extend(children.split_whitespace().filter_map(|n| n.parse::<u32>().ok()));
    }
    workers
}

/// The most bytes of memory that a process has ever had at a time.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it is there");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux");
    peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

#[test]
fn fault_21_submitting_never_waits() {
    fault("coding::fault_21_submitting_never_waits", || {
        let pool = pool_of(1);
        let busy = pool.submit(&SLEEP, Duration::from_millis(300)).expect("it is open");
        let handles: Vec<_> = timed("21 20,000 submitted to a busy worker", || {
            (0..20_000).map(|n| pool.submit(&SQUARE, n).expect("it is open")).collect()
        });
        assert!(!busy.is_finished(), "it was to be busy for longer");
        for (n, handle) in (0..).zip(handles) {
            assert_eq!(handle.join().expect("it runs"), n * n);
        }
    });
}

#[test]
fn fault_59_input_and_output_panic_when_they_are_dropped() {
    fault("coding::fault_59_input_and_output_panic_when_they_are_dropped", || {
        let pool = ProcessPool::new(1).expect("a worker");
        for _ in 0..3 {
            let fetched = pool.submit(&HANDLE, Explosive).expect("it is open");
            drop(fetched.join().expect("it runs"));
            drop(pool.submit(&HANDLE, Explosive).expect("it is open"));
            drop(pool.imap(&HANDLE, [Explosive, Explosive]));
            drop(pool.imap_unordered(&HANDLE, [Explosive, Explosive]));
        }
        let next = pool.submit(&SQUARE, 3).expect("it is open");
        assert_eq!(timed("59 pool goes on", || next.join()).expect("it runs"), 9);
        pool.shutdown();
    });
}
