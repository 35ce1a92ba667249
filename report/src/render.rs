//! `report render`: what was measured, as a report in `target/report`.

use std::path::{Path, PathBuf};

use crate::comparison::{self, Cell, Comparison};
use crate::description::Failure;
use crate::document::{chart, html, markdown};
use crate::error::Error;
use crate::page;
use crate::record::Run;
use crate::topics::Workspace;
use crate::verdict::Ruling;

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// GitHub-flavoured markdown, `report.md`, with charts as files beside it.
    #[default]
    Markdown,
    /// One self-contained page, `report.html`.
    Html,
}

/// A report that was written.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Where it is.
    pub path: PathBuf,
    /// How many tables it has.
    pub tables: usize,
    /// How many cells of them are wrong or failed.
    pub failures: usize,
    /// How many files could not be read.
    pub unreadable: usize,
    /// How many claims are refuted.
    pub refuted: usize,
}

/// Writes the report of all topics that were measured, with its charts.
///
/// # Errors
/// [`Error::NothingMeasured`], and whatever the file system says.
pub fn render(workspace: &Workspace, format: Format) -> Result<Rendered, Error> {
    let root = workspace.criterion();
    let runs = Run::all(&workspace.report().join("runs"))?;
    let topics: Vec<_> = workspace.topics.iter().map(|topic| topic.name.clone()).collect();
    let comparison = comparison::read(&root, runs, &topics)?;
    if comparison.sections.is_empty() && comparison.unreadable.is_empty() {
        return Err(Error::NothingMeasured(root));
    }
    let path = write(&comparison, &workspace.report(), format)?;
    let cells = comparison.tables().flat_map(|table| &table.rows).flat_map(|row| &row.cells);
    let counts =
        |cell: &&Cell| matches!(cell, Cell::Failure(Failure::Wrong(_) | Failure::Failed(_)));
    let failed = cells.filter(counts).count();
    let tables = comparison.tables().count();
    let verdicts = comparison.tables().flat_map(|table| &table.verdicts);
    let refuted = verdicts.filter(|verdict| verdict.ruling == Ruling::Refuted).count();
    let unreadable = comparison.unreadable.len();
    Ok(Rendered { path, tables, failures: failed, unreadable, refuted })
}

/// Writes a comparison into a directory, which is made if it is not there, and
/// says into which file.
///
/// # Errors
/// Whatever the file system says.
pub fn write(comparison: &Comparison, directory: &Path, format: Format) -> Result<PathBuf, Error> {
    let page = page::compose(comparison);
    let (name, text) = match format {
        Format::Markdown => ("report.md", markdown::write(&page)),
        Format::Html => ("report.html", html::write(&page)),
    };
    std::fs::create_dir_all(directory)?;
    if format == Format::Markdown {
        for chart in page.charts() {
            let file = directory.join(&chart.path);
            file.parent().map(std::fs::create_dir_all).transpose()?;
            std::fs::write(file, chart::svg(chart))?;
        }
    }
    let path = directory.join(name);
    std::fs::write(&path, text)?;
    Ok(path)
}
