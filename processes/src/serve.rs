//! The worker's side: serve tasks until the parent is gone.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg, raise};
use nix::unistd::{dup2_stdin, getpgrp, getpid};

use crate::batch::Batch;
use crate::call::MIXED;
use crate::control::{self, Control};
use crate::outbox::Outbox;
use crate::task::Registry;
use crate::timed::TIMED;
use crate::wire::{self, Connection, Frame, Hello, Items, LIMIT, Manner, Request};
use crate::{codec, panics, spare};

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
    let control = Arc::new(control::receive(connection.stream())?);
    let Some(hello) = connection.receive(None)? else { return Ok(()) };
    let (theirs, manner): (Hello, Manner) = codec::decode(hello).map_err(io::Error::other)?;
    let ours = Hello::of_this_program()?;
    let mut frame = Frame::default();
    frame.start(&ours).map_err(io::Error::other)?;
    frame.seal_plain()?;
    wire::write(connection.stream(), frame.bytes())?;
    if theirs != ours {
        return Err(io::Error::other(format!("this is {ours}; the parent is {theirs}")));
    }
    panics::record_locations();
    let socket = Arc::new(connection.stream().try_clone()?);
    let outbox = Outbox::new(Arc::clone(&socket), Arc::clone(&control), manner.watchdog)?;
    let outbox = Arc::new(outbox);
    if manner.watchdog {
        watch(socket, Arc::clone(&control), Arc::clone(&outbox), manner)?;
    }
    for number in 0_u32.. {
        connection.rest();
        wait(connection.stream());
        let Some(request) = connection.receive(Some(control.request(number)))? else {
            leave_with_the_parent()
        };
        if request.is_empty() {
            break; // Goodbye.
        }
        let (header, inputs) =
            Items::of(request).ok_or_else(|| io::Error::other("a request makes no sense"))?;
        let Request { task, each } = codec::decode(header).map_err(io::Error::other)?;
        outbox.open(number);
        let mut batch = Batch {
            inputs,
            slot: control.slot(number),
            replies: &mut frame,
            outbox: &outbox,
            limit: LIMIT,
            each,
            mixed: matches!(task, MIXED | TIMED),
        };
        registry.answer_batch(task, &mut batch)?;
    }
    Ok(())
}

/// Waits for a request as long as there is something to give back if none comes.
fn wait(socket: &UnixStream) {
    while let Some(due) = spare::sweep() {
        let timeout = PollTimeout::try_from(due).unwrap_or(PollTimeout::ZERO);
        let mut socket = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        if !matches!(poll(&mut socket, timeout), Ok(0) | Err(Errno::EINTR)) {
            break;
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

/// Watches for the parent's end while a task runs. A thread costs a call
/// nothing; reading in a thread of its own would cost each call a wake-up.
///
/// If it is asked for, the same thread gives signs of life: like every thread
/// of this process it stands still when the process is stopped. And it sends the
/// answers that wait for a task that takes long.
fn watch(
    socket: Arc<UnixStream>,
    control: Arc<Control>,
    outbox: Arc<Outbox>,
    manner: Manner,
) -> io::Result<()> {
    let pause = match i32::try_from(manner.heartbeat) {
        Ok(0) | Err(_) => PollTimeout::NONE,
        Ok(pause) => PollTimeout::try_from(pause).expect("a positive number of milliseconds"),
    };
    let watch = move || {
        let timer = outbox.timer().unwrap_or(socket.as_fd());
        // What has been begun to be sent waits for room in the socket.
        let mut begun = false;
        loop {
            // A hang-up is reported whether it is asked for or not; data is not.
            let room = if begun { PollFlags::POLLOUT } else { PollFlags::empty() };
            let mut ends =
                [PollFd::new(socket.as_fd(), room), PollFd::new(timer, PollFlags::POLLIN)];
            let polled = poll(&mut ends, pause);
            let found = ends[0].revents().unwrap_or(PollFlags::POLLNVAL);
            if !matches!(polled, Ok(_) | Err(Errno::EINTR)) || !(found - room).is_empty() {
                break;
            }
            control.beat();
            if !found.is_empty() || ends[1].any() == Some(true) {
                begun = outbox.look();
            }
        }
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
pub(crate) fn leave_with_the_parent() -> ! {
    if getpgrp() == getpid() {
        let _ = killpg(getpgrp(), Signal::SIGKILL);
    }
    let _ = raise(Signal::SIGKILL);
    unreachable!("SIGKILL cannot be survived")
}
