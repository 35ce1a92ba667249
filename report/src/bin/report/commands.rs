//! The commands that keep data, look at it, or measure this workspace.

use std::process::ExitCode;

use clap::CommandFactory;
use report::benchmark::Set;
use report::doctor;
use report::error::Error;
use report::history;
use report::render::{self, Rendered};
use report::run::{self, Options, Summary};
use report::snapshot;
use report::source;
use report::topics::Workspace;

use crate::arguments::{
    Cli, DoctorArgs, HistoryArgs, RenderArgs, RunArgs, Selection, SnapshotArgs,
};
use crate::pages::{found_with, print};

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
    let SnapshotArgs { source, baseline, output, selection, strict } = arguments;
    let mut footnotes = 0;
    for set in to_keep(source.as_deref(), baseline, selection)? {
        snapshot::write(output, &set)?;
        for problem in &set.problems {
            let what = if problem.is_loss() { "left out" } else { "note" };
            eprintln!("report: {what}: {problem}");
        }
        footnotes += set.problems.len();
        println!("{} benchmarks in {}", set.benchmarks.len(), output.display());
    }
    Ok(ExitCode::from(if *strict && footnotes > 0 { 2 } else { 0 }))
}

/// What is to be kept in a file, with its machine as far as it is known: once it
/// is carried elsewhere, nobody can tell any more.
fn to_keep(source: Option<&str>, baseline: &str, selection: &Selection) -> Result<Vec<Set>, Error> {
    let names: Vec<String> = source.into_iter().map(str::to_owned).collect();
    let options = source::Options { describe: true, ..selection.options(baseline)? };
    found_with(&names, selection, &options)
}

pub(crate) fn history(arguments: &HistoryArgs) -> Result<ExitCode, Error> {
    let HistoryArgs { file, source, baseline, selection } = arguments;
    for set in to_keep(source.as_deref(), baseline, selection)? {
        history::append(file, &set)?;
        println!("{} benchmarks added to {}", set.benchmarks.len(), file.display());
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
