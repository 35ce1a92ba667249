//! Threads that do not get ready: 55.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use pool::{Error, ThreadPool};

use crate::harness::{fault, no_thread_is_left};

#[test]
fn fault_55_an_initializer_fails_or_panics() {
    fault("starting::fault_55_an_initializer_fails_or_panics", || {
        // In one of three threads: the others end before the error is here.
        for panics in [false, true] {
            let calls = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&calls);
            let initializer = move || match counted.fetch_add(1, Ordering::Relaxed) {
                1 if panics => panic!("no luck"),
                1 => Err("no luck"),
                _ => Ok(()),
            };
            let built = ThreadPool::builder().workers(3).initializer(initializer).build();
            match built.map(|_| ()) {
                Err(Error::Initializer { message }) => assert_eq!(message, "no luck"),
                other => panic!("{other:?}"),
            }
            assert_eq!(calls.load(Ordering::Relaxed), 3, "each thread tries once");
            no_thread_is_left("pool-");
        }
        // In the caller, who works too: an error of the map, no loop.
        let main = thread::current().id();
        let initializer = move || match thread::current().id() == main {
            true => Err("not here"),
            false => Ok(()),
        };
        let pool = ThreadPool::builder().workers(2).initializer(initializer).build();
        let pool = pool.expect("its own threads are all right");
        let refused = pool.map(&[1], |x| *x);
        assert!(matches!(refused, Err(Error::Initializer { .. })), "{refused:?}");
        assert_eq!(pool.submit(|| 5).expect("open").join().expect("no panic"), 5);
    });
}

#[test]
fn fault_55_a_thread_cannot_have_that_name() {
    fault("starting::fault_55_a_thread_cannot_have_that_name", || {
        let built = ThreadPool::builder().workers(3).name("a\0b").build();
        assert!(matches!(built, Err(Error::Thread(_))));
        no_thread_is_left("a");
    });
}
