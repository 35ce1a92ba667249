//! Every model returns what the loop returns, in the same order.

use pool::cube::{CUBE, LARGEST, cube, registry};
use pool::{Error, ProcessPool, RayonPool, ThreadPool, serial};

type Cubes = Vec<Option<u64>>;

/// Workers start here; see `processes::test_worker_entry`.
#[test]
fn worker_entry() {
    processes::test_worker_entry("worker_entry", registry());
}

/// One pool of each kind, mapping cubes in chunks of a size, or in their own.
struct Pools(ThreadPool, RayonPool, ProcessPool);

impl Pools {
    fn of(workers: usize) -> Result<Self, Error> {
        worker_entry();
        Ok(Self(ThreadPool::new(workers)?, RayonPool::new(workers)?, ProcessPool::new(workers)?))
    }

    fn cubes(&self, numbers: &[u64], chunk: Option<usize>) -> Result<[(&str, Cubes); 3], Error> {
        let f = |&x: &u64| cube(x);
        let Self(threads, rayon, processes) = self;
        let (by_threads, by_rayon, by_processes) = match chunk {
            None => (threads.map(numbers, f), rayon.map(numbers, f), processes.map(&CUBE, numbers)),
            Some(chunk) => (
                threads.map_chunked(numbers, chunk, f),
                rayon.map_chunked(numbers, chunk, f),
                processes.map_chunked(&CUBE, numbers, chunk),
            ),
        };
        Ok([("threads", by_threads?), ("rayon", by_rayon?), ("processes", by_processes?)])
    }
}

fn agree(pools: &Pools, numbers: &[u64], chunk: Option<usize>) -> Result<(), Error> {
    let expected = serial::map(numbers, |&x| cube(x));
    for (model, cubes) in pools.cubes(numbers, chunk)? {
        assert_eq!(cubes, expected, "{model}, {} items, chunk {chunk:?}", numbers.len());
    }
    Ok(())
}

#[test]
fn on_no_item_one_and_many() -> Result<(), Error> {
    for workers in [1, 2, 4] {
        let pools = Pools::of(workers)?;
        for items in [0, 1, 2, 3, 15, 16, 17, 100, 1_000] {
            agree(&pools, &(0..items).collect::<Vec<_>>(), None)?;
        }
    }
    Ok(())
}

#[test]
fn in_chunks_of_any_size() -> Result<(), Error> {
    let pools = Pools::of(3)?;
    let numbers: Vec<u64> = (0..100).rev().collect();
    for chunk in [1, 7, 33, 99, 100, 101, usize::MAX] {
        agree(&pools, &numbers, Some(chunk))?;
    }
    Ok(())
}

#[test]
fn on_items_that_have_no_answer() -> Result<(), Error> {
    let pools = Pools::of(4)?;
    let numbers: Vec<u64> = (LARGEST - 50..LARGEST + 50).chain([u64::MAX]).collect();
    assert_eq!(serial::map(&numbers, |&x| cube(x)).iter().flatten().count(), 51);
    agree(&pools, &numbers, None)
}

#[test]
fn no_pool_is_made_of_no_workers() {
    worker_entry();
    assert!(matches!(ThreadPool::new(0), Err(Error::NoWorkers)));
    assert!(matches!(RayonPool::new(0), Err(Error::NoWorkers)));
    assert!(matches!(ProcessPool::new(0), Err(Error::NoWorkers)));
}

#[test]
fn a_pool_is_as_large_as_asked_for() -> Result<(), Error> {
    let Pools(threads, rayon, processes) = Pools::of(3)?;
    assert_eq!([threads.workers(), rayon.workers(), processes.workers()], [3; 3]);
    Ok(())
}
