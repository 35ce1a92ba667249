//! `cargo bench -p TOPIC`: criterion drives the suite, one model at a time.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};

use crate::layout::NEW;
use crate::protocol::Interpreter;
use crate::suite::{Erased, Failure, Suite, Work};

/// Runs all that criterion's own command line selects.
///
/// # Panics
/// At the first wrong or failed result, with the model's name: criterion has
/// no way to give up one benchmark, and a wrong result must not get a time.
pub(super) fn run(suite: &Suite, python: Option<&Interpreter>) -> ExitCode {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(700))
        .configure_from_args();
    // Without the descriptions the times are still good; only the report
    // would not know what they are of.
    if let Err(e) = output_directory().and_then(|root| suite.describe(&root, NEW)) {
        eprintln!("`report render` will not find these times: {e}");
    }
    for workload in &suite.workloads {
        group(&mut criterion, suite.topic, &**workload, python);
    }
    criterion.final_summary();
    ExitCode::SUCCESS
}

fn group(
    criterion: &mut Criterion,
    topic: &str,
    workload: &dyn Erased,
    python: Option<&Interpreter>,
) {
    let described = workload.description();
    let group_name = format!("{topic}/{}", described.workload);
    let mut group = criterion.benchmark_group(&group_name);
    for (model, name) in described.models.iter().enumerate() {
        if workload.is_python(model) && python.is_none() {
            continue;
        }
        let mut last: Option<(u64, Duration)> = None;
        for &parameter in &described.parameters {
            if let (Some(patience), Some((smaller, took))) = (described.patience, last) {
                let expected = took.mul_f64(parameter as f64 / smaller.max(1) as f64);
                if expected > patience {
                    println!(
                        "{group_name}/{name} stops before {parameter}: it took {took:.1?} at \
                         {smaller}, so {expected:.1?} is to be expected, over {patience:?}"
                    );
                    break;
                }
            }
            if let Some(work) = workload.work(parameter) {
                group.throughput(match work {
                    Work::Elements(n) => Throughput::Elements(n),
                    Work::Bytes(n) => Throughput::Bytes(n),
                });
            }
            // Set up on first use, so that what a filter leaves out costs nothing.
            let mut running = None;
            let per_iteration = Cell::new(None);
            group.bench_function(BenchmarkId::new(name, parameter), |bencher| {
                bencher.iter_custom(|iterations| {
                    let running = running.get_or_insert_with(|| {
                        workload.start(topic, model, parameter, python).unwrap_or_else(|failure| {
                            give_up(&group_name, name, parameter, &failure)
                        })
                    });
                    let taken = running(iterations)
                        .unwrap_or_else(|failure| give_up(&group_name, name, parameter, &failure));
                    per_iteration.set(Some(taken.div_f64(iterations as f64)));
                    taken
                });
            });
            last = per_iteration.get().map(|took| (parameter, took));
        }
    }
    group.finish();
}

fn give_up(group: &str, model: &str, parameter: u64, failure: &Failure) -> ! {
    match failure {
        Failure::Wrong(why) => panic!("{group}/{model}/{parameter} came back wrong: {why}"),
        Failure::Failed(why) => panic!("{group}/{model}/{parameter} failed: {why}"),
    }
}

/// Where criterion writes: it looks at `CRITERION_HOME`, then asks cargo.
fn output_directory() -> io::Result<PathBuf> {
    if let Some(home) = std::env::var_os("CRITERION_HOME") {
        return Ok(home.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output =
        Command::new(cargo).args(["metadata", "--format-version", "1", "--no-deps"]).output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let target = metadata["target_directory"]
        .as_str()
        .ok_or_else(|| io::Error::other("cargo metadata names no target directory"))?;
    Ok(Path::new(target).join("criterion"))
}
