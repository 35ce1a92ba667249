//! The commands that write a page: `table`, `diff`, and both in a README.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use report::benchmark::{Set, Trouble};
use report::diff::{self, Diff};
use report::document::{Block, Document, html, markdown, terminal};
use report::error::Error;
use report::history;
use report::inject::{self, Injected};
use report::pair::{self, Measured};
use report::pivot::{self, Pivot};
use report::source;
use report::topics::Workspace;

use crate::arguments::{
    Cli, Command, DiffArgs, Format, InjectArgs, Output, PairArgs, Selection, TableArgs,
};

/// What is to be written, and what its exit code depends on.
struct Page {
    content: Content,
    /// Benchmarks that have no time because their results were wrong.
    wrong: usize,
}

impl Page {
    fn table(arguments: &TableArgs) -> Result<Self, Error> {
        let sets = found(&arguments.sources, &arguments.baseline, &arguments.selection)?;
        Ok(Self::of(&sets, Content::Table(pivot::arrange(&sets, &arguments.options())?)))
    }

    fn diff(arguments: &DiffArgs) -> Result<Self, Error> {
        let sets = found(&arguments.sources, &arguments.baseline, &arguments.selection)?;
        let options = diff::Options {
            statistic: arguments.stat.into(),
            fail_above: arguments.fail_above,
            ..diff::Options::default()
        };
        Ok(Self::of(&sets, Content::Diff(Box::new(diff::compare(&sets, &options)?))))
    }

    fn of(sets: &[Set], content: Content) -> Self {
        let problems = sets.iter().flat_map(|set| &set.problems);
        let wrong = problems.filter(|problem| problem.kind == Trouble::Wrong).count();
        Self { content, wrong }
    }
}

/// What a page is made of.
enum Content {
    Table(Pivot),
    Diff(Box<Diff>),
}

impl Content {
    /// The page; only some syntaxes can show charts.
    fn document(&self, charts: bool) -> Document {
        match self {
            Self::Table(pivot) => pivot.document(charts),
            Self::Diff(diff) => diff.document(),
        }
    }

    fn written(&self, format: Format, to_terminal: bool) -> Result<String, Error> {
        Ok(match (format, self) {
            (Format::Md, _) => markdown::write(&self.document(false)),
            (Format::Html, _) => html::write(&self.document(true)),
            (Format::Terminal, _) => {
                let terminal = console::Term::stdout();
                // A pipe or file has no edge at which a table would have to break.
                let width = if to_terminal { terminal.size().1.into() } else { usize::MAX };
                terminal::write(
                    &self.document(false),
                    width,
                    to_terminal && console::colors_enabled(),
                )
            }
            (Format::Csv, Self::Table(pivot)) => pivot.csv()?,
            (Format::Csv, Self::Diff(diff)) => diff.csv(),
            (Format::Json, Self::Table(pivot)) => pivot.json()?,
            (Format::Json, Self::Diff(diff)) => {
                serde_json::to_string_pretty(diff).map_err(io::Error::from)? + "\n"
            }
        })
    }

    fn unreadable(&self) -> usize {
        match self {
            Self::Table(pivot) => pivot.problems.len(),
            Self::Diff(diff) => diff.problems.len(),
        }
    }

    /// Benchmarks that nothing could be compared with.
    fn on_one_side(&self) -> usize {
        match self {
            Self::Table(_) => 0,
            Self::Diff(diff) => {
                let sides = diff.comparisons.iter();
                sides.map(|x| x.only_reference.len() + x.only_subject.len()).sum()
            }
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Table(_) => 0,
            Self::Diff(diff) => diff.outcome().exit_code(),
        }
    }
}

/// What the names mean; no name at all is the baseline of criterion's own
/// directory.
fn found(sources: &[String], baseline: &str, selection: &Selection) -> Result<Vec<Set>, Error> {
    found_with(sources, selection, &selection.options(baseline)?)
}

/// The same with options that are more than the selection.
pub(crate) fn found_with(
    sources: &[String],
    selection: &Selection,
    options: &source::Options,
) -> Result<Vec<Set>, Error> {
    let explicit = match &selection.root {
        Some(path) => Some(source::root(Some(path))?),
        None => None,
    };
    // cargo need not be asked where its target directory is if nobody wants it.
    let root = || explicit.map_or_else(|| source::root(None), Ok);
    if sources.is_empty() {
        return Ok(vec![source::baseline(&root()?, &options.baseline, options)?]);
    }
    source::find(sources, root, options)
}

pub(crate) fn table(arguments: &TableArgs) -> Result<ExitCode, Error> {
    told(&Page::table(arguments)?, &arguments.output)
}

pub(crate) fn diff(arguments: &DiffArgs) -> Result<ExitCode, Error> {
    told(&Page::diff(arguments)?, &arguments.output)
}

/// Measures two checkouts in turn, then compares their passes.
pub(crate) fn pair(arguments: &PairArgs) -> Result<ExitCode, Error> {
    let passes = arguments.passes.into();
    let options = pair::Options {
        topics: arguments.topics.clone(),
        filter: arguments.filter.clone(),
        passes,
        rounds: arguments.rounds.into(),
        visit: Duration::from_millis(arguments.visit.into()),
    };
    let Measured { histories, failures, notes } =
        pair::measure(&Workspace::find()?, &arguments.other, &options)?;
    let sets: Vec<Set> = histories
        .iter()
        .map(|path| Ok(history::reference(&history::read(path)?, passes)))
        .collect::<Result<_, Error>>()?;
    let options = diff::Options { fail_above: arguments.fail_above, ..diff::Options::default() };
    let page = Page::of(&sets, Content::Diff(Box::new(diff::compare(&sets, &options)?)));
    for line in notes.iter().chain(&failures) {
        eprintln!("report: {line}");
    }
    let code = told(&page, &arguments.output)?;
    Ok(if arguments.output.strict && !notes.is_empty() {
        // What only one of the two has was not measured, so the page has no word of it.
        ExitCode::from(2)
    } else if failures.is_empty() {
        code
    } else {
        ExitCode::FAILURE
    })
}

/// Writes a page where it was asked for, and says what its exit code means.
fn told(page: &Page, output: &Output) -> Result<ExitCode, Error> {
    let Page { content, wrong } = page;
    let to_terminal = output.output.is_none() && io::stdout().is_terminal();
    let format = output.format.unwrap_or(if to_terminal { Format::Terminal } else { Format::Md });
    let text = content.written(format, to_terminal)?;
    match &output.output {
        Some(path) => fs::write(path, text)
            .map_err(|e| Error::BadFile { path: path.clone(), why: e.to_string() })?,
        None => print(&text)?,
    }
    if output.github {
        inject::github(&markdown::write(&content.document(false)))?;
    }
    let lonely = content.on_one_side();
    if lonely > 0 && output.strict {
        eprintln!("report: {lonely} benchmarks are on one side only");
        return Ok(ExitCode::from(2));
    }
    let unreadable = content.unreadable();
    if unreadable > 0 {
        let s = if unreadable == 1 { "" } else { "s" };
        eprintln!(
            "report: {unreadable} footnote{s} on data that could not be read as it should be"
        );
        if output.strict {
            return Ok(ExitCode::from(2));
        }
    }
    if *wrong > 0 {
        let (s, are) = if *wrong == 1 { ("", "is") } else { ("s", "are") };
        eprintln!("report: {wrong} result{s} {are} wrong: see the footnotes");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::from(content.exit_code()))
}

/// To standard output; a reader that has seen enough, such as `head`, is no
/// error.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

/// Renders each marker of each file; with `--check`, says which are out of date.
pub(crate) fn inject(arguments: &InjectArgs) -> Result<ExitCode, Error> {
    let mut stale = false;
    for path in &arguments.files {
        let Injected { markers, difference } =
            inject::inject(path, arguments.check, |marker| rendered(&marker.arguments))?;
        let s = if markers == 1 { "" } else { "s" };
        match difference {
            None => print(&format!("{}: {markers} marker{s}, up to date\n", path.display()))?,
            Some(difference) if arguments.check => {
                stale = true;
                eprintln!("report: {} is out of date: {difference}", path.display());
            }
            Some(_) => print(&format!("{}: {markers} marker{s}, written\n", path.display()))?,
        }
    }
    Ok(if stale { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The markdown that a marker's command stands for, without the page's own
/// heading.
fn rendered(words: &[String]) -> Result<String, Error> {
    let line = std::iter::once("report").chain(words.iter().map(String::as_str));
    let usage =
        |what: &str| Error::Usage(format!("the marker `report: {}` {what}", words.join(" ")));
    let cli = Cli::try_parse_from(line).map_err(|e| usage(&format!("is refused: {e}")))?;
    let (Page { content, .. }, output) = match cli.command {
        Some(Command::Table(arguments)) => (Page::table(&arguments)?, arguments.output),
        Some(Command::Diff(arguments)) => (Page::diff(&arguments)?, arguments.output),
        _ => return Err(usage("names neither table nor diff")),
    };
    if output != Output::default() {
        return Err(usage(
            "says where to write: a marker takes no --format, --output, --github or --strict",
        ));
    }
    let mut page = content.document(false);
    page.blocks.retain(|block| !matches!(block, Block::Heading(1, _)));
    Ok(markdown::write(&page))
}
