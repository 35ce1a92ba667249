//! Every model gives what the serial one gives, and fails as it does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Barrier, OnceLock};
use std::thread;

use threads::{Panicked, gil, scoped, serial, work_stealing};

type Map = fn(&[u32], fn(&u32) -> u64) -> Vec<u64>;

/// The models under one signature, so that all of them see the same inputs.
const MODELS: [(&str, Map); 4] = [
    ("serial", |items, work| serial::map(items, work)),
    ("scoped", |items, work| scoped::map(items, work)),
    ("work_stealing", |items, work| work_stealing::map(items, work)),
    ("gil", |items, work| gil::map(items, work)),
];

fn cube(x: &u32) -> u64 {
    u64::from(*x).pow(3)
}

fn fails_at_seven(x: &u32) -> u64 {
    assert_ne!(*x, 7, "seven is right out");
    cube(x)
}

#[test]
fn agrees_with_serial_on_none_one_and_many() {
    for length in [0, 1, 2, 10, 101] {
        let items: Vec<u32> = (0..length).collect();
        let expected: Vec<u64> = items.iter().map(cube).collect();
        for (name, map) in MODELS {
            assert_eq!(map(&items, cube), expected, "{name} on {length} items");
        }
    }
}

#[test]
fn a_panic_reaches_the_caller_with_its_own_message() {
    let items: Vec<u32> = (0..10).collect();
    for (name, map) in MODELS {
        let payload = catch_unwind(|| map(&items, fails_at_seven)).expect_err(name);
        let message = payload.downcast_ref::<String>().expect("a formatted message");
        assert!(message.contains("seven is right out"), "{name} said {message:?}");
        // Nothing is left locked or half ended: the model works as before.
        assert_eq!(map(&items, cube)[9], 729, "{name} after a panic");
    }
}

#[test]
fn a_panic_in_one_of_ten_threads_is_a_value_and_the_others_finish() {
    let items: Vec<u32> = (0..10).collect();
    let finished = AtomicUsize::new(0);
    let results = scoped::try_map(&items, |x| {
        let cube = fails_at_seven(x);
        finished.fetch_add(1, SeqCst);
        cube
    });

    assert_eq!(finished.into_inner(), 9);
    assert_eq!(results.len(), 10);
    for (index, result) in results.iter().enumerate() {
        match result {
            Ok(value) => assert_eq!(*value, cube(&items[index])),
            Err(Panicked { index: of, message }) => {
                assert_eq!((index, *of), (7, 7));
                assert!(message.contains("seven is right out"), "{message:?}");
            }
        }
    }
    let error = results[7].as_ref().expect_err("item 7 panicked").to_string();
    assert!(error.starts_with("thread 7 panicked: "), "{error:?}");
}

#[test]
fn the_first_panic_in_the_order_of_the_items_is_the_one_reported() {
    // Item 5 panics before item 2 does, which waits for it.
    let five_is_done = OnceLock::new();
    let items: Vec<u32> = (0..10).collect();
    let payload = catch_unwind(AssertUnwindSafe(|| {
        scoped::map(&items, |&x| match x {
            2 => {
                five_is_done.wait();
                panic!("item 2");
            }
            5 => {
                struct Done<'a>(&'a OnceLock<()>);
                impl Drop for Done<'_> {
                    fn drop(&mut self) {
                        self.0.set(()).expect("set once");
                    }
                }
                let _done = Done(&five_is_done);
                panic!("item 5");
            }
            _ => {}
        })
    }))
    .expect_err("two of them panic");
    assert_eq!(*payload.downcast_ref::<&str>().expect("a literal message"), "item 2");
}

#[test]
fn every_kind_of_panic_has_a_message() {
    let results = scoped::try_map(&[0, 1, 2], |&kind| match kind {
        0 => panic!("a literal"),
        1 => panic!("formatted {kind}"),
        _ => std::panic::panic_any(kind),
    });
    let messages: Vec<String> =
        results.into_iter().map(|result: Result<(), _>| result.unwrap_err().message).collect();
    assert_eq!(messages, ["a literal", "formatted 1", "with a payload that is no text"]);
}

#[test]
fn ten_scoped_threads_are_ten_threads_at_once_in_one_process() {
    // Nobody passes the barrier before all ten are there: a model that ran
    // them one after the other, or on fewer threads, would never end.
    let all_here = Barrier::new(10);
    let caller = (std::process::id(), thread::current().id());
    let mut seen = scoped::map(&[(); 10], |()| {
        all_here.wait();
        (std::process::id(), thread::current().id())
    });
    assert!(seen.iter().all(|&(process, thread)| process == caller.0 && thread != caller.1));
    seen.sort_by_key(|(_, thread)| format!("{thread:?}"));
    seen.dedup();
    assert_eq!(seen.len(), 10);
}

#[test]
fn two_threads_of_a_pool_work_at_once() {
    // A pool of its own, for the global one has a single thread on a single core.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
    let both_here = Barrier::new(2);
    let seen = pool.install(|| {
        work_stealing::map(&[0, 1], |&item| {
            both_here.wait();
            (item, thread::current().id())
        })
    });
    assert_eq!([seen[0].0, seen[1].0], [0, 1]);
    assert_ne!(seen[0].1, seen[1].1);
}
