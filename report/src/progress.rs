//! How far a run is and how long it still takes, on standard error.
//!
//! A cell counts for the seconds it took the last time, and for a guess before
//! that: cells differ a hundredfold, and counting them alike would make the
//! time left a fiction.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::record::{CellId, Run};

/// Seconds that a model of a cell is expected to take until it was measured once.
const USUAL_SECONDS: f64 = 0.5;

/// What a cell is expected to cost.
pub(crate) struct Expectation(HashMap<(String, String, u64), f64>);

impl Expectation {
    /// From runs with the same profile and the same peers, the latest first.
    pub(crate) fn from_runs<'a>(runs: impl Iterator<Item = &'a Run>) -> Self {
        let mut seconds = HashMap::new();
        for topic in runs.flat_map(|run| &run.topics) {
            for (cell, took) in &topic.done {
                seconds.entry(key(&topic.topic, cell)).or_insert(*took);
            }
        }
        Self(seconds)
    }

    /// Seconds that a cell with so many models should take.
    pub(crate) fn of(&self, topic: &str, cell: &CellId, models: usize) -> f64 {
        self.0.get(&key(topic, cell)).copied().unwrap_or(USUAL_SECONDS * models as f64)
    }
}

fn key(topic: &str, cell: &CellId) -> (String, String, u64) {
    (topic.to_owned(), cell.workload.clone(), cell.parameter)
}

/// A bar on a terminal; elsewhere a line for each cell.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Expected seconds of the cells that are done.
    done: f64,
    /// Expected seconds of the cell that is being measured.
    current: f64,
}

impl Progress {
    /// A bar over so many expected seconds.
    pub(crate) fn new(seconds: f64) -> Self {
        let bar = ProgressBar::new(milliseconds(seconds)).with_style(
            ProgressStyle::with_template("{wide_bar} {percent:>3} %, {eta} left  {msg:36!}")
                .expect("the template is well-formed"),
        );
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar, done: 0.0, current: 0.0 }
    }

    /// A cell begins that should take so many seconds.
    pub(crate) fn begin(&mut self, name: String, seconds: f64) {
        self.current = seconds;
        self.bar.set_message(name);
    }

    /// This share of the current cell's rounds is behind us.
    pub(crate) fn within(&self, share: f64) {
        self.bar.set_position(milliseconds(self.done + self.current * share));
    }

    /// The current cell is done; it took so long.
    pub(crate) fn end(&mut self, name: &str, seconds: f64) {
        self.done += std::mem::take(&mut self.current);
        self.within(0.0);
        if !std::io::stderr().is_terminal() {
            eprintln!("{name}: {seconds:.1} s");
        }
    }

    /// Says something above the bar.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1e3).round() as u64
}
