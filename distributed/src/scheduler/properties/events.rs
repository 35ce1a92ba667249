//! What happens in the model: the facts first, then the event that tells them.

use std::collections::BTreeSet;

use super::super::{Event, Holder, Outcome, Spec, TaskId, WorkerId};
use super::history::{Happening, Plan};
use super::model::{Check, Errand, Model, Worker};
use super::reference::{Expected, Known};

impl Model {
    pub(super) fn happens(&mut self, happening: &Happening) -> Check {
        match happening {
            Happening::Submit(plans) => self.submit(plans),
            Happening::SubmitAgain { pick } => match self.nth_task(*pick, |_| true) {
                Some(task) => self.tell(Event::Submitted { specs: vec![Spec::new(task)] }),
                None => Ok(()),
            },
            Happening::Scatter { bytes, at } => self.scatter(*bytes, *at),
            Happening::Release { pick } => match self.nth_task(*pick, |task| task.wanted) {
                Some(task) => self.release(task),
                None => Ok(()),
            },
            Happening::Cancel { pick, kill } => match self.nth_task(*pick, |_| true) {
                Some(task) => self.cancel(task, *kill),
                None => Ok(()),
            },
            Happening::Expire { pick } => match self.nth_task(*pick, |_| true) {
                Some(task) => self.expire(task),
                None => Ok(()),
            },
            Happening::Join { depth } => self.join(*depth),
            Happening::JoinAgain { pick } => match self.nth_worker(*pick) {
                Some(worker) => self.tell(Event::WorkerJoined { worker, depth: 9 }),
                None => Ok(()),
            },
            Happening::Retire { pick } => match self.nth_worker(*pick) {
                Some(worker) => self.retire(worker),
                None => Ok(()),
            },
            Happening::Lose { pick } => match self.nth_worker(*pick) {
                Some(worker) => self.die(worker),
                None => Ok(()),
            },
            Happening::Work { pick } => match self.nth_worker(*pick) {
                Some(worker) => self.work(worker),
                None => Ok(()),
            },
            Happening::WorkOn { pick, steps } => match self.nth_worker(*pick) {
                Some(worker) => (0..*steps).try_for_each(|_| self.work(worker)),
                None => Ok(()),
            },
            Happening::Answer { last } => self.answer(*last),
            Happening::Evict { pick } => {
                if let Some(worker) = self.nth_worker(*pick) {
                    self.workers.get_mut(&worker).and_then(|worker| worker.values.pop_first());
                }
                Ok(())
            }
            Happening::Decline { pick } => match self.nth_worker(*pick) {
                Some(worker) => self.decline_last(worker),
                None => Ok(()),
            },
            Happening::Senseless { kind, worker, task } => {
                self.senseless(*kind, WorkerId(*worker), TaskId(*task))
            }
        }
    }

    fn nth_worker(&self, pick: usize) -> Option<WorkerId> {
        self.workers.keys().nth(pick % self.workers.len().max(1)).copied()
    }

    fn nth_task(&self, pick: usize, which: impl Fn(&Known) -> bool) -> Option<TaskId> {
        let tasks = self.reference.tasks.iter().filter(|(_, task)| which(task));
        let tasks: Vec<TaskId> = tasks.map(|(id, _)| *id).collect();
        tasks.get(pick % tasks.len().max(1)).copied()
    }

    fn know(&mut self, spec: Spec, scattered: bool) -> TaskId {
        let task = spec.task;
        let known = Known {
            spec,
            scattered,
            wanted: true,
            told: scattered,
            over: None,
            safe: false,
            holders: BTreeSet::new(),
            failures: 0,
            deaths: 0,
        };
        self.reference.tasks.insert(task, known);
        task
    }

    fn next_task(&mut self) -> TaskId {
        self.next_task += 1;
        TaskId(self.next_task - 1)
    }

    fn submit(&mut self, plans: &[Plan]) -> Check {
        let mut specs = Vec::new();
        for plan in plans {
            let task = self.next_task();
            let known: Vec<TaskId> = self.reference.tasks.keys().copied().collect();
            let earlier = |pick: &usize| {
                let any = pick.is_multiple_of(16) || known.is_empty();
                if any { TaskId(*pick as u64 % task.0) } else { known[*pick % known.len()] }
            };
            let dependencies = match task.0 {
                0 => Box::default(),
                _ => plan.dependencies.iter().map(earlier).collect(),
            };
            let home = plan.home.map(|pick| WorkerId(pick as u64 % (self.next_worker + 1)));
            let Plan { priority, retries, .. } = *plan;
            let spec = Spec { task, dependencies, priority, retries, home };
            // A home that is not there is none.
            let home = home.filter(|home| self.workers.contains_key(home));
            self.know(Spec { home, ..spec.clone() }, false);
            self.plans.insert(task, plan.clone());
            specs.push(spec);
        }
        self.tell(Event::Submitted { specs })
    }

    fn scatter(&mut self, bytes: u64, at: Option<usize>) -> Check {
        let task = self.next_task();
        let task = self.know(Spec::new(task), true);
        let known = self.reference.tasks.get_mut(&task).expect("it was just added");
        let at = match at {
            None => Holder::Driver,
            Some(pick) => Holder::Worker(WorkerId(pick as u64 % (self.next_worker + 1))),
        };
        match at {
            Holder::Driver => known.safe = true,
            Holder::Worker(worker) => {
                if let Some(there) = self.workers.get_mut(&worker) {
                    there.values.insert(task);
                    known.holders.insert(worker);
                }
            }
        }
        self.tell(Event::Scattered { task, bytes, at })
    }

    pub(super) fn release(&mut self, task: TaskId) -> Check {
        self.reference.tasks.get_mut(&task).expect("it is known").wanted = false;
        self.tell(Event::Released { tasks: vec![task] })
    }

    fn cancel(&mut self, task: TaskId, kill: bool) -> Check {
        if self.reference.is_active(task) {
            self.reference.end(task, Expected::Exactly(Outcome::Cancelled));
        }
        self.tell(Event::Cancelled { tasks: vec![task, task], kill })
    }

    fn expire(&mut self, task: TaskId) -> Check {
        if self.reference.is_active(task) && !self.reference.tasks[&task].told {
            self.reference.end(task, Expected::Exactly(Outcome::Expired));
        }
        self.tell(Event::Expired { task })
    }

    pub(super) fn join(&mut self, depth: u32) -> Check {
        let worker = WorkerId(self.next_worker);
        self.next_worker += 1;
        self.workers.insert(worker, Worker { depth: depth.max(1), ..Worker::default() });
        self.tell(Event::WorkerJoined { worker, depth })
    }

    fn retire(&mut self, worker: WorkerId) -> Check {
        self.workers.get_mut(&worker).expect("it is there").retiring = true;
        self.tell(Event::WorkerRetiring { worker })
    }

    pub(super) fn die(&mut self, worker: WorkerId) -> Check {
        let gone = self.workers.remove(&worker).expect("it is there");
        let begun: Vec<TaskId> =
            gone.hands.front().copied().filter(|_| gone.begun).into_iter().collect();
        for task in &begun {
            if self.reference.is_active(*task) && !gone.retiring {
                let known = self.reference.tasks.get_mut(task).expect("it is active");
                known.deaths += 1;
                let attempts = known.deaths;
                if attempts > self.allowed_failures {
                    self.reference.end(*task, Expected::Exactly(Outcome::Killed { attempts }));
                }
            }
        }
        for task in self.reference.tasks.values_mut() {
            task.holders.remove(&worker);
        }
        self.tell(Event::WorkerLost { worker, begun })
    }

    /// Does the next thing that the driver was asked to do.
    pub(super) fn answer(&mut self, last: bool) -> Check {
        let errand = if last { self.errands.pop_back() } else { self.errands.pop_front() };
        match errand {
            None => Ok(()),
            Some(Errand::Recall { worker, count }) => {
                let mut tasks = Vec::new();
                if let Some(there) = self.workers.get_mut(&worker) {
                    let waiting = there.hands.len() - usize::from(there.begun);
                    let first = there.hands.len() - waiting.min(count as usize);
                    tasks.extend(there.hands.drain(first..));
                }
                self.tell(Event::Recalled { worker, tasks })
            }
            Some(Errand::Revoke { task, worker, kill }) => {
                let Some(there) = self.workers.get_mut(&worker) else { return Ok(()) };
                let Some(at) = there.hands.iter().position(|hand| *hand == task) else {
                    return Ok(());
                };
                if at > 0 || !there.begun {
                    there.hands.remove(at);
                    return self.tell(Event::Declined { worker, task });
                }
                if kill { self.die(worker) } else { Ok(()) }
            }
            Some(Errand::Secure { task, worker }) => {
                let Some(there) = self.workers.get(&worker) else { return Ok(()) };
                if !there.values.contains(&task) {
                    return self.miss(task, worker);
                }
                if let Some(known) = self.reference.tasks.get_mut(&task) {
                    known.safe |= known.has_value();
                }
                self.tell(Event::Secured { task })
            }
            Some(Errand::Dismiss { worker }) if self.workers.contains_key(&worker) => {
                self.die(worker)
            }
            Some(Errand::Dismiss { .. }) => Ok(()),
        }
    }

    pub(super) fn miss(&mut self, task: TaskId, worker: WorkerId) -> Check {
        if let Some(known) = self.reference.tasks.get_mut(&task) {
            known.holders.remove(&worker);
        }
        self.tell(Event::Missing { task, worker })
    }

    fn decline_last(&mut self, worker: WorkerId) -> Check {
        let there = self.workers.get_mut(&worker).expect("it is there");
        if there.hands.len() == usize::from(there.begun) {
            return Ok(());
        }
        let task = there.hands.pop_back().expect("one has not begun");
        self.tell(Event::Declined { worker, task })
    }

    /// Reports that are late, repeated or made up.
    fn senseless(&mut self, kind: u8, worker: WorkerId, task: TaskId) -> Check {
        let there = self.workers.get(&worker);
        if there.is_some_and(|worker| worker.hands.contains(&task)) {
            return Ok(());
        }
        let known = self.reference.tasks.get(&task);
        let nobody = WorkerId(1000 + worker.0);
        let nothing = TaskId(1000 + task.0);
        let event = match kind % 12 {
            0 | 1 => Event::Finished { worker, task, bytes: 1, kept: kind > 127 },
            2 => Event::Failed { worker, task },
            3 => Event::Declined { worker, task },
            4 => Event::Recalled { worker, tasks: vec![task, nothing] },
            5 => Event::Missing { task: nothing, worker },
            6 if known.is_none_or(|known| !known.holders.contains(&worker)) => {
                Event::Missing { task, worker }
            }
            7 => {
                let stays = there.is_some_and(|worker| !worker.retiring);
                if let Some(known) = self.reference.tasks.get_mut(&task)
                    && known.has_value()
                    && stays
                {
                    // Not true, and found out when somebody asks for it.
                    known.holders.insert(worker);
                }
                Event::Copied { task, worker }
            }
            8 if known.is_none_or(|known| known.safe || !known.has_value()) => {
                Event::Secured { task }
            }
            9 => Event::WorkerRetiring { worker: nobody },
            10 => Event::WorkerLost { worker: nobody, begun: vec![task] },
            _ => Event::Released { tasks: vec![nothing] },
        };
        self.tell(event)
    }
}
