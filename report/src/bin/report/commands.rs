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
    let RunArgs { topics, filter, full, python, render } = arguments;
    let workspace = Workspace::find()?;
    let (topics, filter) = (topics.clone(), filter.clone());
    let options = Options { topics, full: *full, python: *python, filter };
    let Summary { failures, .. } = run::run(&workspace, &options)?;
    let code = rendered(&workspace, render)?;
    Ok(if failures.is_empty() { code } else { ExitCode::FAILURE })
}

pub(crate) fn render(arguments: &RenderArgs) -> Result<ExitCode, Error> {
    rendered(&Workspace::find()?, arguments)
}

fn rendered(workspace: &Workspace, arguments: &RenderArgs) -> Result<ExitCode, Error> {
    let Rendered { path, tables, failures, unreadable, refuted } =
        render::render(workspace, render::Format::Markdown)?;
    let s = if tables == 1 { "" } else { "s" };
    print(&format!("{tables} table{s} in {}\n", path.display()))?;
    if arguments.html {
        let page = render::render(workspace, render::Format::Html)?.path;
        print(&format!("and in {}\n", page.display()))?;
    }
    if unreadable > 0 {
        eprintln!("report: {unreadable} files could not be read: see its summary");
    }
    if failures > 0 {
        eprintln!("report: {failures} results are wrong or failed: see its summary");
        return Ok(ExitCode::FAILURE);
    }
    if arguments.fail_refuted && refuted > 0 {
        eprintln!("report: {refuted} claims are refuted: see its table of claims");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::from(if arguments.strict && unreadable > 0 { 2 } else { 0 }))
}

pub(crate) fn snapshot(arguments: &SnapshotArgs) -> Result<ExitCode, Error> {
    let SnapshotArgs { source, baseline, output, selection, strict } = arguments;
    keep(source.as_deref(), baseline, selection, *strict, |set| {
        snapshot::write(output, set)?;
        Ok(format!("{} benchmarks in {}\n", set.benchmarks.len(), output.display()))
    })
}

pub(crate) fn history(arguments: &HistoryArgs) -> Result<ExitCode, Error> {
    let HistoryArgs { file, source, baseline, selection, strict } = arguments;
    keep(source.as_deref(), baseline, selection, *strict, |set| {
        history::append(file, set)?;
        Ok(format!("{} benchmarks added to {}\n", set.benchmarks.len(), file.display()))
    })
}

/// Keeps one source in a file, with its machine as far as it is known, for once
/// it is carried elsewhere nobody can tell any more; and says what stayed out.
fn keep(
    source: Option<&str>,
    baseline: &str,
    selection: &Selection,
    strict: bool,
    into_file: impl Fn(&Set) -> Result<String, Error>,
) -> Result<ExitCode, Error> {
    let names: Vec<String> = source.into_iter().map(str::to_owned).collect();
    let options = source::Options { describe: true, ..selection.options(baseline)? };
    let mut footnotes = 0;
    for set in found_with(&names, selection, &options)? {
        let told = into_file(&set)?;
        for problem in &set.problems {
            let what = if problem.is_loss() { "left out" } else { "note" };
            eprintln!("report: {what}: {problem}");
        }
        footnotes += set.problems.len();
        print(&told)?;
    }
    Ok(ExitCode::from(if strict && footnotes > 0 { 2 } else { 0 }))
}

pub(crate) fn doctor(arguments: &DoctorArgs) -> Result<ExitCode, Error> {
    let root = source::root(arguments.root.as_deref())?;
    let findings = doctor::examine(&root)?;
    if findings.is_empty() {
        print(&format!("nothing is wrong with {}\n", root.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let told: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    print(&told)?;
    let faults = findings.iter().any(|finding| finding.kind.is_fault());
    Ok(ExitCode::from(if arguments.strict && faults { 2 } else { 0 }))
}
