//! The calibrated work is worth its name: its time is proportional to its steps,
//! and the same whichever model calls it.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use pool::{Error, ProcessPool, RayonPool, ThreadPool, serial};
use processes::{Registry, Task};
use report::work::{busy, steps};

/// Where so many steps end, and the nanoseconds of processor time that they took.
const TIMED: Task<u64, (u64, u64)> = Task::new("timed", timed);

/// Workers start here; see `processes::test_worker_entry`.
#[test]
fn worker_entry() {
    processes::test_worker_entry("worker_entry", Registry::new().with(&TIMED));
}

fn timed(steps: u64) -> (u64, u64) {
    let begin = processor_time();
    let end = busy(steps);
    (end, processor_time() - begin)
}

/// Of this thread: what others do with the processor meanwhile is not in it.
fn processor_time() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock");
    u64::try_from(Duration::from(time).as_nanos()).expect("a process is younger than 500 years")
}

/// The times may differ by so much: those of a virtual machine's processor do.
/// Without optimisation the chain goes through memory, and how fast that is
/// depends on where a stack happens to lie: 16 % were seen between processes.
const TOLERANCE: f64 = if cfg!(debug_assertions) { 0.3 } else { 0.1 };

/// So many rounds make a median.
const ROUNDS: usize = 21;

/// More rounds mend a machine that was busy with other things for a while.
const DEADLINE: Duration = Duration::from_secs(60);

/// Times by one, two and four times as many steps.
type Times = [u64; 3];

#[test]
fn takes_its_time_and_from_every_model_the_same() -> Result<(), Error> {
    worker_entry();
    // One worker each: two would share what the processor has only once.
    let (threads, rayon, processes) =
        (ThreadPool::new(1)?, RayonPool::new(1)?, ProcessPool::new(1)?);
    let once = steps(Duration::from_micros(500));
    let numbers = [once, 2 * once, 4 * once];
    let expected = numbers.map(busy);
    let mut rounds = Vec::new();
    let began = Instant::now();
    loop {
        let models = [
            serial::map(&numbers, |&steps| timed(steps)),
            threads.map(&numbers, |&steps| timed(steps))?,
            rayon.map(&numbers, |&steps| timed(steps))?,
            processes.map(&TIMED, &numbers)?,
        ];
        rounds.push(models.map(|answers| {
            let (ends, times): (Vec<u64>, Vec<u64>) = answers.into_iter().unzip();
            assert_eq!(ends, expected);
            Times::try_from(times).expect("three answers")
        }));
        if rounds.len() < ROUNDS {
            continue;
        }
        match odd(&rounds) {
            None => return Ok(()),
            Some(why) => assert!(began.elapsed() < DEADLINE, "{why}"),
        }
    }
}

/// What is wrong with these rounds, each of which has a row for each model.
fn odd(rounds: &[[Times; 4]]) -> Option<String> {
    let ratio = |of: &dyn Fn(&[Times; 4]) -> (u64, u64)| {
        let mut ratios: Vec<f64> =
            rounds.iter().map(of).map(|(time, other)| time as f64 / other as f64).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    };
    (0..4).find_map(|model| {
        let doubled = ratio(&|round| (round[model][1], round[model][0]));
        let again = ratio(&|round| (round[model][2], round[model][1]));
        let of_loop = ratio(&|round| (round[model][2], round[0][2]));
        let is_fine = [doubled / 2.0, again / 2.0, of_loop];
        let is_fine = is_fine.iter().all(|ratio| (ratio - 1.0).abs() < TOLERANCE);
        let figures = format!("twice: {doubled:.2}, {again:.2}; beside the loop: {of_loop:.2}");
        (!is_fine).then(|| format!("model {model} of 0 to 3: {figures}"))
    })
}

#[test]
fn times_that_are_odd_are_found() {
    let even = [[100, 200, 400]; 4];
    assert_eq!(odd(&[even; ROUNDS]), None);
    let hardly_growing = odd(&[[[100, 120, 140]; 4]; ROUNDS]);
    assert!(hardly_growing.is_some_and(|why| why.contains("model 0")));
    let mut one = even;
    one[2] = [150, 300, 600];
    assert!(odd(&[one; ROUNDS]).is_some_and(|why| why.contains("model 2")));
}
