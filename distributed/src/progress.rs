//! A bar for a set of futures.

use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};

use crate::Future;
use crate::slot::{Queue, Waiter};

/// Waits for all of them, whatever comes of them, and draws how many are there.
///
/// The bar stands on standard error, and only where that is a terminal; as in
/// Dask, a task that failed counts as done.
///
/// ```
/// # use distributed::{Client, progress};
/// # use processes::Task;
/// # const INC: Task<i64, i64> = Task::new("inc", |x| x + 1);
/// let client = Client::local().n_workers(2).processes(false).start()?;
/// let futures = client.map(&INC, 0..100);
/// progress(&futures);
/// assert!(futures.iter().all(|future| future.done()));
/// # Ok::<(), distributed::Error>(())
/// ```
pub fn progress<Out>(futures: &[Future<Out>]) {
    let bar = ProgressBar::new(futures.len() as u64).with_style(style());
    let queue = Arc::new(Queue::default());
    for (place, future) in futures.iter().enumerate() {
        future.tell(Waiter::Queue(Arc::clone(&queue), place));
    }
    for _ in futures {
        queue.pop();
        bar.inc(1);
    }
    bar.finish();
}

fn style() -> ProgressStyle {
    let template = "{wide_bar} {human_pos} of {human_len} tasks, {per_sec}, {elapsed}";
    ProgressStyle::with_template(template).expect("a template that is written here")
}
