//! Thousands of invented histories, and whether the scheduler is right about
//! every one of them; and whether we would notice if it were not.

mod events;
mod history;
mod model;
mod reference;
mod work;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use super::planted::Planted;
use super::{Fifo, Locality, Random, Scheduler};
use history::{Happening, history};
use model::{Check, Model};

/// The length of a history at most, to which the driver adds its end.
const LONGEST: usize = 60;

/// How many histories are invented for each policy, unless `PROPTEST_CASES`
/// says otherwise.
const HISTORIES: u32 = 3400;

#[derive(Clone, Copy, Debug)]
enum Chosen {
    Locality,
    Fifo,
    Random,
}

const POLICIES: [Chosen; 3] = [Chosen::Locality, Chosen::Fifo, Chosen::Random];

fn scheduler(policy: Chosen, allowed_failures: u32) -> Scheduler {
    match policy {
        Chosen::Locality => Scheduler::new(Locality, allowed_failures),
        Chosen::Fifo => Scheduler::new(Fifo, allowed_failures),
        Chosen::Random => Scheduler::new(Random::new(7), allowed_failures),
    }
}

/// The property: whatever happens, each event brings the outcomes that the
/// reference expects and no others, every action can be carried out, every
/// invariant holds, and in the end all is done and nothing is left.
fn is_right(policy: Chosen, planted: Option<Planted>, history: &[Happening]) -> Check {
    let mut model = Model::new(scheduler(policy, 1), planted);
    history.iter().try_for_each(|happening| model.happens(happening))?;
    model.run_to_the_end()
}

fn histories(policy: Chosen) {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = HISTORIES;
    }
    let outcome = TestRunner::new(config).run(&history(LONGEST), |history| {
        is_right(policy, None, &history).map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn every_history_under_locality_is_right() {
    histories(Chosen::Locality);
}

#[test]
fn every_history_under_fifo_is_right() {
    histories(Chosen::Fifo);
}

#[test]
fn every_history_under_random_is_right() {
    histories(Chosen::Random);
}

proptest! {
    #![proptest_config(Config::with_cases(200))]

    #[test]
    fn the_same_history_gives_the_same_actions(history in history(LONGEST)) {
        for policy in POLICIES {
            let run = || {
                let mut model = Model::new(scheduler(policy, 1), None);
                let ended = history.iter().try_for_each(|happening| model.happens(happening));
                (ended, format!("{:?} {:?}", model.workers, model.finished))
            };
            prop_assert_eq!(run(), run());
        }
    }
}

/// The property would hold if nothing ever happened, so everything has to.
#[test]
fn histories_leave_nothing_out() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..500 {
        let tree = history(LONGEST).new_tree(&mut runner).expect("a history");
        let mut model = Model::new(scheduler(Chosen::Locality, 1), None);
        tree.current().iter().try_for_each(|happening| model.happens(happening)).expect("right");
        model.run_to_the_end().expect("right");
        for (kind, count) in model.seen {
            *seen.entry(kind).or_default() += count;
        }
    }
    println!("{seen:?}");
    let kinds = [
        "Assign",
        "Recall",
        "Revoke",
        "Free",
        "Secure",
        "Dismiss",
        "Finish Returned",
        "Finish Failed",
        "Finish Killed",
        "Finish Cancelled",
        "Finish Expired",
        "Finish DependencyFailed",
        "Gone Lost",
        "Gone Killed",
        "Gone Failed",
        "Gone DependencyFailed",
        "Gone Cancelled",
    ];
    for kind in kinds {
        assert!(seen.get(kind).is_some_and(|count| *count >= 3), "{kind}: {seen:?}");
    }
}

/// After how many histories a planted bug is found, and by what.
fn found(planted: Planted) -> Option<(u32, String)> {
    let config =
        Config { cases: 3000, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    // The same histories each time, so that this is found always or never.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let tried = std::cell::Cell::new(0);
    let outcome = runner.run(&history(LONGEST), |history| {
        tried.set(tried.get() + 1);
        is_right(Chosen::Locality, Some(planted), &history).map_err(TestCaseError::fail)
    });
    match outcome {
        Err(TestError::Fail(reason, _)) => Some((tried.get(), reason.to_string())),
        _ => None,
    }
}

#[test]
fn every_planted_bug_is_found() {
    let bugs = [
        Planted::LineageForgotten,
        Planted::IdleDeathsCount,
        Planted::EagerFree,
        Planted::FinishTwice,
        Planted::AssumedRecall,
        Planted::RecalledLost,
    ];
    for bug in bugs {
        let (histories, reason) = found(bug).unwrap_or_else(|| panic!("{bug:?} is not found"));
        println!("{bug:?} is found by history {histories}: {reason:.120}");
    }
}
