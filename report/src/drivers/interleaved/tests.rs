//! What each model gets, resuming, and the proof of the sampler by equal models.

use std::path::Path;

use super::*;
use crate::suite::{Scale, Workload, repeat};

#[test]
fn every_model_stands_in_every_place_and_behind_every_other_equally_often() {
    for models in 1..=10 {
        let mut seen = vec![vec![0; models]; models];
        let mut follows = vec![vec![0; models]; models];
        for round in 0..2 * models {
            let mut visits: Vec<_> = order(round, models).collect();
            for (place, &model) in visits.iter().enumerate() {
                seen[model][place] += 1;
            }
            for pair in visits.windows(2) {
                follows[pair[1]][pair[0]] += 1;
            }
            visits.sort_unstable();
            assert!(visits.into_iter().eq(0..models), "each model once a round");
        }
        assert!(seen.iter().flatten().all(|&times| times == 2), "{models}: {seen:?}");
        for (model, behind) in follows.iter().enumerate() {
            let even = |(other, &times): (usize, &i32)| times == 2 * i32::from(other != model);
            assert!(behind.iter().enumerate().all(even), "{models}: {follows:?}");
        }
    }
}

#[test]
fn a_visit_is_filled_or_is_one_iteration() {
    let visit = Duration::from_millis(20);
    let half_nanosecond = fill(visit, 1 << 24, Duration::from_nanos(1 << 23));
    assert_eq!(half_nanosecond, (40_000_000, visit));
    let second = Duration::from_secs(1);
    assert_eq!(fill(visit, 1, second), (1, second));
}

fn suite() -> Suite {
    Suite::new("topic").workload(
        Workload::new("doubling", "n + n")
            .parameter("n", Scale::Quick.pick([1, 2], [1]))
            .expect(|n| 2 * n)
            .patience(Duration::from_millis(200))
            .model("right", |n| repeat(move || n + n))
            .model("wrong_at_two", |n| repeat(move || n * n + n))
            .model("slow", |n| {
                repeat(move || {
                    std::thread::sleep(Duration::from_millis(300));
                    n + n
                })
            })
            .model("panics", |n| repeat(move || if n == 1 { panic!("at the disco") } else { 4 }))
            .on_dask("rust_on_dask", |python, n| {
                let told = python.to_owned();
                repeat(move || if told == Path::new("/a/python") { n + n } else { 0 })
            })
            .python("python_doubling"),
    )
}

fn request(root: &Path) -> Request {
    Request {
        plan_only: false,
        full: false,
        run: "a run".into(),
        rounds: 3,
        visit: Duration::from_millis(1),
        root: root.into(),
        done: Vec::new(),
        in_turn: false,
        steps_per_microsecond: None,
    }
}

fn sample(root: &Path, done: Vec<CellId>) -> Vec<Event> {
    sample_with(root, done, None)
}

fn sample_with(root: &Path, done: Vec<CellId>, python: Option<&Interpreter>) -> Vec<Event> {
    let request = Request { done, ..request(root) };
    let mut events = Vec::new();
    let mut tell = |event| {
        events.push(event);
        Ok(())
    };
    run(&suite(), &request, python, &mut tell, &mut || {}).expect("the directory can be written");
    events
}

/// Whoever gives the turns counts on it: each is waited for, and nothing is told
/// in it after the event that ends it.
#[test]
fn each_turn_ends_with_a_round_or_with_the_cell() {
    let root = tempfile::tempdir().expect("a directory");
    let done = vec![CellId { workload: "doubling".into(), parameter: 1 }];
    let request = Request { in_turn: true, done, ..request(root.path()) };
    let log = std::cell::RefCell::new(Vec::new());
    let mut tell = |event: Event| {
        log.borrow_mut().push(match event {
            Event::InTurn => "in turn",
            Event::Plan(_) => "plan",
            Event::Began(_) => "began",
            Event::Round { share } if share < 1.0 => "round",
            Event::Round { .. } => "last round",
            Event::NoTime { .. } => "no time",
            Event::Done(..) => "done",
            Event::GaveUp(_) => "gave up",
        });
        Ok(())
    };
    let mut wait = || log.borrow_mut().push("waits");
    run(&suite(), &request, None, &mut tell, &mut wait).expect("the directory can be written");
    let log = log.into_inner().join(", ");
    let cell = "began, waits, round, waits, round, waits, round, waits, last round";
    assert_eq!(log, format!("in turn, plan, {cell}, no time, no time, done"));
}

fn mark(root: &Path, model: &str, parameter: u64) -> Option<Outcome> {
    let id =
        Id { group: "topic/doubling".into(), function: model.into(), value: parameter.to_string() };
    Mark::read(root, &id).expect("marks can be read").map(|mark| mark.outcome)
}

#[test]
fn each_model_gets_the_outcome_it_deserves() {
    let root = tempfile::tempdir().expect("a directory");
    let events = sample(root.path(), Vec::new());
    assert!(matches!(&events[0], Event::Plan(cells) if cells.len() == 2 && cells[0].1 == 4));
    assert_eq!(mark(root.path(), "right", 1), Some(Outcome::Measured));
    // 1 * 1 + 1 happens to be right, 2 * 2 + 2 is not.
    assert_eq!(mark(root.path(), "wrong_at_two", 1), Some(Outcome::Measured));
    let wrong = mark(root.path(), "wrong_at_two", 2).expect("a mark");
    assert!(matches!(wrong, Outcome::Failure(Failure::Wrong(_))), "{wrong:?}");
    let stopped = mark(root.path(), "slow", 2).expect("a mark");
    assert!(matches!(stopped, Outcome::Stopped { at: 1, .. }), "{stopped:?}");
    let Some(Outcome::Failure(Failure::Failed(why))) = mark(root.path(), "panics", 1) else {
        panic!("a panic is a failure");
    };
    assert!(why.contains("at the disco"), "{why}");
    assert_eq!(mark(root.path(), "python_doubling", 1), None, "no Python, no row");
    assert_eq!(mark(root.path(), "rust_on_dask", 1), None, "nor one of Rust on Dask");

    let id = Id { group: "topic/doubling".into(), function: "right".into(), value: "2".into() };
    let read = layout::read(root.path(), &id, INTERLEAVED).expect("readable").expect("there");
    assert_eq!((read.id, read.sample.times.len()), (id, 3));
}

#[test]
fn a_resumed_run_skips_what_is_done_and_remembers_what_was_too_slow() {
    let root = tempfile::tempdir().expect("a directory");
    sample(root.path(), Vec::new());
    let first = CellId { workload: "doubling".into(), parameter: 1 };
    let events = sample(root.path(), vec![first.clone()]);
    assert!(!events.iter().any(|e| matches!(e, Event::Began(cell) if *cell == first)));
    let stopped = mark(root.path(), "slow", 2).expect("a mark");
    assert!(matches!(stopped, Outcome::Stopped { at: 1, .. }), "{stopped:?}");
}

#[test]
fn rust_on_dask_is_told_of_the_python_and_measured_beside_its_peers() {
    let root = tempfile::tempdir().expect("a directory");
    let python =
        Interpreter { python: "/a/python".into(), script: "none".into(), steps_per_second: None };
    let events = sample_with(root.path(), Vec::new(), Some(&python));
    assert!(matches!(&events[0], Event::Plan(cells) if cells[0].1 == 6));
    assert_eq!(mark(root.path(), "rust_on_dask", 2), Some(Outcome::Measured));
    let peer = mark(root.path(), "python_doubling", 2);
    assert!(matches!(peer, Some(Outcome::Failure(_))), "such a Python cannot be: {peer:?}");
}

/// Three kinds of work, each by four models that are the same model.
fn equals() -> Suite {
    let equal = |mut workload: Workload<u64>, work: fn() -> u64| {
        for model in ["one", "two", "three", "four"] {
            workload = workload.model(model, move |_| repeat(work));
        }
        workload.parameter("nothing", vec![1]).check(|_, _| Ok(()))
    };
    let squares = || (0..100_000_u64).map(|x| x * x).collect::<Vec<_>>()[99_999];
    let spawn = || std::thread::spawn(|| 1).join().expect("it does not panic");
    Suite::new("equals")
        .workload(equal(Workload::new("busy", "arithmetic"), || crate::work::busy(100_000)))
        .workload(equal(Workload::new("squares", "memory"), squares))
        .workload(equal(Workload::new("spawn", "the scheduler"), spawn))
}

/// The proof of the sampler: of models that are equal, about one ratio in
/// twenty should have an interval that leaves 1 out, and most ratios
/// should be within a few per cent of it.
#[test]
#[ignore = "ten real runs take half a minute; read the figures that it prints"]
fn ten_runs_of_equal_models() {
    let mut ratios = Vec::new();
    for _ in 0..10 {
        let root = tempfile::tempdir().expect("a directory");
        let request = Request {
            plan_only: false,
            full: false,
            run: "equals".into(),
            rounds: 11,
            visit: Duration::from_millis(20),
            root: root.path().into(),
            done: Vec::new(),
            in_turn: false,
            steps_per_microsecond: None,
        };
        run(&equals(), &request, None, &mut |_| Ok(()), &mut || {}).expect("it can be written");
        for workload in ["busy", "squares", "spawn"] {
            let times = |model: &str| {
                let (group, function) = (format!("equals/{workload}"), model.to_owned());
                let id = Id { group, function, value: "1".into() };
                let read = layout::read(root.path(), &id, INTERLEAVED).expect("readable");
                read.expect("it was measured").sample.per_iteration()
            };
            for model in ["two", "three", "four"] {
                ratios.push(crate::stats::ratio_estimate(&times(model), &times("one")));
            }
        }
    }
    let missed = ratios.iter().filter(|r| !(r.lower..=r.upper).contains(&1.0)).count();
    let off: Vec<f64> = ratios.iter().map(|r| (r.point - 1.0).abs()).collect();
    println!(
        "{} ratios of equal models: {missed} intervals leave 1 out; the median ratio is \
         {:.2} % off, the worst {:.1} %",
        ratios.len(),
        100.0 * crate::stats::median(&off),
        100.0 * off.iter().fold(0.0, |a: f64, b| a.max(*b)),
    );
    assert!(missed * 5 < ratios.len(), "one in five would make verdicts worthless");
}
