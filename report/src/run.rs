//! `report run`: every selected topic measured by the interleaved sampler.
//!
//! A run is a record (`target/report/runs/ID.json`) and the data of its cells.
//! A cell that is done is written whole. An interrupted run is one whose
//! record has topics that are not finished; the next run with the same
//! settings, on the same machine and commit, goes on from there. A run that is
//! finished is saved as a snapshot beside its record; the newest twenty are kept.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use regex::Regex;

use crate::bench_process::{BenchProcess, Next};
use crate::description::Failure;
use crate::error::Error;
use crate::interrupt::{self, is_interrupted, stop_if_interrupted};
use crate::machine::Machine;
use crate::progress::{Expectation, Progress};
use crate::protocol::{Event, Interpreter, Request};
use crate::python::{self, FoundPython};
use crate::record::{CellId, Outcome, Run, TopicRun};
use crate::saved;
use crate::topics::{Topic, Workspace};

/// What to measure, and how thoroughly.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The topics, by name; none means all.
    pub topics: Vec<String>,
    /// The lecture's waits in whole, more parameters and more rounds.
    pub full: bool,
    /// With the Python peers.
    pub python: bool,
    /// Only cells whose `topic/workload/parameter` matches.
    pub filter: Option<Regex>,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The run's record.
    pub run: Run,
    /// A line for each model that has no time because it was wrong or failed.
    pub failures: Vec<String>,
    /// Whether it went on with an interrupted run.
    pub resumed: bool,
}

/// Rounds, and how long a visit lasts.
struct Profile {
    name: &'static str,
    rounds: usize,
    visit: Duration,
}

const QUICK: Profile = Profile { name: "quick", rounds: 15, visit: Duration::from_millis(20) };
const FULL: Profile = Profile { name: "full", rounds: 31, visit: Duration::from_millis(50) };

/// A bench tells of every round; one that is silent for so long hangs.
pub(crate) const SILENCE: Duration = Duration::from_secs(600);

/// Why there is no Python in a run that was not asked for it.
const NOT_ASKED: &str =
    "not asked for; `cargo run --release -p report -- run --python` adds its rows";

/// Measures the selected topics. Progress goes to standard error.
///
/// # Errors
/// See [`Error`]; [`Error::Interrupted`] after Ctrl-C, when nothing is left
/// running and all that is done is kept.
pub fn run(workspace: &Workspace, options: &Options) -> Result<Summary, Error> {
    let topics = workspace.select(&options.topics)?;
    interrupt::watch();
    let mut session = Session::default();
    session.run(workspace, options, &topics).map_err(|e| {
        if is_interrupted() {
            // Whatever failed, failed because of the interruption.
            Error::Interrupted { done: session.cells_done(), cells: session.cells }
        } else {
            e
        }
    })?;
    let run = session.record.expect("a run that came to its end has a record");
    Ok(Summary { run, failures: session.failures, resumed: session.resumed })
}

/// A run in progress.
#[derive(Default)]
struct Session {
    record: Option<Run>,
    /// All cells of the selected topics.
    cells: usize,
    resumed: bool,
    failures: Vec<String>,
}

/// One topic's share of a run.
struct Share {
    topic: Topic,
    executable: PathBuf,
    log: PathBuf,
    request: Request,
    /// All its cells, with the number of models of each.
    plan: Vec<(CellId, usize)>,
}

impl Session {
    fn run(
        &mut self,
        workspace: &Workspace,
        options: &Options,
        topics: &[Topic],
    ) -> Result<(), Error> {
        let runs = workspace.report().join("runs");
        std::fs::create_dir_all(&runs)?;
        let profile = if options.full { FULL } else { QUICK };
        let python = if options.python { python::find(workspace) } else { Err(NOT_ASKED.into()) };
        stop_if_interrupted()?;
        let executables = workspace.build(topics)?;
        stop_if_interrupted()?;

        let builds: Vec<String> = executables
            .iter()
            .map(|executable| fingerprint(executable, python.as_ref().ok().map(|p| &p.fingerprint)))
            .collect::<Result<_, _>>()?;
        let fresh = new_run(&profile, &python, topics, builds);
        let earlier = Run::all(&runs)?;
        // Only the latest: what a later run measured has replaced older cells.
        let unfinished = earlier.first().filter(|run| !run.is_finished() && run.is_like(&fresh));
        self.resumed = unfinished.is_some();
        if let Some(run) = unfinished {
            eprintln!("Going on with the run of {}.", run.started);
        }
        let run = self.record.insert(unfinished.cloned().unwrap_or(fresh));
        run.write(&runs)?;
        let interpreter = python.ok().map(|python| Interpreter {
            steps_per_second: run.steps_per_second,
            ..python.interpreter
        });

        let mut shares = Vec::new();
        for ((topic, executable), part) in topics.iter().zip(executables).zip(&run.topics) {
            let request = Request {
                plan_only: true,
                full: options.full,
                run: run.id.clone(),
                rounds: profile.rounds,
                visit: profile.visit,
                root: workspace.criterion(),
                done: part.done.iter().map(|(cell, _)| cell.clone()).collect(),
                in_turn: false,
                steps_per_microsecond: None,
            };
            let log = workspace.report().join(format!("{}.log", topic.name));
            let plan = plan(topic, &executable, &request, interpreter.as_ref(), &log)?;
            let is_asked = |cell: &CellId| {
                let name = format!("{}/{}/{}", topic.name, cell.workload, cell.parameter);
                options.filter.as_ref().is_none_or(|filter| filter.is_match(&name))
            };
            let (plan, others): (Vec<_>, Vec<_>) =
                plan.into_iter().partition(|(cell, _)| is_asked(cell));
            self.cells += plan.len();
            // A bench passes over what is done, and these as if they were.
            let mut done = request.done;
            done.extend(others.into_iter().map(|(cell, _)| cell));
            let request = Request { plan_only: false, done, ..request };
            shares.push(Share { topic: topic.clone(), executable, log, request, plan });
        }
        let alike =
            |run: &&Run| run.profile == profile.name && run.python.is_ok() == interpreter.is_some();
        let expectation = Expectation::from_runs(earlier.iter().filter(alike));
        let mut progress =
            Progress::new(shares.iter().map(|share| share.expected(&expectation)).sum());
        for share in &shares {
            let measured =
                self.measure(share, &expectation, &mut progress, interpreter.as_ref(), &runs);
            stop_if_interrupted()?;
            // A bench that dies takes its topic with it, not the others.
            if let Err(error) = measured {
                progress.say(&error.to_string());
                self.failures.push(error.to_string());
            }
        }
        self.save(&workspace.criterion(), &runs);
        Ok(())
    }

    /// Measures what is left of one topic.
    fn measure(
        &mut self,
        share: &Share,
        expectation: &Expectation,
        progress: &mut Progress,
        python: Option<&Interpreter>,
        runs: &Path,
    ) -> Result<(), Error> {
        let Share { topic, executable, log, request, plan } = share;
        let mut bench = BenchProcess::start(topic, executable, request, python, log.clone())?;
        let mut cell_name = String::new();
        let mut heard = Instant::now();
        loop {
            stop_if_interrupted()?;
            let next = bench.next()?;
            if !matches!(next, Next::Quiet) {
                heard = Instant::now();
            }
            match next {
                Next::Quiet if heard.elapsed() > SILENCE => return Err(bench.is_silent(SILENCE)),
                Next::Quiet => {}
                Next::Event(Event::InTurn | Event::Plan(_) | Event::GaveUp(_)) => {}
                Next::Event(Event::Began(cell)) => {
                    let models = plan.iter().find(|(c, _)| *c == cell).map_or(1, |(_, m)| *m);
                    cell_name = format!("{}/{} {}", topic.name, cell.workload, cell.parameter);
                    progress.begin(cell_name.clone(), expectation.of(&topic.name, &cell, models));
                }
                Next::Event(Event::Round { share }) => progress.within(share),
                Next::Event(Event::NoTime { model, outcome: Outcome::Failure(failure) }) => {
                    let line = format!("{cell_name}: {model} {failure}");
                    progress.say(&line);
                    if !matches!(failure, Failure::Refused(_)) {
                        self.failures.push(line);
                    }
                }
                Next::Event(Event::NoTime { .. }) => {}
                Next::Event(Event::Done(cell, seconds)) => {
                    progress.end(&cell_name, seconds);
                    self.keep(&topic.name, runs, |part| part.done.push((cell, seconds)))?;
                }
                Next::Ended => return self.keep(&topic.name, runs, |part| part.finished = true),
            }
        }
    }

    /// Saves what was measured, so that it can be compared after a later run has
    /// replaced it. Its tables can be written without that, so a failure is told
    /// and ends nothing.
    fn save(&mut self, criterion: &Path, runs: &Path) {
        let run = self.record.as_ref().expect("measuring begins with a record");
        if run.is_finished()
            && let Err(error) = saved::save(criterion, runs, run)
        {
            let line = format!("the run is not saved for later comparison: {error}");
            eprintln!("report: {line}");
            self.failures.push(line);
        }
    }

    /// Writes the record after a change to a topic's part of it.
    fn keep(
        &mut self,
        topic: &str,
        runs: &Path,
        change: impl FnOnce(&mut TopicRun),
    ) -> Result<(), Error> {
        let run = self.record.as_mut().expect("measuring begins with a record");
        change(run.topics.iter_mut().find(|part| part.topic == topic).expect("it has a part"));
        Ok(run.write(runs)?)
    }

    fn cells_done(&self) -> usize {
        self.record.iter().flat_map(|run| &run.topics).map(|part| part.done.len()).sum()
    }
}

impl Share {
    /// Seconds that its cells should still take.
    fn expected(&self, expectation: &Expectation) -> f64 {
        let to_do = self.plan.iter().filter(|(cell, _)| !self.request.done.contains(cell));
        to_do.map(|(cell, models)| expectation.of(&self.topic.name, cell, *models)).sum()
    }
}

fn new_run(
    profile: &Profile,
    python: &Result<FoundPython, String>,
    topics: &[Topic],
    builds: Vec<String>,
) -> Run {
    let now = jiff::Timestamp::now();
    let part = |(topic, build): (&Topic, String)| TopicRun {
        topic: topic.name.clone(),
        build,
        done: Vec::new(),
        finished: false,
    };
    Run {
        version: Run::VERSION,
        id: now.strftime("%Y%m%dT%H%M%SZ").to_string(),
        started: now.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        profile: profile.name.into(),
        rounds: profile.rounds,
        machine: Machine::describe(),
        python: python.as_ref().map(|p| p.description.clone()).map_err(Clone::clone),
        steps_per_second: python.as_ref().ok().and_then(|p| p.interpreter.steps_per_second),
        topics: topics.iter().zip(builds).map(part).collect(),
    }
}

/// Tells one build of a bench, with the Python side that stands beside it,
/// from another.
fn fingerprint(executable: &Path, python: Option<&String>) -> Result<String, Error> {
    let mut hasher = DefaultHasher::new();
    hasher.write(&std::fs::read(executable)?);
    python.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

/// Asks a bench which cells it has, and makes sure that it takes turns if it is
/// to be visited in turn.
pub(crate) fn plan(
    topic: &Topic,
    executable: &Path,
    request: &Request,
    python: Option<&Interpreter>,
    log: &Path,
) -> Result<Vec<(CellId, usize)>, Error> {
    let mut bench = BenchProcess::start(topic, executable, request, python, log.to_owned())?;
    let mut plan = Vec::new();
    let mut takes_turns = false;
    loop {
        match bench.next()? {
            Next::Event(Event::InTurn) => takes_turns = true,
            Next::Event(Event::Plan(cells)) => plan = cells,
            Next::Event(_) | Next::Quiet => {}
            Next::Ended if request.in_turn && !takes_turns => {
                return Err(Error::Usage(format!(
                    "the bench in {} cannot be visited in turn: its checkout is older than \
                     `report pair`",
                    topic.directory.display()
                )));
            }
            Next::Ended => return Ok(plan),
        }
        stop_if_interrupted()?;
    }
}
