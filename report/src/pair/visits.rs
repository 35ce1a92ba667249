//! One pass over a topic: who is visited when.

use std::time::Instant;

use super::{Share, Side};
use crate::bench_process::{BenchProcess, Next};
use crate::description::Failure;
use crate::error::Error;
use crate::interrupt::stop_if_interrupted;
use crate::protocol::{Event, Request};
use crate::record::Outcome;
use crate::run::SILENCE;

/// One pass over a topic: both benches side by side, a turn each.
pub(super) fn visit_in_turn(
    sides: &[Side; 2],
    share: &Share,
    requests: &[Request; 2],
    pass: usize,
    failures: &mut Vec<String>,
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
                let told = |failure: &Failure, model: &str| {
                    format!(
                        "{}: {}/{} {}: {model} {failure}",
                        sides[which].name, share.name, cell.workload, cell.parameter
                    )
                };
                let bench = &mut benches.0[which];
                bench.give_turn();
                done[which] = finish_turn(bench, |model, failure| {
                    let line = told(failure, model);
                    // At once, for what comes later may fail as a whole; once,
                    // though it fails in each pass.
                    if !failures.contains(&line) {
                        eprintln!("{line}");
                        failures.push(line);
                    }
                })?;
            }
        }
    }
    benches.0.iter_mut().try_for_each(wait_for_end)
}

/// Waits until a turn is over; returns whether the cell is done.
fn finish_turn(
    bench: &mut BenchProcess,
    mut failed: impl FnMut(&str, &Failure),
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
            Next::Event(Event::NoTime { model, outcome: Outcome::Failure(failure) }) => {
                if !matches!(failure, Failure::Refused(_)) {
                    failed(&model, &failure);
                }
            }
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
