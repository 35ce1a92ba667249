//! What a name on the command line can stand for: real files of other tools,
//! snapshots, histories and criterion's trees.

use std::path::{Path, PathBuf};

use report::benchmark::{Benchmark, Set, Statistic};
use report::foreign::{Mapping, hyperfine, pyperf};
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a fixture")).expect("JSON")
}

fn get<'a>(set: &'a Set, name: &str) -> &'a Benchmark {
    let named = set.benchmarks.iter().find(|benchmark| benchmark.id.to_string() == name);
    named.unwrap_or_else(|| panic!("{name} is in {set:#?}"))
}

fn close(a: f64, b: f64) -> bool {
    (a / b - 1.0).abs() < 1e-9
}

#[test]
fn hyperfine_agrees_with_its_own_figures() {
    let path = fixture("hyperfine.json");
    let set = hyperfine::read(&path, &Mapping::default()).expect("a real file");
    let names: Vec<_> = set.benchmarks.iter().map(|b| b.id.to_string()).collect();
    let seq = ["hyperfine/seq {n}/1000", "hyperfine/seq {n}/20000"];
    let test = ["hyperfine/test {n} -gt 5000/1000", "hyperfine/test {n} -gt 5000/20000"];
    assert_eq!(names, [seq, test].concat());
    for result in json(&path)["results"].as_array().expect("results") {
        let command = result["command"].as_str().expect("a command");
        let benchmark = set.benchmarks.iter().find(|b| b.place == command).expect("it is read");
        let seconds = |field: &str| result[field].as_f64().expect("a number");
        assert!(close(benchmark.estimates.mean.point, seconds("mean") * 1e9));
        assert!(close(benchmark.estimates.median.point, seconds("median") * 1e9));
        assert_eq!(benchmark.typical, Statistic::Mean);
        assert_eq!(benchmark.sample.len(), 5);
    }
    let [failed] = set.problems.as_slice() else { panic!("{:?}", set.problems) };
    assert_eq!(failed.what, "\"test 1000 -gt 5000\" failed in 5 of 5 runs");
}

#[test]
fn pyperf_agrees_with_its_own_figures() {
    let path = fixture("pyperf.json");
    let rules = [r"^sum/(\w+)/(\d+)$=threads/sum/python_$1/$2".to_owned()];
    let mapping = Mapping::new(&rules).expect("a good rule");
    let set = pyperf::read(&path, &mapping).expect("a real file");
    assert_eq!(set.label, "pyperf.json (Intel Xeon, 2 cores)");
    let names: Vec<_> = set.benchmarks.iter().map(|b| b.id.to_string()).collect();
    let sums = ["threads/sum/python_builtin/1000", "threads/sum/python_loop/1000"];
    assert_eq!(names, [&["pyperf/sorted"], sums.as_slice()].concat());
    let sorted = get(&set, "pyperf/sorted");
    // Five processes of three values, each of 4096 loops by 5 inner loops.
    assert_eq!(sorted.sample.iterations, [3.0 * 5.0 * 4096.0; 5]);
    let benchmarks = json(&path);
    for benchmark in benchmarks["benchmarks"].as_array().expect("benchmarks") {
        let name = benchmark["metadata"]["name"].as_str().expect("a name");
        let Some(read) = set.benchmarks.iter().find(|b| b.place == name) else {
            assert_eq!(name, "heap", "the only one that is no time");
            continue;
        };
        let runs = benchmark["runs"].as_array().expect("runs");
        let values: Vec<f64> = runs
            .iter()
            .filter_map(|run| run["values"].as_array())
            .flatten()
            .map(|value| value.as_f64().expect("a number") * 1e9)
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let estimates = read.estimates;
        assert!(close(estimates.mean.point, mean));
        assert!(close(estimates.median.point, report::stats::median(&values)));
        assert!(estimates.mean.lower < mean && mean < estimates.mean.upper);
    }
    let [heap] = set.problems.as_slice() else { panic!("{:?}", set.problems) };
    assert_eq!(heap.what, "\"heap\" is measured in bytes, which is no time");
}
