//! A bar for a set of futures.

use std::fmt::Write;
use std::sync::Arc;

use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};

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
    let template = "{wide_bar} {human_pos} of {human_len} tasks, {rate}/s, {elapsed}";
    let style = ProgressStyle::with_template(template).expect("a template that is written here");
    style.with_key("rate", |state: &ProgressState, to: &mut dyn Write| {
        // Whoever draws the bar does not mind.
        let _ = write!(to, "{}", rate(state.per_sec()));
    })
}

/// A number in the digits that say something: three, or all of a whole number.
fn rate(number: f64) -> String {
    match number {
        ..0.9995 => format!("{number:.3}"),
        ..9.995 => format!("{number:.2}"),
        ..99.95 => format!("{number:.1}"),
        _ => HumanCount(number.round() as u64).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_three_digits_or_is_whole() {
        for (number, expected) in [
            (0.0, "0.000"),
            (0.01234, "0.012"),
            (0.9996, "1.00"),
            (1.2345, "1.23"),
            (9.996, "10.0"),
            (12.345, "12.3"),
            (99.96, "100"),
            (1971.4119, "1,971"),
            (2345678.9, "2,345,679"),
        ] {
            assert_eq!(rate(number), expected, "{number}");
        }
    }
}
