//! The same tasks on a Dask cluster: what connects to it.
//!
//! Dask schedules, places, retries after deaths and ships values between workers.
//! What is ours are three small parts around it:
//!
//! | file | part |
//! |---|---|
//! | `abi.rs`, `abi/` | the tasks as a library, which Dask's workers load; requests and replies |
//! | `python/polyphony_dask/` | the shim on the workers; the bridge, which holds Dask's client |
//! | `bridge.rs`, `wire.rs`, `boot.py` | the bridge as a child of this program, and what is said to it |
//! | `state.rs`, `state/`, `pace.rs` | which calls went in which chunk, and how many make one |
//! | `cluster.rs` | the back end that the client sees |
//! | `find.rs` | which Python, and which library |

pub mod abi;
mod bridge;
mod cluster;
mod find;
mod pace;
mod state;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::{Client, Error};

use bridge::Bridge;
use cluster::Cluster;
use wire::Command;

/// How long a step of connecting, a sign of life or an answer of the scheduler
/// may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A Dask cluster, and how to reach it; see [`Client::dask`].
#[derive(Clone, Debug)]
#[must_use = "nothing is connected until `connect`"]
pub struct DaskCluster {
    address: String,
    tasks: Option<PathBuf>,
    python: Option<PathBuf>,
    certificates: Option<[PathBuf; 3]>,
    patience: Duration,
}

impl DaskCluster {
    pub(crate) fn new(address: &str) -> Self {
        let address = address.to_owned();
        Self { address, tasks: None, python: None, certificates: None, patience: PATIENCE }
    }

    /// The library of tasks that workers load, made by
    /// [`export_tasks!`](crate::export_tasks). Otherwise `POLYPHONY_TASKS` names it,
    /// or it lies beside the program: `libNAME_tasks.so` for a program `NAME`.
    pub fn tasks(mut self, library: impl Into<PathBuf>) -> Self {
        self.tasks = Some(library.into());
        self
    }

    /// A Python that has Dask, of the version that the cluster has. Otherwise
    /// `POLYPHONY_PYTHON` names it, or it is the one that `scripts/python-env` has
    /// made beside the program, or `python3`.
    pub fn python(mut self, interpreter: impl Into<PathBuf>) -> Self {
        self.python = Some(interpreter.into());
        self
    }

    /// Files in PEM for a cluster that speaks TLS (`tls://`): the authority's
    /// certificate, the client's, and the client's key.
    pub fn certificates(
        mut self,
        authority: impl Into<PathBuf>,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.certificates = Some([authority.into(), certificate.into(), key.into()]);
        self
    }

    /// How long a step of connecting may take, how long the scheduler may leave a
    /// question without an answer, and the bridge be silent, before the cluster
    /// counts as lost (30 s). The bridge gives a sign of life each second.
    pub fn patience(mut self, longest: Duration) -> Self {
        self.patience = longest;
        self
    }

    /// Connects, and sends the tasks to scheduler and workers; those that come later
    /// get them too.
    ///
    /// # Errors
    /// [`Error::Missing`] without a Python that has Dask, or without a library;
    /// [`Error::Refused`] if there is no such scheduler, the cluster has other
    /// versions of Dask or Python, or a worker cannot load the library.
    pub fn connect(self) -> Result<Client, Error> {
        let library = match &self.tasks {
            Some(named) => find::existing(named.clone())?,
            None => find::library()?,
        };
        let python = self.python.clone().unwrap_or_else(find::python);
        // It connects and then sends the tasks, each as patiently, and before that
        // it has to import Dask.
        let silence = 2 * self.patience + PATIENCE;
        let (bridge, mut events) = Bridge::start(&python, silence)?;
        let library = text(&library)?;
        let [ca, certificate, key] = match &self.certificates {
            Some(files) => [Some(text(&files[0])?), Some(text(&files[1])?), Some(text(&files[2])?)],
            None => [None; 3],
        };
        let patience = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX);
        let address = &self.address;
        let connect = Command::Connect { address, library, ca, certificate, key, patience };
        bridge.send(&connect).map_err(Error::from_process)?;
        let ready = bridge::first(&bridge, &mut events, silence, &python)?;
        events.get_mut().patience = self.patience;
        let cluster = Cluster::new(bridge, events, ready, self.patience)?;
        Ok(Client::new(Arc::new(cluster)))
    }
}

/// A path as the bridge is told of it.
fn text(path: &Path) -> Result<&str, Error> {
    let no_text = || Error::Missing(format!("{} is no UTF-8", path.display()));
    path.to_str().ok_or_else(no_text)
}

impl Client {
    /// The Dask cluster at an address as Dask writes it: `tcp://host:8786`.
    ///
    /// The tasks and everything else are as on [`Client::local`]; what a worker loads
    /// is the library that [`export_tasks!`](crate::export_tasks) makes of the same
    /// registry, looked for beside this program. [`Client::dask`] says more exactly
    /// what to connect to, and how.
    ///
    /// ```no_run
    /// # use distributed::Client;
    /// # use processes::Task;
    /// # const INC: Task<i64, i64> = Task::new("inc", |x| x + 1);
    /// let client = Client::connect("tcp://127.0.0.1:8786")?;
    /// let futures = client.map(&INC, 0..100_000);
    /// println!("{}", client.gather(futures)?.len());
    /// # Ok::<(), distributed::Error>(())
    /// ```
    ///
    /// # What differs
    /// - Calls of one task go in chunks of up to 250 ms, found out as they run, and half
    ///   of what each thread has left; a chunk is one task for Dask. Calls that take
    ///   futures share one if their inputs do, or if these are there already and light.
    /// - Values stay on the workers until somebody waits for them. Those that are waited
    ///   for together come together, at least every 100 ms, so [`gather`](Client::gather)
    ///   may hear of a failure so much later.
    /// - [`retries`](crate::Submit::retries) are made at once, on the same worker.
    /// - [`cancel`](Client::cancel) takes what has not begun off the cluster; of a chunk,
    ///   only when all its calls are cancelled. It kills no worker.
    /// - What is over its [`deadline`](crate::Submit::deadline) settles with
    ///   [`Error::Timeout`], and frees its worker for other tasks; its thread goes on.
    /// - [`scale`](Client::scale) has workers retire, and cannot add any.
    ///
    /// # Errors
    /// As [`DaskCluster::connect`].
    pub fn connect(address: &str) -> Result<Self, Error> {
        Self::dask(address).connect()
    }

    /// The same with other settings than usual.
    pub fn dask(address: &str) -> DaskCluster {
        DaskCluster::new(address)
    }
}
