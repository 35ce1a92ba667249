//! Which benchmark of one set is which of another.

use std::collections::HashMap;

use serde::Serialize;

use crate::benchmark::{Benchmark, Id, Set};

/// A benchmark that only one set has.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Named {
    /// Its names.
    pub id: Id,
    /// Its place there.
    pub place: String,
}

/// One benchmark in two sets.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) reference: &'a Benchmark,
    pub(super) subject: &'a Benchmark,
}

impl Pair<'_> {
    /// Whether both hold the same sample, bit for bit: two runs never do.
    pub(super) fn is_identical(&self) -> bool {
        let bits = |x: &[f64], y: &[f64]| {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits())
        };
        let (a, b) = (&self.reference.sample, &self.subject.sample);
        !a.is_empty() && bits(&a.times, &b.times) && bits(&a.iterations, &b.iterations)
    }

    /// Whether the subject's headline is that of a run of the reference, which
    /// is a history, bit for bit: it was not measured since.
    pub(super) fn is_one_of_the_runs(&self) -> bool {
        let headline = self.subject.headline().point;
        self.reference.sample.times.iter().any(|run| run.to_bits() == headline.to_bits())
    }
}

/// All benchmarks of two sets.
pub(super) struct Matched<'a> {
    pub(super) pairs: Vec<Pair<'a>>,
    pub(super) only_reference: Vec<Named>,
    pub(super) only_subject: Vec<Named>,
}

/// Matches by names and place; what is left, by names alone where these are
/// unique in both sets, since two trees or tools may keep the same benchmark
/// in different places.
pub(super) fn pair<'a>(reference: &'a Set, subject: &'a Set) -> Matched<'a> {
    let named =
        |benchmark: &Benchmark| Named { id: benchmark.id.clone(), place: benchmark.place.clone() };
    let count = |set: &'a Set| {
        let mut counts: HashMap<&Id, usize> = HashMap::new();
        for benchmark in &set.benchmarks {
            *counts.entry(&benchmark.id).or_default() += 1;
        }
        counts
    };
    let (here, there) = (count(reference), count(subject));
    let unique = |id: &Id| here.get(id) == Some(&1) && there.get(id) == Some(&1);
    // The place counts only where the names do not tell benchmarks apart.
    let key = |benchmark: &'a Benchmark| {
        let place = if unique(&benchmark.id) { "" } else { benchmark.place.as_str() };
        (&benchmark.id, place)
    };
    let mut others: HashMap<_, Vec<&Benchmark>> = HashMap::new();
    for benchmark in &subject.benchmarks {
        others.entry(key(benchmark)).or_default().push(benchmark);
    }
    // Of benchmarks that agree even in their place, the first meets the first.
    others.values_mut().for_each(|namesakes| namesakes.reverse());
    let (mut pairs, mut only_reference) = (Vec::new(), Vec::new());
    for benchmark in &reference.benchmarks {
        match others.get_mut(&key(benchmark)).and_then(Vec::pop) {
            Some(subject) => pairs.push(Pair { reference: benchmark, subject }),
            None => only_reference.push(named(benchmark)),
        }
    }
    let mut left: HashMap<_, usize> = others.iter().map(|(key, rest)| (*key, rest.len())).collect();
    let only_subject = subject.benchmarks.iter().rev().filter(|benchmark| {
        left.get_mut(&key(benchmark)).is_some_and(|left| {
            let is_left = *left > 0;
            *left = left.saturating_sub(1);
            is_left
        })
    });
    let mut only_subject: Vec<Named> = only_subject.map(named).collect();
    only_subject.reverse();
    Matched { pairs, only_reference, only_subject }
}
