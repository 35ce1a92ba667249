//! The worker's side: serve tasks until the parent is gone.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
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
    let socket = Arc::new(connection.stream().try_clone()?);
    if watchdog {
        watch(Arc::clone(&socket))?;
    }
    let mut send = |frame: &mut Frame| {
        // What a task printed belongs before its result.
        io::stdout().flush()?;
        match wire::send(&socket, frame, alone) {
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                leave_with_the_parent()
            }
            sent => sent,
        }
    };
    loop {
        let Some(request) = connection.receive(alone)? else { leave_with_the_parent() };
        if request.is_empty() {
            return Ok(()); // Goodbye.
        }
        answer(registry, request, &mut frame, LIMIT, &mut send)?;
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

/// Runs the items of a request and sends the replies: in one frame, unless they
/// take more than `limit` bytes together. An item whose reply takes more than
/// that by itself fails alone.
fn answer(
    registry: &Registry,
    request: &[u8],
    frame: &mut Frame,
    limit: usize,
    mut send: impl FnMut(&mut Frame) -> io::Result<()>,
) -> io::Result<()> {
    let (Request { task, items }, mut inputs) =
        wire::decode_first(request).map_err(io::Error::other)?;
    frame.start();
    for _ in 0..items {
        let input = wire::take_item(&mut inputs)
            .ok_or_else(|| io::Error::other("a request was cut short"))?;
        let replies = frame.body_mut();
        let start = replies.len();
        let answered: Result<(), postcard::Error> = wire::append_item(replies, |replies| {
            registry.answer(task, input, replies);
            Ok(())
        });
        answered.expect("nothing in it fails");
        let bytes = replies.len() - start;
        if bytes > limit {
            replies.truncate(start);
            // Room for so much is not worth keeping.
            replies.shrink_to(1 << 20);
            wire::append_item(replies, |to| wire::append(&Reply::OutputTooLarge(bytes), to))
                .map_err(io::Error::other)?;
        }
        if frame.body() > limit {
            // It fits, but not with those before it.
            let last = frame.body_mut().split_off(start);
            send(frame)?;
            frame.start().extend_from_slice(&last);
        }
    }
    send(frame)
}

/// Watches for the parent's end while a task runs. A thread costs a call
/// nothing; reading in a thread of its own would cost each call a wake-up.
fn watch(socket: Arc<UnixStream>) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    const BYTES: Task<usize, String> = Task::new("bytes", |n| "x".repeat(n));

    /// The sizes of the replies, frame by frame; 0 for one that was too large.
    fn replies(sizes: &[usize], limit: usize) -> Vec<Vec<usize>> {
        let registry = Registry::new().with(&BYTES);
        let mut request = Vec::new();
        let items = sizes.len() as u32;
        wire::append(&Request { task: "bytes", items }, &mut request).expect("it encodes");
        for size in sizes {
            wire::append_item(&mut request, |to| wire::append(size, to)).expect("it encodes");
        }
        let mut frames = Vec::new();
        let send = |frame: &mut Frame| {
            assert!(frame.body() <= limit, "{} bytes", frame.body());
            let mut items = &frame.body_mut()[4..];
            let mut sizes = Vec::new();
            while let Some(item) = wire::take_item(&mut items) {
                let output = crate::reply::output::<String>("bytes", item).expect("a reply");
                sizes.push(output.map_or(0, |text| text.len()));
            }
            assert!(items.is_empty());
            frames.push(sizes);
            Ok(())
        };
        answer(&registry, &request, &mut Frame::default(), limit, send).expect("it is sent");
        frames
    }

    #[test]
    fn an_item_is_too_large_by_its_own_size_only() {
        // With its head, lengths and the like an item of 50 takes 56 bytes.
        assert_eq!(replies(&[50, 50, 10], 1_000), [vec![50, 50, 10]]);
        assert_eq!(replies(&[50, 50, 10], 100), [vec![50], vec![50, 10]]);
        assert_eq!(replies(&[10, 200, 50, 50], 100), [vec![10, 0, 50], vec![50]]);
        assert_eq!(replies(&[90, 200, 90], 100), [vec![90], vec![0], vec![90]]);
        assert_eq!(replies(&[94], 100), [[94]]);
        assert_eq!(replies(&[95], 100), [[0]]);
    }
}
