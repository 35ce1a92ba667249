//! Whatever the three files hold, a reader returns.

use std::fs;

use proptest::prelude::*;
use report::benchmark::{Benchmark, Set, Statistic};
use report::layout::read_sets;
use serde_json::Value;

use super::{FILES, measured, only_problem};

/// What must hold whatever lies in the three files: a benchmark that figures can
/// be taken from, or one problem.
fn is_read_or_told(contents: [&[u8]; 3]) -> Result<Set, TestCaseError> {
    let tree = tempfile::tempdir().expect("a directory");
    let folder = measured(tree.path(), "any", "new");
    for ((name, _), bytes) in FILES.into_iter().zip(contents) {
        fs::write(folder.join(name), bytes).expect("written");
    }
    let mut sets = read_sets(tree.path(), &["new"]).expect("a tree");
    let set = sets.remove(0);
    let (read, told) = (set.benchmarks.len(), set.problems.len());
    let level = set.problems.iter().any(|problem| problem.what.contains("not at 95 %"));
    prop_assert!((read, told) == (1, usize::from(level)) || (read, told) == (0, 1), "{:?}", set);
    for Benchmark { sample, estimates, .. } in &set.benchmarks {
        for statistic in [Statistic::Mean, Statistic::Median, Statistic::Slope] {
            let point = sample.point(statistic);
            prop_assert!(point.is_finite() && point > 0.0, "{statistic} {point}");
            let Some(estimate) = estimates.get(statistic) else { continue };
            prop_assert!(estimate.lower > 0.0 && estimate.lower <= estimate.upper);
        }
    }
    Ok(set)
}

/// The three files with one of them replaced.
fn with(file: usize, bytes: &[u8]) -> [&[u8]; 3] {
    let mut contents = FILES.map(|(_, text)| text.as_bytes());
    contents[file] = bytes;
    contents
}

/// JSON that has something of a measurement.
fn any_sample() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<f64>().prop_map(|x| x.to_string()),
        (0.0..1e9).prop_map(|x: f64| x.to_string()),
        Just("null".to_owned()),
        Just("1e400".to_owned()),
        Just("-0".to_owned()),
    ];
    let numbers = prop::collection::vec(number, 0..6).prop_map(|x| x.join(","));
    (numbers.clone(), numbers).prop_map(|(iters, times)| {
        format!(r#"{{"sampling_mode":"Flat","iters":[{iters}],"times":[{times}]}}"#)
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_told(file in 0..3_usize, bytes: Vec<u8>) {
        is_read_or_told(with(file, &bytes))?;
    }

    #[test]
    fn any_numbers_are_read_or_told(text in any_sample()) {
        is_read_or_told(with(1, text.as_bytes()))?;
    }

    #[test]
    fn a_file_that_ends_early_is_told(file in 0..3_usize, at: prop::sample::Index) {
        let text = FILES[file].1.as_bytes();
        let set = is_read_or_told(with(file, &text[..at.index(text.len())]))?;
        prop_assert_eq!(set.benchmarks.len(), 0);
        prop_assert!(set.problems[0].path.ends_with(FILES[file].0));
    }

    #[test]
    fn a_flipped_byte_is_read_or_told(file in 0..3_usize, at: prop::sample::Index, flip in 1..=255_u8) {
        let mut bytes = FILES[file].1.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        is_read_or_told(with(file, &bytes))?;
    }

    #[test]
    fn another_value_or_none_in_any_field_is_read_or_told(
        file in 0..3_usize,
        path in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        other in prop::option::of(prop_oneof![
            Just(Value::Null),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            Just(Value::from(vec![1.0])),
        ]),
    ) {
        let mut json: Value = serde_json::from_str(FILES[file].1).expect("JSON");
        let mut at = &mut json;
        for (depth, index) in path.iter().enumerate() {
            let Value::Object(fields) = at else { break };
            let name = index.get(&fields.keys().cloned().collect::<Vec<_>>()).clone();
            if depth + 1 < path.len() && fields[&name].is_object() {
                at = fields.get_mut(&name).expect("it is there");
                continue;
            }
            match &other {
                Some(value) => fields.insert(name, value.clone()),
                None => fields.remove(&name),
            };
            break;
        }
        is_read_or_told(with(file, json.to_string().as_bytes()))?;
    }
}

#[test]
fn a_field_that_is_needed_is_missed() {
    for (file, field) in [(0, "group_id"), (1, "iters"), (1, "times"), (2, "mean"), (2, "median")] {
        let mut json: Value = serde_json::from_str(FILES[file].1).expect("JSON");
        json.as_object_mut().expect("fields").remove(field);
        let set = is_read_or_told(with(file, json.to_string().as_bytes())).expect("told");
        assert!(only_problem(&set).what.contains(field), "{:?}", set.problems);
    }
    // criterion leaves these out, or writes null, where there is none.
    for (file, field) in [(0, "function_id"), (0, "value_str"), (0, "throughput"), (2, "slope")] {
        let mut json: Value = serde_json::from_str(FILES[file].1).expect("JSON");
        json.as_object_mut().expect("fields").remove(field);
        let set = is_read_or_told(with(file, json.to_string().as_bytes())).expect("read");
        assert_eq!(set.benchmarks.len(), 1, "{field}");
    }
}
