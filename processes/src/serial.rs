//! One after the other, in this process: the baseline.
//!
//! ```
//! use processes::{serial, squares};
//! let lists = serial::map(&[3, 0], |&n| squares(n));
//! assert_eq!(lists[0].as_deref().unwrap(), [0, 1, 4]);
//! ```

use crate::error::Error;
use crate::panics;

/// Applies `f` to each item, in order.
///
/// # Errors
/// [`Error::Panicked`] for an item on which `f` panics; the others go on, as
/// they would in processes of their own.
pub fn map<T, R, F: Fn(&T) -> R>(items: &[T], f: F) -> Vec<Result<R, Error>> {
    items
        .iter()
        .map(|item| panics::catch(|| f(item)).map_err(|panic| panic.of(std::any::type_name::<F>())))
        .collect()
}
