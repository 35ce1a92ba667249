//! A pivot for machines: JSON and CSV, with every digit and whole names.

use serde::Serialize;

use super::{Cell, Figures, Pivot};
use crate::benchmark::{Problem, Work};
use crate::error::Error;

/// The version of the JSON's shape.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Envelope<'a> {
    schema: &'static str,
    version: u32,
    #[serde(flatten)]
    pivot: &'a Pivot,
}

/// A line of the CSV: a benchmark, or a problem.
#[derive(Default, Serialize)]
struct Record<'a> {
    source: &'a str,
    group: &'a str,
    function: &'a str,
    value: &'a str,
    place: &'a str,
    visits: Option<usize>,
    statistic: String,
    time_ns: Option<f64>,
    time_lower_ns: Option<f64>,
    time_upper_ns: Option<f64>,
    reference: String,
    ratio: Option<f64>,
    ratio_lower: Option<f64>,
    ratio_upper: Option<f64>,
    elements: Option<u64>,
    bytes: Option<u64>,
    bits: Option<u64>,
    problem: String,
}

impl Pivot {
    /// As JSON: the pivot itself, under a schema's name and version.
    ///
    /// # Errors
    /// None that is known: every value has a JSON form.
    pub fn json(&self) -> Result<String, Error> {
        let envelope = Envelope { schema: "polyphony.table", version: VERSION, pivot: self };
        let mut text = serde_json::to_string_pretty(&envelope).map_err(std::io::Error::from)?;
        text.push('\n');
        Ok(text)
    }

    /// As CSV (RFC 4180): a line for each benchmark and, with the last column
    /// filled, for each problem.
    ///
    /// # Errors
    /// None that is known: it is written to memory.
    pub fn csv(&self) -> Result<String, Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |e: csv::Error| Error::Io(e.into());
        for section in &self.sections {
            for cell in section.rows.iter().flat_map(|row| &row.cells) {
                if let Cell::Measured(figures) = cell {
                    let source = &self.sources[figures.source].label;
                    writer.serialize(record(figures, source)).map_err(failed)?;
                }
            }
        }
        for problem in &self.problems {
            writer.serialize(noted(problem)).map_err(failed)?;
        }
        let bytes = writer.into_inner().map_err(|e| Error::Io(e.into_error()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn record<'a>(figures: &'a Figures, source: &'a str) -> Record<'a> {
    let (mut elements, mut bytes, mut bits) = (None, None, None);
    match figures.work {
        Some(Work::Bits(n)) => bits = Some(n),
        Some(Work::Bytes(n) | Work::BytesDecimal(n)) => bytes = Some(n),
        Some(Work::Elements(n)) => elements = Some(n),
        Some(Work::ElementsAndBytes { elements: e, bytes: b }) => {
            (elements, bytes) = (Some(e), Some(b));
        }
        None => {}
    }
    let interval = figures.ratio.and_then(super::Ratio::interval);
    let bounded = figures.time.filter(|_| !figures.too_small);
    Record {
        source,
        group: &figures.id.group,
        function: &figures.id.function,
        value: &figures.id.value,
        place: &figures.place,
        visits: Some(figures.visits),
        statistic: figures.statistic.to_string(),
        time_ns: figures.time.map(|time| time.point),
        time_lower_ns: bounded.map(|time| time.lower),
        time_upper_ns: bounded.map(|time| time.upper),
        reference: figures.reference.clone().unwrap_or_default(),
        ratio: figures.ratio.map(super::Ratio::point),
        ratio_lower: interval.map(|ratio| ratio.lower),
        ratio_upper: interval.map(|ratio| ratio.upper),
        elements,
        bytes,
        bits,
        problem: String::new(),
    }
}

fn noted(problem: &Problem) -> Record<'_> {
    let (group, function, value) = problem
        .id
        .as_ref()
        .map_or(("", "", ""), |id| (id.group.as_str(), id.function.as_str(), id.value.as_str()));
    Record { group, function, value, problem: problem.to_string(), ..Record::default() }
}
