//! A real Dask cluster: a scheduler and workers, each a process, on loopback.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use distributed::{Client, DaskCluster};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::common::eventually;
use crate::proc_net;

/// A scheduler and its workers; they end with it, and nothing of them is left.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) address: String,
    pub(crate) scheduler: Child,
    /// Nannies, each of which looks after a worker process.
    pub(crate) workers: Vec<Child>,
    setup: Setup,
    files: TempDir,
}

/// How a cluster is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    pub(crate) workers: usize,
    /// Python that the scheduler runs first.
    pub(crate) scheduler_first: &'static str,
    /// The folder of certificates, if it is to speak TLS.
    pub(crate) certificates: Option<PathBuf>,
    /// How long a worker may be silent.
    pub(crate) worker_ttl: Option<&'static str>,
}

/// Runs Dask's command line until this program is gone, however it goes.
const RUN: &str = "
import os, threading
from dask.__main__ import main
end = lambda: (os.read(0, 1), os.killpg(0, 9))
threading.Thread(target=end, daemon=True).start()
main()
";

/// The interpreter that has Dask, or why there is none.
pub(crate) fn python() -> Result<PathBuf, String> {
    // To import Dask takes a second, and nearly every test asks.
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(find_python).clone()
}

fn find_python() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let made = |folder: &Path| {
        folder.join("python/stamp").exists().then(|| folder.join("python/bin/python"))
    };
    let named = std::env::var_os("POLYPHONY_PYTHON").filter(|named| !named.is_empty());
    let python = named.map(PathBuf::from);
    let python = python.or_else(|| program.ancestors().find_map(made)).unwrap_or("python3".into());
    let mut probe = Command::new(&python);
    probe.args(["-P", "-c", "import distributed.client"]).stderr(Stdio::null());
    match probe.status() {
        Ok(status) if status.success() => Ok(python),
        _ => Err(format!(
            "{} has no Dask: run scripts/python-env, or name a Python that has it in \
             POLYPHONY_PYTHON",
            python.display()
        )),
    }
}

/// The library of the tests' tasks, built as this test was.
pub(crate) fn library() -> PathBuf {
    static BUILT: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.get_or_insert_with(build).clone()
}

fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "distributed", "--example", "test_tasks"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    assert!(cargo.status().expect("cargo").success(), "the tasks cannot be built");
    let program = std::env::current_exe().expect("a path");
    let profile = program.ancestors().nth(2).expect("target/PROFILE/deps");
    profile.join("examples/libtest_tasks.so")
}

static SHARED: Mutex<Option<Arc<Cluster>>> = Mutex::new(None);

/// A cluster for whoever does it no harm that it does not mend by itself.
pub(crate) fn shared() -> Arc<Cluster> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(shared.get_or_insert_with(|| Arc::new(Cluster::start(2))))
}

/// Ends that one.
pub(crate) fn end_shared() {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner).take();
}

impl Setup {
    fn run(&self, files: &Path, first: &str, arguments: &[&str]) -> Child {
        let mut command = Command::new(python().expect("a Python"));
        command.args(["-P", "-c", &format!("{first}\n{RUN}")]).args(arguments);
        command.arg("--scheduler-file").arg(files.join("scheduler.json"));
        // Even without a dashboard there is a page of metrics, on all addresses.
        command.args(["--host", "127.0.0.1", "--no-dashboard"]);
        command.args(["--dashboard-address", "127.0.0.1:0"]);
        if let Some(folder) = &self.certificates {
            command.args(["--protocol", "tls", "--tls-ca-file"]).arg(folder.join("ca.pem"));
            command.arg("--tls-cert").arg(folder.join("certificate.pem"));
            command.arg("--tls-key").arg(folder.join("key.pem"));
        }
        command.current_dir(files).env("DASK_TEMPORARY_DIRECTORY", files);
        let ttl = self.worker_ttl.unwrap_or("10s");
        command.env("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", ttl);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command.process_group(0).spawn().expect("a process")
    }

    /// Starts the scheduler and the workers, and waits until all are there.
    pub(crate) fn start(self) -> Cluster {
        let files = tempfile::tempdir().expect("a directory");
        let scheduler = self.run(files.path(), self.scheduler_first, &["scheduler", "--port", "0"]);
        let (address, workers) = (String::new(), Vec::new());
        let mut cluster = Cluster { address, scheduler, workers, setup: self, files };
        (0..cluster.setup.workers).for_each(|_| cluster.add_worker());
        let file = cluster.files.path().join("scheduler.json");
        eventually("the scheduler has an address", || {
            let told = fs::read(&file).unwrap_or_default();
            let told: serde_json::Value = serde_json::from_slice(&told).unwrap_or_default();
            cluster.address = told["address"].as_str().unwrap_or_default().to_owned();
            !cluster.address.is_empty()
        });
        if cluster.setup.workers > 0 {
            let client = cluster.connect();
            cluster.wait_for_workers(&client);
        }
        cluster
    }
}

impl Cluster {
    /// Of so many workers.
    pub(crate) fn start(workers: usize) -> Self {
        Setup { workers, ..Setup::default() }.start()
    }

    /// Starts another worker.
    pub(crate) fn add_worker(&mut self) {
        self.add_worker_with(&["--nthreads", "1"]);
    }

    /// Starts another worker in a way of its own.
    pub(crate) fn add_worker_with(&mut self, arguments: &[&str]) {
        let arguments = [&["worker", "--nworkers", "1"], arguments].concat();
        self.workers.push(self.setup.run(self.files.path(), "", &arguments));
    }

    /// Starts another worker, without a nanny, that runs some Python first.
    pub(crate) fn add_worker_that_runs(&mut self, first: &str) {
        let arguments = ["worker", "--no-nanny", "--nthreads", "1"];
        self.workers.push(self.setup.run(self.files.path(), first, &arguments));
    }

    /// Waits until all are there that were started.
    pub(crate) fn wait_for_workers(&self, client: &Client) {
        eventually("the workers are there", || client.info().workers.len() == self.workers.len());
    }

    /// How to connect to it.
    pub(crate) fn dask(&self) -> DaskCluster {
        let dask = Client::dask(&self.address).tasks(library());
        let dask = dask.python(python().expect("a Python")).patience(Duration::from_secs(20));
        match &self.setup.certificates {
            Some(folder) => with_certificates(dask, folder),
            None => dask,
        }
    }

    /// What a Python client of Dask's prints that runs this code: it is `client`.
    pub(crate) fn ask(&self, code: &str) -> String {
        let connect =
            format!("from distributed import Client\nclient = Client({:?})\n", self.address);
        let mut program = Command::new(python().expect("a Python"));
        let said = program.args(["-P", "-c", &(connect + code)]).output().expect("Python");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    /// The bridges of this program that are connected to it: children with a socket
    /// whose other end is the scheduler's.
    pub(crate) fn bridges(&self) -> Vec<u32> {
        let port: u16 = self.address.rsplit(':').next().and_then(|p| p.parse().ok()).expect("one");
        let is_to = |socket: &proc_net::Socket| socket.remote.port() == port;
        let is_connected = |pid: &u32| proc_net::sockets(*pid).iter().any(is_to);
        let children = children(std::process::id()).into_iter();
        let started: Vec<_> = self.processes().into_iter().collect();
        children.filter(|pid| !started.contains(pid)).filter(is_connected).collect()
    }

    /// The bridge of the one client that it has here.
    pub(crate) fn bridge(&self) -> u32 {
        let bridges = self.bridges();
        assert_eq!(bridges.len(), 1, "one client, one bridge");
        bridges[0]
    }

    /// Scheduler and nannies.
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.workers.iter().chain([&self.scheduler]).map(Child::id).collect()
    }

    pub(crate) fn connect(&self) -> Client {
        self.dask().connect().expect("a client")
    }

    /// The processes that do the work: the children of the nannies that are no
    /// helpers of Python's.
    pub(crate) fn worker_pids(&self) -> Vec<u32> {
        self.workers.iter().flat_map(|nanny| children(nanny.id())).filter(is_worker).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let is_well = !std::thread::panicking();
        if is_well {
            eventually("no client has left its bridge", || self.bridges().is_empty());
        }
        for child in self.workers.iter_mut().chain([&mut self.scheduler]) {
            let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
            let _ = child.wait();
        }
        if is_well {
            let folder = self.files.path();
            eventually("no process of it is left", || with_environment(folder).is_empty());
        }
    }
}

/// Adds those of `scripts/certificates` in that folder.
pub(crate) fn with_certificates(dask: DaskCluster, folder: &Path) -> DaskCluster {
    let [ca, certificate, key] = ["ca.pem", "certificate.pem", "key.pem"].map(|f| folder.join(f));
    dask.certificates(ca, certificate, key)
}

/// The processes whose environment has this folder in it.
pub(crate) fn with_environment(folder: &Path) -> Vec<u32> {
    let folder = folder.as_os_str().as_encoded_bytes();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let has_it = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(folder.len()).any(|window| window == folder)
    };
    pids.filter(has_it).collect()
}

/// The children of a process.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of =
        |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let all: String = tasks.map(of).collect();
    all.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn is_worker(pid: &u32) -> bool {
    let said = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    !String::from_utf8_lossy(&said).contains("resource_tracker")
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
}
