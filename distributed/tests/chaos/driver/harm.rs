//! Who does the harm.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use distributed::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::leftovers::children;
use super::numbers::Numbers;
use super::{Tally, WORKERS};

/// How many of each there are a second, on the average.
const KILLS: f64 = 8.0;
const STOPS: f64 = 1.5;
const ADDITIONS: f64 = 3.0;
const RETIREMENTS: f64 = 3.0;

/// Never fewer workers than this are wanted, nor more than twice as many as at
/// first.
const FEWEST: usize = 2;

/// Does harm to the cluster until it is over.
pub(crate) fn until(
    over: &AtomicBool,
    client: &Client,
    tally: &Tally,
    haste: u64,
    mut numbers: Numbers,
) {
    let mut workers = WORKERS;
    let all = KILLS + STOPS + ADDITIONS + RETIREMENTS;
    let mut next = Instant::now();
    let mut stopped = Vec::new();
    while !over.load(Relaxed) {
        let now = Instant::now();
        if now < next {
            thread::park_timeout(next - now);
            continue;
        }
        // The sum of Poisson processes is one, of which each event belongs to
        // one of them by chance, in proportion to its rate.
        next = now + numbers.pause(all * haste as f64);
        let which = numbers.below((10.0 * all) as u64) as f64 / 10.0;
        if which < KILLS {
            // Whoever is there: idle or at work, just started or about to go.
            // At times all of them at once, or two.
            let count = if numbers.one_in(20) { workers } else { 1 + numbers.below(2) as usize };
            for _ in 0..count {
                hit(Signal::SIGKILL, &mut numbers)
                    .inspect(|_| _ = tally.kills.fetch_add(1, Relaxed));
            }
        } else if which < KILLS + STOPS {
            if let Some(pid) = hit(Signal::SIGSTOP, &mut numbers) {
                tally.stops.fetch_add(1, Relaxed);
                stopped.push(pid);
            }
        } else if which < KILLS + STOPS + ADDITIONS {
            if workers < 2 * WORKERS {
                workers += 1;
                tally.additions.fetch_add(1, Relaxed);
                client.scale(workers).expect("there are workers to be");
            }
        } else if workers > FEWEST {
            workers -= 1;
            tally.retirements.fetch_add(1, Relaxed);
            client.scale(workers).expect("there are workers to be");
        }
        // Half of those that were stopped go on at some later moment, before
        // they are given up or after, when the number may belong to another.
        if numbers.one_in(4)
            && let Some(pid) = stopped.pop()
            && numbers.one_in(2)
            && children().contains(&pid)
        {
            let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
        }
    }
}

/// Sends a signal to a child of this process, if there is any: to which.
fn hit(signal: Signal, numbers: &mut Numbers) -> Option<i32> {
    let children = children();
    if children.is_empty() {
        return None;
    }
    let child = children[numbers.below(children.len() as u64) as usize];
    // It may be a zombie, which the signal does not reach.
    kill(Pid::from_raw(child), signal).is_ok().then_some(child)
}
