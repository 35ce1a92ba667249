//! One slot for each result, filled by many threads, a chunk at a time.
//!
//! Each chunk is claimed by exactly one thread, with one atomic instruction on
//! a counter that the threads share. (They contend for it: where chunks are of
//! a few nanoseconds, the counter's cache line is what they wait for.) What a
//! thread has done it counts for itself, and adds to a second counter once,
//! when it is done. Results are written where they will stay, so keeping the
//! order of the items costs nothing. An item whose function panics leaves its
//! slot empty and its panic in a list; the rest of the chunk is still done.
#![allow(unsafe_code, reason = "slots are shared before they are filled, and each is filled once")]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;

use crate::Error;
use crate::panics::{self, Panic};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard, lock};

/// The results of a map that is under way.
pub(crate) struct Slots<R> {
    slots: Box<[Slot<R>]>,
    /// The number of slots claimed so far.
    claimed: OwnLine<AtomicUsize>,
    /// The number of slots whose item was tried, by the threads that are done.
    tried: OwnLine<AtomicUsize>,
    /// The items that panicked, whose slots are empty.
    panics: Mutex<Vec<(usize, Panic)>>,
}

/// A value that shares its cache line with no other, so that threads which
/// change it do not slow down those that want its neighbours. 128 bytes: some
/// processors fetch lines of 64 in pairs, others have lines of 128.
#[repr(align(128))]
struct OwnLine<T>(T);

#[repr(transparent)]
struct Slot<R>(UnsafeCell<MaybeUninit<R>>);

// SAFETY: A slot is reached through `claim` only, which gives each to one
// thread; what that thread writes is moved to another, so `R` is `Send`.
unsafe impl<R: Send> Sync for Slot<R> {}

impl<R> Slots<R> {
    /// Empty slots, to be claimed and filled.
    pub(crate) fn new(len: usize) -> Self {
        Self {
            slots: (0..len).map(|_| Slot(UnsafeCell::new(MaybeUninit::uninit()))).collect(),
            claimed: OwnLine(AtomicUsize::new(0)),
            tried: OwnLine(AtomicUsize::new(0)),
            panics: Mutex::new(Vec::new()),
        }
    }

    /// How many slots nobody has claimed yet.
    pub(crate) fn unclaimed(&self) -> usize {
        self.slots.len() - self.claimed.0.load(Ordering::Relaxed)
    }

    /// One thread's part in the filling, with `f` of each item.
    ///
    /// # Panics
    /// If there are not as many items as slots.
    pub(crate) fn filler<'a, T, F: Fn(&T) -> R>(
        &'a self,
        items: &'a [T],
        f: &'a F,
    ) -> Filler<'a, T, R, F> {
        assert_eq!(items.len(), self.slots.len(), "an item for each slot");
        Filler { slots: self, items, f, tried: 0 }
    }

    /// The first item of the next chunk, and its slots; as many as `size`
    /// makes of the number of slots that are unclaimed, at least one.
    #[allow(clippy::mut_from_ref, reason = "no slot is given out twice")]
    fn claim(&self, size: impl Fn(usize) -> usize) -> Option<(usize, &mut [MaybeUninit<R>])> {
        let len = self.slots.len();
        let mut start = self.claimed.0.load(Ordering::Relaxed);
        let end = loop {
            if start == len {
                return None;
            }
            let end = start + size(len - start).clamp(1, len - start);
            // `Relaxed`: the counter hands out numbers and nothing else.
            match self.claimed.0.compare_exchange_weak(
                start,
                end,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => break end,
                Err(now) => start = now,
            }
        };
        let slots = &self.slots[start..end];
        let first = slots.as_ptr().cast::<MaybeUninit<R>>().cast_mut();
        // SAFETY: `first` points to as many slots as the slice holds, each an
        // `UnsafeCell` that may be written through a shared reference, and
        // each with the layout of what it holds (`repr(transparent)`, twice).
        // No other reference to them exists or will: the counter only grows,
        // and whoever moves it from `start` to `end` has what lies between;
        // and `finish` takes `self`.
        Some((start, unsafe { std::slice::from_raw_parts_mut(first, slots.len()) }))
    }

    /// The results in order, or the panic of the first item that panicked.
    pub(crate) fn finish(mut self) -> Result<Vec<R>, Error> {
        if self.panics().is_empty() {
            // SAFETY: All items were tried and none panicked.
            Ok(unsafe { assume_filled(self.slots) })
        } else {
            // Results of the others are dropped on the way.
            self.finish_each().into_iter().collect()
        }
    }

    /// One result for each item, in order.
    pub(crate) fn finish_each(mut self) -> Vec<Result<R, Error>> {
        self.panics().sort_unstable_by_key(|(item, _)| *item);
        let mut panics = std::mem::take(&mut *self.panics()).into_iter().peekable();
        let outcome = |(item, slot): (usize, Slot<R>)| match panics.next_if(|p| p.0 == item) {
            // SAFETY: All items were tried, and this one did not panic.
            None => Ok(unsafe { slot.0.into_inner().assume_init() }),
            Some((_, panic)) => Err(panic.of(Some(item))),
        };
        self.slots.into_iter().enumerate().map(outcome).collect()
    }

    /// The items that panicked. All other slots are filled.
    fn panics(&mut self) -> MutexGuard<'_, Vec<(usize, Panic)>> {
        // `Acquire`: see `Filler::drop`. What was claimed but not finished
        // would be read before it is written.
        assert_eq!(
            self.tried.0.load(Ordering::Acquire),
            self.slots.len(),
            "every chunk is finished"
        );
        lock(&self.panics)
    }
}

/// One thread at work on the slots. When it is dropped, what it did counts.
pub(crate) struct Filler<'a, T, R, F> {
    slots: &'a Slots<R>,
    items: &'a [T],
    f: &'a F,
    tried: usize,
}

impl<T, R, F: Fn(&T) -> R> Filler<'_, T, R, F> {
    /// Claims a chunk and fills it; returns how many items that were, zero if
    /// none was left. `size` makes the size of a chunk of the number of items
    /// that nobody has claimed.
    pub(crate) fn fill(&mut self, size: impl Fn(usize) -> usize) -> usize {
        let Some((start, slots)) = self.slots.claim(size) else { return 0 };
        let items = &self.items[start..start + slots.len()];
        let mut done = 0;
        while done < items.len() {
            // One catch for the whole chunk costs little while nothing
            // panics. After a panic it begins again one item on.
            let caught = panics::catch(|| {
                for (item, slot) in items[done..].iter().zip(&mut slots[done..]) {
                    slot.write((self.f)(item));
                    done += 1;
                }
            });
            if let Err(panic) = caught {
                lock(&self.slots.panics).push((start + done, panic));
                done += 1;
            }
        }
        self.tried += done;
        done
    }
}

impl<T, R, F> Drop for Filler<'_, T, R, F> {
    fn drop(&mut self) {
        // `Release`: whoever counts these slots also sees what is in them.
        self.slots.tried.0.fetch_add(self.tried, Ordering::Release);
    }
}

/// Takes the results out of filled slots, in place.
///
/// # Safety
/// All slots are filled.
unsafe fn assume_filled<R>(slots: Box<[Slot<R>]>) -> Vec<R> {
    let slots = Box::into_raw(slots) as *mut [R];
    // SAFETY: The pointer comes from a box, and a filled slot has the layout
    // of its result: `Slot`, `UnsafeCell` and `MaybeUninit` are transparent.
    unsafe { Box::from_raw(slots) }.into_vec()
}

#[cfg(all(test, not(pool_loom)))]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn fill<T, R>(slots: &Slots<R>, items: &[T], chunk: usize, f: impl Fn(&T) -> R) {
        let mut filler = slots.filler(items, &f);
        while filler.fill(|_| chunk) > 0 {}
    }

    /// Values that count the copies of themselves that are alive.
    fn counted(items: &[u32], panics: impl Fn(u32) -> bool + Sync) -> (Slots<Arc<()>>, Arc<()>) {
        let alive = Arc::new(());
        let slots = Slots::new(items.len());
        fill(&slots, items, 3, |&item| {
            assert!(!panics(item), "item {item}");
            Arc::clone(&alive)
        });
        (slots, alive)
    }

    #[test]
    fn results_are_dropped_once_whether_or_not_items_panic() {
        let items: Vec<u32> = (0..20).collect();
        for panicking in 0..4 {
            let panics = |item: u32| panicking > 0 && item % 4 < panicking;
            let (slots, alive) = counted(&items, panics);
            assert_eq!(slots.finish().is_err(), panicking > 0);
            assert_eq!(Arc::strong_count(&alive), 1);

            let (slots, alive) = counted(&items, panics);
            let each = slots.finish_each();
            assert_eq!(Arc::strong_count(&alive), 21 - 5 * panicking as usize);
            for (item, outcome) in each.into_iter().enumerate() {
                assert_eq!(outcome.is_err(), panics(item as u32));
            }
            assert_eq!(Arc::strong_count(&alive), 1);
        }
    }

    #[test]
    #[should_panic(expected = "every chunk is finished")]
    fn unfilled_slots_are_never_read() {
        let _ = Slots::<String>::new(1).finish();
    }

    #[test]
    fn values_without_size_and_chunks_of_any() {
        for chunk in [0, 1, 2, 5, 6, usize::MAX] {
            let slots = Slots::new(5);
            fill(&slots, &[(); 5], chunk, |()| ());
            assert_eq!(slots.unclaimed(), 0);
            assert_eq!(slots.finish().map(|all| all.len()).ok(), Some(5));
        }
    }
}
