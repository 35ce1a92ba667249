//! The simulator against what is known of schedules by reckoning.

use distributed::scheduler::{Candidates, Fifo, Locality, Policy, Random, WorkerId};
use distributed::simulation::{Costs, Durations, Family, Grain, Graph, Run, Setup, simulate};
use proptest::prelude::*;

const MS: u64 = 1_000_000;

fn grain(durations: Durations) -> Grain {
    Grain { mean_ns: 10 * MS, durations, bytes: 100_000, seed: 1 }
}

fn run(graph: &Graph, setup: &Setup, policy: impl Policy + 'static) -> Run {
    simulate(graph, setup, policy, || 0)
}

/// The runs of a graph under each policy.
fn runs(graph: &Graph, setup: &Setup) -> [Run; 3] {
    [run(graph, setup, Locality), run(graph, setup, Fifo), run(graph, setup, Random::new(1))]
}

/// What no policy should be: it never takes anything back.
#[derive(Clone, Copy, Debug)]
struct Stubborn;

impl Policy for Stubborn {
    fn name(&self) -> &'static str {
        "stubborn"
    }

    fn prefer(&mut self, _: &mut dyn Candidates) -> Option<WorkerId> {
        None
    }

    fn steals(&self) -> bool {
        false
    }
}

#[test]
fn equal_tasks_take_as_many_rounds_as_they_must() {
    for (tasks, workers) in [(1, 1), (7, 3), (100, 7), (1000, 1000), (1001, 1000), (5, 9)] {
        let graph = Family::Bag.graph(tasks, grain(Durations::Constant));
        for policy in 0..2 {
            let setup = Setup::ideal(workers);
            let run =
                if policy == 0 { run(&graph, &setup, Fifo) } else { run(&graph, &setup, Locality) };
            assert_eq!(run.makespan_ns, tasks.div_ceil(workers as usize) as u64 * 10 * MS);
        }
    }
}

#[test]
fn one_worker_does_all_the_work_and_a_chain_is_as_long_as_itself() {
    for family in Family::ALL {
        let graph = family.graph(300, grain(Durations::Uniform));
        let alone = run(&graph, &Setup::ideal(1), Locality);
        assert_eq!(alone.makespan_ns, graph.work_ns(), "{}", family.name());
        // With a worker for each task nothing ever waits for one.
        let crowd = run(&graph, &Setup::ideal(graph.len() as u32), Fifo);
        assert_eq!(crowd.makespan_ns, graph.critical_path_ns(), "{}", family.name());
    }
}

#[test]
fn costs_and_latency_are_what_they_are_said_to_be() {
    let graph = Family::Bag.graph(1, Grain { bytes: 0, ..grain(Durations::Constant) });
    let costs = Costs { message_ns: 5, submit_ns: 70, task_ns: 300 };
    let setup = Setup { latency_ns: 1000, costs, ..Setup::ideal(1) };
    let alone = run(&graph, &setup, Fifo);
    // A batch comes in, an order goes out; a report comes in.
    let scheduler = (5 + 70 + 5) + (5 + 300);
    assert_eq!(alone.makespan_ns, 10 * MS + 2 * 1000 + scheduler);
    assert_eq!((alone.busy_ns, alone.messages), (scheduler, 2));
}

#[test]
fn reports_wait_for_each_other_and_not_for_long() {
    let bag = |mean_ns| Family::Bag.graph(100, Grain { mean_ns, ..grain(Durations::Constant) });
    let costs = Costs { message_ns: 1000, submit_ns: 0, task_ns: 0 };
    let messages = |graph: &Graph, patience_ns| {
        let setup = Setup { patience_ns, ..Setup::local(1, 0, 50, costs) };
        let run = run(graph, &setup, Fifo);
        // The client's message and one each way, at least; beside the work.
        assert!(run.makespan_ns >= graph.work_ns() + 100 * 50 + 3 * 1000, "{run:?}");
        run.messages
    };
    // All tasks come in one order: all their reports go together.
    assert_eq!(messages(&bag(100), MS), 2);
    assert_eq!(messages(&bag(100), 0), 1 + 100);
    // They wait for a millisecond, in which another nine tasks end.
    assert_eq!(messages(&bag(MS / 10 - 50), MS), 1 + 10);
    // Nobody waits for a task that takes longer, and the last has none behind it.
    assert_eq!(messages(&bag(2 * MS), MS), 1 + 100);
}

#[test]
fn a_fetch_takes_a_round_trip_and_its_bytes() {
    let mut graph = Graph::new();
    let (a, b) = (graph.push("a", [], 50, 3000), graph.push("b", [], 50, 1000));
    graph.push("both", [a, b], 10, 0);
    let setup = Setup { bytes_per_second: 1_000_000_000, latency_ns: 7, ..Setup::ideal(2) };
    let local = run(&graph, &setup, Locality);
    // It runs where 3000 bytes are, and fetches 1000: at 1 byte a nanosecond.
    assert_eq!(local.moved_bytes, 1000);
    assert_eq!(local.makespan_ns, (7 + 50 + 7) + (7 + 14 + 1000 + 10 + 7));
}

#[test]
fn no_run_is_shorter_than_its_bounds_and_the_same_arguments_give_the_same_run() {
    for family in Family::ALL {
        for durations in Durations::ALL {
            let graph = family.graph(400, grain(durations));
            for setup in [Setup::ideal(8), Setup::rack(8)] {
                let first = runs(&graph, &setup);
                for run in &first {
                    assert!(run.makespan_ns >= graph.bound_ns(8), "{}: {run:?}", family.name());
                    assert!(run.efficiency() > 0.05, "{}: {run:?}", family.name());
                }
                assert_eq!(first, runs(&graph, &setup), "{}", family.name());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Graham (1966, 1969): whoever is idle takes what is ready, so the
    /// makespan is at most `work / w + (1 - 1 / w) * critical path`, and so at
    /// most `2 - 1 / w` of the best there is.
    #[test]
    fn list_scheduling_keeps_grahams_bound(
        tasks in 1_usize..200,
        workers in 1_u32..20,
        family in 0..Family::ALL.len(),
        durations in 0..Durations::ALL.len(),
        seed in any::<u64>(),
    ) {
        let grain = Grain { seed, ..grain(Durations::ALL[durations]) };
        let graph = Family::ALL[family].graph(tasks, grain);
        let [local, fifo, _] = runs(&graph, &Setup::ideal(workers));
        let (work, path) = (u128::from(graph.work_ns()), u128::from(graph.critical_path_ns()));
        let workers = u128::from(workers);
        for run in [local, fifo] {
            let makespan = u128::from(run.makespan_ns);
            prop_assert!(makespan * workers <= work + (workers - 1) * path, "{:?}", run);
        }
    }
}

#[test]
fn stealing_helps_where_tasks_differ() {
    // All is handed out at once, and then it turns out who got the long ones.
    let setup = Setup { depth: 1000, ..Setup::rack(10) };
    let graph = Family::Bag.graph(1000, grain(Durations::Pareto));
    let [with, without] = [run(&graph, &setup, Fifo), run(&graph, &setup, Stubborn)];
    assert!(with.recalled > 0 && without.recalled == 0);
    assert!(with.makespan_ns * 10 < without.makespan_ns * 9, "{with:?} {without:?}");
    // And where they do not, it does no harm.
    let graph = Family::Bag.graph(1000, grain(Durations::Constant));
    let [with, without] = [run(&graph, &setup, Fifo), run(&graph, &setup, Stubborn)];
    assert!(with.makespan_ns <= without.makespan_ns, "{with:?} {without:?}");
}

#[test]
fn locality_moves_fewer_bytes_than_chance() {
    for family in [Family::Tree, Family::Stencil, Family::Xarray, Family::Fern] {
        let graph = family.graph(2000, grain(Durations::Uniform));
        let [local, _, random] = runs(&graph, &Setup::rack(16));
        let name = family.name();
        assert!(local.moved_bytes * 10 < random.moved_bytes * 8, "{name}: {local:?} {random:?}");
    }
}

#[test]
fn one_scheduler_saturates() {
    // 1 µs for a task and two messages: 10 ms tasks keep 3,000 workers busy.
    let costs = Costs { message_ns: 1000, submit_ns: 0, task_ns: 1000 };
    let graph = Family::Bag.graph(40_000, grain(Durations::Constant));
    let run = |workers| run(&graph, &Setup { costs, ..Setup::rack(workers) }, Fifo);
    let [few, many] = [run(100), run(8000)];
    assert!(few.utilisation() < 0.2 && few.efficiency() > 0.9, "{few:?}");
    assert!(many.utilisation() > 0.8 && many.efficiency() < 0.6, "{many:?}");
}

#[test]
fn records_say_what_ran_when() {
    let graph = Family::Tree.graph(127, grain(Durations::Uniform));
    let run = run(&graph, &Setup { record: true, ..Setup::rack(5) }, Locality);
    assert_eq!(run.records.len(), graph.len());
    let work: u64 = run.records.iter().map(|record| record.end_ns - record.start_ns).sum();
    assert_eq!(work, graph.work_ns());
    for worker in (0..5).map(WorkerId) {
        let mut own: Vec<_> = run.records.iter().filter(|r| r.worker == worker).collect();
        own.sort_by_key(|record| record.start_ns);
        assert!(own.windows(2).all(|pair| pair[0].end_ns <= pair[1].start_ns));
    }
    assert!(run.records.iter().all(|record| record.end_ns <= run.makespan_ns));
}
