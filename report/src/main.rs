//! `report`: measures every topic on this machine and writes the comparison.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use report::error::Error;
use report::render::{Format, Rendered, render};
use report::run::{Options, Summary, run};
use report::topics::Workspace;

/// Finds out, on this machine, which execution model pays off for which work.
///
/// Without a command: measures every topic in a quick run (some minutes), then
/// writes target/report/report.md. Ctrl-C keeps what is measured; the same
/// command goes on from there.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  all is well
    1  a result was wrong, or a model or bench failed
    2  bad usage, or nothing there to do it with
  130  interrupted; what is measured is kept";

#[derive(Subcommand)]
enum Command {
    /// Measure, then write the report
    Run(RunArgs),
    /// Write the report of what is measured already
    Render,
}

#[derive(Args, Default)]
struct RunArgs {
    /// Only this topic (may be given several times)
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// The lecture's own waits and more points and rounds: the better part of an hour
    #[arg(long)]
    full: bool,
    /// With Python, NumPy and Dask beside Rust (makes target/python on first use)
    #[arg(long)]
    python: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command.unwrap_or_else(|| Command::Run(RunArgs::default())) {
        Command::Run(RunArgs { topics, full, python }) => {
            measure_and_render(&Options { topics, full, python })
        }
        Command::Render => {
            Workspace::find().and_then(|workspace| render(&workspace, Format::Markdown)).map(told)
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("report: {error}");
        ExitCode::from(error.exit_code())
    })
}

fn measure_and_render(options: &Options) -> Result<ExitCode, Error> {
    let workspace = Workspace::find()?;
    let Summary { failures, .. } = run(&workspace, options)?;
    let code = told(render(&workspace, Format::Markdown)?);
    Ok(if failures.is_empty() { code } else { ExitCode::FAILURE })
}

fn told(Rendered { path, tables, failures }: Rendered) -> ExitCode {
    let s = if tables == 1 { "" } else { "s" };
    println!("{tables} table{s} in {}", path.display());
    if failures == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("report: {failures} results are wrong, failed or unreadable: see its summary");
    ExitCode::FAILURE
}
