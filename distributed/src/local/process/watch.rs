//! How a worker process gets ready, and whether it is well.

use std::fs;
use std::time::{Duration, Instant};

use processes::Gone;

use super::ProcessWorker;
use crate::Error;
use crate::local::LocalCluster;
use crate::local::initializer::failed;
use crate::scheduler::TaskId;

/// How often it is looked whether a silent worker still lives. Its end is seen
/// at once by the closing of the socket; this is for the case that something
/// else holds the socket open, such as a child that it forked.
const GLANCE: Duration = Duration::from_millis(250);

/// Why a worker did not get ready.
pub(in crate::local) enum Unready {
    /// It would come to the same with another.
    Failed(Error),
    /// It died, as others need not.
    Died(Error),
}

/// What may be wrong with a worker that says nothing.
pub(in crate::local) enum Wrong {
    Gone(Gone),
    /// This task is over its deadline.
    Expired(TaskId),
    /// It is at a task that nobody wants any more, and is to be killed for it.
    Futile,
}

impl ProcessWorker {
    /// Whether it has greeted, and its initializer is done.
    ///
    /// # Errors
    /// [`Error::Start`], [`Error::Initializer`]; it is gone then, or to go.
    pub(in crate::local) fn is_ready(&mut self, cluster: &LocalCluster) -> Result<bool, Unready> {
        if !self.preparing {
            let ready = self.worker.is_ready();
            self.beat = (self.worker.heartbeat(), Instant::now());
            self.watched = self.beat.1;
            // Or who waits for it would be told to look again at once.
            self.glanced = self.beat.1;
            if !ready.map_err(|e| Unready::Died(Error::Start(e)))? {
                return Ok(false);
            }
        }
        let Some(initializer) = &cluster.initializer else { return Ok(true) };
        let task = initializer.task();
        if !self.preparing {
            let input = initializer.input().map_err(Unready::Failed)?;
            let mut request = self.worker.mixed_request(false);
            request.push_call(task, [input]).map_err(|e| Unready::Failed(failed(e)))?;
            request.post();
            self.preparing = true;
        }
        let _ = self.worker.write();
        let gone = loop {
            match self.worker.replies() {
                Ok(Some(mut replies)) => {
                    let last = replies.last;
                    if let Some(answer) = replies.next_answer() {
                        self.prepared = initializer.verdict(&answer);
                    }
                    if last {
                        self.preparing = false;
                        return self.prepared.clone().map(|()| true).map_err(Unready::Failed);
                    }
                }
                Ok(None) => match self.watch(cluster) {
                    Some(Wrong::Gone(gone)) => break gone,
                    _ => return Ok(false),
                },
                Err(gone) => break gone,
            }
        };
        Err(Unready::Died(failed(self.worker.bury(task, gone))))
    }

    /// Whether it is as it should be, for who has waited for it.
    pub(in crate::local) fn watch(&mut self, cluster: &LocalCluster) -> Option<Wrong> {
        let now = Instant::now();
        let since = now.duration_since(std::mem::replace(&mut self.watched, now));
        if now.duration_since(self.glanced) >= GLANCE {
            self.glanced = now;
            if !self.worker.is_alive() {
                return Some(Wrong::Gone(Gone::Closed));
            }
            if let Some(limit) = cluster.memory_limit
                && let Some(bytes) = resident(self.pid()).filter(|bytes| *bytes > limit)
            {
                return Some(Wrong::Gone(Gone::Heavy { bytes, limit }));
            }
        }
        if let Some(flight) = self.flights.front_mut()
            && let Some(limit) = flight.deadline
            && now.duration_since(flight.posted) >= limit
        {
            // If it is still there when that was heard, it had been cancelled
            // or released before, and nobody else ends it; or it was taken back,
            // and the worker has not even begun the request.
            if flight.overdue {
                return Some(Wrong::Futile);
            }
            flight.overdue = true;
            if let Some(task) = flight.tasks.front() {
                return Some(Wrong::Expired(*task));
            }
        }
        if !self.doomed.is_empty() {
            if self.begun().is_some_and(|begun| self.doomed.contains(&begun)) {
                return Some(Wrong::Futile);
            }
            let flights = &self.flights;
            self.doomed.retain(|task| flights.iter().any(|flight| flight.tasks.contains(task)));
        }
        if let Some(limit) = cluster.time_to_live {
            let beat = self.worker.heartbeat();
            // It is looked at four times in this time, unless this program stood
            // still; then its workers may have, too.
            if beat != self.beat.0 || since >= limit / 2 {
                self.beat = (beat, now);
            } else if now.duration_since(self.beat.1) >= limit {
                return Some(Wrong::Gone(Gone::Silent(limit)));
            }
        }
        None
    }

    /// When it is to be watched next.
    pub(in crate::local) fn next_watch(&self, time_to_live: Option<Duration>) -> Instant {
        let mut next = self.glanced + GLANCE;
        if let Some(flight) = self.flights.front()
            && let Some(limit) = flight.deadline.filter(|_| !flight.overdue)
            && let Some(limit) = flight.posted.checked_add(limit)
        {
            next = next.min(limit);
        }
        if let Some(limit) = time_to_live
            && let Some(limit) = Instant::now().checked_add(limit / 4)
        {
            next = next.min(limit);
        }
        next
    }
}

/// How many bytes of memory a process has, if that can be found out.
fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kibibytes << 10)
}
