//! Many values at the end of a vector.
//!
//! `Vec::push` writes the vector's length down after every value and reads it
//! again before the next, which takes longer than to decode a number. Here it
//! is written once, when the last has come. The standard library does the same
//! where it knows how many will come, which nobody knows of values that may
//! turn out not to be there.
#![allow(unsafe_code, reason = "a vector is told how many values were written behind its end")]

/// Appends what `make` makes, until that is `None` or there are so many. If
/// `make` panics, what it had made is there.
#[inline]
pub(crate) fn fill<T>(to: &mut Vec<T>, most: usize, mut make: impl FnMut() -> Option<T>) {
    /// A vector with so many values behind its end.
    struct Filled<'v, T>(&'v mut Vec<T>, usize);
    impl<T> Drop for Filled<'_, T> {
        #[inline]
        fn drop(&mut self) {
            // SAFETY: So many values have been written at the front of the
            // spare capacity, which is why they are within the capacity.
            unsafe { self.0.set_len(self.0.len() + self.1) }
        }
    }
    to.reserve(most);
    let mut filled = Filled(to, 0);
    while filled.1 < most
        && let Some(value) = make()
    {
        filled.0.spare_capacity_mut()[filled.1].write(value);
        filled.1 += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn values_come_behind_those_that_are_there() {
        let mut texts = vec!["zero".to_string()];
        let mut more = 1..;
        fill(&mut texts, 3, || more.next().map(|n| n.to_string()));
        assert_eq!(texts, ["zero", "1", "2", "3"]);
        let mut few = ["four"].into_iter();
        fill(&mut texts, 100, || few.next().map(String::from));
        assert_eq!(texts.last().map(String::as_str), Some("four"));
        assert_eq!(texts.len(), 5);
        fill(&mut texts, 0, || panic!("nothing was wanted"));
        let mut units = Vec::new();
        fill(&mut units, 1_000, || Some(()));
        assert_eq!(units.len(), 1_000);
    }

    #[test]
    fn what_was_made_before_a_panic_is_there() {
        let mut texts = Vec::new();
        let mut more = 0..;
        let made = catch_unwind(AssertUnwindSafe(|| {
            fill(&mut texts, 10, || match more.next() {
                Some(2) => panic!("no more"),
                other => other.map(|n: u32| n.to_string()),
            });
        }));
        assert!(made.is_err());
        assert_eq!(texts, ["0", "1"]);
    }
}
