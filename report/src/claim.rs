//! A sentence of the lecture, and the ratio of times that decides it.

use serde::{Deserialize, Serialize};

/// One claim: the ratio of two models' times at one parameter, the rule it is
/// judged by, and what was expected before anybody measured.
///
/// The rule stands in the bench, beside the work, so that it is fixed before
/// the run.
///
/// ```
/// use report::claim::Claim;
/// let claim = Claim::new(41, "ten sleeping threads take as long as one")
///     .compares("threads", "serial")
///     .at(50)
///     .at_most(0.11)
///     .predicted("0.10 on any number of cores, for sleep is not work");
/// # let _ = claim;
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Claim {
    /// Its number in the workspace's list of the lecture's claims.
    pub number: u32,
    /// What the lecture says, in its words where possible.
    pub text: String,
    /// The model whose time is divided.
    pub subject: String,
    /// The model whose time divides.
    pub reference: String,
    /// The parameter at which the ratio is taken; `None` judges the claim at
    /// every parameter, and where it flips it "depends".
    pub parameter: Option<u64>,
    /// The lowest ratio that confirms the claim, if there is a lowest.
    pub at_least: Option<f64>,
    /// The highest ratio that confirms the claim, if there is a highest.
    pub at_most: Option<f64>,
    /// With fewer cores than this the claim cannot be decided here.
    pub cores: usize,
    /// What was expected before the run, and why.
    pub prediction: String,
}

impl Claim {
    /// A claim with no rule yet.
    pub fn new(number: u32, text: impl Into<String>) -> Self {
        Self {
            number,
            text: text.into(),
            subject: String::new(),
            reference: String::new(),
            parameter: None,
            at_least: None,
            at_most: None,
            cores: 1,
            prediction: String::new(),
        }
    }

    /// The ratio is `subject`'s time over `reference`'s: below 1, the subject
    /// is the faster.
    #[must_use]
    pub fn compares(mut self, subject: impl Into<String>, reference: impl Into<String>) -> Self {
        self.subject = subject.into();
        self.reference = reference.into();
        self
    }

    /// Takes the ratio at this parameter only.
    #[must_use]
    pub fn at(mut self, parameter: u64) -> Self {
        self.parameter = Some(parameter);
        self
    }

    /// Confirmed if the ratio is at most this.
    #[must_use]
    pub fn at_most(mut self, ratio: f64) -> Self {
        self.at_most = Some(ratio);
        self
    }

    /// Confirmed if the ratio is at least this.
    #[must_use]
    pub fn at_least(mut self, ratio: f64) -> Self {
        self.at_least = Some(ratio);
        self
    }

    /// Needs this many cores to be decided.
    #[must_use]
    pub fn on_cores(mut self, cores: usize) -> Self {
        self.cores = cores;
        self
    }

    /// Says what is expected, and why, before the run.
    #[must_use]
    pub fn predicted(mut self, prediction: impl Into<String>) -> Self {
        self.prediction = prediction.into();
        self
    }
}
