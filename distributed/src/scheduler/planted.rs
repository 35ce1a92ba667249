//! Bugs that can be planted, to see that the tests would find them.
//!
//! Only tests of this crate can plant one; anywhere else the question is
//! answered no at compile time.

use super::Scheduler;

/// A bug such as one makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planted {
    /// A lost value is made again only if the client wants it, and not if
    /// another task needs it.
    LineageForgotten,
    /// What merely waited with a worker that died is blamed for it.
    IdleDeathsCount,
    /// A value is freed when its future is released, though a task needs it.
    EagerFree,
    /// A repeated report finishes a task again.
    FinishTwice,
    /// What a worker is asked to give back is given to another before it has
    /// answered, and may have begun.
    AssumedRecall,
    /// What a worker gives back stands in no queue.
    RecalledLost,
}

impl Scheduler {
    /// Whether this bug is in this scheduler.
    #[cfg(test)]
    pub(super) fn planted(&self, bug: Planted) -> bool {
        self.planted == Some(bug)
    }

    /// Whether this bug is in this scheduler.
    #[cfg(not(test))]
    #[allow(clippy::unused_self)]
    pub(super) const fn planted(&self, _: Planted) -> bool {
        false
    }
}
