//! What a worker says last: standard error, forwarded and remembered.
//!
//! A worker's standard error is a pipe to this process. One thread reads the
//! pipes of all workers and passes on what comes to this process's own
//! standard error, so that a worker never waits for a reader; it keeps the end.
//! When a worker has died, whoever reaps it reads what is left by itself: all
//! that the worker wrote is in the pipe by then. That is passed on by the thread,
//! too, so it comes in order; whoever reaps waits for it, for a program may end
//! next, but not for long: somebody may hold this process's standard error, and
//! be the one who waits for the reaping.
//!
//! A worker may write without end, and what it started may outlive it and do so,
//! too. So no turn at a pipe is longer than [`TURN`], and the last is as long as
//! what the pipe holds. Who writes faster than this process's standard error takes
//! it, waits at its pipe, as it would without one.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::spare;

/// How much is kept.
const KEPT: usize = 4 << 10;

/// How much of one worker's is read before it is the others' turn.
const TURN: usize = 4 * KEPT;

/// How much a pipe holds, unless somebody has said otherwise.
const PIPE: usize = 64 << 10;

/// How long a dead worker's last words are waited for to be passed on, each time
/// that something has been passed on since.
const PATIENCE: Duration = Duration::from_millis(100);

/// More bytes of the dead are not kept for a standard error that takes none.
const MOST: usize = 1 << 20;

/// One worker's standard error; dropping it ends the reading.
#[derive(Debug)]
pub(super) struct LastWords {
    id: u64,
    pipe: Arc<Mutex<Pipe>>,
}

#[derive(Debug)]
struct Pipe {
    /// Closed as soon as the worker is given up, whoever holds this.
    end: Option<File>,
    kept: Vec<u8>,
    /// Whether the forwarder is passing on what it has read here.
    passing: bool,
}

/// The pipes that are read, and what tells which have something.
struct Forwarder {
    epoll: Epoll,
    /// Tells it that there is something else to look after: spare buffers, or
    /// what the dead have left.
    wake: EventFd,
    pipes: Mutex<HashMap<u64, Arc<Mutex<Pipe>>>>,
    left: Mutex<Left>,
    /// Tells that some of it has been passed on.
    passed_on: Condvar,
}

/// What dead workers have left to be passed on.
#[derive(Default)]
struct Left {
    words: VecDeque<Vec<u8>>,
    /// How much that is.
    bytes: usize,
    /// How many there have been, and how many of them have been passed on.
    all: u64,
    done: u64,
    /// How many had been when somebody waited in vain.
    stuck: Option<u64>,
}

impl LastWords {
    /// Makes a pipe the standard error of what `command` starts.
    pub(super) fn new(command: &mut Command) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let forwarder = forwarder()?;
        let (end, theirs) = io::pipe()?;
        let end = File::from(OwnedFd::from(end));
        fcntl(&end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        command.stderr(theirs);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let event = EpollEvent::new(EpollFlags::EPOLLIN, id);
        forwarder.epoll.add(end.as_fd(), event)?;
        let pipe = Arc::new(Mutex::new(Pipe { end: Some(end), kept: Vec::new(), passing: false }));
        lock(&forwarder.pipes).insert(id, Arc::clone(&pipe));
        Ok(Self { id, pipe })
    }

    /// Has what has been written by now passed on, as the last: what comes later
    /// is not read any more. It waits for that, but not for long.
    pub(super) fn finish(&self) {
        let mut words = Vec::new();
        let passing = {
            let mut pipe = self.release();
            let holds = pipe.end.as_ref().and_then(|end| fcntl(end, FcntlArg::F_GETPIPE_SZ).ok());
            let holds = holds.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(PIPE);
            pipe.read(holds, &mut words);
            // Whatever still writes there finds it closed, and does not wait.
            pipe.end = None;
            pipe.passing
        };
        if (passing || !words.is_empty())
            && let Ok(forwarder) = forwarder()
        {
            forwarder.pass_on(words);
        }
    }

    /// Takes the pipe from the forwarder, who does not come back to it: it may be
    /// passing on what it has read there, and holds nothing meanwhile.
    fn release(&self) -> MutexGuard<'_, Pipe> {
        let Ok(forwarder) = forwarder() else { return lock(&self.pipe) };
        lock(&forwarder.pipes).remove(&self.id);
        let pipe = lock(&self.pipe);
        if let Some(end) = &pipe.end {
            let _ = forwarder.epoll.delete(end.as_fd());
        }
        pipe
    }

    /// The end of what has been written.
    pub(super) fn kept(&self) -> String {
        String::from_utf8_lossy(&lock(&self.pipe).kept).into_owned()
    }
}

impl Drop for LastWords {
    fn drop(&mut self) {
        // Whatever the forwarder has heard of it, it finds it closed.
        self.release().end = None;
    }
}

impl Pipe {
    /// Reads what is there, or at least so much of it; `false` once nothing more
    /// can come. The end of it is kept, and all of it comes behind `words`.
    fn read(&mut self, most: usize, words: &mut Vec<u8>) -> bool {
        let mut bytes = [0; KEPT];
        let Some(end) = &mut self.end else { return true };
        let mut taken = 0;
        while taken < most {
            match end.read(&mut bytes) {
                Ok(0) => return false,
                Ok(read) => {
                    taken += read;
                    words.extend_from_slice(&bytes[..read]);
                    self.kept.extend_from_slice(&bytes[..read]);
                    let surplus = self.kept.len().saturating_sub(KEPT);
                    self.kept.drain(..surplus);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return e.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }
}

/// What `epoll` says of the event that is no pipe's.
const WAKE: u64 = u64::MAX;

/// Has the forwarder, if there is one, look after [spare buffers](spare).
pub(crate) fn look_after_spare() {
    if let Some(forwarder) = FORWARDER.get() {
        let _ = forwarder.wake.write(1);
    }
}

static FORWARDER: OnceLock<Forwarder> = OnceLock::new();

/// The forwarder of this process, started with its first pipe; it sleeps while
/// no worker writes, and ends with the process.
fn forwarder() -> io::Result<&'static Forwarder> {
    static STARTING: Mutex<()> = Mutex::new(());
    if let Some(forwarder) = FORWARDER.get() {
        return Ok(forwarder);
    }
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if FORWARDER.get().is_none() {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = EventFd::from_value_and_flags(0, flags)?;
        // It tells of each write once, so that nobody has to read it.
        let events = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        epoll.add(&wake, EpollEvent::new(events, WAKE))?;
        let forwarder = Forwarder {
            epoll,
            wake,
            pipes: Mutex::default(),
            left: Mutex::default(),
            passed_on: Condvar::new(),
        };
        // It is there for all only if its thread is.
        let (tell, told) = std::sync::mpsc::channel::<&'static Forwarder>();
        let run = move || told.recv().map(Forwarder::run);
        std::thread::Builder::new().name("worker stderr".into()).stack_size(64 << 10).spawn(run)?;
        let forwarder = FORWARDER.get_or_init(|| forwarder);
        tell.send(forwarder).expect("the thread waits for it");
    }
    Ok(FORWARDER.get().expect("it has just been made"))
}

impl Forwarder {
    fn run(&self) -> ! {
        let mut events = [EpollEvent::empty(); 16];
        let mut words = Vec::new();
        loop {
            let timeout = spare::sweep().and_then(|due| EpollTimeout::try_from(due).ok());
            let timeout = timeout.unwrap_or(EpollTimeout::NONE);
            let ready = self.epoll.wait(&mut events, timeout).unwrap_or(0);
            for event in &events[..ready] {
                if event.data() == WAKE {
                    self.pass_on_what_is_left();
                    continue;
                }
                let pipe = lock(&self.pipes).get(&event.data()).cloned();
                let Some(pipe) = pipe else { continue };
                words.clear();
                let mut reading = lock(&pipe);
                // What is left is reported again, and so is an end until nobody asks.
                if !reading.read(TURN, &mut words)
                    && let Some(end) = &reading.end
                {
                    let _ = self.epoll.delete(end.as_fd());
                }
                // Standard error may be held by who wants the pipe next.
                reading.passing = true;
                drop(reading);
                write(&words);
                lock(&pipe).passing = false;
            }
        }
    }

    /// Passes on what the dead have left, each after all that came before it.
    fn pass_on_what_is_left(&self) {
        let mut left = lock(&self.left);
        while let Some(words) = left.words.pop_front() {
            drop(left);
            write(&words);
            left = lock(&self.left);
            left.bytes -= words.len();
            left.done += 1;
            self.passed_on.notify_all();
        }
    }

    /// Leaves this to the thread, and waits until it has been passed on; not when
    /// somebody has waited in vain, and nothing has been passed on since.
    fn pass_on(&self, words: Vec<u8>) {
        let mut left = lock(&self.left);
        if left.bytes + words.len() > MOST {
            return;
        }
        left.bytes += words.len();
        left.words.push_back(words);
        left.all += 1;
        let ours = left.all;
        let _ = self.wake.write(1);
        if left.stuck == Some(left.done) {
            return;
        }
        let waited = self.passed_on.wait_timeout_while(left, PATIENCE, |left| left.done < ours);
        let (mut left, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            left.stuck = Some(left.done);
        }
    }
}

/// Writes to standard error. That it cannot be written is no reason to stop.
fn write(words: &[u8]) {
    if !words.is_empty() {
        let _ = io::stderr().write_all(words);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
