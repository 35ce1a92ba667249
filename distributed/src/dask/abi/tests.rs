use std::sync::atomic::{AtomicU32, Ordering};

use processes::Task;

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

fn registry() -> Registry {
    Registry::new().with(&HALF).with(&FLAKY)
}

crate::export_tasks!(registry);

// As whoever loads the library sees them.
unsafe extern "C" {
    fn polyphony_abi() -> u32;
    fn polyphony_describe(reply: *mut Buffer);
    fn polyphony_call(request: *const u8, length: usize, reply: *mut Buffer) -> i32;
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
    // SAFETY: the slice is of that length, and the buffer is there.
    told(|reply| unsafe { polyphony_call(request.as_ptr(), request.len(), reply) })
}

fn request(items: &[Item<'_>]) -> Vec<u8> {
    let mut request = (items.len() as u32).to_le_bytes().to_vec();
    items.iter().for_each(|item| item.append(&mut request));
    request
}

fn answers(reply: &[u8]) -> Vec<Answer> {
    super::answers(reply).expect("a reply").1
}

#[test]
fn a_batch_has_an_answer_for_each_item() {
    let (six, seven) = (6_u64.to_le_bytes(), 7_u64.to_le_bytes());
    let item = |task, input| Item { retries: 0, task, input };
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
        Some(processes::Error::UnknownTask { known, .. }) => assert_eq!(known, ["flaky", "half"]),
        other => panic!("{other:?}"),
    }
    assert!(matches!(answers[3].failure("half"), Some(processes::Error::Decode { .. })));
    assert_eq!(call(&request(&[])).0, 0, "a batch of none");
}

#[test]
fn what_fails_is_tried_again_as_often_as_it_may() {
    let fails = 2_u32.to_le_bytes();
    let item = |retries| Item { retries, task: "flaky", input: &fails[..] };
    assert!(answers(&call(&request(&[item(1)])).1)[0].is_failure());
    let third = &answers(&call(&request(&[item(5)])).1)[0];
    assert_eq!(third.decode::<u32>("flaky").expect("it does not fail again"), 2);
}

#[test]
fn a_request_that_makes_no_sense_is_refused() {
    let input = 6_u64.to_le_bytes();
    let whole = request(&[Item { retries: 0, task: "half", input: &input }]);
    for cut in 0..whole.len() {
        let (code, why) = call(&whole[..cut]);
        assert_eq!((code, &why[..]), (1, &b"the request is cut short"[..]));
    }
    let longer = [&whole[..], &[0]].concat();
    assert_eq!(call(&longer), (1, b"1 bytes are left over after the request".to_vec()));
    let mut endless = whole;
    endless[..4].fill(0xFF);
    assert_eq!(call(&endless).0, 1);
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
    let (code, why) = told(|reply| unsafe { TWICE.call(std::ptr::null(), 0, reply) });
    assert_eq!((code, &why[..]), (1, &b"two tasks are called half"[..]));
    // SAFETY: the buffer is there.
    let ((), json) = told(|reply| unsafe { TWICE.describe("none", reply) });
    assert!(String::from_utf8_lossy(&json).contains("two tasks are called half"));
}
