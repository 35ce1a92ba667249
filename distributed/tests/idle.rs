//! An idle cluster leaves the cores to others: its threads and processes sleep,
//! and wake only to look whether all is well. A binary of its own, so that no
//! other test computes meanwhile.

mod common;

use std::time::{Duration, Instant};

use common::{DEADLINE, INCREMENT, SLEEP, claim, within};
use distributed::{Client, Place};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// Of one core.
const MOST: f64 = 0.01;

const WATCHED: Duration = Duration::from_secs(2);

#[test]
fn worker_entry() {
    claim();
}

/// The processor time that this process and the client's workers have used.
fn used(client: &Client) -> Duration {
    let of = |clock| Duration::from(clock_gettime(clock).expect("the clock of a process"));
    let workers = client.info().workers.into_iter().filter_map(|worker| match worker.place {
        Place::Process { pid } => Some(Pid::from_raw(pid.cast_signed())),
        _ => None,
    });
    let clocks = workers.map(|pid| ClockId::pid_cpu_clock_id(pid).expect("a worker's clock"));
    of(ClockId::CLOCK_PROCESS_CPUTIME_ID) + clocks.map(of).sum::<Duration>()
}

#[test]
fn an_idle_cluster_sleeps() {
    claim();
    for processes in [false, true] {
        for (what, ttl) in [("idle", None), ("idle, watched", Some(DEADLINE))] {
            let mut cluster = Client::local().n_workers(2).processes(processes);
            if let Some(silence) = ttl {
                cluster = cluster.time_to_live(silence);
            }
            let client = cluster.start().expect("a cluster");
            within(|| client.gather(client.map(&INCREMENT, 0..1_000))).expect("values");
            watch(&client, &format!("processes({processes}), {what}"));
        }
        // Nor does one cost more that waits for tasks which only wait.
        let client = Client::local().n_workers(2).processes(processes).start().expect("a cluster");
        let waits = client.map(&SLEEP, [60_000, 60_000]);
        watch(&client, &format!("processes({processes}), waiting"));
        assert!(waits.iter().all(|wait| !wait.done()));
        if processes {
            within(|| client.close());
        } else {
            // Nothing can end a thread, and this test need not wait for it.
            std::mem::forget(client);
        }
    }
}

fn watch(client: &Client, what: &str) {
    // What has just been done may still echo.
    std::thread::sleep(Duration::from_millis(100));
    let (before, begin) = (used(client), Instant::now());
    std::thread::sleep(WATCHED);
    let share = (used(client) - before).as_secs_f64() / begin.elapsed().as_secs_f64();
    println!("{what}: {:.3} % of a core", 100.0 * share);
    assert!(share < MOST, "{what}: {:.1} % of a core", 100.0 * share);
}
