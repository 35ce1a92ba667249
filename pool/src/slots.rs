//! One slot for each result, filled by many threads, a chunk at a time.
//!
//! Each chunk is claimed by exactly one thread, with one atomic instruction on
//! a counter that the threads share. (They contend for it: where chunks are of
//! a few nanoseconds, the counter's cache line is what they wait for.) What a
//! thread has done it counts for itself, and adds to a second counter once, when
//! no chunk is left. Results are written where they will stay, so keeping the order of the
//! items costs nothing. An item whose function panics leaves its slot empty
//! and its message in a list; the rest of the chunk is still done.
#![allow(unsafe_code, reason = "slots are shared before they are filled, and each is filled once")]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use processes::message_of;

use crate::Error;

/// The results of a map that is under way.
pub(crate) struct Slots<R> {
    slots: Box<[Slot<R>]>,
    chunk: usize,
    /// The number of chunks claimed so far, and of attempts that found none.
    claimed: OwnLine<AtomicUsize>,
    /// The number of slots whose item was tried, by the threads that are done.
    tried: OwnLine<AtomicUsize>,
    /// The items that panicked, whose slots are empty, with their messages.
    panics: Mutex<Vec<(usize, String)>>,
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
    /// Empty slots, to be claimed in chunks of this size.
    ///
    /// # Panics
    /// If the chunk size is zero.
    pub(crate) fn new(len: usize, chunk: usize) -> Self {
        assert!(chunk > 0, "a chunk holds at least one item");
        Self {
            slots: (0..len).map(|_| Slot(UnsafeCell::new(MaybeUninit::uninit()))).collect(),
            chunk,
            claimed: OwnLine(AtomicUsize::new(0)),
            tried: OwnLine(AtomicUsize::new(0)),
            panics: Mutex::default(),
        }
    }

    /// How many chunks there are to claim in all.
    pub(crate) fn chunks(&self) -> usize {
        self.slots.len().div_ceil(self.chunk)
    }

    /// Fills chunks with `f` of each item until no chunk is left; any number
    /// of threads may do so at once.
    ///
    /// # Panics
    /// If there are not as many items as slots.
    pub(crate) fn fill<T>(&self, items: &[T], f: impl Fn(&T) -> R) {
        assert_eq!(items.len(), self.slots.len(), "an item for each slot");
        let mut tried = 0;
        while let Some((start, slots)) = self.claim() {
            let items = &items[start..start + slots.len()];
            let mut done = 0;
            while done < items.len() {
                // One `catch_unwind` for the whole chunk costs nothing while
                // nothing panics. After a panic it begins again one item on.
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    for (item, slot) in items[done..].iter().zip(&mut slots[done..]) {
                        slot.write(f(item));
                        done += 1;
                    }
                }));
                if let Err(payload) = caught {
                    let mut panics = self.panics.lock().unwrap_or_else(PoisonError::into_inner);
                    panics.push((start + done, message_of(payload)));
                    done += 1;
                }
            }
            tried += done;
        }
        // `Release`: whoever counts these slots also sees what is in them.
        self.tried.0.fetch_add(tried, Ordering::Release);
    }

    /// The first item of the next chunk, and its slots.
    #[allow(clippy::mut_from_ref, reason = "no slot is given out twice")]
    fn claim(&self) -> Option<(usize, &mut [MaybeUninit<R>])> {
        // The count grows by one a call, so it cannot come round again.
        let chunk = self.claimed.0.fetch_add(1, Ordering::Relaxed);
        if chunk >= self.chunks() {
            return None;
        }
        let start = chunk * self.chunk;
        let slots = &self.slots[start..self.slots.len().min(start.saturating_add(self.chunk))];
        let first = slots.as_ptr().cast::<MaybeUninit<R>>().cast_mut();
        // SAFETY: `first` points to as many slots as the slice holds, each an
        // `UnsafeCell` that may be written through a shared reference, and
        // each with the layout of what it holds (`repr(transparent)`, twice).
        // No other reference to them exists or will: `fetch_add` gives every
        // chunk to one call, chunks do not overlap, and `finish` takes `self`.
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
        self.panics().sort_unstable();
        let mut panics = std::mem::take(self.panics()).into_iter().peekable();
        let outcome = |(item, slot): (usize, Slot<R>)| match panics.next_if(|p| p.0 == item) {
            // SAFETY: All items were tried, and this one did not panic.
            None => Ok(unsafe { slot.0.into_inner().assume_init() }),
            Some((_, message)) => Err(Error::Panicked { item: Some(item), message }),
        };
        self.slots.into_iter().enumerate().map(outcome).collect()
    }

    /// The items that panicked. All other slots are filled.
    fn panics(&mut self) -> &mut Vec<(usize, String)> {
        // `Acquire`: see `fill`. What was claimed but not finished would be
        // read before it is written.
        assert_eq!(
            self.tried.0.load(Ordering::Acquire),
            self.slots.len(),
            "every chunk is finished"
        );
        self.panics.get_mut().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A value that counts the copies of it that are alive, and may panic.
    fn counted(items: &[u32], panics: impl Fn(u32) -> bool + Sync) -> (Slots<Arc<()>>, Arc<()>) {
        let alive = Arc::new(());
        let slots = Slots::new(items.len(), 3);
        slots.fill(items, |&item| {
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
        let _ = Slots::<String>::new(1, 1).finish();
    }

    #[test]
    fn values_without_size_and_chunks_without_bound() {
        let slots = Slots::new(5, usize::MAX);
        assert_eq!(slots.chunks(), 1);
        slots.fill(&[(); 5], |()| ());
        assert_eq!(slots.finish().map(|all| all.len()).ok(), Some(5));
    }
}
