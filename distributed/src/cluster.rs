//! A cluster on this machine: carries the scheduler's actions out.
//!
//! There is no scheduler thread. The scheduler stands behind a lock, and
//! whoever has news (a client that submits, a worker that has finished) feeds
//! it the event and carries the actions out before it lets go. So a worker
//! that finishes knows its next task at once, without waking anybody.
//!
//! Each worker has one thread here. It runs the tasks itself, or it is the
//! nanny (as Dask calls it) of a worker process: it hands tasks over, waits,
//! and starts another process when its own dies.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use processes::{Killer, message_of};

use crate::info::{Info, Place, WorkerInfo};
use crate::job::{Job, Ran};
use crate::scheduler::{Action, Event, Outcome, Scheduler, Spec, TaskId, WorkerId};
use crate::{Error, Placement};

/// How often a nanny tries to start another worker before it gives up.
const STARTS: u32 = 3;

/// Where a worker's tasks run.
pub(crate) trait Executor: Sized {
    /// Starts one.
    fn start() -> Result<Self, Error>;
    /// What `info` says of it.
    fn place(&self) -> Place;
    /// What ends it in the middle of a job, if anything can.
    fn killer(&self) -> Option<Killer>;
    /// Runs the job to its end, or to the executor's.
    fn run(&mut self, job: &mut dyn Job) -> Ran;
}

/// What the client and the threads of the workers share.
pub(crate) struct Cluster(Mutex<State>);

struct State {
    scheduler: Scheduler,
    placement: Placement,
    /// Blocks are dealt round the workers from here, or every task that is
    /// submitted alone would fall to the first worker.
    next_block: usize,
    /// Jobs that wait. The others are in the hands of a worker's thread.
    jobs: HashMap<TaskId, Box<dyn Job>>,
    members: BTreeMap<WorkerId, Member>,
    /// Threads that are a worker, or may yet become one again.
    seats: usize,
    next_task: u64,
    next_worker: u64,
    done: u64,
    /// Why no more tasks are taken.
    refusal: Option<Refusal>,
}

enum Refusal {
    Closed,
    Deserted(Error),
}

/// A worker, as the cluster sees it.
struct Member {
    inbox: Sender<Assignment>,
    place: Place,
    killer: Option<Killer>,
    done: u64,
}

type Assignment = (TaskId, Box<dyn Job>);

/// Jobs that are over. They are told so after the lock is released, because
/// that may wake others and drops values of the task's own.
#[must_use]
struct Over(Vec<(Box<dyn Job>, Outcome)>);

impl Cluster {
    /// A cluster of so many threads, each of which will [`serve`].
    pub(crate) fn new(scheduler: Scheduler, placement: Placement, seats: usize) -> Self {
        Self(Mutex::new(State {
            scheduler,
            placement,
            next_block: 0,
            jobs: HashMap::new(),
            members: BTreeMap::new(),
            seats,
            next_task: 0,
            next_worker: 0,
            done: 0,
            refusal: None,
        }))
    }

    /// Submits a batch.
    pub(crate) fn submit(&self, jobs: Vec<Box<dyn Job>>) {
        let mut state = self.lock();
        match &state.refusal {
            None => {}
            // Dropping the jobs says so to their futures.
            Some(Refusal::Closed) => return,
            Some(Refusal::Deserted(error)) => {
                let error = error.clone();
                drop(state);
                return fail_all(jobs, &error);
            }
        }
        let tasks: Vec<TaskId> = (state.next_task..).map(TaskId).take(jobs.len()).collect();
        state.next_task += tasks.len() as u64;
        state.jobs.extend(tasks.iter().copied().zip(jobs));
        let specs = state.specs(&tasks);
        let over = state.handle(Event::Submitted { specs });
        drop(state);
        over.tell();
    }

    pub(crate) fn info(&self) -> Info {
        let state = self.lock();
        let worker = |(id, member): (&WorkerId, &Member)| WorkerInfo {
            id: *id,
            place: member.place.clone(),
            done: member.done,
        };
        Info {
            workers: state.members.iter().map(worker).collect(),
            waiting: state.scheduler.counts().ready,
            running: state.scheduler.counts().assigned,
            done: state.done,
        }
    }

    /// Takes no more tasks, drops those that wait, and sends every worker home.
    /// What runs in a thread is finished; what runs in a process is killed.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.refusal = Some(Refusal::Closed);
        // A worker without work reads the end of its inbox, and leaves.
        for (worker, member) in std::mem::take(&mut state.members) {
            if let Some(killer) = member.killer
                && state.scheduler.load(worker) > 0
            {
                killer.kill();
            }
        }
        let dropped = std::mem::take(&mut state.jobs);
        drop(state);
        dropped.into_values().for_each(drop_quietly);
    }

    /// A thread will not serve any more, for want of a worker.
    fn give_up_seat(&self, error: Error) {
        let mut state = self.lock();
        state.seats -= 1;
        if state.seats > 0 || state.refusal.is_some() {
            return;
        }
        let error = Error::Deserted { source: Box::new(error) };
        state.refusal = Some(Refusal::Deserted(error.clone()));
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        fail_all(jobs.into_values(), &error);
    }

    /// A worker is there: its name and its inbox, unless all is over.
    fn join(&self, executor: &impl Executor) -> Option<(WorkerId, Receiver<Assignment>)> {
        let mut state = self.lock();
        if state.refusal.is_some() {
            return None;
        }
        let worker = WorkerId(state.next_worker);
        state.next_worker += 1;
        let (inbox, tasks) = bounded(1);
        let (place, killer) = (executor.place(), executor.killer());
        state.members.insert(worker, Member { inbox, place, killer, done: 0 });
        let over = state.handle(Event::WorkerJoined { worker, depth: 1 });
        drop(state);
        over.tell();
        Some((worker, tasks))
    }

    /// A worker has done its task.
    fn finished(&self, worker: WorkerId, (task, job): Assignment) {
        let mut state = self.lock();
        if let Some(member) = state.members.get_mut(&worker) {
            member.done += 1;
        }
        state.done += 1;
        if state.refusal.is_some() {
            // There is no next task to decide on, and this one is done.
            drop(state);
            return Over(vec![(job, Outcome::Returned)]).tell();
        }
        state.jobs.insert(task, job);
        let over = state.handle(Event::Finished { worker, task, bytes: 0, kept: false });
        drop(state);
        over.tell();
    }

    /// A worker is gone, with this in hand.
    fn lost(&self, worker: WorkerId, (task, job): Assignment, suspicious: bool) {
        let mut state = self.lock();
        state.members.remove(&worker);
        if state.refusal.is_some() {
            // It was killed because all is over; dropping the job says so.
            drop(state);
            return drop_quietly(job);
        }
        state.jobs.insert(task, job);
        let begun = if suspicious { vec![task] } else { Vec::new() };
        let over = state.handle(Event::WorkerLost { worker, begun });
        drop(state);
        over.tell();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of a task runs under this lock, so nothing of a task's can
        // poison it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.info(), f)
    }
}

impl State {
    /// Feeds the scheduler and carries its actions out.
    fn handle(&mut self, event: Event) -> Over {
        let (mut over, mut ended) = (Vec::new(), Vec::new());
        let mut actions = Vec::new();
        self.scheduler.handle(event, &mut actions);
        for action in actions {
            match action {
                Action::Assign { task, worker } => {
                    let job = self.jobs.remove(&task).expect("a task that waits has its job here");
                    let member = &self.members[&worker];
                    // A worker has one task at most, so there is room.
                    member.inbox.try_send((task, job)).unwrap_or_else(|e| drop(e.into_inner()));
                }
                Action::Finish { task, outcome } => {
                    let job = self.jobs.remove(&task).expect("a task in hand was handed back");
                    over.push((job, outcome));
                    ended.push(task);
                }
                // One task at a time has nothing to recall, and values that
                // are here need no fetching and no freeing.
                _ => {}
            }
        }
        if !ended.is_empty() {
            // The future has the value, or will have it: nothing depends on it.
            self.scheduler.handle(Event::Released { tasks: ended }, &mut Vec::new());
        }
        Over(over)
    }

    /// The tasks of a batch, each with the worker whose block it falls into.
    fn specs(&mut self, tasks: &[TaskId]) -> Vec<Spec> {
        let names: Vec<WorkerId> = self.members.keys().copied().collect();
        let mut specs = Vec::with_capacity(tasks.len());
        let mut blocks = 0;
        for (block, positions) in self.placement.blocks(tasks.len(), names.len()) {
            let owner = |block| names[(self.next_block + block) % names.len()];
            let home = block.map(owner);
            blocks += usize::from(home.is_some());
            specs.extend(tasks[positions].iter().map(|task| Spec { home, ..Spec::new(*task) }));
        }
        self.next_block = (self.next_block + blocks) % names.len().max(1);
        specs
    }
}

impl Over {
    fn tell(self) {
        for (job, outcome) in self.0 {
            quietly(|| job.finish(outcome));
        }
    }
}

/// The life of a worker's thread: a member of the cluster, and again with
/// another executor when one is lost, until all is over.
///
/// `joined` is called each time that it has become a member.
pub(crate) fn serve<E: Executor>(cluster: &Cluster, mut executor: E, joined: impl Fn()) {
    while let Some((worker, tasks)) = cluster.join(&executor) {
        joined();
        if !attend(cluster, &mut executor, worker, &tasks) {
            return;
        }
        // The dead one is buried before another is born.
        drop(executor);
        executor = match start_again() {
            Ok(executor) => executor,
            Err(error) => return cluster.give_up_seat(error),
        };
    }
}

/// Does what comes into the inbox. Says whether the worker was lost; if not,
/// all is over.
fn attend<E: Executor>(
    cluster: &Cluster,
    executor: &mut E,
    worker: WorkerId,
    tasks: &Receiver<Assignment>,
) -> bool {
    for (task, mut job) in tasks {
        match executor.run(&mut *job) {
            Ran::ToTheEnd => cluster.finished(worker, (task, job)),
            Ran::Lost { suspicious } => {
                cluster.lost(worker, (task, job), suspicious);
                return true;
            }
        }
    }
    false
}

fn start_again<E: Executor>() -> Result<E, Error> {
    let mut pause = Duration::from_millis(10);
    for _ in 1..STARTS {
        match E::start() {
            Ok(executor) => return Ok(executor),
            // Memory or processes may be short for a moment.
            Err(_) => std::thread::sleep(pause),
        }
        pause *= 4;
    }
    E::start()
}

/// Runs code that may run a task's own `Drop`, whose panic is the task's
/// trouble and not the cluster's; the panic hook has printed it.
fn quietly(code: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(code)).map_err(message_of);
}

fn fail_all(jobs: impl IntoIterator<Item = Box<dyn Job>>, error: &Error) {
    jobs.into_iter().for_each(|job| quietly(|| job.fail(error.clone())));
}

fn drop_quietly<T>(value: T) {
    quietly(|| drop(value));
}

#[cfg(test)]
mod tests {
    use processes::Task;

    use super::*;
    use crate::job::job;
    use crate::scheduler::Fifo;

    const DOUBLE: Task<u64, u64> = Task::new("double", |x| x * 2);

    /// Dies of its first task, and nothing takes its place.
    struct Mortal;

    impl Executor for Mortal {
        fn start() -> Result<Self, Error> {
            Err(Error::NoWorkers)
        }

        fn place(&self) -> Place {
            Place::Thread { name: "mortal".into() }
        }

        fn killer(&self) -> Option<Killer> {
            None
        }

        fn run(&mut self, _: &mut dyn Job) -> Ran {
            Ran::Lost { suspicious: true }
        }
    }

    #[test]
    fn tasks_of_a_deserted_cluster_fail_now_and_later() {
        let cluster = Cluster::new(Scheduler::new(Fifo, 3), Placement::Dynamic, 2);
        let (jobs, futures): (Vec<_>, Vec<_>) = (0..10).map(|x| job(&DOUBLE, x)).unzip();
        cluster.submit(jobs);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| serve(&cluster, Mortal, || ()));
            }
        });
        let (late, future) = job(&DOUBLE, 1);
        cluster.submit(vec![late]);
        for future in futures.into_iter().chain([future]) {
            let result = future.result();
            assert!(matches!(result, Err(Error::Deserted { .. })), "{result:?}");
        }
    }
}
