//! One workload: the same work for every model, and how its result is checked.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::{Claim, Description, Failure, Routine, Work};
use crate::description::{is_python, needs_python};
use crate::peer::Peer;
use crate::protocol::Interpreter;

/// A model on one parameter, without its type: runs so many iterations,
/// checks every result, and says how long the work took.
pub(crate) type Running<'a> = Box<dyn FnMut(u64) -> Result<Duration, Failure> + 'a>;

/// A workload without its result type, as the drivers see it.
pub(crate) trait Erased {
    fn description(&self) -> &Description;
    fn work(&self, parameter: u64) -> Option<Work>;
    /// Whether the model is left out where there is no Python.
    fn needs_python(&self, model: usize) -> bool;
    /// Sets a model up; a panic in the set-up is a failure.
    fn start<'a>(
        &'a self,
        topic: &str,
        model: usize,
        parameter: u64,
        python: Option<&Interpreter>,
    ) -> Result<Running<'a>, Failure>;
}

enum Model<Out> {
    Rust(Box<dyn Fn(u64) -> Routine<Out>>),
    Limit(Box<dyn Fn(u64) -> Running<'static>>),
    /// Rust that hands its work to a cluster of this Python's.
    OnDask(Box<SetUpOnDask<Out>>),
    Python,
}

type SetUpOnDask<Out> = dyn Fn(&Path, u64) -> Routine<Out>;
type CheckResult<Out> = dyn Fn(u64, &Out) -> Result<(), String>;
type CheckAnswer = dyn Fn(u64, &str) -> Result<(), String>;

/// The same work for every model: its parameters, its known answer, its models.
///
/// See the [module](crate::suite) for an example.
pub struct Workload<Out> {
    description: Description,
    work: Option<Box<dyn Fn(u64) -> Work>>,
    models: Vec<Model<Out>>,
    check: Option<Box<CheckResult<Out>>>,
    check_answer: Option<Box<CheckAnswer>>,
}

impl<Out: 'static> Workload<Out> {
    /// A workload with a snake-case name and one line that says what the work is.
    pub fn new(name: &str, title: &str) -> Self {
        Self {
            description: Description {
                workload: name.into(),
                title: title.into(),
                parameter: String::new(),
                parameters: Vec::new(),
                models: Vec::new(),
                notes: Vec::new(),
                claims: Vec::new(),
                patience: None,
                unranked: false,
                own_pace: false,
                limit: None,
            },
            work: None,
            models: Vec::new(),
            check: None,
            check_answer: None,
        }
    }

    /// What the parameter counts, and the values to measure, rising.
    #[must_use]
    pub fn parameter(mut self, counts: &str, values: Vec<u64>) -> Self {
        self.description.parameter = counts.into();
        self.description.parameters = values;
        self
    }

    /// One iteration handles this many elements, given the parameter.
    #[must_use]
    pub fn elements(mut self, of: impl Fn(u64) -> u64 + 'static) -> Self {
        self.work = Some(Box::new(move |n| Work::Elements(of(n))));
        self
    }

    /// One iteration moves this many bytes, given the parameter.
    #[must_use]
    pub fn bytes(mut self, of: impl Fn(u64) -> u64 + 'static) -> Self {
        self.work = Some(Box::new(move |n| Work::Bytes(of(n))));
        self
    }

    /// How a result is checked: `Err` says what is wrong with it.
    #[must_use]
    pub fn check(mut self, check: impl Fn(u64, &Out) -> Result<(), String> + 'static) -> Self {
        self.check = Some(Box::new(check));
        self
    }

    /// The known answer for a parameter, worked out once and compared with
    /// every result.
    #[must_use]
    pub fn expect(self, answer: impl Fn(u64) -> Out + 'static) -> Self
    where
        Out: PartialEq + Debug,
    {
        let known: RefCell<HashMap<u64, Rc<Out>>> = RefCell::default();
        self.check(move |parameter, out| {
            let answer = Rc::clone(
                known.borrow_mut().entry(parameter).or_insert_with(|| Rc::new(answer(parameter))),
            );
            if *out == *answer {
                return Ok(());
            }
            Err(format!("got {}, expected {}", shortened(out), shortened(&*answer)))
        })
    }

    /// How a Python peer's answer, a line of text, is checked.
    #[must_use]
    pub fn check_python(
        mut self,
        check: impl Fn(u64, &str) -> Result<(), String> + 'static,
    ) -> Self {
        self.check_answer = Some(Box::new(check));
        self
    }

    /// The line of text that a Python peer must answer with.
    #[must_use]
    pub fn expect_python(self, answer: impl Fn(u64) -> String + 'static) -> Self {
        self.check_python(move |parameter, got| {
            let expected = answer(parameter);
            if got == expected {
                Ok(())
            } else {
                Err(format!("got {got:?}, expected {expected:?}"))
            }
        })
    }

    /// A model: `set_up` makes, for a parameter, everything that the work
    /// needs and is not timed for (a runtime, a pool, the input).
    ///
    /// # Panics
    /// If its name is taken, or begins as one does that needs a Python.
    #[must_use]
    pub fn model(mut self, name: &str, set_up: impl Fn(u64) -> Routine<Out> + 'static) -> Self {
        assert!(!needs_python(name), "{name} is a name of what needs a Python");
        self.add(name, Model::Rust(Box::new(set_up)));
        self
    }

    /// A model that a Python peer runs: `scripts` knows it by topic, workload
    /// and name. It is left out where there is no Python.
    ///
    /// # Panics
    /// If its name is taken, or does not begin with `python_`, `numpy_` or
    /// `dask_`, by which readers know it.
    #[must_use]
    pub fn python(mut self, name: &str) -> Self {
        assert!(is_python(name), "{name} is no name for a Python peer");
        self.add(name, Model::Python);
        self
    }

    /// The machine's limit for this work: as many bytes moved, or as much
    /// arithmetic done, and nothing else. The report says of each model how much
    /// of the limit it reaches in the same run, as a roofline does (Williams,
    /// Waterman and Patterson, Communications of the ACM 52, 2009); a note should
    /// say what limits. It is measured as a row of its own, has its own result and
    /// so its own check, and is no rival of the models.
    ///
    /// # Panics
    /// If its name is taken or begins as that of a row which needs Python, if there is
    /// a limit already, or no model yet: the first row is the baseline.
    #[must_use]
    pub fn limit<Moved: 'static>(
        mut self,
        name: &str,
        set_up: impl Fn(u64) -> Routine<Moved> + 'static,
        check: impl Fn(u64, &Moved) -> Result<(), String> + 'static,
    ) -> Self {
        assert!(!needs_python(name), "{name} is a name for a row that needs Python");
        assert!(self.description.limit.is_none(), "there is a limit beside {name}");
        assert!(!self.models.is_empty(), "{name} stands behind the baseline");
        let check = Rc::new(check);
        let start = move |parameter| {
            let check = Rc::clone(&check);
            running(set_up(parameter), move |out: &Moved| check(parameter, out))
        };
        self.add(name, Model::Limit(Box::new(start)));
        self.description.limit = Some(name.into());
        self
    }

    /// A model of ours whose tasks run on a Dask cluster: `set_up` is told an
    /// interpreter that has Dask. It is checked like any other model, and left out
    /// where there is no Python, as Python's own are.
    ///
    /// # Panics
    /// If its name is taken, or does not begin with `rust_on_dask`, by which readers
    /// know it.
    #[must_use]
    pub fn on_dask(
        mut self,
        name: &str,
        set_up: impl Fn(&Path, u64) -> Routine<Out> + 'static,
    ) -> Self {
        let named = needs_python(name) && !is_python(name);
        assert!(named, "{name} is no name for Rust on Dask");
        self.add(name, Model::OnDask(Box::new(set_up)));
        self
    }

    /// Says something that a reader of the figures must know.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.description.notes.push(note.into());
        self
    }

    /// A claim of the lecture that this workload decides.
    #[must_use]
    pub fn claim(mut self, claim: Claim) -> Self {
        self.description.claims.push(claim);
        self
    }

    /// A model that needs longer than this for one iteration stops there: it
    /// is not measured, neither here nor at larger parameters, and the table
    /// says so.
    #[must_use]
    pub fn patience(mut self, limit: Duration) -> Self {
        self.description.patience = Some(limit);
        self
    }

    /// The models are no rivals for the same work, such as creating, computing
    /// and asking again: the report's summary names none of them the fastest.
    #[must_use]
    pub fn unranked(mut self) -> Self {
        self.description.unranked = true;
        self
    }

    /// Python does calibrated work at its own pace: as long as Rust, in fewer
    /// steps. Its rows are compared with the first of them, and stay out of the
    /// report's summary.
    #[must_use]
    pub fn own_pace(mut self) -> Self {
        self.description.own_pace = true;
        self
    }

    /// What `set_up` makes, each of its results checked.
    fn checked(
        &self,
        parameter: u64,
        set_up: impl FnOnce() -> Routine<Out>,
    ) -> Result<Running<'_>, Failure> {
        let missing = || no_check(&self.description.workload, "check");
        let check = self.check.as_deref().ok_or_else(missing)?;
        let routine = catch(|| Ok(set_up()))?;
        Ok(running(routine, move |out| check(parameter, out)))
    }

    fn add(&mut self, name: &str, model: Model<Out>) {
        let names = &mut self.description.models;
        assert!(!names.iter().any(|other| other == name), "two models are called {name}");
        names.push(name.into());
        self.models.push(model);
    }
}

impl<Out: 'static> Erased for Workload<Out> {
    fn description(&self) -> &Description {
        &self.description
    }

    fn work(&self, parameter: u64) -> Option<Work> {
        self.work.as_ref().map(|work| work(parameter))
    }

    fn needs_python(&self, model: usize) -> bool {
        !matches!(self.models[model], Model::Rust(_) | Model::Limit(_))
    }

    fn start<'a>(
        &'a self,
        topic: &str,
        model: usize,
        parameter: u64,
        python: Option<&Interpreter>,
    ) -> Result<Running<'a>, Failure> {
        let workload = &self.description.workload;
        let python = || python.ok_or_else(|| Failure::Failed("no Python".into()));
        match &self.models[model] {
            Model::Rust(set_up) => self.checked(parameter, || set_up(parameter)),
            Model::OnDask(set_up) => {
                let python = &python()?.python;
                self.checked(parameter, || set_up(python, parameter))
            }
            Model::Limit(start) => catch(|| Ok(start(parameter))),
            Model::Python => {
                let check = self
                    .check_answer
                    .as_deref()
                    .ok_or_else(|| no_check(workload, "check_python"))?;
                let name = format!("{topic}/{workload}/{}", self.description.models[model]);
                let mut peer = Peer::start(python()?, &name, parameter).map_err(Failure::Failed)?;
                Ok(Box::new(move |iterations| {
                    let (taken, answers) = peer.run(iterations).map_err(Failure::Failed)?;
                    answers
                        .iter()
                        .try_for_each(|answer| check(parameter, answer))
                        .map_err(Failure::Wrong)?;
                    Ok(taken)
                }))
            }
        }
    }
}

/// A routine that counts only if each result passes the check.
fn running<'a, Out: 'static>(
    mut routine: Routine<Out>,
    check: impl Fn(&Out) -> Result<(), String> + 'a,
) -> Running<'a> {
    Box::new(move |iterations| {
        let mut wrong = false;
        let mut see = |out: &Out| check(out).inspect_err(|_| wrong = true);
        let ran = catch(|| routine.run(iterations, &mut see).map_err(Failure::Failed));
        match ran {
            Err(Failure::Failed(message)) if wrong => Err(Failure::Wrong(message)),
            other => other,
        }
    })
}

fn no_check(workload: &str, method: &str) -> Failure {
    Failure::Failed(format!(
        "workload {workload} declares no `{method}`, so no result can be trusted"
    ))
}

/// What [`refused`] throws.
struct Refusal(String);

/// Ends a set-up or an iteration because the machine has not got what it
/// takes: the table says so, and the run goes on. Anything else that goes wrong is a panic.
///
/// # Panics
/// Always; the drivers know this panic from others.
pub fn refused(why: impl Into<String>) -> ! {
    std::panic::panic_any(Refusal(why.into()))
}

/// Runs `work`; a panic becomes a failure with its message.
fn catch<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| match panic.downcast::<Refusal>() {
        Ok(refusal) => Err(Failure::Refused(refusal.0)),
        Err(panic) => Err(Failure::Failed(format!("panicked: {}", message_of(&*panic)))),
    })
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "with a payload that is no text".into())
}

/// A result in at most a line: a million squares would bury the message.
fn shortened(value: &impl Debug) -> String {
    const LONGEST: usize = 80;
    let text = format!("{value:?}");
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some((cut, _)) => format!("{}… ({} characters)", &text[..cut], text.len()),
    }
}
