//! How one model does its work once, twice, a million times, timed and checked.
//!
//! A [`Routine`] is what remains of a model once its names are gone: run it
//! for so many iterations, learn how long the work took, and see every result
//! that was timed. Making inputs, checking results and dropping them happen
//! outside the clock. Four constructors cover every model of the workspace:
//!
//! | constructor | for work that |
//! |---|---|
//! | [`repeat`] | needs nothing fresh: `busy(n)`, a map over a shared slice |
//! | [`fresh`] | uses up or overwrites its input: sine in place, a first `compute` |
//! | [`observed`] | leaves its result in place: a cached value read by reference |
//! | [`timed`] | times itself, because it runs in another process |

use std::hint::black_box;
use std::time::{Duration, Instant};

/// A batch is grown until it lasts this long: reading the clock (about 50 ns)
/// is lost in it, and the results that are kept until its end are too few for
/// the allocator to give their memory back and fault it in again.
const BATCH: Duration = Duration::from_micros(20);

/// No batch holds more results than this, however cheap they are.
const MOST_RESULTS: u64 = 1 << 16;

/// Receives the results that were timed; an `Err` says what is wrong with it.
pub(crate) type Check<'a, Out> = &'a mut dyn FnMut(&Out) -> Result<(), String>;

type Run<Out> = dyn FnMut(u64, Check<'_, Out>) -> Result<Duration, String>;

/// One model's work on one parameter, ready to run any number of times.
///
/// Whatever the closures own (a pool, a runtime, a cluster) lives as long as
/// the routine and is dropped with it.
pub struct Routine<Out>(Box<Run<Out>>);

impl<Out> Routine<Out> {
    /// Runs the work `iterations` times and returns the time it took in all,
    /// after `check` has seen every result.
    ///
    /// # Errors
    /// What `check` said of the first wrong result.
    pub(crate) fn run(
        &mut self,
        iterations: u64,
        check: Check<'_, Out>,
    ) -> Result<Duration, String> {
        (self.0)(iterations, check)
    }
}

/// Work that can be done again and again as it stands.
///
/// ```
/// use report::suite::repeat;
/// let cubes = repeat(|| (0..100_u64).map(|x| x * x * x).collect::<Vec<_>>());
/// # let _ = cubes;
/// ```
pub fn repeat<Out: 'static>(mut work: impl FnMut() -> Out + 'static) -> Routine<Out> {
    fresh(|| (), move |()| work())
}

/// Work that takes a fresh input each time; `input` runs outside the clock.
///
/// A routine that changes its input in place returns it, so that dropping it
/// is not timed and the result can be checked.
///
/// ```
/// use report::suite::fresh;
/// let angles: Vec<f64> = (0..1000).map(f64::from).collect();
/// let sine = fresh(
///     move || angles.clone(),
///     |mut x| {
///         x.iter_mut().for_each(|x| *x = x.sin());
///         x
///     },
/// );
/// # let _ = sine;
/// ```
pub fn fresh<In: 'static, Out: 'static>(
    mut input: impl FnMut() -> In + 'static,
    mut work: impl FnMut(In) -> Out + 'static,
) -> Routine<Out> {
    let mut batch = Batch::default();
    let mut inputs = Vec::new();
    let mut results = Vec::new();
    Routine(Box::new(move |iterations, check| {
        batch.over(iterations, |size| {
            inputs.extend((0..size).map(|_| input()));
            results.reserve(inputs.len());
            let start = Instant::now();
            for input in inputs.drain(..) {
                results.push(work(black_box(input)));
            }
            let taken = start.elapsed();
            // The first wrong result is told, and all are dropped, off the clock.
            let verdict = results.iter().try_for_each(&mut *check);
            results.clear();
            verdict.map(|()| taken)
        })
    }))
}

/// Work whose result stays where it is: `work` is timed on `state`, and once a
/// batch `look` takes the result out of it, outside the clock.
///
/// This is for results that are read by reference. Cloning them inside the
/// clock would measure the clone.
pub fn observed<State: 'static, Out: 'static>(
    mut state: State,
    mut work: impl FnMut(&mut State) + 'static,
    mut look: impl FnMut(&mut State) -> Out + 'static,
) -> Routine<Out> {
    let mut batch = Batch::default();
    Routine(Box::new(move |iterations, check| {
        batch.over(iterations, |size| {
            let start = Instant::now();
            for _ in 0..size {
                work(black_box(&mut state));
            }
            let taken = start.elapsed();
            check(&look(&mut state)).map(|()| taken)
        })
    }))
}

/// Work that times itself: given a number of iterations, it returns the time
/// they took in all and their results.
///
/// This is for work that must not happen in this process, such as `fork`,
/// which is only safe where there are no other threads.
pub fn timed<Out: 'static>(
    mut work: impl FnMut(u64) -> Result<(Duration, Vec<Out>), String> + 'static,
) -> Routine<Out> {
    Routine(Box::new(move |iterations, check| {
        let (taken, results) = work(iterations)?;
        results.iter().try_for_each(check)?;
        Ok(taken)
    }))
}

/// Splits iterations into batches that last about [`BATCH`], learning the size
/// as it goes.
struct Batch(u64);

impl Default for Batch {
    fn default() -> Self {
        Self(1)
    }
}

impl Batch {
    fn over(
        &mut self,
        iterations: u64,
        mut run: impl FnMut(u64) -> Result<Duration, String>,
    ) -> Result<Duration, String> {
        let (mut left, mut total) = (iterations, Duration::ZERO);
        while left > 0 {
            let size = self.0.min(left);
            let taken = run(size)?;
            total += taken;
            left -= size;
            if taken < BATCH / 2 && size == self.0 {
                self.0 = (self.0 * 2).min(MOST_RESULTS);
            } else if taken > BATCH * 2 {
                self.0 = (self.0 / 2).max(1);
            }
        }
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    /// Runs a routine and counts the results that were checked.
    fn checked<Out>(mut routine: Routine<Out>, iterations: u64) -> (Duration, u64) {
        let mut seen = 0;
        let mut check = |_: &Out| {
            seen += 1;
            Ok(())
        };
        (routine.run(iterations, &mut check).expect("nothing is wrong"), seen)
    }

    #[test]
    fn every_timed_result_is_checked() {
        // Cheap enough to run in batches of thousands, and one at a time.
        assert_eq!(checked(repeat(|| 1), 100_000).1, 100_000);
        assert_eq!(checked(repeat(|| std::thread::sleep(Duration::from_micros(300))), 3).1, 3);
    }

    #[test]
    fn one_wrong_result_among_many_is_found() {
        let mut count = 0;
        let mut routine = repeat(move || {
            count += 1;
            count
        });
        let mut check = |out: &u64| if *out == 70_000 { Err("wrong".into()) } else { Ok(()) };
        assert_eq!(routine.run(100_000, &mut check), Err("wrong".into()));
    }

    #[test]
    fn inputs_are_fresh_and_outside_the_clock() {
        let made = Rc::new(Cell::new(0));
        let count = Rc::clone(&made);
        let routine = fresh(
            move || {
                std::thread::sleep(Duration::from_millis(5));
                count.set(count.get() + 1);
                vec![1, 2, 3]
            },
            |mut input: Vec<i32>| {
                input.push(4);
                input
            },
        );
        let (taken, seen) = checked(routine, 4);
        assert_eq!((made.get(), seen), (4, 4));
        // Four pushes against 20 ms of making inputs.
        assert!(taken < Duration::from_millis(10), "{taken:?}");
    }

    #[test]
    fn what_stays_in_place_is_looked_at_once_a_batch() {
        let mut routine = observed(0_u64, |count| *count += 1, |count| *count);
        let mut last = 0;
        let mut check = |out: &u64| {
            last = *out;
            Ok(())
        };
        routine.run(10_000, &mut check).expect("nothing is wrong");
        assert_eq!(last, 10_000, "every iteration ran before the last look");
    }

    #[test]
    fn work_that_times_itself_is_believed_and_checked() {
        let routine = timed(|n| Ok((Duration::from_secs(n), vec![7; n as usize])));
        assert_eq!(checked(routine, 3), (Duration::from_secs(3), 3));
        let mut broken = timed::<u8>(|_| Err("the helper is gone".into()));
        assert_eq!(broken.run(1, &mut |_| Ok(())), Err("the helper is gone".into()));
    }
}
