//! What becomes of a claim: the whole interval of a ratio keeps its rule, or
//! breaks it, or cannot tell.

use std::fmt;

use crate::claim::Claim;
use crate::stats::{Estimate, ratio_estimate};

/// A claim and what became of it.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The claim, with its rule and prediction.
    pub claim: Claim,
    /// The ratio it was judged by and the parameter it was taken at; of
    /// several, the largest.
    pub ratio: Option<(u64, Estimate)>,
    /// What became of it.
    pub ruling: Ruling,
}

/// What a measurement says of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The whole interval keeps the rule.
    Confirmed,
    /// The whole interval breaks it.
    Refuted,
    /// It flips: what it is at each parameter.
    Depends(Vec<(u64, Ruling)>),
    /// It cannot be told here, for this reason.
    CannotTell(String),
}

impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ruling::Confirmed => f.write_str("confirmed"),
            Ruling::Refuted => f.write_str("refuted"),
            Ruling::CannotTell(why) => f.write_str(why),
            Ruling::Depends(_) => f.write_str("depends"),
        }
    }
}

/// What a claim is judged by.
pub(crate) struct Evidence<'a> {
    /// The parameters that were measured at, rising.
    pub(crate) parameters: &'a [u64],
    /// Each model that was measured, with its nanoseconds an iteration, visit by
    /// visit, at each of the parameters.
    pub(crate) models: Vec<(&'a str, Vec<Option<Vec<f64>>>)>,
    /// Whether models were visited in the same rounds.
    pub(crate) paired: bool,
    /// Cores of the machine.
    pub(crate) cores: usize,
}

/// Judges one claim.
pub(crate) fn judge(claim: &Claim, evidence: &Evidence<'_>) -> Verdict {
    let cannot = |why: String| Verdict {
        claim: claim.clone(),
        ratio: None,
        ruling: Ruling::CannotTell(why),
    };
    if !evidence.paired {
        return cannot("criterion measured the models one after the other".into());
    }
    let times = |name: &str| evidence.models.iter().find(|(model, _)| *model == name);
    let (subject, reference) = match (times(&claim.subject), times(&claim.reference)) {
        (Some((_, subject)), Some((_, reference))) => (subject, reference),
        (None, _) => return cannot(format!("{} was not measured", claim.subject)),
        (_, None) => return cannot(format!("{} was not measured", claim.reference)),
    };
    let columns = evidence.parameters.iter().zip(subject.iter().zip(reference));
    let asked = columns.filter(|(p, _)| claim.parameter.is_none_or(|asked| asked == **p));
    let ratios: Vec<(u64, Option<Estimate>)> = asked
        .map(|(parameter, (subject, reference))| {
            let times = subject.as_ref().zip(reference.as_ref());
            // A file that was cut short may still be valid: it has no such rounds.
            let rounds = times.filter(|(subject, reference)| subject.len() == reference.len());
            (*parameter, rounds.map(|(subject, reference)| ratio_estimate(subject, reference)))
        })
        .collect();
    let ruling = if evidence.cores < claim.cores {
        let (needed, cores) = (claim.cores, evidence.cores);
        Ruling::CannotTell(format!("it takes {needed} cores, and here are {cores}"))
    } else {
        rule_all(claim, &ratios)
    };
    let measured = ratios.iter().rev().find_map(|(p, ratio)| Some((*p, (*ratio)?)));
    Verdict { claim: claim.clone(), ratio: measured, ruling }
}

/// Judges a claim at each of its parameters. It depends only if it is confirmed
/// at one and refuted at another; where one of several cannot be told, neither
/// can the whole.
fn rule_all(claim: &Claim, ratios: &[(u64, Option<Estimate>)]) -> Ruling {
    let rulings: Vec<(u64, Ruling)> = ratios
        .iter()
        .map(|(parameter, ratio)| {
            let unmeasured = || Ruling::CannotTell("not measured".into());
            (*parameter, ratio.map_or_else(unmeasured, |ratio| rule(claim, ratio)))
        })
        .collect();
    let any = |wanted: &Ruling| rulings.iter().any(|(_, ruling)| ruling == wanted);
    match rulings.as_slice() {
        [] => Ruling::CannotTell("not measured".into()),
        [(_, only)] => only.clone(),
        [(_, first), ..] if rulings.iter().all(|(_, ruling)| ruling == first) => first.clone(),
        _ if any(&Ruling::Confirmed) && any(&Ruling::Refuted) => Ruling::Depends(rulings),
        _ => {
            let told: Vec<_> =
                rulings.iter().map(|(p, ruling)| format!("{ruling} at {p}")).collect();
            Ruling::CannotTell(told.join(", "))
        }
    }
}

/// Judges a ratio: the whole interval must keep the rule, or break it.
fn rule(claim: &Claim, Estimate { lower, upper, .. }: Estimate) -> Ruling {
    let least = claim.at_least.unwrap_or(f64::NEG_INFINITY);
    let most = claim.at_most.unwrap_or(f64::INFINITY);
    if least <= lower && upper <= most {
        Ruling::Confirmed
    } else if upper < least || most < lower {
        Ruling::Refuted
    } else {
        Ruling::CannotTell("the interval straddles the rule".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Claim {
        Claim::new(1, "it is faster").compares("fast", "serial").at_most(0.9)
    }

    fn judged(subject: Vec<f64>, reference: Vec<f64>) -> Verdict {
        let models = vec![("fast", vec![Some(subject)]), ("serial", vec![Some(reference)])];
        judge(&claim(), &Evidence { parameters: &[1], models, paired: true, cores: 2 })
    }

    #[test]
    fn a_model_that_lost_visits_is_not_judged() {
        let whole = vec![1.0; 9];
        let verdict = judged(whole.clone(), vec![2.0; 8]);
        assert_eq!(
            (verdict.ratio, &verdict.ruling),
            (None, &Ruling::CannotTell("not measured".into()))
        );
        assert_eq!(judged(whole, vec![2.0; 9]).ruling, Ruling::Confirmed);
    }
}
