use std::sync::atomic::{AtomicU32, Ordering};

use std::time::Duration;

use processes::{Answer, Task};

use super::format::{FAILED, Hole, Item, Outcomes, Reply, Request};
use super::*;

static FLAKES: AtomicU32 = AtomicU32::new(0);

const HALF: Task<u64, u64> = Task::new("half", |x| {
    assert!(x % 2 == 0, "{x} is odd");
    x / 2
});
const FLAKY: Task<u32, u32> = Task::new("flaky", |fails| {
    let tried = FLAKES.fetch_add(1, Ordering::Relaxed);
    assert!(tried >= fails, "not yet");
    tried
});

const ADD: Task<(u64, u64), u64> = Task::new("add", |(x, y)| x + y);

/// Sleeps for so many milliseconds.
const SLEEP: Task<u64, u64> = Task::new("sleep", |milliseconds| {
    std::thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
});

fn registry() -> Registry {
    Registry::new().with(&HALF).with(&FLAKY).with(&ADD).with(&SLEEP)
}

crate::export_tasks!(registry);

// As whoever loads the library sees them.
unsafe extern "C" {
    fn polyphony_abi() -> u32;
    fn polyphony_describe(reply: *mut Buffer);
    fn polyphony_call(
        request: *const u8,
        length: usize,
        values: *const Value,
        count: usize,
        reply: *mut Buffer,
    ) -> i32;
    fn polyphony_free(data: *mut u8, length: usize);
}

/// What a function leaves in the buffer that it is given.
fn told<R>(by: impl FnOnce(*mut Buffer) -> R) -> (R, Vec<u8>) {
    let mut buffer = Buffer { data: std::ptr::null_mut(), length: 0 };
    let result = by(&raw mut buffer);
    // SAFETY: the library says that so many bytes are there until they are freed.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.data, buffer.length) }.to_vec();
    // SAFETY: it is of this library, and nobody has freed it.
    unsafe { polyphony_free(buffer.data, buffer.length) };
    (result, bytes)
}

fn call(request: &[u8]) -> (i32, Vec<u8>) {
    call_with(request, &[])
}

fn call_with(request: &[u8], values: &[&[u8]]) -> (i32, Vec<u8>) {
    let value = |bytes: &&[u8]| Value { data: bytes.as_ptr(), length: bytes.len() };
    let values: Vec<Value> = values.iter().map(value).collect();
    let (begin, length) = (request.as_ptr(), request.len());
    // SAFETY: the slices are of those lengths, and the buffer is there.
    told(|reply| unsafe { polyphony_call(begin, length, values.as_ptr(), values.len(), reply) })
}

fn item<'a>(task: &'a str, input: &'a [u8]) -> Item<'a> {
    Item { retries: 0, limit: None, task, holes: Vec::new(), input }
}

fn request(items: &[Item<'_>]) -> Vec<u8> {
    request_of(items, &[])
}

fn request_of(items: &[Item<'_>], values: &[&str]) -> Vec<u8> {
    let mut request = Request::default();
    items.iter().for_each(|item| request.push(item));
    request.finish(values.iter().copied())
}

fn answers(reply: &[u8]) -> Vec<Answer> {
    let reply = Reply::read(reply).expect("a reply");
    reply.outcomes.iter().map(|outcome| outcome.origin().1.answer()).collect()
}

#[test]
fn a_batch_has_an_answer_for_each_item() {
    let (six, seven) = (6_u64.to_le_bytes(), 7_u64.to_le_bytes());
    let items =
        [item("half", &six[..]), item("half", &seven), item("twice", &six), item("half", &[1])];
    let (code, reply) = call(&request(&items));
    assert_eq!(code, 0);
    let answers = answers(&reply);
    assert_eq!(answers[0].decode::<u64>("half").expect("a half"), 3);
    match answers[1].failure("half") {
        Some(processes::Error::Panicked { message, location: Some(location), .. }) => {
            assert_eq!(message, "7 is odd");
            assert!(location.contains("tests.rs:"), "{location}");
        }
        other => panic!("{other:?}"),
    }
    match answers[2].failure("twice") {
        Some(processes::Error::UnknownTask { known, .. }) => {
            assert_eq!(known, ["add", "flaky", "half", "sleep"]);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(answers[3].failure("half"), Some(processes::Error::Decode { .. })));
    assert_eq!(call(&request(&[])).0, 0, "a batch of none");
}

#[test]
fn what_fails_is_tried_again_as_often_as_it_may() {
    let fails = 2_u32.to_le_bytes();
    let item = |retries| Item { retries, ..item("flaky", &fails) };
    assert!(answers(&call(&request(&[item(1)])).1)[0].is_failure());
    let third = &answers(&call(&request(&[item(5)])).1)[0];
    assert_eq!(third.decode::<u32>("flaky").expect("it does not fail again"), 2);
}

#[test]
fn a_request_that_makes_no_sense_is_refused() {
    let input = 6_u64.to_le_bytes();
    let hole = Hole { at: 0, value: 0, item: 0 };
    let with_hole = Item { holes: vec![hole], ..item("half", &[]) };
    let whole = request_of(&[item("half", &input), with_hole], &["half"]);
    let value = call(&request(&[item("half", &12_u64.to_le_bytes())])).1;
    assert_eq!(call_with(&whole, &[&value]).0, 0);
    for cut in 0..whole.len() {
        let (code, why) = call_with(&whole[..cut], &[&value]);
        assert_eq!((code, &why[..]), (1, &b"the request is cut short"[..]), "{cut}");
    }
    let longer = [&whole[..], &[0]].concat();
    let left_over = b"1 bytes are left over after the request".to_vec();
    assert_eq!(call_with(&longer, &[&value]), (1, left_over));
    assert_eq!(call_with(&whole, &[b"nonsense"]), (1, b"of half came no reply".to_vec()));
    assert_eq!(call(&whole), (1, b"the request is of 1 values, and 0 came".to_vec()));
    for hole in [Hole { item: 1, ..hole }, Hole { value: 1, ..hole }, Hole { at: 1, ..hole }] {
        let nowhere = Item { holes: vec![hole], ..item("half", &[]) };
        let (code, why) = call_with(&request_of(&[nowhere], &["half"]), &[&value]);
        let why = String::from_utf8(why).expect("text");
        assert!(code == 1 && why.contains("what is not there"), "{why}");
    }
    let mut endless = whole;
    endless[..4].fill(0xFF);
    assert_eq!(call_with(&endless, &[&value]).0, 1);
}

#[test]
fn items_of_other_replies_are_filled_in() {
    let number = |n: u64| n.to_le_bytes();
    let (four, six, seven) = (number(4), number(6), number(7));
    let halves = call(&request(&[item("half", &four), item("half", &six)])).1;
    let more = call(&request(&[item("half", &seven), item("half", &six)])).1;
    let hole = |at, value, item| Hole { at, value, item };
    // 2 + 3, 3 + 7, 7 + 3 and two that take what has failed.
    let items = [
        Item { holes: vec![hole(0, 0, 0), hole(0, 1, 1)], ..item("add", &[]) },
        Item { holes: vec![hole(0, 0, 1)], ..item("add", &seven) },
        Item { holes: vec![hole(8, 1, 1)], ..item("add", &seven) },
        Item { holes: vec![hole(0, 1, 0), hole(0, 0, 0)], ..item("add", &[]) },
        Item { holes: vec![hole(8, 1, 0)], ..item("add", &seven) },
    ];
    let (code, reply) = call_with(&request_of(&items, &["half", "half"]), &[&halves, &more]);
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&reply));
    let sums = answers(&reply);
    let sum = |n: usize| sums[n].decode::<u64>("add").ok();
    assert_eq!((0..5).map(sum).collect::<Vec<_>>(), [Some(5), Some(10), Some(10), None, None]);
    // Handed on twice it is still of whom it was.
    let last = Item { holes: vec![hole(0, 0, 4)], ..item("half", &[]) };
    let (code, reply) = call_with(&request_of(&[last], &["add"]), &[&reply]);
    assert_eq!(code, 0);
    let (origin, failure) = Reply::read(&reply).expect("a reply").outcomes[0].origin();
    assert_eq!(origin, Some("half"));
    match failure.answer().failure("half") {
        Some(processes::Error::Panicked { message, .. }) => assert_eq!(message, "7 is odd"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_late_is_let_go_on_and_named_by_its_limit() {
    let (long, short) = (60_000_u64.to_le_bytes(), 0_u64.to_le_bytes());
    let limit = Duration::from_millis(20);
    let limited = |input| Item { retries: 3, limit: Some(limit), ..item("sleep", input) };
    let patient = Some(Duration::from_secs(60));
    let items = [limited(&long), Item { limit: patient, ..item("sleep", &short) }];
    let (code, reply) = call(&request(&items));
    assert_eq!(code, 0);
    let outcomes = Reply::read(&reply).expect("a reply").outcomes;
    assert_eq!(outcomes.iter().map(|o| o.limit()).collect::<Vec<_>>(), [Some(limit), None]);
    assert!(outcomes[0].value().is_none());
    assert_eq!(outcomes[1].answer().decode::<u64>("sleep").expect("a value"), 0);
}

#[test]
fn a_reply_is_read_as_it_was_written_or_not_at_all() {
    let mut outcomes = Outcomes::default();
    outcomes.push(0, b"one");
    outcomes.push(FAILED, b"");
    let reply = outcomes.finish(7);
    let read = Reply::read(&reply).expect("a reply");
    assert_eq!((read.nanoseconds, read.outcomes[0].value()), (7, Some(&b"one"[..])));
    assert!(read.outcomes[1].value().is_none());
    for cut in 0..reply.len() {
        assert!(Reply::read(&reply[..cut]).is_none(), "{cut}");
    }
    assert!(Reply::read(&[&reply[..], &[0]].concat()).is_none());
}

#[test]
fn a_library_says_what_it_is() {
    // SAFETY: it takes nothing.
    assert_eq!(unsafe { polyphony_abi() }, VERSION);
    // SAFETY: the buffer is there.
    let ((), json) = told(|reply| unsafe { polyphony_describe(reply) });
    let said: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(said["abi"], VERSION);
    assert_eq!(said["tasks"]["half"], "u64 -> u64");
    assert!(said["build"].as_str().expect("text").starts_with("distributed "), "{said}");
}

#[test]
fn a_registry_that_panics_is_told_and_not_thrown() {
    static TWICE: Tasks = Tasks::new(|| Registry::new().with(&HALF).with(&HALF));
    // SAFETY: nothing is read of no bytes, and the buffer is there.
    let (code, why) =
        told(|reply| unsafe { TWICE.call((std::ptr::null(), 0), (std::ptr::null(), 0), reply) });
    assert_eq!((code, &why[..]), (1, &b"two tasks are called half"[..]));
    // SAFETY: the buffer is there.
    let ((), json) = told(|reply| unsafe { TWICE.describe("none", reply) });
    assert!(String::from_utf8_lossy(&json).contains("two tasks are called half"));
}
