//! How a worker is started, and greeted.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::killer::Killer;
use super::last_words::LastWords;
use super::{GLANCE, Worker, runs};
use crate::codec;
use crate::control::{self, Control};
use crate::entry;
use crate::error::{Error, cannot};
use crate::wire::{self, Connection, Hello, Manner, Received};

/// How long a process may take to greet. A program that does much before its
/// worker entry, on a busy machine, stays far below.
const GREETING: Duration = Duration::from_secs(10);

/// How a worker is to be.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Whether it has a thread that watches for the parent's end; without, its
    /// tasks may `fork`, and it ends after the task at hand.
    pub watchdog: bool,
    /// How often it gives a sign of life, at least a millisecond apart; see
    /// [`Worker::heartbeat`]. It is the watchdog that gives it.
    pub heartbeat: Option<Duration>,
    /// Whether what it writes to standard error is kept, the last 4 KiB of it,
    /// for [`Error::Died`]; it reaches this process's standard error all the
    /// same, by a thread of this process that looks after all such workers in
    /// turn. One that writes faster than that waits.
    pub keep_stderr: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { watchdog: true, heartbeat: None, keep_stderr: false }
    }
}

impl Worker {
    /// Starts a worker and waits until it is ready.
    ///
    /// # Errors
    /// [`Error::EntryNotClaimed`], [`Error::Spawn`], [`Error::Handshake`].
    pub fn spawn() -> Result<Self, Error> {
        let mut worker = Self::start(Options::default())?;
        worker.greet()?;
        Ok(worker)
    }

    /// Starts `n` workers side by side and waits until all are ready.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn); then all that were started are gone.
    pub fn spawn_all(n: usize) -> Result<Vec<Self>, Error> {
        let mut workers =
            (0..n).map(|_| Self::start(Options::default())).collect::<Result<Vec<_>, _>>()?;
        workers.iter_mut().try_for_each(Self::greet)?;
        Ok(workers)
    }

    /// Starts a worker that has one thread, so that its tasks may `fork`.
    ///
    /// It has no thread that watches for the parent's end: if the parent dies
    /// it ends after the task at hand.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn spawn_single_threaded() -> Result<Self, Error> {
        let mut worker = Self::start(Options { watchdog: false, ..Options::default() })?;
        worker.greet()?;
        Ok(worker)
    }

    /// Starts the process and greets it; it has yet to greet back.
    ///
    /// # Errors
    /// [`Error::EntryNotClaimed`], [`Error::Spawn`].
    pub fn start(options: Options) -> Result<Self, Error> {
        let entry = entry::entry()?;
        let spawn = |e| Error::Spawn(Arc::new(e));
        let (ours, theirs) = UnixStream::pair().map_err(spawn)?;
        ours.set_nonblocking(true).map_err(spawn)?;
        let (control, page) = Control::new().map_err(spawn)?;
        // `current_exe` would name a file, and the file may have been replaced.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0(entry::WORKER_NAME)
            .args(&entry.arguments)
            .stdin(OwnedFd::from(theirs))
            .process_group(0);
        if entry.silent {
            command.stdout(Stdio::null());
        }
        let last_words = match options.keep_stderr {
            true => Some(LastWords::new(&mut command).map_err(spawn)?),
            false => None,
        };
        let child = command.spawn().map_err(spawn)?;
        let heartbeat = options.heartbeat.map_or(0, |pause| pause.as_millis().max(1));
        let manner =
            Manner { watchdog: options.watchdog, heartbeat: u32::try_from(heartbeat).unwrap_or(0) };
        let mut worker = Self {
            killer: Killer::new(child.id()),
            child,
            connection: Connection::new(ours),
            control,
            last_words,
            greeted: Some(Instant::now()),
            frames: Default::default(),
            flights: VecDeque::new(),
            requests: 0,
            written: (0, 0),
            exit: None,
            dismissed: false,
        };
        let hello = Hello::of_this_program().map_err(spawn)?;
        let frame = &mut worker.frames[0];
        frame.start(&(hello, manner)).expect("numbers always encode");
        frame.seal_plain().expect("a greeting is short");
        // If nobody is there to read it, no greeting will come back either.
        let socket = worker.connection.stream();
        let _ = control::send(&page, socket).and_then(|()| wire::write(socket, frame.bytes()));
        Ok(worker)
    }

    /// Whether the worker has greeted back, as this program greets. Until then
    /// nothing can be asked of it.
    ///
    /// # Errors
    /// [`Error::Handshake`] if it greets otherwise, has ended, or has not
    /// greeted for ten seconds; it is gone then.
    pub fn is_ready(&mut self) -> Result<bool, Error> {
        let Some(started) = self.greeted else { return Ok(true) };
        let late = started.elapsed() >= GREETING;
        let why = match self.connection.try_receive(None) {
            Ok(Received::Frame(hello)) => {
                let ours = Hello::of_this_program().map_err(cannot("look at this program"))?;
                match codec::decode::<Hello>(hello) {
                    Ok(theirs) if theirs == ours => {
                        self.greeted = None;
                        return Ok(true);
                    }
                    Ok(theirs) => format!("this is {ours}; it is {theirs}"),
                    Err(e) => format!("it does not greet like a worker: {e}"),
                }
            }
            Ok(Received::NotYet) if !late && runs(&self.child) => return Ok(false),
            Ok(Received::NotYet) if late => {
                format!("it did not reach the worker entry in {GREETING:?}")
            }
            Ok(_) => {
                let exit = self.end();
                format!("it ended before it reached the worker entry: {exit}")
            }
            Err(e) => e.to_string(),
        };
        let pid = self.pid();
        self.end();
        Err(Error::Handshake { pid, why: why + &crate::error::said(&self.stderr()) })
    }

    /// Waits for the worker's greeting, which must be this program's own.
    pub(crate) fn greet(&mut self) -> Result<(), Error> {
        while !self.is_ready()? {
            // Whatever it says, the next look finds out.
            let _ = self.wait(GLANCE);
        }
        Ok(())
    }
}
