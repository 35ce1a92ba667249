//! The protocols of the pool, tried by loom in every order of their threads.
//!
//! loom replaces atomics, locks and threads (see `crate::sync`), runs each
//! model once for every order in which its steps can fall, up to a bound on
//! forced switches, and lets loads return every value that the memory model
//! allows. It reports a deadlock, which is what a lost wake-up becomes, an
//! access to a cell by two threads at once, and any assertion that fails.
//! B. Norris and B. Demsky, "CDSChecker: checking concurrent data structures
//! written with C/C++ atomics", OOPSLA 2013.
//!
//! What is modelled is the pool's own code: `bell`, `board`, `loan`, `slots`.
//! The queue of jobs, crossbeam's, is stood for by a list in a lock.

use std::collections::VecDeque;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::bell::{Bell, Search};
use super::board::Board;
use crate::loan::{Loan, lend};
use crate::slots::Slots;
use crate::sync::lock;

/// A pool as the bell sees it: a queue of jobs and a board of maps.
struct Place {
    bell: Bell,
    board: Board,
    queue: Mutex<VecDeque<Job>>,
    /// How long the queue is, for those who look in passing. It orders
    /// nothing, so a wake-up that only the lock would save is lost here.
    len: AtomicUsize,
}

/// A job that can be run or taken back, once; it counts how often it was run.
#[derive(Clone)]
struct Job(Arc<(Mutex<bool>, Mutex<usize>, Condvar)>);

impl Job {
    fn new() -> Self {
        Self(Arc::new((Mutex::new(true), Mutex::new(0), Condvar::new())))
    }

    fn take(&self) -> bool {
        std::mem::take(&mut *lock(&self.0.0))
    }

    fn run(&self) {
        if self.take() {
            *lock(&self.0.1) += 1;
            self.0.2.notify_all();
        }
    }

    fn runs(&self) -> usize {
        *lock(&self.0.1)
    }

    /// Waits until it has been run; for ever if it never is, which loom calls
    /// a deadlock.
    fn wait(&self) {
        let mut runs = lock(&self.0.1);
        while *runs == 0 {
            runs = self.0.2.wait(runs).expect("no panic");
        }
    }
}

enum Work {
    Run(Job),
    Help(Arc<Loan>),
}

impl Search for Place {
    type Work = Work;

    fn find(&self) -> Option<Work> {
        let job = self.is_job().then(|| {
            let mut queue = lock(&self.queue);
            let job = queue.pop_front();
            self.len.store(queue.len(), Ordering::Relaxed);
            job
        });
        job.flatten().map(Work::Run).or_else(|| self.board.take().map(Work::Help))
    }

    fn search(&self, _others: bool) -> Option<Work> {
        self.find()
    }

    fn is_work(&self) -> bool {
        self.board.is_open() || self.is_job()
    }

    fn is_more(&self, found: Option<&Work>) -> bool {
        self.is_job() || (matches!(found, Some(Work::Run(_))) && self.board.is_open())
    }

    fn searchers(&self) -> usize {
        1
    }
}

impl Place {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            bell: Bell::new(),
            board: Board::new(),
            queue: Mutex::new(VecDeque::new()),
            len: AtomicUsize::new(0),
        })
    }

    fn is_job(&self) -> bool {
        self.len.load(Ordering::Relaxed) > 0
    }

    /// What a thread of the pool does all its life.
    fn work(&self) {
        while let Some(work) = self.bell.next(self) {
            match work {
                Work::Run(job) => job.run(),
                Work::Help(loan) => {
                    loan.work();
                }
            }
        }
    }

    fn publish(&self, job: &Job) {
        let mut queue = lock(&self.queue);
        queue.push_back(job.clone());
        self.len.store(queue.len(), Ordering::Relaxed);
    }

    fn submit(&self, job: &Job) -> bool {
        self.bell.admit(|| self.publish(job), || job.take())
    }
}

fn model(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(body);
}

/// No wake-up is lost: jobs that are submitted to sleeping, searching or busy
/// threads are all run, although nothing else ever wakes anybody.
fn every_job_is_run(workers: usize, jobs: usize, preemptions: usize) {
    model(preemptions, move || {
        let place = Place::new();
        let threads: Vec<_> = (0..workers)
            .map(|_| {
                let place = Arc::clone(&place);
                thread::spawn(move || place.work())
            })
            .collect();
        let jobs: Vec<_> = (0..jobs).map(|_| Job::new()).collect();
        assert!(jobs.iter().all(|job| place.submit(job)));
        jobs.iter().for_each(Job::wait);
        place.bell.close();
        threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
        assert!(jobs.iter().all(|job| job.runs() == 1));
    });
}

#[test]
fn one_thread_runs_two_jobs() {
    every_job_is_run(1, 2, 3);
}

#[test]
fn two_threads_run_two_jobs() {
    every_job_is_run(2, 2, 1);
}

/// Whoever takes one of two jobs sees to it that somebody comes for the other:
/// here the first can end only when the second has run.
#[test]
fn two_threads_run_two_jobs_at_once() {
    model(1, || {
        let place = Place::new();
        let second = Job::new();
        let waits_for = second.clone();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (place, second) = (Arc::clone(&place), waits_for.clone());
                thread::spawn(move || {
                    while let Some(Work::Run(job)) = place.bell.next(&*place) {
                        job.run();
                        second.wait();
                    }
                })
            })
            .collect();
        assert!(place.submit(&Job::new()) && place.submit(&second));
        second.wait();
        place.bell.close();
        threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    });
}

/// Whatever falls between, a job that was accepted is run, and one that was
/// refused is not.
#[test]
fn a_job_is_run_if_and_only_if_it_was_accepted() {
    model(3, || {
        let place = Place::new();
        let worker = Arc::clone(&place);
        let worker = thread::spawn(move || worker.work());
        let closer = Arc::clone(&place);
        let closer = thread::spawn(move || closer.bell.close());
        let job = Job::new();
        let accepted = place.submit(&job);
        closer.join().expect("it ends");
        worker.join().expect("it ends");
        assert_eq!(job.runs(), usize::from(accepted));
    });
}

/// A map that is posted while a thread searches, sleeps or is not there yet:
/// every item is done once, by one thread at a time, and when `lend` returns
/// the owner sees all that was done, and nobody is at it any more.
fn a_map(helpers: usize, items: usize, preemptions: usize) {
    model(preemptions, move || {
        let place = Place::new();
        let threads: Vec<_> = (0..helpers)
            .map(|_| {
                let place = Arc::clone(&place);
                thread::spawn(move || place.work())
            })
            .collect();
        // Each item writes a cell, which only one thread may hold at a time.
        let cells: Vec<UnsafeCell<usize>> = (0..items).map(UnsafeCell::new).collect();
        struct Shared(Vec<UnsafeCell<usize>>);
        // SAFETY: That no two threads use a cell at once is what loom checks.
        #[allow(unsafe_code, reason = "the claim is the model's subject")]
        unsafe impl Sync for Shared {}
        let cells = Shared(cells);
        let cells = &cells;
        let numbers: Vec<usize> = (0..items).collect();
        let slots = Slots::new(items);
        let fill = |&item: &usize| {
            cells.0[item].with_mut(|cell| {
                // SAFETY: loom checks that nobody else does.
                #[allow(unsafe_code, reason = "the access is the model's subject")]
                let cell = unsafe { &mut *cell };
                *cell += 10;
                *cell
            })
        };
        // And all read what the owner has lent, to the very end of their work.
        let lent = Shared(vec![UnsafeCell::new(0)]);
        let lent = &lent;
        let work = || {
            let mut filler = slots.filler(&numbers, &fill);
            while filler.fill(|_| 1) > 0 {}
            drop(filler);
            lent.0[0].with(|_| ());
        };
        lend(&work, |loan| {
            place.board.post(loan, helpers);
            place.bell.ring(|| vec![0]);
            work();
            place.board.withdraw(loan);
        });
        // The owner has it to itself again.
        lent.0[0].with_mut(|_| ());
        assert!(!place.board.is_open());
        let results = slots.finish().expect("no panic");
        for (item, result) in results.into_iter().enumerate() {
            assert_eq!(result, item + 10);
            cells.0[item].with(|_| ());
        }
        place.bell.close();
        threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    });
}

#[test]
fn a_map_with_one_helper() {
    a_map(1, 2, 3);
}

#[test]
fn a_map_with_two_helpers() {
    a_map(2, 2, 1);
}

/// A thread that was steered is let go by who submits the next job, or takes its
/// processors back itself, but not twice, and never after it has gone on (see
/// `processor`).
#[test]
fn who_was_steered_is_released_once() {
    model(3, || {
        let place = Place::new();
        let thread = {
            let place = Arc::clone(&place);
            thread::spawn(move || place.work())
        };
        let jobs = [Job::new(), Job::new()];
        place.publish(&jobs[0]);
        place.bell.ring(|| vec![0]);
        assert!(place.submit(&jobs[1]));
        jobs.iter().for_each(Job::wait);
        place.bell.close();
        thread.join().expect("it ends");
    });
}

/// A map that is begun while the only thread that looks for work is about to take
/// a job gets a helper all the same: here neither the job nor the map's owner goes
/// on before one has come.
#[test]
fn a_map_beside_a_job_has_its_helper() {
    model(1, || {
        let place = Place::new();
        let helped = Job::new();
        let waits_for = helped.clone();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (place, helped) = (Arc::clone(&place), waits_for.clone());
                thread::spawn(move || {
                    while let Some(work) = place.bell.next(&*place) {
                        match work {
                            Work::Run(job) => {
                                job.run();
                                helped.wait();
                            }
                            Work::Help(loan) => {
                                loan.work();
                            }
                        }
                    }
                })
            })
            .collect();
        assert!(place.submit(&Job::new()));
        let help = || helped.run();
        lend(&help, |loan| {
            place.board.post(loan, 1);
            place.bell.ring(|| vec![0]);
            helped.wait();
            place.board.withdraw(loan);
        });
        place.bell.close();
        threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    });
}
