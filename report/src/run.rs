//! `report run`: every selected topic measured by the interleaved sampler.
//!
//! A run is a record (`target/report/runs/ID.json`) and the data of its cells.
//! A cell that is done is written whole. An interrupted run is one whose
//! record has topics that are not finished; the next run with the same
//! settings, on the same machine and commit, goes on from there.

use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Deserialize;

use crate::bench_process::{BenchProcess, Next};
use crate::description::Failure;
use crate::error::Error;
use crate::machine::{Machine, Python};
use crate::progress::{Expectation, Progress};
use crate::protocol::{Event, Interpreter, Request};
use crate::record::{Cell, Outcome, Run, TopicRun};
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

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Measures the selected topics. Progress goes to standard error.
///
/// # Errors
/// See [`Error`]; [`Error::Interrupted`] after Ctrl-C, when nothing is left
/// running and all that is done is kept.
pub fn run(workspace: &Workspace, options: &Options) -> Result<Summary, Error> {
    let topics = workspace.select(&options.topics)?;
    // An error means that a handler is set already, by an earlier run.
    let _ = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed));
    let mut session = Session::default();
    session.run(workspace, options, &topics).map_err(|e| {
        if INTERRUPTED.load(Ordering::Relaxed) {
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
    plan: Vec<(Cell, usize)>,
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
        let (interpreter, python) = find_python(workspace, options.python);
        let executables = workspace.build(topics)?;

        let earlier = Run::all(&runs)?;
        let fresh = new_run(&profile, python, topics);
        let unfinished =
            earlier.iter().find(|run| !run.is_finished() && same_settings(run, &fresh));
        self.resumed = unfinished.is_some();
        let run = self.record.insert(unfinished.cloned().unwrap_or(fresh));

        let mut shares = Vec::new();
        for (topic, executable) in topics.iter().zip(executables) {
            let part = part_of(run, &topic.name, fingerprint(&executable)?);
            let mut request = Request {
                plan_only: true,
                full: options.full,
                run: String::new(),
                rounds: profile.rounds,
                visit: profile.visit,
                root: workspace.criterion(),
                done: part.done.iter().map(|(cell, _)| cell.clone()).collect(),
            };
            request.run.clone_from(&run.id);
            let log = workspace.report().join(format!("{}.log", topic.name));
            let plan = plan(topic, &executable, &request, interpreter.as_ref(), &log)?;
            self.cells += plan.len();
            request.plan_only = false;
            shares.push(Share { topic: topic.clone(), executable, log, request, plan });
        }
        let alike =
            |run: &&Run| run.profile == profile.name && run.python.is_ok() == interpreter.is_some();
        let expectation = Expectation::from_runs(earlier.iter().filter(alike));
        let mut progress =
            Progress::new(shares.iter().map(|share| share.expected(&expectation)).sum());
        for share in &shares {
            self.measure(share, &expectation, &mut progress, interpreter.as_ref(), &runs)?;
        }
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
        loop {
            if INTERRUPTED.load(Ordering::Relaxed) {
                return Err(Error::Interrupted { done: self.cells_done(), cells: self.cells });
            }
            match bench.next()? {
                Next::Quiet | Next::Event(Event::Plan(_) | Event::GaveUp(_)) => {}
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

fn new_run(profile: &Profile, python: Result<Python, String>, topics: &[Topic]) -> Run {
    let now = jiff::Timestamp::now();
    let part = |topic: &Topic| TopicRun {
        topic: topic.name.clone(),
        build: String::new(),
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
        python,
        topics: topics.iter().map(part).collect(),
    }
}

/// Whether figures of both runs may stand in one table.
fn same_settings(a: &Run, b: &Run) -> bool {
    (&a.profile, a.rounds, &a.machine, &a.python) == (&b.profile, b.rounds, &b.machine, &b.python)
}

/// A topic's part of a run, made if it is missing; what another build of the
/// bench measured is not taken for this one's.
fn part_of<'a>(run: &'a mut Run, topic: &str, build: String) -> &'a mut TopicRun {
    let place = run.topics.iter().position(|part| part.topic == topic).unwrap_or_else(|| {
        let (topic, build) = (topic.to_owned(), build.clone());
        run.topics.push(TopicRun { topic, build, done: Vec::new(), finished: false });
        run.topics.len() - 1
    });
    let part = &mut run.topics[place];
    if part.build != build {
        part.done.clear();
    }
    part.build = build;
    part.finished = false;
    part
}

/// Tells one build of a bench from another.
fn fingerprint(executable: &Path) -> Result<String, Error> {
    let mut hasher = DefaultHasher::new();
    hasher.write(&std::fs::read(executable)?);
    Ok(format!("{:016x}", hasher.finish()))
}

/// Asks a bench which cells it has.
fn plan(
    topic: &Topic,
    executable: &Path,
    request: &Request,
    python: Option<&Interpreter>,
    log: &Path,
) -> Result<Vec<(Cell, usize)>, Error> {
    let mut bench = BenchProcess::start(topic, executable, request, python, log.to_owned())?;
    let mut plan = Vec::new();
    loop {
        match bench.next()? {
            Next::Event(Event::Plan(cells)) => plan = cells,
            Next::Event(_) | Next::Quiet => {}
            Next::Ended => return Ok(plan),
        }
        if INTERRUPTED.load(Ordering::Relaxed) {
            return Err(Error::Interrupted { done: 0, cells: 0 });
        }
    }
}

/// The Python that stands beside Rust in the tables, or why there is none.
/// Its absence is no error: the report says why its rows are absent.
fn find_python(
    workspace: &Workspace,
    asked: bool,
) -> (Option<Interpreter>, Result<Python, String>) {
    if !asked {
        let why = "not asked for; `cargo run --release -p report -- run --python` adds its rows";
        return (None, Err(why.into()));
    }
    match make_python(workspace) {
        Ok((interpreter, python)) => (Some(interpreter), Ok(python)),
        Err(why) => {
            eprintln!("Python's rows will be absent: {why}");
            (None, Err(why))
        }
    }
}

fn make_python(workspace: &Workspace) -> Result<(Interpreter, Python), String> {
    let scripts = workspace.root.join("scripts");
    let made = Command::new(scripts.join("python-env"))
        .current_dir(&workspace.root)
        .env("CARGO_TARGET_DIR", &workspace.target)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("scripts/python-env does not run: {e}"))?;
    let printed = String::from_utf8_lossy(&made.stdout);
    let python = printed.lines().last().filter(|_| made.status.success());
    let python = python.ok_or("scripts/python-env made no environment (it says why above)")?;
    let script = scripts.join("peer.py");
    let described = Command::new(python)
        .arg(&script)
        .arg("--describe")
        .output()
        .map_err(|e| format!("{python} does not run: {e}"))?;
    let Described { python: description, steps_per_second } =
        serde_json::from_slice(&described.stdout)
            .map_err(|e| format!("scripts/peer.py --describe cannot be read: {e}"))?;
    let steps_per_second = Some(steps_per_second);
    Ok((Interpreter { python: python.into(), script, steps_per_second }, description))
}

/// What `peer.py --describe` prints: what the Python is, and how fast it is now.
#[derive(Deserialize)]
struct Described {
    #[serde(flatten)]
    python: Python,
    steps_per_second: f64,
}
