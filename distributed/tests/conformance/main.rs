//! One suite for every kind of cluster: threads, processes, and a real Dask
//! cluster of a scheduler and two workers; and what only Dask can suffer.
//!
//! Its tests are named by the kind. Those of Dask are ignored where there is no
//! Python that has it, and fail there under `CI=true`; so the harness is one of
//! our own, which can tell before they run.

#[path = "../common/mod.rs"]
mod common;
mod dask;
mod faults;
mod features;
mod suite;

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use distributed::Client;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    processes::worker_entry(common::registry());
    if let Some(code) = faults::inside() {
        return code;
    }
    let arguments = Arguments::from_args();
    let python = dask::python();
    let mut trials = Vec::new();
    for (name, test) in suite::TESTS {
        for (kind, processes) in [("threads", false), ("processes", true)] {
            let run = move || {
                let client = Client::local().n_workers(2).processes(processes).start()?;
                common::within(|| test(&client));
                Ok(())
            };
            if processes || !suite::NOT_ON_THREADS.contains(name) {
                trials.push(Trial::test(format!("{kind}_{name}"), run));
            }
        }
        let run = move || {
            let cluster = dask::shared();
            let client = cluster.connect();
            common::within(|| test(&client));
            Ok(())
        };
        trials.push(of_dask(name, &python, run));
    }
    for (name, test) in faults::TESTS.iter().chain(features::TESTS) {
        trials.push(of_dask(name, &python, move || {
            common::within(test);
            Ok(())
        }));
    }
    let is_dask = |trial: &Trial| trial.name().starts_with("dask_");
    if let Err(why) = &python
        && trials.iter().any(is_dask)
    {
        println!("the tests of Dask are ignored: {why}");
    }
    if python.is_ok() && !arguments.list {
        // Off the tests' clocks.
        dask::library();
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    dask::end_shared();
    if conclusion.has_failed() { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

/// A test of Dask, as far as there is a Python for it.
fn of_dask(
    name: &str,
    python: &Result<std::path::PathBuf, String>,
    run: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    // One after the other: each has a bridge, which is looked for among this
    // program's children, and most want the two cores.
    static ONE: Mutex<()> = Mutex::new(());
    let run = || {
        let _turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        run()
    };
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    match python.clone() {
        Ok(_) => Trial::test(format!("dask_{name}"), run),
        Err(why) if ci => Trial::test(format!("dask_{name}"), || Err(why.into())),
        Err(_) => Trial::test(format!("dask_{name}"), run).with_ignored_flag(true),
    }
}
