//! `report table`: benchmarks as a pivot, models by values unless asked
//! otherwise, whoever measured them.
//!
//! Of the three parts of a name (group, function, value), one becomes the rows,
//! one the columns, and the third parts the page into sections. Each cell's
//! ratio refers to the reference row of the same column.
//!
//! Nothing is merged and nothing dropped: two benchmarks of one name get a row
//! each, told apart by their set or directory, and one that could not be read
//! keeps its place, with a note.

mod arrange;
mod data;
mod document;

use serde::Serialize;

use crate::benchmark::{Id, Problem, Statistic, Work};
use crate::machine::Machine;
use crate::stats::Estimate;

pub use arrange::arrange;

/// A part of a benchmark's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// criterion's group.
    Group,
    /// The function, or model.
    Function,
    /// The parameter.
    Value,
}

impl Part {
    fn of(self, id: &Id) -> &str {
        match self {
            Part::Group => &id.group,
            Part::Function => &id.function,
            Part::Value => &id.value,
        }
    }
}

/// The order of a section's rows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Sort {
    /// The reference first, then by name, numbers by size.
    #[default]
    Name,
    /// The fastest first, by the last column; rows without a time there follow,
    /// by the last column in which they have one.
    Time,
}

/// What a table is to show.
#[derive(Clone, Debug)]
pub struct Options {
    /// What becomes the rows.
    pub rows: Part,
    /// What becomes the columns; not the same.
    pub columns: Part,
    /// The row that ratios refer to; `serial` or the first row for `None`.
    pub reference: Option<String>,
    /// The figure of each cell; each benchmark's own headline for `None`.
    pub statistic: Option<Statistic>,
    /// The order of the rows.
    pub sort: Sort,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rows: Part::Function,
            columns: Part::Value,
            reference: None,
            statistic: None,
            sort: Sort::Name,
        }
    }
}

/// Benchmarks, arranged.
#[derive(Clone, Debug, Serialize)]
pub struct Pivot {
    /// The parts that are rows and columns.
    pub rows: Part,
    /// See [`rows`](Pivot::rows).
    pub columns: Part,
    /// The figure of each cell; each benchmark's own headline for `None`.
    pub statistic: Option<Statistic>,
    /// Where the benchmarks come from.
    pub sources: Vec<Source>,
    /// A table for each text of the third part.
    pub sections: Vec<Section>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// A set's name and machine.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    /// What it is called.
    pub label: String,
    /// The machine, if it is recorded.
    pub machine: Option<Machine>,
}

/// Rows and columns under one text of the third part.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// That text.
    pub name: String,
    /// The columns' texts; empty where the benchmark has no such part.
    pub columns: Vec<String>,
    /// Which row the ratios refer to, if it is here; rows of another source
    /// refer to its namesake there, if there is one ([`Figures::reference`]).
    pub reference: Option<usize>,
    /// The rows, each with a cell for each column.
    pub rows: Vec<Row>,
}

/// One text of the part that is the rows.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// That text; the section's where the benchmark has no such part.
    pub name: String,
    /// What tells it from a namesake, if it has one.
    pub qualifier: Option<String>,
    /// A cell for each column.
    pub cells: Vec<Cell>,
}

impl Row {
    /// The name with what tells it apart.
    pub fn title(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => format!("{} ({qualifier})", self.name),
            None => self.name.clone(),
        }
    }
}

/// What is known at a row and column.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cell {
    /// It was measured.
    Measured(Box<Figures>),
    /// It could not be read: the place of its entry in [`Pivot::problems`].
    Unreadable(usize),
    /// There is no such benchmark.
    Absent,
}

/// The figures of one benchmark.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Its names.
    pub id: Id,
    /// Which of [`Pivot::sources`] it is from.
    pub source: usize,
    /// Where it stands there.
    pub place: String,
    /// How many visits it was measured in.
    pub visits: usize,
    /// Whether those are too few for an interval.
    pub too_small: bool,
    /// The statistic that [`time`](Figures::time) is.
    pub statistic: Statistic,
    /// Nanoseconds an iteration; `None` if it has no such statistic (a slope,
    /// where each visit had as many iterations).
    pub time: Option<Estimate>,
    /// Times the reference's time; below one is faster.
    pub ratio: Option<Ratio>,
    /// The title of the row that the ratio refers to.
    pub reference: Option<String>,
    /// What an iteration does.
    pub work: Option<Work>,
}

/// One benchmark's time over the reference's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ratio {
    /// Taken round by round, where the sampler visited both in the same rounds:
    /// what slowed a round cancels.
    Paired(Estimate),
    /// From the two figures, its interval propagated from theirs: what happened
    /// between the two measurements is not in it.
    Propagated(Estimate),
    /// From the two figures, one of which has too few visits for an interval.
    Bare(f64),
}

impl Ratio {
    /// The ratio itself.
    pub fn point(self) -> f64 {
        match self {
            Ratio::Paired(ratio) | Ratio::Propagated(ratio) => ratio.point,
            Ratio::Bare(ratio) => ratio,
        }
    }

    /// The ratio with its interval, if it has one.
    pub fn interval(self) -> Option<Estimate> {
        match self {
            Ratio::Paired(ratio) | Ratio::Propagated(ratio) => Some(ratio),
            Ratio::Bare(_) => None,
        }
    }
}

impl Cell {
    /// The figures, if it was measured.
    pub fn figures(&self) -> Option<&Figures> {
        if let Cell::Measured(figures) = self { Some(figures) } else { None }
    }

    /// Nanoseconds an iteration, if they are known.
    pub fn time(&self) -> Option<f64> {
        Some(self.figures()?.time?.point)
    }
}
