//! A pool of your own, of threads and of processes: what a README can show of it.

use std::time::Duration;

use pool::{ProcessPool, ThreadPool};
use processes::{Registry, Task};

/// A task for other processes: a function with a name, no closure.
const CUBE: Task<u64, Option<u64>> = Task::new("cube", |x| x.checked_pow(3));

fn main() -> Result<(), pool::Error> {
    // The first line: a worker process is this program once more, and stops here.
    processes::worker_entry(Registry::new().with(&CUBE));

    let words = ["one", "two", "three"];
    let threads = ThreadPool::new(4)?;
    println!("{:?}", threads.map(&words, |word| word.len())?); // borrows; the order is kept
    let handle = threads.submit(|| 6 * 7)?;
    println!("{}", handle.join()?);
    for square in threads.imap(0..3_u64, |x| x * x) {
        println!("{}", square?); // one by one, in order; each is a result of its own
    }
    for (item, square) in threads.imap_unordered(0..3_u64, |x| x * x) {
        println!("item {item}: {}", square?); // whichever is done first
    }

    let processes = ProcessPool::builder().workers(2).deadline(Duration::from_secs(5)).build()?;
    println!("{:?}", processes.map(&CUBE, &[1, 2, 3, u64::MAX])?);
    println!("{:?}", processes.submit(&CUBE, 5)?.join()?);
    processes.shutdown(); // waits for all; to drop it ends what runs
    Ok(())
}
