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
    (0..30).map(|n| time * (1.0 + 0.002 * f64::from(n % 5 - 2))).collect()
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
    let page = format!("{:?}", diff.document());
    assert!(page.contains("the history has 2 runs; three are needed"), "{page}");
    assert!(!page.contains("--quick"), "{page}");
}

#[test]
fn a_run_is_not_compared_with_itself() {
    let history = vec![benchmark("row", vec![100.0, 103.0, 99.0])];
    let run = vec![benchmark("row", vec![103.0, 101.0, 105.0])];
    let refused = compare(&[set(true, history), set(false, run)], &Options::default());
    let Err(Error::Usage(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("itself one of the runs"), "{why}");
}

/// A prediction interval misses as often as its tail says, however few runs
/// there are: the freedom of the two errors that come from the same runs is not
/// added up.
#[test]
fn prediction_intervals_hold_the_next_run() {
    const ROWS: usize = 34;
    const DIFFS: u64 = 400;
    let normal = |rng: &mut fastrand::Rng| (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0;
    for runs in [3, 5, 10] {
        let missed: usize = (0..DIFFS)
            .map(|seed| {
                let mut rng = fastrand::Rng::with_seed(seed << 8 | runs);
                let one = |rng: &mut fastrand::Rng| 100.0 * (0.02 * normal(rng)).exp();
                let (mut history, mut run) = (Vec::new(), Vec::new());
                for row in 0..ROWS {
                    let name = row.to_string();
                    history.push(benchmark(&name, (0..runs).map(|_| one(&mut rng)).collect()));
                    run.push(benchmark(&name, vec![one(&mut rng); 30]));
                }
                let diff = compare(&[set(true, history), set(false, run)], &Options::default());
                let rows = &diff.expect("compared").comparisons[0].rows;
                let holds = |row: &report::diff::Row| {
                    row.interval.is_some_and(|x| x.lower <= 1.0 && 1.0 <= x.upper)
                };
                rows.iter().filter(|row| !holds(row)).count()
            })
            .sum();
        // 5 % of the diffs would be 20 rows; more than 34 come once in 600 times.
        println!("{runs} runs: {missed} rows of {DIFFS} diffs missed");
        assert!(missed <= 34, "{runs} runs: {missed}");
    }
}

/// Where the run's own visits are the less sure, their freedom counts.
#[test]
fn a_wild_run_is_as_unsure_as_its_own_visits() {
    let wild: Vec<f64> = (0..5).map(|n| 100.0 + 10.0 * f64::from(n % 3)).collect();
    let diff = gate(vec![benchmark("row", runs(0.0001))], vec![benchmark("row", wild)]);
    let interval = diff.comparisons[0].rows[0].interval.expect("an interval");
    // The error is some 4 %, and Student's t of four degrees 2.78.
    assert!((interval.upper / interval.lower).ln() / 2.0 > 0.08, "{interval:?}");
}

/// Forty rows in ten runs, of which one in twenty-five jumps: the first jump of
/// a row that has been calm is nothing that the others have not done.
#[test]
fn a_first_jump_is_no_regression_where_rows_jump() {
    let suite = |jumping: usize| {
        let mut rng = fastrand::Rng::with_seed(7);
        let rows = (0..40).map(|row| {
            let mut times: Vec<f64> =
                runs(0.01).into_iter().map(|x| x * (0.99 + 0.02 * rng.f64())).collect();
            if row < jumping {
                times[row % 10] *= 1.0 + 0.3 * (1 + row % 3) as f64;
            }
            benchmark(&row.to_string(), times)
        });
        rows.collect::<Vec<_>>()
    };
    let run = || -> Vec<Benchmark> {
        let time = |row: usize| if row == 39 { 130.0 } else { 100.5 };
        (0..40).map(|row| benchmark(&row.to_string(), visits(time(row)))).collect()
    };
    let calm = gate(suite(0), run());
    assert_eq!(calm.outcome, Outcome::Regression, "nothing else has jumped");
    assert_eq!(calm.comparisons[0].jumps, None);
    let jumpy = gate(suite(16), run());
    assert!(jumpy.comparisons[0].jumps.is_some_and(|units| units > 10.0));
    assert_eq!(jumpy.outcome, Outcome::Inconclusive);
    assert!(format!("{:?}", jumpy.document()).contains("rows of this history jump"));
}

/// A change some runs ago makes the gate blind, which must be said.
#[test]
fn a_step_in_the_history_is_told() {
    let mut stepped = runs(0.004);
    stepped[5..].iter_mut().for_each(|time| *time *= 1.2);
    let history = vec![benchmark("stepped", stepped), benchmark("calm", runs(0.004))];
    let run = vec![benchmark("stepped", visits(130.0)), benchmark("calm", visits(100.0))];
    let diff = gate(history, run);
    assert_eq!(diff.comparisons[0].two_levels, 1);
    let page = format!("{:?}", diff.document());
    assert!(page.contains("fall into two levels in 1 row\""), "{page}");
}

/// A row that still has the headline of an earlier run was not measured anew.
#[test]
fn a_stale_row_is_not_judged() {
    let history = vec![benchmark("stale", runs(0.003)), benchmark("fresh", runs(0.003))];
    let last = runs(0.003)[9];
    let run = vec![benchmark("stale", vec![last; 30]), benchmark("fresh", visits(100.0))];
    let diff = gate(history, run);
    let row = diff.comparisons[0].rows.iter().find(|row| row.id.function == "stale");
    let row = row.expect("a row");
    assert!(row.identical && row.interval.is_none() && diff.method.intervals == 1, "{row:?}");
    assert_eq!(diff.outcome, Outcome::Fine);
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
