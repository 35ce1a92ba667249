//! `report pair`: two checkouts of this workspace, visited in turn.
//!
//! Two runs that follow each other tell of the program and of everything that
//! changed meanwhile: on a shared machine unchanged benches of this workspace
//! were several percent apart, and no statistics of two such runs can see a
//! change of ten. So the two builds are measured at once. Their benches live side
//! by side, and each round of a cell is visited in one, then in the other, in the
//! order AB BA: what slows the machine for longer than a round slows both.
//! Meanwhile the other waits, so that they never share a core. (Paired
//! benchmarking: D. Bazhenov's tango does it within a process.) Calibrated work
//! is calibrated once for all, so that both do the same.
//!
//! What a process fixes at its start for as long as it lives (where the loader
//! puts code and stack, which pages it gets) is the same in all its rounds. So
//! there are several *passes*, each with two fresh processes, and a pass counts
//! once, as a pair of figures: the process is the unit of repetition (Kalibera
//! and Jones, "Rigorous benchmarking in reasonable time", ISMM 2013). Passes are
//! appended to two [histories](crate::history) that know of each other, and
//! [`diff`](crate::diff) judges each row by how far its ratios lie apart from
//! pass to pass.
//!
//! What is left is what differs between the builds but not between passes: where
//! the linker put the code. A row may be slower for that alone.

mod visits;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use regex::Regex;

use crate::atomic;
use crate::error::Error;
use crate::history;
use crate::interrupt::{self, is_interrupted, stop_if_interrupted};
use crate::layout::{self, INTERLEAVED};
use crate::machine::Machine;
use crate::protocol::Request;
use crate::record::CellId;
use crate::run::plan;
use crate::topics::{Topic, Workspace};
use crate::work;
use visits::Untimed;

/// The fewest passes that show how far they lie apart.
pub const FEWEST_PASSES: usize = 3;

/// What to measure, and how thoroughly.
#[derive(Clone, Debug)]
pub struct Options {
    /// The topics, by name; none means all that both have.
    pub topics: Vec<String>,
    /// Only cells whose topic/workload/parameter matches.
    pub filter: Option<Regex>,
    /// How often two fresh processes measure all cells.
    pub passes: usize,
    /// Rounds of each cell in a pass.
    pub rounds: usize,
    /// How long a visit of a model lasts, if one iteration does not last longer.
    pub visit: Duration,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The history of the other checkout's passes, and that of this one's.
    pub histories: [PathBuf; 2],
    /// A line for each model of this checkout that has no time because it was
    /// wrong, failed, or has become too slow to be measured.
    pub failures: Vec<String>,
    /// A line for what only one of the two has, and what failed in the other.
    pub notes: Vec<String>,
}

/// One of the two checkouts.
struct Side {
    name: &'static str,
    topics: Vec<Topic>,
    executables: Vec<PathBuf>,
    machine: Machine,
    /// Where its benches write in a pass.
    root: PathBuf,
    history: PathBuf,
}

/// A topic that both have, and the cells that are measured.
struct Share {
    /// Its place among the topics of each side.
    place: usize,
    name: String,
    /// What only one side has, or the filter leaves out.
    passed_over: [Vec<CellId>; 2],
    cells: Vec<CellId>,
}

/// Measures this workspace beside another checkout of it. Progress goes to
/// standard error.
///
/// Costs passes times rounds times visits for each model, twice; the benches of
/// both are built first.
///
/// # Errors
/// [`Error::Usage`] for options that leave nothing to measure, and for a
/// directory that is this very workspace; see [`Error`] for the rest. After
/// Ctrl-C nothing is left running, and the passes that are whole are kept.
pub fn measure(workspace: &Workspace, other: &Path, options: &Options) -> Result<Measured, Error> {
    if options.passes < FEWEST_PASSES {
        return Err(Error::Usage(format!(
            "{} passes cannot show how far they lie apart: {FEWEST_PASSES} can",
            options.passes
        )));
    }
    let mut other = Workspace::at(other)?;
    if is_same(&other.root, &workspace.root)? {
        return Err(Error::Usage(format!(
            "{} is this very workspace: name another checkout of it (`git worktree add` makes one)",
            other.root.display()
        )));
    }
    if other.target == workspace.target {
        // As with CARGO_TARGET_DIR: one's executables would replace the other's.
        // To cargo all checkouts of a workspace are one, and it builds only what
        // is newer than what is built: each has a directory of its own, or an
        // older one would be measured by the executables of another.
        other.target = workspace.target.join("pair").join(name_of(&other.root)?);
    }
    interrupt::watch();
    let home = workspace.report().join("pair");
    let mut done = 0;
    measure_passes(workspace, &other, &home, options, &mut done).map_err(|e| {
        if is_interrupted() {
            // Whatever failed, cargo too, failed because of the interruption.
            let histories = ["base", "head"].map(|name| history_of(name, &home));
            Error::PairInterrupted { done, passes: options.passes, histories }
        } else {
            e
        }
    })
}

/// Counts in `done` the passes that are whole.
fn measure_passes(
    workspace: &Workspace,
    other: &Workspace,
    home: &Path,
    options: &Options,
    done: &mut usize,
) -> Result<Measured, Error> {
    let (topics, mut notes) = common_topics(workspace, other, &options.topics)?;
    let sides = [
        Side::build("base", other, &topics, home)?,
        Side::build("head", workspace, &topics, home)?,
    ];
    // Only now: what does not build leaves the passes of the last pair.
    forget(home)?;
    fs::create_dir_all(home).map_err(|e| atomic::at(home, &e))?;
    let rate = work::steps_per_microsecond();
    let request = |side: &Side, passed_over: &[CellId]| Request {
        plan_only: false,
        full: false,
        run: side.name.into(),
        rounds: options.rounds,
        visit: options.visit,
        root: side.root.clone(),
        done: passed_over.to_vec(),
        in_turn: true,
        steps_per_microsecond: Some(rate),
    };
    let mut shares = Vec::new();
    for (place, name) in topics.iter().enumerate() {
        let plans = sides.each_ref().map(|side| {
            let request = Request { plan_only: true, ..request(side, &[]) };
            let log = side.log(name);
            plan(&side.topics[place], &side.executables[place], &request, None, &log)
        });
        let [base, head] = plans;
        shares.push(Share::of(place, name, [base?, head?], options.filter.as_ref(), &mut notes));
    }
    let cells: usize = shares.iter().map(|share| share.cells.len()).sum();
    if cells == 0 {
        return Err(Error::Usage("the two have no cell in common that was asked for".into()));
    }
    let mut untimed = Untimed::default();
    let pair = jiff::Timestamp::now().to_string();
    for pass in 1..=options.passes {
        let started = Instant::now();
        for side in &sides {
            forget(&side.root)?;
        }
        for share in &shares {
            let requests = [0, 1].map(|which| request(&sides[which], &share.passed_over[which]));
            // The first to begin is not always the same.
            visits::visit_in_turn(&sides, share, &requests, pass, &mut untimed)?;
        }
        for side in &sides {
            side.keep(&pair, pass)?;
        }
        *done = pass;
        let seconds = started.elapsed().as_secs_f64();
        eprintln!("pass {pass} of {}: {cells} cells of each in {seconds:.1} s", options.passes);
    }
    let histories = sides.map(|side| side.history);
    notes.extend(untimed.notes());
    Ok(Measured { histories, failures: untimed.failures(options.passes), notes })
}

impl Side {
    fn build(
        name: &'static str,
        workspace: &Workspace,
        topics: &[String],
        home: &Path,
    ) -> Result<Self, Error> {
        let topics = workspace.select(topics)?;
        stop_if_interrupted()?;
        let executables = workspace.build(&topics)?;
        Ok(Self {
            name,
            topics,
            executables,
            machine: Machine::describe_at(&workspace.root),
            root: home.join(name),
            history: history_of(name, home),
        })
    }

    fn log(&self, topic: &str) -> PathBuf {
        self.root.with_file_name(format!("{}-{topic}.log", self.name))
    }

    /// Appends what a pass measured to the history.
    fn keep(&self, pair: &str, pass: usize) -> Result<(), Error> {
        let Some(mut set) = layout::read_sets(&self.root, &[INTERLEAVED])?.pop() else {
            return Err(Error::NothingTimed(self.name));
        };
        set.label = format!("{}, pass {pass}", self.name);
        set.machine = Some(self.machine.clone());
        set.passes = vec![format!("{pair} {pass}")];
        history::append(&self.history, &set)
    }
}

/// Where the passes of a side are kept.
fn history_of(side: &str, home: &Path) -> PathBuf {
    home.join(format!("{side}.jsonl"))
}

impl Share {
    fn of(
        place: usize,
        name: &str,
        plans: [Vec<(CellId, usize)>; 2],
        filter: Option<&Regex>,
        notes: &mut Vec<String>,
    ) -> Self {
        let [base, head] =
            plans.map(|plan| -> Vec<CellId> { plan.into_iter().map(|(cell, _)| cell).collect() });
        let told = |cell: &CellId| format!("{name}/{}/{}", cell.workload, cell.parameter);
        let is_asked = |cell: &CellId| filter.is_none_or(|filter| filter.is_match(&told(cell)));
        for (cells, others, whose) in
            [(&base, &head, "the other checkout"), (&head, &base, "this one")]
        {
            let alone = cells.iter().filter(|cell| !others.contains(cell) && is_asked(cell));
            notes.extend(alone.map(|cell| format!("{} is only in {whose}", told(cell))));
        }
        let cells: Vec<CellId> =
            base.iter().filter(|cell| head.contains(cell) && is_asked(cell)).cloned().collect();
        let passed_over =
            [base, head].map(|all| all.into_iter().filter(|cell| !cells.contains(cell)).collect());
        Self { place, name: name.to_owned(), passed_over, cells }
    }
}

/// The topics that both have, and a note for those of one alone.
fn common_topics(
    here: &Workspace,
    there: &Workspace,
    asked: &[String],
) -> Result<(Vec<String>, Vec<String>), Error> {
    let is_in =
        |workspace: &Workspace, name: &str| workspace.topics.iter().any(|topic| topic.name == name);
    let (both, alone): (Vec<_>, Vec<_>) = here
        .select(asked)?
        .into_iter()
        .map(|topic| topic.name)
        .partition(|name| is_in(there, name));
    if both.is_empty() {
        return Err(Error::Usage(format!(
            "{} has none of the topics {}",
            there.root.display(),
            alone.join(", ")
        )));
    }
    let only_in = |names: Vec<String>, whose: &'static str| {
        names.into_iter().map(move |name| format!("the topic {name} is only in {whose}"))
    };
    let theirs = if asked.is_empty() { there.select(asked)? } else { Vec::new() };
    let theirs = theirs.into_iter().map(|topic| topic.name).filter(|name| !is_in(here, name));
    let notes = only_in(alone, "this checkout").chain(only_in(theirs.collect(), "the other"));
    Ok((both, notes.collect()))
}

fn is_same(a: &Path, b: &Path) -> Result<bool, Error> {
    let whole = |path: &Path| fs::canonicalize(path).map_err(|e| atomic::at(path, &e));
    Ok(whole(a)? == whole(b)?)
}

/// A name for the checkout in this directory, which no other checkout has.
fn name_of(root: &Path) -> Result<String, Error> {
    let mut hasher = DefaultHasher::new();
    fs::canonicalize(root).map_err(|e| atomic::at(root, &e))?.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

fn forget(directory: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(directory) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(atomic::at(directory, &e)),
        _ => Ok(()),
    }
}
