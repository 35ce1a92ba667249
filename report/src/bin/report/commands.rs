//! The commands that keep data, look at it, or measure this workspace.

use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use report::benchmark::Set;
use report::doctor;
use report::error::Error;
use report::history;
use report::machine::Machine;
use report::render::{self, Rendered};
use report::run::{self, Options, Summary};
use report::snapshot;
use report::source;
use report::topics::Workspace;

use crate::arguments::{Cli, DoctorArgs, HistoryArgs, RenderArgs, RunArgs, SnapshotArgs};
use crate::pages::{found, print};

/// In a workspace with topics, measures them; anywhere else, says what there
/// is to do.
pub(crate) fn bare() -> Result<ExitCode, Error> {
    match Workspace::find() {
        Ok(_) => run(&RunArgs::default()),
        Err(Error::NoWorkspace(_)) => {
            print(&Cli::command().render_long_help().to_string())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(error),
    }
}

pub(crate) fn run(arguments: &RunArgs) -> Result<ExitCode, Error> {
    let RunArgs { topics, full, python, render } = arguments;
    let workspace = Workspace::find()?;
    let options = Options { topics: topics.clone(), full: *full, python: *python };
    let Summary { failures, .. } = run::run(&workspace, &options)?;
    let code = rendered(&workspace, render)?;
    Ok(if failures.is_empty() { code } else { ExitCode::FAILURE })
}

pub(crate) fn render(arguments: &RenderArgs) -> Result<ExitCode, Error> {
    rendered(&Workspace::find()?, arguments)
}

fn rendered(workspace: &Workspace, arguments: &RenderArgs) -> Result<ExitCode, Error> {
    let rendered = render::render(workspace, render::Format::Markdown)?;
    let Rendered { path, tables, failures, refuted } = &rendered;
    let s = if *tables == 1 { "" } else { "s" };
    println!("{tables} table{s} in {}", path.display());
    if arguments.html {
        println!("and in {}", render::render(workspace, render::Format::Html)?.path.display());
    }
    if *failures > 0 {
        eprintln!("report: {failures} results are wrong, failed or unreadable: see its summary");
        return Ok(ExitCode::FAILURE);
    }
    if arguments.fail_refuted && *refuted > 0 {
        eprintln!("report: {refuted} claims are refuted: see its table of claims");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn snapshot(arguments: &SnapshotArgs) -> Result<ExitCode, Error> {
    let names: Vec<String> = arguments.source.iter().cloned().collect();
    let sets = found(&names, &arguments.baseline, &arguments.selection)?;
    let mut unreadable = 0;
    for set in sets {
        let set = placed(set, &names);
        snapshot::write(&arguments.output, &set)?;
        for problem in &set.problems {
            eprintln!("report: left out: {problem}");
        }
        unreadable += set.problems.len();
        println!("{} benchmarks in {}", set.benchmarks.len(), arguments.output.display());
    }
    Ok(ExitCode::from(if arguments.strict && unreadable > 0 { 2 } else { 0 }))
}

/// What lies in a tree was measured here, as far as can be known: criterion
/// records no machine. A file says itself what it knows.
fn placed(set: Set, names: &[String]) -> Set {
    let is_file = names.iter().any(|name| Path::new(name).is_file());
    let machine = set.machine.or_else(|| (!is_file).then(Machine::describe));
    Set { machine, ..set }
}

pub(crate) fn history(arguments: &HistoryArgs) -> Result<ExitCode, Error> {
    let names: Vec<String> = arguments.source.iter().cloned().collect();
    for set in found(&names, &arguments.baseline, &arguments.selection)? {
        let set = placed(set, &names);
        history::append(&arguments.file, &set)?;
        println!("{} benchmarks added to {}", set.benchmarks.len(), arguments.file.display());
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn doctor(arguments: &DoctorArgs) -> Result<ExitCode, Error> {
    let root = source::root(arguments.root.as_deref())?;
    let findings = doctor::examine(&root)?;
    if findings.is_empty() {
        println!("nothing is wrong with {}", root.display());
        return Ok(ExitCode::SUCCESS);
    }
    let told: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    print(&told)?;
    Ok(ExitCode::from(if arguments.strict { 2 } else { 0 }))
}
