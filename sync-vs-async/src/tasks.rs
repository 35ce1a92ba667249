//! Come back later: one wait and one computation, put together in every way
//! that looks reasonable.
//!
//! With a wait of w and a computation of c:
//!
//! | model | takes | because |
//! |---|---|---|
//! | [`join_sleep_first`] | max(w, c) | the sleep's clock runs before the computation begins |
//! | [`join_compute_first`] | w + c | the computation never yields, and no clock runs until it ends |
//! | [`deadline_first`] | max(w, c) | a tokio timer's deadline is fixed when it is made, not when polled |
//! | [`sequential`] | w + c | the second is not begun before the first is done |
//! | [`spawned`] | max(w, c) | a task each; on one thread, only because the sleep is spawned first |
//! | [`spawn_blocking`] | max(w, c) | the computation has a thread of its own |
//!
//! The computation is a closure, so that the lecture's squares, calibrated
//! work, or a test's probe can stand in its place. All models return its
//! result.

use std::time::Duration;

use tokio::task;
use tokio::time::sleep;

use crate::{Error, squares};

/// The lecture's `fun2(n, m)`: waits `n` and computes m squares meanwhile.
///
/// The lecture's own returns `a[0]`, which is the sleep's `None`; this returns
/// the squares, so that both functions can be compared.
///
/// ```
/// use std::time::Duration;
/// use sync_vs_async::{fun1, fun2, runtime};
///
/// # fn main() -> std::io::Result<()> {
/// let n = Duration::from_millis(1);
/// assert_eq!(runtime::current_thread()?.block_on(fun2(n, 3)), fun1(n, 3));
/// # Ok(())
/// # }
/// ```
pub async fn fun2(n: Duration, m: u64) -> Vec<u64> {
    join_sleep_first(n, || squares(m)).await
}

/// The lecture's `_fun2a`. Nothing happens before the first poll, the reading
/// of the clock included.
async fn fun2a(wait: Duration) {
    sleep(wait).await;
}

/// The lecture's `_fun2b`. There is no `await` in it, so its first poll is its
/// last: whatever shares its thread waits until it is done.
async fn fun2b<R>(compute: impl FnOnce() -> R) -> R {
    compute()
}

/// Both at once, the sleep named first: the order in which `join!` polls them
/// first.
///
/// # Panics
/// If `compute` does.
pub async fn join_sleep_first<R>(wait: Duration, compute: impl FnOnce() -> R) -> R {
    let ((), result) = tokio::join!(fun2a(wait), fun2b(compute));
    result
}

/// Both at once, the computation named first. It overlaps with nothing.
///
/// # Panics
/// If `compute` does.
pub async fn join_compute_first<R>(wait: Duration, compute: impl FnOnce() -> R) -> R {
    let (result, ()) = tokio::join!(fun2b(compute), fun2a(wait));
    result
}

/// The computation named first, but the timer made before it: tokio's `sleep`
/// is a function that reads the clock, and only what it returns is a future.
///
/// # Panics
/// If `compute` does.
pub async fn deadline_first<R>(wait: Duration, compute: impl FnOnce() -> R) -> R {
    let timer = sleep(wait);
    let (result, ()) = tokio::join!(fun2b(compute), timer);
    result
}

/// One `await` after the other: correct, asynchronous, and no faster than
/// blocking, save that other tasks can run during the sleep.
///
/// # Panics
/// If `compute` does.
pub async fn sequential<R>(wait: Duration, compute: impl FnOnce() -> R) -> R {
    let result = fun2b(compute).await;
    fun2a(wait).await;
    result
}

/// A task each. On a multi-thread runtime they run in parallel; on one thread
/// in the order in which they were spawned.
///
/// Both tasks are awaited, the sleep too when the computation fails. If this
/// future is dropped halfway the tasks go on: tokio detaches them.
///
/// # Errors
/// [`Error::Panicked`] if `compute` panics.
pub async fn spawned<R: Send + 'static>(
    wait: Duration,
    compute: impl FnOnce() -> R + Send + 'static,
) -> Result<R, Error> {
    let sleeping = task::spawn(fun2a(wait));
    let computing = task::spawn(fun2b(compute));
    let (slept, computed) = tokio::join!(sleeping, computing);
    slept?;
    Ok(computed?)
}

/// The computation on one of the threads that the runtime keeps for blocking
/// work: what tokio's documentation asks for from some tens of microseconds on.
///
/// # Errors
/// [`Error::Panicked`] if `compute` panics.
pub async fn spawn_blocking<R: Send + 'static>(
    wait: Duration,
    compute: impl FnOnce() -> R + Send + 'static,
) -> Result<R, Error> {
    let computing = task::spawn_blocking(compute);
    let (computed, ()) = tokio::join!(computing, fun2a(wait));
    Ok(computed?)
}
