//! The few figures of a table that answer its question.

use crate::comparison::{Cell, Row, Table};

/// What a table comes to, at the largest parameter that its baseline was
/// measured at.
#[derive(Debug)]
pub struct Headline<'a> {
    /// That parameter.
    pub parameter: u64,
    /// The baseline, there.
    pub baseline: (&'a str, Cell),
    /// The fastest other Rust model, there.
    pub rust: Option<(&'a str, Cell)>,
    /// The fastest Python peer, there.
    pub python: Option<(&'a str, Cell)>,
    /// The smallest parameter from which on the fastest Rust model is faster
    /// than the baseline by its whole interval.
    pub pays_from: Option<u64>,
}

/// The headline of a table; `None` if its baseline has no time, or its models
/// are no rivals.
pub fn headline(table: &Table) -> Option<Headline<'_>> {
    if table.description.stages {
        return None;
    }
    let (baseline, others) = table.rows.split_first()?;
    let column = baseline.cells.iter().rposition(|cell| cell.time().is_some())?;
    let fastest = |python: bool| {
        let timed = others.iter().filter(|row| is_python(&row.model) == python);
        let timed = timed.filter_map(|row| Some((row.cells[column].time()?.point, row)));
        timed.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, row)| row)
    };
    let rust = fastest(false);
    let named = |row: &'_ Row| row.cells[column].clone();
    Some(Headline {
        parameter: table.parameters[column],
        baseline: (&baseline.model, named(baseline)),
        rust: rust.map(|row| (row.model.as_str(), named(row))),
        python: fastest(true).map(|row| (row.model.as_str(), named(row))),
        pays_from: rust.and_then(|row| pays_from(row, &table.parameters)),
    })
}

/// The smallest parameter from which on, as far as it was measured, the whole
/// interval of a model's ratio is below one.
pub fn pays_from(row: &Row, parameters: &[u64]) -> Option<u64> {
    let measured = row.cells.iter().zip(parameters).rev();
    let ratios = measured.filter_map(|(cell, parameter)| Some((cell.ratio()?, *parameter)));
    ratios.take_while(|(ratio, _)| ratio.upper < 1.0).last().map(|(_, parameter)| parameter)
}

/// A parameter at which a Python peer beats every Rust model.
#[derive(Debug, PartialEq)]
pub struct Beaten<'a> {
    /// The parameter.
    pub parameter: u64,
    /// The fastest Python peer, and its time in nanoseconds.
    pub python: (&'a str, f64),
    /// The fastest Rust model, and its time in nanoseconds.
    pub rust: (&'a str, f64),
}

/// Where a Python peer is faster than every Rust model: its whole interval is
/// below theirs. Each such place is to be mended, or explained by a note.
pub fn beaten_by_python(table: &Table) -> Vec<Beaten<'_>> {
    let columns = table.parameters.iter().enumerate();
    let beaten = columns.filter_map(|(column, &parameter)| {
        let fastest = |python: bool| {
            let rows = table.rows.iter().filter(|row| is_python(&row.model) == python);
            let timed =
                rows.filter_map(|row| Some((row.model.as_str(), row.cells[column].time()?)));
            timed.min_by(|(_, a), (_, b)| a.point.total_cmp(&b.point))
        };
        let ((python, python_time), (rust, rust_time)) = (fastest(true)?, fastest(false)?);
        (python_time.upper < rust_time.lower).then_some(Beaten {
            parameter,
            python: (python, python_time.point),
            rust: (rust, rust_time.point),
        })
    });
    beaten.collect()
}

/// Whether a model runs in Python, by the names that suites agree on.
pub fn is_python(model: &str) -> bool {
    ["python_", "numpy_", "dask_"].iter().any(|prefix| model.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Source;
    use crate::description::Description;
    use crate::stats::Estimate;

    fn cell(ratio: f64) -> Cell {
        let estimate = |point| Estimate { point, lower: point * 0.9, upper: point * 1.1 };
        Cell::Time { time: estimate(ratio * 100.0), ratio: Some(estimate(ratio)), work: None }
    }

    #[test]
    fn a_model_pays_from_where_it_never_loses_again() {
        let row = |ratios: &[f64]| Row {
            model: "threads".into(),
            cells: ratios.iter().map(|&ratio| cell(ratio)).collect(),
        };
        assert_eq!(pays_from(&row(&[3.0, 0.8, 0.5]), &[1, 10, 100]), Some(10));
        assert_eq!(pays_from(&row(&[0.5, 1.2, 0.5]), &[1, 10, 100]), Some(100));
        assert_eq!(pays_from(&row(&[0.5, 0.5, 0.95]), &[1, 10, 100]), None, "1 is in its interval");
    }

    #[test]
    fn python_wins_only_by_its_whole_interval() {
        let row = |model: &str, ratios: &[f64]| Row {
            model: model.into(),
            cells: ratios.iter().map(|&ratio| cell(ratio)).collect(),
        };
        let table = Table {
            group: "sync-vs-async/waits".into(),
            description: Description {
                workload: "waits".into(),
                title: String::new(),
                parameter: String::new(),
                parameters: vec![1, 10, 100],
                models: Vec::new(),
                notes: Vec::new(),
                claims: Vec::new(),
                patience: None,
                stages: false,
            },
            source: Source::Interleaved("run".into()),
            parameters: vec![1, 10, 100],
            rows: vec![
                row("blocking", &[1.0, 1.0, 1.0]),
                row("tasks", &[2.0, 0.5, 0.5]),
                row("python_asyncio", &[0.5, 0.45, 0.6]),
            ],
            verdicts: Vec::new(),
        };
        let expected =
            Beaten { parameter: 1, python: ("python_asyncio", 50.0), rust: ("blocking", 100.0) };
        assert_eq!(beaten_by_python(&table), [expected]);
    }
}
