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
mod network;
mod proc_net;
mod refusals;
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
    let mut arguments = Arguments::from_args();
    // Those that have a cluster of their own wait more than they work.
    arguments.test_threads.get_or_insert(4);
    let python = dask::python();
    let mut trials = Vec::new();
    // First, as they can run beside each other; starting clusters, on a machine that
    // has more to do, may take most of the time.
    let with_openssl = network::has_openssl().and(python.clone());
    let of_faults = faults::TESTS.iter().chain(refusals::TESTS).map(|test| (test, &python));
    let over_tls = network::TESTS.iter().map(|test| (test, &with_openssl));
    for ((name, test), needed) in of_faults.chain(over_tls) {
        trials.push(of_dask(name, needed, move || {
            common::within_time(3 * common::DEADLINE, test);
            Ok(())
        }));
    }
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
        trials.push(of_dask(name, &python, move || in_turn(run)));
    }
    for (name, test) in [refusals::SHARED, network::SHARED].concat() {
        let run = move || {
            common::within(test);
            Ok(())
        };
        trials.push(of_dask(name, &python, move || in_turn(run)));
    }
    trials.push(Trial::test("a_listener_on_all_addresses_is_seen", || {
        network::a_listener_on_all_addresses_is_seen();
        Ok(())
    }));
    let is_dask = |trial: &Trial| trial.name().starts_with("dask_");
    if trials.iter().any(is_dask) {
        match (&python, &with_openssl) {
            (Err(why), _) => println!("the tests of Dask are ignored: {why}"),
            (_, Err(why)) => println!("its test over TLS is ignored: {why}"),
            _ => {}
        }
    }
    if python.is_ok() && !arguments.list {
        // Off the tests' clocks.
        dask::library();
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    dask::end_shared();
    if conclusion.has_failed() { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

/// Tests of the cluster that all share run one after the other: some kill its workers.
fn in_turn(run: impl FnOnce() -> Result<(), Failed>) -> Result<(), Failed> {
    static ONE: Mutex<()> = Mutex::new(());
    let _turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    run()
}

/// A test of Dask, as far as there is a Python for it.
fn of_dask(
    name: &str,
    python: &Result<std::path::PathBuf, String>,
    run: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    match python.clone() {
        Ok(_) => Trial::test(format!("dask_{name}"), run),
        Err(why) if ci => Trial::test(format!("dask_{name}"), || Err(why.into())),
        Err(_) => Trial::test(format!("dask_{name}"), run).with_ignored_flag(true),
    }
}
