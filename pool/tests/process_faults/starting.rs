//! Workers that do not get ready: 22, 23, 36 and 50; and new ones: 3.

use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pool::{Error, ProcessPool};

use crate::harness::{Case, fault, inside, runs, timed, until};
use crate::tasks::{EXIT, PID, PREPARE, PREPARE_AND_DIE, SPIN, SQUARE};

/// While the file of this name is there, workers end before their entry.
const EARLY: &str = "POOL_FAULT_EARLY";

/// Workers become the program of this name before their entry.
const COPY: &str = "POOL_FAULT_COPY";

/// What workers do before they come to their entry.
pub(crate) fn before_the_entry() {
    if env::args().next().is_none_or(|name| name != processes::WORKER_NAME) {
        return;
    }
    if env::var(EARLY).is_ok_and(|file| Path::new(&file).exists()) {
        eprintln!("no licence today");
        std::process::exit(7);
    }
    if let Ok(copy) = env::var(COPY)
        && Path::new(&copy).exists()
        && fs::read_link("/proc/self/exe").is_ok_and(|exe| exe != Path::new(&copy))
    {
        let mut command = Command::new(&copy);
        command.arg0(processes::WORKER_NAME).args(env::args().skip(1));
        panic!("{}", command.exec());
    }
}

/// Runs a fault for which the environment says something.
fn fault_with(test: &str, variable: &str, body: fn()) {
    if inside(test) {
        return fault(test, body);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    Case::start(test, &[(variable, file.to_str().expect("text"))]).succeeds();
}

#[test]
fn fault_22_initializer_fails() {
    fault("starting::fault_22_initializer_fails", || {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("fails");
        let build =
            || ProcessPool::builder().workers(4).initializer(&PREPARE, file.clone()).build();
        let failed = timed("22 `Initializer`, once", build);
        match failed.map(|_| ()) {
            Err(Error::Initializer { message }) => assert_eq!(message, "it was told to fail"),
            other => panic!("{other:?}"),
        }
        let runs = fs::read(&file).expect("it ran").len();
        assert!(runs <= 4, "{runs} times for 4 workers");
        let died = ProcessPool::builder().workers(2).initializer(&PREPARE_AND_DIE, ()).build();
        match died.map(|_| ()) {
            Err(Error::Initializer { message }) => {
                assert!(message.contains("killed by SIGKILL"), "{message}");
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn fault_22_initializer_fails_later() {
    fault("starting::fault_22_initializer_fails_later", || {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("counts");
        let pool = ProcessPool::builder().workers(1).initializer(&PREPARE, file.clone());
        let pool = pool.build().expect("a worker");
        // From now on the file cannot be written.
        fs::remove_file(&file).expect("the initializer has made it");
        fs::create_dir(&file).expect("a directory in its place");
        let died = pool.submit(&EXIT, 1).expect("it is open").join();
        assert!(matches!(died, Err(Error::Process { .. })), "{died:?}");
        for _ in 0..3 {
            let handle = pool.submit(&SQUARE, 2).expect("it is open");
            let outcome =
                timed("22 of a new worker: `Initializer`, then the pool recovers,", || {
                    handle.join()
                });
            assert!(matches!(outcome, Err(Error::Initializer { .. })), "{outcome:?}");
        }
        fs::remove_dir(&file).expect("it is there");
        let outcome = pool.submit(&SQUARE, 2).expect("it is open").join();
        assert_eq!(outcome.expect("the pool has recovered"), 4);
    });
}

#[test]
fn fault_23_worker_dies_before_it_is_ready() {
    let test = "starting::fault_23_worker_dies_before_it_is_ready";
    fault_with(test, EARLY, || {
        let file = env::var(EARLY).expect("it is set");
        fs::write(&file, "").expect("a file");
        let failed = timed("23 `Spawn` with their last words", || ProcessPool::new(4));
        let check = |error: Error| match error {
            Error::Spawn(source) => {
                let text = source.to_string();
                assert!(text.contains("exited(7)") && text.contains("no licence today"), "{text}");
            }
            other => panic!("{other:?}"),
        };
        check(failed.map(|_| ()).expect_err("no worker"));
        fs::remove_file(&file).expect("it is there");
        let pool = ProcessPool::new(2).expect("workers");
        fs::write(&file, "").expect("a file");
        // Both go; nobody can take their places.
        let outcomes = pool.map_each(&EXIT, &[1, 1, 1, 1], 1);
        assert!(outcomes.iter().all(Result::is_err));
        let handle = pool.submit(&SQUARE, 2).expect("it is open");
        check(
            timed("23 later: `Spawn` after three tries, then the pool recovers,", || handle.join())
                .expect_err("no worker"),
        );
        fs::remove_file(&file).expect("it is there");
        let outcome = pool.submit(&SQUARE, 2).expect("it is open").join();
        assert_eq!(outcome.expect("the pool has recovered"), 4);
    });
}

#[test]
fn fault_23_two_callers_and_no_worker_can_be_started() {
    let test = "starting::fault_23_two_callers_and_no_worker_can_be_started";
    fault_with(test, EARLY, || {
        let pool = ProcessPool::new(1).expect("a worker");
        let file = env::var(EARLY).expect("it is set");
        fs::write(&file, "").expect("a file");
        assert!(pool.map(&EXIT, &[1]).is_err());
        timed("23 later, two callers: `Spawn` for each", || {
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        for _ in 0..5 {
                            let outcome = pool.map(&SQUARE, &[2]);
                            assert!(matches!(outcome, Err(Error::Spawn(_))), "{outcome:?}");
                        }
                    });
                }
            });
        });
        fs::remove_file(&file).expect("it is there");
        assert_eq!(pool.map(&SQUARE, &[2]).expect("the pool has recovered"), [4]);
    });
}

#[test]
fn fault_36_stopped_in_the_initializer() {
    fault("starting::fault_36_stopped_in_the_initializer", || {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("stops");
        let build = ProcessPool::builder()
            .workers(1)
            .initializer(&PREPARE, file)
            .time_to_live(Duration::from_millis(200));
        match timed("36 stopped in the initializer: `Initializer` after 200 ms", || build.build())
            .map(|_| ())
        {
            Err(Error::Initializer { message }) => {
                assert!(message.contains("no sign of life"), "{message}");
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn fault_03_idle_worker_killed_amid_short_maps() {
    fault("starting::fault_03_idle_worker_killed_amid_short_maps", || {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("counts");
        let pool = ProcessPool::builder().workers(2).initializer(&PREPARE, file.clone());
        let pool = pool.build().expect("workers");
        let starts = || fs::read(&file).expect("the initializer has made it").len();
        let mut pids = Vec::new();
        until("both workers", || {
            pids = pool.map_chunked(&PID, &[(); 64], 1).expect("they run");
            pids.sort_unstable();
            pids.dedup();
            pids.len() == 2
        });
        // The one that is taken next lives; the other is killed.
        let next = pool.submit(&PID, ()).expect("it is open").join().expect("a pid");
        let pid = pids.into_iter().find(|pid| *pid != next).expect("there are two");
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).expect("it is there");
        until("its end", || !runs(pid));
        // Each map wants a second worker, and is over before one has started;
        // what one has begun, the next goes on with.
        for round in 0.. {
            let outcome = pool.map(&SPIN, &[Duration::from_micros(50); 4]);
            assert_eq!(outcome.expect("they run").len(), 4);
            if starts() == 3 {
                break;
            }
            assert!(round < 20, "no new worker gets ready");
            thread::sleep(Duration::from_millis(100));
        }
    });
}

#[test]
fn fault_50_worker_of_another_build() {
    let test = "starting::fault_50_worker_of_another_build";
    fault_with(test, COPY, || {
        let copy = env::var(COPY).expect("it is set");
        fs::copy("/proc/self/exe", &copy).expect("a copy");
        let refused = timed("50 `Spawn`, naming both builds", || ProcessPool::new(1));
        let Err(Error::Spawn(source)) = refused.map(|_| ()) else { panic!("it is refused") };
        let text = source.to_string();
        let text = text.split("; its last words").next().expect("what is before it");
        // "this is protocol 3, build a; it is protocol 3, build b"
        let builds: Vec<&str> = text
            .split("build ")
            .skip(1)
            .map(|rest| rest.split([';', ' ']).next().expect("one"))
            .collect();
        assert!(matches!(builds[..], [ours, theirs] if ours != theirs), "{text}");
    });
}
