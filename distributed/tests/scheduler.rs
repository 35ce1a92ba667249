//! The scheduler over thousands of invented histories: workers join, finish,
//! die and report late, and tasks come in batches.
//!
//! The driver here knows what it was told and nothing else, and holds every
//! action against that; the scheduler proves its own invariants after each
//! event.

use std::collections::{BTreeMap, BTreeSet};

use distributed::Placement;
use distributed::scheduler::{Action, Event, Outcome, Scheduler, TaskId, WorkerId};
use proptest::prelude::*;

const ALLOWED_FAILURES: u32 = 3;

/// Something that happens next. `pick` chooses among what is there.
#[derive(Clone, Debug)]
enum Happening {
    Submit { tasks: usize },
    SubmitAgain { pick: usize },
    Join,
    JoinAgain { pick: usize },
    Finish { pick: usize },
    Lose { pick: usize, suspicious: bool },
    LoseAgain,
    FinishWrongly { worker: u64, task: u64 },
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (0_usize..12).prop_map(|tasks| Happening::Submit { tasks }),
        1 => any::<usize>().prop_map(|pick| Happening::SubmitAgain { pick }),
        3 => Just(Happening::Join),
        1 => any::<usize>().prop_map(|pick| Happening::JoinAgain { pick }),
        8 => any::<usize>().prop_map(|pick| Happening::Finish { pick }),
        3 => (any::<usize>(), any::<bool>())
            .prop_map(|(pick, suspicious)| Happening::Lose { pick, suspicious }),
        1 => Just(Happening::LoseAgain),
        1 => (0_u64..40, 0_u64..80)
            .prop_map(|(worker, task)| Happening::FinishWrongly { worker, task }),
    ]
}

fn placement() -> impl Strategy<Value = Placement> {
    prop_oneof![Just(Placement::Dynamic), Just(Placement::StaticBlocks)]
}

/// What a driver knows: who is there, who does what, and what has ended.
struct Driver {
    scheduler: Scheduler,
    submitted: u64,
    joined: u64,
    hands: BTreeMap<WorkerId, Option<TaskId>>,
    dead: BTreeSet<WorkerId>,
    deaths: BTreeMap<TaskId, u32>,
    ended: BTreeMap<TaskId, Outcome>,
    /// What was reported by the worker that had it, and is yet to be ended.
    reported: Option<TaskId>,
}

impl Driver {
    fn new(placement: Placement) -> Self {
        Self {
            scheduler: Scheduler::new(placement, ALLOWED_FAILURES),
            submitted: 0,
            joined: 0,
            hands: BTreeMap::new(),
            dead: BTreeSet::new(),
            deaths: BTreeMap::new(),
            ended: BTreeMap::new(),
            reported: None,
        }
    }

    fn handle(&mut self, event: &Event) {
        let actions = self.scheduler.handle(event.clone());
        for action in actions {
            match action {
                Action::Assign { task, worker } => {
                    assert!(task.0 < self.submitted, "{task:?} was never submitted");
                    assert!(!self.ended.contains_key(&task), "{task:?} is over");
                    assert!(!self.hands.values().any(|hand| *hand == Some(task)), "done twice");
                    let hand = self.hands.get_mut(&worker).expect("the worker is there");
                    assert_eq!(hand.replace(task), None, "{worker} is busy");
                }
                Action::Finish { task, outcome } => {
                    match outcome {
                        Outcome::Returned => assert_eq!(self.reported.take(), Some(task)),
                        Outcome::Killed { attempts } => {
                            assert_eq!(attempts, ALLOWED_FAILURES + 1);
                            assert_eq!(self.deaths[&task], attempts);
                        }
                    }
                    assert_eq!(self.ended.insert(task, outcome), None, "{task:?} ended twice");
                }
            }
        }
        assert_eq!(self.reported, None, "what was reported is ended at once");
        assert_eq!(self.scheduler.check(), Ok(()), "after {event:?}");
        let in_hand = self.hands.values().flatten().count();
        assert_eq!(self.scheduler.in_hand(), in_hand);
        let unfinished = self.submitted as usize - self.ended.len();
        assert_eq!(self.scheduler.waiting(), unfinished - in_hand);
    }

    fn submit(&mut self, tasks: usize) {
        let tasks: Vec<TaskId> = (self.submitted..).map(TaskId).take(tasks).collect();
        self.submitted += tasks.len() as u64;
        self.handle(&Event::Submitted { tasks });
    }

    fn join(&mut self) {
        let worker = WorkerId(self.joined);
        self.joined += 1;
        self.hands.insert(worker, None);
        self.handle(&Event::WorkerJoined { worker });
    }

    fn finish(&mut self, worker: WorkerId) {
        if let Some(task) = self.hands.get_mut(&worker).and_then(Option::take) {
            self.reported = Some(task);
            self.handle(&Event::Finished { worker, task });
        }
    }

    fn lose(&mut self, worker: WorkerId, suspicious: bool) {
        if let Some(task) = self.hands.remove(&worker).flatten() {
            *self.deaths.entry(task).or_default() += u32::from(suspicious);
        }
        self.dead.insert(worker);
        self.handle(&Event::WorkerLost { worker, suspicious });
    }

    fn nth_worker(&self, pick: usize) -> Option<WorkerId> {
        let count = self.hands.len().max(1);
        self.hands.keys().nth(pick % count).copied()
    }

    fn happens(&mut self, happening: &Happening) {
        let nth = |pick| self.nth_worker(pick);
        match *happening {
            Happening::Submit { tasks } => self.submit(tasks),
            Happening::SubmitAgain { pick } => {
                let task = TaskId(pick as u64 % self.submitted.max(1));
                // A finished one would be a new task under an old name.
                if task.0 < self.submitted && !self.ended.contains_key(&task) {
                    self.handle(&Event::Submitted { tasks: vec![task, task] });
                }
            }
            Happening::Join => self.join(),
            Happening::JoinAgain { pick } => {
                if let Some(worker) = nth(pick) {
                    self.handle(&Event::WorkerJoined { worker });
                }
            }
            Happening::Finish { pick } => {
                if let Some(worker) = nth(pick) {
                    self.finish(worker);
                }
            }
            Happening::Lose { pick, suspicious } => {
                if let Some(worker) = nth(pick) {
                    self.lose(worker, suspicious);
                }
            }
            Happening::LoseAgain => {
                if let Some(worker) = self.dead.first().copied() {
                    self.handle(&Event::WorkerLost { worker, suspicious: true });
                }
            }
            Happening::FinishWrongly { worker, task } => {
                let (worker, task) = (WorkerId(worker), TaskId(task));
                if self.hands.get(&worker) != Some(&Some(task)) {
                    self.handle(&Event::Finished { worker, task });
                }
            }
        }
    }

    /// With one worker that lives, everything comes to an end.
    fn run_to_the_end(&mut self) {
        self.join();
        let worker = WorkerId(self.joined - 1);
        for other in self.hands.keys().copied().filter(|other| *other != worker).collect::<Vec<_>>()
        {
            self.lose(other, false);
        }
        while self.hands[&worker].is_some() {
            self.finish(worker);
        }
        assert_eq!(self.ended.len() as u64, self.submitted);
        assert_eq!((self.scheduler.waiting(), self.scheduler.in_hand()), (0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_task_ends_exactly_once(
        placement in placement(),
        happenings in proptest::collection::vec(happening(), 0..80),
    ) {
        let mut driver = Driver::new(placement);
        for happening in &happenings {
            driver.happens(happening);
        }
        driver.run_to_the_end();
    }

    #[test]
    fn the_same_events_give_the_same_actions(
        placement in placement(),
        happenings in proptest::collection::vec(happening(), 0..40),
    ) {
        let run = || {
            let mut driver = Driver::new(placement);
            happenings.iter().for_each(|happening| driver.happens(happening));
            (driver.hands, driver.ended)
        };
        prop_assert_eq!(run(), run());
    }
}

fn tasks(ids: std::ops::Range<u64>) -> Event {
    Event::Submitted { tasks: ids.map(TaskId).collect() }
}

/// Who gets what among these actions.
fn assigned(actions: &[Action]) -> Vec<(u64, u64)> {
    let assign = |action: &Action| match action {
        Action::Assign { task, worker } => Some((worker.0, task.0)),
        Action::Finish { .. } => None,
    };
    actions.iter().filter_map(assign).collect()
}

fn with_workers(placement: Placement, workers: u64) -> Scheduler {
    let mut scheduler = Scheduler::new(placement, ALLOWED_FAILURES);
    for worker in (0..workers).map(WorkerId) {
        scheduler.handle(Event::WorkerJoined { worker });
    }
    scheduler
}

#[test]
fn dynamic_gives_the_next_task_to_whoever_is_free() {
    let mut scheduler = with_workers(Placement::Dynamic, 2);
    assert_eq!(assigned(&scheduler.handle(tasks(0..4))), [(0, 0), (1, 1)]);
    // Worker 0 has a long task; worker 1 does all the others.
    for done in 1..3 {
        let finished = Event::Finished { worker: WorkerId(1), task: TaskId(done) };
        assert_eq!(assigned(&scheduler.handle(finished)), [(1, done + 1)]);
    }
}

#[test]
fn static_blocks_leave_a_worker_idle_beside_waiting_tasks() {
    let mut scheduler = with_workers(Placement::StaticBlocks, 2);
    assert_eq!(assigned(&scheduler.handle(tasks(0..4))), [(0, 0), (1, 2)]);
    let finished = Event::Finished { worker: WorkerId(1), task: TaskId(2) };
    assert_eq!(assigned(&scheduler.handle(finished)), [(1, 3)]);
    let finished = Event::Finished { worker: WorkerId(1), task: TaskId(3) };
    assert_eq!(assigned(&scheduler.handle(finished)), []);
    assert_eq!((scheduler.waiting(), scheduler.in_hand()), (1, 1));
}

#[test]
fn static_blocks_of_one_go_round_the_workers() {
    let mut scheduler = with_workers(Placement::StaticBlocks, 3);
    let owners: Vec<_> =
        (0..3).flat_map(|task| assigned(&scheduler.handle(tasks(task..task + 1)))).collect();
    assert_eq!(owners, [(0, 0), (1, 1), (2, 2)]);
}

#[test]
fn the_block_of_a_lost_worker_goes_to_whoever_is_free() {
    let mut scheduler = with_workers(Placement::StaticBlocks, 2);
    scheduler.handle(tasks(0..4));
    let lost = Event::WorkerLost { worker: WorkerId(0), suspicious: true };
    assert_eq!(scheduler.handle(lost), []);
    // Its own block first, then the other's, the longest waiting ahead.
    for (done, next) in [(2, 3), (3, 0), (0, 1)] {
        let finished = Event::Finished { worker: WorkerId(1), task: TaskId(done) };
        assert_eq!(assigned(&scheduler.handle(finished)), [(1, next)]);
    }
}

#[test]
fn a_task_outlives_the_allowed_failures_and_no_more() {
    let mut scheduler = Scheduler::new(Placement::Dynamic, 2);
    scheduler.handle(tasks(0..1));
    for death in 0..3 {
        let worker = WorkerId(death);
        let joined = scheduler.handle(Event::WorkerJoined { worker });
        assert_eq!(assigned(&joined), [(death, 0)]);
        let actions = scheduler.handle(Event::WorkerLost { worker, suspicious: true });
        if death < 2 {
            assert_eq!(actions, []);
        } else {
            let outcome = Outcome::Killed { attempts: 3 };
            assert_eq!(actions, [Action::Finish { task: TaskId(0), outcome }]);
        }
    }
}

#[test]
fn a_worker_that_dies_before_it_begins_is_not_held_against_the_task() {
    let mut scheduler = Scheduler::new(Placement::Dynamic, 0);
    scheduler.handle(tasks(0..1));
    for worker in (0..10).map(WorkerId) {
        scheduler.handle(Event::WorkerJoined { worker });
        assert_eq!(scheduler.handle(Event::WorkerLost { worker, suspicious: false }), []);
    }
    assert_eq!(scheduler.waiting(), 1);
}
