//! Work that is lent to other threads for as long as its owner waits.
//!
//! The threads of a pool outlive any one map, so the compiler cannot know that
//! they are done with the caller's items when the map returns: it would ask
//! for `'static` items, that is, for a copy of them. [`lend`] erases the
//! lifetime and takes over the proof. It does not return, and does not let a
//! panic pass, before every thread that began the work has left it; a thread
//! that comes later finds the loan ended and never touches the work.
//!
//! `std::thread::scope` makes the same promise, but only to threads that it
//! starts itself.
#![allow(unsafe_code, reason = "the lifetime of borrowed work is erased here and proved here")]

use std::fmt;
use std::mem::transmute;

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::thread::{self, Thread};
use crate::sync::{Arc, wait_a_little};

/// The work, as the owner lends it.
type Work<'a> = dyn Fn() + Sync + 'a;

/// The bit of [`Loan::state`] that says that nobody may begin any more. The
/// bits below count the borrowers.
const ENDED: usize = 1 << (usize::BITS - 1);

/// A right to do the owner's work, as long as the owner allows.
pub(crate) struct Loan {
    work: *const Work<'static>,
    state: AtomicUsize,
    owner: Thread,
}

// SAFETY: The pointer is followed only in `begin`, which shares the work
// between threads, and the work is `Sync`. The other fields are `Send` and
// `Sync` by themselves.
unsafe impl Send for Loan {}
// SAFETY: As above.
unsafe impl Sync for Loan {}

/// Lends `work` while `meanwhile` runs, which is given the loan to hand out,
/// and returns once nobody is at work any more.
///
/// If `meanwhile` panics, the panic goes on after the same wait.
pub(crate) fn lend<T>(work: &Work<'_>, meanwhile: impl FnOnce(&Arc<Loan>) -> T) -> T {
    // SAFETY: The two types differ in a lifetime only. The pointer is followed
    // by borrowers only, and `Recall` waits for every borrower before this
    // function ends, so before `work` does.
    let work = unsafe { transmute::<*const Work<'_>, *const Work<'static>>(work) };
    let loan = Arc::new(Loan { work, state: AtomicUsize::new(0), owner: thread::current() });
    let _recall = Recall(&loan);
    meanwhile(&loan)
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Loan {
    /// Does the work, unless the loan has ended, and says whether it did. A
    /// panic of the work goes on to the borrower.
    pub(crate) fn work(&self) -> bool {
        let Some(borrowed) = self.begin() else { return false };
        (borrowed.work)();
        true
    }

    fn begin(&self) -> Option<Borrowed<'_>> {
        let one_more = |state| (state & ENDED == 0).then_some(state + 1);
        self.state.fetch_update(Ordering::Acquire, Ordering::Relaxed, one_more).ok()?;
        // SAFETY: The loan had not ended when this borrower was counted, and
        // the owner waits in `Recall::drop` until it is counted out again,
        // which happens when `Borrowed` is dropped, after its last use.
        Some(Borrowed { loan: self, work: unsafe { &*self.work } })
    }
}

/// One borrower at work; dropping it, by a panic too, counts it out.
struct Borrowed<'a> {
    loan: &'a Loan,
    work: &'a Work<'static>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        // `Release` hands all that the work wrote to the owner, who acquires.
        // The loan itself outlives this: whoever borrows holds its `Arc`.
        if self.loan.state.fetch_sub(1, Ordering::Release) == ENDED + 1 {
            self.loan.owner.unpark();
        }
    }
}

/// Ends the loan when it is dropped, and waits for the borrowers.
struct Recall<'a>(&'a Loan);

impl Drop for Recall<'_> {
    fn drop(&mut self) {
        let state = &self.0.state;
        state.fetch_or(ENDED, Ordering::Relaxed);
        // The last borrower is usually at its last items, and to be woken
        // takes longer than they do.
        if wait_a_little(|| state.load(Ordering::Acquire) == ENDED) {
            return;
        }
        while state.load(Ordering::Acquire) != ENDED {
            // A wake-up between the look and the park is not lost: it makes
            // the park return at once. Others make it look again.
            thread::park();
        }
    }
}

#[cfg(all(test, not(pool_loom)))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_owner_waits_for_a_borrower_even_when_it_panics() {
        let (hand_out, borrowers) = mpsc::channel::<Arc<Loan>>();
        let (began, wait) = mpsc::channel();
        let borrower =
            thread::spawn(move || borrowers.iter().for_each(|loan| assert!(loan.work())));
        let finished = AtomicBool::new(false);
        let slow = || {
            began.send(()).expect("the owner waits for this");
            thread::sleep(Duration::from_millis(50));
            finished.store(true, Ordering::Relaxed);
        };
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            lend(&slow, |loan| {
                hand_out.send(Arc::clone(loan)).expect("the borrower lives");
                wait.recv().expect("the borrower begins");
                panic!("the owner gives up");
            });
        }));
        assert!(panicked.is_err());
        assert!(finished.load(Ordering::Relaxed));
        drop(hand_out);
        borrower.join().expect("the borrower ends");
    }

    #[test]
    fn a_late_borrower_does_nothing() {
        let times = AtomicUsize::new(0);
        let count = || {
            times.fetch_add(1, Ordering::Relaxed);
        };
        let late = lend(&count, |loan| {
            assert!(loan.work());
            Arc::clone(loan)
        });
        assert!(!late.work());
        assert_eq!(times.into_inner(), 1);
    }

    #[test]
    fn a_panicking_borrower_is_counted_out() {
        let panics = || panic!("in the work");
        lend(&panics, |loan| {
            assert!(catch_unwind(AssertUnwindSafe(|| loan.work())).is_err());
        });
    }
}
