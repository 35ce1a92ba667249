//! An answer does not wait for the task behind it in the same message.

use std::thread::sleep;
use std::time::{Duration, Instant};

use processes::{Options, Registry, Request, Task, Worker, encode};

/// Longer than anything here takes, on the busiest machine.
const DEADLINE: Duration = Duration::from_secs(20);

/// How long the long task takes. What is said to come long before its end comes
/// in the first half of it; with nothing else to do, after some 2 ms.
const LONG: u64 = 2_000;

/// Waits for so many milliseconds, and gives so many bytes.
const WAIT: Task<(u64, usize), String> = Task::new("wait", |(milliseconds, bytes)| {
    sleep(Duration::from_millis(milliseconds));
    "x".repeat(bytes)
});
const DOUBLE: Task<u64, u64> = Task::new("double", |x| x * 2);
/// Holds standard output, where it has begun a line, for so many milliseconds.
const HOLD: Task<u64, ()> = Task::new("hold", |milliseconds| {
    let _held = std::io::stdout().lock();
    sleep(Duration::from_millis(milliseconds));
});

/// Workers start here; see `processes::test_worker_entry`.
#[test]
fn worker_entry() {
    let registry = Registry::new().with(&WAIT).with(&DOUBLE).with(&HOLD);
    processes::test_worker_entry("worker_entry", registry);
}

/// A worker that gives signs of life.
fn worker() -> Worker {
    worker_entry();
    let mut options = Options::default();
    options.heartbeat = Some(Duration::from_millis(5));
    let mut worker = Worker::start(options).expect("a worker");
    while !worker.is_ready().expect("it greets") {
        sleep(Duration::from_millis(1));
    }
    worker
}

/// When answers came, and how many had come by then, until all have.
fn arrivals(worker: &mut Worker) -> Vec<(Duration, usize)> {
    let posted = Instant::now();
    let mut answers = 0;
    let mut arrivals = Vec::new();
    loop {
        assert!(posted.elapsed() < DEADLINE, "{answers} answers after {DEADLINE:?}");
        worker.write().expect("it lives");
        match worker.replies().expect("it lives") {
            None => sleep(Duration::from_micros(200)),
            Some(mut replies) => {
                let last = replies.last;
                while let Some(answer) = replies.next_answer() {
                    assert!(!answer.is_failure());
                    answers += 1;
                }
                arrivals.push((posted.elapsed(), answers));
                if last {
                    return arrivals;
                }
            }
        }
    }
}

/// How many answers had come in the first half of the long task.
fn early(arrivals: &[(Duration, usize)]) -> usize {
    let half = Duration::from_millis(LONG / 2);
    arrivals.iter().take_while(|(after, _)| *after < half).last().map_or(0, |(_, n)| *n)
}

/// Calls with their inputs' bytes.
type Calls = Vec<(&'static str, Vec<u8>)>;

fn post(worker: &mut Worker, calls: Calls) {
    push(worker.mixed_request(false), calls);
}

fn push(mut request: Request<'_>, calls: Calls) {
    for (task, input) in calls {
        assert!(request.push_call(task, [&input[..]]).expect("it is small"));
    }
    request.post();
}

fn call<In: serde::Serialize, Out>(task: &Task<In, Out>, input: &In) -> (&'static str, Vec<u8>) {
    let mut bytes = Vec::new();
    encode(task.name(), input, &mut bytes).expect("it encodes");
    (task.name(), bytes)
}

#[test]
fn the_answer_of_a_quick_task_does_not_wait_for_the_slow_one_behind_it() {
    let mut worker = worker();
    let mut request = worker.request(WAIT.name(), false).expect("a request");
    for wait in [0, LONG] {
        assert!(request.push(&(wait, 3_usize)).expect("it encodes"));
    }
    request.post();
    let arrivals = arrivals(&mut worker);
    assert_eq!(early(&arrivals), 1, "{arrivals:?}");
    assert!(arrivals.last().is_some_and(|(after, n)| *n == 2 && *after >= 2 * arrivals[0].0));
}

#[test]
fn nor_do_a_thousand_wherever_the_slow_one_stands() {
    let mut worker = worker();
    for (timed, before) in [(false, 1_usize), (false, 31), (true, 500), (false, 999), (true, 999)] {
        let mut calls: Calls = (0..1_000).map(|i| call(&DOUBLE, &i)).collect();
        calls[before] = call(&WAIT, &(LONG, 0));
        let request = if timed { worker.timed_request(false) } else { worker.mixed_request(false) };
        push(request, calls);
        let arrivals = arrivals(&mut worker);
        assert_eq!(early(&arrivals), before, "{arrivals:?}");
        assert_eq!(arrivals.last().map(|(_, n)| *n), Some(1_000));
    }
}

#[test]
fn what_was_printed_does_not_hold_them_up() {
    let mut worker = worker();
    post(&mut worker, vec![call(&DOUBLE, &1), call(&HOLD, &LONG), call(&DOUBLE, &2)]);
    let arrivals = arrivals(&mut worker);
    assert_eq!(early(&arrivals), 1, "{arrivals:?}");
}

#[test]
fn answers_larger_than_a_socket_holds_go_with_it_when_somebody_reads() {
    let mut worker = worker();
    // The first two are sent at once, for they are large. That is more than the
    // socket holds, so the worker waits with them until they are read.
    let large = 300 << 10;
    let calls = vec![
        call(&WAIT, &(0, large)),
        call(&WAIT, &(0, large)),
        call(&WAIT, &(0, large)),
        call(&WAIT, &(LONG, 1)),
    ];
    post(&mut worker, calls);
    sleep(Duration::from_millis(100));
    let beat = worker.heartbeat();
    sleep(Duration::from_millis(100));
    assert_ne!(worker.heartbeat(), beat, "it gives signs of life while it waits");
    let arrivals = arrivals(&mut worker);
    assert_eq!(early(&arrivals), 3, "{arrivals:?}");
    assert_eq!(arrivals.last().map(|(_, n)| *n), Some(4));

    // One that lies in the outbox, and which the socket does not hold.
    post(&mut worker, vec![call(&WAIT, &(0, 900 << 10)), call(&WAIT, &(LONG, 1))]);
    sleep(Duration::from_millis(100));
    let beat = worker.heartbeat();
    sleep(Duration::from_millis(100));
    assert_ne!(worker.heartbeat(), beat, "who sends it does not wait");
    let arrivals = self::arrivals(&mut worker);
    assert_eq!(early(&arrivals), 1, "{arrivals:?}");
    assert_eq!(arrivals.last().map(|(_, n)| *n), Some(2));

    // The rest of one goes as fast as it is read, not by the clock.
    post(&mut worker, vec![call(&WAIT, &(0, 16 << 20)), call(&WAIT, &(LONG, 1))]);
    let arrivals = self::arrivals(&mut worker);
    println!("16 MiB after {:?}", arrivals[0].0);
    assert_eq!(early(&arrivals), 1, "{arrivals:?}");
}

#[test]
fn a_worker_that_waits_to_send_an_answer_is_in_the_middle_of_nothing() {
    let mut worker = worker();
    for _ in 0..20 {
        // The socket does not hold the first, which goes when the second is done; on
        // a busy machine, when that has yet to be begun, so it is tried again.
        post(&mut worker, vec![call(&WAIT, &(0, 300 << 10)); 3]);
        let posted = Instant::now();
        let waits = loop {
            let progress = worker.progress(0);
            if progress.done > 0 && !progress.in_the_middle {
                break progress;
            }
            assert!(posted.elapsed() < DEADLINE, "{progress:?}");
            sleep(Duration::from_millis(1));
        };
        assert_eq!(arrivals(&mut worker).last().map(|(_, n)| *n), Some(3));
        if waits.done == 2 {
            return;
        }
    }
}

#[test]
fn a_worker_with_one_thread_answers_when_its_tasks_let_it() {
    worker_entry();
    let mut worker = Worker::spawn_single_threaded().expect("a worker");
    post(&mut worker, vec![call(&DOUBLE, &1), call(&WAIT, &(20, 1)), call(&DOUBLE, &2)]);
    assert_eq!(arrivals(&mut worker).last().map(|(_, n)| *n), Some(3));
}
