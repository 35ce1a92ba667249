//! What must be known of two sets before their rows are compared.

use super::pairing::{Matched, Pair};
use crate::benchmark::Set;
use crate::error::Error;
use crate::machine;

/// Refuses what cannot be compared.
pub(super) fn refuse(reference: &Set, subject: &Set, matched: &Matched<'_>) -> Result<(), Error> {
    let (a, b, pairs) = (&reference.label, &subject.label, &matched.pairs);
    if pairs.is_empty() {
        let counts = [reference, subject].map(|set| set.benchmarks.len());
        let broken = reference.problems.len() + subject.problems.len();
        let broken =
            if broken == 0 { String::new() } else { format!("; {broken} could not be read") };
        return Err(Error::Usage(format!(
            "{a:?} and {b:?} have no benchmark in common: the first has {}, the second {}{broken}",
            counts[0], counts[1]
        )));
    }
    if pairs.iter().all(Pair::is_identical) {
        return Err(Error::Usage(format!(
            "{a:?} and {b:?} hold the very same samples in all {} benchmarks, so one is a copy of \
             the other: after each run plain `cargo bench` copies `new` over `base`. Save each run \
             under a name of its own, with `cargo bench -- --save-baseline before` and later \
             `--save-baseline after`, and compare those",
            pairs.len()
        )));
    }
    if reference.visits_are_runs && pairs.iter().all(Pair::is_one_of_the_runs) {
        return Err(Error::Usage(format!(
            "{b:?} is itself one of the runs of {a:?}: compare a run before it is added to the \
             history"
        )));
    }
    Ok(())
}

/// A warning if the two were measured on machines that differ in what moves
/// times; commits are meant to differ.
pub(super) fn machines(reference: &Set, subject: &Set) -> Option<String> {
    let (a, b) = (reference.machine.as_ref()?, subject.machine.as_ref()?);
    let gibibytes = |bytes: u64| (bytes as f64 / f64::from(1 << 30)).round();
    let fields = [
        ("processor", a.cpu.clone(), b.cpu.clone()),
        ("cores", a.cores.to_string(), b.cores.to_string()),
        ("memory", format!("{} GiB", gibibytes(a.memory)), format!("{} GiB", gibibytes(b.memory))),
        ("kernel", a.kernel.clone(), b.kernel.clone()),
        ("compiler", a.rustc.clone(), b.rustc.clone()),
    ];
    // What nobody recorded says nothing: other tools record less.
    let unknown = |text: &str| text == machine::unknown() || text.starts_with('0');
    let differences: Vec<String> = fields
        .into_iter()
        .filter(|(_, a, b)| a != b && !unknown(a) && !unknown(b))
        .map(|(what, a, b)| format!("{what} {a} against {b}"))
        .collect();
    (!differences.is_empty()).then(|| {
        format!(
            "{} and {} were measured on machines that differ: {}. A ratio then tells of both the \
             program and the machine.",
            reference.label,
            subject.label,
            differences.join("; ")
        )
    })
}
