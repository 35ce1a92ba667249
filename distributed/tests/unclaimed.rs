//! A program that has not said where its workers begin starts none, and is
//! told what is missing.

use distributed::{Client, Error};

#[test]
fn worker_processes_need_the_entry() {
    let refused = Client::local().n_workers(4).start();
    assert!(matches!(refused, Err(Error::Start(processes::Error::EntryNotClaimed))), "{refused:?}");
    let message = refused.expect_err("it was refused").to_string();
    assert!(message.contains("processes::worker_entry(registry);"), "{message}");
}

#[test]
fn worker_threads_do_not() {
    let client = Client::local().n_workers(4).processes(false).start();
    assert_eq!(client.expect("threads").info().workers.len(), 4);
}
