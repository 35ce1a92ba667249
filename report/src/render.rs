//! `report render`: what was measured, as `target/report/report.md`.

use std::path::PathBuf;

use crate::chart;
use crate::comparison::{self, Cell, Table};
use crate::description::Failure;
use crate::error::Error;
use crate::layout::file_name;
use crate::markdown;
use crate::record::Run;
use crate::topics::Workspace;

/// A report that was written.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Where it is.
    pub path: PathBuf,
    /// How many tables it has.
    pub tables: usize,
    /// How many cells of them are wrong or failed, and files unreadable.
    pub failures: usize,
}

/// Writes the report and its charts, of all topics that were measured.
///
/// # Errors
/// [`Error::NothingMeasured`], and whatever the file system says.
pub fn render(workspace: &Workspace) -> Result<Rendered, Error> {
    let root = workspace.criterion();
    let runs = Run::all(&workspace.report().join("runs"))?;
    let topics: Vec<_> = workspace.topics.iter().map(|topic| topic.name.clone()).collect();
    let comparison = comparison::read(&root, runs, &topics)?;
    if comparison.sections.is_empty() && comparison.unreadable.is_empty() {
        return Err(Error::NothingMeasured(root));
    }
    let tables: Vec<&Table> = comparison.tables().collect();
    let charts = workspace.report().join("charts");
    std::fs::create_dir_all(&charts)?;
    for table in tables.iter().filter(|table| chart::is_worth_it(table)) {
        chart::draw(table, &charts.join(chart_name(table)))?;
    }
    let chart_of =
        |table: &Table| chart::is_worth_it(table).then(|| format!("charts/{}", chart_name(table)));
    let path = workspace.report().join("report.md");
    std::fs::write(&path, markdown::render(&comparison, &chart_of))?;
    let cells = tables.iter().flat_map(|table| &table.rows).flat_map(|row| &row.cells);
    let counts =
        |cell: &&&Cell| matches!(cell, Cell::Failure(Failure::Wrong(_) | Failure::Failed(_)));
    let failed = cells.filter(|cell| counts(&cell)).count();
    Ok(Rendered { path, tables: tables.len(), failures: failed + comparison.unreadable.len() })
}

fn chart_name(table: &Table) -> String {
    format!("{}.svg", file_name(&table.group))
}
