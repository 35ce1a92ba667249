//! Whether two halves of some work are done one after the other or side by side.

/// Does two things, on two threads if it has them.
pub(crate) trait Join: Copy + Send + Sync {
    /// Both results. `worth` says whether the halves are long enough to be handed to
    /// another thread.
    fn both<A: Send, B: Send>(
        self,
        worth: bool,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B);
}

/// One after the other.
#[derive(Clone, Copy)]
pub(crate) struct Alone;

impl Join for Alone {
    fn both<A: Send, B: Send>(
        self,
        _: bool,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        (a(), b())
    }
}

/// On rayon's threads: those of the pool that the call is made in.
#[derive(Clone, Copy)]
pub(crate) struct Crew;

impl Join for Crew {
    fn both<A: Send, B: Send>(
        self,
        worth: bool,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        if worth { rayon::join(a, b) } else { Alone.both(false, a, b) }
    }
}
