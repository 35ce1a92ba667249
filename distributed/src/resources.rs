//! What a task takes of its worker beside a thread: GPUs, memory, licences.

use std::cmp::Ordering;
use std::sync::Arc;

/// Amounts by name, each name once and in order; as cheap to clone as none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resources(Option<Arc<Vec<(String, f64)>>>);

impl Resources {
    /// The same and this; of a name that is there already, the amount is replaced.
    ///
    /// # Panics
    /// If the amount is not above zero, or not finite.
    pub(crate) fn with(&self, name: &str, amount: f64) -> Self {
        assert!(amount > 0.0 && amount.is_finite(), "{amount} of {name} is no amount");
        let mut all: Vec<_> = self.iter().filter(|(other, _)| other != name).cloned().collect();
        all.push((name.to_owned(), amount));
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Self(Some(Arc::new(all)))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(String, f64)> {
        self.0.iter().flat_map(|all| all.iter())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

// Amounts are numbers, which no `Resources` is made without: they have an order.
impl Ord for Resources {
    fn cmp(&self, other: &Self) -> Ordering {
        let each = |(name, amount): &(String, f64)| (name.clone(), amount.to_bits());
        match (&self.0, &other.0) {
            (None, None) => Ordering::Equal,
            _ => self.iter().map(each).cmp(other.iter().map(each)),
        }
    }
}

impl PartialOrd for Resources {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Resources {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Resources {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_in_which_they_are_named_does_not_matter() {
        let none = Resources::default();
        let one = none.with("GPU", 1.0).with("MEMORY", 2e9);
        let same = none.with("MEMORY", 1.0).with("GPU", 1.0).with("MEMORY", 2e9);
        assert_eq!(one, same);
        assert_ne!(one, none.with("GPU", 0.5).with("MEMORY", 2e9));
        assert!(none.is_empty() && !one.is_empty() && none < one);
    }

    #[test]
    #[should_panic(expected = "-1 of GPU is no amount")]
    fn less_than_nothing_is_no_amount() {
        let _ = Resources::default().with("GPU", -1.0);
    }
}
