//! A driver that invents what happens, carries out what it is told, and holds
//! every action against the [`Reference`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::planted::Planted;
use super::super::{Action, Event, Holder, Outcome, Scheduler, TaskId, WorkerId};
use super::history::Plan;
use super::reference::{Expected, Reference};

/// What does not hold.
pub(super) type Check = Result<(), String>;

pub(super) fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// A worker as it really is.
#[derive(Clone, Debug, Default)]
pub(super) struct Worker {
    pub(super) depth: u32,
    /// What it was handed, in order; the first may have begun.
    pub(super) hands: VecDeque<TaskId>,
    pub(super) begun: bool,
    /// The values that are in its memory.
    pub(super) values: BTreeSet<TaskId>,
    pub(super) retiring: bool,
}

/// What the driver was asked to do, and has not done yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    Recall { worker: WorkerId, count: u32 },
    Revoke { task: TaskId, worker: WorkerId, kill: bool },
    Secure { task: TaskId, worker: WorkerId },
    Dismiss { worker: WorkerId },
}

pub(super) struct Model {
    pub(super) scheduler: Scheduler,
    pub(super) allowed_failures: u32,
    steals: bool,
    pub(super) reference: Reference,
    pub(super) plans: BTreeMap<TaskId, Plan>,
    pub(super) workers: BTreeMap<WorkerId, Worker>,
    pub(super) errands: VecDeque<Errand>,
    pub(super) next_task: u64,
    pub(super) next_worker: u64,
    /// How often each kind of action was seen, and each way to end.
    pub(super) seen: BTreeMap<String, u32>,
    /// All that was finished, to see that it was once.
    pub(super) finished: BTreeMap<TaskId, Outcome>,
    /// All that was said to be forgotten, to see that it is.
    forgotten: BTreeSet<TaskId>,
    actions: Vec<Action>,
}

impl Model {
    pub(super) fn new(mut scheduler: Scheduler, planted: Option<Planted>) -> Self {
        scheduler.planted = planted;
        Self {
            allowed_failures: scheduler.allowed_failures,
            steals: scheduler.policy.steals(),
            scheduler,
            reference: Reference::default(),
            plans: BTreeMap::new(),
            workers: BTreeMap::new(),
            errands: VecDeque::new(),
            next_task: 0,
            next_worker: 0,
            seen: BTreeMap::new(),
            finished: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            actions: Vec::new(),
        }
    }

    /// Tells the scheduler, and checks all that it does about it. The facts
    /// stand in the reference already.
    pub(super) fn tell(&mut self, event: Event) -> Check {
        self.reference.settle();
        let said = format!("{event:?}");
        let mut actions = std::mem::take(&mut self.actions);
        actions.clear();
        self.scheduler.handle(event, &mut actions);
        let checked = self.obey_all(&actions).and_then(|()| self.check_after(&actions));
        let checked = checked.map_err(|e| format!("{e}, after {said}, which gave {actions:?}"));
        self.actions = actions;
        checked
    }

    fn obey_all(&mut self, actions: &[Action]) -> Check {
        for action in actions {
            self.obey(*action).map_err(|e| format!("{e}: {action:?}"))?;
        }
        let (finish, gone) = (&self.reference.finish, &self.reference.gone);
        check(finish.is_empty(), || format!("nobody was told how these ended: {finish:?}"))?;
        check(gone.is_empty(), || format!("nobody was told that these are gone: {gone:?}"))
    }

    fn obey(&mut self, action: Action) -> Check {
        let seen = match action {
            Action::Finish { outcome, .. } => format!("Finish {outcome:?}"),
            Action::Gone { outcome, .. } => format!("Gone {outcome:?}"),
            other => format!("{other:?}"),
        };
        // The kind alone, without what it is about.
        let kind = seen.split(" {").next().unwrap_or_default().to_owned();
        *self.seen.entry(kind).or_default() += 1;
        match action {
            Action::Assign { task, worker } => self.obey_assign(task, worker),
            Action::Finish { task, outcome } => {
                let expected = self.reference.finish.remove(&task);
                self.check_outcome(task, expected, outcome)?;
                let before = self.finished.insert(task, outcome);
                check(before.is_none(), || format!("it was finished before, as {before:?}"))
            }
            Action::Gone { task, outcome } => {
                let expected = self.reference.gone.remove(&task);
                self.check_outcome(task, expected, outcome)
            }
            Action::Free { task, holder } => self.obey_free(task, holder),
            Action::Forget { task } => {
                check(!self.scheduler.is_known(task), || "it is known".into())?;
                check(self.forgotten.insert(task), || "it was forgotten before".into())
            }
            Action::Recall { worker, count } => {
                let there = self.workers.get(&worker);
                let has = there.map_or(0, |worker| worker.hands.len() as u32);
                check(count > 0 && count <= has, || format!("it has {has}"))?;
                self.errands.push_back(Errand::Recall { worker, count });
                Ok(())
            }
            Action::Revoke { task, worker, kill } => {
                let there = self.workers.get(&worker);
                let has = there.is_some_and(|worker| worker.hands.contains(&task));
                check(has, || "it does not have it".into())?;
                check(!self.reference.is_active(task), || "it shall be done".into())?;
                self.errands.push_back(Errand::Revoke { task, worker, kill });
                Ok(())
            }
            Action::Secure { task, worker } => {
                let there = self.workers.get(&worker);
                check(there.is_some_and(|worker| worker.retiring), || "it stays".into())?;
                let held = self.reference.tasks[&task].holders.contains(&worker);
                check(held, || "it does not have it".into())?;
                self.errands.push_back(Errand::Secure { task, worker });
                Ok(())
            }
            Action::Dismiss { worker } => {
                let there = self.workers.get(&worker);
                let idle = there.is_some_and(|w| w.retiring && w.hands.is_empty());
                check(idle, || "it has work".into())?;
                let holds = self.reference.tasks.values().any(|t| t.holders.contains(&worker));
                check(!holds, || "it has values".into())?;
                let again = self.errands.contains(&Errand::Dismiss { worker });
                check(!again, || "it was dismissed before".into())?;
                self.errands.push_back(Errand::Dismiss { worker });
                Ok(())
            }
        }
    }

    fn check_outcome(
        &mut self,
        task: TaskId,
        expected: Option<Expected>,
        outcome: Outcome,
    ) -> Check {
        let allowed = expected.is_some_and(|e| self.reference.allows(task, e, outcome));
        check(allowed, || format!("{expected:?} was expected"))?;
        if expected == Some(Expected::Follows) {
            self.reference.tasks.get_mut(&task).expect("it is known").over = Some(outcome);
        }
        Ok(())
    }

    fn obey_assign(&mut self, task: TaskId, worker: WorkerId) -> Check {
        check(self.reference.is_active(task), || "it shall not be done".into())?;
        check(self.reference.is_ready(task), || "it has not all its values".into())?;
        let known = &self.reference.tasks[&task];
        check(!known.scattered, || "nobody can compute it".into())?;
        let in_hand = self.workers.values().any(|worker| worker.hands.contains(&task));
        check(!in_hand, || "it is in somebody's hands".into())?;
        let home = known.spec.home.filter(|home| self.is_home(*home));
        check(home.is_none_or(|home| home == worker), || format!("it belongs to {home:?}"))?;
        let there = self.workers.get_mut(&worker).filter(|worker| !worker.retiring);
        let there = there.ok_or("it is not there, or to go")?;
        there.hands.push_back(task);
        check(there.hands.len() <= there.depth as usize, || "it has too much in hand".into())
    }

    fn is_home(&self, worker: WorkerId) -> bool {
        self.workers.get(&worker).is_some_and(|worker| !worker.retiring)
    }

    fn obey_free(&mut self, task: TaskId, holder: Holder) -> Check {
        let needed = self.reference.needed().contains(&task);
        if let Some(known) = self.reference.tasks.get_mut(&task) {
            let counted = match holder {
                Holder::Driver => std::mem::take(&mut known.safe),
                Holder::Worker(worker) => known.holders.remove(&worker),
            };
            // A late result of a task that is done again was never counted.
            check(!(counted && needed) || known.has_value(), || "it is needed".into())?;
        }
        if let Holder::Worker(worker) = holder
            && let Some(worker) = self.workers.get_mut(&worker)
        {
            worker.values.remove(&task);
        }
        Ok(())
    }

    /// What must hold after each event, whatever came before.
    fn check_after(&mut self, actions: &[Action]) -> Check {
        self.scheduler.check()?;
        self.check_forgotten()?;
        for (id, task) in &self.reference.tasks {
            let says: BTreeSet<WorkerId> = self.scheduler.who_has(*id).collect();
            check(says == task.holders, || format!("{id:?} is with {:?}", task.holders))?;
            check(self.scheduler.is_safe(*id) == task.safe, || format!("{id:?} is safe?"))?;
        }
        for (id, worker) in &self.workers {
            let load = self.scheduler.load(*id);
            check(load as usize == worker.hands.len(), || format!("{id} has {:?}", worker.hands))?;
        }
        self.check_order(actions)
    }

    /// A task is forgotten when nobody needs it, and nothing that may be lost
    /// was made of it.
    fn check_forgotten(&mut self) -> Check {
        let needed = self.reference.needed();
        let known = |id: &TaskId| self.scheduler.is_known(*id);
        for (id, task) in &self.reference.tasks {
            check(known(id) || !needed.contains(id), || format!("{id:?} is forgotten"))?;
            if known(id) && !task.safe && task.over.is_none() {
                let lost = task.spec.dependencies.iter().find(|d| !known(d));
                check(lost.is_none(), || format!("{lost:?} is forgotten, and {id:?} is of it"))?;
            }
        }
        let Self { reference, scheduler, forgotten: said, .. } = self;
        let silent =
            reference.tasks.keys().find(|id| !scheduler.is_known(**id) && !said.contains(id));
        check(silent.is_none(), || format!("it was not said that {silent:?} is forgotten"))?;
        let forgotten = reference.tasks.extract_if(.., |id, _| !scheduler.is_known(*id));
        reference.forgotten.extend(forgotten);
        Ok(())
    }

    /// Nobody idles before work that it may take, and the urgent goes first.
    fn check_order(&self, actions: &[Action]) -> Check {
        let in_hand =
            |task: &TaskId| self.workers.values().any(|worker| worker.hands.contains(task));
        let needed = self.reference.needed();
        let ready: Vec<TaskId> = needed
            .into_iter()
            .filter(|task| {
                self.reference.may_be_active(*task)
                    && self.reference.is_ready(*task)
                    && !in_hand(task)
            })
            .collect();
        let home =
            |task: &TaskId| self.reference.tasks[task].spec.home.filter(|home| self.is_home(*home));
        let may = |worker: WorkerId, task: &TaskId| home(task).map_or(self.steals, |h| h == worker);
        for (id, worker) in &self.workers {
            let idle = worker.hands.is_empty() && !worker.retiring;
            let waits = ready.iter().find(|task| may(*id, task));
            check(!idle || waits.is_none(), || format!("{id} idles, and {waits:?} waits"))?;
        }
        for action in actions {
            let Action::Assign { task, worker } = action else { continue };
            let Some(known) = self.reference.tasks.get(task) else { continue };
            let urgent = ready.iter().find(|other| {
                let other_priority = self.reference.tasks[other].spec.priority;
                other_priority > known.spec.priority && may(*worker, other)
            });
            check(urgent.is_none(), || format!("{urgent:?} waits, and {action:?}"))?;
        }
        Ok(())
    }
}
