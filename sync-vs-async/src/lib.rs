//! Waiting: block a thread, or come back later.
