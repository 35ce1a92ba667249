//! Diffs with known answers, and data that would break a careless one.

use report::benchmark::{Benchmark, Estimates, Id, Problem, Sample, Set, Statistic};
use report::diff::{Options, Outcome, Verdict, compare};
use report::document::Block;
use report::error::Error;
use report::machine::Machine;
use report::stats::Estimate;

/// A benchmark whose visits take about `time`, spread evenly over 4 %; `seed`
/// tells runs apart.
fn benchmark(name: &str, time: f64, visits: usize, seed: u64) -> Benchmark {
    let mut rng = fastrand::Rng::with_seed(seed ^ name.bytes().map(u64::from).sum::<u64>() << 20);
    let times = (0..visits).map(|_| time * (0.98 + 0.04 * rng.f64())).collect();
    of(name, Sample { iterations: vec![1.0; visits], times })
}

fn of(name: &str, sample: Sample) -> Benchmark {
    let known = Estimate { point: 1.0, lower: 1.0, upper: 1.0 };
    Benchmark {
        id: Id { group: "group".into(), function: name.into(), value: String::new() },
        place: format!("group/{name}"),
        work: None,
        sample,
        estimates: Estimates { mean: known, median: known, slope: None },
        typical: Statistic::Mean,
        run: None,
    }
}

fn set(label: &str, benchmarks: Vec<Benchmark>) -> Set {
    Set { label: label.into(), benchmarks, ..Set::default() }
}

fn gate() -> Options {
    Options { fail_above: Some(0.05), ..Options::default() }
}

fn usage(sets: &[Set]) -> String {
    match compare(sets, &Options::default()) {
        Err(Error::Usage(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_planted_regression_is_found_and_nothing_else() {
    let names = ["a", "b", "c", "d", "e"];
    let before = set("before", names.map(|name| benchmark(name, 100.0, 50, 1)).into());
    let after = names.map(|name| benchmark(name, if name == "c" { 120.0 } else { 100.0 }, 50, 2));
    let after = set("after", after.into());
    let diff = compare(&[before, after], &gate()).unwrap();
    let rows = &diff.comparisons[0].rows;
    assert_eq!(diff.outcome, Outcome::Regression);
    assert_eq!((rows[0].id.function.as_str(), rows[0].verdict), ("c", Verdict::Slower));
    assert!(rows[1..].iter().all(|row| row.verdict == Verdict::Unchanged), "{rows:?}");
    let interval = rows[0].interval.unwrap();
    assert!(interval.lower > 1.17 && interval.upper < 1.23 && rows[0].resampled, "{interval:?}");
    let mean = diff.comparisons[0].geometric_mean.unwrap().point;
    let product: f64 = rows.iter().map(|row| row.ratio.unwrap()).product();
    assert!((mean - product.powf(0.2)).abs() < 1e-12);
}

#[test]
fn a_speedup_is_no_regression() {
    let before = set("before", vec![benchmark("a", 100.0, 30, 1)]);
    let after = set("after", vec![benchmark("a", 80.0, 30, 2)]);
    let diff = compare(&[before, after], &gate()).unwrap();
    assert_eq!(diff.outcome, Outcome::Fine);
    assert_eq!(diff.comparisons[0].rows[0].verdict, Verdict::Faster);
}

/// The true change is on the threshold, so it must lie inside the interval.
#[test]
fn a_threshold_inside_an_interval_is_inconclusive() {
    let before = set("before", vec![benchmark("a", 100.0, 10, 1)]);
    let after = set("after", vec![benchmark("a", 105.0, 10, 2)]);
    let diff = compare(&[before.clone(), after.clone()], &gate()).unwrap();
    assert_eq!(diff.outcome, Outcome::Inconclusive);
    assert_eq!(diff.comparisons[0].rows[0].verdict, Verdict::CannotTell);
    // Without a threshold the same row is slower, and nothing fails.
    let diff = compare(&[before, after], &Options::default()).unwrap();
    assert_eq!(diff.outcome, Outcome::Fine);
    assert_eq!(diff.comparisons[0].rows[0].verdict, Verdict::Slower);
}

#[test]
fn two_visits_neither_pass_nor_fail() {
    let quick = |time: f64, seed: u64| benchmark("quick", time, 2, seed);
    let long = |seed: u64| benchmark("long", 100.0, 50, seed);
    let alone =
        compare(&[set("a", vec![quick(1.0, 1)]), set("b", vec![quick(9.0, 2)])], &gate()).unwrap();
    assert_eq!(alone.outcome, Outcome::Inconclusive);
    let row = &alone.comparisons[0].rows[0];
    assert_eq!((row.verdict, row.interval), (Verdict::TooSmall, None));
    assert!(row.ratio.unwrap() > 8.0);
    let a = set("a", vec![quick(1.0, 1), long(1)]);
    let b = set("b", vec![quick(9.0, 2), long(2)]);
    let diff = compare(&[a, b], &gate()).unwrap();
    assert_eq!(diff.outcome, Outcome::Inconclusive);
    let page = format!("{:?}", diff.document());
    assert!(page.contains("1 benchmark can neither pass nor fail (fewer than 3 visits"), "{page}");
}

/// Copies are told and left alone: they are no evidence of anything.
#[test]
fn copied_rows_are_no_evidence() {
    let quick = |seed: u64| benchmark("quick", 1.0, 2, seed);
    let copy = || benchmark("copy", 1.0, 9, 1);
    let halves =
        |seed: u64, time: f64| [benchmark("x", time, 30, seed), benchmark("y", time, 30, seed)];
    let diff =
        compare(&[set("a", vec![copy(), quick(1)]), set("b", vec![copy(), quick(2)])], &gate());
    assert_eq!(diff.unwrap().outcome, Outcome::Inconclusive);
    let (mut a, mut b) = (Vec::from(halves(1, 200.0)), Vec::from(halves(2, 100.0)));
    a.push(copy());
    b.push(copy());
    let diff = compare(&[set("a", a), set("b", b)], &gate()).unwrap();
    let mean = diff.comparisons[0].geometric_mean.unwrap().point;
    assert!((mean - 0.5).abs() < 0.02, "{mean}");
    assert_eq!(diff.outcome, Outcome::Fine);
    let page = format!("{:?}", diff.document());
    assert!(page.contains("1 row with the very same data in both"), "{page}");
}

/// A precise 0.4 % sways no verdict, so it is no alarm.
#[test]
fn a_little_in_common_is_no_alarm() {
    let rows = |time: f64, seed: u64| -> Vec<Benchmark> {
        let exact = |row: u64| {
            let mut rng = fastrand::Rng::with_seed(seed << 8 | row);
            let times = (0..50).map(|_| time * (1.0 + 0.001 * rng.f64())).collect();
            of(&format!("row{row}"), Sample { iterations: vec![1.0; 50], times })
        };
        (0..10).map(exact).collect()
    };
    let common = |time: f64, options: &Options| {
        compare(&[set("a", rows(100.0, 1)), set("b", rows(time, 2))], options).unwrap()
    };
    let little = common(100.4, &gate());
    assert_eq!((little.comparisons[0].common, little.outcome), (None, Outcome::Fine));
    assert_eq!(common(100.4, &Options::default()).comparisons[0].common, None);
    let more = common(102.0, &gate()).comparisons[0].common.unwrap();
    assert_eq!((more.moved, more.rows), (10, 10));
}

/// The reason is that of the comparison that cannot be decided.
#[test]
fn of_several_the_undecided_one_says_why() {
    let run = |label: &str, time: f64, visits: usize, seed: u64| {
        set(label, vec![benchmark("a", time, visits, seed)])
    };
    let sets = [run("first", 1.0, 30, 1), run("same", 1.0, 30, 2), run("quick", 1.0, 2, 3)];
    let diff = compare(&sets, &gate()).unwrap();
    assert_eq!(diff.outcome, Outcome::Inconclusive);
    let page = format!("{:?}", diff.document());
    assert!(
        page.contains("1 benchmark can neither pass") && !page.contains("of 0 benchmarks"),
        "{page}"
    );
}

/// `a` with `b/c` reads like `a/b` with `c`; their places tell them apart.
#[test]
fn names_that_read_alike_are_told_apart() {
    let named = |group: &str, function: &str, place: &str, seed: u64| Benchmark {
        id: report::benchmark::Id {
            group: group.into(),
            function: function.into(),
            value: String::new(),
        },
        place: place.into(),
        ..benchmark("x", 1.0, 9, seed)
    };
    let rows =
        |seed: u64| vec![named("a", "b/c", "a/b_c", seed), named("a/b", "c", "a_b/c", seed + 10)];
    let diff = compare(&[set("a", rows(1)), set("b", rows(2))], &Options::default()).unwrap();
    let page = format!("{:?}", diff.document());
    assert!(page.contains("Code(\"a/b_c\")") && page.contains("Code(\"a_b/c\")"), "{page}");
}

#[test]
fn most_rows_moving_together_is_the_machine() {
    let rows = |time: f64, seed: u64| -> Vec<Benchmark> {
        (0..12).map(|row| benchmark(&format!("row{row}"), time, 40, seed)).collect()
    };
    let diff = compare(&[set("a", rows(100.0, 1)), set("b", rows(118.0, 2))], &gate()).unwrap();
    let common = diff.comparisons[0].common.unwrap();
    assert_eq!((common.moved, common.rows, diff.outcome), (12, 12, Outcome::Inconclusive));
    assert!((common.ratio - 1.18).abs() < 0.01);
    let page = format!("{:?}", diff.document());
    assert!(page.contains("12 of 12 rows moved by about 17."), "{page}");
    // A quarter of them is a program that got slower.
    let mut some = rows(100.0, 2);
    some[..3].clone_from_slice(&rows(118.0, 2)[..3]);
    let diff = compare(&[set("a", rows(100.0, 1)), set("b", some)], &gate()).unwrap();
    assert_eq!((diff.comparisons[0].common, diff.outcome), (None, Outcome::Regression));
}

#[test]
fn copies_are_refused_and_say_why() {
    let rows = || vec![benchmark("a", 1.0, 9, 1), benchmark("b", 2.0, 9, 1)];
    let why = usage(&[set("base", rows()), set("new", rows())]);
    assert!(why.contains("copies `new` over `base`") && why.contains("--save-baseline"), "{why}");
    // One row measured anew: the other is marked and decides nothing.
    let mut fresh = rows();
    fresh[1] = benchmark("b", 2.0, 9, 2);
    let diff = compare(&[set("base", rows()), set("new", fresh)], &gate()).unwrap();
    let row = diff.comparisons[0].rows.iter().find(|row| row.id.function == "a").unwrap();
    assert!(row.identical && row.verdict == Verdict::Unchanged && diff.method.intervals == 1);
}

#[test]
fn bad_requests_say_what_is_wrong() {
    let a = set("a", vec![benchmark("x", 1.0, 9, 1)]);
    let b = set("b", vec![benchmark("y", 1.0, 9, 1)]);
    assert!(usage(&[]).contains("two sets"));
    assert!(usage(std::slice::from_ref(&a)).contains("only \"a\""));
    assert!(usage(&[a.clone(), b.clone()]).contains("no benchmark in common"));
    assert!(usage(&[a.clone(), Set::default()]).contains("the second 0"));
    for share in [f64::NAN, f64::INFINITY, -0.1] {
        let options = Options { fail_above: Some(share), ..Options::default() };
        assert!(matches!(compare(&[a.clone(), b.clone()], &options), Err(Error::Usage(_))));
    }
}

/// Times of zero, of no number, and beyond all numbers: no panic, no NaN in
/// what is told, and the sound rows are decided as if alone.
#[test]
fn broken_times_stay_in_their_row() {
    let odd = [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE];
    for statistic in [Statistic::Mean, Statistic::Median, Statistic::Slope] {
        for (number, value) in odd.into_iter().enumerate() {
            let mut wild = benchmark("wild", 1.0, 9, 1);
            wild.sample.times[number] = value;
            let all = of("all", Sample { iterations: vec![1.0; 9], times: vec![value; 9] });
            let none = of("none", Sample::default());
            let zero = of("zero", Sample { iterations: vec![0.0; 9], times: vec![1.0; 9] });
            let odd = vec![wild, all, none, zero, benchmark("sound", 1.0, 30, 1)];
            let sound = ["wild", "all", "none", "zero"].map(|name| benchmark(name, 1.0, 9, 2));
            let mut sound = Vec::from(sound);
            sound.push(benchmark("sound", 2.0, 30, 2));
            for sets in [[&odd, &sound], [&sound, &odd]] {
                let sets = sets.map(|rows| set("x", rows.clone()));
                let options = Options { statistic: Some(statistic), ..gate() };
                let diff = compare(&sets, &options).unwrap();
                let rows = &diff.comparisons[0].rows;
                assert_eq!(rows.len(), 5);
                for row in rows {
                    let told = row.interval.map(|x| [x.lower, x.upper]).unwrap_or_default();
                    assert!(told.iter().chain(&row.ratio).all(|x| !x.is_nan()), "{row:?}");
                }
                let sound = rows.iter().find(|row| row.id.function == "sound").unwrap();
                assert!(matches!(sound.verdict, Verdict::Slower | Verdict::Faster));
                assert!(
                    !diff.csv().contains("NaN")
                        && !format!("{:?}", diff.document()).contains("NaN")
                );
                serde_json::to_string(&diff).unwrap();
            }
        }
    }
}

#[test]
fn nothing_is_silently_dropped() {
    let mut a = set("a", vec![benchmark("both", 1.0, 9, 1), benchmark("old", 1.0, 9, 1)]);
    let mut b = set("b", vec![benchmark("both", 1.0, 9, 4), benchmark("fresh", 1.0, 9, 2)]);
    let problem = |what: &str| Problem::lost("here", None, what);
    a.problems.push(problem("was cut short"));
    b.problems.push(problem("holds a time that is no number"));
    let diff = compare(&[a, b], &Options::default()).unwrap();
    let comparison = &diff.comparisons[0];
    assert_eq!(comparison.only_reference[0].id.function, "old");
    assert_eq!(comparison.only_subject[0].id.function, "fresh");
    assert_eq!(diff.problems.len(), 2);
    let page = format!("{:?}", diff.document());
    for told in ["group/old", "group/fresh", "was cut short", "no number"] {
        assert!(page.contains(told), "{told} in {page}");
    }
    let sheet = diff.csv();
    let mut lines = csv::Reader::from_reader(sheet.as_bytes());
    let verdicts: Vec<String> = lines.records().map(|line| line.unwrap()[14].to_owned()).collect();
    assert_eq!(verdicts, ["unchanged", "only_reference", "only_subject", "", ""]);
    let mut lines = csv::Reader::from_reader(sheet.as_bytes());
    let last = |line: csv::StringRecord| [0, 1, 15].map(|field| line[field].to_owned());
    let problems: Vec<_> = lines.records().skip(3).map(|line| last(line.unwrap())).collect();
    assert_eq!(problems[0], ["a", "", "here: was cut short"]);
    assert_eq!(problems[1], ["", "b", "here: holds a time that is no number"]);
}

/// Namesakes meet by their place; a benchmark that is alone by its names meets
/// its peer wherever that stands.
#[test]
fn namesakes_are_kept_apart() {
    let at = |place: &str, time: f64, seed: u64| Benchmark {
        place: place.into(),
        ..benchmark("twin", time, 20, seed)
    };
    let a = set("a", vec![at("x", 100.0, 1), at("y", 200.0, 2), benchmark("alone", 1.0, 9, 1)]);
    let mut moved = benchmark("alone", 1.0, 9, 2);
    moved.place = "elsewhere".into();
    let b = set("b", vec![at("y", 200.0, 3), at("x", 100.0, 4), at("z", 1.0, 5), moved]);
    let diff = compare(&[a, b], &Options::default()).unwrap();
    let comparison = &diff.comparisons[0];
    assert_eq!(comparison.rows.len(), 3);
    assert!(comparison.rows.iter().all(|row| (row.ratio.unwrap() - 1.0).abs() < 0.02));
    assert_eq!(comparison.only_subject[0].place, "z");
    assert!(comparison.only_reference.is_empty() && comparison.only_subject.len() == 1);
    let page = format!("{:?}", diff.document());
    assert!(["x", "y", "z"].iter().all(|place| page.contains(&format!("Code(\"{place}\")"))));
}

#[test]
fn each_later_set_has_its_columns() {
    let run = |label: &str, time: f64, seed: u64| {
        set(label, vec![benchmark("a", time, 20, seed), benchmark("b", 1.0, 20, seed)])
    };
    let mut third = run("third", 90.0, 3);
    third.benchmarks.pop();
    let diff = compare(&[run("first", 100.0, 1), run("second", 130.0, 2), third], &gate()).unwrap();
    assert_eq!((diff.outcome, diff.method.intervals), (Outcome::Regression, 3));
    let document = diff.document();
    let grid = document.blocks.iter().find_map(|block| match block {
        Block::Grid(grid) => Some(grid),
        _ => None,
    });
    let grid = grid.unwrap();
    assert_eq!((grid.columns.len(), grid.rows.len()), (8, 2));
    assert!(grid.rows.iter().all(|row| row.len() == 8));
    assert_eq!(grid.rows[0][0].lines[0].plain(), "group/a");
    assert_eq!(grid.rows[0][4].lines[0].plain(), "slower");
    assert_eq!(grid.rows[0][7].lines[0].plain(), "faster");
}

#[test]
fn different_headlines_meet_at_the_mean() {
    let median = Benchmark { typical: Statistic::Median, ..benchmark("a", 1.0, 9, 1) };
    let diff = compare(
        &[set("a", vec![median.clone()]), set("b", vec![benchmark("a", 1.0, 9, 2)])],
        &Options::default(),
    );
    let diff = diff.unwrap();
    let row = &diff.comparisons[0].rows[0];
    assert!(row.mixed && row.statistic == Statistic::Mean);
    assert!(format!("{:?}", diff.document()).contains("compared by the means"));
}

#[test]
fn machines_that_differ_are_told() {
    let machine = |cpu: &str, commit: &str| Machine {
        cpu: cpu.into(),
        cores: 2,
        memory: 4 << 30,
        kernel: "6.1".into(),
        rustc: "rustc 1".into(),
        commit: commit.into(),
    };
    let on = |machine: Machine, seed: u64| Set {
        machine: Some(machine),
        ..set("x", vec![benchmark("a", 1.0, 9, seed)])
    };
    let warnings = |a: Machine, b: Machine| {
        compare(&[on(a, 1), on(b, 2)], &Options::default()).unwrap().warnings
    };
    assert!(warnings(machine("one", "c1"), machine("one", "c2")).is_empty());
    let told = warnings(machine("one", "c1"), machine("two", "c1"));
    assert!(told[0].contains("processor one against two"), "{told:?}");
}

/// What a machine reads: the schema's name and version come with it.
#[test]
fn json_names_its_schema() {
    let sets = [1, 2].map(|seed| set("x", vec![benchmark("a", 1.0, 9, seed)]));
    let diff = compare(&sets, &Options::default()).unwrap();
    let json: serde_json::Value =
        serde_json::from_str(&serde_json::to_string(&diff).unwrap()).unwrap();
    assert_eq!((&json["schema"], &json["version"]), (&"polyphony.diff".into(), &1.into()));
    assert_eq!(json["comparisons"][0]["rows"][0]["verdict"], "unchanged");
    assert_eq!(json["outcome"], "fine");
}
