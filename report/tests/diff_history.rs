//! A diff whose reference is a history: each row is judged by how far its own
//! runs lie apart.

use report::benchmark::{Benchmark, Estimates, Id, Sample, Set, Statistic};
use report::diff::{Diff, Options, Outcome, Verdict, compare};
use report::error::Error;
use report::stats::Estimate;

fn benchmark(name: &str, times: Vec<f64>) -> Benchmark {
    let point = times[0];
    let known = Estimate { point, lower: point, upper: point };
    Benchmark {
        id: Id { group: "group".into(), function: name.into(), value: String::new() },
        place: format!("group/{name}"),
        work: None,
        sample: Sample { iterations: vec![1.0; times.len()], times },
        estimates: Estimates { mean: known, median: known, slope: None },
        typical: Statistic::Mean,
        run: None,
    }
}

fn set(visits_are_runs: bool, benchmarks: Vec<Benchmark>) -> Set {
    let label = if visits_are_runs { "history" } else { "run" }.into();
    Set { label, visits_are_runs, benchmarks, ..Set::default() }
}

/// Ten runs that lie about `spread` apart.
fn runs(spread: f64) -> Vec<f64> {
    let steps = [-1.0, 0.4, 1.2, -0.3, 0.1, -1.3, 0.8, -0.6, 1.0, -0.2];
    steps.map(|step| 100.0 * (1.0 + spread * step)).into()
}

/// Thirty visits that agree with one another, whatever other runs do.
fn visits(time: f64) -> Vec<f64> {
    (0..30).map(|n| time * (1.0 + 0.002 * f64::from(n % 5))).collect()
}

fn gate(history: Vec<Benchmark>, run: Vec<Benchmark>) -> Diff {
    let options = Options { fail_above: Some(0.05), ..Options::default() };
    compare(&[set(true, history), set(false, run)], &options).expect("compared")
}

#[test]
fn a_calm_row_is_found_and_a_jumpy_one_is_not_believed() {
    let history = vec![benchmark("calm", runs(0.003)), benchmark("jumpy", runs(0.05))];
    let run = vec![benchmark("calm", visits(110.0)), benchmark("jumpy", visits(110.0))];
    let diff = gate(history, run);
    let verdict = |name: &str| {
        let rows = &diff.comparisons[0].rows;
        rows.iter().find(|row| row.id.function == name).expect("a row").verdict
    };
    assert_eq!(verdict("calm"), Verdict::Slower);
    assert_eq!(verdict("jumpy"), Verdict::CannotTell);
    assert_eq!(diff.outcome, Outcome::Regression);
    assert!(diff.comparisons[0].against_runs && diff.comparisons[0].spread.is_none());
}

/// The visits of one run agree far better than runs do; a careless interval
/// would take that for certainty.
#[test]
fn a_run_is_no_surer_than_the_runs_before_it() {
    let diff = gate(vec![benchmark("row", runs(0.02))], vec![benchmark("row", vec![103.0; 30])]);
    let row = &diff.comparisons[0].rows[0];
    let interval = row.interval.expect("an interval");
    // Student's t of nine degrees leaves 2.5 % beyond 2.26 deviations; of these
    // runs one is 1.7 % and the median of ten adds a little.
    let half = (interval.upper / interval.lower).ln() / 2.0;
    assert!((0.038..0.050).contains(&half), "{half}");
    assert_eq!(row.reference.time, 100.0 * (1.0 + 0.02 * -0.05), "the median of the runs");
    assert_ne!(diff.outcome, Outcome::Regression);
}

#[test]
fn too_few_runs_decide_nothing() {
    let history = vec![benchmark("row", vec![100.0, 100.1])];
    let diff = gate(history, vec![benchmark("row", visits(150.0))]);
    assert_eq!(diff.comparisons[0].rows[0].verdict, Verdict::TooSmall);
    assert_eq!(diff.outcome, Outcome::Inconclusive);
}

#[test]
fn a_run_is_not_compared_with_itself() {
    let history = vec![benchmark("row", vec![100.0, 103.0, 99.0])];
    let run = vec![benchmark("row", vec![103.0, 101.0, 105.0])];
    let refused = compare(&[set(true, history), set(false, run)], &Options::default());
    let Err(Error::Usage(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("itself one of the runs"), "{why}");
}

/// When nothing changed, a run is one more of the history's: among a hundred
/// diffs of thirty rows each, few may call any row changed.
#[test]
fn unchanged_runs_are_rarely_called_changed() {
    const DIFFS: u64 = 300;
    let normal = |rng: &mut fastrand::Rng| (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0;
    let alarms = (0..DIFFS).filter(|seed| {
        let mut rng = fastrand::Rng::with_seed(*seed);
        let (mut history, mut run) = (Vec::new(), Vec::new());
        for row in 0..30 {
            let spread = 0.002 * 1.2_f64.powi(row);
            let one = |rng: &mut fastrand::Rng| 100.0 * (spread * normal(rng)).exp();
            let name = row.to_string();
            history.push(benchmark(&name, (0..10).map(|_| one(&mut rng)).collect()));
            let time = one(&mut rng);
            run.push(benchmark(&name, visits(time)));
        }
        let diff = compare(&[set(true, history), set(false, run)], &Options::default());
        let rows = &diff.expect("compared").comparisons[0].rows;
        rows.iter().any(|row| matches!(row.verdict, Verdict::Slower | Verdict::Faster))
    });
    let alarms = alarms.count();
    println!("{alarms} of {DIFFS} unchanged diffs called a row changed");
    // 5 % would be 15; the chance of more than 27 is below one in a thousand.
    assert!(alarms <= 27, "{alarms} of {DIFFS}");
}
