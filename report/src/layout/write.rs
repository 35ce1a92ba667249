//! A sample written as criterion would have written it.

use std::fs;
use std::io;
use std::path::Path;

use super::files::{
    BENCHMARK, BenchmarkFile, ESTIMATES, EstimatesFile, SAMPLE, SampleFile, TUKEY, at, write_json,
};
use crate::benchmark::{Id, Sample, Work};
use crate::stats::{bootstrap, mean, median, median_abs_dev, std_dev};

/// What criterion multiplies the median absolute deviation with, so that it
/// estimates the standard deviation of normal data (its `Sample::median_abs_dev`);
/// the constant passes through an `f32` there.
const NORMAL: f64 = 1.4826_f32 as f64;

/// Writes a sample under a baseline, as criterion would have.
///
/// # Errors
/// Whatever the file system says, with the path.
pub fn write(
    root: &Path,
    id: &Id,
    baseline: &str,
    sample: &Sample,
    work: Option<Work>,
) -> io::Result<()> {
    let place = id.directory();
    let directory = root.join(&place).join(baseline);
    fs::create_dir_all(&directory).map_err(|e| at(&directory, &e))?;
    let values = sample.per_iteration();
    write_json(
        &directory.join(SAMPLE),
        &SampleFile { sampling_mode: "Flat", iters: &sample.iterations, times: &sample.times },
    )?;
    // criterion's own reader wants the four fences of Tukey's box plot.
    write_json(&directory.join(TUKEY), &fences(&values))?;
    write_json(
        &directory.join(ESTIMATES),
        &EstimatesFile {
            mean: bootstrap(&values, mean).into(),
            median: bootstrap(&values, median).into(),
            median_abs_dev: bootstrap(&values, |x| NORMAL * median_abs_dev(x)).into(),
            slope: None,
            std_dev: bootstrap(&values, std_dev).into(),
        },
    )?;
    let full_id = id.to_string();
    let some = |name| Some(name).filter(|name: &&str| !name.is_empty());
    // The name comes last, as it does from criterion: who finds it finds the rest.
    write_json(
        &directory.join(BENCHMARK),
        &BenchmarkFile {
            group_id: &id.group,
            function_id: some(&id.function),
            value_str: some(&id.value),
            throughput: work,
            full_id: &full_id,
            directory_name: &place.to_string_lossy(),
            title: &full_id,
        },
    )
}

/// Takes a benchmark's data away, so that an older time cannot stand in for a
/// model that failed this time.
///
/// # Errors
/// Whatever the file system says, with the path; nothing there is no error.
pub fn remove(root: &Path, id: &Id, baseline: &str) -> io::Result<()> {
    let directory = root.join(id.directory()).join(baseline);
    match fs::remove_dir_all(&directory) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(at(&directory, &e)),
        _ => Ok(()),
    }
}

/// Tukey's fences: 3 and 1.5 interquartile ranges outside the quartiles.
fn fences(values: &[f64]) -> [f64; 4] {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let quantile = |share: f64| {
        let place = share * (sorted.len() - 1) as f64;
        let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
        below + (above - below) * place.fract()
    };
    let (q1, q3) = (quantile(0.25), quantile(0.75));
    let range = q3 - q1;
    [q1 - 3.0 * range, q1 - 1.5 * range, q3 + 1.5 * range, q3 + 3.0 * range]
}
