//! The few figures of a table that answer its question.

use crate::comparison::{Cell, Row, Source, Table};
use crate::description::is_python;
use crate::stats::{Estimate, ratio_estimate};

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

/// The headline of a table; `None` if its baseline has no time or was not
/// measured, or its models are no rivals.
pub fn headline(table: &Table) -> Option<Headline<'_>> {
    if table.description.unranked {
        return None;
    }
    let (baseline, others) = table.rows.split_first()?;
    if table.description.models.first() != Some(&baseline.model) {
        return None;
    }
    let column = baseline.cells.iter().rposition(|cell| cell.time().is_some())?;
    let fastest = |python: bool| {
        let rivals = others.iter().filter(|row| !table.description.is_limit(&row.model));
        let timed = rivals.filter(|row| is_python(&row.model) == python);
        let timed = timed.filter_map(|row| Some((row.cells[column].time()?.point, row)));
        timed.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, row)| row)
    };
    let rust = fastest(false);
    let named = |row: &'_ Row| row.cells[column].clone();
    Some(Headline {
        parameter: table.parameters[column],
        baseline: (&baseline.model, named(baseline)),
        rust: rust.map(|row| (row.model.as_str(), named(row))),
        python: fastest(true)
            .filter(|_| !table.description.own_pace)
            .map(|row| (row.model.as_str(), named(row))),
        pays_from: rust.and_then(|row| pays_from(row, &table.parameters)),
    })
}

/// The smallest parameter from which on, as far as it was measured, the whole
/// interval of a model's ratio is below one.
pub fn pays_from(row: &Row, parameters: &[u64]) -> Option<u64> {
    let measured = row.cells.iter().zip(parameters).rev();
    let ratios = measured.filter_map(|(cell, p)| Some((cell.ratio()?.paired()?, *p)));
    ratios.take_while(|(ratio, _)| ratio.upper < 1.0).last().map(|(_, parameter)| parameter)
}

/// A parameter at which a Python peer beats every Rust model.
#[derive(Debug, PartialEq)]
pub struct Beaten<'a> {
    /// The parameter.
    pub parameter: u64,
    /// The fastest Python peer.
    pub python: &'a str,
    /// The fastest Rust model.
    pub rust: &'a str,
    /// The peer's time over that model's.
    pub ratio: Estimate,
}

/// Where a Python peer does the same work faster than the fastest Rust model:
/// the whole interval of their ratio is below one. Each such place is to be
/// mended, or explained by a note.
pub fn beaten_by_python(table: &Table) -> Vec<Beaten<'_>> {
    let same_work = !table.description.own_pace && !table.description.unranked;
    let paired = matches!(table.source, Source::Interleaved(_));
    if !(same_work && paired) {
        return Vec::new();
    }
    let columns = table.parameters.iter().enumerate();
    let beaten = columns.filter_map(|(column, &parameter)| {
        let fastest = |python: bool| {
            let rivals = table.rows.iter().filter(|row| !table.description.is_limit(&row.model));
            let rows = rivals.filter(|row| is_python(&row.model) == python);
            let timed = rows.filter_map(|row| match &row.cells[column] {
                Cell::Time { time, visits, .. } => Some((row.model.as_str(), time.point, visits)),
                _ => None,
            });
            timed.min_by(|(_, a, _), (_, b, _)| a.total_cmp(b))
        };
        let ((python, _, python_visits), (rust, _, rust_visits)) =
            (fastest(true)?, fastest(false)?);
        // A valid file may still lack visits; there are no such rounds then.
        if python_visits.len() != rust_visits.len() {
            return None;
        }
        let ratio = ratio_estimate(python_visits, rust_visits);
        (ratio.upper < 1.0).then_some(Beaten { parameter, python, rust, ratio })
    });
    beaten.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Ratio;
    use crate::description::Description;

    fn cell(ratio: f64) -> Cell {
        let estimate = |point| Estimate { point, lower: point * 0.9, upper: point * 1.1 };
        let visits = [0.95, 1.0, 1.1].map(|noise| noise * ratio * 100.0).into();
        let (time, ratio) = (estimate(ratio * 100.0), Some(Ratio::Paired(estimate(ratio))));
        Cell::Time { time, ratio, of_limit: None, work: None, visits }
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
                unranked: false,
                own_pace: false,
                limit: None,
            },
            source: Source::Interleaved("run".into()),
            parameters: vec![1, 10, 100],
            earlier: Vec::new(),
            rows: vec![
                row("blocking", &[1.0, 1.0, 1.0]),
                row("tasks", &[2.0, 0.5, 0.5]),
                row("python_asyncio", &[0.5, 0.45, 0.6]),
            ],
            verdicts: Vec::new(),
        };
        let beaten = beaten_by_python(&table);
        let told: Vec<_> = beaten.iter().map(|b| (b.parameter, b.python, b.rust)).collect();
        assert_eq!(told, [(1, "python_asyncio", "blocking"), (10, "python_asyncio", "tasks")]);
        let mut own_pace = table;
        own_pace.description.own_pace = true;
        assert_eq!(beaten_by_python(&own_pace), []);
    }
}
