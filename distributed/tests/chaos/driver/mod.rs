//! A cluster under chaos: graphs with a known result run while workers are
//! killed, stopped, added and retired at random.
//!
//! What happens is drawn from a seed, and comes at the times of Poisson
//! processes; when exactly a worker is hit is the machine's affair, so a seed
//! repeats the plan of a run and not the run. Several threads submit graphs
//! ([`graphs`]), one does harm ([`harm`]). Afterwards it is counted what was
//! wrong, what was lost and what was left behind ([`leftovers`]); all of it must
//! be nothing.

mod graphs;
mod harm;
mod leftovers;
mod numbers;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use distributed::{Client, Error, Placement, Policy};

pub(crate) use graphs::registry;
use leftovers::Census;
use numbers::Numbers;

/// How many threads submit graphs.
const SUBMITTERS: u64 = 3;

/// How many workers there are at first.
const WORKERS: usize = 4;

/// A stopped worker is killed after so long.
const TIME_TO_LIVE: Duration = Duration::from_millis(400);

/// What has not come after so long is lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was done, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) tasks: AtomicU64,
    pub(crate) graphs: AtomicU64,
    pub(crate) kills: AtomicU64,
    pub(crate) stops: AtomicU64,
    pub(crate) additions: AtomicU64,
    pub(crate) retirements: AtomicU64,
    /// Tasks that were cancelled, or over their deadline, as they should be.
    pub(crate) ended: AtomicU64,
    /// Results that were not the exact ones.
    pub(crate) wrong: AtomicU64,
    /// Results that did not come, or came as an error that nothing explains.
    pub(crate) lost: AtomicU64,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) manner: (Placement, Policy),
    pub(crate) tally: Tally,
    /// Workers that came in the place of others.
    pub(crate) restarts: u64,
    /// Tasks that the cluster still had when nobody held a future any more.
    pub(crate) forgotten: usize,
    /// What there was more of afterwards than before.
    pub(crate) left: Census,
    /// By how many bytes this program's memory has grown in the second half.
    pub(crate) grown: u64,
    pub(crate) took: Duration,
}

impl Outcome {
    /// Whether every result was exact, and nothing was left behind.
    pub(crate) fn is_clean(&self) -> bool {
        let Tally { wrong, lost, .. } = &self.tally;
        (wrong.load(Relaxed), lost.load(Relaxed), self.forgotten) == (0, 0, 0)
            && self.left == Census::default()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { tasks, graphs, kills, stops, additions, retirements, ended, wrong, lost } =
            &self.tally;
        let rows = [
            ("tasks", tasks),
            ("graphs", graphs),
            ("kills", kills),
            ("stops", stops),
            ("additions", additions),
            ("retirements", retirements),
            ("restarts", &AtomicU64::new(self.restarts)),
            ("cancelled or late, as they should be", ended),
            ("wrong results", wrong),
            ("lost results", lost),
        ];
        writeln!(f, "placement and policy: {:?}", self.manner)?;
        for (what, count) in rows {
            writeln!(f, "{what}: {}", count.load(Relaxed))?;
        }
        writeln!(f, "tasks that nobody wants and that are not gone: {}", self.forgotten)?;
        writeln!(f, "left behind: {}", self.left)?;
        writeln!(
            f,
            "memory grown in the second half: {:.1} MiB",
            self.grown as f64 / f64::from(1 << 20)
        )?;
        write!(f, "in {:.1} s", self.took.as_secs_f64())
    }
}

/// A run of so long, drawn from this seed, with the harm coming so many times as
/// often as is usual.
///
/// # Errors
/// If there is no cluster to begin with.
pub(crate) fn run(duration: Duration, seed: u64, haste: u64) -> Result<Outcome, Error> {
    // The first cluster of a process starts what stays.
    Client::local().n_workers(1).start()?.close();
    let before = leftovers::census();
    let begin = Instant::now();
    // Who is killed from outside is innocent, however often it happens.
    let cluster = Client::local().n_workers(WORKERS).allowed_failures(u32::MAX);
    let mut numbers = Numbers::new(seed, u64::MAX);
    let (placement, policy) = manner(&mut numbers);
    let cluster = cluster.placement(placement).policy(policy).time_to_live(TIME_TO_LIVE);
    let client = cluster.start()?;
    let (tally, over) = (Tally::default(), AtomicBool::new(false));
    let grown = AtomicU64::new(0);
    thread::scope(|scope| {
        let villain =
            scope.spawn(|| harm::until(&over, &client, &tally, haste, Numbers::new(seed, 0)));
        let submit = |number| {
            let mut graphs =
                graphs::Graphs::new(&client, &tally, haste, Numbers::new(seed, number));
            move || {
                while begin.elapsed() < duration {
                    graphs.run_one();
                }
            }
        };
        let submitters: Vec<_> =
            (1..=SUBMITTERS).map(|number| scope.spawn(submit(number))).collect();
        // Their panics are passed on when the scope ends; the villain must not
        // outlast them.
        let mut middle = None;
        while !submitters.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(10));
            if begin.elapsed() > duration / 2 {
                middle.get_or_insert_with(leftovers::resident);
            }
        }
        let end = leftovers::resident();
        grown.store(end.saturating_sub(middle.unwrap_or(end)), Relaxed);
        over.store(true, Relaxed);
        villain.thread().unpark();
    });
    let calm = Instant::now();
    let forgotten = loop {
        let info = client.info();
        let tasks = info.waiting + info.running;
        if tasks == 0 || calm.elapsed() > PATIENCE {
            break tasks;
        }
        thread::sleep(Duration::from_millis(10));
    };
    // Each life has a number, in order.
    let lives = client.info().workers.iter().map(|worker| worker.id.0 + 1).max();
    let wanted = WORKERS as u64 + tally.additions.load(Relaxed);
    let restarts = lives.unwrap_or_default().saturating_sub(wanted);
    client.close();
    let left = leftovers::since(before);
    let (took, grown) = (begin.elapsed(), grown.into_inner());
    Ok(Outcome { manner: (placement, policy), tally, restarts, forgotten, left, grown, took })
}

/// How tasks find their workers, of all the ways that there are.
fn manner(numbers: &mut Numbers) -> (Placement, Policy) {
    let placement = if numbers.one_in(4) { Placement::StaticBlocks } else { Placement::Dynamic };
    let policies = [Policy::Locality, Policy::Fifo, Policy::Random(numbers.next())];
    (placement, policies[numbers.below(3) as usize])
}
