//! A real Dask cluster: a scheduler and workers, each a process, on loopback.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use distributed::{Client, DaskCluster};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::common::eventually;

/// A scheduler and its workers; they end with it.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) address: String,
    pub(crate) scheduler: Child,
    /// Nannies, each of which looks after a worker process.
    pub(crate) workers: Vec<Child>,
    _files: TempDir,
}

/// Runs Dask's command line until this program is gone, however it goes.
pub(crate) const RUN: &str = "
import os, threading
from dask.__main__ import main
end = lambda: (os.read(0, 1), os.killpg(0, 9))
threading.Thread(target=end, daemon=True).start()
main()
";

/// The interpreter that has Dask, or why there is none.
pub(crate) fn python() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let made = |folder: &Path| {
        folder.join("python/stamp").exists().then(|| folder.join("python/bin/python"))
    };
    let python = std::env::var_os("POLYPHONY_PYTHON").map(PathBuf::from);
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

impl Cluster {
    /// Starts the scheduler and so many workers, and waits until all are there.
    pub(crate) fn start(workers: usize) -> Self {
        let python = python().expect("a Python");
        let files = tempfile::tempdir().expect("a directory");
        let file = files.path().join("scheduler.json");
        let run = |arguments: &[&str]| {
            let mut command = Command::new(&python);
            command.args(["-P", "-c", RUN]).args(arguments).arg("--scheduler-file").arg(&file);
            // Even without a dashboard there is a page of metrics, on all addresses.
            command.args(["--host", "127.0.0.1", "--no-dashboard"]);
            command.args(["--dashboard-address", "127.0.0.1:0"]);
            command.current_dir(files.path()).env("DASK_TEMPORARY_DIRECTORY", files.path());
            command.env("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "10s");
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            command.process_group(0).spawn().expect("a process")
        };
        let scheduler = run(&["scheduler", "--port", "0"]);
        let worker = |_| run(&["worker", "--nworkers", "1", "--nthreads", "1"]);
        let workers: Vec<_> = (0..workers).map(worker).collect();
        let mut cluster = Self { address: String::new(), scheduler, workers, _files: files };
        eventually("the scheduler has an address", || {
            let told = fs::read(&file).unwrap_or_default();
            let told: serde_json::Value = serde_json::from_slice(&told).unwrap_or_default();
            cluster.address = told["address"].as_str().unwrap_or_default().to_owned();
            !cluster.address.is_empty()
        });
        let client = cluster.connect();
        let all = cluster.workers.len();
        eventually("the workers are there", || client.info().workers.len() == all);
        cluster
    }

    /// How to connect to it.
    pub(crate) fn dask(&self) -> DaskCluster {
        let dask = Client::dask(&self.address).tasks(library());
        dask.python(python().expect("a Python")).patience(Duration::from_secs(20))
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
        for child in self.workers.iter_mut().chain([&mut self.scheduler]) {
            let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
            let _ = child.wait();
        }
    }
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
