//! Every answer comes once, and in order, whoever sends it: the thread that runs
//! tasks, or the one that looks after answers which wait for a task.

use std::time::{Duration, Instant};

use processes::{Options, Registry, Task, Worker, encode};

/// Longer than anything here takes, on the busiest machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long requests are sent.
const LASTS: Duration = Duration::from_secs(2);

/// Doubles a number, after so many microseconds.
const DOUBLE: Task<(u64, u64), u64> = Task::new("double", |(x, microseconds)| {
    let began = Instant::now();
    while began.elapsed() < Duration::from_micros(microseconds) {
        std::hint::spin_loop();
    }
    2 * x
});

/// Workers start here; see `processes::test_worker_entry`.
#[test]
fn worker_entry() {
    processes::test_worker_entry("worker_entry", Registry::new().with(&DOUBLE));
}

/// A request: how it is asked, and its numbers.
struct Asked {
    timed: bool,
    numbers: Vec<u64>,
}

/// Sends a request of up to 20 small items, of one of three kinds in turn.
fn ask(worker: &mut Worker, number: u64, next: &mut u64) -> Asked {
    let kind = number % 3;
    let mut request = match kind {
        0 => worker.request(DOUBLE.name(), false).expect("a request"),
        1 => worker.mixed_request(false),
        _ => worker.timed_request(false),
    };
    let items = 1 + number * 7 % 20;
    let numbers: Vec<u64> = (*next..*next + items).collect();
    *next += items;
    for &x in &numbers {
        // Most take no time. Some take about as long as answers wait, so that both
        // threads want to send them.
        let microseconds = if x % 997 == 0 { 1_500 + x % 3_000 } else { 0 };
        let mut input = Vec::new();
        encode(DOUBLE.name(), &(x, microseconds), &mut input).expect("it encodes");
        let pushed = match kind {
            0 => request.push(&(x, microseconds)),
            _ => request.push_call(DOUBLE.name(), [&input[..]]),
        };
        assert!(pushed.expect("it is small"));
    }
    request.post();
    Asked { timed: kind == 2, numbers }
}

#[test]
fn every_answer_comes_once_and_in_order() {
    worker_entry();
    let mut options = Options::default();
    options.heartbeat = Some(Duration::from_millis(5));
    let mut worker = Worker::start(options).expect("a worker");
    let began = Instant::now();
    while !worker.is_ready().expect("it greets") {
        assert!(began.elapsed() < DEADLINE, "it does not greet");
    }
    let began = Instant::now();
    let (mut requests, mut next) = (0, 1);
    let mut asked = std::collections::VecDeque::new();
    let mut answered = 0;
    loop {
        // Now two at a time, now one after the other.
        let most = if requests / 64 % 2 == 0 { 2 } else { 1 };
        while asked.len() < most && began.elapsed() < LASTS {
            asked.push_back(ask(&mut worker, requests, &mut next));
            requests += 1;
        }
        let Some(Asked { timed, numbers }) = asked.front() else { break };
        assert!(began.elapsed() < DEADLINE, "{answered} answers to {numbers:?}");
        worker.write().expect("it lives");
        let Some(mut replies) = worker.replies().expect("what it says makes sense") else {
            std::thread::yield_now();
            continue;
        };
        loop {
            let answer = if *timed {
                let Some((answer, span)) = replies.next_timed_answer() else { break };
                assert!(span.is_some_and(|span| span.begin_ns <= span.end_ns), "{span:?}");
                answer
            } else {
                let Some(answer) = replies.next_answer() else { break };
                answer
            };
            let output: u64 = answer.decode(DOUBLE.name()).expect("a number");
            assert_eq!(
                Some(output),
                numbers.get(answered).map(|x| 2 * x),
                "{answered}: {numbers:?}"
            );
            answered += 1;
        }
        if replies.last {
            assert_eq!(answered, numbers.len());
            answered = 0;
            asked.pop_front();
        }
    }
    println!("{requests} requests, {next} numbers");
    assert!(requests > 100, "{requests} requests");
}
