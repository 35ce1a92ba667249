//! The client: what a user holds of a cluster.

use std::sync::Arc;
use std::time::Duration;

use processes::{Answer, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::argument::{Argument, Refused, Writer};
use crate::backend::{Backend, Call, Here, Options, Promise, Work};
use crate::delayed::Node;
use crate::future::{self, Future};
use crate::graph::Graph;
use crate::local::LocalCluster;
use crate::slot::Slot;
use crate::timeline::Timeline;
use crate::{Error, Info};

/// Submits tasks to a cluster's workers and hands out their results.
///
/// Threads can share a client by reference. Dropping it closes it.
#[derive(Debug)]
pub struct Client {
    backend: Arc<dyn Backend>,
}

/// Tasks to submit in a certain way; see [`Client::with`].
#[derive(Clone, Debug)]
#[must_use = "it says how to submit, and submits nothing"]
pub struct Submit<'c> {
    client: &'c Client,
    options: Options,
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
        LocalCluster::new()
    }

    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend }
    }

    /// Ways to submit: with a priority, retries, a deadline or resources.
    ///
    /// ```
    /// # use distributed::Client;
    /// # use processes::Task;
    /// # const INC: Task<i64, i64> = Task::new("inc", |x| x + 1);
    /// # let client = Client::local().n_workers(1).processes(false).start()?;
    /// let soon = client.with().priority(10).retries(2).submit(&INC, 1);
    /// assert_eq!(soon.result()?, 2);
    /// # Ok::<(), distributed::Error>(())
    /// ```
    pub fn with(&self) -> Submit<'_> {
        Submit { client: self, options: Options::default() }
    }

    /// Hands one task in. It runs whether anybody waits for it or not, unless
    /// its future is dropped before it has begun.
    ///
    /// The input is a value, or an [`Argument`] that stands for one: the future
    /// of another task, or a tuple or sequence of such.
    ///
    /// On worker processes the task must be in the registry that the program
    /// claimed its entry with, and it may run more than once if workers die:
    /// it must not matter how often (it is *idempotent*).
    pub fn submit<In, Out>(&self, task: &Task<In, Out>, input: impl Argument<In>) -> Future<Out>
    where
        In: DeserializeOwned + 'static,
        Out: Serialize + 'static,
    {
        self.with().submit(task, input)
    }

    /// Hands one task for each input in; the futures are in the inputs' order.
    ///
    /// Every input is a task of its own: none are grouped into chunks, so each
    /// may go to another worker, and each costs the overhead of one. The first
    /// may run while the inputs of the last are still being asked for.
    pub fn map<In, Out, A>(
        &self,
        task: &Task<In, Out>,
        inputs: impl IntoIterator<Item = A>,
    ) -> Vec<Future<Out>>
    where
        In: DeserializeOwned + 'static,
        Out: Serialize + 'static,
        A: Argument<In>,
    {
        self.with().map(task, inputs)
    }

    /// Puts a value on the cluster, to be the argument of many tasks: it is
    /// encoded once.
    ///
    /// Dask puts it on one worker, from which others fetch it; see
    /// [`broadcast`](Self::broadcast). If that worker dies it is put on another, for as
    /// long as this future lives or a call that takes it is not done: the bytes are kept
    /// here, once, and the future's [`result`](Future::result) hands them out.
    pub fn scatter<T: Serialize>(&self, value: &T) -> Future<T> {
        self.put(value, false)
    }

    /// The same onto every worker that there is, before any task asks for it: for
    /// what each of them will want, such as a model or a table.
    ///
    /// On a Dask cluster each worker that runs gets a copy; those that come later
    /// fetch it when a task of theirs takes it. Dask's active memory manager, which is
    /// on by default, drops copies that no task waits for, every two seconds: then
    /// workers fetch it again. Who wants them kept turns it off in the scheduler
    /// (`distributed.scheduler.active-memory-manager.start`), or submits the tasks
    /// along with the broadcast. On this machine's clusters it is what
    /// [`scatter`](Self::scatter) is: the value is held once, on the client's side,
    /// and goes out with the tasks that take it.
    ///
    /// ```
    /// # use distributed::{Client, With};
    /// # use processes::Task;
    /// const PICK: Task<(Vec<i64>, usize), i64> = Task::new("pick", |(table, n)| table[n]);
    /// # let client = Client::local().n_workers(2).processes(false).start()?;
    /// let table = client.broadcast(&vec![2, 3, 5, 7]);
    /// let picked = client.map(&PICK, (0..4).map(|n| With((&table, n))));
    /// assert_eq!(client.gather(picked)?, [2, 3, 5, 7]);
    /// # Ok::<(), distributed::Error>(())
    /// ```
    pub fn broadcast<T: Serialize>(&self, value: &T) -> Future<T> {
        self.put(value, true)
    }

    fn put<T: Serialize>(&self, value: &T, onto_each: bool) -> Future<T> {
        const NAME: &str = "scatter";
        let id = self.backend.names(1);
        let mut bytes = Vec::new();
        let settled = match processes::encode(NAME, value, &mut bytes) {
            Ok(()) => {
                let value = Arc::new(Answer::output(bytes));
                self.backend.scatter(id, Arc::clone(&value), onto_each);
                Ok(value)
            }
            Err(e) => Err(Error::from_process(e)),
        };
        Future::new(id, Slot::settled(NAME, settled), Arc::clone(&self.backend))
    }

    /// Waits for all results and returns them in the futures' order.
    ///
    /// # Errors
    /// As soon as a task has failed, its error; of several, the first in
    /// order. The other tasks still run while their futures live.
    pub fn gather<Out: DeserializeOwned>(
        &self,
        futures: impl IntoIterator<Item = Future<Out>>,
    ) -> Result<Vec<Out>, Error> {
        future::gather(&futures.into_iter().collect::<Vec<_>>())
    }

    /// Asks for these tasks not to be done, nor any that takes a value of
    /// theirs; see [`Future::cancel`]. With `kill`, those that run are ended
    /// too, together with their worker processes, which are replaced.
    pub fn cancel<'f, Out: 'f>(
        &self,
        futures: impl IntoIterator<Item = &'f Future<Out>>,
        kill: bool,
    ) {
        let ours = futures.into_iter().filter(|future| future.is_of(&self.backend));
        self.backend.cancel(ours.map(Future::id).collect(), kill);
    }

    /// So many workers from now on. New ones are there in a moment; those that
    /// are too many finish what they have begun, give back the rest, and go.
    /// Places that were given up, because no worker could be started there, are
    /// tried again, so this is also how a cluster that is
    /// [deserted](Error::Deserted) is used again once the cause is mended.
    ///
    /// A Dask cluster at an address has no more workers than its deployment (Slurm,
    /// Kubernetes, who started them) gives it. There, fewer than there are means
    /// that the idlest retire, whoever else uses the cluster: they hand their values
    /// to those that stay, and go; what one is in the middle of is done again
    /// elsewhere.
    ///
    /// # Errors
    /// [`Error::NoWorkers`] for none. [`Error::Unsupported`] for more than a Dask
    /// cluster has. [`Error::Lost`] if that is lost.
    pub fn scale(&self, n_workers: usize) -> Result<(), Error> {
        if n_workers == 0 {
            return Err(Error::NoWorkers);
        }
        self.backend.scale(n_workers)
    }

    /// The workers and what they have done, at this moment.
    pub fn info(&self) -> Info {
        self.backend.info()
    }

    /// Which worker ran what when, of the attempts that have ended since this was
    /// asked last; without [`LocalCluster::timeline`] none. Time counts from the
    /// first task that was submitted since then, so ask when nothing runs.
    ///
    /// The bounds are those of the tasks that brought a value, by the times that
    /// they took: their longest chain, and their sum over the workers, the most that
    /// there were to be.
    ///
    /// ```
    /// # use distributed::Client;
    /// # use processes::Task;
    /// # const INC: Task<i64, i64> = Task::new("inc", |x| x + 1);
    /// let client = Client::local().n_workers(2).processes(false).timeline(true).start()?;
    /// client.gather(client.map(&INC, 0..10))?;
    /// let timeline = client.timeline();
    /// assert_eq!(timeline.records.len(), 10);
    /// // timeline.write("increments")?;
    /// # Ok::<(), distributed::Error>(())
    /// ```
    pub fn timeline(&self) -> Timeline {
        self.backend.timeline()
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

    /// Submits the graph of a node, and returns the node's own future.
    pub(crate) fn submit_node<Out>(&self, node: &Arc<Node>) -> Future<Out> {
        let mut graph = Graph::new(&self.backend);
        let (id, slot) = match graph.add(node) {
            Ok(id) => (id, graph.slot(id).expect("the node was added")),
            Err(e) => (self.backend.names(1), Slot::settled(node.task, Err(e))),
        };
        graph.submit(Some(id));
        Future::new(id, slot, Arc::clone(&self.backend))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.backend.close();
    }
}

impl<'c> Submit<'c> {
    /// Of the tasks that are ready, those with the highest number go first; but
    /// behind those that lie with a worker already, up to 256 each.
    pub fn priority(mut self, priority: i32) -> Self {
        self.options.priority = priority;
        self
    }

    /// How often a task is run again after it has panicked, or has said
    /// something that cannot cross.
    pub fn retries(mut self, retries: u32) -> Self {
        self.options.retries = retries;
        self
    }

    /// How long a task may run. When it is over that, its worker is killed and
    /// replaced, and the task is [`Error::Timeout`]. Threads cannot be killed:
    /// there the task goes on, its result is dropped, and another thread takes the
    /// worker's place, as long as no more than 256 go on like this.
    ///
    /// Such tasks are sent one by one, so each costs a message of its own.
    ///
    /// A Dask cluster's workers run tasks in threads, so there it is the same as in
    /// threads here: the limit counts from when the task begins on its worker, which
    /// takes up other tasks as soon as it is over; but the task that is late has the
    /// worker's core and memory until its own end.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.options.deadline = Some(limit);
        self
    }

    /// What a task takes of its worker while it runs, beside a thread; Dask's
    /// `resources`. It goes only to workers that were started with enough of it
    /// (`dask worker --resources "GPU=2"`), and each worker runs only as many such
    /// tasks at a time as it has enough for. Can be said of several, by name.
    ///
    /// If no worker has enough, the task waits until one comes that has. On this
    /// machine's clusters, whose workers have no resources, a task that takes any is
    /// [`Error::Unsupported`], so that no limit is passed over in silence.
    ///
    /// # Panics
    /// If the amount is not above zero, or not finite.
    pub fn resource(mut self, name: &str, amount: f64) -> Self {
        self.options.resources = self.options.resources.with(name, amount);
        self
    }

    /// As [`Client::submit`].
    pub fn submit<In, Out>(&self, task: &Task<In, Out>, input: impl Argument<In>) -> Future<Out>
    where
        In: DeserializeOwned + 'static,
        Out: Serialize + 'static,
    {
        let mut futures = self.map(task, std::iter::once(input));
        futures.pop().expect("a future for the input")
    }

    /// As [`Client::map`].
    pub fn map<In, Out, A>(
        &self,
        task: &Task<In, Out>,
        inputs: impl IntoIterator<Item = A>,
    ) -> Vec<Future<Out>>
    where
        In: DeserializeOwned + 'static,
        Out: Serialize + 'static,
        A: Argument<In>,
    {
        let backend = &self.client.backend;
        let name = task.name();
        let here = (!backend.is_remote()).then(|| here(task));
        let what = "tell which of its workers have resources";
        let accepted = match self.options.resources.is_empty() || backend.knows_resources() {
            true => backend.accepts(name, Task::<In, Out>::signature),
            false => Err(Error::Unsupported { what }),
        };
        let mut writer = Writer::new(name, Some(Arc::clone(backend)));
        let mut graph = Graph::new(backend);
        let inputs = inputs.into_iter();
        let mut futures = Vec::with_capacity(inputs.size_hint().0);
        for input in inputs {
            let written = match input.write(&mut writer) {
                Ok(()) => match &accepted {
                    Ok(()) => graph.input(&mut writer),
                    Err(e) => {
                        writer.clear();
                        Err(e.clone())
                    }
                },
                Err(refused) => {
                    writer.clear();
                    Err(match refused {
                        Refused::Value(e) => Error::from_process(e),
                        Refused::Foreign => Error::Foreign { task: name },
                        Refused::Failed(e) => *e,
                    })
                }
            };
            // Behind the names of what it depends on.
            let id = backend.names(1);
            let slot = match written {
                Err(e) => Slot::settled(name, Err(e)),
                Ok(input) => {
                    let slot = Slot::new(name);
                    let (options, here) = (self.options.clone(), here.clone());
                    let work = Work { input, options, here };
                    graph.push(Call { id, slot: Promise(Arc::clone(&slot)), work });
                    slot
                }
            };
            futures.push(Future::new(id, slot, Arc::clone(backend)));
        }
        graph.submit(None);
        futures
    }
}

/// A task without its types, to be run in this process.
pub(crate) fn here<In, Out>(task: &Task<In, Out>) -> Here
where
    In: DeserializeOwned + 'static,
    Out: Serialize + 'static,
{
    let task = *task;
    Arc::new(move |input| task.answer(input))
}
