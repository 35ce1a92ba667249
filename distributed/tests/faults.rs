//! What happens to tasks when workers die: real processes, real signals, and
//! every wait under a deadline.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{
    ABORT, ABORT_ONCE, BOMB, DEADLINE, EXIT, INCREMENT, PANIC_ON_ODD, PID, SLEEP, THROW_BOMB,
    WAIT_ONCE, claim, clients, within,
};
use distributed::{Client, Error, Future, Place};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use processes::{Error::Died, Exit};

#[test]
fn worker_entry() {
    claim();
}

fn processes(n_workers: usize) -> Client {
    Client::local().n_workers(n_workers).processes(true).start().expect("worker processes")
}

fn pids(client: &Client) -> Vec<Pid> {
    let pid = |place| match place {
        Place::Process { pid } => Pid::from_raw(pid.cast_signed()),
        Place::Thread { name } => panic!("{name} is no process"),
    };
    client.info().workers.into_iter().map(|worker| pid(worker.place)).collect()
}

/// Kills a worker and waits until it is dead.
fn kill_dead(pid: Pid) {
    kill(pid, Signal::SIGKILL).expect("the worker is there");
    // An error says that its nanny has seen it die, and reaped it.
    let _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// Waits for something that another thread or process brings about.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < DEADLINE, "not in {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_task_whose_worker_is_killed_is_run_again() {
    claim();
    let client = processes(1);
    let before = pids(&client);
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let runs = directory.path().join("runs");
    let future = client.submit(&WAIT_ONCE, text(&runs));
    eventually("the task runs", || runs.exists());
    kill_dead(before[0]);
    assert_eq!(within(|| future.result()).expect("the second attempt"), 7);
    assert_ne!(pids(&client), before, "the worker was replaced");
}

#[test]
fn all_workers_killed_at_once_lose_no_task() {
    claim();
    let client = processes(4);
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let files: Vec<_> = (0..40).map(|task| directory.path().join(task.to_string())).collect();
    // Those behind the first four do not wait.
    for file in &files[4..] {
        std::fs::write(file, "").expect("a file");
    }
    let futures = client.map(&WAIT_ONCE, files.iter().map(|file| text(file)));
    eventually("all are at work", || files.iter().all(|file| file.exists()));
    pids(&client).into_iter().for_each(kill_dead);
    assert_eq!(within(|| client.gather(futures)).expect("all run"), vec![7; 40]);
    eventually("all are replaced", || client.info().workers.len() == 4);
}

#[test]
fn idle_workers_that_were_killed_are_held_against_nobody() {
    claim();
    let client = Client::local().n_workers(4).allowed_failures(0).start().expect("workers");
    pids(&client).into_iter().for_each(kill_dead);
    let mapped = within(|| client.gather(client.map(&INCREMENT, 0..100)));
    assert_eq!(mapped.expect("no attempt is lost"), (1..101).collect::<Vec<_>>());
}

#[test]
fn a_task_that_kills_its_workers_is_given_up_and_the_others_are_done() {
    claim();
    let client = processes(2);
    let poison = client.submit(&ABORT, 0);
    let others = client.map(&INCREMENT, 0..50);
    match within(|| poison.result()) {
        Err(Error::WorkerKilled { task: "abort", attempts: 4, last }) => {
            assert!(matches!(last, Died { exit: Exit::Killed(6), .. }), "{last}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(within(|| client.gather(others)).expect("others"), (1..51).collect::<Vec<_>>());
    eventually("all are replaced", || client.info().workers.len() == 2);
}

#[test]
fn leaving_with_any_code_is_a_death() {
    claim();
    let client = Client::local().n_workers(1).allowed_failures(1).start().expect("a worker");
    for code in [0, 3] {
        match within(|| client.submit(&EXIT, code).result()) {
            Err(Error::WorkerKilled { attempts: 2, last: Died { exit, .. }, .. }) => {
                assert_eq!(exit, Exit::Exited(code));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_task_that_kills_one_worker_succeeds_on_the_next() {
    claim();
    let client = processes(2);
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let value = within(|| client.submit(&ABORT_ONCE, text(file.path())).result());
    assert_eq!(value.expect("the second attempt"), 7);
}

#[test]
fn a_panic_costs_no_worker() {
    claim();
    let client = processes(1);
    let before = within(|| client.submit(&PID, ()).result()).expect("a pid");
    match within(|| client.submit(&PANIC_ON_ODD, 1).result()) {
        Err(Error::Panicked { location: Some(location), .. }) => {
            assert!(location.contains("mod.rs"), "{location}");
        }
        other => panic!("{other:?}"),
    }
    let after = within(|| client.submit(&PID, ()).result()).expect("a pid");
    assert_eq!(before, after);
}

#[test]
fn closing_settles_every_future() {
    claim();
    for (name, client) in clients(2) {
        let futures = client.map(&SLEEP, vec![100; 50]);
        eventually("two run", || client.info().running == 2);
        within(|| client.close());
        let mut closed = 0;
        for future in futures {
            assert!(future.done(), "{name}");
            match future.result() {
                Ok(value) => assert_eq!(value, 100, "{name}"),
                Err(Error::Closed { task: "sleep" }) => closed += 1,
                Err(other) => panic!("{name}: {other}"),
            }
        }
        assert!(closed >= 40, "{name}: {closed}");
    }
}

#[test]
fn a_waiter_in_another_thread_is_woken_by_the_end_of_the_client() {
    claim();
    for (name, client) in clients(1) {
        let running = client.submit(&SLEEP, 200);
        let waiting = client.submit(&SLEEP, 1);
        let waiter = std::thread::spawn(move || waiting.result());
        eventually("one runs", || client.info().running == 1);
        drop(client);
        let result = within(|| waiter.join().expect("no panic"));
        assert!(matches!(result, Err(Error::Closed { .. })), "{name}: {result:?}");
        assert!(running.done(), "{name}");
    }
}

#[test]
fn a_value_that_panics_when_it_is_dropped_harms_no_other_task() {
    claim();
    let client = Client::local().n_workers(1).processes(false).start().expect("a thread");
    drop(client.map(&BOMB, 0..10));
    let thrown = within(|| client.submit(&THROW_BOMB, 0).result());
    assert!(matches!(thrown, Err(Error::Panicked { .. })), "{thrown:?}");
    let after = client.submit(&INCREMENT, 1);
    assert_eq!(within(|| after.result()).expect("the worker goes on"), 2);
}

#[test]
fn detached_tasks_are_done() {
    claim();
    for (name, client) in clients(2) {
        client.map(&INCREMENT, 0..100).into_iter().for_each(Future::detach);
        eventually("all are done", || client.info().done == 100);
        assert_eq!(client.info().waiting, 0, "{name}");
    }
}
