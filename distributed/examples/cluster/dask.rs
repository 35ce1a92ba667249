//! What the tasks need on a Dask cluster of this machine: a Python that has Dask, a
//! scheduler with workers, and the library of tasks that the workers load. Each is
//! made when it is not there. The bench has its clusters from here, too.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use distributed::Client;

/// How long workers may take until they have greeted the scheduler.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `scripts/dask-cluster` runs beside the cluster: it tells the address and
/// lives until its input ends, which this program's end sees to, whatever that is.
const BESIDE: &str = r#"echo "$POLYPHONY_CLUSTER"; exec cat >/dev/null"#;

/// A scheduler and its workers, each a process; they end with this.
#[derive(Debug)]
pub(crate) struct DaskHere {
    script: Child,
    lifeline: Option<ChildStdin>,
    workers: usize,
    pub(crate) address: String,
}

impl DaskHere {
    /// Starts so many workers of so many threads.
    ///
    /// # Errors
    /// That there is no cluster; the script has said why on standard error.
    pub(crate) fn start(python: &Path, workers: usize, threads: usize) -> Result<Self, String> {
        let mut script = Command::new(scripts().join("dask-cluster"))
            .args(["sh", "-c", BESIDE])
            .env("POLYPHONY_PYTHON", python)
            .env("WORKERS", workers.to_string())
            .env("THREADS", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("scripts/dask-cluster does not run: {e}"))?;
        let lifeline = script.stdin.take();
        let said = script.stdout.take().expect("it is piped");
        // From here on it is ended however this function is left.
        let mut here = Self { script, lifeline, workers, address: String::new() };
        let mut line = String::new();
        let read = BufReader::new(said).read_line(&mut line);
        read.map_err(|e| format!("scripts/dask-cluster cannot be read: {e}"))?;
        line.trim().clone_into(&mut here.address);
        if here.address.is_empty() {
            return Err("scripts/dask-cluster started no cluster".into());
        }
        Ok(here)
    }

    /// A client of it, once all its workers are there.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn connect(&self, python: &Path, library: &Path) -> Result<Client, String> {
        let dask = Client::dask(&self.address).python(python).tasks(library);
        let client = dask.connect().map_err(|e| e.to_string())?;
        let since = Instant::now();
        while client.info().workers.len() < self.workers {
            if since.elapsed() > PATIENCE {
                return Err(format!("not all workers of Dask are there after {PATIENCE:?}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(client)
    }
}

impl Drop for DaskHere {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // It ends all that it has started, and then itself.
        let _ = self.script.wait();
    }
}

/// An interpreter that has Dask: `POLYPHONY_PYTHON`, or the one of the locked
/// environment, which is made if it is not there.
///
/// # Errors
/// That there is none; the script has said why on standard error.
pub(crate) fn python() -> Result<PathBuf, String> {
    if let Some(named) = named("POLYPHONY_PYTHON") {
        return Ok(named.into());
    }
    let mut script = Command::new(scripts().join("python-env"));
    let output = script.stderr(Stdio::inherit()).output();
    let output = output.map_err(|e| format!("scripts/python-env does not run: {e}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let last = printed.lines().last().filter(|_| output.status.success());
    last.map(PathBuf::from).ok_or("there is no Python with Dask".into())
}

/// The library of tasks that an example of this package makes, built as this
/// program was; `POLYPHONY_TASKS` names another.
///
/// # Errors
/// Without cargo, and if it cannot be built, which cargo has said why.
pub(crate) fn library(example: &str) -> Result<PathBuf, String> {
    if let Some(named) = named("POLYPHONY_TASKS") {
        return Ok(named.into());
    }
    let program = std::env::current_exe().map_err(|e| format!("this program is gone: {e}"))?;
    // It lies in target/PROFILE/examples or deps; the profile `dev` lies in `debug`.
    let folder = program.ancestors().nth(2).and_then(Path::file_name);
    let profile = folder.filter(|folder| *folder != "debug").unwrap_or(OsStr::new("dev"));
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let output = Command::new(&cargo)
        .args(["build", "--package", env!("CARGO_PKG_NAME"), "--example", example, "--profile"])
        .arg(profile)
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .arg("--message-format=json-render-diagnostics")
        // What cargo does can be seen; it takes a while the first time.
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| {
            let cargo = cargo.display();
            format!(
                "cannot build {example}, the tasks that Dask's workers load: {cargo}: {e}; \
                 POLYPHONY_TASKS may name the file of one that is built"
            )
        })?;
    if !output.status.success() {
        return Err(format!("{example}, the tasks that Dask's workers load, do not build"));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages = messages.lines().filter_map(|line| serde_json::from_str(line).ok());
    let made = |message: serde_json::Value| {
        let ours = message["target"]["name"] == example && message["filenames"].is_array();
        ours.then(|| message["filenames"][0].as_str().map(PathBuf::from)).flatten()
    };
    messages.filter_map(made).next_back().ok_or(format!("cargo names no library of {example}"))
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts")
}

/// What a variable says, if that is anything.
fn named(variable: &str) -> Option<OsString> {
    std::env::var_os(variable).filter(|named| !named.is_empty())
}
