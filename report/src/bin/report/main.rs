//! `report`: tables, verdicts and pages from criterion's results, and the
//! comparison of this workspace. The library decides; this prints.

mod arguments;
mod commands;
mod pages;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Cli, Command};

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        None => commands::bare(),
        Some(Command::Table(arguments)) => pages::table(&arguments),
        Some(Command::Diff(arguments)) => pages::diff(&arguments),
        Some(Command::Inject(arguments)) => pages::inject(&arguments),
        Some(Command::Snapshot(arguments)) => commands::snapshot(&arguments),
        Some(Command::History(arguments)) => commands::history(&arguments),
        Some(Command::Doctor(arguments)) => commands::doctor(&arguments),
        Some(Command::Pair(arguments)) => pages::pair(&arguments),
        Some(Command::Run(arguments)) => commands::run(&arguments),
        Some(Command::Render(arguments)) => commands::render(&arguments),
    };
    done.unwrap_or_else(|error| {
        eprintln!("report: {error}");
        ExitCode::from(error.exit_code())
    })
}
