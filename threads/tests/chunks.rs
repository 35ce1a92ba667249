//! In place: every element is changed once, however the array is cut.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use threads::{scoped, serial, sin, work_stealing};

/// The lecture's split, `N = size // n` and then `n` slices of length `N`: it
/// loses what the division leaves over.
fn lossy(data: &mut [f64], parts: usize, work: fn(&mut [f64])) {
    let length = data.len() / parts;
    for part in 0..parts {
        work(&mut data[part * length..(part + 1) * length]);
    }
}

fn angles(length: u32) -> Vec<f64> {
    (0..length).map(f64::from).collect()
}

fn bits(x: &[f64]) -> Vec<u64> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn sines_agree_bit_for_bit() {
    for length in [0, 1, 2, 9, 10, 11, 1_000, 10_007] {
        let mut expected = angles(length);
        serial::for_each_chunk(&mut expected, sin);

        let mut stolen = angles(length);
        work_stealing::for_each_chunk(&mut stolen, sin);
        assert_eq!(bits(&stolen), bits(&expected), "work stealing on {length}");

        for parts in [1, 2, 3, 7, 10] {
            let mut scoped = angles(length);
            scoped::for_each_chunk(&mut scoped, parts, sin);
            assert_eq!(bits(&scoped), bits(&expected), "{length} in {parts} parts");
        }
    }
}

#[test]
fn every_element_is_changed_exactly_once() {
    for length in 0..40 {
        let once = vec![1; length];
        let add_one = |chunk: &mut [i32]| {
            assert!(!chunk.is_empty(), "no thread is started for nothing");
            chunk.iter_mut().for_each(|x| *x += 1);
        };

        let mut data = vec![0; length];
        serial::for_each_chunk(&mut data, add_one);
        assert_eq!(data, once);

        let mut data = vec![0; length];
        work_stealing::for_each_chunk(&mut data, add_one);
        assert_eq!(data, once);

        // More parts than elements included.
        for parts in (1..12).chain([usize::MAX]) {
            let mut data = vec![0; length];
            scoped::for_each_chunk(&mut data, parts, add_one);
            assert_eq!(data, once, "{length} in {parts} parts");
        }
    }
}

#[test]
fn no_more_chunks_than_parts() {
    for length in 0..40 {
        for parts in 1..12 {
            let chunks = AtomicUsize::new(0);
            scoped::for_each_chunk(&mut vec![0; length], parts, |_| {
                chunks.fetch_add(1, Relaxed);
            });
            assert!(chunks.into_inner() <= parts, "{length} in {parts} parts");
        }
    }
}

#[test]
fn each_chunk_has_a_thread_at_once() {
    for parts in [1, 2, 7, 10] {
        // Nobody passes the barrier before all are there: chunks in turn, or on
        // fewer threads, would never end.
        let all_here = Barrier::new(parts);
        let mut data = vec![0; 3 * parts];
        scoped::for_each_chunk(&mut data, parts, |chunk| {
            all_here.wait();
            chunk.fill(1);
        });
        assert_eq!(data, vec![1; 3 * parts]);
    }
}

#[test]
fn two_threads_of_a_pool_share_the_chunks() {
    // A pool of its own, for the global one has a single thread on a single core.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
    let both_here = Barrier::new(2);
    let mut data = [0; 2];
    pool.install(|| {
        work_stealing::for_each_chunk(&mut data, |chunk: &mut [i32]| {
            both_here.wait();
            chunk.fill(1);
        });
    });
    assert_eq!(data, [1; 2]);
}

#[test]
#[should_panic(expected = "0 parts")]
fn zero_parts_are_refused() {
    scoped::for_each_chunk(&mut [1.0], 0, sin);
}

#[test]
fn the_lectures_split_loses_the_remainder() {
    for (length, parts, lost) in [(1_000, 2, 0), (1_001, 2, 1), (1_000, 3, 1), (1_001, 7, 0)]
        .into_iter()
        .chain([(1_000_001, 7, 2), (9, 10, 9)])
    {
        let before = angles(length);
        let mut after = before.clone();
        lossy(&mut after, parts, |chunk| chunk.iter_mut().for_each(|x| *x += 1.0));
        let unchanged = before.iter().zip(&after).filter(|(before, after)| before == after);
        assert_eq!(unchanged.count(), lost, "{length} in {parts} parts");
    }
}

#[test]
fn a_panic_in_one_chunk_reaches_the_caller_and_the_other_chunks_are_done() {
    let mut data = vec![0; 10];
    let payload = catch_unwind(AssertUnwindSafe(|| {
        let first = data.as_ptr().addr();
        scoped::for_each_chunk(&mut data, 5, |chunk: &mut [i32]| {
            assert_ne!(chunk.as_ptr().addr(), first, "the first chunk is bad");
            chunk.fill(1);
        });
    }))
    .expect_err("the first chunk panics");
    let message = payload.downcast_ref::<String>().expect("a formatted message");
    assert!(message.contains("the first chunk is bad"), "{message:?}");
    assert_eq!(data, [0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);

    for model in [
        |data: &mut [i32], work: fn(&mut [i32])| serial::for_each_chunk(data, work),
        |data: &mut [i32], work: fn(&mut [i32])| work_stealing::for_each_chunk(data, work),
    ] {
        assert!(catch_unwind(|| model(&mut [1, 2, 3], |_| panic!("bad"))).is_err());
    }
}
