//! The primitives that the models of `loom` replace.
//!
//! The modules in which threads meet (`bell`, `board`, `loan`, `slots`) take
//! their atomics, locks and threads from here. Built with `--cfg pool_loom`,
//! they get loom's, which try every order in which threads can run and every
//! value that a read may see; `scripts/prove` does that.

#[cfg(not(pool_loom))]
pub(crate) use std::{
    sync::{Arc, Mutex, MutexGuard, atomic},
    thread,
};

#[cfg(pool_loom)]
pub(crate) use loom::{
    sync::{Arc, Mutex, MutexGuard, atomic},
    thread,
};

/// Locks, whatever panicked while it held the lock: what our locks guard is
/// whole between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits for something that should happen any moment: first at full speed, for
/// as long as it would take to sleep and be woken, then by letting other
/// threads have the processor, one of which may be what is waited for. Returns
/// whether it happened.
#[cfg(not(pool_loom))]
pub(crate) fn wait_a_little(happened: impl Fn() -> bool) -> bool {
    use std::time::{Duration, Instant};

    /// What sleeping and being woken takes, about.
    const SPIN: Duration = Duration::from_micros(20);
    const YIELD: Duration = Duration::from_micros(100);
    let start = Instant::now();
    loop {
        for _ in 0..64 {
            if happened() {
                return true;
            }
            std::hint::spin_loop();
        }
        match start.elapsed() {
            waited if waited < SPIN => {}
            waited if waited < YIELD => thread::yield_now(),
            _ => return false,
        }
    }
}

/// To a model, waiting in vain is every wait: it tries the other way too.
#[cfg(pool_loom)]
pub(crate) fn wait_a_little(happened: impl Fn() -> bool) -> bool {
    happened()
}
