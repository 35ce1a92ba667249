//! One pass over a topic: who is visited when, and who has no time.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{Share, Side};
use crate::bench_process::{BenchProcess, Next};
use crate::description::Failure;
use crate::error::Error;
use crate::interrupt::stop_if_interrupted;
use crate::protocol::{Event, Request};
use crate::record::Outcome;
use crate::run::SILENCE;

/// Models that have no time, by side.
#[derive(Default)]
pub(super) struct Untimed {
    /// A line for each that was wrong or failed.
    failed: [Vec<String>; 2],
    /// In how many passes a model was too slow for its workload's patience.
    stopped: [BTreeMap<String, usize>; 2],
}

impl Untimed {
    fn add(&mut self, which: usize, side: &str, model: String, outcome: &Outcome) {
        match outcome {
            Outcome::Failure(Failure::Refused(_)) | Outcome::Measured => {}
            Outcome::Failure(failure) => {
                let line = format!("{side}: {model} {failure}");
                // At once, for what comes later may fail as a whole; once,
                // though it fails in each pass.
                if !self.failed[which].contains(&line) {
                    eprintln!("{line}");
                    self.failed[which].push(line);
                }
            }
            Outcome::Stopped { .. } => *self.stopped[which].entry(model).or_default() += 1,
        }
    }

    /// The lines that tell against the subject: what is wrong in it, and what it
    /// has made slower than its workload waits for. A model that is so now and
    /// then, or in the reference too, is near the limit.
    pub(super) fn failures(&self, passes: usize) -> Vec<String> {
        let [reference, subject] = &self.stopped;
        let slower = subject
            .iter()
            .filter(|(model, times)| **times == passes && !reference.contains_key(*model))
            .map(|(model, _)| format!("{model} was measured, and is now too slow for that"));
        self.failed[1].iter().cloned().chain(slower).collect()
    }

    /// What is wrong in the reference is to be told, and may be what the subject
    /// mends.
    pub(super) fn notes(&self) -> Vec<String> {
        self.failed[0].clone()
    }
}

/// One pass over a topic: both benches side by side, a turn each.
pub(super) fn visit_in_turn(
    sides: &[Side; 2],
    share: &Share,
    requests: &[Request; 2],
    pass: usize,
    untimed: &mut Untimed,
) -> Result<(), Error> {
    if share.cells.is_empty() {
        return Ok(());
    }
    let start = |which: usize| {
        let side = &sides[which];
        let (topic, executable) = (&side.topics[share.place], &side.executables[share.place]);
        BenchProcess::start(topic, executable, &requests[which], None, side.log(&share.name))
    };
    let mut benches = Benches([start(0)?, start(1)?]);
    let mut turn = pass;
    for cell in &share.cells {
        let mut done = [false; 2];
        while done != [true; 2] {
            // AB BA, begun by the one or the other from pass to pass.
            let order = if turn.is_multiple_of(2) { [0, 1] } else { [1, 0] };
            turn += 1;
            for which in order {
                if done[which] {
                    continue;
                }
                let name = |model: &str| {
                    format!("{}/{} {}: {model}", share.name, cell.workload, cell.parameter)
                };
                let bench = &mut benches.0[which];
                bench.give_turn();
                done[which] = finish_turn(bench, |model, outcome| {
                    untimed.add(which, sides[which].name, name(model), outcome);
                })?;
            }
        }
    }
    benches.0.iter_mut().try_for_each(wait_for_end)
}

/// Waits until a turn is over; returns whether the cell is done.
fn finish_turn(
    bench: &mut BenchProcess,
    mut no_time: impl FnMut(&str, &Outcome),
) -> Result<bool, Error> {
    let mut heard = Instant::now();
    loop {
        stop_if_interrupted()?;
        match bench.next()? {
            Next::Quiet if heard.elapsed() > SILENCE => return Err(bench.is_silent(SILENCE)),
            Next::Quiet => continue,
            // After the last round a bench writes, and its turn ends with that.
            Next::Event(Event::Round { share }) if share < 1.0 => return Ok(false),
            Next::Event(Event::Done(..)) => return Ok(true),
            Next::Event(Event::NoTime { model, outcome }) => no_time(&model, &outcome),
            Next::Event(_) => {}
            Next::Ended => return Err(bench.ended_early()),
        }
        heard = Instant::now();
    }
}

fn wait_for_end(bench: &mut BenchProcess) -> Result<(), Error> {
    let measured = Instant::now();
    loop {
        stop_if_interrupted()?;
        match bench.next()? {
            Next::Ended => return Ok(()),
            _ if measured.elapsed() > SILENCE => return Err(bench.is_silent(SILENCE)),
            _ => {}
        }
    }
}

/// Two benches; dropping them ends both.
struct Benches([BenchProcess; 2]);

impl Drop for Benches {
    fn drop(&mut self) {
        self.0.iter().for_each(BenchProcess::hang_up);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: usize = 0;
    const HEAD: usize = 1;

    /// What becomes of a model that was too slow so often on either side.
    fn judged(base: usize, head: usize) -> Vec<String> {
        let mut untimed = Untimed::default();
        let stopped = Outcome::Stopped { at: 100, seconds: 9.0 };
        for (which, times) in [(BASE, base), (HEAD, head)] {
            for _ in 0..times {
                untimed.add(which, "side", "lazy/take 100: eager".into(), &stopped);
            }
        }
        assert_eq!(untimed.notes(), [""; 0]);
        untimed.failures(3)
    }

    #[test]
    fn what_was_measured_and_is_too_slow_now_is_a_failure() {
        let told = ["lazy/take 100: eager was measured, and is now too slow for that"];
        assert_eq!(judged(0, 3), told);
        for (base, head) in [(0, 2), (1, 3), (3, 3), (3, 0)] {
            assert_eq!(judged(base, head), [""; 0], "{base} and {head} of 3");
        }
    }

    #[test]
    fn a_failure_counts_once_and_tells_against_its_own_side() {
        let mut untimed = Untimed::default();
        let wrong = Outcome::Failure(Failure::Wrong("5, expected 4".into()));
        for which in [BASE, HEAD, HEAD] {
            untimed.add(which, ["base", "head"][which], "lazy/take 1: eager".into(), &wrong);
        }
        let refused = Outcome::Failure(Failure::Refused("too few threads".into()));
        untimed.add(HEAD, "head", "lazy/take 1: lazy".into(), &refused);
        let [note] = &untimed.notes()[..] else { panic!("{:?}", untimed.notes()) };
        assert!(note.starts_with("base: lazy/take 1: eager") && note.contains("expected 4"));
        let [failure] = &untimed.failures(3)[..] else { panic!("{:?}", untimed.failures(3)) };
        assert!(failure.starts_with("head: lazy/take 1: eager"), "{failure}");
    }
}
