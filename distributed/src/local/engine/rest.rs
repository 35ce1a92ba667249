//! How the engine waits: awake for a moment, then asleep.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::super::LocalCluster;
use super::super::inbox::Doze;
use super::super::process::ProcessWorker;
use super::super::seat::{FAREWELL, Life, Seat};
use super::{Engine, LINGER, NAP};

impl Engine {
    /// Sleeps until there is something to do.
    pub(super) fn rest(&mut self) {
        if self.linger() {
            return;
        }
        let Some(mut doze) = self.inbox.doze() else { return };
        let mut until: Option<Instant> = None;
        let mut no_later = |time: Instant| until = Some(until.map_or(time, |u| u.min(time)));
        let mut ends = VecDeque::with_capacity(self.seats.len() + 1);
        ends.push_back(PollFd::new(self.alarm.as_fd(), PollFlags::POLLIN));
        for seat in &self.seats {
            match &seat.life {
                Life::Process(process) | Life::Starting(process) => {
                    let mut events = PollFlags::POLLIN;
                    events.set(PollFlags::POLLOUT, process.has_unwritten());
                    ends.push_back(PollFd::new(process.as_fd(), events));
                    let starting = matches!(seat.life, Life::Starting(_));
                    let LocalCluster { time_to_live, memory_limit, .. } = &self.cluster;
                    let limited = time_to_live.is_some() || memory_limit.is_some();
                    if process.is_busy() || starting || limited {
                        no_later(process.next_watch(self.cluster.time_to_live));
                    }
                }
                Life::Leaving(process, until) => {
                    ends.push_back(PollFd::new(process.as_fd(), PollFlags::POLLIN));
                    no_later(*until);
                }
                Life::Pause(until) => no_later(*until),
                Life::Thread(..) => {
                    if let Some((_, limit)) = seat.deadline {
                        no_later(limit);
                    }
                }
                Life::Preparing(_) | Life::Echo(_) | Life::Empty => {}
            }
        }
        loop {
            let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
            let nap = (doze == Doze::Nap).then_some(NAP);
            let timeout = timeout.into_iter().chain(nap).min().map(TimeSpec::from);
            // An interruption is a reason to look, like any other.
            let woken = ppoll(ends.make_contiguous(), timeout, None);
            let rung = ends[0].any() == Some(true);
            if doze == Doze::Nap || woken != Ok(1) || !rung {
                break;
            }
            let _ = self.alarm.read();
            // If something was released, and that is all, more is to come.
            match self.inbox.doze() {
                Some(Doze::Nap) => doze = Doze::Nap,
                _ => break,
            }
        }
        self.inbox.awake();
        let _ = self.alarm.read();
    }

    /// Ends all workers: processes in the middle of something are killed, others
    /// have a moment to leave, all of them the same.
    pub(super) fn see_off(&mut self) {
        let mut leaving = Vec::new();
        for seat in &mut self.seats {
            match &mut seat.life {
                Life::Process(process) if process.is_busy() => seat.end(),
                Life::Process(_) => seat.let_go(),
                Life::Starting(_) => seat.end(),
                Life::Thread(thread, _) | Life::Preparing(thread) => thread.dismiss(),
                Life::Leaving(..) | Life::Echo(_) | Life::Pause(_) | Life::Empty => {}
            }
            leaving.extend(seat.process());
        }
        let until = Instant::now() + FAREWELL;
        loop {
            leaving.retain_mut(|process| !process.has_left());
            let left = until.saturating_duration_since(Instant::now());
            if leaving.is_empty() || left.is_zero() {
                break;
            }
            let ends =
                leaving.iter().map(|process| PollFd::new(process.as_fd(), PollFlags::POLLIN));
            let mut ends: Vec<PollFd<'_>> = ends.collect();
            // An interruption is a reason to look, like any other.
            let _ = ppoll(&mut ends, Some(TimeSpec::from(left)), None);
        }
        self.seats.iter_mut().filter_map(Seat::process).for_each(ProcessWorker::kill);
    }

    /// Stays awake for a moment, if it takes no processor from a worker: whether
    /// something has come. What comes within this time costs no wake-up.
    pub(super) fn linger(&mut self) -> bool {
        let busy = self.seats.iter().filter(|seat| seat.is_busy()).count();
        if busy >= self.processors {
            return false;
        }
        let until = Instant::now() + LINGER;
        loop {
            if self.inbox.is_full() {
                return true;
            }
            for at in 0..self.seats.len() {
                if self.seats[at].is_busy() && self.look_at_process(at) {
                    self.act();
                    self.post();
                    return true;
                }
            }
            if Instant::now() >= until {
                return false;
            }
            // A worker may be waiting for this very core.
            std::thread::yield_now();
        }
    }
}
