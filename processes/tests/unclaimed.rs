//! A test harness that never claims the worker entry.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;

use processes::{Error, WORKER_NAME, Worker};

#[test]
fn nothing_is_started() {
    let refused = Worker::spawn().expect_err("the entry was not claimed");
    assert!(matches!(refused, Error::EntryNotClaimed), "{refused:?}");
    for told in [format!("{refused}"), format!("{refused:?}")] {
        assert!(told.contains("processes::worker_entry(registry);"), "{told}");
    }
    assert!(matches!(Worker::spawn_all(2), Err(Error::EntryNotClaimed)));
    assert!(matches!(Worker::spawn_single_threaded(), Err(Error::EntryNotClaimed)));
}

#[test]
fn started_as_a_worker_it_aborts_and_names_the_line() {
    let ended = Command::new("/proc/self/exe")
        .arg0(WORKER_NAME)
        .args(["--exact", "nothing_is_started", "--nocapture"])
        .output()
        .expect("this harness runs");
    assert_eq!(ended.status.signal(), Some(6), "{ended:?}");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(told.contains("processes::worker_entry(registry);"), "{told}");
}
