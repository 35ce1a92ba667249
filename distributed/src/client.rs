//! The client: what a user holds of a cluster.

use std::num::NonZero;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use processes::Task;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cluster::{Cluster, Executor, serve};
use crate::future::{self, Future};
use crate::job::job;
use crate::scheduler::{Fifo, Scheduler};
use crate::worker_processes::ProcessWorker;
use crate::worker_threads::ThreadWorker;
use crate::{Error, Info, Placement};

/// Dask's default: a task may outlive three workers.
const ALLOWED_FAILURES: u32 = 3;

/// Submits tasks to a cluster's workers and hands out their results.
///
/// Threads can share a client by reference. Dropping it closes it.
#[derive(Debug)]
pub struct Client {
    cluster: Arc<Cluster>,
    workers: Vec<JoinHandle<()>>,
}

/// What a cluster on this machine shall be like; see [`Client::local`].
#[derive(Clone, Debug)]
#[must_use = "nothing is started until `start`"]
pub struct LocalCluster {
    n_workers: usize,
    processes: bool,
    allowed_failures: u32,
    placement: Placement,
}

impl Client {
    /// A cluster on this machine: a worker process for each core, unless said
    /// otherwise.
    ///
    /// The lecture's `Client(n_workers=4, processes=True)` is
    ///
    /// ```no_run
    /// # use distributed::Client;
    /// let client = Client::local().n_workers(4).processes(true).start()?;
    /// # Ok::<(), distributed::Error>(())
    /// ```
    pub fn local() -> LocalCluster {
        LocalCluster {
            // Where the system will not say, one worker is always right.
            n_workers: std::thread::available_parallelism().map_or(1, NonZero::get),
            processes: true,
            allowed_failures: ALLOWED_FAILURES,
            placement: Placement::default(),
        }
    }

    /// Hands one task in. It runs whether anybody waits for it or not.
    ///
    /// On worker processes the task must be in the registry that the program
    /// claimed its entry with, and it may run more than once if workers die:
    /// it must not matter how often (it is *idempotent*).
    pub fn submit<In, Out>(&self, task: &Task<In, Out>, input: In) -> Future<Out>
    where
        In: Serialize + Send + 'static,
        Out: DeserializeOwned + Send + 'static,
    {
        let (job, future) = job(task, input);
        self.cluster.submit(vec![job]);
        future
    }

    /// Hands one task for each input in, as one batch; the futures are in the
    /// inputs' order.
    ///
    /// Every input is a task of its own: none are grouped into chunks, so each
    /// may go to another worker, and each costs the overhead of one.
    pub fn map<In, Out>(
        &self,
        task: &Task<In, Out>,
        inputs: impl IntoIterator<Item = In>,
    ) -> Vec<Future<Out>>
    where
        In: Serialize + Send + 'static,
        Out: DeserializeOwned + Send + 'static,
    {
        let (jobs, futures) = inputs.into_iter().map(|input| job(task, input)).unzip();
        self.cluster.submit(jobs);
        futures
    }

    /// Waits for all results and returns them in the futures' order.
    ///
    /// # Errors
    /// As soon as a task has failed, its error; of several, the first in
    /// order. The other tasks still run, and their results are dropped.
    pub fn gather<Out>(
        &self,
        futures: impl IntoIterator<Item = Future<Out>>,
    ) -> Result<Vec<Out>, Error> {
        future::gather(futures.into_iter().collect())
    }

    /// The workers and what they have done, at this moment.
    pub fn info(&self) -> Info {
        self.cluster.info()
    }

    /// Ends the cluster, and returns when nothing of it is left: no process
    /// and no thread. Dropping the client does the same.
    ///
    /// Tasks that wait are dropped. A task that runs is finished in a thread,
    /// which nothing can stop, and killed in a process. The futures of those
    /// that are not done settle with [`Error::Closed`].
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.cluster.close();
        for worker in self.workers.drain(..) {
            // Its panic would be a bug of ours, and has been printed.
            let _ = worker.join();
        }
    }
}

impl LocalCluster {
    /// The number of workers: threads or processes, as [`processes`] says.
    ///
    /// [`processes`]: Self::processes
    pub fn n_workers(mut self, n: usize) -> Self {
        self.n_workers = n;
        self
    }

    /// Whether workers are processes, or threads of this process.
    ///
    /// Processes need [`processes::worker_entry`] at the top of `main`.
    pub fn processes(mut self, processes: bool) -> Self {
        self.processes = processes;
        self
    }

    /// How many deaths of its workers a task may outlive (3, as in Dask). After
    /// one more it fails with [`Error::WorkerKilled`].
    ///
    /// A death counts against the one task that the worker had begun; in Dask,
    /// against all that were assigned to it.
    pub fn allowed_failures(mut self, deaths: u32) -> Self {
        self.allowed_failures = deaths;
        self
    }

    /// How tasks find their workers.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Starts the workers, all at once, and waits until all are there.
    ///
    /// # Errors
    /// [`Error::NoWorkers`] if none are asked for; [`Error::Start`] or
    /// [`Error::Thread`] if one cannot be started, after ending the others.
    pub fn start(self) -> Result<Client, Error> {
        if self.processes {
            self.start_with::<ProcessWorker>()
        } else {
            self.start_with::<ThreadWorker>()
        }
    }

    fn start_with<E: Executor>(self) -> Result<Client, Error> {
        if self.n_workers == 0 {
            return Err(Error::NoWorkers);
        }
        let scheduler = Scheduler::new(Fifo, self.allowed_failures);
        let cluster = Arc::new(Cluster::new(scheduler, self.placement, self.n_workers));
        // Dropped on any error below, the client ends what was started.
        let mut client = Client { cluster, workers: Vec::with_capacity(self.n_workers) };
        let (started, starts) = mpsc::channel();
        for n in 0..self.n_workers {
            let (cluster, started) = (Arc::clone(&client.cluster), started.clone());
            let life = move || match E::start() {
                Ok(executor) => serve(&cluster, executor, || _ = started.send(Ok(()))),
                Err(error) => _ = started.send(Err(error)),
            };
            let thread = std::thread::Builder::new()
                .name(format!("worker-{n}"))
                .spawn(life)
                .map_err(|e| Error::Thread(Arc::new(e)))?;
            client.workers.push(thread);
        }
        drop(started);
        starts.iter().take(self.n_workers).collect::<Result<(), Error>>()?;
        Ok(client)
    }
}
