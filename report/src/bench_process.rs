//! A bench that samples, as a child of the command.
//!
//! The bench lives in a process group of its own, so that Ctrl-C reaches the
//! command alone, which then ends the bench and everything below it. Workers
//! and peers have groups of their own; they end when the bench's sockets
//! close. Whatever does not is adopted here (`PR_SET_CHILD_SUBREAPER`) and
//! killed, so that nothing outlives a run.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::error::Error;
use crate::protocol::{Event, FLAG, Interpreter, Request};
use crate::topics::Topic;

/// How long the children of an ended bench may take to end by themselves.
const PATIENCE: Duration = Duration::from_secs(3);

/// A running bench. Dropping it ends it, and everything it started.
pub(crate) struct BenchProcess {
    topic: String,
    log: PathBuf,
    child: Child,
    socket: UnixStream,
    events: Receiver<Result<Event, String>>,
}

/// What comes next from a bench.
pub(crate) enum Next {
    Event(Event),
    /// Nothing yet.
    Quiet,
    /// It has ended, and said that it is through.
    Ended,
}

impl BenchProcess {
    /// Starts a topic's bench with a request.
    pub(crate) fn start(
        topic: &Topic,
        executable: &Path,
        request: &Request,
        python: Option<&Interpreter>,
        log: PathBuf,
    ) -> Result<Self, Error> {
        adopt_orphans()?;
        let (mut socket, theirs) = UnixStream::pair()?;
        let output = File::create(&log)?;
        let mut command = Command::new(executable);
        command
            .arg(FLAG)
            .current_dir(&topic.directory)
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        // What is set by hand for `cargo bench` would add rows that the run's
        // record denies.
        for name in Interpreter::VARIABLES {
            command.env_remove(name);
        }
        command.envs(python.map(Interpreter::to_env).unwrap_or_default());
        let child = command.spawn()?;
        // The command's end of the pair that the child inherited is closed
        // with the command, so that its end is seen here.
        drop(command);
        let mut line = serde_json::to_vec(request).map_err(std::io::Error::from)?;
        line.push(b'\n');
        socket.write_all(&line)?;
        let events = read_events(socket.try_clone()?);
        Ok(Self { topic: topic.name.clone(), log, child, socket, events })
    }

    /// Waits a short while for the next event.
    ///
    /// # Errors
    /// [`Error::Bench`] if it ended badly.
    pub(crate) fn next(&mut self) -> Result<Next, Error> {
        match self.events.recv_timeout(Duration::from_millis(100)) {
            Ok(Ok(Event::GaveUp(why))) => Err(self.failed(format!("gave up: {why}"))),
            Ok(Ok(event)) => Ok(Next::Event(event)),
            Ok(Err(what)) => Err(self.failed(what)),
            Err(RecvTimeoutError::Timeout) => Ok(Next::Quiet),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait()?;
                if status.success() { Ok(Next::Ended) } else { Err(self.failed(ending(status))) }
            }
        }
    }

    /// Lets a bench that waits for its turn go on. If it is gone, what it says
    /// next tells so.
    pub(crate) fn give_turn(&mut self) {
        let _ = self.socket.write_all(&[0]);
    }

    /// Lets the bench end. Of several, all must hear it before the first is
    /// dropped, which takes whatever still runs for its own leftovers.
    pub(crate) fn hang_up(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// That it ended though there was more to do.
    pub(crate) fn ended_early(&self) -> Error {
        self.failed("ended early".into())
    }

    /// That it has said nothing for too long.
    pub(crate) fn is_silent(&self, time: Duration) -> Error {
        self.failed(format!("has said nothing for {time:?} and was ended"))
    }

    fn failed(&self, what: String) -> Error {
        Error::Bench { topic: self.topic.clone(), what, log: self.log.clone() }
    }
}

impl Drop for BenchProcess {
    fn drop(&mut self) {
        // The lifeline: the bench ends when it closes.
        self.hang_up();
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        end_orphans(deadline);
    }
}

fn read_events(socket: UnixStream) -> Receiver<Result<Event, String>> {
    let (sender, events) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(socket).lines() {
            let event = match line {
                Ok(line) => serde_json::from_str(&line)
                    .map_err(|e| format!("sent {line:?}, which is no event: {e}")),
                // A reset is an end like any other: the exit status tells more.
                Err(_) => break,
            };
            if sender.send(event).is_err() {
                break;
            }
        }
    });
    events
}

fn ending(status: ExitStatus) -> String {
    format!("ended early ({status})")
}

/// Makes this process the parent of whatever its descendants leave behind.
fn adopt_orphans() -> Result<(), Error> {
    nix::sys::prctl::set_child_subreaper(true)
        .map_err(|e| std::io::Error::from_raw_os_error(e as i32).into())
}

/// Reaps what a bench left behind; kills what is still there at `deadline`,
/// and gives up a while after that.
fn end_orphans(deadline: Instant) {
    let any = None::<Pid>;
    loop {
        match waitpid(any, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::EINTR) => {}
            // No child is left.
            Err(_) => return,
            Ok(WaitStatus::StillAlive) => {
                if Instant::now() > deadline + PATIENCE {
                    eprintln!("a process of the run cannot be ended: {:?}", children());
                    return;
                }
                if Instant::now() > deadline {
                    // Killing a child hands its children over, and the next
                    // turn finds those.
                    for pid in children() {
                        let _ = kill(pid, Signal::SIGKILL);
                    }
                }
                thread::sleep(Duration::from_millis(5));
            }
            Ok(_) => {}
        }
    }
}

/// The processes whose parent this one is, by the fourth field of their
/// `/proc/PID/stat` (the second is a name in parentheses, and may hold any).
fn children() -> Vec<Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let own = std::process::id().to_string();
    let is_child = |pid: &i32| {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
            let fields = stat.rsplit_once(')').map(|(_, fields)| fields);
            fields.and_then(|fields| fields.split_whitespace().nth(1)) == Some(&own)
        })
    };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(is_child).map(Pid::from_raw).collect()
}
