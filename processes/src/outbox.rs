//! Answers that wait to be sent, where another thread can send them in time.
//!
//! The thread that runs tasks sends their answers together, and cannot know that
//! the next task takes long before it is in the middle of it. So while a task
//! runs, the answers of those before it may lie here, and the thread that watches
//! for the parent's end sends what has lain here for 2 to 4 ms. It is woken by a
//! timer, which is set once in 2 ms at most, and only while answers lie here. On a
//! busy machine even that costs a map of many tiny items some hundredths, so [a
//! batch](crate::batch) of those keeps its answers to itself.
//!
//! That thread never waits here: not for the lock, which the other may hold while
//! it writes, nor for the parent to read. What goes into the socket without waiting
//! is sent, and the rest of it goes first of all as soon as there is room again.

use std::io::{self, ErrorKind, Write};
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::control::Control;
use crate::wire::{self, Frame};

/// Answers lie here for at least so long, and at most for twice as long.
const TICK: Duration = Duration::from_millis(2);

/// Answers of more bytes together are not copied into one frame.
const ENOUGH: usize = 64 << 10;

/// Where answers go, in order.
pub(crate) struct Outbox {
    socket: Arc<UnixStream>,
    control: Arc<Control>,
    /// What wakes the thread that looks after what lies here, if there is one.
    timer: Option<TimerFd>,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    /// Answers that nobody has begun to send.
    lent: Frame,
    /// What was not sent whole, and how much of it was.
    begun: Option<(Frame, usize)>,
    /// The request that they answer, and what of its arena is free.
    request: u32,
    free: usize,
    /// How often there was nothing lent and then something, and which of these
    /// times the timer has seen.
    times: u32,
    seen: Option<u32>,
    /// Whether the timer will tell.
    set: bool,
}

impl Outbox {
    /// An outbox; with `watched` somebody [looks after](Self::look) it whenever
    /// its [timer](Self::timer) tells.
    ///
    /// # Errors
    /// If there is no timer.
    pub(crate) fn new(
        socket: Arc<UnixStream>,
        control: Arc<Control>,
        watched: bool,
    ) -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = || TimerFd::new(ClockId::CLOCK_MONOTONIC, flags);
        let waiting = Waiting {
            lent: Frame::default(),
            begun: None,
            request: 0,
            free: 0,
            times: 0,
            seen: None,
            set: false,
        };
        let timer = watched.then(timer).transpose()?;
        Ok(Self { socket, control, timer, waiting: Mutex::new(waiting) })
    }

    /// What is ready to be read when it is time to look.
    pub(crate) fn timer(&self) -> Option<BorrowedFd<'_>> {
        self.timer.as_ref().map(AsFd::as_fd)
    }

    /// Whether answers that lie here are looked after.
    pub(crate) fn is_watched(&self) -> bool {
        self.timer.is_some()
    }

    /// Answers are those to the request of this number from now on; all before
    /// have been [finished](Self::finish).
    pub(crate) fn open(&self, request: u32) {
        let mut waiting = self.waiting();
        waiting.request = request;
        waiting.free = 0;
        start(&mut waiting.lent);
    }

    /// Puts answers behind those that lie here, and empties their frame.
    ///
    /// # Errors
    /// If some have to be sent at once, because they are large, and cannot be.
    pub(crate) fn lend(&self, replies: &mut Frame) -> io::Result<()> {
        // What a task printed belongs before its result; and the one who looks
        // after this must not wait for a task that holds standard output.
        flush_output();
        let mut waiting = self.waiting();
        if waiting.lent.items() > 0 && waiting.lent.body() + replies.body() > ENOUGH {
            self.send_lent(&mut waiting)?;
        }
        if waiting.lent.items() > 0 {
            waiting.lent.append(replies);
        } else {
            mem::swap(&mut waiting.lent, replies);
            waiting.times = waiting.times.wrapping_add(1);
        }
        if !waiting.set {
            waiting.set = self.set();
        }
        drop(waiting);
        start(replies);
        Ok(())
    }

    /// Sends what lies here, and then these answers.
    ///
    /// # Errors
    /// Of the socket.
    pub(crate) fn flush(&self, replies: &mut Frame) -> io::Result<()> {
        let mut waiting = self.waiting();
        self.send_lent(&mut waiting)?;
        if replies.items() > 0 {
            self.send(&mut waiting, replies)?;
            start(replies);
        }
        Ok(())
    }

    /// Sends what lies here and these answers as the last to their request,
    /// which may be none: the parent waits for the end.
    ///
    /// # Errors
    /// Of the socket.
    pub(crate) fn finish(&self, replies: &mut Frame) -> io::Result<()> {
        let mut waiting = self.waiting();
        if waiting.lent.items() > 0 {
            if waiting.lent.body() + replies.body() > ENOUGH && replies.items() > 0 {
                self.send_lent(&mut waiting)?;
            } else {
                waiting.lent.append(replies);
                mem::swap(&mut waiting.lent, replies);
                start(&mut waiting.lent);
            }
        }
        replies.mark_last();
        self.send(&mut waiting, replies)?;
        waiting.lent.rest();
        replies.rest();
        Ok(())
    }

    /// Sends what has lain here for long, as far as that goes without waiting.
    /// To be called when the timer tells; and after `true` as soon as the socket
    /// has room, for the rest of what has been begun.
    pub(crate) fn look(&self) -> bool {
        let Some(timer) = &self.timer else { return false };
        // So that it is not ready any more.
        let _ = timer.wait();
        let Ok(mut waiting) = self.waiting.try_lock() else {
            // Who has it is sending, so to look again at once would be in vain.
            self.set();
            return false;
        };
        let waiting = &mut *waiting;
        if waiting.lent.items() > 0 && waiting.begun.is_none() {
            let times = Some(waiting.times);
            if waiting.seen == times {
                let mut frame = mem::take(&mut waiting.lent);
                start(&mut waiting.lent);
                self.seal(waiting, &mut frame).expect("every item has been held to the limit");
                waiting.begun = Some((frame, 0));
            }
            waiting.seen = times;
        }
        if let Some((frame, sent)) = &mut waiting.begun {
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            let bytes = frame.bytes();
            match send(self.socket.as_raw_fd(), &bytes[*sent..], flags) {
                Ok(more) => *sent += more,
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                // The parent is gone, and the caller hears of it by itself.
                Err(_) => return false,
            }
            if *sent == bytes.len() {
                waiting.begun = None;
            }
        }
        let begun = waiting.begun.is_some();
        waiting.set = !begun && waiting.lent.items() > 0 && self.set();
        begun
    }

    /// Has the timer tell in a while.
    fn set(&self) -> bool {
        let expiration = Expiration::OneShot(TimeSpec::from_duration(TICK));
        let set = |timer: &TimerFd| timer.set(expiration, TimerSetTimeFlags::empty());
        self.timer.as_ref().is_some_and(|timer| set(timer).is_ok())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send_lent(&self, waiting: &mut Waiting) -> io::Result<()> {
        if waiting.lent.items() > 0 {
            let mut lent = mem::take(&mut waiting.lent);
            self.send(waiting, &mut lent)?;
            waiting.lent = lent;
            start(&mut waiting.lent);
        }
        Ok(())
    }

    /// Sends a frame, after what somebody has begun to send.
    fn send(&self, waiting: &mut Waiting, frame: &mut Frame) -> io::Result<()> {
        // What a task printed belongs before its result.
        flush_output();
        if let Some((begun, sent)) = waiting.begun.take() {
            self.write(&begun.bytes()[sent..])?;
        }
        self.seal(waiting, frame)?;
        self.write(frame.bytes())
    }

    fn seal(&self, waiting: &mut Waiting, frame: &mut Frame) -> io::Result<()> {
        frame.seal()?;
        waiting.free = frame.share(self.control.replies(waiting.request), waiting.free);
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match wire::write(&self.socket, bytes) {
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                crate::serve::leave_with_the_parent()
            }
            sent => sent.map(drop),
        }
    }
}

/// Lets out what tasks have printed. That it cannot be written, because nobody
/// reads it any more or a disk is full, is no reason to lose a result; a task that
/// wants to know flushes by itself.
fn flush_output() {
    let _ = io::stdout().flush();
}

/// Empties a frame of replies.
pub(crate) fn start(replies: &mut Frame) {
    replies.start(&false).expect("a bool always encodes");
}
