//! What can be written on the command line, and what it means to the library.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use regex::Regex;
use report::benchmark::Statistic;
use report::error::Error;
use report::foreign::Mapping;
use report::pivot::{self, Part, Sort};
use report::source;

/// Tables, verdicts and pages from criterion's results, in any workspace.
///
/// In Polyphony's own workspace the bare command measures every topic in a
/// quick run (some minutes) and writes target/report/report.md. Ctrl-C keeps
/// what is measured; the same command goes on from there.
#[derive(Parser)]
#[command(name = "report", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const AFTER_HELP: &str = "\
Examples:
  report table                               the latest `cargo bench`, models by values
  report table --format html -o table.html   the same as a page with charts
  report diff before after --fail-above 5%   two of criterion's baselines, for CI
  report snapshot -o run.json                one file to take to another machine
  report inject README.md --check            are the tables in a README up to date?

A SOURCE is a baseline (criterion's --save-baseline), a directory (another
target/criterion), a saved run, or a file: a snapshot, a history, pyperf's JSON,
hyperfine's --export-json.

Exit codes:
    0  all is well
    1  a regression, a wrong result, a model or bench that failed, a table that
       is out of date (inject --check), a refuted claim (--fail-refuted)
    2  bad usage, or data that is missing; with --strict, any unreadable data
    3  inconclusive, only with --fail-above: no row is beyond the threshold, but
       it lies inside an interval or a row has too few visits; or most rows
       moved together
  130  interrupted; what is measured is kept";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Benchmarks as a table: models by values
    Table(TableArgs),
    /// What moved between two or more runs, and how sure that is
    Diff(DiffArgs),
    /// One file with everything that a table or a diff needs, machine included
    Snapshot(SnapshotArgs),
    /// Write tables between the markers in a file, or check them
    #[command(after_help = MARKERS)]
    Inject(InjectArgs),
    /// What is wrong with the data on disk, and what to do about it
    Doctor(DoctorArgs),
    /// Add a run to a history file, whose median `diff` takes as a reference
    History(HistoryArgs),
    /// Measure this workspace's topics, then write the report
    Run(RunArgs),
    /// Measure this checkout and another in turn, and say what moved
    #[command(after_help = PAIRS)]
    Pair(PairArgs),
    /// Write the report of what is measured already
    Render(RenderArgs),
}

const MARKERS: &str = "\
A marker holds the command whose output stands below it:
  <!-- report: table --group threads/sin -->
  <!-- /report -->";

const PAIRS: &str = "\
The other checkout is the reference. For CI, with the branch that a change goes to:
  git worktree add ../base origin/main
  report pair ../base --fail-above 5%
Its passes are kept in target/report/pair, for `report diff base.jsonl head.jsonl`.";

/// Which benchmarks.
#[derive(Args, Default)]
pub(crate) struct Selection {
    /// criterion's directory [default: as criterion finds it]
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Only benchmarks whose group/function/value matches
    #[arg(long, value_name = "REGEX")]
    pub(crate) filter: Option<Regex>,
    /// Only this group
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// Foreign names: REGEX=GROUP/FUNCTION/VALUE, with $1 (may be given several times)
    #[arg(long = "map", value_name = "MAPPING")]
    pub(crate) maps: Vec<String>,
    /// Of a history file, the runs whose median counts
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) last: u16,
}

impl Selection {
    /// What is to be read, where a directory stands for this baseline of it.
    pub(crate) fn options(&self, baseline: &str) -> Result<source::Options, Error> {
        Ok(source::Options {
            baseline: baseline.into(),
            mapping: Mapping::new(&self.maps)?,
            filter: self.filter.clone(),
            group: self.group.clone(),
            last: self.last.into(),
            runs: None,
            describe: false,
        })
    }
}

/// How it is written, and where.
#[derive(Args, Default, PartialEq)]
pub(crate) struct Output {
    /// The syntax [default: terminal at a terminal, else md]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Into this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Append it, as markdown, to `$GITHUB_STEP_SUMMARY` too
    #[arg(long)]
    pub(crate) github: bool,
    /// Exit with 2 if anything could not be read, or compared with nothing
    #[arg(long)]
    pub(crate) strict: bool,
}

/// A syntax.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// GitHub-flavoured markdown
    Md,
    /// Text in columns
    Terminal,
    /// A line a benchmark, every digit
    Csv,
    /// Everything, every digit
    Json,
    /// One self-contained page with charts
    Html,
}

#[derive(Args)]
pub(crate) struct TableArgs {
    /// Baselines, directories or files [default: criterion's own directory]
    #[arg(value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    /// Which of a directory's baselines
    #[arg(long, value_name = "NAME", default_value = "new")]
    pub(crate) baseline: String,
    /// What becomes the rows [default: function, or value if that is the columns]
    #[arg(long, value_enum)]
    pub(crate) rows: Option<PartArg>,
    /// What becomes the columns [default: value, or function if that is the rows]
    #[arg(long, value_enum)]
    pub(crate) cols: Option<PartArg>,
    /// The row that ratios refer to [default: serial, else the first]
    #[arg(long = "ref", value_name = "NAME")]
    pub(crate) reference: Option<String>,
    /// The figure of each cell
    #[arg(long, value_enum, default_value = "typical")]
    pub(crate) stat: StatArg,
    /// The order of the rows
    #[arg(long, value_enum, default_value = "name")]
    pub(crate) sort: SortArg,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) output: Output,
}

impl TableArgs {
    pub(crate) fn options(&self) -> pivot::Options {
        // Who names one of the two means to turn the table.
        let other = |part| if part == PartArg::Value { PartArg::Function } else { PartArg::Value };
        let (rows, columns) = match (self.rows, self.cols) {
            (Some(rows), Some(columns)) => (rows, columns),
            (Some(rows), None) => (rows, other(rows)),
            (None, Some(columns)) => {
                let rows =
                    if columns == PartArg::Function { PartArg::Value } else { PartArg::Function };
                (rows, columns)
            }
            (None, None) => (PartArg::Function, PartArg::Value),
        };
        pivot::Options {
            rows: rows.into(),
            columns: columns.into(),
            reference: self.reference.clone(),
            statistic: self.stat.into(),
            sort: match self.sort {
                SortArg::Name => Sort::Name,
                SortArg::Time => Sort::Time,
            },
        }
    }
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum PartArg {
    Function,
    Value,
    Group,
}

impl From<PartArg> for Part {
    fn from(part: PartArg) -> Self {
        match part {
            PartArg::Function => Part::Function,
            PartArg::Value => Part::Value,
            PartArg::Group => Part::Group,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum StatArg {
    /// Each benchmark's own headline; criterion's is the slope, else the mean
    Typical,
    Mean,
    Median,
    Slope,
}

impl From<StatArg> for Option<Statistic> {
    fn from(stat: StatArg) -> Self {
        match stat {
            StatArg::Typical => None,
            StatArg::Mean => Some(Statistic::Mean),
            StatArg::Median => Some(Statistic::Median),
            StatArg::Slope => Some(Statistic::Slope),
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum SortArg {
    /// The reference first, then by name
    Name,
    /// The fastest first, by the last column
    Time,
}

#[derive(Args)]
pub(crate) struct DiffArgs {
    /// Baselines, saved runs, directories or files; the first is the reference
    #[arg(value_name = "SOURCE", num_args = 2.., required = true)]
    pub(crate) sources: Vec<String>,
    /// Which of a directory's baselines
    #[arg(long, value_name = "NAME", default_value = "new")]
    pub(crate) baseline: String,
    /// Fail on a row that is slower by more than this with its whole interval, such as 5%
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) fail_above: Option<f64>,
    /// The figure that is compared
    #[arg(long, value_enum, default_value = "typical")]
    pub(crate) stat: StatArg,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A percentage as a share: the sign is asked for, since 0.05 could be meant
/// as either.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match number {
        Some(number) if number.is_finite() && number >= 0.0 => Ok(number / 100.0),
        _ => Err("a percentage is written like 5% or 2.5%".into()),
    }
}

#[derive(Args)]
pub(crate) struct SnapshotArgs {
    /// A baseline, a directory or a file [default: criterion's own directory]
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Option<String>,
    /// Which of a directory's baselines
    #[arg(long, value_name = "NAME", default_value = "new")]
    pub(crate) baseline: String,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Exit with 2 if anything could not be read
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Args)]
pub(crate) struct InjectArgs {
    /// The files with the markers
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Write nothing; exit with 1 if a file is out of date
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Args)]
pub(crate) struct DoctorArgs {
    /// criterion's directory [default: as criterion finds it]
    #[arg(value_name = "ROOT")]
    pub(crate) root: Option<PathBuf>,
    /// Exit with 2 if there is anything to mend
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Args)]
pub(crate) struct HistoryArgs {
    /// The history, a line a run; made if it is not there
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What to add: a baseline, a saved run, a directory or a file
    /// [default: criterion's own directory]
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Option<String>,
    /// Which of a directory's baselines
    #[arg(long, value_name = "NAME", default_value = "new")]
    pub(crate) baseline: String,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Exit with 2 if anything could not be read
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Args)]
pub(crate) struct PairArgs {
    /// The other checkout's directory
    #[arg(value_name = "CHECKOUT")]
    pub(crate) other: PathBuf,
    /// Only this topic (may be given several times)
    #[arg(long = "topic", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// Only cells whose topic/workload/parameter matches
    #[arg(long, value_name = "REGEX")]
    pub(crate) filter: Option<Regex>,
    /// How often two fresh processes measure all of it
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(3..))]
    pub(crate) passes: u16,
    /// Rounds of each cell in a pass
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(3..))]
    pub(crate) rounds: u16,
    /// Milliseconds that a visit of a model lasts, if one iteration is not longer
    #[arg(long, value_name = "MS", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) visit: u16,
    /// Fail on a row that is slower by more than this with its whole interval, such as 5%
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) fail_above: Option<f64>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Default)]
pub(crate) struct RunArgs {
    /// Only this topic (may be given several times)
    #[arg(long = "topic", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// Only cells whose topic/workload/parameter matches
    #[arg(long, value_name = "REGEX")]
    pub(crate) filter: Option<Regex>,
    /// The lecture's own waits and more points and rounds: the better part of an hour
    #[arg(long)]
    pub(crate) full: bool,
    /// With Python, NumPy and Dask beside Rust (makes target/python on first use)
    #[arg(long)]
    pub(crate) python: bool,
    #[command(flatten)]
    pub(crate) render: RenderArgs,
}

#[derive(Args, Default)]
pub(crate) struct RenderArgs {
    /// Write a page with charts as well, target/report/report.html
    #[arg(long)]
    pub(crate) html: bool,
    /// Exit with 1 if a claim is refuted, too
    #[arg(long)]
    pub(crate) fail_refuted: bool,
    /// Exit with 2 if anything could not be read
    #[arg(long)]
    pub(crate) strict: bool,
}
