//! Tasks and workers that take too long or too much, and waits that end: 36 to
//! 38, and 51.

use std::time::Duration;

use distributed::{Client, Error, Placement, Policy, wait};
use nix::sys::signal::Signal;
use processes::Error as CallError;

use crate::deaths::pid_in;
use crate::harness::{both, cluster, fault, pids, runs, signal, timed, until};
use crate::tasks::{DIE_ONCE, HOG, INCREMENT, LEAK, SLEEP, WAIT, WAIT_FOR, WAIT_ONCE};

/// What workers may have, where memory is limited.
const MOST: u64 = 256 << 20;

const LIFE: Duration = Duration::from_millis(400);

#[test]
fn fault_36_stopped_worker() {
    fault("limits::fault_36_stopped_worker", || {
        let client = Client::local().n_workers(2).time_to_live(LIFE).start().expect("workers");
        let directory = tempfile::tempdir().expect("a directory");
        let [file, how] = ["pid", "how"].map(|name| directory.path().join(name));
        let stopped = client.submit(&WAIT_ONCE, file.clone());
        let long = client.submit(&SLEEP, 1_200);
        let pid = pid_in(&file);
        signal(pid, Signal::SIGSTOP);
        let what = "36 killed and replaced with a time to live of 400 ms; task run again,";
        assert_eq!(timed(what, || stopped.result()).expect("the second attempt"), 7);
        assert!(!runs(pid));
        assert_eq!(long.result().expect("one that merely works long is not killed"), 1_200);
        until("both are there", || client.info().workers.len() == 2);
        // One that stops itself.
        std::fs::write(&how, "stop").expect("a file");
        let stops = client.submit(&DIE_ONCE, (how, 1));
        assert_eq!(timed("36 by itself: run again", || stops.result()).expect("a value"), 2);
        // All stopped while they are idle: what they are given goes to others.
        until("both are there", || client.info().workers.len() == 2);
        pids(&client).into_iter().for_each(|pid| signal(pid, Signal::SIGSTOP));
        let futures = client.map(&INCREMENT, 0..10);
        let values = timed("36 all of them in idleness: done by others", || client.gather(futures));
        assert_eq!(values.expect("they had not begun"), (1..11).collect::<Vec<_>>());
    });
}

#[test]
fn fault_36_stopped_for_good() {
    fault("limits::fault_36_stopped_for_good", || {
        let cluster = Client::local().n_workers(1).time_to_live(LIFE).allowed_failures(0);
        let client = cluster.start().expect("a worker");
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let stopped = client.submit(&WAIT, file.clone());
        signal(pid_in(&file), Signal::SIGSTOP);
        let what = "36 with no failure allowed: `WorkerKilled`, names the silence,";
        match timed(what, || stopped.result()) {
            Err(Error::WorkerKilled { attempts: 1, last, .. }) => match last {
                CallError::Unresponsive { task: "wait", silence, .. } => assert_eq!(silence, LIFE),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn fault_36_stopped_workers_do_not_hold_up_the_end() {
    fault("limits::fault_36_stopped_workers_do_not_hold_up_the_end", || {
        let client = cluster(4);
        pids(&client).into_iter().for_each(|pid| signal(pid, Signal::SIGSTOP));
        let running = client.submit(&INCREMENT, 1);
        timed("36 all stopped, without a time to live: `close` ends them", || client.close());
        assert!(matches!(running.result(), Err(Error::Closed { .. })));
    });
}

#[test]
fn fault_36_the_program_itself_stands_still() {
    fault("limits::fault_36_the_program_itself_stands_still", || {
        let cluster = Client::local().n_workers(2).time_to_live(LIFE).allowed_failures(0);
        let client = cluster.start().expect("workers");
        let running = client.map(&SLEEP, [1_500; 2]);
        until("both run", || client.info().running == 2);
        let before = pids(&client);
        // As when a container is frozen: all of them, and they do not come back
        // at the same moment.
        let list = before.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        let own = std::process::id();
        let script = format!(
            "kill -STOP {list}; kill -STOP {own}; sleep 1; kill -CONT {own}; sleep 0.1; kill -CONT {list}"
        );
        let mut outside = std::process::Command::new("sh").args(["-c", &script]).spawn();
        let values =
            timed("36 with all its workers: no attempt counts,", || client.gather(running));
        assert_eq!(values.expect("nobody is to blame"), [1_500; 2]);
        assert_eq!(pids(&client), before, "they are the same");
        outside.as_mut().expect("a shell").wait().expect("it ends");
    });
}

#[test]
fn fault_36_stopped_workers_are_let_go_without_delay() {
    fault("limits::fault_36_stopped_workers_are_let_go_without_delay", || {
        let client = cluster(9);
        let stopped: Vec<u32> = pids(&client).into_iter().skip(1).collect();
        stopped.iter().for_each(|pid| signal(*pid, Signal::SIGSTOP));
        client.scale(1).expect("it can be scaled");
        timed("36 eight stopped ones retire: another works meanwhile", || {
            assert_eq!(client.submit(&INCREMENT, 1).result().expect("one is there"), 2);
            until("they are gone", || !stopped.iter().any(|pid| runs(*pid)));
        });
        let pids = pids(&client);
        pids.iter().for_each(|pid| signal(*pid, Signal::SIGSTOP));
    });
}

#[test]
fn fault_37_task_over_its_deadline() {
    fault("limits::fault_37_task_over_its_deadline", || {
        let limit = Duration::from_millis(100);
        for (name, client) in both(1) {
            let late = client.with().deadline(limit).submit(&SLEEP, 1_000);
            let behind = client.map(&INCREMENT, 0..100);
            let what = format!("37 {name}: `Timeout` with a deadline of 100 ms");
            match timed(&what, || late.result()) {
                Err(Error::Timeout { task: "sleep", limit: its }) => assert_eq!(its, limit),
                other => panic!("{name}: {other:?}"),
            }
            let behind = client.gather(behind).expect("others are done");
            assert_eq!(behind, (1..101).collect::<Vec<_>>(), "{name}");
            let soon = client.with().deadline(Duration::from_secs(60)).submit(&SLEEP, 1);
            assert_eq!(soon.result().expect("in time"), 1, "{name}");
        }
    });
}

#[test]
fn fault_37_late_threads_hold_nobody_up() {
    fault("limits::fault_37_late_threads_hold_nobody_up", || {
        let limit = Duration::from_millis(100);
        for (n_workers, placement, policy) in [
            (1, Placement::Dynamic, Policy::Locality),
            (2, Placement::StaticBlocks, Policy::Locality),
            (2, Placement::Dynamic, Policy::Random(1)),
        ] {
            let directory = tempfile::tempdir().expect("a directory");
            let gates = [0, 1].map(|n| directory.path().join(n.to_string()));
            let cluster = Client::local().n_workers(n_workers).processes(false);
            let client = cluster.placement(placement).policy(policy).start().expect("threads");
            for gate in &gates {
                let late = client.with().deadline(limit).submit(&WAIT_FOR, gate.clone());
                let behind = client.map(&INCREMENT, 0..100);
                assert!(matches!(late.result(), Err(Error::Timeout { .. })), "{placement:?}");
                let after = client.map(&INCREMENT, 0..100);
                for others in [behind, after] {
                    let what = format!("37 {placement:?}, {policy:?}, {n_workers}: others done");
                    let values = timed(&what, || client.gather(others)).expect("values");
                    assert_eq!(values, (1..101).collect::<Vec<_>>());
                }
            }
            assert_eq!(worker_threads(), n_workers + 2, "and those that are late");
            std::fs::write(&gates[0], "").expect("a file");
            until("the first has gone", || worker_threads() == n_workers + 1);
            assert_eq!(client.info().workers.len(), n_workers);
            let closing = std::thread::spawn(move || client.close());
            std::thread::sleep(Duration::from_millis(50));
            assert!(!closing.is_finished(), "the other is waited for");
            std::fs::write(&gates[1], "").expect("a file");
            closing.join().expect("it ends");
        }
    });
}

/// How many threads of this process are workers.
fn worker_threads() -> usize {
    let all = std::fs::read_dir("/proc/self/task").expect("threads").flatten();
    let name = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("comm"));
    all.filter_map(|thread| name(thread).ok()).filter(|name| name.starts_with("worker-")).count()
}

#[test]
fn fault_37_among_others() {
    fault("limits::fault_37_among_others", || {
        // A deadline kills a worker, and that is held against nobody else.
        let client = Client::local().n_workers(2).allowed_failures(0).start().expect("workers");
        let limit = Duration::from_millis(100);
        let mut naps = vec![1; 40];
        naps[7] = 60_000;
        naps[23] = 60_000;
        let futures = client.with().deadline(limit).map(&SLEEP, naps);
        let others = client.map(&SLEEP, vec![1; 100]);
        timed("37 amid 138 others: `Timeout` of two, the others done,", || {
            for (n, future) in futures.iter().enumerate() {
                match (n, future.result()) {
                    (7 | 23, Err(Error::Timeout { .. })) => {}
                    (_, Ok(1)) => {}
                    (_, other) => panic!("{n}: {other:?}"),
                }
            }
            assert_eq!(client.gather(others).expect("they have no deadline"), [1; 100]);
        });
    });
}

#[test]
fn fault_37_over_its_deadline_before_it_began() {
    fault("limits::fault_37_over_its_deadline_before_it_began", || {
        let client = Client::local().n_workers(2).start().expect("workers");
        let before = pids(&client);
        // Whoever gets a task finds it stopped, and nobody looks after signs of life.
        signal(before[0], Signal::SIGSTOP);
        let limit = Duration::from_millis(100);
        timed("37 of a worker that stands still: all settled", || {
            for _ in 0..3 {
                let pair = client.with().deadline(limit).map(&INCREMENT, [1, 2]);
                for (future, value) in pair.iter().zip([2, 3]) {
                    match future.result() {
                        Err(Error::Timeout { .. }) => {}
                        other => assert_eq!(other.expect("in time"), value),
                    }
                }
            }
        });
        until("another has its place", || !pids(&client).contains(&before[0]));
        let values = client.gather(client.map(&INCREMENT, 0..100)).expect("it works on");
        assert_eq!(values, (1..101).collect::<Vec<_>>());
    });
}

#[test]
fn fault_38_a_wait_that_ends_loses_nothing() {
    fault("limits::fault_38_a_wait_that_ends_loses_nothing", || {
        for (name, client) in both(1) {
            let futures = client.map(&SLEEP, [200, 12]);
            timed(&format!("38 {name}: the wait ends, and a later one has the value"), || {
                assert!(!futures[1].wait_timeout(Duration::from_millis(20)));
                assert!(!wait(&futures, Duration::from_millis(20)));
                assert!(!futures[0].done());
                assert!(futures[1].wait_timeout(Duration::MAX));
                assert_eq!(futures[1].result().expect("it was not lost"), 12);
                assert_eq!(futures[0].result().expect("it was not lost"), 200);
            });
        }
    });
}

#[test]
fn fault_51_more_memory_than_is_allowed() {
    fault("limits::fault_51_more_memory_than_is_allowed", || {
        let cluster = Client::local().n_workers(2).memory_limit(MOST).allowed_failures(1);
        let client = cluster.start().expect("workers");
        let modest = client.map(&HOG, [16; 4]);
        let hog = client.submit(&HOG, 400);
        let what = "51 `WorkerKilled` after 2 attempts, names the limit; others are done,";
        match timed(what, || hog.result()) {
            Err(Error::WorkerKilled { task: "hog", attempts: 2, last }) => {
                assert!(last.to_string().contains(&MOST.to_string()), "{last}");
                match last {
                    CallError::Memory { task: "hog", bytes, limit: MOST, .. } => {
                        assert!((MOST..400 << 21).contains(&bytes), "{bytes}");
                    }
                    other => panic!("{other:?}"),
                }
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(client.gather(modest).expect("they are modest"), [16; 4]);
        assert_eq!(client.submit(&INCREMENT, 1).result().expect("it goes on"), 2);
    });
}

#[test]
fn fault_51_memory_that_is_left_by_others() {
    fault("limits::fault_51_memory_that_is_left_by_others", || {
        let client = Client::local().n_workers(1).memory_limit(MOST).start().expect("a worker");
        let before = pids(&client);
        // With what the worker has itself it is too much at the very end of the
        // task, when it is hardly ever looked at.
        assert_eq!(client.submit(&LEAK, MOST >> 20).result().expect("it is soon over"), 256);
        let what = "51 of a worker that has nothing to do: replaced,";
        timed(what, || until("another", || !pids(&client).is_empty() && pids(&client) != before));
        assert_eq!(client.submit(&INCREMENT, 1).result().expect("nobody is to blame"), 2);
    });
}
