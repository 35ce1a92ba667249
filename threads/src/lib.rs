//! One program, many sections: threads, locks, shared arrays and the GIL.
//!
//! A thread is a second place in the same program at which instructions are
//! carried out. Starting one costs tens of microseconds, memory is shared, and
//! so somebody must say who may touch what. Python says it with one lock around
//! the interpreter (the GIL), which is why its threads help with waiting, and
//! with NumPy, and with nothing else. Rust says it in the types: what two
//! threads could spoil for each other does not compile, and what compiles runs
//! on every core.
//!
//! ```
//! use threads::{scoped, serial, work_stealing};
//!
//! let cube = |x: &u64| x * x * x;
//! let ten: Vec<u64> = (0..10).collect();
//! let expected = serial::map(&ten, cube);
//! assert_eq!(scoped::map(&ten, cube), expected);
//! assert_eq!(work_stealing::map(&ten, cube), expected);
//!
//! // Halves of one array, each changed in place by a thread of its own.
//! let mut angles: Vec<f64> = (0..1001).map(f64::from).collect();
//! scoped::for_each_chunk(&mut angles, 2, threads::sin);
//! assert_eq!(angles[1000], 1000_f64.sin());
//! ```
//!
//! # Map
//!
//! Models do work that they know nothing of:
//!
//! | module | model | `map` runs | `for_each_chunk` runs |
//! |---|---|---|---|
//! | [`serial`] | one thread, in order; the baseline | items in turn | the whole slice |
//! | [`scoped`] | `std::thread::scope`, a thread started for each | an item a thread | a chunk a thread |
//! | [`work_stealing`] | rayon: as many threads as cores, kept; idle ones steal | halves of halves | small pieces |
//! | [`Pinned`] | threads that are kept, each on its own core, the caller for one of them | | a chunk a thread, the same one each time |
//! | [`gil`] | threads that share one interpreter lock | an item a thread, in turn | |
//!
//! Operations of the lecture, which know nothing of models:
//!
//! | item | operation |
//! |---|---|
//! | [`do_nothing`] | print a line, then sleep: unlocked, or with a lock released before or held across the sleep, or in one write |
//! | [`squares`] | the list of squares: in Rust, memory rather than arithmetic |
//! | [`sin`] | the sine of each element, in place |
//! | [`simd::sin`] | the same, several elements at a time: as fast as the machine allows, or by an [`Isa`](simd::Isa) of your choice |
//! | [`simd::squares_into`] | the squares without the list: over what is there |
//! | [`simd::scale`] | every element times a number, in place: what memory allows |
//! | [`Mapping`] | an array in new pages, small or large: what the first touch costs |
//! | [`counter`] | one total, many threads: what sharing costs, by five remedies |
//!
//! And what is needed to judge them: [`Transcript`] reads what threads printed,
//! and [`Panicked`] says which of them panicked, and why.
//!
//! # Invariants
//!
//! - Results come in the order of the items, whichever thread is first.
//! - Every model gives the baseline's result, bit for bit: that of the same
//!   operation, for `simd::sin` rounds a few sines to the other side than `sin`.
//! - No thread outlives the call that started it, but for those that are kept:
//!   [`Pinned::start`]'s, which end soon after the [`Pinned`] is dropped, and those of
//!   rayon's pool, which [`work_stealing`] starts once for the whole program.
//! - A panic in one thread neither hangs nor stops the others; it reaches the
//!   caller, as a value from [`scoped::try_map`] and as a panic from the rest.
//! - Two threads never hold the same element, and no `unsafe` is needed for
//!   that: it stands in [`simd`], for instructions and their loads, and in [`Mapping`],
//!   for pages that come from the system.
//!
//! The last is the compiler's doing. The lecture's "needs locks to control
//! shared resources" is, in Rust, a type error until something controls them:
//!
//! ```compile_fail,E0499
//! let mut count = 0;
//! std::thread::scope(|scope| {
//!     scope.spawn(|| count += 1);
//!     scope.spawn(|| count += 1); // error: second mutable borrow of `count`
//! });
//! ```
//!
//! # Source
//!
//! J. Percival, "Parallel Python & Dask" (2020), the `threading` cells. The pair
//! of a lock released before and held across the sleep is also M. Bos, *Rust
//! Atomics and Locks* (O'Reilly, 2023), chapter 1.

pub mod counter;
pub mod do_nothing;
pub mod gil;
mod mapping;
mod operations;
mod panicked;
mod pinned;
pub mod scoped;
pub mod serial;
pub mod simd;
mod transcript;
pub mod work_stealing;

pub use mapping::{Mapping, MappingError, Number, Pages};
pub use operations::{sin, squares};
pub use panicked::Panicked;
pub use pinned::{PinError, Pinned};
pub use transcript::Transcript;
