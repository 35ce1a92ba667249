//! A diff as a table for spreadsheets.

use super::{Diff, Named, Verdict};

const HEAD: [&str; 16] = [
    "reference",
    "subject",
    "group",
    "function",
    "value",
    "place",
    "statistic",
    "reference_ns",
    "subject_ns",
    "reference_visits",
    "subject_visits",
    "ratio",
    "lower",
    "upper",
    "verdict",
    "problem",
];

impl Diff {
    /// Comma-separated values, RFC 4180: one line for each row of each
    /// comparison, times in nanoseconds an iteration, figures in full. What is
    /// not known is empty; rows on one side are `only_reference` or
    /// `only_subject`. Below them, with the last column filled, a line for each
    /// problem and warning.
    pub fn csv(&self) -> String {
        let mut sheet = csv::Writer::from_writer(Vec::new());
        let mut write = |fields: [String; HEAD.len()]| {
            sheet.write_record(&fields).expect("memory takes every record of one length");
        };
        write(HEAD.map(str::to_owned));
        let figure = |x: Option<f64>| {
            x.filter(|x| x.is_finite()).map_or_else(String::new, |x| x.to_string())
        };
        for comparison in &self.comparisons {
            let sets = [self.reference.clone(), comparison.subject.clone()];
            for row in &comparison.rows {
                let [reference, subject] = sets.clone();
                write([
                    reference,
                    subject,
                    row.id.group.clone(),
                    row.id.function.clone(),
                    row.id.value.clone(),
                    row.place.clone(),
                    row.statistic.to_string(),
                    figure(Some(row.reference.time)),
                    figure(Some(row.subject.time)),
                    row.reference.visits.to_string(),
                    row.subject.visits.to_string(),
                    figure(row.ratio),
                    figure(row.interval.map(|x| x.lower)),
                    figure(row.interval.map(|x| x.upper)),
                    row.verdict.word().to_owned(),
                    String::new(),
                ]);
            }
            let sides = [
                ("only_reference", &comparison.only_reference),
                ("only_subject", &comparison.only_subject),
            ];
            for (word, Named { id, place }) in
                sides.into_iter().flat_map(|(word, side)| side.iter().map(move |x| (word, x)))
            {
                let [reference, subject] = sets.clone();
                let mut fields = [const { String::new() }; HEAD.len()];
                fields[..6].clone_from_slice(&[
                    reference,
                    subject,
                    id.group.clone(),
                    id.function.clone(),
                    id.value.clone(),
                    place.clone(),
                ]);
                fields[HEAD.len() - 2] = word.to_owned();
                write(fields);
            }
        }
        let problems = self.problems.iter().map(|x| (x.set.as_str(), x.what.as_str()));
        let warnings = self.warnings.iter().map(|warning| ("", warning.as_str()));
        for (set, what) in problems.chain(warnings) {
            let mut fields = [const { String::new() }; HEAD.len()];
            let side = usize::from(set != self.reference);
            fields[side] = set.to_owned();
            fields[HEAD.len() - 1] = what.to_owned();
            write(fields);
        }
        let bytes = sheet.into_inner().expect("memory takes every record");
        String::from_utf8(bytes).expect("every field is a string")
    }
}

impl Verdict {
    /// The word that machines read, the same as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Slower => "slower",
            Verdict::Faster => "faster",
            Verdict::Unchanged => "unchanged",
            Verdict::CannotTell => "cannot_tell",
            Verdict::TooSmall => "too_small",
        }
    }
}
