//! What `report run` and a bench say to each other while the bench samples.
//!
//! The command starts the bench with `--interleaved` and a socket as its
//! standard input, sends one [`Request`] and reads [`Event`]s until the bench
//! closes its end: JSON, a line each. The socket is also the bench's lifeline:
//! when the command goes, the bench ends. Where the request says so, the command
//! sends a byte for each turn, and the turn is over at [`Event::Round`] or, after
//! the last round of a cell, at [`Event::Done`].

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::record::{CellId, Outcome};

/// The argument that makes a bench sample instead of running criterion.
pub const FLAG: &str = "--interleaved";

/// What the command asks of a bench.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Request {
    /// Only say which cells there are.
    pub plan_only: bool,
    /// The lecture's waits in whole.
    pub full: bool,
    /// The run's id.
    pub run: String,
    /// Rounds a cell.
    pub rounds: usize,
    /// How long a visit lasts, if one iteration does not last longer.
    pub visit: Duration,
    /// criterion's directory.
    pub root: PathBuf,
    /// The cells that are done already.
    pub done: Vec<CellId>,
    /// Whether to wait for a byte before each turn: setting a cell up is one, and
    /// so is each of its rounds. That is how `report pair` visits two benches in
    /// turn.
    #[serde(default)]
    pub in_turn: bool,
    /// The steps of calibrated work that last a microsecond, so that several
    /// benches do the same work; without it each measures for itself.
    #[serde(default)]
    pub steps_per_microsecond: Option<f64>,
}

/// What a bench tells the command.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum Event {
    /// The bench will wait for its turns, as it was asked to. One that was built
    /// before there were turns knows nothing of them, and does not say so.
    InTurn,
    /// The cells there are, in order, with the number of models of each.
    Plan(Vec<(CellId, usize)>),
    /// A cell begins.
    Began(CellId),
    /// The cell's models are set up, or all of them were visited once more.
    Round {
        /// The share of the cell's rounds that is behind.
        share: f64,
    },
    /// A model has no time, for this reason.
    NoTime {
        /// Its name.
        model: String,
        /// Why.
        outcome: Outcome,
    },
    /// The cell is done and its data is written; it took so many seconds.
    Done(CellId, f64),
    /// The bench gives up: the disk is full, say.
    GaveUp(String),
}

/// A Python, and the script that serves the lecture's operations.
#[derive(Clone, Debug)]
pub struct Interpreter {
    /// The program.
    pub python: PathBuf,
    /// The peer script.
    pub script: PathBuf,
    /// The rate at which this Python does calibrated work, so that all peers of
    /// a run do the same; without it each measures for itself.
    pub steps_per_second: Option<f64>,
}

impl Interpreter {
    const PYTHON: &str = "POLYPHONY_PEER_PYTHON";
    const SCRIPT: &str = "POLYPHONY_PEER_SCRIPT";
    const RATE: &str = "POLYPHONY_STEPS_PER_SECOND";

    /// The variables of [`to_env`](Self::to_env).
    pub const VARIABLES: [&str; 3] = [Self::PYTHON, Self::SCRIPT, Self::RATE];

    /// The script as a command: with the packages that are locked, not with what
    /// a user's own environment would put before them.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.script).env_remove("PYTHONPATH").env("PYTHONNOUSERSITE", "1");
        command
    }

    /// The environment by which the command hands it to a bench; set by hand,
    /// it gives `cargo bench` the Python rows too.
    pub fn to_env(&self) -> Vec<(&'static str, OsString)> {
        let mut env = vec![
            (Self::PYTHON, self.python.clone().into()),
            (Self::SCRIPT, self.script.clone().into()),
        ];
        env.extend(self.steps_per_second.map(|rate| (Self::RATE, rate.to_string().into())));
        env
    }

    /// The interpreter that the environment names.
    pub fn from_env() -> Option<Self> {
        Some(Self {
            python: std::env::var_os(Self::PYTHON)?.into(),
            script: std::env::var_os(Self::SCRIPT)?.into(),
            steps_per_second: std::env::var(Self::RATE).ok().and_then(|rate| rate.parse().ok()),
        })
    }
}
