//! The grid of a diff: a row for each benchmark, a group of columns for each
//! later set.

use std::collections::{HashMap, HashSet};

use super::{Key, name, ratio};
use crate::diff::{Diff, Interval, Row, Verdict};
use crate::document::{Cell, Column, Grid, Text, Tone};
use crate::stats::Estimate;
use crate::units;

impl Diff {
    /// Names, as they are shown, that benchmarks in more than one place have:
    /// `a/b` and `c` read like `a` and `b/c`.
    pub(super) fn namesakes(&self) -> HashSet<String> {
        let keys = self.comparisons.iter().flat_map(|comparison| {
            let one_sided = comparison.only_reference.iter().chain(&comparison.only_subject);
            let one_sided = one_sided.map(|x| (&x.id, x.place.as_str()));
            comparison.rows.iter().map(|x| (&x.id, x.place.as_str())).chain(one_sided)
        });
        let mut places: HashMap<String, &str> = HashMap::new();
        let mut namesakes = HashSet::new();
        for (id, place) in keys {
            let shown = id.to_string();
            match places.get(&shown) {
                Some(other) if *other != place => drop(namesakes.insert(shown)),
                Some(_) => {}
                None => drop(places.insert(shown, place)),
            }
        }
        namesakes
    }

    pub(super) fn grid(&self, namesakes: &HashSet<String>) -> Grid {
        let column = |head: Text, right| Column { head, right };
        let mut columns = vec![
            column("benchmark".into(), false),
            column(Text::code(self.reference.as_str()), true),
        ];
        let single = self.comparisons.len() == 1;
        for comparison in &self.comparisons {
            let name = || Text::code(comparison.subject.as_str());
            let of = |what: &str| {
                if single { Text::from(what) } else { name().then(format!(" {what}")) }
            };
            columns.extend([
                column(name(), true),
                column(of("ratio"), true),
                column(of("verdict"), false),
            ]);
        }
        let mut order: Vec<Key<'_>> = Vec::new();
        let mut found: HashMap<Key<'_>, Vec<Option<&Row>>> = HashMap::new();
        for (at, comparison) in self.comparisons.iter().enumerate() {
            for row in &comparison.rows {
                let cells = found.entry((&row.id, &row.place)).or_insert_with(|| {
                    order.push((&row.id, &row.place));
                    vec![None; self.comparisons.len()]
                });
                cells[at] = Some(row);
            }
        }
        let slowdown = |key: &Key<'_>| {
            let ratios = found[key].iter().flatten().filter_map(|row| row.ratio);
            ratios.fold(f64::NEG_INFINITY, f64::max)
        };
        order.sort_by(|a, b| slowdown(b).total_cmp(&slowdown(a)));
        let rows = order.iter().map(|key| {
            let mut cells = vec![Cell::from(name(*key, namesakes))];
            // The reference's time is the same in each, unless figures differ.
            let first = found[key].iter().flatten().next();
            cells.push(first.map_or_else(Cell::default, |row| time(row.reference.time)));
            for row in &found[key] {
                match row {
                    Some(row) => cells.extend(self.change(row)),
                    None => cells.extend(std::array::from_fn::<Cell, 3, _>(|_| Cell::default())),
                }
            }
            cells
        });
        Grid { columns, rows: rows.collect() }
    }

    /// A row's cells in a comparison: time, ratio, verdict.
    fn change(&self, row: &Row) -> [Cell; 3] {
        let text = match (row.ratio, row.interval) {
            (Some(point), Some(Interval { lower, upper })) => {
                ratio(Estimate { point, lower, upper })
            }
            (Some(point), None) => format!("×{}", units::digits(point)),
            (None, _) => "no ratio".to_owned(),
        };
        let tone = match row.verdict {
            Verdict::Slower => Tone::Bad,
            Verdict::Faster => Tone::Good,
            Verdict::Unchanged => Tone::Plain,
            Verdict::CannotTell | Verdict::TooSmall => Tone::Faint,
        };
        let word = self.word(row.verdict);
        let verdict = match row.verdict {
            _ if row.identical => Text::from("the same data"),
            Verdict::Slower | Verdict::Faster => Text::strong(word),
            _ => word.into(),
        };
        [
            time(row.subject.time),
            Cell { key: row.ratio, tone, ..Cell::from(text) },
            Cell { tone, ..Cell::from(verdict) },
        ]
    }
}

fn time(nanoseconds: f64) -> Cell {
    let text = if nanoseconds.is_finite() { units::time(nanoseconds) } else { "no time".into() };
    Cell { key: Some(nanoseconds).filter(|x| x.is_finite()), ..Cell::from(text) }
}
