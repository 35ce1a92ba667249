//! The worker's side: serve tasks until the parent is gone.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg, raise};
use nix::unistd::{dup2_stdin, getpgrp, getpid};

use crate::panics;
use crate::reply::Reply;
use crate::task::Registry;
use crate::wire::{self, Connection, Frame, Hello, LIMIT, Request};

/// How long an idle worker has to leave by itself once the parent is gone.
const GRACE: Duration = Duration::from_millis(100);

/// Serves the parent at the other end of standard input; never returns.
pub(crate) fn serve(registry: &Registry) -> ! {
    let code = match converse(registry) {
        Ok(()) => 0,
        Err(e) => {
            eprintln!("worker {}: {e}", getpid());
            1
        }
    };
    std::process::exit(code)
}

fn converse(registry: &Registry) -> io::Result<()> {
    let mut connection = Connection::new(take_standard_input()?);
    let alone = || true; // No time limit is set on this end, so nobody asks.
    let Some(hello) = connection.receive(alone)? else { return Ok(()) };
    let hello: Hello = wire::decode(hello).map_err(io::Error::other)?;
    let watchdog = hello.watchdog;
    let ours = Hello::of_this_program(watchdog)?;
    let mut frame = Frame::default();
    wire::append(&ours, frame.start()).map_err(io::Error::other)?;
    connection.send(&mut frame, alone)?;
    if hello != ours {
        return Err(io::Error::other("the parent is another build of this program"));
    }
    panics::record_locations();
    if watchdog {
        watch(connection.stream().try_clone()?)?;
    }
    loop {
        let Some(request) = connection.receive(alone)? else { leave_with_the_parent() };
        if request.is_empty() {
            return Ok(()); // Goodbye.
        }
        answer(registry, request, &mut frame)?;
        if connection.send(&mut frame, alone).is_err() {
            leave_with_the_parent();
        }
    }
}

/// Puts the null device in the place of the socket that the worker was started
/// with, so that a task which reads standard input finds its end, and programs
/// which a task starts do not inherit the socket.
fn take_standard_input() -> io::Result<UnixStream> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.peer_addr().map_err(|e| {
        io::Error::new(e.kind(), format!("started as a worker, but not by a parent: {e}"))
    })?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(socket)
}

fn answer(registry: &Registry, request: &[u8], frame: &mut Frame) -> io::Result<()> {
    let (Request { task, items }, mut inputs) =
        wire::decode_first(request).map_err(io::Error::other)?;
    let replies = frame.start();
    for _ in 0..items {
        let input = wire::take_item(&mut inputs)
            .ok_or_else(|| io::Error::other("a request was cut short"))?;
        let start = replies.len();
        let done = wire::append_item(replies, |replies| {
            registry.answer(task, input, replies);
            Ok::<(), postcard::Error>(())
        });
        // Leave room for the refusals of the items that are still to come.
        if replies.len() > LIMIT - (1 << 20) {
            let bytes = replies.len();
            replies.truncate(start);
            replies.shrink_to(1 << 20);
            wire::append_item(replies, |to| wire::append(&Reply::OutputTooLarge(bytes), to))
                .map_err(io::Error::other)?;
        }
        done.map_err(io::Error::other)?;
    }
    // What a task printed belongs before its result.
    io::stdout().flush()
}

/// Watches for the parent's end while a task runs. A thread costs a call
/// nothing; reading in a thread of its own would cost each call a wake-up.
fn watch(socket: UnixStream) -> io::Result<()> {
    let watch = move || {
        // A hang-up is reported whether it is asked for or not; data is not.
        let mut ends = [PollFd::new(socket.as_fd(), PollFlags::empty())];
        while poll(&mut ends, PollTimeout::NONE) == Err(Errno::EINTR) {}
        // The thread that serves sees the same end, unless a task holds it.
        std::thread::sleep(GRACE);
        leave_with_the_parent();
    };
    std::thread::Builder::new()
        .name("parent watchdog".into())
        .stack_size(64 << 10)
        .spawn(watch)
        .map(drop)
}

/// The parent went without a goodbye: ends this process and all that its tasks
/// started, which nobody else will do.
fn leave_with_the_parent() -> ! {
    if getpgrp() == getpid() {
        let _ = killpg(getpgrp(), Signal::SIGKILL);
    }
    let _ = raise(Signal::SIGKILL);
    unreachable!("SIGKILL cannot be survived")
}
