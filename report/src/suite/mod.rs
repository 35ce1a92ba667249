//! What a topic's bench declares: workloads, the models that do them, and how
//! a result is known to be right.
//!
//! A suite is declared once and driven twice: by criterion (`cargo bench -p
//! threads`), one model after the other, and by the interleaved sampler
//! (`report run`), which visits all models of a workload in rotated rounds.
//!
//! ```
//! use report::suite::{Scale, Suite, Workload, fresh, repeat};
//!
//! fn suite(scale: Scale) -> Suite {
//!     Suite::new("lazy").workload(
//!         Workload::new("chain", "Three maps over n integers, all of the last wanted")
//!             .parameter("integers", scale.pick([1_000, 100_000], [1_000, 100_000, 1_000_000]))
//!             .elements(|n| n)
//!             .expect(|n| (0..n).map(|x| x * 6 + 1).collect::<Vec<u64>>())
//!             .model("eager", |n| {
//!                 repeat(move || {
//!                     let double: Vec<u64> = (0..n).map(|x| x * 2).collect();
//!                     let sixfold: Vec<u64> = double.iter().map(|x| x * 3).collect();
//!                     sixfold.iter().map(|x| x + 1).collect::<Vec<u64>>()
//!                 })
//!             })
//!             .model("lazy", |n| {
//!                 repeat(move || (0..n).map(|x| x * 2 * 3 + 1).collect::<Vec<u64>>())
//!             }),
//!     )
//! }
//! # let _ = suite(Scale::Quick);
//! ```
//!
//! All models of a workload return the same type and the same value: that is
//! what makes their times comparable. The first model is the baseline.

mod routine;
mod workload;

pub use crate::benchmark::Work;
pub use crate::claim::Claim;
pub use crate::description::{Description, Failure};
pub use routine::{Routine, fresh, observed, repeat, timed};
pub use workload::{Workload, refused};

pub(crate) use workload::{Erased, Running};

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::record::WorkloadRecord;

/// How much of the lecture's waiting a run takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Minutes for everything: waits are a twentieth of the lecture's, and
    /// sweeps have fewer points.
    Quick,
    /// The lecture's own numbers, waits of seconds included.
    Full,
}

impl Scale {
    /// The first list in a quick run, the second in a full one.
    pub fn pick<T, const Q: usize, const F: usize>(self, quick: [T; Q], full: [T; F]) -> Vec<T> {
        match self {
            Scale::Quick => quick.into(),
            Scale::Full => full.into(),
        }
    }

    /// One of the lecture's waits: whole in a full run, a twentieth in a quick one.
    ///
    /// ```
    /// use report::suite::Scale;
    /// use std::time::Duration;
    /// assert_eq!(Scale::Quick.wait(Duration::from_secs(1)), Duration::from_millis(50));
    /// assert_eq!(Scale::Full.wait(Duration::from_secs(1)), Duration::from_secs(1));
    /// ```
    pub fn wait(self, lecture: Duration) -> Duration {
        match self {
            Scale::Quick => lecture / 20,
            Scale::Full => lecture,
        }
    }
}

/// A topic's workloads.
pub struct Suite {
    pub(crate) topic: &'static str,
    pub(crate) workloads: Vec<Box<dyn Erased>>,
}

impl Suite {
    /// An empty suite for a topic, which is the name of its crate.
    pub fn new(topic: &'static str) -> Self {
        Self { topic, workloads: Vec::new() }
    }

    /// Adds a workload.
    ///
    /// # Panics
    /// If the suite could not be reported: the name is taken, there is no model
    /// or no parameter, parameters do not rise, or a claim names a model or a
    /// parameter that there is not, or has no rule.
    #[must_use]
    pub fn workload<Out: 'static>(mut self, workload: Workload<Out>) -> Self {
        let described = workload.description();
        let Description { workload: name, models, parameters, claims, .. } = described;
        assert!(!models.is_empty(), "workload {name} has no model");
        assert!(!parameters.is_empty(), "workload {name} has no parameter");
        assert!(parameters.is_sorted_by(|a, b| a < b), "the parameters of {name} do not rise");
        assert!(
            self.workloads.iter().all(|other| other.description().workload != *name),
            "two workloads are called {name}"
        );
        for claim in claims {
            let text = &claim.text;
            for model in [&claim.subject, &claim.reference] {
                assert!(models.contains(model), "no model {model:?} for the claim {text:?}");
            }
            let declared = claim.parameter.is_none_or(|at| parameters.contains(&at));
            assert!(declared, "the claim {text:?} is at a parameter that {name} has not");
            let ruled = claim.at_least.is_some() || claim.at_most.is_some();
            assert!(ruled, "the claim {text:?} has no rule");
        }
        self.workloads.push(Box::new(workload));
        self
    }

    /// What a workload is, to be written beside its times.
    pub(crate) fn record(&self, place: usize) -> WorkloadRecord {
        WorkloadRecord {
            topic: self.topic.into(),
            place,
            description: self.workloads[place].description().clone(),
        }
    }

    /// Forgets the workloads that the topic had once and has no more.
    pub(crate) fn forget_others(&self, root: &Path, baseline: &str) -> io::Result<()> {
        // What cannot be understood is the report's to name, not a bench's.
        let names: Vec<_> = self.workloads.iter().map(|w| &w.description().workload).collect();
        for old in WorkloadRecord::all(root, baseline, &mut Vec::new())? {
            if old.topic == self.topic && !names.contains(&&old.description.workload) {
                old.remove(root, baseline)?;
            }
        }
        Ok(())
    }
}
