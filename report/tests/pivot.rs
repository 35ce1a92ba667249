//! What `report table` shows of benchmarks: rows, columns, references, and what
//! happens to namesakes and to what could not be read.

use report::benchmark::{Benchmark, Estimates, Id, Problem, Sample, Set, Statistic, Work};
use report::pivot::{Cell, Options, Part, Pivot, Ratio, Sort, arrange};
use report::stats::Estimate;

fn id(group: &str, function: &str, value: &str) -> Id {
    Id { group: group.into(), function: function.into(), value: value.into() }
}

/// A benchmark whose mean, median and slope are `time`, `2 time` and `3 time`.
fn benchmark(id: Id, time: f64) -> Benchmark {
    let estimate = |point: f64| Estimate { point, lower: point * 0.9, upper: point * 1.1 };
    let place = [&id.group, &id.function, &id.value].map(|part| part.replace('/', "_"));
    let place = place.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    Benchmark {
        id,
        place,
        work: Some(Work::Elements(100)),
        sample: Sample { iterations: vec![1.0; 10], times: vec![time; 10] },
        estimates: Estimates {
            mean: estimate(time),
            median: estimate(2.0 * time),
            slope: Some(estimate(3.0 * time)),
        },
        typical: Statistic::Mean,
        run: None,
    }
}

fn set(label: &str, benchmarks: Vec<Benchmark>) -> Set {
    let mut set = Set { label: label.into(), benchmarks, ..Set::default() };
    set.sort();
    set
}

fn sums() -> Set {
    let times = [
        ("rayon", "10", 50.0),
        ("rayon", "100", 60.0),
        ("serial", "10", 10.0),
        ("serial", "100", 100.0),
        ("a_loop", "100", 90.0),
    ];
    set("new", times.map(|(f, v, time)| benchmark(id("sum", f, v), time)).into())
}

fn titles(pivot: &Pivot) -> Vec<String> {
    pivot.sections.iter().flat_map(|section| &section.rows).map(|row| row.title()).collect()
}

#[test]
fn functions_by_values_refer_to_serial() {
    let pivot = arrange(&[sums()], &Options::default()).expect("arranged");
    let [section] = pivot.sections.as_slice() else { panic!("one section") };
    assert_eq!(section.columns, ["10", "100"], "numbers by their size");
    assert_eq!(titles(&pivot), ["serial", "a_loop", "rayon"], "the reference first");
    assert!(matches!(section.rows[1].cells[0], Cell::Absent));
    let rayon = section.rows[2].cells[1].figures().expect("measured");
    let Some(Ratio::Propagated(ratio)) = rayon.ratio else { panic!("{:?}", rayon.ratio) };
    assert!((ratio.point - 0.6).abs() < 1e-12, "{ratio:?}");
    assert!(ratio.lower < 0.6 && 0.6 < ratio.upper, "{ratio:?}");
    let text = format!("{:?}", pivot.document(false));
    assert!(text.contains("elements/s"), "{text}");
}

#[test]
fn any_two_parts_make_a_table() {
    for (rows, columns) in [
        (Part::Value, Part::Function),
        (Part::Group, Part::Function),
        (Part::Function, Part::Group),
        (Part::Value, Part::Group),
        (Part::Group, Part::Value),
    ] {
        let options = Options { rows, columns, ..Options::default() };
        let pivot = arrange(&[sums()], &options).expect("arranged");
        let cells = pivot.sections.iter().flat_map(|s| &s.rows).flat_map(|row| &row.cells);
        let measured = cells.filter(|cell| cell.figures().is_some()).count();
        assert_eq!(measured, 5, "{rows:?} by {columns:?}");
    }
    let same = Options { rows: Part::Value, columns: Part::Value, ..Options::default() };
    assert_eq!(arrange(&[sums()], &same).expect_err("no table").exit_code(), 2);
}

#[test]
fn the_reference_can_be_chosen_and_must_exist() {
    let options = Options { reference: Some("rayon".into()), ..Options::default() };
    let pivot = arrange(&[sums()], &options).expect("arranged");
    assert_eq!(titles(&pivot)[0], "rayon");
    let options = Options { reference: Some("threads".into()), ..Options::default() };
    let error = arrange(&[sums()], &options).expect_err("no such row").to_string();
    assert!(error.contains("\"threads\"") && error.contains("a_loop, rayon, serial"), "{error}");
}

#[test]
fn rows_can_be_sorted_by_time() {
    let options = Options { sort: Sort::Time, ..Options::default() };
    let pivot = arrange(&[sums()], &options).expect("arranged");
    assert_eq!(titles(&pivot), ["rayon", "a_loop", "serial"]);
    assert_eq!(pivot.sections[0].reference, Some(2), "still serial");
}

#[test]
fn a_statistic_can_be_chosen_and_may_be_absent() {
    let mut flat = benchmark(id("sum", "flat", "10"), 7.0);
    flat.estimates.slope = None;
    let mut sums = sums();
    sums.benchmarks.push(flat);
    let options = Options { statistic: Some(Statistic::Slope), ..Options::default() };
    let pivot = arrange(&[sums], &options).expect("arranged");
    let row = |name: &str| pivot.sections[0].rows.iter().find(|row| row.name == name);
    let time = |name: &str| row(name).expect("a row").cells[0].time();
    assert_eq!(time("serial"), Some(30.0));
    assert_eq!(time("flat"), None);
    assert!(format!("{:?}", pivot.document(false)).contains("no slope"));
}

#[test]
fn namesakes_keep_a_row_each() {
    let mut copies = vec![benchmark(id("sum", "fold", "10"), 1.0); 2];
    copies[1].place = "sum2/fold/10".into();
    copies.push(benchmark(id("sum", "other", "10"), 1.0));
    let pivot = arrange(&[set("new", copies.clone())], &Options::default()).expect("arranged");
    assert_eq!(titles(&pivot), ["fold (sum)", "fold (sum2)", "other"]);

    let before = set("before", vec![copies[0].clone()]);
    let after = set("after", vec![copies[0].clone()]);
    let pivot = arrange(&[before, after], &Options::default()).expect("arranged");
    assert_eq!(titles(&pivot), ["fold (before)", "fold (after)"]);

    copies.truncate(2);
    copies[1].place = copies[0].place.clone();
    let pivot = arrange(&[set("new", copies)], &Options::default()).expect("arranged");
    assert_eq!(titles(&pivot), ["fold (sum/fold/10 #1)", "fold (sum/fold/10 #2)"]);
}

#[test]
fn what_could_not_be_read_keeps_its_place() {
    let mut sums = sums();
    let of = |function: &str| Some(id("sum", function, "10"));
    let broken = Problem::lost("sum/a_loop/10/new/sample.json", of("a_loop"), "is empty");
    let note = Problem::note("sum/serial/10", of("serial"), "its name is no UTF-8");
    sums.problems = vec![broken, note];
    let pivot = arrange(&[sums], &Options::default()).expect("arranged");
    assert_eq!(titles(&pivot), ["serial", "a_loop", "rayon"], "a note makes no row");
    assert!(matches!(pivot.sections[0].rows[1].cells[0], Cell::Unreadable(0)));
    let page = format!("{:?}", pivot.document(false));
    assert!(page.contains("unreadable [1]") && page.contains("[1] sum/a_loop/10"), "{page}");
    assert!(pivot.csv().expect("csv").contains("sum/a_loop/10/new/sample.json: is empty"));
    assert!(pivot.json().expect("json").contains("is empty"));
}

#[test]
fn two_visits_have_no_interval() {
    let mut sums = sums();
    for benchmark in &mut sums.benchmarks {
        benchmark.sample = Sample { iterations: vec![1.0; 2], times: vec![1.0; 2] };
    }
    let pivot = arrange(&[sums], &Options::default()).expect("arranged");
    let rayon = pivot.sections[0].rows[2].cells[0].figures().expect("measured");
    assert_eq!(rayon.ratio, Some(Ratio::Bare(5.0)));
    let csv = pivot.csv().expect("csv");
    let line = csv.lines().find(|line| line.contains("rayon")).expect("a line");
    assert!(line.contains(",10.0,,,") || line.contains(",50.0,,,"), "{line}");
}

#[test]
fn rounds_of_one_run_are_compared_round_by_round() {
    // The second round was three times as slow for everybody.
    let rounds =
        |time: f64| Sample { iterations: vec![1.0; 3], times: vec![time, 3.0 * time, time] };
    let mut sums = sums();
    for benchmark in &mut sums.benchmarks {
        benchmark.run = Some("run1".into());
        benchmark.sample = rounds(if benchmark.id.function == "serial" { 10.0 } else { 20.0 });
    }
    let pivot = arrange(&[sums], &Options::default()).expect("arranged");
    let rayon = pivot.sections[0].rows[2].cells[0].figures().expect("measured");
    let exactly = Estimate { point: 2.0, lower: 2.0, upper: 2.0 };
    assert_eq!(rayon.ratio, Some(Ratio::Paired(exactly)));
}

#[test]
fn csv_keeps_whole_names() {
    let odd = "a,b \"c\"\nd|`e` 🚀";
    let pivot =
        arrange(&[set("new", vec![benchmark(id("g", odd, "1"), 1.0)])], &Options::default())
            .expect("arranged");
    let csv = pivot.csv().expect("csv");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let records: Vec<_> = reader.records().collect::<Result<_, _>>().expect("valid");
    assert_eq!(records.len(), 1);
    assert_eq!(&records[0][2], odd);
    let json: serde_json::Value =
        serde_json::from_str(&pivot.json().expect("json")).expect("valid");
    let cell = &json["sections"][0]["rows"][0]["cells"][0]["measured"];
    assert_eq!(cell["id"]["function"], odd);
    assert_eq!(json["schema"], "polyphony.table");
}

#[test]
fn a_lone_row_is_no_reference() {
    // Without `serial`: `alone` comes first by name and shares no column.
    let mut benchmarks = vec![benchmark(id("sum", "alone", ""), 1.0)];
    for (function, value) in [("fold", "1"), ("fold", "2"), ("loop", "1"), ("loop", "2")] {
        benchmarks.push(benchmark(id("sum", function, value), 2.0));
    }
    let pivot = arrange(&[set("new", benchmarks)], &Options::default()).expect("arranged");
    assert_eq!(titles(&pivot), ["fold", "alone", "loop"]);
    assert!(pivot.sections[0].rows[2].cells[1].figures().expect("measured").ratio.is_some());
}

#[test]
fn rows_of_several_sources_keep_their_order_and_refer_to_their_own() {
    let run = |label: &str, pace: f64| {
        let times = [("serial", 10.0 * pace), ("rayon", 5.0 * pace)];
        set(label, times.map(|(f, time)| benchmark(id("sum", f, "1"), time)).into())
    };
    let sets = [run("b", 1.0), run("a", 3.0)];
    let pivot = arrange(&sets, &Options::default()).expect("arranged");
    assert_eq!(titles(&pivot), ["serial (b)", "rayon (b)", "rayon (a)", "serial (a)"]);
    let ratio = |row: usize| {
        let figures = pivot.sections[0].rows[row].cells[0].figures().expect("measured");
        (figures.reference.clone(), figures.ratio.map(Ratio::point))
    };
    assert_eq!(ratio(1), (Some("serial (b)".into()), Some(0.5)));
    assert_eq!(ratio(2), (Some("serial (a)".into()), Some(0.5)));
    assert_eq!(ratio(3), (None, None));
    // Unless one row of one source is asked for by its whole title.
    let options = Options { reference: Some("serial (b)".into()), ..Options::default() };
    let pivot = arrange(&sets, &options).expect("arranged");
    let figures = pivot.sections[0].rows[2].cells[0].figures().expect("measured");
    assert_eq!(
        (figures.reference.as_deref(), figures.ratio.map(Ratio::point)),
        (Some("serial (b)"), Some(1.5))
    );
}
