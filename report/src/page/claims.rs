//! The lecture's claims as a table: ratio, rule, prediction, verdict.

use super::{columns, keyed};
use crate::claim::Claim;
use crate::comparison::{Comparison, Source, Table};
use crate::description::needs_python;
use crate::document::{self, Block, Document, Grid, Text, Tone};
use crate::record::Run;
use crate::units::{count, digits, ratio_interval};
use crate::verdict::{Ruling, Verdict};

pub(super) fn claims(page: &mut Document, comparison: &Comparison) {
    let (left_out, verdicts): (Vec<_>, Vec<(&Table, &Verdict)>) = comparison
        .tables()
        .flat_map(|table| table.verdicts.iter().map(move |verdict| (table, verdict)))
        .partition(|(table, verdict)| lacks_python(verdict, table, comparison));
    let left_out = left_out.len();
    if verdicts.is_empty() {
        return;
    }
    page.heading(2, "The lecture's claims");
    page.paragraph(
        "Rule and prediction stood in the bench before the run. A claim is confirmed or refuted \
         only if the whole 95 % interval is on one side of the rule; it depends if it is confirmed \
         at one parameter and refuted at another, and the ratio shown is that of the largest it is \
         judged at. Claims of one number test one sentence of the lecture.",
    );
    let heads = ["Claim", "Measured", "Rule", "Prediction", "Verdict"];
    let rows = verdicts.into_iter().map(|(table, verdict)| row(table, verdict)).collect();
    page.blocks.push(Block::Grid(Grid { columns: columns(&heads, &[]), rows }));
    if left_out > 0 {
        let more =
            if left_out == 1 { "1 more claim is" } else { &format!("{left_out} more claims are") };
        page.paragraph(Text::prose(&format!(
            "{more} about Python, which was not measured: {PYTHON_COMMAND} decides."
        )));
    }
}

const PYTHON_COMMAND: &str = "`cargo run --release -p report -- run --python`";

fn row(table: &Table, Verdict { claim, ratio, ruling }: &Verdict) -> Vec<document::Cell> {
    let Claim { number, text, subject, reference, prediction, .. } = claim;
    let told = Text::prose(&format!("{number}. {text}")).then(format!(" ({})", table.group));
    let measured = ratio.map_or_else(
        || "–".into(),
        |(parameter, ratio)| {
            let told = format!("{} at {}", ratio_interval(ratio), count(parameter));
            keyed(told.into(), ratio.point)
        },
    );
    let models = Text::code(subject.as_str()).then(" / ").then(Text::code(reference.as_str()));
    vec![
        keyed(told, f64::from(*number)),
        measured,
        models.then(format!(" {}", rule(claim.at_least, claim.at_most))).into(),
        Text::prose(prediction).into(),
        verdict(ruling),
    ]
}

/// Whether a verdict is missing only because Python was not measured.
fn lacks_python(verdict: &Verdict, table: &Table, comparison: &Comparison) -> bool {
    let Verdict { claim, ratio, .. } = verdict;
    let about_python = [&claim.subject, &claim.reference].into_iter().any(|of| needs_python(of));
    let of = |run: &&Run| table.source == Source::Interleaved(run.id.clone());
    let had_python = comparison.runs.iter().find(of).is_some_and(|run| run.python.is_ok());
    about_python && ratio.is_none() && !had_python
}

fn verdict(ruling: &Ruling) -> document::Cell {
    let (words, tone): (Text, Tone) = match ruling {
        Ruling::Confirmed => (Text::strong("confirmed"), Tone::Good),
        Ruling::Refuted => (Text::strong("refuted"), Tone::Bad),
        Ruling::CannotTell(why) => (format!("cannot tell here: {why}").into(), Tone::Faint),
        Ruling::Depends(rulings) => {
            let told = |(parameter, ruling): &(u64, Ruling)| {
                let what = match ruling {
                    Ruling::CannotTell(_) => "cannot tell".into(),
                    known => known.to_string(),
                };
                format!("{what} at {}", count(*parameter))
            };
            let all: Vec<_> = rulings.iter().map(told).collect();
            (Text::strong("depends").then(format!(": {}", all.join(", "))), Tone::Plain)
        }
    };
    document::Cell { tone, ..words.into() }
}

fn rule(at_least: Option<f64>, at_most: Option<f64>) -> String {
    match (at_least, at_most) {
        (Some(least), Some(most)) => format!("from {} to {}", digits(least), digits(most)),
        (Some(least), None) => format!("≥ {}", digits(least)),
        (None, Some(most)) => format!("≤ {}", digits(most)),
        (None, None) => "has no rule".into(),
    }
}
