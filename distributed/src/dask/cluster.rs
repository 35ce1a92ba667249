//! A Dask cluster as the client sees it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use processes::Answer;

use crate::backend::{Backend, Call, Promise, Wanted};
use crate::scheduler::{TaskId, WorkerId};
use crate::slot::Slot;
use crate::timeline::Timeline;
use crate::{Error, Info, Place, WorkerInfo};

use super::bridge::{Bridge, Events};
use super::state::State;
use super::wire::{self, Command};

/// The back end: what is known, and the bridge.
pub(super) struct Cluster {
    shared: Arc<Shared>,
    names: AtomicU64,
    /// The tasks that the workers have, with their signatures.
    tasks: HashMap<String, String>,
    reader: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread that reads events has too.
struct Shared {
    state: Mutex<State>,
    bridge: Arc<Bridge>,
    patience: Duration,
    closing: AtomicBool,
}

impl Cluster {
    /// The cluster behind a bridge that is ready.
    pub(super) fn new(
        bridge: Arc<Bridge>,
        events: Events,
        (threads, tasks): (u32, Vec<(String, String)>),
        patience: Duration,
    ) -> Result<Self, Error> {
        let state = Mutex::new(State::new(threads as usize));
        let shared = Arc::new(Shared { state, bridge, patience, closing: AtomicBool::new(false) });
        let its = Arc::clone(&shared);
        let reader = std::thread::Builder::new()
            .name("bridge reader".into())
            .spawn(move || its.read(events))
            .map_err(|e| Error::Thread(Arc::new(e)))?;
        let (tasks, reader) = (tasks.into_iter().collect(), Mutex::new(Some(reader)));
        Ok(Self { shared, names: AtomicU64::new(0), tasks, reader })
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code of a user runs under this lock, so a poisoned one is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what comes, until nothing can come any more.
    fn read(&self, mut events: Events) {
        let error = loop {
            let soon = self.state().look(&self.bridge);
            // Nothing may come by itself before that.
            if let Some(soon) = soon
                && events.buffer().is_empty()
                && !events.get_ref().comes_within(soon)
            {
                continue;
            }
            match wire::receive(&mut events) {
                Ok(event) => self.state().hear(event, &self.bridge),
                Err(error) => break error,
            }
        };
        if !self.closing.load(Ordering::Acquire) {
            let why = self.bridge.why(&error, self.patience);
            self.state().lose(&why);
        }
    }
}

impl Backend for Cluster {
    fn names(&self, count: u64) -> TaskId {
        TaskId(self.names.fetch_add(count, Ordering::Relaxed))
    }

    fn submit(&self, calls: Vec<Call>) {
        self.shared.state().submit(calls, &self.shared.bridge);
    }

    fn accepts(&self, task: &'static str, signature: fn() -> String) -> Result<(), Error> {
        let Some(there) = self.tasks.get(task) else {
            let mut known: Vec<String> = self.tasks.keys().cloned().collect();
            known.sort_unstable();
            return Err(Error::Call(processes::Error::UnknownTask { task, known }));
        };
        let here = signature();
        if here == *there {
            return Ok(());
        }
        Err(Error::OtherTask { task, here, there: there.clone() })
    }

    fn want(&self, task: TaskId, how: Wanted) {
        self.shared.state().want(task, how, &self.shared.bridge);
    }

    fn wants_whole_batches(&self) -> bool {
        false
    }

    fn scatter(&self, task: TaskId, value: Arc<Answer>, onto_each: bool) {
        let slot = Promise(Slot::settled("scatter", Ok(Arc::clone(&value))));
        self.shared.state().scatter(task, slot, &value, onto_each, &self.shared.bridge);
    }

    fn knows_resources(&self) -> bool {
        true
    }

    fn release(&self, task: TaskId) {
        self.shared.state().release(task, &self.shared.bridge);
    }

    fn detach(&self, task: TaskId) {
        self.shared.state().detach(task, &self.shared.bridge);
    }

    fn cancel(&self, tasks: Vec<TaskId>, _kill: bool) {
        self.shared.state().cancel(tasks, &self.shared.bridge);
    }

    fn scale(&self, workers: usize) -> Result<(), Error> {
        let lost = |why: &str| Error::Lost { task: "scale", why: why.to_owned() };
        let (tell, told) = channel();
        let question = self.names.fetch_add(1, Ordering::Relaxed);
        let mut state = self.shared.state();
        if let Some(why) = &state.lost {
            return Err(lost(why));
        }
        state.scaling.insert(question, tell);
        let wanted = u32::try_from(workers).unwrap_or(u32::MAX);
        self.shared.bridge.send(&Command::Scale(question, wanted)).map_err(Error::from_process)?;
        drop(state);
        let there = told.recv_timeout(self.shared.patience);
        let mut state = self.shared.state();
        state.scaling.remove(&question);
        match there {
            Ok(there) if there < wanted => {
                let what = "be given more workers than it has: its deployment adds them";
                Err(Error::Unsupported { what })
            }
            Ok(_) => Ok(()),
            Err(_) => Err(lost(state.lost.as_deref().unwrap_or("the scheduler does not answer"))),
        }
    }

    fn info(&self) -> Info {
        let (tell, told) = channel();
        let question = self.names.fetch_add(1, Ordering::Relaxed);
        let mut state = self.shared.state();
        if state.lost.is_none() && !state.closed {
            state.questions.insert(question, tell);
            let _ = self.shared.bridge.send(&Command::Info(question));
        } else {
            drop(tell);
        }
        drop(state);
        // One that is lost meanwhile has forgotten the question.
        let mut workers = told.recv_timeout(self.shared.patience).unwrap_or_default();
        workers.sort_unstable();
        let mut state = self.shared.state();
        state.questions.remove(&question);
        let worker = |(id, (address, _name, threads)): (u64, (String, String, u32))| {
            let done = state.by_worker.get(&address).copied().unwrap_or_default();
            WorkerInfo { id: WorkerId(id), place: Place::Remote { address, threads }, done }
        };
        let workers = (0..).zip(workers).map(worker).collect();
        Info { workers, ..state.info() }
    }

    fn timeline(&self) -> Timeline {
        // Dask has one of its own, on its dashboard.
        Timeline::default()
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn close(&self) {
        self.shared.closing.store(true, Ordering::Release);
        self.shared.bridge.goodbye();
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reader) = reader {
            // Its panic would be a bug of ours, and has been printed.
            let _ = reader.join();
        }
        let mut state = self.shared.state();
        state.closed = true;
        state.clear();
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dask").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}
