//! Work that is put off, done once, or never.
//!
//! # The idea
//!
//! "Fastest code is code that does not run", says the lecture. Eager
//! evaluation, the default of Python and of Rust's expressions, computes a
//! value where it is written. Lazy evaluation computes it where it is wanted:
//! not at all if nobody asks, and once if many do. It pays with bookkeeping: a
//! cell that knows whether its value is there, a closure that is kept, a chain
//! that is drawn through element by element.
//!
//! ```
//! use lazy::LazyFactorial;
//!
//! let a = LazyFactorial::new(1);
//! let b = LazyFactorial::new(1000); // nothing is multiplied yet
//! assert!(a < b); // nor here: they compare by n
//!
//! let first = b.compute(); // 999 multiplications
//! let second = b.compute(); // none: the same number, in the same place
//! assert!(std::ptr::eq(first, second));
//! assert_eq!(first.to_string().len(), 2568);
//! ```
//!
//! # The models
//!
//! | model | idea | where |
//! |---|---|---|
//! | eager | computed when it is made | [`EagerFactorial`] |
//! | lazy | computed when first asked for, kept | [`LazyFactorial`], any closure: [`Lazy`] |
//! | lazy, shared | many threads ask, one computes | [`LazyFactorial`] in a [`race`] |
//! | by n | compared by what it is made from, never computed | `LazyFactorial`'s `Ord` |
//! | eager chain | every stage collected before the next | [`chain::eager`], [`take::eager`] |
//! | lazy chain | stages fused, drawn element by element | [`chain::lazy`], [`take::lazy`] |
//! | lazy chain, boxed | stages behind `dyn Iterator` | [`take::boxed`] |
//! | handwritten | the loop that the lazy chain should become | [`chain::handwritten`] |
//!
//! The work that is put off is [`factorial`], the lecture's loop; [`prime_swing`] is
//! the same value by a better algorithm, [`parallel_swing`] that on many threads, and
//! [`multiply`] what both are made of.
//!
//! What is lazy in Rust without any of this: iterators (until they are
//! consumed), futures (until they are polled; the topic `sync-vs-async`),
//! `&&` and `||`, closures, `LazyLock` and `OnceLock`. Everything else is eager.
//!
//! # Invariants
//!
//! - A lazy value is computed at most once, however many threads ask, and
//!   never by comparing, hashing or printing it.
//! - "Computed" is a state of the cell: zero, empty and `false` are kept like
//!   any other value.
//! - A computation that panics leaves its value uncomputed; the next call
//!   tries again, and nobody hangs.
//! - The models of [`chain`] and of [`take`] call each stage in the order of
//!   the input and return equal results; the lazy ones never call a stage for
//!   an element that nobody wants.
//!
//! # Source
//!
//! J. Percival, "Parallel Python & Dask" (2020), section "Lazy evaluation".
//! D. Friedman and D. Wise, "CONS should not evaluate its arguments" (1976),
//! is where lazy data structures come from; J. Launchbury, "A natural semantics
//! for lazy evaluation" (1993), says precisely what "at most once" means.

mod eager;
mod factorial;
mod lazy_factorial;
mod lazy_value;
mod parallel_swing;
mod prime_swing;
mod primes;
mod race;

pub mod chain;
pub mod multiply;
pub mod take;

pub use eager::EagerFactorial;
pub use factorial::factorial;
pub use lazy_factorial::LazyFactorial;
pub use lazy_value::Lazy;
pub use parallel_swing::parallel_swing;
pub use prime_swing::prime_swing;
pub use race::race;
