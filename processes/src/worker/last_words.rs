//! What a worker says last: standard error, forwarded and remembered.
//!
//! A worker's standard error is a pipe to this process. One thread reads the
//! pipes of all workers and passes on what comes to this process's own
//! standard error, so that a worker never waits for a reader; it keeps the end.
//! When a worker has died, whoever reaps it reads what is left by itself: all
//! that the worker wrote is in the pipe by then.
//!
//! A worker may write without end, and what it started may outlive it and do so,
//! too. So no turn at a pipe is longer than [`TURN`], and the last is as long as
//! what the pipe holds. Who writes faster than this process's standard error takes
//! it, waits at its pipe, as it would without one.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

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
}

/// The pipes that are read, and what tells which have something.
struct Forwarder {
    epoll: Epoll,
    /// Tells it that there are spare buffers to look after.
    spare: EventFd,
    pipes: Mutex<HashMap<u64, Arc<Mutex<Pipe>>>>,
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
        let pipe = Arc::new(Mutex::new(Pipe { end: Some(end), kept: Vec::new() }));
        lock(&forwarder.pipes).insert(id, Arc::clone(&pipe));
        Ok(Self { id, pipe })
    }

    /// Passes on what has been written by now, as the last: what comes later is
    /// not read any more.
    pub(super) fn finish(&self) {
        let mut pipe = self.release();
        let holds = pipe.end.as_ref().and_then(|end| fcntl(end, FcntlArg::F_GETPIPE_SZ).ok());
        pipe.forward(holds.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(PIPE));
        // Whatever still writes there finds it closed, and does not wait.
        pipe.end = None;
    }

    /// Takes the pipe from the forwarder, who may be in the middle of a turn and
    /// does not come back to it afterwards.
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
    /// can come.
    fn forward(&mut self, most: usize) -> bool {
        let mut bytes = [0; KEPT];
        let Some(end) = &mut self.end else { return true };
        let mut taken = 0;
        while taken < most {
            match end.read(&mut bytes) {
                Ok(0) => return false,
                Ok(read) => {
                    taken += read;
                    // That it cannot be passed on is no reason not to read it.
                    let _ = io::stderr().write_all(&bytes[..read]);
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
const SPARE: u64 = u64::MAX;

/// Has the forwarder, if there is one, look after [spare buffers](spare).
pub(crate) fn look_after_spare() {
    if let Some(forwarder) = FORWARDER.get() {
        let _ = forwarder.spare.write(1);
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
        let spare = EventFd::from_value_and_flags(0, flags)?;
        // It tells of each write once, so that nobody has to read it.
        let events = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        epoll.add(&spare, EpollEvent::new(events, SPARE))?;
        let forwarder = Forwarder { epoll, spare, pipes: Mutex::default() };
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
        loop {
            let timeout = spare::sweep().and_then(|due| EpollTimeout::try_from(due).ok());
            let timeout = timeout.unwrap_or(EpollTimeout::NONE);
            let ready = self.epoll.wait(&mut events, timeout).unwrap_or(0);
            for event in &events[..ready] {
                let pipe = lock(&self.pipes).get(&event.data()).cloned();
                let Some(pipe) = pipe else { continue };
                let mut pipe = lock(&pipe);
                // What is left is reported again, and so is an end until nobody asks.
                if !pipe.forward(TURN)
                    && let Some(end) = &pipe.end
                {
                    let _ = self.epoll.delete(end.as_fd());
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
