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
mod network;
mod proc_net;
mod refusals;
mod scattered;
mod suite;

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use distributed::Client;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    processes::worker_entry(common::registry());
    if let Some(code) = faults::inside().or_else(network::inside) {
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
    let own =
        faults::TESTS.iter().chain(refusals::TESTS).chain(features::TESTS).chain(scattered::TESTS);
    let own = own.map(|test| (test, &python));
    let over_tls = network::OVER_TLS.iter().map(|test| (test, &with_openssl));
    for ((name, test), needed) in own.chain(over_tls) {
        trials.push(of_dask(name, needed, move || {
            common::within_time(3 * common::DEADLINE, test);
            Ok(())
        }));
    }
    // Where namespaces are not permitted, CI can do nothing about it.
    let with_hosts = network::has_hosts();
    for (name, test) in network::ON_HOSTS {
        let is_possible = with_hosts.is_ok();
        let run = move || {
            common::within_time(3 * common::DEADLINE, test);
            Ok(())
        };
        let trial = of_dask(name, &python, run);
        trials.push(if is_possible { trial } else { trial.with_ignored_flag(true) });
    }
    for (name, test) in suite::TESTS {
        for (kind, processes) in [("threads", false), ("processes", true)] {
            // The client's end too, which waits for what its threads are at.
            let run = move || {
                common::within(|| {
                    let client = Client::local().n_workers(2).processes(processes).start()?;
                    test(&client);
                    Ok(())
                })
            };
            if processes || !suite::NOT_ON_THREADS.contains(name) {
                trials.push(Trial::test(format!("{kind}_{name}"), run));
            }
        }
        let run = move || {
            // One of them starts the cluster.
            common::within_time(2 * common::DEADLINE, || {
                let cluster = dask::shared();
                let client = cluster.connect();
                test(&client);
            });
            Ok(())
        };
        trials.push(of_dask(name, &python, move || in_turn(run)));
    }
    for (name, test) in [refusals::SHARED, network::SHARED, features::SHARED].concat() {
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
        if let Err(why) = with_hosts {
            println!("its test with a host that is cut off is ignored: {why}");
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
