//! What only a cluster of other machines' processes can suffer: real signals to
//! scheduler, workers, bridge and client.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use distributed::{Client, Error};
use nix::sys::signal::Signal;
use processes::Task;

use crate::common::{INCREMENT, SLEEP, SUM_BYTES, WAIT_FOR, directory, eventually, text};
use crate::dask::{Cluster, children, library, python, shared, signal};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("workers_that_are_killed_cost_no_result", workers_that_are_killed_cost_no_result),
    ("a_scheduler_that_is_killed_is_one_clear_error", a_scheduler_that_is_killed),
    ("a_bridge_that_is_killed_is_one_clear_error", a_bridge_that_is_killed),
    ("a_bridge_that_is_stopped_is_killed_in_time", a_bridge_that_is_stopped),
    ("a_client_that_is_killed_leaves_nothing", a_client_that_is_killed),
    ("a_closed_client_settles_what_waits", a_closed_client_settles_what_waits),
    ("other_tasks_are_refused_and_named", other_tasks_are_refused_and_named),
    ("no_cluster_and_no_library_are_told", no_cluster_and_no_library_are_told),
    ("what_it_cannot_do_is_an_error", what_it_cannot_do_is_an_error),
    ("data_of_64_mib_is_scattered", data_of_64_mib_is_scattered),
    ("every_listener_is_on_loopback", every_listener_is_on_loopback),
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

/// The bridge of this process that was started last.
fn bridge() -> u32 {
    let of_python = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("polyphony_dask.bridge")
    };
    children(std::process::id()).into_iter().filter(of_python).max().expect("a bridge")
}

fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}

fn workers_that_are_killed_cost_no_result() {
    let cluster = Cluster::start(2);
    let client = cluster.connect();
    let futures = client.map(&SLEEP, vec![5; 400]);
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(300));
        if let Some(pid) = cluster.worker_pids().first() {
            signal(*pid, Signal::SIGKILL);
        }
    }
    // And one together with its nanny, which nobody starts again.
    let (nanny, worker) = (cluster.workers[1].id(), children(cluster.workers[1].id()));
    signal(nanny, Signal::SIGKILL);
    worker.into_iter().for_each(|pid| signal(pid, Signal::SIGKILL));
    assert_eq!(client.gather(futures).expect("every result"), vec![5; 400]);
    let after = client.map(&INCREMENT, 0..100);
    assert_eq!(client.gather(after).expect("values"), (1..=100).collect::<Vec<_>>());
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
    signal(bridge(), Signal::SIGKILL);
    lost(&client, waits.result(), "the bridge to Dask has ended");
}

fn a_bridge_that_is_stopped() {
    let cluster = Cluster::start(1);
    let client = cluster.dask().patience(Duration::from_secs(3)).connect().expect("a client");
    let waits = client.submit(&SLEEP, 60_000);
    let bridge = bridge();
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

fn a_client_that_is_killed() {
    use std::io::BufRead;

    let cluster = Cluster::start(2);
    let observer = cluster.connect();
    let mut program = Command::new(std::env::current_exe().expect("a path"));
    program.env(KILLED, &cluster.address).stdout(Stdio::piped());
    let mut client = program.spawn().expect("a process");
    let mut line = String::new();
    let mut said = std::io::BufReader::new(client.stdout.take().expect("a pipe"));
    said.read_line(&mut line).expect("a line");
    assert_eq!(line, "connected\n");
    let left = children(client.id());
    assert!(!left.is_empty(), "it has a bridge");
    client.kill().expect("it runs");
    assert_eq!(client.wait().expect("a child").signal(), Some(9));
    eventually("its bridge is gone", || left.iter().all(|pid| !runs(*pid)));
    drop(observer);
}

fn a_closed_client_settles_what_waits() {
    let cluster = Cluster::start(1);
    let client = cluster.connect();
    let directory = directory();
    let gate = text(&directory.path().join("gate"));
    let waits = client.map(&WAIT_FOR, vec![gate; 20]);
    eventually("some run", || client.info().running > 0);
    let bridge = bridge();
    client.close();
    assert!(!runs(bridge));
    for future in waits {
        assert!(matches!(future.result(), Err(Error::Closed { task: "wait_for" })));
    }
}

fn other_tasks_are_refused_and_named() {
    const OTHER: Task<u32, String> = Task::new("increment", |x| x.to_string());
    const NEW: Task<u32, u32> = Task::new("new", |x| x);
    let client = shared().connect();
    match client.submit(&OTHER, 1).result() {
        Err(Error::OtherTask { task: "increment", here, there }) => {
            assert_eq!((&here[..], &there[..]), ("u32 -> String", "u64 -> u64"));
        }
        other => panic!("{other:?}"),
    }
    match client.submit(&NEW, 1).result() {
        Err(Error::Call(processes::Error::UnknownTask { task: "new", known })) => {
            assert!(known.contains(&"increment".to_owned()));
        }
        other => panic!("{other:?}"),
    }
    assert!(distributed::delayed(&OTHER, 1).compute(&client).is_err());
    assert_eq!(client.submit(&INCREMENT, 1).result().expect("a value"), 2);
}

fn no_cluster_and_no_library_are_told() {
    let nobody = Client::dask("tcp://127.0.0.1:9").python(python().expect("a Python"));
    let nobody = nobody.patience(Duration::from_secs(1));
    match nobody.clone().tasks(library()).connect() {
        Err(Error::Refused(why)) => {
            assert!(why.contains("no scheduler at tcp://127.0.0.1:9"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    match nobody.clone().tasks("/none.so").connect() {
        Err(Error::Missing(why)) => assert!(why.contains("export_tasks!"), "{why}"),
        other => panic!("{other:?}"),
    }
    match nobody.tasks(library()).python("/none").connect() {
        Err(Error::Missing(why)) => assert!(why.contains("/none"), "{why}"),
        other => panic!("{other:?}"),
    }
    // The tests are no library of tasks, though they are a file.
    let test = std::env::current_exe().expect("a path");
    match shared().dask().tasks(test).connect() {
        Err(Error::Refused(why)) => assert!(!why.is_empty(), "{why}"),
        other => panic!("{other:?}"),
    }
}

fn what_it_cannot_do_is_an_error() {
    let client = shared().connect();
    assert!(matches!(client.scale(3), Err(Error::Unsupported { .. })));
}

fn data_of_64_mib_is_scattered() {
    let client = shared().connect();
    let data = client.scatter(&vec![1_u8; 64 << 20]);
    let sums = [client.submit(&SUM_BYTES, &data), client.submit(&SUM_BYTES, &data)];
    assert_eq!(client.gather(sums).expect("sums"), [64 << 20; 2]);
}

fn every_listener_is_on_loopback() {
    let cluster = shared();
    let client = cluster.connect();
    let mut processes = vec![bridge(), cluster.scheduler.id()];
    processes.extend(cluster.workers.iter().map(std::process::Child::id));
    processes.extend(cluster.worker_pids());
    let mut listeners = 0;
    for pid in processes {
        let inodes = sockets(pid);
        for table in ["tcp", "tcp6"] {
            let table = std::fs::read_to_string(format!("/proc/{pid}/net/{table}"));
            for line in table.expect("a table").lines().skip(1) {
                let fields: Vec<&str> = line.split_whitespace().collect();
                // 0A is a socket that listens; addresses are in host order.
                if fields[3] == "0A" && inodes.contains(&fields[9].to_owned()) {
                    let (address, _port) = fields[1].split_once(':').expect("address and port");
                    let loopback = address == "0100007F" || address.ends_with("01000000");
                    assert!(loopback && address != "00000000", "{pid} listens on {address}");
                    listeners += 1;
                }
            }
        }
    }
    assert!(listeners >= 3, "the scheduler and two workers listen, at least");
    drop(client);
}

/// The sockets that a process has open, by inode.
fn sockets(pid: u32) -> Vec<String> {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = open.filter_map(|fd| std::fs::read_link(fd.path()).ok());
    let inode = |target: std::path::PathBuf| {
        let target = target.to_str()?;
        Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
    };
    targets.filter_map(inode).collect()
}
