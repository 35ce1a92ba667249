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

use crate::benchmark::{Id, Sample};
use crate::layout::{self, INTERLEAVED};
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

/// Runs what `request` asks for and tells `tell` how it goes; before a cell is
/// set up and before each round, `wait` returns when it may begin.
///
/// # Errors
/// Data that cannot be written. A model that fails is no error: its cell says so.
pub(super) fn run(
    suite: &Suite,
    request: &Request,
    python: Option<&Interpreter>,
    tell: &mut dyn FnMut(Event) -> io::Result<()>,
    wait: &mut dyn FnMut(),
) -> io::Result<()> {
    if request.in_turn {
        tell(Event::InTurn)?;
    }
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
            let measured = sampler.measure(parameter, tell, wait)?;
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
        let models = (0..described.models.len()).filter(|&m| python || !workload.needs_python(m));
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

    /// The models that this run has: those that need a Python only where there is one.
    fn models(&self) -> impl Iterator<Item = usize> + use<'a> {
        let (workload, python) = (self.workload, self.python.is_some());
        (0..workload.description().models.len())
            .filter(move |&model| python || !workload.needs_python(model))
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
        wait: &mut dyn FnMut(),
    ) -> io::Result<Measured<'a>> {
        wait();
        let mut visited = Vec::new();
        let mut no_time = Vec::new();
        for model in self.models() {
            match self.settle(model, parameter) {
                Ok(ready) => visited.push(ready),
                Err(outcome) => no_time.push((model, outcome)),
            }
        }
        let rounds = rounds(self.request.rounds, &visited);
        tell(Event::Round { share: 0.0 })?;
        for round in 0..rounds {
            wait();
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
            let sample = Sample { iterations: vec![iterations as f64; times.len()], times };
            let work = self.workload.work(parameter);
            self.mark(rounds, Outcome::Measured).write(root, &id)?;
            layout::write(root, &id, INTERLEAVED, &sample, work)?;
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
mod tests;
