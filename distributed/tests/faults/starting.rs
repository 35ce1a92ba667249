//! Workers that do not get ready: 23 and 50.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use distributed::{Client, Error, Future, Place};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;

use crate::deaths::pid_in;
use crate::harness::{
    cluster, fault, fault_with, inside, pids, print, signal, signal_all, timed, until,
};
use crate::tasks::{EXIT, INCREMENT, SIGN_AND_WAIT_FOR};

/// While the file of this name is there, workers end before their entry. Each
/// worker leaves a byte in the file beside it.
const EARLY: &str = "DISTRIBUTED_FAULT_EARLY";

/// While the file of this name is there, workers abort soon after their entry.
/// Each worker leaves a byte in the file beside it.
const SOON: &str = "DISTRIBUTED_FAULT_SOON";

/// Workers become the program of this name before their entry.
const COPY: &str = "DISTRIBUTED_FAULT_COPY";

/// What workers do before they come to their entry.
pub(crate) fn before_the_entry() {
    if env::args().next().is_none_or(|name| name != processes::WORKER_NAME) {
        return;
    }
    if let Ok(file) = env::var(EARLY).or_else(|_| env::var(SOON)) {
        let count = OpenOptions::new().create(true).append(true).open(file + ".count");
        count.expect("the directory is there").write_all(b".").expect("a byte");
    }
    if env::var(EARLY).is_ok_and(|file| Path::new(&file).exists()) {
        eprintln!("no licence today");
        std::process::exit(7);
    }
    if env::var(SOON).is_ok_and(|file| Path::new(&file).exists()) {
        thread::spawn(|| {
            thread::sleep(Duration::from_millis(20));
            std::process::abort();
        });
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

/// Runs a fault for which a variable names a file, which is not there yet.
fn fault_of(test: &str, variable: &str, body: fn()) {
    if inside(test) {
        return fault(test, body);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    fault_with(test, &[(variable, file.to_str().expect("text"))], body);
}

/// How many workers have left a byte.
fn starts(variable: &str) -> usize {
    let count = env::var(variable).expect("it is set") + ".count";
    fs::read(count).map_or(0, |bytes| bytes.len())
}

#[test]
fn fault_23_worker_dies_before_it_is_ready() {
    let test = "starting::fault_23_worker_dies_before_it_is_ready";
    fault_of(test, EARLY, || {
        let file = env::var(EARLY).expect("it is set");
        let check = |error: &Error| match error {
            Error::Start(source) => {
                let text = source.to_string();
                assert!(text.contains("exited(7)") && text.contains("no licence today"), "{text}");
            }
            other => panic!("{other:?}"),
        };
        fs::write(&file, "").expect("a file");
        let cluster = || Client::local().n_workers(4).start();
        let before = starts(EARLY);
        let failed = timed("23 `Start` with their last words, after three tries each", cluster);
        check(&failed.map(drop).expect_err("no worker"));
        // One try more and one less, where the first to be given up ends all.
        let starts_of_all = starts(EARLY) - before;
        assert!(starts_of_all <= 4 * 3, "{starts_of_all} starts for 4 workers");
        fs::remove_file(&file).expect("it is there");

        let client = Client::local().n_workers(2).start().expect("workers");
        let value = client.submit(&INCREMENT, 1);
        assert_eq!(value.result().expect("they work"), 2);
        fs::write(&file, "").expect("a file");
        let before = starts(EARLY);
        // Both go; nobody can take their places.
        let dying = client.map(&EXIT, [1, 1]);
        let waiting = client.map(&INCREMENT, 0..10);
        let deserted = |outcome: Result<(), Error>| match outcome {
            Err(Error::Deserted { source }) => check(&source),
            other => panic!("{other:?}"),
        };
        timed("23 later: `Deserted` for all that waits; `scale` brings it back", || {
            dying.iter().for_each(|future| deserted(future.result()));
            waiting.iter().for_each(|future| deserted(future.result().map(drop)));
            deserted(client.submit(&INCREMENT, 2).result().map(drop));
        });
        assert!(starts(EARLY) <= before + 2 * 3, "{} starts for 2", starts(EARLY) - before);
        fs::remove_file(&file).expect("it is there");
        client.scale(2).expect("it can be scaled");
        assert_eq!(client.submit(&INCREMENT, &value).result().expect("it has recovered"), 3);
        until("two workers", || client.info().workers.len() == 2);
        let info = client.info();
        assert_eq!((info.waiting, info.running), (0, 0), "nothing of before is left");
    });
}

#[test]
fn fault_23_some_of_the_workers_cannot_be_started() {
    let test = "starting::fault_23_some_of_the_workers_cannot_be_started";
    fault_of(test, EARLY, || {
        let file = env::var(EARLY).expect("it is set");
        let client = cluster(3);
        let before = starts(EARLY);
        fs::write(&file, "").expect("a file");
        signal_all(pids(&client).into_iter().skip(1), Signal::SIGKILL);
        let mapped = client.gather(client.map(&INCREMENT, 0..100)).expect("one is left");
        assert_eq!(mapped, (1..101).collect::<Vec<_>>());
        until("it is tried three times each", || starts(EARLY) == before + 2 * 3);
        assert_eq!(client.info().workers.len(), 1);
        // Its retirement must not leave tasks to nobody.
        fs::remove_file(&file).expect("it is there");
        client.scale(3).expect("it can be scaled");
        until("three workers", || client.info().workers.len() == 3);
    });
}

#[test]
fn fault_23_retired_while_another_cannot_be_started() {
    let test = "starting::fault_23_retired_while_another_cannot_be_started";
    fault_of(test, EARLY, || {
        let file = env::var(EARLY).expect("it is set");
        for which in [0, 1] {
            let client = cluster(2);
            let pids = pids(&client);
            fs::write(&file, "").expect("a file");
            let before = starts(EARLY);
            signal(pids[which], Signal::SIGKILL);
            until("another is tried", || starts(EARLY) > before);
            // Whoever is there stays, and whoever tries need not.
            client.scale(1).expect("it can be scaled");
            let mapped = client.gather(client.map(&INCREMENT, 0..100)).expect("one is there");
            assert_eq!(mapped, (1..101).collect::<Vec<_>>());
            let left: Vec<_> = client.info().workers.into_iter().map(|w| w.place).collect();
            assert_eq!(left, [Place::Process { pid: pids[1 - which] }]);
            fs::remove_file(&file).expect("it is there");
        }
    });
}

#[test]
fn fault_23_the_last_one_is_about_to_go() {
    let test = "starting::fault_23_the_last_one_is_about_to_go";
    fault_of(test, EARLY, || {
        let file = env::var(EARLY).expect("it is set");
        for dies in [false, true] {
            let client = cluster(2);
            let directory = tempfile::tempdir().expect("a directory");
            let gate = directory.path().join("gate");
            let signs = ["a", "b"].map(|name| directory.path().join(name));
            let held = signs.clone().map(|sign| (sign, gate.clone()));
            let held = client.map(&SIGN_AND_WAIT_FOR, held);
            signs.iter().for_each(|sign| _ = pid_in(sign));
            let pids = pids(&client);
            client.scale(1).expect("it can be scaled");
            // When that is answered, it has been done.
            let _ = client.info();
            let waiting = client.submit(&INCREMENT, 1);
            fs::write(&file, "").expect("a file");
            signal(pids[0], Signal::SIGKILL);
            let is_deserted = |outcome| matches!(outcome, Err(Error::Deserted { .. }));
            timed("23 the last is at work and about to go: `Deserted` for what waits", || {
                assert!(is_deserted(waiting.result()));
                until("one was lost with its worker", || held.iter().any(Future::done));
            });
            let there = held.iter().filter(|held| held.done()).count();
            assert_eq!(there, 1, "what the last has in hand may yet be done");
            if dies {
                signal(pids[1], Signal::SIGKILL);
            } else {
                fs::write(&gate, "").expect("a file");
            }
            let outcomes = held.iter().map(Future::result);
            let values = outcomes.filter(|outcome| matches!(outcome, Ok(0))).count();
            assert_eq!(values, usize::from(!dies));
            assert!(held.iter().any(|held| is_deserted(held.result())));
            fs::remove_file(&file).expect("it is there");
            client.scale(1).expect("it can be scaled");
            assert_eq!(client.submit(&INCREMENT, 1).result().expect("it has recovered"), 2);
        }
    });
}

#[test]
fn fault_23_workers_die_soon_after_they_are_ready() {
    let test = "starting::fault_23_workers_die_soon_after_they_are_ready";
    fault_of(test, SOON, || {
        let file = env::var(SOON).expect("it is set");
        let client = cluster(1);
        fs::write(&file, "").expect("a file");
        let (before, killed) = (starts(SOON), Instant::now());
        signal_all(pids(&client), Signal::SIGKILL);
        thread::sleep(Duration::from_secs(1));
        // Each lives for 20 ms: without pauses there would be forty.
        let starts = starts(SOON) - before;
        assert!(starts <= 15, "{starts} workers started in a second");
        fs::remove_file(&file).expect("it is there");
        assert_eq!(client.submit(&INCREMENT, 1).result().expect("it recovers by itself"), 2);
        let outcome = format!("23 soon after: {starts} starts in a second, then it recovers,");
        print(&outcome, killed.elapsed());
    });
}

#[test]
fn fault_23_no_descriptor_is_left_for_another() {
    fault("starting::fault_23_no_descriptor_is_left_for_another", || {
        let client = cluster(1);
        let value = client.submit(&INCREMENT, 1);
        assert_eq!(value.result().expect("a value"), 2);
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        // What is open stays so, and nothing else can be opened.
        setrlimit(Resource::RLIMIT_NOFILE, 3, hard).expect("it can be lowered");
        signal_all(pids(&client), Signal::SIGKILL);
        let waiting = client.submit(&INCREMENT, &value);
        let outcome = timed("23 no descriptor left: `Deserted`", || waiting.result());
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).expect("it can be raised again");
        match outcome {
            Err(Error::Deserted { source }) => {
                let text = source.to_string();
                assert!(text.contains("Too many open files"), "{text}");
            }
            other => panic!("{other:?}"),
        }
        client.scale(1).expect("it can be scaled");
        let again = timed("23 after that: `scale` brings it back", || {
            client.submit(&INCREMENT, &value).result()
        });
        assert_eq!(again.expect("a value"), 3);
    });
}

#[test]
fn fault_50_worker_of_another_build() {
    let test = "starting::fault_50_worker_of_another_build";
    fault_of(test, COPY, || {
        let copy = env::var(COPY).expect("it is set");
        fs::copy("/proc/self/exe", &copy).expect("a copy");
        let cluster = || Client::local().n_workers(2).start();
        let refused = timed("50 `Start`, naming both builds", cluster);
        let Err(Error::Start(source)) = refused.map(drop) else { panic!("it is refused") };
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
