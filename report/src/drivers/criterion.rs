//! `cargo bench -p TOPIC`: criterion drives the suite, one model at a time.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use criterion::{Bencher, BenchmarkId, Criterion, Throughput};

use crate::benchmark::Id;
use crate::layout::{self, NEW};
use crate::protocol::Interpreter;
use crate::suite::{Erased, Failure, Suite, Work};

/// Runs all that criterion's own command line selects. A model that is wrong
/// or fails is named and has no time; the others go on, and the exit code is 1.
pub(super) fn run(suite: &Suite, python: Option<&Interpreter>) -> ExitCode {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(700))
        .configure_from_args();
    let root = if measures() { output_directory().map(Some) } else { Ok(None) };
    let described = root.and_then(|root| {
        let Some(root) = root else { return Ok(None) };
        suite.forget_others(&root, NEW)?;
        (0..suite.workloads.len()).try_for_each(|place| suite.record(place).write(&root, NEW))?;
        Ok(Some(root))
    });
    // Without the descriptions the times are still good; only the report would
    // not know what they are of.
    let root = described.unwrap_or_else(|e| {
        eprintln!("`report render` will not find these times: {e}");
        None
    });
    if python.is_none() {
        let of = |workload: &dyn Erased| {
            let models = 0..workload.description().models.len();
            models.filter(|&model| workload.needs_python(model)).count()
        };
        let left_out: usize = suite.workloads.iter().map(|workload| of(&**workload)).sum();
        if left_out > 0 {
            eprintln!(
                "{left_out} rows of {} are left out: they need a Python, which `report run \
                 --python` brings, or POLYPHONY_PEER_PYTHON and POLYPHONY_PEER_SCRIPT name",
                suite.topic
            );
        }
    }
    let mut all_well = true;
    for workload in &suite.workloads {
        all_well &= group(&mut criterion, suite.topic, &**workload, python, root.as_deref());
    }
    criterion.final_summary();
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Benches one workload; says whether all went well.
fn group(
    criterion: &mut Criterion,
    topic: &str,
    workload: &dyn Erased,
    python: Option<&Interpreter>,
    root: Option<&Path>,
) -> bool {
    let described = workload.description();
    let mut group = criterion.benchmark_group(format!("{topic}/{}", described.workload));
    let mut all_well = true;
    for (model, name) in described.models.iter().enumerate() {
        if workload.needs_python(model) && python.is_none() {
            continue;
        }
        let mut last: Option<(u64, Duration)> = None;
        for &parameter in &described.parameters {
            let id = format!("{topic}/{}/{name}/{parameter}", described.workload);
            let grown = |from| growth(workload, from, parameter);
            if let Some(why) = too_slow(described.patience, last, grown) {
                println!("{id} is left out: {why}");
                break;
            }
            if let Some(work) = workload.work(parameter) {
                group.throughput(match work {
                    Work::Elements(n) => Throughput::Elements(n),
                    Work::Bytes(n) => Throughput::Bytes(n),
                    Work::BytesDecimal(n) => Throughput::BytesDecimal(n),
                    Work::Bits(n) => Throughput::Bits(n),
                    Work::ElementsAndBytes { elements, bytes } => {
                        Throughput::ElementsAndBytes { elements, bytes }
                    }
                });
            }
            // Set up on first use, so that what a filter leaves out costs nothing.
            let mut running = None;
            let per_iteration = Cell::new(None);
            let mut bench = |bencher: &mut Bencher<'_>| {
                bencher.iter_custom(|iterations| {
                    let running = running.get_or_insert_with(|| {
                        workload.start(topic, model, parameter, python).unwrap_or_else(give_up)
                    });
                    let taken = running(iterations).unwrap_or_else(give_up);
                    per_iteration.set(Some(taken.div_f64(iterations as f64)));
                    taken
                });
            };
            let bench = AssertUnwindSafe(|| {
                group.bench_function(BenchmarkId::new(name, parameter), &mut bench);
            });
            if let Err(thrown) = catch_unwind(bench) {
                let failure =
                    thrown.downcast::<Failure>().unwrap_or_else(|other| resume_unwind(other));
                eprintln!("{id} {failure}");
                all_well &= matches!(*failure, Failure::Refused(_));
                forget(root, topic, &described.workload, name, parameter);
                break;
            }
            last = per_iteration.get().map(|took| (parameter, took));
        }
    }
    group.finish();
    all_well
}

/// An older time must not stand in for a model that failed.
fn forget(root: Option<&Path>, topic: &str, workload: &str, model: &str, parameter: u64) {
    let (group, function) = (format!("{topic}/{workload}"), model.to_owned());
    let id = Id { group, function, value: parameter.to_string() };
    if let Some(Err(e)) = root.map(|root| layout::remove(root, &id, NEW)) {
        eprintln!("an older time stays: {e}");
    }
}

/// How many times the work of a smaller parameter it is: by the elements, where they
/// are known, since a parameter may be an exponent.
fn growth(workload: &dyn Erased, from: u64, to: u64) -> f64 {
    let elements = |parameter| match workload.work(parameter) {
        Some(Work::Elements(n)) => n,
        _ => parameter,
    };
    elements(to) as f64 / elements(from).max(1) as f64
}

/// Why a parameter is not tried, if it is expected to exceed the patience: the
/// time at the parameter before is taken to grow as the work does.
fn too_slow(
    patience: Option<Duration>,
    last: Option<(u64, Duration)>,
    growth: impl Fn(u64) -> f64,
) -> Option<String> {
    let (patience, (smaller, took)) = (patience?, last?);
    let expected = took.mul_f64(growth(smaller));
    (expected > patience)
        .then(|| format!("{took:.1?} at {smaller} makes {expected:.1?} likely, over {patience:?}"))
}

/// Leaves the benchmark under way: criterion has no other way out of one, and
/// a wrong result must not get a time. `group` catches it.
fn give_up<T>(failure: Failure) -> T {
    resume_unwind(Box::new(failure))
}

/// Whether criterion will measure, rather than run each benchmark once (its
/// `--test`, and whatever is not `cargo bench`) or list them.
fn measures() -> bool {
    let given = |flag: &str| std::env::args().any(|argument| argument == flag);
    given("--bench") && !given("--test") && !given("--list")
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
