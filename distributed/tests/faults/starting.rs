//! Workers that do not get ready: 22, 23, 36 and 50.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use distributed::{Client, Error};
use nix::sys::signal::Signal;

use crate::harness::{cluster, fault, fault_with, inside, pids, print, signal_all, timed, until};
use crate::tasks::{EXIT, INCREMENT, PREPARE, PREPARE_AND_DIE};

/// While the file of this name is there, workers end before their entry. Each
/// worker leaves a byte in the file beside it.
const EARLY: &str = "DISTRIBUTED_FAULT_EARLY";

/// While the file of this name is there, workers abort soon after their entry.
/// Each worker leaves a byte in the file beside it.
const SOON: &str = "DISTRIBUTED_FAULT_SOON";

/// Workers become the program of this name before their entry.
const COPY: &str = "DISTRIBUTED_FAULT_COPY";

/// What workers do before they come to their entry.
pub(crate) fn before_the_entry() {
    if env::args().next().is_none_or(|name| name != processes::WORKER_NAME) {
        return;
    }
    if let Ok(file) = env::var(EARLY).or_else(|_| env::var(SOON)) {
        let count = OpenOptions::new().create(true).append(true).open(file + ".count");
        count.expect("the directory is there").write_all(b".").expect("a byte");
    }
    if env::var(EARLY).is_ok_and(|file| Path::new(&file).exists()) {
        eprintln!("no licence today");
        std::process::exit(7);
    }
    if env::var(SOON).is_ok_and(|file| Path::new(&file).exists()) {
        thread::spawn(|| {
            thread::sleep(Duration::from_millis(20));
            std::process::abort();
        });
    }
    if let Ok(copy) = env::var(COPY)
        && Path::new(&copy).exists()
        && fs::read_link("/proc/self/exe").is_ok_and(|exe| exe != Path::new(&copy))
    {
        let mut command = Command::new(&copy);
        command.arg0(processes::WORKER_NAME).args(env::args().skip(1));
        panic!("{}", command.exec());
    }
}

/// Runs a fault for which a variable names a file, which is not there yet.
fn fault_of(test: &str, variable: &str, body: fn()) {
    if inside(test) {
        return fault(test, body);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    fault_with(test, &[(variable, file.to_str().expect("text"))], body);
}

/// How many workers have left a byte.
fn starts(variable: &str) -> usize {
    let count = env::var(variable).expect("it is set") + ".count";
    fs::read(count).map_or(0, |bytes| bytes.len())
}

#[test]
fn fault_50_worker_of_another_build() {
    let test = "starting::fault_50_worker_of_another_build";
    fault_of(test, COPY, || {
        let copy = env::var(COPY).expect("it is set");
        fs::copy("/proc/self/exe", &copy).expect("a copy");
        let cluster = || Client::local().n_workers(2).start();
        let refused = timed("50 `Start`, naming both builds", cluster);
        let Err(Error::Start(source)) = refused.map(drop) else { panic!("it is refused") };
        let text = source.to_string();
        let text = text.split("; its last words").next().expect("what is before it");
        // "this is protocol 3, build a; it is protocol 3, build b"
        let builds: Vec<&str> = text
            .split("build ")
            .skip(1)
            .map(|rest| rest.split([';', ' ']).next().expect("one"))
            .collect();
        assert!(matches!(builds[..], [ours, theirs] if ours != theirs), "{text}");
    });
}
