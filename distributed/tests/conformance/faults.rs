//! What only a cluster of other machines' processes can suffer: real signals to
//! scheduler, workers, bridge and client.
//!
//! Dask runs a task at least once: one whose worker dies runs again, whatever it has
//! done already. What is promised is that its caller hears of each result once.

use std::collections::HashSet;
use std::io::BufRead;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use distributed::{Client, Error, Future, as_completed};
use nix::sys::signal::Signal;

use crate::common::{INCREMENT, LOG_SLOWLY, SLEEP, WAIT_FOR, directory, eventually, text};
use crate::dask::{Cluster, Setup, children, library, python, signal, with_environment};

/// Each on a cluster of its own.
pub(crate) const TESTS: &[(&str, fn())] = &[
    ("workers_that_are_killed_cost_no_result", workers_that_are_killed_cost_no_result),
    ("a_worker_that_its_nanny_restarts_has_the_tasks", a_worker_that_its_nanny_restarts),
    ("a_worker_that_comes_late_has_the_tasks", a_worker_that_comes_late),
    ("a_worker_that_is_stopped_costs_no_result", a_worker_that_is_stopped),
    ("a_restart_by_another_client_is_told", a_restart_by_another_client),
    ("a_scheduler_that_is_killed_is_one_clear_error", a_scheduler_that_is_killed),
    ("a_bridge_that_is_killed_is_one_clear_error", a_bridge_that_is_killed),
    ("a_bridge_that_is_stopped_is_killed_in_time", a_bridge_that_is_stopped),
    ("a_client_that_is_killed_leaves_nothing", a_client_that_is_killed),
    ("a_closed_client_settles_what_waits", a_closed_client_settles_what_waits),
];

/// Tells the process that is to be killed whom to connect to.
const KILLED: &str = "CONFORMANCE_KILLED_CLIENT";

/// In that process: what it does until then.
pub(crate) fn inside() -> Option<ExitCode> {
    let address = std::env::var(KILLED).ok()?;
    let python = python().expect("a Python");
    let dask = Client::dask(&address).tasks(library()).python(python);
    let client = dask.connect().expect("a client");
    let futures = client.map(&SLEEP, vec![60_000; 4]);
    eventually("it runs", || client.info().running > 0);
    println!("connected");
    let _ = client.gather(futures);
    Some(ExitCode::FAILURE)
}

fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}

/// Calls that each write a line into the log and take a while.
pub(crate) fn logged(client: &Client, log: &Path, count: u64) -> Vec<Future<u64>> {
    client.map(&LOG_SLOWLY, (0..count).map(|n| (text(log), n)))
}

/// Every result is right and comes once; the log says that each call ran.
pub(crate) fn all_come_once(futures: Vec<Future<u64>>, log: &Path) {
    let ids: Vec<_> = futures.iter().map(Future::id).collect();
    let mut heard = HashSet::new();
    for future in as_completed(futures) {
        let place = ids.iter().position(|id| *id == future.id()).expect("one of them");
        assert_eq!(future.result().expect("every result"), place as u64 + 1);
        assert!(heard.insert(place), "{place} comes twice");
    }
    assert_eq!(heard.len(), ids.len());
    let lines = std::fs::read_to_string(log).expect("a log");
    let ran: HashSet<usize> = lines.lines().map(|line| line.parse().expect("a number")).collect();
    assert_eq!(ran, heard);
}

pub(crate) fn wait_for_lines(log: &Path, count: usize) {
    eventually("some have run", || {
        std::fs::read_to_string(log).is_ok_and(|lines| lines.lines().count() >= count)
    });
}

fn workers_that_are_killed_cost_no_result() {
    let cluster = Cluster::start(2);
    let client = cluster.connect();
    let directory = directory();
    let log = directory.path().join("log");
    let futures = logged(&client, &log, 400);
    for lines in [20, 100] {
        wait_for_lines(&log, lines);
        signal(cluster.worker_pids()[0], Signal::SIGKILL);
    }
    // And one together with its nanny, which nobody starts again.
    wait_for_lines(&log, 200);
    let (nanny, worker) = (cluster.workers[1].id(), children(cluster.workers[1].id()));
    signal(nanny, Signal::SIGKILL);
    worker.into_iter().for_each(|pid| signal(pid, Signal::SIGKILL));
    all_come_once(futures, &log);
    let after = client.map(&INCREMENT, 0..100);
    assert_eq!(client.gather(after).expect("values"), (1..=100).collect::<Vec<_>>());
}

fn a_worker_that_its_nanny_restarts() {
    let cluster = Cluster::start(1);
    let client = cluster.connect();
    let directory = directory();
    let log = directory.path().join("log");
    let futures = logged(&client, &log, 60);
    wait_for_lines(&log, 1);
    let before = cluster.worker_pids();
    signal(before[0], Signal::SIGKILL);
    all_come_once(futures, &log);
    let after = cluster.worker_pids();
    assert!(after.len() == 1 && after != before, "{before:?}, {after:?}");
}

fn a_worker_that_comes_late() {
    let mut cluster = Cluster::start(0);
    let client = cluster.connect();
    let directory = directory();
    let log = directory.path().join("log");
    let futures = logged(&client, &log, 60);
    assert!(client.info().workers.is_empty());
    assert!(!log.exists(), "nobody is there to run it");
    cluster.add_worker();
    all_come_once(futures, &log);
    // Another comes in the middle of a map, and takes its part.
    let second = directory.path().join("second");
    let futures = logged(&client, &second, 1_500);
    wait_for_lines(&second, 1);
    cluster.add_worker();
    all_come_once(futures, &second);
    let did: Vec<u64> = client.info().workers.iter().map(|worker| worker.done).collect();
    assert!(did.len() == 2 && did.iter().all(|did| *did > 0), "{did:?}");
}

fn a_worker_that_is_stopped() {
    let cluster = Setup { workers: 2, worker_ttl: Some("5s"), ..Setup::default() }.start();
    let client = cluster.connect();
    let directory = directory();
    let log = directory.path().join("log");
    let futures = logged(&client, &log, 200);
    wait_for_lines(&log, 20);
    let stopped = cluster.worker_pids()[0];
    signal(stopped, Signal::SIGSTOP);
    let begun = Instant::now();
    all_come_once(futures, &log);
    // Dask looks each 5 s who has been silent for 5 s, and may restart that one first.
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
}

fn a_restart_by_another_client() {
    let cluster = Cluster::start(1);
    let client = cluster.connect();
    let directory = directory();
    let gate = directory.path().join("gate");
    let data = client.scatter(&7_u64);
    let mut waits = client.map(&WAIT_FOR, vec![text(&gate); 3]).into_iter();
    eventually("one runs", || client.info().running == 1);
    cluster.ask("client.restart()");
    match waits.next().expect("that one").result() {
        Err(Error::Dask { task: "wait_for", why }) => {
            assert_eq!(why, "another client has restarted the cluster");
        }
        other => panic!("{other:?}"),
    }
    // Those that had not been sent are, to workers that are new and have the tasks.
    std::fs::write(&gate, "").expect("a file");
    assert_eq!(client.gather(waits).expect("values"), [0, 0]);
    assert_eq!(client.submit(&INCREMENT, &data).result().expect("it is there again"), 8);
}

fn a_scheduler_that_is_killed() {
    let cluster = Cluster::start(1);
    let client = cluster.connect();
    let waits = client.submit(&SLEEP, 60_000);
    eventually("it runs", || client.info().running == 1);
    signal(cluster.scheduler.id(), Signal::SIGKILL);
    lost(&client, waits.result(), "scheduler");
}

fn a_bridge_that_is_killed() {
    let cluster = Cluster::start(1);
    let client = cluster.connect();
    let waits = client.submit(&SLEEP, 60_000);
    signal(cluster.bridge(), Signal::SIGKILL);
    lost(&client, waits.result(), "the bridge to Dask has ended");
    cluster_forgets(&cluster);
}

fn a_bridge_that_is_stopped() {
    let cluster = Cluster::start(1);
    let client = cluster.dask().patience(Duration::from_secs(3)).connect().expect("a client");
    let waits = client.submit(&SLEEP, 60_000);
    let bridge = cluster.bridge();
    signal(bridge, Signal::SIGSTOP);
    lost(&client, waits.result(), "gave no sign of life");
    assert!(!runs(bridge));
}

/// All that waits, and all that comes, is told that the cluster is lost.
fn lost(client: &Client, waited: Result<u64, Error>, expected: &str) {
    match waited {
        Err(Error::Lost { task: "sleep", why }) => assert!(why.contains(expected), "{why}"),
        other => panic!("{other:?}"),
    }
    let later = client.submit(&INCREMENT, 1).result();
    assert!(matches!(later, Err(Error::Lost { task: "increment", .. })), "{later:?}");
    assert!(client.info().workers.is_empty());
}

/// The scheduler knows no client but who asks, and no task.
fn cluster_forgets(cluster: &Cluster) {
    let known = cluster.ask(
        "
import time
def known(dask_scheduler):
    clients = [name for name in dask_scheduler.clients if 'polyphony' in name.lower()]
    return clients + list(dask_scheduler.tasks)
until = time.monotonic() + 30
while (left := client.run_on_scheduler(known)) and time.monotonic() < until:
    time.sleep(0.05)
print(left)
",
    );
    assert_eq!(known, "[]");
}

fn a_client_that_is_killed() {
    let cluster = Cluster::start(2);
    let files = directory();
    let mut program = Command::new(std::env::current_exe().expect("a path"));
    program.env(KILLED, &cluster.address).stdout(Stdio::piped());
    // It, its bridge and their children have this in their environment.
    program.env("TMPDIR", files.path());
    let mut client = program.spawn().expect("a process");
    let mut line = String::new();
    let mut said = std::io::BufReader::new(client.stdout.take().expect("a pipe"));
    said.read_line(&mut line).expect("a line");
    assert_eq!(line, "connected\n");
    assert!(with_environment(files.path()).len() >= 2, "it has a bridge");
    client.kill().expect("it runs");
    assert_eq!(client.wait().expect("a child").signal(), Some(9));
    eventually("its bridge is gone", || with_environment(files.path()).is_empty());
    let left: Vec<_> = std::fs::read_dir(files.path()).expect("a directory").collect();
    assert!(left.is_empty(), "{left:?}");
    cluster_forgets(&cluster);
}

fn a_closed_client_settles_what_waits() {
    let cluster = Cluster::start(1);
    let client = cluster.connect();
    let directory = directory();
    let gate = text(&directory.path().join("gate"));
    let waits = client.map(&WAIT_FOR, vec![gate; 20]);
    eventually("some run", || client.info().running > 0);
    let bridge = cluster.bridge();
    client.close();
    assert!(!runs(bridge));
    for future in waits {
        assert!(matches!(future.result(), Err(Error::Closed { task: "wait_for" })));
    }
    cluster_forgets(&cluster);
}
