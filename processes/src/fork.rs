//! A copy of this process for each item: `multiprocessing.Process` by fork.
//!
//! The child begins in the middle of the parent's program with a copy of all
//! its memory, made page by page as either of them writes. So it takes any
//! closure, with all it captured, and what it writes stays its own. Three
//! things make it dangerous, and this module keeps clear of them:
//!
//! - Of several threads only the one that forks exists in the child, while the
//!   locks that the others held stay locked: even `println!` may wait for
//!   ever. Here a process with more than one thread gets [`Error::Threads`].
//! - A child that returned or unwound would run the parent's destructors and
//!   print its buffered lines a second time. Here it leaves by `_exit`,
//!   whatever its work does.
//! - A child inherits every open pipe. As long as it holds the writing end of
//!   a sibling's, the parent never sees that one's end. Here the parent closes
//!   a writing end before the next child exists.
//!
//! # Cost
//!
//! The table of pages is copied, so it is their number that counts: 80 µs from
//! a small process, 20 to 30 µs more for each MiB it holds in pages of 4 KiB, and
//! 0.4 µs in pages of 2 MiB (`fork_memory` in the bench, two cores). And each page
//! that either of them writes to afterwards is copied then.
#![allow(unsafe_code, reason = "`fork` and `_exit` are the subject")]

use std::fs;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, Pid};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, cannot};
use crate::panics;
use crate::reply;
use crate::status::Exit;

/// The code with which a child leaves whose work panicked, as Rust programs do.
const PANICKED: i32 = 101;

/// A forked child. Dropping it kills and reaps it.
#[derive(Debug)]
pub struct Forked {
    pid: Pid,
    ended: Option<Ended>,
}

/// What `wait` tells, once.
#[derive(Clone, Copy, Debug)]
struct Ended {
    exit: Exit,
    core_dumped: bool,
}

impl Forked {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().cast_unsigned()
    }

    /// Waits for its end, and reaps it.
    pub fn wait(&mut self) -> Exit {
        self.ended().exit
    }

    /// Waits for its end, and says whether the system kept an image of its
    /// memory for a debugger: a core dump. Few systems do so unasked; see core(5).
    pub fn core_dumped(&mut self) -> bool {
        self.ended().core_dumped
    }

    fn ended(&mut self) -> Ended {
        let pid = self.pid.as_raw();
        *self.ended.get_or_insert_with(|| {
            let mut status = 0;
            // Not nix's `waitpid`: it knows no real-time signals, and a child
            // that one of them ended would be reaped and its status lost.
            // SAFETY: `status` is a place for the status.
            while unsafe { nix::libc::waitpid(pid, &raw mut status, 0) } != pid {
                if Errno::last() != Errno::EINTR {
                    return Ended { exit: Exit::Unknown, core_dumped: false };
                }
            }
            // Without flags only an end is told, never a stop.
            let status = ExitStatus::from_raw(status);
            Ended { exit: status.into(), core_dumped: status.core_dumped() }
        })
    }

    /// Sends it SIGKILL; [`wait`](Self::wait) reaps it.
    pub fn kill(&mut self) {
        // Once reaped, its number may belong to another process.
        if self.ended.is_none() {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        self.kill();
        self.wait();
    }
}

/// Forks a child that runs `work` and leaves with the code it returns.
///
/// # Errors
/// [`Error::Threads`] unless this is the process's only thread;
/// [`Error::Spawn`] if the system refuses.
pub fn start(work: impl FnOnce() -> i32) -> Result<Forked, Error> {
    only_thread()?;
    // SAFETY: there is no other thread, as has just been seen, and only this
    // one could start one.
    unsafe { start_alone(work) }
}

/// Applies `f` to each item in a child of its own; the results come back
/// through a pipe each.
///
/// # Errors
/// For an item whose child could not be forked, or died, or panicked; the
/// others go on.
pub fn map<T, R, F>(items: &[T], f: F) -> Vec<Result<R, Error>>
where
    R: Serialize + DeserializeOwned,
    F: Fn(&T) -> R,
{
    if let Err(threads) = only_thread() {
        return items.iter().map(|_| Err(threads.clone())).collect();
    }
    let mut children: Vec<Result<(Forked, PipeReader), Error>> = Vec::with_capacity(items.len());
    for item in items {
        // SAFETY: there was no other thread above, and nothing since has
        // started one.
        let child = unsafe { start_with_pipe(&children, || f(item)) };
        children.push(child);
    }
    children
        .into_iter()
        .map(|child| {
            let (mut child, mut reader) = child?;
            let mut bytes = Vec::new();
            // To the end, while the child writes: a pipe holds 64 KiB, and a
            // child with more to say waits until it is read.
            reader.read_to_end(&mut bytes).map_err(cannot("read a child's result"))?;
            let (pid, task) = (child.pid(), std::any::type_name::<F>());
            let exit = child.wait();
            // A child that was stopped while it wrote has sent half a reply.
            let whole = exit.success().then(|| reply::answered(task, &bytes)).flatten();
            whole.unwrap_or(Err(Error::Died { pid, task, exit, stderr: String::new() }))
        })
        .collect()
}

/// Forks a child that writes what `work` returns into a pipe.
///
/// # Safety
/// The process must have no other thread.
unsafe fn start_with_pipe<R: Serialize>(
    siblings: &[Result<(Forked, PipeReader), Error>],
    work: impl FnOnce() -> R,
) -> Result<(Forked, PipeReader), Error> {
    let (reader, mut writer) = io::pipe().map_err(cannot("open a pipe"))?;
    let in_child = || {
        // What siblings write is none of this child's business.
        siblings.iter().flatten().for_each(|(_, reader)| close(reader));
        close(&reader);
        panics::record_locations();
        let bytes = reply::answer(work);
        i32::from(writer.write_all(&bytes).is_err())
    };
    // SAFETY: the caller vouches that there is no other thread.
    let child = unsafe { start_alone(in_child) }?;
    // The writing end is closed on return, before the next child is forked.
    Ok((child, reader))
}

/// # Safety
/// The process must have no other thread.
unsafe fn start_alone(work: impl FnOnce() -> i32) -> Result<Forked, Error> {
    // Else what is buffered now would be the child's to print as well.
    let _ = io::stdout().flush();
    // SAFETY: beside other threads the child could do no more than call
    // async-signal-safe functions; the caller vouches that there are none.
    match unsafe { nix::unistd::fork() } {
        Err(e) => Err(Error::Spawn(std::sync::Arc::new(e.into()))),
        Ok(ForkResult::Parent { child }) => Ok(Forked { pid: child, ended: None }),
        Ok(ForkResult::Child) => {
            let code = panics::catch(work).unwrap_or(PANICKED);
            let _ = io::stdout().flush();
            // SAFETY: `_exit` ends the process and touches no memory of it.
            unsafe { nix::libc::_exit(code) }
        }
    }
}

/// Makes sure that this process has one thread.
fn only_thread() -> Result<(), Error> {
    const TRIES: usize = 50;
    let mut threads = 0;
    for _ in 0..TRIES {
        threads = fs::read_dir("/proc/self/task").map_err(cannot("count threads"))?.count();
        if threads == 1 {
            return Ok(());
        }
        // A thread that has been joined is listed for a moment longer.
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(Error::Threads { threads })
}

/// Closes a descriptor in a child that owns only the copy of it. The value
/// itself belongs to the parent's program and is never dropped in the child,
/// which leaves by `_exit`.
pub(crate) fn close(descriptor: &impl AsRawFd) {
    let _ = nix::unistd::close(descriptor.as_raw_fd());
}
