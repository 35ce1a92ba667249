//! `report run`: the interleaved sampler.
//!
//! A cell is a workload at one parameter. All its models are set up and live
//! side by side; then rounds visit each of them, in an order that rotates and
//! turns about, so that no model is always first or always behind the same
//! other. What slows the machine for a while slows all models of a round, and
//! their ratios stay what they are. (Measured one after the other, the same
//! model took 77 and then 458 us.)
//!
//! A visit lasts `Request::visit`, or one iteration if that is longer. The
//! number of iterations is settled before the first round, and that warms the
//! model up.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use crate::layout::{self, INTERLEAVED, Id, Sample};
use crate::protocol::Interpreter;
use crate::protocol::{Event, Request};
use crate::record::{CellId, Mark, Outcome};
use crate::suite::{Erased, Failure, Running, Suite};

/// Fewer rounds than this make no interval worth printing.
const FEWEST_ROUNDS: usize = 11;

/// Work of which so many iterations do not fill a quarter of a visit is no
/// work: the optimiser has taken it away, or a clock stands still.
const MOST_ITERATIONS: u64 = 1 << 36;

/// Waits of seconds in a full run are cut to [`FEWEST_ROUNDS`] beyond this.
const LONGEST_CELL: Duration = Duration::from_secs(60);

/// Runs what `request` asks for and tells `tell` how it goes.
///
/// # Errors
/// Data that cannot be written. A model that fails is no error: its cell says so.
pub(super) fn run(
    suite: &Suite,
    request: &Request,
    python: Option<&Interpreter>,
    tell: &mut dyn FnMut(Event) -> io::Result<()>,
) -> io::Result<()> {
    tell(Event::Plan(plan(suite, python.is_some())))?;
    if request.plan_only {
        return Ok(());
    }
    suite.forget_others(&request.root, INTERLEAVED)?;
    for (place, workload) in suite.workloads.iter().enumerate() {
        let mut sampler =
            Sampler { suite, workload: &**workload, request, python, too_slow: HashMap::new() };
        for &parameter in &workload.description().parameters {
            let cell = CellId { workload: workload.description().workload.clone(), parameter };
            if request.done.contains(&cell) {
                sampler.remember(parameter)?;
                continue;
            }
            let start = Instant::now();
            tell(Event::Began(cell.clone()))?;
            let measured = sampler.measure(parameter, tell)?;
            // Only now is the last run's data replaced: an interruption leaves
            // either all of a cell or none.
            suite.record(place).write(&request.root, INTERLEAVED)?;
            sampler.write(parameter, measured)?;
            tell(Event::Done(cell, start.elapsed().as_secs_f64()))?;
        }
    }
    Ok(())
}

fn plan(suite: &Suite, python: bool) -> Vec<(CellId, usize)> {
    let cells = suite.workloads.iter().flat_map(|workload| {
        let described = workload.description();
        let models = (0..described.models.len()).filter(|&m| python || !workload.is_python(m));
        let models = models.count();
        described.parameters.iter().map(move |&parameter| {
            (CellId { workload: described.workload.clone(), parameter }, models)
        })
    });
    cells.collect()
}

/// The order in which round `round` visits `models` models: a balanced square
/// (E. J. Williams, "Experimental designs balanced for the estimation of
/// residual effects of treatments", 1949).
///
/// The first row zigzags, 0, 1, n - 1, 2, n - 2 and so on; every other round
/// moves all of it on by one, and the rounds between go backwards. Over
/// `2 * models` rounds each model stands in each place twice and follows each
/// other model equally often, so that what one leaves behind, a warm cache or
/// a full run queue, does not always fall on the same neighbour.
fn order(round: usize, models: usize) -> impl Iterator<Item = usize> {
    (0..models).map(move |place| {
        let place = if round.is_multiple_of(2) { place } else { models - 1 - place };
        let zigzag = if place % 2 == 1 { place.div_ceil(2) } else { models - place / 2 };
        (zigzag + round / 2) % models
    })
}

/// How many rounds a cell gets: as many as were asked for, but no more than
/// take [`LONGEST_CELL`], and never fewer than [`FEWEST_ROUNDS`].
fn rounds(asked: usize, visited: &[Visited<'_>]) -> usize {
    let round: Duration = visited.iter().map(|model| model.expected).sum();
    let affordable = LONGEST_CELL.as_secs_f64() / round.as_secs_f64().max(1e-9);
    asked.min((affordable as usize).max(FEWEST_ROUNDS))
}

/// How many iterations fill a visit, and how long they should take, when
/// `iterations` took `taken`: at least one, however long it is.
fn fill(visit: Duration, iterations: u64, taken: Duration) -> (u64, Duration) {
    // In seconds as a fraction: a `Duration` rounds half a nanosecond to none.
    let one = taken.as_secs_f64() / iterations as f64;
    let filling = (visit.as_secs_f64() / one).round().max(1.0);
    (filling as u64, Duration::from_secs_f64(one * filling))
}

/// What came of a cell.
struct Measured<'a> {
    rounds: usize,
    visited: Vec<Visited<'a>>,
    /// The models without a time.
    no_time: Vec<(usize, Outcome)>,
}

/// One model of a cell while it is being measured.
struct Visited<'a> {
    model: usize,
    run: Running<'a>,
    iterations: u64,
    /// How long a visit should take.
    expected: Duration,
    times: Vec<f64>,
}

/// Measures one workload, parameter after parameter.
struct Sampler<'a> {
    suite: &'a Suite,
    workload: &'a dyn Erased,
    request: &'a Request,
    python: Option<&'a Interpreter>,
    /// Models that were too slow, with the parameter and the seconds.
    too_slow: HashMap<usize, (u64, f64)>,
}

impl<'a> Sampler<'a> {
    fn id(&self, model: usize, parameter: u64) -> Id {
        let described = self.workload.description();
        Id {
            group: format!("{}/{}", self.suite.topic, described.workload),
            function: described.models[model].clone(),
            value: parameter.to_string(),
        }
    }

    /// The models that this run has: Python's only where there is a Python.
    fn models(&self) -> impl Iterator<Item = usize> + use<'a> {
        let (workload, python) = (self.workload, self.python.is_some());
        (0..workload.description().models.len())
            .filter(move |&model| python || !workload.is_python(model))
    }

    /// Takes over what an earlier part of the run found too slow.
    fn remember(&mut self, parameter: u64) -> io::Result<()> {
        for model in self.models() {
            let mark = Mark::read(&self.request.root, &self.id(model, parameter))?;
            if let Some(Mark { outcome: Outcome::Stopped { at, seconds }, .. }) = mark {
                self.too_slow.insert(model, (at, seconds));
            }
        }
        Ok(())
    }

    /// Measures one cell.
    fn measure(
        &mut self,
        parameter: u64,
        tell: &mut dyn FnMut(Event) -> io::Result<()>,
    ) -> io::Result<Measured<'a>> {
        let mut visited = Vec::new();
        let mut no_time = Vec::new();
        for model in self.models() {
            match self.settle(model, parameter) {
                Ok(ready) => visited.push(ready),
                Err(outcome) => no_time.push((model, outcome)),
            }
        }
        let rounds = rounds(self.request.rounds, &visited);
        for round in 0..rounds {
            let mut failed = Vec::new();
            for place in order(round, visited.len()) {
                let Visited { run, iterations, times, .. } = &mut visited[place];
                match run(*iterations) {
                    Ok(taken) => times.push(taken.as_nanos() as f64),
                    Err(failure) => failed.push((place, failure)),
                }
            }
            // From the back, so that places stay what they are.
            failed.sort_unstable_by_key(|(place, _)| std::cmp::Reverse(*place));
            for (place, failure) in failed {
                no_time.push((visited.remove(place).model, Outcome::Failure(failure)));
            }
            tell(Event::Round { share: (round + 1) as f64 / rounds as f64 })?;
        }
        for (model, outcome) in &no_time {
            let model = self.workload.description().models[*model].clone();
            tell(Event::NoTime { model, outcome: outcome.clone() })?;
        }
        Ok(Measured { rounds, visited, no_time })
    }

    /// Writes what came of a cell in the place of what was there.
    fn write(&self, parameter: u64, measured: Measured<'a>) -> io::Result<()> {
        let root = &self.request.root;
        for model in 0..self.workload.description().models.len() {
            layout::remove(root, &self.id(model, parameter), INTERLEAVED)?;
        }
        let Measured { rounds, visited, no_time } = measured;
        for (model, outcome) in no_time {
            self.mark(rounds, outcome).write(root, &self.id(model, parameter))?;
        }
        for Visited { model, iterations, times, .. } in visited {
            let id = self.id(model, parameter);
            let sample = Sample {
                iterations: vec![iterations as f64; times.len()],
                times,
                work: self.workload.work(parameter),
            };
            self.mark(rounds, Outcome::Measured).write(root, &id)?;
            layout::write(root, &id, INTERLEAVED, &sample)?;
        }
        Ok(())
    }

    fn mark(&self, rounds: usize, outcome: Outcome) -> Mark {
        Mark { run: self.request.run.clone(), rounds, outcome }
    }

    /// Sets a model up, warms it, and settles how many iterations a visit is.
    fn settle(&mut self, model: usize, parameter: u64) -> Result<Visited<'a>, Outcome> {
        if let Some(&(at, seconds)) = self.too_slow.get(&model) {
            return Err(Outcome::Stopped { at, seconds });
        }
        let run = self.workload.start(self.suite.topic, model, parameter, self.python);
        let mut run = run.map_err(Outcome::Failure)?;
        let visit = self.request.visit;
        let patience = self.workload.description().patience.unwrap_or(Duration::MAX);
        let mut iterations = 1;
        loop {
            let taken = run(iterations).map_err(Outcome::Failure)?;
            // The first iteration is cold, and still tells what is far too slow.
            if iterations == 1 && taken > patience {
                let seconds = taken.as_secs_f64();
                self.too_slow.insert(model, (parameter, seconds));
                return Err(Outcome::Stopped { at: parameter, seconds });
            }
            // Near enough to scale up; a first visit that is already too long
            // stays at one iteration.
            if taken >= visit / 4 {
                let (iterations, expected) = fill(visit, iterations, taken);
                return Ok(Visited { model, run, iterations, expected, times: Vec::new() });
            }
            if iterations == MOST_ITERATIONS {
                let why = format!("{iterations} iterations took {taken:?}: is there work in it?");
                return Err(Outcome::Failure(Failure::Failed(why)));
            }
            iterations *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
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
                .model("panics", |n| {
                    repeat(move || if n == 1 { panic!("at the disco") } else { 4 })
                })
                .python("python_doubling"),
        )
    }

    fn sample(root: &std::path::Path, done: Vec<CellId>) -> Vec<Event> {
        let request = Request {
            plan_only: false,
            full: false,
            run: "a run".into(),
            rounds: 3,
            visit: Duration::from_millis(1),
            root: root.into(),
            done,
        };
        let mut events = Vec::new();
        run(&suite(), &request, None, &mut |event| {
            events.push(event);
            Ok(())
        })
        .expect("the directory can be written");
        events
    }

    fn mark(root: &std::path::Path, model: &str, parameter: u64) -> Option<Outcome> {
        let id = Id {
            group: "topic/doubling".into(),
            function: model.into(),
            value: parameter.to_string(),
        };
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
            };
            run(&equals(), &request, None, &mut |_| Ok(())).expect("it can be written");
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
}
