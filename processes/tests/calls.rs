//! Calls of many tasks in one message, as bytes.

use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use processes::{Answer, Error, Exit, Gone, Registry, Replies, Task, Worker, now_ns};

const DOUBLE: Task<u64, u64> = Task::new("double", |x| x * 2);
const JOIN: Task<(String, u64), String> = Task::new("join", |(text, n)| format!("{text}{n}"));
const FAIL: Task<u64, u64> = Task::new("fail", |x| panic!("no {x} today"));
const EXIT: Task<i32, ()> = Task::new("exit", |code| std::process::exit(code));

const DEADLINE: Duration = Duration::from_secs(10);

fn claim() {
    let registry = Registry::new().with(&DOUBLE).with(&JOIN).with(&FAIL).with(&EXIT);
    processes::test_worker_entry("worker_entry", registry);
}

#[test]
fn worker_entry() {
    claim();
}

fn worker() -> Worker {
    claim();
    Worker::spawn().expect("a worker")
}

fn encoded<T: serde::Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    processes::encode("test", value, &mut bytes).expect("it encodes");
    bytes
}

/// All answers to the request under way, or the worker's end.
fn answers(worker: &mut Worker) -> Result<Vec<Answer>, Gone> {
    answers_by(worker, |replies| replies.next_answer())
}

fn answers_by<A>(
    worker: &mut Worker,
    next: impl Fn(&mut Replies<'_>) -> Option<A>,
) -> Result<Vec<A>, Gone> {
    let started = Instant::now();
    let mut answers = Vec::new();
    loop {
        assert!(started.elapsed() < DEADLINE, "no answer in {DEADLINE:?}");
        worker.write()?;
        if let Some(mut replies) = worker.replies()? {
            answers.extend(std::iter::from_fn(|| next(&mut replies)));
            if replies.last {
                return Ok(answers);
            }
            continue;
        }
        let mut socket = [PollFd::new(std::os::fd::AsFd::as_fd(worker), PollFlags::POLLIN)];
        poll(&mut socket, PollTimeout::from(100_u16)).expect("a wait");
    }
}

#[test]
fn one_message_calls_many_tasks() {
    let mut worker = worker();
    let mut request = worker.mixed_request(false);
    // An input may come in parts: those of a tuple, side by side.
    let (text, four) = (encoded(&"a"), encoded(&4_u64));
    for (task, input) in [
        ("double", vec![&four[..]]),
        ("join", vec![&text, &four]),
        ("fail", vec![&four]),
        ("nobody", vec![]),
        ("join", vec![&text]),
        ("double", vec![&four]),
    ] {
        assert!(request.push_call(task, input).expect("it fits"));
    }
    request.post();
    let answers = answers(&mut worker).expect("answers");
    assert_eq!(answers[0].decode::<u64>("double").expect("a value"), 8);
    assert_eq!(answers[1].decode::<String>("join").expect("a value"), "a4");
    let failed = answers[2].failure("fail").expect("it fails");
    assert!(
        matches!(&failed, Error::Panicked { message, .. } if message == "no 4 today"),
        "{failed}"
    );
    let unknown = answers[3].failure("nobody").expect("it fails");
    assert!(matches!(&unknown, Error::UnknownTask { known, .. } if known.len() == 4), "{unknown}");
    let cut = answers[4].failure("join").expect("it fails");
    assert!(matches!(cut, Error::Decode { .. }), "{cut}");
    assert_eq!(answers[5].decode::<u64>("double").expect("the worker goes on"), 8);
    assert_eq!(answers.len(), 6);
    // Other requests go on as before.
    assert_eq!(worker.call(&DOUBLE, &21).expect("a value"), 42);
}

#[test]
fn a_timed_request_is_answered_with_times() {
    let mut worker = worker();
    let started = now_ns();
    let mut request = worker.timed_request(false);
    let four = encoded(&4_u64);
    for task in ["double", "fail", "nobody", "double"] {
        assert!(request.push_call(task, [&four[..]]).expect("it fits"));
    }
    request.post();
    let timed = answers_by(&mut worker, |replies| replies.next_timed_answer()).expect("answers");
    let (answers, spans): (Vec<_>, Vec<_>) = timed.into_iter().unzip();
    assert_eq!(answers[0].decode::<u64>("double").expect("a value"), 8);
    let failed = answers[1].failure("fail").expect("it fails");
    let said =
        |error: &Error| matches!(error, Error::Panicked { message, .. } if message == "no 4 today");
    assert!(said(&failed), "{failed}");
    let unknown = answers[2].failure("nobody").expect("it fails");
    assert!(matches!(unknown, Error::UnknownTask { .. }), "{unknown}");
    assert_eq!(answers[3].decode::<u64>("double").expect("a value"), 8);
    // The worker's clock is ours.
    let mut before = started;
    for span in spans {
        let span = span.expect("each has times");
        assert!(before <= span.begin_ns && span.begin_ns <= span.end_ns, "{span:?} from {before}");
        before = span.end_ns;
    }
    assert!(before <= now_ns());
    // Other requests go on as before.
    assert_eq!(worker.call(&DOUBLE, &21).expect("a value"), 42);
}

#[test]
fn of_a_worker_that_dies_it_is_known_which_call_it_was_at() {
    let mut worker = worker();
    let mut request = worker.mixed_request(false);
    for (task, input) in
        [("double", encoded(&1_u64)), ("exit", encoded(&3)), ("double", encoded(&2_u64))]
    {
        assert!(request.push_call(task, [&input[..]]).expect("it fits"));
    }
    request.post();
    let gone = answers(&mut worker).expect_err("it dies");
    let error = worker.bury("exit", gone);
    assert!(matches!(error, Error::Died { exit: Exit::Exited(3), .. }), "{error}");
    let progress = worker.progress(0);
    assert_eq!((progress.done, progress.in_the_middle), (1, true));
}

#[test]
fn what_is_not_begun_is_taken_back() {
    let mut worker = worker();
    let mut request = worker.mixed_request(false);
    let input = encoded(&1_u64);
    for _ in 0..100_000 {
        assert!(request.push_call("double", [&input[..]]).expect("it fits"));
    }
    request.post();
    let taken = worker.take_back(0, |left| Some(left.end - left.len() as u32 / 2));
    let taken = taken.map_or(0, |taken| taken.len());
    let answered = answers(&mut worker).expect("answers").len();
    println!("{taken} of 100,000 calls were taken back");
    assert_eq!(answered + taken, 100_000);
}

#[test]
fn an_input_that_does_not_fit_is_refused_alone() {
    let mut worker = worker();
    let large = vec![0_u8; 256 << 20];
    let small = encoded(&1_u64);
    let mut request = worker.mixed_request(false);
    assert!(request.push_call("double", [&small[..]]).expect("it fits"));
    assert!(!request.push_call("double", [&large[..]]).expect("it may fit alone"));
    request.post();
    assert_eq!(answers(&mut worker).expect("answers").len(), 1);
    let refused = worker.mixed_request(false).push_call("double", [&large[..]]);
    assert!(matches!(refused, Err(Error::TooLarge { task: "double", .. })), "{refused:?}");
    assert_eq!(worker.call(&DOUBLE, &21).expect("the worker goes on"), 42);
}
