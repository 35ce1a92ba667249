//! What criterion 0.8.2 left, read as it is; and broken copies of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use report::benchmark::{Benchmark, Id, Statistic, Work};
use report::layout::{self, baselines, read_sets};
use serde_json::Value;

use super::{fixture, only_problem, read_one};

/// Every `benchmark.json` below a folder, by an independent walk.
fn names_on_disk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            names_on_disk(&path, found);
        } else if path.ends_with("benchmark.json") {
            found.push(path);
        }
    }
}

fn counts_on_disk(root: &Path) -> BTreeMap<String, usize> {
    let mut found = Vec::new();
    names_on_disk(root, &mut found);
    let mut counts = BTreeMap::new();
    for path in found {
        let baseline = path.parent().and_then(Path::file_name).and_then(OsStr::to_str);
        *counts.entry(baseline.expect("a name").to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn every_benchmark_of_a_real_tree_is_read() {
    let tree = fixture("sample");
    let root = tree.path().join("criterion");
    let on_disk = counts_on_disk(&root);
    assert!(on_disk["new"] > 30 && on_disk["base"] > 1, "{on_disk:?}");
    assert_eq!(baselines(&root).expect("a tree"), on_disk);

    let names: Vec<&str> = on_disk.keys().rev().map(String::as_str).collect();
    let sets = read_sets(&root, &names).expect("a tree");
    assert_eq!(sets.len(), names.len());
    for (set, name) in sets.iter().zip(names) {
        assert_eq!((set.label.as_str(), set.benchmarks.len()), (name, on_disk[name]));
        assert_eq!(set.problems, []);
        let places: BTreeSet<_> = set.benchmarks.iter().map(|x| &x.place).collect();
        assert_eq!(places.len(), set.benchmarks.len(), "places tell benchmarks apart");
        for Benchmark { id, place, .. } in &set.benchmarks {
            assert_eq!(Path::new(place), id.directory(), "criterion's rule for folders is ours");
        }
    }
}

#[test]
fn names_come_from_the_files_and_not_from_the_folders() {
    let tree = fixture("sample");
    let set = read_one(&tree.path().join("criterion"), "new");
    let find = |group: &str, function: &str, value: &str| {
        let id = Id { group: group.into(), function: function.into(), value: value.into() };
        let mut of = set.benchmarks.iter().filter(|benchmark| benchmark.id == id);
        let found = of.next().unwrap_or_else(|| panic!("{id} is there"));
        assert!(of.next().is_none(), "{id} is there once");
        found
    };
    // Groups and functions that are called like baselines.
    assert_eq!(find("new", "base", "").place, "new/base");
    assert_eq!(find("lonely", "", "").place, "lonely");
    assert_eq!(find("param_only", "", "64").place, "param_only/64");
    find("odd names", "with\nnewline", "");
    find("odd names", "emoji 🚀", "");
    find("odd names", "fn|pipe", "par|am");
    find("odd names", "case", "");
    find("odd names", "Case", "");
    // The same in full, in two folders.
    let (one, other) = (find("a/b", "c", ""), find("a", "b/c", ""));
    assert_eq!(one.id.to_string(), other.id.to_string());
    assert_ne!(one.place, other.place);

    assert_eq!(find("bytes", "copy", "").work.map(kind), Some("bytes"));
    assert_eq!(find("bytes", "copy_bits", "").work.map(kind), Some("bits"));
    assert_eq!(find("bytes", "copy_decimal", "").work.map(kind), Some("decimal"));
    assert_eq!(find("bytes", "copy_both", "").work.map(kind), Some("both"));
    assert_eq!(find("sum", "fold", "100").work.map(kind), Some("elements"));
    assert_eq!(find("lonely", "", "").work, None);

    // Flat sampling has no slope.
    let flat = find("flat", "slow", "");
    assert_eq!((flat.typical, flat.estimates.slope), (Statistic::Mean, None));
    let lonely = find("lonely", "", "");
    assert_eq!(
        (lonely.typical, Some(lonely.headline())),
        (Statistic::Slope, lonely.estimates.slope)
    );
}

fn kind(work: Work) -> &'static str {
    match work {
        Work::Bits(_) => "bits",
        Work::Bytes(_) => "bytes",
        Work::BytesDecimal(_) => "decimal",
        Work::Elements(_) => "elements",
        Work::ElementsAndBytes { .. } => "both",
    }
}

#[test]
fn figures_of_the_sample_are_those_that_criterion_stored() {
    let mut compared = 0;
    for (name, root) in [("sample", "criterion"), ("broken", "good/criterion")] {
        let tree = fixture(name);
        let root = tree.path().join(root);
        let names: Vec<String> = baselines(&root).expect("a tree").into_keys().collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for benchmark in
            read_sets(&root, &names).expect("a tree").iter().flat_map(|x| &x.benchmarks)
        {
            for statistic in [Statistic::Mean, Statistic::Median, Statistic::Slope] {
                let Some(stored) = benchmark.estimates.get(statistic) else { continue };
                let ours = benchmark.sample.point(statistic);
                let off = (ours / stored.point - 1.0).abs();
                assert!(off <= 1e-9, "{} {statistic}: {ours} for {}", benchmark.id, stored.point);
                compared += 1;
            }
        }
    }
    assert!(compared > 300, "{compared} figures");
}

#[test]
fn what_the_sampler_writes_is_what_criterion_would_have() {
    let tree = fixture("sample");
    let root = tree.path().join("criterion");
    let written = tempfile::tempdir().expect("a directory");
    for benchmark in read_one(&root, "new").benchmarks.iter().take(6) {
        let Benchmark { id, place, sample, work, .. } = benchmark;
        layout::write(written.path(), id, "new", sample, *work).expect("written");
        let json = |root: &Path, file: &str| -> Value {
            let text = fs::read(root.join(place).join("new").join(file)).expect("there");
            serde_json::from_slice(&text).expect("JSON")
        };
        for field in
            ["group_id", "function_id", "value_str", "throughput", "full_id", "directory_name"]
        {
            let of = |root: &Path| json(root, "benchmark.json")[field].clone();
            assert_eq!(of(written.path()), of(&root), "{place}: {field}");
        }
        for figure in ["mean", "median", "median_abs_dev", "std_dev"] {
            let of = |root: &Path| {
                json(root, "estimates.json")[figure]["point_estimate"].as_f64().expect("a figure")
            };
            let (ours, criterions) = (of(written.path()), of(&root));
            assert!(
                (ours / criterions - 1.0).abs() < 1e-9,
                "{place} {figure}: {ours} {criterions}"
            );
        }
    }
}

#[test]
fn each_broken_tree_has_its_one_problem_and_the_rest_is_read() {
    let trees = fixture("broken");
    let whole = read_one(&trees.path().join("good/criterion"), "before").benchmarks.len();
    assert_eq!(whole, 6);
    let named = Some("sum/fold/1000".to_owned());
    let cases = [
        ("trunc-baseline", "before", "before/estimates.json", "is cut off", named.clone()),
        ("zero-byte", "before", "before/estimates.json", "is empty", named.clone()),
        ("nan", "after", "after/estimates.json", "is no JSON", named),
        ("empty-baseline-dir", "before", "1000/before", "is empty", None),
        ("no-benchmark-json-candidate", "after", "1000/after", "before its name was written", None),
    ];
    for (case, baseline, path, what, id) in cases {
        let set = read_one(&trees.path().join(case).join("criterion"), baseline);
        let problem = only_problem(&set);
        assert!(problem.path.ends_with(path), "{case}: {problem}");
        assert!(problem.what.contains(what), "{case}: {problem}");
        assert_eq!(problem.id.as_ref().map(Id::to_string), id, "{case}");
        assert_eq!(set.benchmarks.len(), whole - 1, "{case}");
    }
    // What is broken is in the other baseline, and that was not asked for.
    let set = read_one(&trees.path().join("nan/criterion"), "before");
    assert_eq!((set.benchmarks.len(), set.problems.len()), (whole, 0));
    let copied = read_one(&trees.path().join("dup-full-id/criterion"), "after");
    assert_eq!((copied.benchmarks.len(), copied.problems.len()), (2 * whole, 1));
    let shared = copied.problems[0].to_string();
    let told = format!("criterion/sum2: holds {whole} benchmarks of the same names as sum does");
    assert!(shared.contains(&told), "{shared}");
    let nothing = read_one(&trees.path().join("empty-root/criterion"), "after");
    assert_eq!((nothing.benchmarks.len(), nothing.problems.len()), (0, 0));
    assert!(baselines(&trees.path().join("empty-root/criterion")).expect("a folder").is_empty());
}
