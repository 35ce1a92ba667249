//! Work whose duration is a parameter: the calibrated kernel.
//!
//! The lecture's own work is so cheap in Rust that most of its effects vanish
//! (a million squares take under a millisecond, and most of that is page
//! faults). Verdicts are taken from `busy` instead: pure arithmetic, no
//! memory, as long as one asks.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Runs `steps` steps of an integer chain and returns where it ends.
///
/// Each step is a multiplication and a rotation that need the step before, so
/// the chain can be neither vectorised nor skipped: its time is proportional to
/// `steps`, whoever calls it. (Below about a microsecond the processor begins
/// the next call's chain before the last one's end, and a row of calls takes
/// less than the sum.) The answer is a known one: the same number of steps
/// ends at the same value everywhere.
///
/// ```
/// use report::work::busy;
/// assert_eq!(busy(0), 0x9E37_79B9_7F4A_7C15);
/// assert_eq!(busy(1_000), 0x2940_21B0_FDD2_27EA);
/// ```
#[inline(never)]
pub fn busy(steps: u64) -> u64 {
    // The golden ratio's bits to start from, and Knuth's MMIX multiplier
    // (The Art of Computer Programming, vol. 2, 3.3.4): any odd constants do.
    let mut x = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..black_box(steps) {
        x = x.wrapping_mul(6_364_136_223_846_793_005).rotate_left(23).wrapping_add(1);
    }
    x
}

/// The number of steps of [`busy`] that last about `duration` on this machine.
///
/// Calibrated once a process, on first use, in about 20 ms: the fastest of
/// several trials counts, because interruptions only ever slow one down. Work
/// for another process is handed over as steps, so that all do the same.
pub fn steps(duration: Duration) -> u64 {
    let rate = steps_per_microsecond();
    (duration.as_nanos() as f64 / 1e3 * rate).round() as u64
}

static PER_MICROSECOND: OnceLock<f64> = OnceLock::new();

/// The rate behind [`steps`].
pub(crate) fn steps_per_microsecond() -> f64 {
    *PER_MICROSECOND.get_or_init(|| {
        const TRIAL: u64 = 200_000;
        let fastest = (0..20)
            .map(|_| {
                let start = Instant::now();
                black_box(busy(TRIAL));
                start.elapsed()
            })
            .min()
            .expect("there are trials");
        TRIAL as f64 / (fastest.as_nanos() as f64 / 1e3)
    })
}

/// Takes over the rate that another process has measured, so that both do the
/// same work. It comes too late after the first call of [`steps`].
#[cfg(feature = "drivers")]
pub(crate) fn calibrate(steps_per_microsecond: f64) {
    let _ = PER_MICROSECOND.set(steps_per_microsecond);
}

/// Checks a Python peer's answer to a calibrated workload: `"S steps end at X"`
/// for each of so many tasks, separated by `"; "`. Python's chain takes fewer
/// steps in the same time, so it says how many it took, and the chain is run
/// again here.
///
/// # Errors
/// What is wrong with the answer.
///
/// ```
/// use report::work::{busy, check_steps};
/// let end = busy(500);
/// let answer = format!("500 steps end at {end}; 500 steps end at {end}");
/// assert!(check_steps(2, &answer).is_ok());
/// assert!(check_steps(3, &answer).is_err());
/// assert!(check_steps(1, "500 steps end at 1").is_err());
/// assert!(check_steps(1, &format!("0 steps end at {}", busy(0))).is_err());
/// ```
pub fn check_steps(tasks: usize, answer: &str) -> Result<(), String> {
    let first = answer.split("; ").next().unwrap_or_default();
    let (steps, end) = first
        .split_once(" steps end at ")
        .and_then(|(steps, end)| Some((steps.parse().ok()?, end.parse::<u64>().ok()?)))
        .ok_or_else(|| format!("{first:?} is not of the form \"S steps end at X\""))?;
    if steps == 0 {
        return Err("no step was taken".into());
    }
    let expected = busy(steps);
    if end != expected {
        return Err(format!("{first:?}, expected {expected}"));
    }
    // Tasks are equal, so the chain is run again once for all of them.
    let answered = answer.split("; ").filter(|task| *task == first).count();
    let all = answer.split("; ").count();
    if (answered, all) == (tasks, tasks) {
        return Ok(());
    }
    Err(format!("{answered} of {all} answers are {first:?}, expected {tasks}"))
}
