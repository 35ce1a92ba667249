//! The bridge as a process: Python that holds Dask's client for this program.
//!
//! Three threads look after it, and end when it does: one writes what is asked,
//! so that nobody waits for a full pipe; one reads what is answered; one keeps
//! the end of what it writes to standard error. A bridge that says nothing for
//! longer than anything may take is killed, so nobody waits for it for ever.

use std::collections::VecDeque;
use std::io::{self, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command as Program, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::Error;

use super::wire::{self, Command, Event};

const BOOT: &str = include_str!("boot.py");

/// The modules, each behind those that it imports.
const MODULES: [(&str, &str); 10] = [
    ("polyphony_dask", include_str!("../../python/polyphony_dask/__init__.py")),
    ("polyphony_dask.wire", include_str!("../../python/polyphony_dask/wire.py")),
    ("polyphony_dask.shim", include_str!("../../python/polyphony_dask/shim.py")),
    ("polyphony_dask.fit", include_str!("../../python/polyphony_dask/fit.py")),
    ("polyphony_dask.plugin", include_str!("../../python/polyphony_dask/plugin.py")),
    ("polyphony_dask.session", include_str!("../../python/polyphony_dask/session.py")),
    ("polyphony_dask.connect", include_str!("../../python/polyphony_dask/connect.py")),
    ("polyphony_dask.entries", include_str!("../../python/polyphony_dask/entries.py")),
    ("polyphony_dask.operate", include_str!("../../python/polyphony_dask/operate.py")),
    ("polyphony_dask.bridge", include_str!("../../python/polyphony_dask/bridge.py")),
];

/// What to do about a Python that will not do.
const HINT: &str = ": run scripts/python-env, or name a Python that has Dask in POLYPHONY_PYTHON";

/// How much of what it said last is kept, in bytes.
const LAST_WORDS: usize = 2_000;

/// How long a bridge that was told to go may take for its goodbye to Dask.
const GOODBYE: Duration = Duration::from_secs(8);

/// The process, and the way to it.
#[derive(Debug)]
pub(super) struct Bridge {
    child: Mutex<Child>,
    /// `None` once it was told to go.
    frames: Mutex<Option<Sender<Vec<u8>>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    ear: Mutex<Option<JoinHandle<String>>>,
}

/// The end from which events are read.
pub(super) type Events = BufReader<Patient>;

/// A pipe on which something must come from time to time.
#[derive(Debug)]
pub(super) struct Patient {
    pipe: ChildStdout,
    pub(super) patience: Duration,
}

impl Patient {
    /// Whether there is something to read, or will be in so long; an error counts, too.
    pub(super) fn comes_within(&self, longest: Duration) -> bool {
        !matches!(self.wait(longest), Ok(false))
    }

    fn wait(&self, longest: Duration) -> io::Result<bool> {
        let timeout = PollTimeout::try_from(longest).unwrap_or(PollTimeout::MAX);
        loop {
            let mut pipe = [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
            match poll(&mut pipe, timeout) {
                Err(Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
                Ok(ready) => return Ok(ready > 0),
            }
        }
    }
}

impl Read for Patient {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self.wait(self.patience)? {
            true => self.pipe.read(to),
            false => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Bridge {
    /// Starts it by this interpreter.
    pub(super) fn start(python: &Path, patience: Duration) -> Result<(Arc<Self>, Events), Error> {
        let cannot =
            |e: io::Error| Error::Missing(format!("cannot start {}: {e}{HINT}", python.display()));
        let mut child = Program::new(python)
            // The directory that the program happens to be in holds no modules.
            .args(["-P", "-c", BOOT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for the program; the bridge goes when the program does.
            .process_group(0)
            .spawn()
            .map_err(cannot)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output), Some(said)) = (input, output, child.stderr.take()) else {
            return Err(Error::Missing("a child without pipes".into()));
        };
        let (frames, receiver) = channel();
        // It is there before its threads: if there can be none, it ends the child.
        let bridge = Arc::new(Self {
            child: Mutex::new(child),
            frames: Mutex::new(Some(frames)),
            writer: Mutex::new(None),
            ear: Mutex::new(None),
        });
        *lock(&bridge.writer) = Some(spawn("bridge writer", move || write(&receiver, input))?);
        *lock(&bridge.ear) = Some(spawn("bridge ear", move || listen(said))?);
        let modules = serde_json::to_vec(&MODULES).map_err(|e| Error::Missing(e.to_string()))?;
        let length = modules.len() as u64;
        bridge.send_frame([&length.to_le_bytes()[..], &modules].concat());
        Ok((bridge, BufReader::with_capacity(1 << 16, Patient { pipe: output, patience })))
    }

    /// One that hears nothing.
    #[cfg(test)]
    pub(super) fn deaf() -> Self {
        let child = Program::new("true").spawn().expect("a program that ends");
        let (frames, writer, ear) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { child: Mutex::new(child), frames, writer, ear }
    }

    /// Sends it, now or soon. If it is gone, whoever reads its events says so.
    pub(super) fn send(&self, command: &Command<'_>) -> Result<(), processes::Error> {
        self.send_frame(wire::frame(command)?);
        Ok(())
    }

    fn send_frame(&self, frame: Vec<u8>) {
        if let Some(frames) = &*lock(&self.frames) {
            let _ = frames.send(frame);
        }
    }

    /// Tells it to go; what was sent before is still done.
    pub(super) fn end(&self) {
        lock(&self.frames).take();
    }

    /// Waits for its end, which is brought about if it takes too long; then the
    /// threads are gone too. What it said last.
    pub(super) fn ended(&self, longest: Duration) -> String {
        self.end();
        let until = Instant::now() + longest;
        let mut child = lock(&self.child);
        while matches!(child.try_wait(), Ok(None)) {
            if Instant::now() >= until {
                let _ = child.kill();
                let _ = child.wait();
                break;
            }
            thread::sleep(Duration::from_millis(2));
        }
        drop(child);
        if let Some(writer) = lock(&self.writer).take() {
            let _ = writer.join();
        }
        lock(&self.ear).take().and_then(|ear| ear.join().ok()).unwrap_or_default()
    }

    /// What it comes to when its events have come to an end; it is gone then.
    pub(super) fn why(&self, error: &io::Error, patience: Duration) -> String {
        let (what, longest) = match error.kind() {
            io::ErrorKind::UnexpectedEof => ("the bridge to Dask has ended".to_owned(), GOODBYE),
            io::ErrorKind::TimedOut => (
                format!("the bridge to Dask gave no sign of life for {patience:?}"),
                Duration::ZERO,
            ),
            _ => (format!("the bridge to Dask cannot be read: {error}"), Duration::ZERO),
        };
        match self.ended(longest).trim() {
            "" => what,
            said => format!("{what}; its last words: {}", last_line(said)),
        }
    }

    /// As [`ended`](Self::ended), with time for a goodbye.
    pub(super) fn goodbye(&self) {
        self.ended(GOODBYE);
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.ended(Duration::ZERO);
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Error> {
    let spawned = thread::Builder::new().name(name.into()).spawn(work);
    spawned.map_err(|e| Error::Thread(Arc::new(e)))
}

/// Writes frames until there will be no more, or nobody reads them.
fn write(frames: &Receiver<Vec<u8>>, mut to: ChildStdin) {
    for frame in frames {
        if to.write_all(&frame).is_err() {
            return;
        }
    }
}

/// Reads to the end, and keeps the end.
fn listen(mut from: impl Read) -> String {
    let (mut last, mut some) = (VecDeque::new(), [0; 1024]);
    while let Ok(count @ 1..) = from.read(&mut some) {
        last.extend(&some[..count]);
        last.drain(..last.len().saturating_sub(LAST_WORDS));
    }
    String::from_utf8_lossy(last.make_contiguous()).into_owned()
}

/// Of an exception that ended it, the line that says which.
fn last_line(said: &str) -> &str {
    said.lines().last().unwrap_or(said)
}

/// Reads the first event, which says whether there is a cluster.
pub(super) fn first(
    bridge: &Bridge,
    events: &mut Events,
    patience: Duration,
    python: &Path,
) -> Result<(u32, Vec<(String, String)>), Error> {
    match wire::receive(events) {
        Ok(Event::Ready(threads, tasks)) => Ok((threads, tasks)),
        Ok(Event::Refused(why)) => {
            bridge.goodbye();
            Err(Error::Refused(why))
        }
        Ok(other) => Err(Error::Refused(format!("the bridge begins with {other:?}"))),
        Err(e) => {
            let why = bridge.why(&e, patience);
            if why.contains("ModuleNotFoundError") {
                return Err(Error::Missing(format!(
                    "{} has no Dask ({why}){HINT}",
                    python.display()
                )));
            }
            Err(Error::Refused(why))
        }
    }
}
