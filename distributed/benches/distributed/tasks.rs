//! The suite's tasks, which the bench, its workers and the library for Dask's
//! workers share.

use std::time::Duration;

use processes::{Registry, Task};
use report::work::busy;
use serde_bytes::ByteBuf;

/// The Dask tutorial's `inc`.
pub(crate) const INCREMENT: Task<u64, u64> = Task::new("distributed/increment", |x| x + 1);

/// The Dask tutorial's `add`.
pub(crate) const ADD: Task<(u64, u64), u64> = Task::new("distributed/add", |(x, y)| x + y);

pub(crate) const SUM: Task<Vec<u64>, u64> = Task::new("distributed/sum", |xs| xs.iter().sum());

/// `report::work::busy`, as other processes know it.
pub(crate) const BUSY: Task<u64, u64> = Task::new("distributed/busy", busy);

/// Waits for so many microseconds, and returns them: work that takes time and
/// no core.
pub(crate) const WAIT: Task<u64, u64> = Task::new("distributed/wait", |us| {
    std::thread::sleep(Duration::from_micros(us));
    us
});

/// So many bytes, the same ones always.
pub(crate) const BLOB: Task<u64, ByteBuf> = Task::new("distributed/blob", blob);

/// The second link of a chain.
pub(crate) const PASSED_ON: Task<ByteBuf, ByteBuf> =
    Task::new("distributed/passed_on", |data| data);

/// It repeats itself after a prime number of bytes, so that a shift is seen.
pub(crate) fn blob(bytes: u64) -> ByteBuf {
    const BLOCK: usize = 251;
    let block: [u8; BLOCK] = std::array::from_fn(|at| at as u8);
    let mut data = block.repeat(bytes as usize / BLOCK + 1);
    data.truncate(bytes as usize);
    ByteBuf::from(data)
}

pub(crate) fn registry() -> Registry {
    Registry::new()
        .with(&INCREMENT)
        .with(&BUSY)
        .with(&WAIT)
        .with(&ADD)
        .with(&SUM)
        .with(&BLOB)
        .with(&PASSED_ON)
}
