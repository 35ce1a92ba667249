//! What workers do in the model, and how a history comes to its end.

use super::super::{Counts, Event, Outcome, TaskId, WorkerId};
use super::history::Attempt;
use super::model::{Check, Model, check};
use super::reference::{Expected, Known};

impl Model {
    /// A worker begins its next task, or ends the one that it has begun.
    pub(super) fn work(&mut self, worker: WorkerId) -> Check {
        let Some(there) = self.workers.get(&worker) else { return Ok(()) };
        match there.hands.front().copied() {
            None => Ok(()),
            Some(task) if there.begun => self.end(worker, task),
            Some(task) => self.begin(worker, task),
        }
    }

    fn begin(&mut self, worker: WorkerId, task: TaskId) -> Check {
        // Of a task that was revoked it has what it needs, or needs nothing.
        let known = self.reference.tasks.get(&task).filter(|_| self.reference.is_active(task));
        let inputs = known.map_or(Vec::new(), |known| known.spec.dependencies.to_vec());
        let mut lacks_one = false;
        for input in inputs {
            lacks_one |= !self.fetch(worker, input)?;
        }
        let there = self.workers.get_mut(&worker).expect("nobody dies of fetching");
        let still = there.hands.front() == Some(&task);
        check(still, || format!("{task:?} vanished from the hands of {worker}"))?;
        if lacks_one {
            there.hands.pop_front();
            return self.tell(Event::Declined { worker, task });
        }
        there.begun = true;
        Ok(())
    }

    /// Gets a value from wherever it is said to be; whether it was there.
    fn fetch(&mut self, worker: WorkerId, input: TaskId) -> Result<bool, String> {
        let Some(known) = self.reference.tasks.get(&input) else { return Ok(false) };
        if known.safe || self.workers[&worker].values.contains(&input) {
            return Ok(true);
        }
        let mut holders = known.holders.clone();
        while let Some(holder) = holders.pop_first() {
            let there = self.workers.get(&holder);
            if there.is_some_and(|there| there.values.contains(&input)) {
                // Some workers keep what they fetch.
                if worker.0.is_multiple_of(2) {
                    self.copied(worker, input)?;
                }
                return Ok(true);
            }
            self.miss(input, holder)?;
        }
        Ok(false)
    }

    fn copied(&mut self, worker: WorkerId, input: TaskId) -> Check {
        let there = self.workers.get_mut(&worker).expect("it fetches");
        there.values.insert(input);
        if !there.retiring {
            let known = self.reference.tasks.get_mut(&input).expect("it is there");
            known.holders.insert(worker);
        }
        self.tell(Event::Copied { task: input, worker })
    }

    fn end(&mut self, worker: WorkerId, task: TaskId) -> Check {
        let plan = self.plans.get_mut(&task).expect("a task has a plan");
        let attempt = match plan.attempts.len() {
            0 => Attempt::Value,
            _ => plan.attempts.remove(0),
        };
        if matches!(attempt, Attempt::Death) {
            return self.die(worker);
        }
        let there = self.workers.get_mut(&worker).expect("it works");
        there.hands.pop_front();
        there.begun = false;
        let active = self.reference.is_active(task);
        if matches!(attempt, Attempt::Error) {
            if active {
                let known = self.reference.tasks.get_mut(&task).expect("it is active");
                known.failures += 1;
                if known.failures > known.spec.retries {
                    self.reference.end(task, Expected::Exactly(Outcome::Failed));
                }
            }
            return self.tell(Event::Failed { worker, task });
        }
        let (bytes, kept) = (plan.bytes, plan.kept);
        if kept {
            there.values.insert(task);
        }
        if active {
            let known = self.reference.tasks.get_mut(&task).expect("it is active");
            if kept {
                known.holders.insert(worker);
            } else {
                known.safe = true;
            }
            if known.wanted && !std::mem::replace(&mut known.told, true) {
                let returned = Expected::Exactly(Outcome::Returned);
                self.reference.finish.insert(task, returned);
            }
        }
        self.tell(Event::Finished { worker, task, bytes, kept })
    }

    /// With workers that live, and no fault that was not planned, everything
    /// comes to its end; and when nobody wants it, nothing is left.
    pub(super) fn run_to_the_end(&mut self) -> Check {
        self.work_until_done()?;
        for (id, task) in &self.reference.tasks {
            let done = task.over.is_some() || task.has_value();
            check(!task.wanted || done, || format!("{id:?} is wanted, and is not done"))?;
            let told = task.scattered || self.finished.contains_key(id);
            check(!task.wanted || told, || format!("nobody was told of {id:?}"))?;
        }
        let wanted = |task: &&Known| task.wanted;
        let wanted: Vec<TaskId> =
            self.reference.tasks.values().filter(wanted).map(|task| task.spec.task).collect();
        for task in wanted {
            self.release(task)?;
        }
        let counts = self.scheduler.counts();
        check(counts == Counts::default(), || format!("these are left: {counts:?}"))?;
        for (id, worker) in &self.workers {
            check(worker.values.is_empty(), || format!("{id} keeps {:?}", worker.values))?;
        }
        Ok(())
    }

    fn work_until_done(&mut self) -> Check {
        for _ in 0..1000 {
            while !self.errands.is_empty() {
                self.answer(false)?;
            }
            if self.workers.values().all(|worker| worker.retiring) {
                self.join(2)?;
            }
            let busy = self.workers.iter().filter(|(_, worker)| !worker.hands.is_empty());
            let busy: Vec<WorkerId> = busy.map(|(id, _)| *id).collect();
            if busy.is_empty() && self.errands.is_empty() {
                return Ok(());
            }
            for worker in busy {
                self.work(worker)?;
            }
        }
        Err("it does not come to an end".into())
    }
}
