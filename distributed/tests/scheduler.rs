//! The scheduler's rules, one short history each. The histories that nobody
//! would think of are in its own `properties`.

use distributed::scheduler::{
    Action, Event, Fifo, Holder, Locality, Outcome, Policy, Random, Scheduler, Spec, TaskId,
    WorkerId,
};

/// A scheduler, and what it wants done.
struct Run {
    scheduler: Scheduler,
    actions: Vec<Action>,
}

fn run(policy: impl Policy + 'static) -> Run {
    Run { scheduler: Scheduler::new(policy, 2), actions: Vec::new() }
}

impl Run {
    fn with_workers(mut self, workers: u64, depth: u32) -> Self {
        for worker in 0..workers {
            self.on(Event::WorkerJoined { worker: WorkerId(worker), depth });
        }
        self
    }

    /// What is done about an event.
    fn on(&mut self, event: Event) -> Vec<Action> {
        self.actions.clear();
        self.scheduler.handle(event, &mut self.actions);
        assert_eq!(self.scheduler.check(), Ok(()));
        self.actions.clone()
    }

    fn submit(&mut self, specs: Vec<Spec>) -> Vec<Action> {
        self.on(Event::Submitted { specs })
    }

    /// A result of so many bytes that stays with its worker.
    fn kept(&mut self, worker: u64, task: u64, bytes: u64) -> Vec<Action> {
        let (worker, task) = (WorkerId(worker), TaskId(task));
        self.on(Event::Finished { worker, task, bytes, kept: true })
    }

    /// A result that the driver has.
    fn safe(&mut self, worker: u64, task: u64) -> Vec<Action> {
        let (worker, task) = (WorkerId(worker), TaskId(task));
        self.on(Event::Finished { worker, task, bytes: 1, kept: false })
    }

    fn release(&mut self, task: u64) -> Vec<Action> {
        self.on(Event::Released { tasks: vec![TaskId(task)] })
    }

    fn lose(&mut self, worker: u64, begun: &[u64]) -> Vec<Action> {
        let begun = begun.iter().copied().map(TaskId).collect();
        self.on(Event::WorkerLost { worker: WorkerId(worker), begun })
    }
}

fn bag(tasks: std::ops::Range<u64>) -> Vec<Spec> {
    tasks.map(|task| Spec::new(TaskId(task))).collect()
}

fn task(task: u64, dependencies: &[u64]) -> Spec {
    Spec::new(TaskId(task)).after(dependencies.iter().copied().map(TaskId).collect::<Vec<_>>())
}

/// Who gets what among these actions.
fn assigned(actions: &[Action]) -> Vec<(u64, u64)> {
    let assign = |action: &Action| match action {
        Action::Assign { task, worker } => Some((worker.0, task.0)),
        _ => None,
    };
    actions.iter().filter_map(assign).collect()
}

fn finish(task: u64, outcome: Outcome) -> Action {
    Action::Finish { task: TaskId(task), outcome }
}

fn forget(task: u64) -> Action {
    Action::Forget { task: TaskId(task) }
}

fn free(task: u64, worker: u64) -> Action {
    Action::Free { task: TaskId(task), holder: Holder::Worker(WorkerId(worker)) }
}

#[test]
fn the_next_task_goes_to_whoever_is_free() {
    for mut run in [run(Fifo), run(Locality)].map(|run| run.with_workers(2, 1)) {
        assert_eq!(assigned(&run.submit(bag(0..4))), [(0, 0), (1, 1)]);
        // Worker 0 has a long task; worker 1 does all the others.
        assert_eq!(assigned(&run.safe(1, 1)), [(1, 2)]);
        assert_eq!(assigned(&run.safe(1, 2)), [(1, 3)]);
    }
}

#[test]
fn tasks_are_dealt_evenly_up_to_the_depth() {
    let mut run = run(Fifo).with_workers(2, 2);
    assert_eq!(assigned(&run.submit(bag(0..9))), [(0, 0), (1, 1), (0, 2), (1, 3)]);
    assert_eq!(run.scheduler.counts().ready, 5);
}

#[test]
fn a_task_at_home_waits_though_others_idle() {
    let mut run = run(Fifo).with_workers(2, 1);
    let at = |spec: Spec, home| Spec { home: Some(WorkerId(home)), ..spec };
    let specs = bag(0..4).into_iter().map(|spec| at(spec.clone(), spec.task.0 / 2)).collect();
    assert_eq!(assigned(&run.submit(specs)), [(0, 0), (1, 2)]);
    assert_eq!(assigned(&run.safe(1, 2)), [(1, 3)]);
    assert_eq!(assigned(&run.safe(1, 3)), []);
    assert_eq!((run.scheduler.counts().ready, run.scheduler.counts().assigned), (1, 1));
    // When it is gone, anybody will do, and what waited longest goes first.
    assert_eq!(assigned(&run.lose(0, &[0])), [(1, 0)]);
    assert_eq!(assigned(&run.safe(1, 0)), [(1, 1)]);
}

#[test]
fn the_urgent_goes_first_and_comes_back_to_the_front() {
    let mut run = run(Fifo);
    let urgent = Spec { priority: 7, ..task(2, &[]) };
    run.submit(vec![task(0, &[]), task(1, &[]), urgent]);
    let joined = run.on(Event::WorkerJoined { worker: WorkerId(0), depth: 2 });
    assert_eq!(assigned(&joined), [(0, 2), (0, 0)]);
    run.lose(0, &[2]);
    let joined = run.on(Event::WorkerJoined { worker: WorkerId(1), depth: 3 });
    assert_eq!(assigned(&joined), [(1, 2), (1, 0), (1, 1)]);
}

#[test]
fn what_becomes_ready_does_not_overtake_the_urgent_at_home() {
    let mut run = run(Fifo).with_workers(1, 1);
    run.submit(vec![task(0, &[]), task(1, &[0])]);
    let home = Some(WorkerId(0));
    run.submit(vec![Spec { priority: 1, home, ..task(2, &[]) }]);
    assert_eq!(assigned(&run.safe(0, 0)), [(0, 2)]);
    assert_eq!(assigned(&run.safe(0, 2)), [(0, 1)]);
}

#[test]
fn a_task_goes_where_most_of_its_input_lies() {
    let mut run = run(Locality).with_workers(3, 1);
    run.submit([bag(0..3), vec![task(3, &[0, 1, 2])]].concat());
    run.kept(0, 0, 10);
    run.kept(1, 1, 1000);
    assert_eq!(assigned(&run.kept(2, 2, 100)), [(1, 3)]);
    // The busy are waited for only while nobody idles.
    run.submit(vec![task(4, &[1])]);
    assert_eq!(run.scheduler.counts().ready, 0);
    assert_eq!(run.scheduler.load(WorkerId(0)) + run.scheduler.load(WorkerId(2)), 1);
}

#[test]
fn what_waits_for_a_busy_worker_is_taken_by_one_that_becomes_idle() {
    let mut run = run(Locality).with_workers(2, 1);
    run.submit(bag(0..3));
    // Task 2 has worker 0; 3 and 4 would rather go there and wait, 1 runs on.
    run.kept(0, 0, 100);
    assert_eq!(assigned(&run.submit(vec![task(3, &[0]), task(4, &[0])])), []);
    assert_eq!(assigned(&run.safe(1, 1)), [(1, 4)]);
    assert_eq!(assigned(&run.safe(0, 2)), [(0, 3)]);
}

#[test]
fn random_draws_a_worker_and_waits_for_it() {
    let draw = |seed| {
        let mut run = run(Random::new(seed)).with_workers(4, 1);
        let first = assigned(&run.submit(bag(0..40)));
        assert_eq!(run.scheduler.counts().ready, 40 - first.len());
        first
    };
    assert_eq!(draw(1), draw(1), "the same seed draws the same workers");
    assert!((2..10).any(|seed| draw(seed) != draw(1)), "another seed draws others");
}

#[test]
fn a_task_fails_when_its_retries_are_used_up_and_takes_its_dependants_along() {
    let mut run = run(Fifo).with_workers(1, 1);
    let flaky = Spec { retries: 1, ..task(0, &[]) };
    run.submit(vec![flaky, task(1, &[0]), task(2, &[1])]);
    let failed = Event::Failed { worker: WorkerId(0), task: TaskId(0) };
    assert_eq!(assigned(&run.on(failed.clone())), [(0, 0)]);
    let cause = Outcome::DependencyFailed { cause: TaskId(0) };
    assert_eq!(run.on(failed), [finish(0, Outcome::Failed), finish(1, cause), finish(2, cause)]);
    // Whoever comes later learns the same.
    assert_eq!(run.submit(vec![task(3, &[2])]), [finish(3, cause)]);
    let unknown = Outcome::DependencyFailed { cause: TaskId(99) };
    assert_eq!(run.submit(vec![task(4, &[99])]), [finish(4, unknown)]);
}

#[test]
fn a_task_outlives_the_allowed_failures_and_no_more() {
    let mut run = run(Fifo);
    run.submit(bag(0..1));
    for death in 0..3 {
        let worker = WorkerId(death);
        assert_eq!(assigned(&run.on(Event::WorkerJoined { worker, depth: 1 })), [(death, 0)]);
        let actions = run.lose(death, &[0]);
        let killed = finish(0, Outcome::Killed { attempts: 3 });
        assert_eq!(actions, if death < 2 { vec![] } else { vec![killed] });
    }
}

#[test]
fn only_what_had_begun_is_blamed_for_a_death() {
    let mut run = run(Fifo);
    run.submit(bag(0..2));
    for worker in 0..3 {
        run.on(Event::WorkerJoined { worker: WorkerId(worker), depth: 2 });
        run.lose(worker, &[0]);
    }
    // One was tried three times, the other merely lay beside it.
    let joined = run.on(Event::WorkerJoined { worker: WorkerId(9), depth: 2 });
    assert_eq!(assigned(&joined), [(9, 1)]);
}

#[test]
fn a_value_is_freed_when_nobody_needs_it_and_not_before() {
    let mut run = run(Locality).with_workers(1, 1);
    run.submit(vec![task(0, &[]), task(1, &[0])]);
    run.kept(0, 0, 1);
    assert_eq!(run.release(0), []);
    assert_eq!(run.kept(0, 1, 1), [finish(1, Outcome::Returned), free(0, 0)]);
    // It is remembered, for the value made of it may yet be lost.
    assert!(run.scheduler.is_known(TaskId(0)));
    assert_eq!(run.release(1), [free(1, 0), forget(1), forget(0)]);
    assert!(!run.scheduler.is_known(TaskId(0)));
}

#[test]
fn a_lost_value_is_made_again_from_what_is_left() {
    let mut run = run(Locality).with_workers(2, 1);
    run.submit(vec![task(0, &[]), task(1, &[0]), task(2, &[1])]);
    run.kept(0, 0, 1);
    run.kept(0, 1, 1);
    run.release(0);
    run.release(1);
    run.kept(0, 2, 1);
    // The client wants the last; the others are remembered, not kept.
    assert_eq!(assigned(&run.lose(0, &[])), [(1, 0)]);
    assert_eq!(assigned(&run.kept(1, 0, 1)), [(1, 1)]);
    assert_eq!(run.kept(1, 1, 1)[0], free(0, 1));
    // It was delivered before: nobody is told twice.
    assert_eq!(run.kept(1, 2, 1), [free(1, 1)]);
}

#[test]
fn what_the_driver_has_is_never_made_again() {
    let mut run = run(Locality).with_workers(2, 1);
    run.submit(vec![task(0, &[]), task(1, &[0])]);
    run.kept(0, 0, 1);
    run.release(0);
    run.kept(0, 1, 1);
    assert_eq!(run.on(Event::Secured { task: TaskId(1) }), [forget(0)]);
    assert!(!run.scheduler.is_known(TaskId(0)), "there is no use for it any more");
    assert_eq!(run.lose(0, &[]), []);
    assert!(run.scheduler.has_value(TaskId(1)));
}

#[test]
fn what_the_driver_has_outlives_its_future_while_results_of_it_may_be_lost() {
    let mut run = run(Locality).with_workers(2, 1);
    run.submit(vec![task(0, &[]), task(1, &[0])]);
    run.safe(0, 0);
    run.kept(0, 1, 1);
    // What 0 was made of is forgotten: it could not be made again.
    assert_eq!(run.release(0), []);
    assert_eq!(assigned(&run.lose(0, &[])), [(1, 1)]);
    run.safe(1, 1);
    assert!(!run.scheduler.is_known(TaskId(0)));
}

#[test]
fn scattered_data_that_is_lost_ends_what_needs_it() {
    let mut run = run(Locality).with_workers(1, 1);
    let at = Holder::Worker(WorkerId(0));
    run.on(Event::Scattered { task: TaskId(0), bytes: 5, at });
    run.submit(vec![task(1, &[0])]);
    assert_eq!(
        run.lose(0, &[]),
        [
            Action::Gone { task: TaskId(0), outcome: Outcome::Lost },
            finish(1, Outcome::DependencyFailed { cause: TaskId(0) }),
        ]
    );
}

#[test]
fn scattered_data_outlives_its_future_while_results_may_have_to_be_made_of_it() {
    let mut run = run(Locality).with_workers(2, 1);
    run.on(Event::Scattered { task: TaskId(0), bytes: 5, at: Holder::Driver });
    run.submit(vec![task(1, &[0])]);
    run.kept(0, 1, 1);
    assert_eq!(run.release(0), []);
    assert_eq!(assigned(&run.lose(0, &[])), [(1, 1)]);
    run.kept(1, 1, 1);
    let given_back = Action::Free { task: TaskId(0), holder: Holder::Driver };
    assert_eq!(run.release(1), [free(1, 1), forget(1), given_back, forget(0)]);
}

#[test]
fn an_idle_worker_takes_half_of_what_waits_with_the_busiest() {
    let mut run = run(Fifo).with_workers(2, 8);
    run.submit(bag(0..10));
    for done in [1, 3, 5, 7] {
        run.safe(1, done);
    }
    let (worker, count) = (WorkerId(0), 2);
    assert_eq!(run.safe(1, 9).last(), Some(&Action::Recall { worker, count }));
    // It had begun two of its five, and one of those that were asked for.
    let recalled = Event::Recalled { worker, tasks: vec![TaskId(8)] };
    assert_eq!(assigned(&run.on(recalled)), [(1, 8)]);
    // Nothing more is asked of it: all it has is begun.
    let last = run.safe(1, 8);
    assert_eq!(last, [finish(8, Outcome::Returned)]);
}

#[test]
fn cancelling_takes_dependants_along_and_revokes_what_is_in_hand() {
    let mut run = run(Fifo).with_workers(1, 1);
    run.submit(vec![task(0, &[]), task(1, &[0]), task(2, &[])]);
    let cancelled = run.on(Event::Cancelled { tasks: vec![TaskId(0)], kill: false });
    let revoke = Action::Revoke { task: TaskId(0), worker: WorkerId(0), kill: false };
    assert_eq!(cancelled, [revoke, finish(0, Outcome::Cancelled), finish(1, Outcome::Cancelled)]);
    // The worker has it in hand until it says otherwise.
    let declined = Event::Declined { worker: WorkerId(0), task: TaskId(0) };
    assert_eq!(assigned(&run.on(declined)), [(0, 2)]);
}

#[test]
fn an_expired_task_may_cost_its_worker() {
    let mut run = run(Fifo).with_workers(1, 1);
    run.submit(bag(0..1));
    let expired = run.on(Event::Expired { task: TaskId(0) });
    let revoke = Action::Revoke { task: TaskId(0), worker: WorkerId(0), kill: true };
    assert_eq!(expired, [revoke, finish(0, Outcome::Expired)]);
    assert_eq!(run.lose(0, &[0]), []);
}

#[test]
fn a_retiring_worker_finishes_hands_over_and_goes() {
    let mut run = run(Locality).with_workers(1, 3);
    let worker = WorkerId(0);
    run.submit(bag(0..3));
    run.kept(0, 0, 1);
    let retiring = run.on(Event::WorkerRetiring { worker });
    let secure = Action::Secure { task: TaskId(0), worker };
    assert_eq!(retiring, [Action::Recall { worker, count: 2 }, secure]);
    run.on(Event::WorkerJoined { worker: WorkerId(1), depth: 1 });
    let recalled = Event::Recalled { worker, tasks: vec![TaskId(2)] };
    assert_eq!(assigned(&run.on(recalled)), [(1, 2)]);
    assert_eq!(run.safe(0, 1), [finish(1, Outcome::Returned)]);
    let secured = run.on(Event::Secured { task: TaskId(0) });
    assert_eq!(secured, [free(0, 0), Action::Dismiss { worker }]);
    assert_eq!(run.lose(0, &[]), []);
    assert!(run.scheduler.is_safe(TaskId(0)));
}
