//! Which benchmark stands where in a pivot, and what it is compared with.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Cell, Figures, Options, Part, Pivot, Ratio, Row, Section, Sort, Source};
use crate::benchmark::{Benchmark, Id, Set, Statistic, by_number};
use crate::error::Error;
use crate::stats::{Estimate, ratio_estimate, ratio_of_estimates};

/// Arranges benchmarks.
///
/// Costs a sort, and 10,000 resamples for each cell that has a paired ratio.
///
/// # Errors
/// [`Error::Usage`] if rows and columns are the same part, if there is no
/// benchmark at all, as where a filter matches none, or if no section has
/// the reference that was asked for.
pub fn arrange(sets: &[Set], options: &Options) -> Result<Pivot, Error> {
    if options.rows == options.columns {
        return Err(Error::Usage("rows and columns are the same part of the name".into()));
    }
    let third = [Part::Group, Part::Function, Part::Value]
        .into_iter()
        .find(|part| *part != options.rows && *part != options.columns)
        .unwrap_or(Part::Group);
    let mut problems = Vec::new();
    let mut sections: BTreeMap<&str, Vec<Entry<'_>>> = BTreeMap::new();
    for (source, set) in sets.iter().enumerate() {
        let read: HashSet<&Id> = set.benchmarks.iter().map(|benchmark| &benchmark.id).collect();
        for benchmark in &set.benchmarks {
            let entry = Entry { source, id: &benchmark.id, known: Ok(benchmark) };
            sections.entry(third.of(&benchmark.id)).or_default().push(entry);
        }
        for problem in &set.problems {
            // A problem beside data that could be read is a note and no more.
            if let Some(id) = problem.id.as_ref().filter(|id| !read.contains(id)) {
                let entry = Entry { source, id, known: Err(problems.len()) };
                sections.entry(third.of(id)).or_default().push(entry);
            }
            problems.push(problem.clone());
        }
    }
    if sections.is_empty() && problems.is_empty() {
        let labels: Vec<_> = sets.iter().map(|set| set.label.as_str()).collect();
        return Err(Error::Usage(format!("no benchmark of {} is asked for", labels.join(", "))));
    }
    let mut sections: Vec<Section> = sections
        .into_iter()
        .map(|(name, entries)| section(name, &entries, sets, options))
        .collect();
    sections.sort_by(|a, b| by_number(&a.name, &b.name));
    if let Some(name) = &options.reference
        && sections.iter().all(|section| section.reference.is_none())
    {
        let known: BTreeSet<_> =
            sections.iter().flat_map(|section| section.rows.iter().map(Row::title)).collect();
        let known: Vec<_> = known.into_iter().collect();
        return Err(Error::Usage(format!(
            "no row is called {name:?}; the rows are {}",
            known.join(", ")
        )));
    }
    let sources =
        sets.iter().map(|set| Source { label: set.label.clone(), machine: set.machine.clone() });
    Ok(Pivot {
        rows: options.rows,
        columns: options.columns,
        statistic: options.statistic,
        sources: sources.collect(),
        sections,
        problems,
    })
}

/// A benchmark on its way into a section, or the problem in its stead.
#[derive(Clone, Copy)]
struct Entry<'a> {
    source: usize,
    id: &'a Id,
    known: Result<&'a Benchmark, usize>,
}

fn section(name: &str, entries: &[Entry<'_>], sets: &[Set], options: &Options) -> Section {
    let mut columns: Vec<&str> = entries.iter().map(|entry| options.columns.of(entry.id)).collect();
    columns.sort_by(|a, b| by_number(a, b));
    columns.dedup();
    let column_of: BTreeMap<&str, usize> =
        columns.iter().enumerate().map(|(place, text)| (*text, place)).collect();

    let mut texts: BTreeMap<&str, Vec<Entry<'_>>> = BTreeMap::new();
    for entry in entries {
        texts.entry(options.rows.of(entry.id)).or_default().push(*entry);
    }
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    for (text, entries) in texts {
        for (qualifier, entries) in tell_apart(&entries, sets, options) {
            let source = entries.iter().map(|entry| entry.source).min();
            let mut cells = vec![None; columns.len()];
            for entry in entries {
                cells[column_of[options.columns.of(entry.id)]] = Some(entry);
            }
            let name = if text.is_empty() { name } else { text }.to_owned();
            drafts.push(Draft { row: Row { name, qualifier, cells: Vec::new() }, source, cells });
        }
    }
    // Namesakes stand in the order in which their sources were given.
    drafts.sort_by(|a, b| {
        by_number(&a.row.name, &b.row.name)
            .then_with(|| (a.source, &a.row.qualifier).cmp(&(b.source, &b.row.qualifier)))
    });
    let reference = reference(&drafts, options);
    if let Some(place) = reference {
        drafts[..=place].rotate_right(1);
    }
    let reference = reference.map(|_| 0);
    let rows = drafts.iter().map(|draft| draft.compared(&drafts, reference, options));
    let mut section = Section {
        name: name.to_owned(),
        columns: columns.iter().map(|text| (*text).to_owned()).collect(),
        reference,
        rows: rows.collect(),
    };
    if options.sort == Sort::Time {
        by_time(&mut section);
    }
    section
}

/// A row before its cells are compared.
struct Draft<'a> {
    row: Row,
    /// The first of the sources that its cells come from.
    source: Option<usize>,
    cells: Vec<Option<Entry<'a>>>,
}

impl Draft<'_> {
    /// The row with its ratios: to the reference's namesake of its own source if
    /// there is one, since what was measured together compares best, else to
    /// the reference itself.
    fn compared(&self, drafts: &[Draft<'_>], reference: Option<usize>, options: &Options) -> Row {
        let reference = reference.map(|place| &drafts[place]);
        let is_asked_for = |row: &Row| options.reference.as_ref() == Some(&row.title());
        let reference = reference.map(|first| {
            let namesake = |other: &&Draft<'_>| {
                other.row.name == first.row.name && other.source == self.source
            };
            let namesake = drafts.iter().find(namesake).filter(|_| !is_asked_for(&first.row));
            namesake.unwrap_or(first)
        });
        let reference = reference.filter(|other| other.row.title() != self.row.title());
        let title = reference.map(|other| other.row.title());
        let cells = self.cells.iter().enumerate().map(|(column, entry)| {
            let other = reference.and_then(|other| other.cells[column]?.known.ok());
            cell(*entry, other.zip(title.as_deref()), options.statistic)
        });
        Row { cells: cells.collect(), ..self.row.clone() }
    }
}

/// The row that was asked for, else `serial`, else the first of those that have
/// the most benchmarks: one that stands alone in its column compares nothing.
fn reference(drafts: &[Draft<'_>], options: &Options) -> Option<usize> {
    let called = |name: &str| {
        let whole = drafts.iter().position(|draft| draft.row.title() == name);
        whole.or_else(|| drafts.iter().position(|draft| draft.row.name == name))
    };
    if let Some(name) = &options.reference {
        return called(name);
    }
    let measured =
        |draft: &Draft<'_>| draft.cells.iter().flatten().filter(|e| e.known.is_ok()).count();
    let most = drafts.iter().map(measured).max();
    called("serial").or_else(|| drafts.iter().position(|draft| Some(measured(draft)) == most))
}

/// The fastest first, by the last column; a row without a time there by the
/// column before, after all that have one.
fn by_time(section: &mut Section) {
    let key = |row: &Row| {
        let timed =
            row.cells.iter().enumerate().rev().find_map(|(c, cell)| Some((c, cell.time()?)));
        timed.map_or((usize::MAX, f64::INFINITY), |(column, time)| (row.cells.len() - column, time))
    };
    let reference = section.reference.map(|place| section.rows[place].title());
    section.rows.sort_by(|a, b| {
        let ((a_column, a_time), (b_column, b_time)) = (key(a), key(b));
        a_column.cmp(&b_column).then(a_time.total_cmp(&b_time))
    });
    section.reference =
        reference.and_then(|title| section.rows.iter().position(|row| row.title() == title));
}

/// Parts benchmarks of one row text into rows without namesakes: by nothing if
/// there are none, else by their set, their group's directory, both, or their
/// whole place, whichever is the least that tells them apart.
fn tell_apart<'a>(
    entries: &[Entry<'a>],
    sets: &[Set],
    options: &Options,
) -> Vec<(Option<String>, Vec<Entry<'a>>)> {
    let label = |entry: &Entry<'_>| sets[entry.source].label.clone();
    let place = |entry: &Entry<'_>| entry.known.map_or("unreadable", |b| &b.place).to_owned();
    let both = |entry: &Entry<'_>| format!("{}, {}", label(entry), stem(entry));
    type Name<'f> = &'f dyn Fn(&Entry<'_>) -> String;
    let ways: [Option<Name<'_>>; 5] =
        [None, Some(&label), Some(&|entry| stem(entry)), Some(&both), Some(&place)];
    let mut parted: BTreeMap<Option<String>, Vec<Entry<'a>>> = BTreeMap::new();
    for way in ways {
        parted.clear();
        for entry in entries {
            parted.entry(way.map(|name| name(entry))).or_default().push(*entry);
        }
        let unique = |entries: &Vec<Entry<'_>>| {
            let columns: BTreeSet<_> = entries.iter().map(|e| options.columns.of(e.id)).collect();
            columns.len() == entries.len()
        };
        if parted.values().all(unique) {
            return parted.into_iter().collect();
        }
    }
    // What even its place does not tell apart is numbered.
    let numbered = entries.iter().enumerate();
    numbered
        .map(|(n, entry)| (Some(format!("{} #{}", place(entry), n + 1)), vec![*entry]))
        .collect()
}

/// The directory of a benchmark's group, which differs where two groups share
/// a name.
fn stem(entry: &Entry<'_>) -> String {
    let Ok(benchmark) = entry.known else { return "unreadable".into() };
    let id = entry.id;
    let below = [&id.function, &id.value].into_iter().filter(|part| !part.is_empty()).count();
    let parts: Vec<_> = benchmark.place.split('/').collect();
    parts[..parts.len().saturating_sub(below).max(1)].join("/")
}

fn cell(
    entry: Option<Entry<'_>>,
    reference: Option<(&Benchmark, &str)>,
    statistic: Option<Statistic>,
) -> Cell {
    let Some(Entry { source, known, .. }) = entry else { return Cell::Absent };
    let benchmark = match known {
        Ok(benchmark) => benchmark,
        Err(problem) => return Cell::Unreadable(problem),
    };
    let figure = statistic.unwrap_or(benchmark.typical);
    let time = benchmark.estimates.get(figure);
    let ratio = reference.and_then(|(other, title)| {
        let of_other = other.estimates.get(statistic.unwrap_or(other.typical))?;
        Some((title, ratio(benchmark, time?, other, of_other)))
    });
    Cell::Measured(Box::new(Figures {
        id: benchmark.id.clone(),
        source,
        place: benchmark.place.clone(),
        visits: benchmark.sample.len(),
        too_small: benchmark.sample.is_too_small(),
        statistic: figure,
        time,
        reference: ratio.map(|(title, _)| title.to_owned()),
        ratio: ratio.map(|(_, ratio)| ratio),
        work: benchmark.work,
    }))
}

fn ratio(subject: &Benchmark, time: Estimate, reference: &Benchmark, of: Estimate) -> Ratio {
    let rounds = subject.run.is_some() && subject.run == reference.run;
    if subject.sample.is_too_small() || reference.sample.is_too_small() {
        Ratio::Bare(time.point / of.point)
    } else if rounds && subject.sample.len() == reference.sample.len() {
        let [subject, reference] = [subject, reference].map(|b| b.sample.per_iteration());
        Ratio::Paired(ratio_estimate(&subject, &reference))
    } else {
        Ratio::Propagated(ratio_of_estimates(time, of))
    }
}
