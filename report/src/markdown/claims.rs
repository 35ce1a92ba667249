//! The lecture's claims as a table: ratio, rule, prediction, verdict.

use std::fmt::Write;

use super::text;
use crate::comparison::{Comparison, Ruling, Source, Table, Verdict};
use crate::description::is_python;
use crate::record::Run;
use crate::units::{count, digits, ratio_interval};

pub(super) fn claims(out: &mut String, comparison: &Comparison) {
    let (left_out, verdicts): (Vec<_>, Vec<(&Table, &Verdict)>) = comparison
        .tables()
        .flat_map(|table| table.verdicts.iter().map(move |verdict| (table, verdict)))
        .partition(|(table, verdict)| needs_python(verdict, table, comparison));
    let left_out = left_out.len();
    if verdicts.is_empty() {
        return;
    }
    out.push_str(
        "## The lecture's claims\n\n\
         Rule and prediction stood in the bench before the run. A claim is confirmed or refuted \
         only if the whole 95 % interval is on one side of the rule; it depends if it is confirmed \
         at one parameter and refuted at another, and the ratio shown is that of the largest it is judged at. \
         Claims of one number test one sentence of the lecture.\n\n\
         | Claim | Measured | Rule | Prediction | Verdict |\n|---|---|---|---|---|\n",
    );
    for (table, Verdict { claim, ratio, ruling }) in verdicts {
        let measured = ratio.map_or_else(
            || "–".into(),
            |(parameter, ratio)| format!("{} at {}", ratio_interval(ratio), count(parameter)),
        );
        let _ = writeln!(
            out,
            "| {}. {} ({}) | {measured} | `{}` / `{}` {} | {} | {} |",
            claim.number,
            text(&claim.text),
            table.group,
            claim.subject,
            claim.reference,
            rule(claim.at_least, claim.at_most),
            text(&claim.prediction),
            verdict(ruling),
        );
    }
    out.push('\n');
    if left_out > 0 {
        let more =
            if left_out == 1 { "1 more claim is" } else { &format!("{left_out} more claims are") };
        let _ = writeln!(
            out,
            "{more} about Python, which was not measured: {PYTHON_COMMAND} \
             decides.\n"
        );
    }
}

const PYTHON_COMMAND: &str = "`cargo run --release -p report -- run --python`";

/// Whether a verdict is missing only because Python was not measured.
fn needs_python(verdict: &Verdict, table: &Table, comparison: &Comparison) -> bool {
    let Verdict { claim, ratio, .. } = verdict;
    let about_python = is_python(&claim.subject) || is_python(&claim.reference);
    let of = |run: &&Run| table.source == Source::Interleaved(run.id.clone());
    let had_python = comparison.runs.iter().find(of).is_some_and(|run| run.python.is_ok());
    about_python && ratio.is_none() && !had_python
}

fn verdict(ruling: &Ruling) -> String {
    match ruling {
        Ruling::Confirmed => "**confirmed**".into(),
        Ruling::Refuted => "**refuted**".into(),
        Ruling::CannotTell(why) => format!("cannot tell here: {}", text(why)),
        Ruling::Depends(rulings) => {
            let told = |(parameter, ruling): &(u64, Ruling)| {
                let what = match ruling {
                    Ruling::CannotTell(_) => "cannot tell".into(),
                    known => known.to_string(),
                };
                format!("{what} at {}", count(*parameter))
            };
            let all: Vec<_> = rulings.iter().map(told).collect();
            format!("**depends**: {}", all.join(", "))
        }
    }
}

fn rule(at_least: Option<f64>, at_most: Option<f64>) -> String {
    match (at_least, at_most) {
        (Some(least), Some(most)) => format!("from {} to {}", digits(least), digits(most)),
        (Some(least), None) => format!("≥ {}", digits(least)),
        (None, Some(most)) => format!("≤ {}", digits(most)),
        (None, None) => "has no rule".into(),
    }
}
