//! Ctrl-C while benches run: it is noted, and whoever waits looks.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Notes Ctrl-C from now on instead of ending at once.
pub(crate) fn watch() {
    // An error means that a handler is set already, by an earlier call.
    let _ = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed));
}

/// Whether there was one.
pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// # Errors
/// [`Error::Interrupted`] after Ctrl-C; who measures fills in how far it came.
pub(crate) fn stop_if_interrupted() -> Result<(), Error> {
    if is_interrupted() {
        return Err(Error::Interrupted { done: 0, cells: 0 });
    }
    Ok(())
}
