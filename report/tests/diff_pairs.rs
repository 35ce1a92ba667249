//! A diff of two histories that were measured in turn: each pass is one ratio.

use report::benchmark::{Benchmark, Estimates, Id, Sample, Set, Statistic};
use report::diff::{Diff, Options, Outcome, Verdict, compare};
use report::stats::Estimate;

/// The moods of a machine, pass by pass: the last is twice as slow.
const MOODS: [f64; 6] = [1.0, 1.3, 0.9, 1.6, 1.1, 2.0];

/// How far ratios lie apart beside that.
const NOISE: [f64; 6] = [0.003, -0.002, 0.0, 0.004, -0.004, 0.001];

fn benchmark(name: &str, times: Vec<f64>) -> Benchmark {
    let known = Estimate { point: times[0], lower: times[0], upper: times[0] };
    Benchmark {
        id: Id { group: "group".into(), function: name.into(), value: String::new() },
        place: format!("group/{name}"),
        work: None,
        sample: Sample { iterations: vec![1.0; times.len()], times },
        estimates: Estimates { mean: known, median: known, slope: None },
        typical: Statistic::Median,
        run: None,
    }
}

fn side(label: &str, pair: Option<&str>, benchmarks: Vec<Benchmark>) -> Set {
    let name = |pair: &str| (1..=MOODS.len()).map(|pass| format!("{pair} {pass}")).collect();
    let passes = pair.map(name).unwrap_or_default();
    Set { label: label.into(), visits_are_runs: true, passes, benchmarks, ..Set::default() }
}

/// One side's passes of a row that takes 100 ns, times a factor.
fn passes(factor: f64, noise: f64) -> Vec<f64> {
    MOODS.iter().zip(NOISE).map(|(mood, x)| 100.0 * mood * factor * (1.0 + noise * x)).collect()
}

/// Rows that are slower by these factors.
fn diff(factors: &[f64], pairs: [Option<&str>; 2]) -> Diff {
    let rows = |noise: f64, factor: fn(f64) -> f64| -> Vec<Benchmark> {
        let row = |(n, x): (usize, &f64)| benchmark(&n.to_string(), passes(factor(*x), noise));
        factors.iter().enumerate().map(row).collect()
    };
    let sets = [
        side("base", pairs[0], rows(0.0, |_| 1.0)),
        side("head", pairs[1], rows(1.0, |factor| factor)),
    ];
    let options = Options { fail_above: Some(0.05), ..Options::default() };
    compare(&sets, &options).expect("compared")
}

fn verdicts(diff: &Diff) -> Vec<Verdict> {
    diff.comparisons[0].rows.iter().map(|row| row.verdict).collect()
}

#[test]
fn what_moves_both_sides_hides_nothing() {
    let pair = [Some("a pair"); 2];
    let found = diff(&[1.1, 1.0, 1.0], pair);
    assert_eq!(verdicts(&found), [Verdict::Slower, Verdict::Unchanged, Verdict::Unchanged]);
    assert_eq!(found.outcome, Outcome::Regression);
    let slower = &found.comparisons[0].rows[0];
    assert!((slower.ratio.expect("a ratio") - 1.1).abs() < 0.002);
    assert!(found.comparisons[0].in_turn);
    assert_eq!(diff(&[1.0, 1.0, 1.0], pair).outcome, Outcome::Fine);
}

/// Gosset's t of six passes; two intervals share 5 %.
#[test]
fn the_interval_is_students_of_the_passes() {
    let found = diff(&[1.0, 1.0], [Some("a pair"); 2]);
    let row = &found.comparisons[0].rows[0];
    let logs = NOISE.map(f64::ln_1p);
    let mean = logs.iter().sum::<f64>() / 6.0;
    let squares: f64 = logs.iter().map(|x| (x - mean).powi(2)).sum();
    // The quantile of Student's t with 5 degrees of freedom at 1 - 0.0125.
    let half = 3.163_381 * (squares / 5.0 / 6.0).sqrt();
    let interval = row.interval.expect("an interval");
    assert!((interval.lower.ln() - (mean - half)).abs() < 1e-8, "{interval:?}");
    assert!((interval.upper.ln() - (mean + half)).abs() < 1e-8, "{interval:?}");
}

/// Histories of two runs that had nothing to do with each other are compared
/// without regard to which run is which.
#[test]
fn only_sides_of_one_pair_are_paired() {
    for pairs in [[None; 2], [Some("a"), Some("b")], [Some("a"), None]] {
        let apart = diff(&[1.1, 1.0, 1.0], pairs);
        assert!(!apart.comparisons[0].in_turn);
        assert_eq!(verdicts(&apart), [Verdict::CannotTell; 3], "{pairs:?}");
    }
}

/// A row that one side lacks in some pass has nothing to be paired with.
#[test]
fn a_row_of_which_a_pass_is_missing_is_not_paired() {
    let rows = |rows: [Vec<f64>; 2]| {
        let [whole, cut] = rows;
        vec![benchmark("whole", whole), benchmark("cut", cut)]
    };
    let pair = Some("a pair");
    let base = side("base", pair, rows([passes(1.0, 0.0), passes(1.0, 0.0)]));
    let head = side("head", pair, rows([passes(1.1, 1.0), passes(1.1, 1.0)[1..].to_vec()]));
    let options = Options { fail_above: Some(0.05), ..Options::default() };
    let found = compare(&[base, head], &options).expect("compared");
    let verdict = |name: &str| {
        let rows = &found.comparisons[0].rows;
        rows.iter().find(|row| row.id.function == name).expect("a row").verdict
    };
    assert_eq!((verdict("whole"), verdict("cut")), (Verdict::Slower, Verdict::CannotTell));
}

/// Two of which each lacks another pass have as many, and not the same. On a machine
/// that grows slower from pass to pass they would seem to differ.
#[test]
fn passes_are_not_shifted() {
    let drift = |time: f64| (0..6).map(|pass| time * 1.1_f64.powi(pass)).collect::<Vec<_>>();
    let (base, head) = (drift(100.0), drift(100.01));
    let rows = |cut: &[f64]| vec![benchmark("cut", cut.to_vec())];
    let pair = Some("a pair");
    let sets = [side("base", pair, rows(&base[..5])), side("head", pair, rows(&head[1..]))];
    let options = Options { fail_above: Some(0.05), ..Options::default() };
    let found = compare(&sets, &options).expect("compared");
    assert_eq!(verdicts(&found), [Verdict::CannotTell]);
}

/// In a pair the machine moves neither side, so what moved all rows is the program.
#[test]
fn all_rows_may_be_slower_together() {
    let found = diff(&[1.1; 10], [Some("a pair"); 2]);
    assert_eq!(found.comparisons[0].common, None);
    assert_eq!(found.outcome, Outcome::Regression);
}
