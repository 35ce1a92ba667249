//! A cluster leaves nothing behind: no process, no zombie, no thread, no file
//! descriptor. One test, so that nobody else's come and go meanwhile.

mod common;

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::wait::{WaitPidFlag, waitpid};

use common::{ABORT, INCREMENT, SLEEP, claim, clients, within};

#[test]
fn worker_entry() {
    claim();
}

/// A child of this process, dead or alive, if there is one.
fn child() -> Option<String> {
    match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Err(nix::errno::Errno::ECHILD) => None,
        other => Some(format!("{other:?}")),
    }
}

fn workers_threads() -> usize {
    let threads = fs::read_dir("/proc/self/task").expect("Linux").flatten();
    let names = threads.filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
    names.filter(|name| name.starts_with("worker-")).count()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux").count()
}

/// A joined thread may stand in /proc for an instant more.
fn assert_nothing_left(when: &str, descriptors_before: usize) {
    assert_eq!(child(), None, "{when}: no child is left, not even a zombie");
    let started = Instant::now();
    loop {
        let left = (workers_threads(), descriptors());
        if left == (0, descriptors_before) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{when}: {left:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn nothing_is_left() {
    claim();
    // What looks after the standard error of all workers stays.
    clients(1).for_each(|(_, client)| client.close());
    let before = descriptors();
    for (name, client) in clients(3) {
        within(|| client.gather(client.map(&INCREMENT, 0..100))).expect("increment does not fail");
        within(|| client.close());
        assert_nothing_left(&format!("{name}: closed when idle"), before);
    }
    for (name, client) in clients(3) {
        let futures = client.map(&SLEEP, vec![100; 30]);
        within(|| drop(client));
        assert_nothing_left(&format!("{name}: dropped in mid-run"), before);
        drop(futures);
    }
    for (name, client) in clients(2).filter(|(name, _)| name.starts_with("processes")) {
        let poison = client.submit(&ABORT, 0);
        assert!(within(|| poison.result()).is_err());
        within(|| client.close());
        assert_nothing_left(&format!("{name}: after deaths"), before);
    }
}
