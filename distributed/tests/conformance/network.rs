//! Who may talk to whom: TLS, listeners that nobody else can reach, and a host that
//! nobody reaches any more.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use distributed::{Client, DaskCluster, Error};
use tempfile::TempDir;

use crate::common::{INCREMENT, directory, eventually};
use crate::dask::{Setup, library, python, shared, with_certificates, with_environment};
use crate::faults::{all_come_once, logged, wait_for_lines};
use crate::proc_net::sockets;

/// On the cluster that all share.
pub(crate) const SHARED: &[(&str, fn())] =
    &[("every_listener_is_on_loopback", every_listener_is_on_loopback)];

/// Each on a cluster of its own.
pub(crate) const OVER_TLS: &[(&str, fn())] =
    &[("over_tls_only_those_with_certificates_are_let_in", over_tls)];

/// Each on hosts of its own.
pub(crate) const ON_HOSTS: &[(&str, fn())] =
    &[("a_host_that_is_cut_off_costs_no_result", a_host_that_is_cut_off)];

/// Tells this program, started beside a cluster on hosts, where to log.
const CUT_OFF: &str = "CONFORMANCE_CUT_OFF";

/// Whether certificates can be made here, or why not.
pub(crate) fn has_openssl() -> Result<(), String> {
    let found = Command::new("openssl").arg("version").output().is_ok_and(|o| o.status.success());
    if found { Ok(()) } else { Err("there is no openssl, which makes certificates".into()) }
}

fn script(name: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts").join(name))
}

/// Whether workers can be on hosts of their own here, or why not.
pub(crate) fn has_hosts() -> Result<(), String> {
    let said = script("dask-cluster").args(["--hosts", "--check"]).output();
    match said {
        Ok(said) if said.status.success() => Ok(()),
        Ok(said) => Err(String::from_utf8_lossy(&said.stderr).trim().to_owned()),
        Err(why) => Err(why.to_string()),
    }
}

/// An authority, and a certificate that it has signed.
fn certificates() -> TempDir {
    let folder = directory();
    let made = script("certificates").arg(folder.path()).output().expect("a script");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    folder
}

fn over_tls() {
    let (ours, others) = (certificates(), certificates());
    let certificates = Some(ours.path().to_owned());
    let cluster = Setup { workers: 2, certificates, ..Setup::default() }.start();
    assert!(cluster.address.starts_with("tls://127.0.0.1:"), "{}", cluster.address);
    let client = cluster.connect();
    let values = client.gather(client.map(&INCREMENT, 0..1_000)).expect("values");
    assert_eq!(values, (1..=1_000).collect::<Vec<_>>());

    let to = |address: &str| {
        let dask = Client::dask(address).tasks(library()).python(python().expect("a Python"));
        dask.patience(Duration::from_secs(3))
    };
    let without = cluster.address.replace("tls:", "tcp:");
    std::thread::scope(|scope| {
        for (who, address, dask) in [
            ("who has no certificate", &cluster.address, to(&cluster.address)),
            (
                "who has another authority's",
                &cluster.address,
                with_certificates(to(&cluster.address), others.path()),
            ),
            ("who does not encrypt", &without, to(&without)),
        ] {
            scope.spawn(move || refused(who, address, dask));
        }
    });
    // They have done no harm.
    assert_eq!(client.submit(&INCREMENT, 1).result().expect("a value"), 2);
}

/// In one line that names the address, and soon.
fn refused(who: &str, address: &str, dask: DaskCluster) {
    let begun = Instant::now();
    match dask.connect() {
        Err(Error::Refused(why)) => {
            assert!(why.contains(address) && why.lines().count() == 1, "{who}: {why}");
        }
        other => panic!("{who}: {other:?}"),
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{who}: {:?}", begun.elapsed());
}

/// The listeners of these processes that others than this machine can reach, and how
/// many there are of each.
fn listeners(pids: &[u32]) -> (Vec<String>, Vec<usize>) {
    let (mut elsewhere, mut counts) = (Vec::new(), Vec::new());
    for pid in pids {
        let listeners: Vec<_> = sockets(*pid).into_iter().filter(|s| s.listens).collect();
        let reachable = listeners.iter().filter(|s| !s.local.ip().is_loopback());
        elsewhere.extend(reachable.map(|s| format!("{pid} listens on {}", s.local)));
        counts.push(listeners.len());
    }
    (elsewhere, counts)
}

fn every_listener_is_on_loopback() {
    let cluster = shared();
    let client = cluster.connect();
    let mut pids = vec![cluster.scheduler.id()];
    pids.extend(cluster.workers.iter().map(std::process::Child::id));
    let workers = cluster.worker_pids();
    assert_eq!(workers.len(), 2);
    pids.extend(workers);
    pids.extend(cluster.bridges());
    assert!(pids.len() >= 6, "scheduler, two nannies, two workers, a bridge");
    let (elsewhere, counts) = listeners(&pids);
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    // Scheduler and workers have a page of metrics too; nannies have one listener;
    // who only connects, as the bridge does, has none.
    let enough = [2, 1, 1, 2, 2];
    let all_seen = enough.iter().zip(&counts).all(|(enough, count)| count >= enough);
    assert!(all_seen, "{counts:?}");
    drop(client);
}

/// That the test above can fail.
pub(crate) fn a_listener_on_all_addresses_is_seen() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        // A machine may have no IPv6.
        let Ok(listener) = TcpListener::bind(address) else { continue };
        let port = listener.local_addr().expect("an address").port();
        let (elsewhere, _) = listeners(&[std::process::id()]);
        assert!(elsewhere.iter().any(|told| told.ends_with(&format!(":{port}"))), "{elsewhere:?}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let (elsewhere, counts) = listeners(&[std::process::id()]);
    assert!(counts[0] > 0);
    assert!(!elsewhere.iter().any(|told| told.ends_with(&format!(":{port}"))), "{elsewhere:?}");
}

/// This program again, beside a scheduler and two workers on hosts of their own.
fn a_host_that_is_cut_off() {
    let directory = directory();
    let log = directory.path().join("log");
    let mut program = Command::new("timeout");
    program.args(["--kill-after=5", "120"]).arg(script("dask-cluster").get_program());
    program.arg("--hosts").arg(std::env::current_exe().expect("a path"));
    program.env(CUT_OFF, &log).env("TMPDIR", directory.path());
    // The same as this program has.
    program.env("POLYPHONY_PYTHON", python().expect("a Python"));
    // How long Dask waits for those who are silent, and for those who do not answer.
    program.env("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "5s");
    program.env("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "3s");
    program.env("DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP", "11s");
    let said = program.output().expect("a program");
    let [out, err] = [&said.stdout, &said.stderr].map(|said| String::from_utf8_lossy(said));
    assert!(said.status.success(), "{out}{err}");
    assert_eq!(out, "400 results\n");
    eventually("nothing of it is left", || with_environment(directory.path()).is_empty());
    let left: Vec<_> = std::fs::read_dir(directory.path()).expect("a directory").collect();
    assert_eq!(left.len(), 1, "the log and nothing else: {left:?}");
}

/// What is done there.
pub(crate) fn inside() -> Option<ExitCode> {
    let log = PathBuf::from(std::env::var_os(CUT_OFF)?);
    let address = std::env::var("POLYPHONY_CLUSTER").expect("a cluster");
    let dask = Client::dask(&address).tasks(library()).python(python().expect("a Python"));
    let client = dask.connect().expect("a client");
    eventually("both are there", || client.info().workers.len() == 2);
    let futures = logged(&client, &log, 400);
    wait_for_lines(&log, 50);
    let cut = Command::new("ip").args(["link", "set", "host0", "down"]).status();
    assert!(cut.expect("ip").success());
    all_come_once(futures, &log);
    eventually("the other is given up", || client.info().workers.len() == 1);
    println!("400 results");
    Some(ExitCode::SUCCESS)
}
