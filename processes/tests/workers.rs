//! Tasks in workers, and what a worker survives.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, raise};
use nix::unistd::Pid;
use processes::{Error, Exit, Registry, Side, Task, Worker};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How long anything here may take before it counts as hanging.
const DEADLINE: Duration = Duration::from_secs(10);

const DOUBLE: Task<u64, u64> = Task::new("double", |x| x * 2);
const FAIL: Task<u64, u64> = Task::new("fail", |x| panic!("no {x} today"));
const FAIL_ODDLY: Task<(), ()> = Task::new("fail_oddly", |()| std::panic::panic_any(7));
const PID: Task<(), u32> = Task::new("pid", |()| std::process::id());
const EXIT: Task<i32, ()> = Task::new("exit", |code| std::process::exit(code));
const KILL_SELF: Task<i32, ()> = Task::new("kill_self", |signal| {
    raise(Signal::try_from(signal).expect("a signal")).expect("it is sent");
});
const SLEEP: Task<Duration, ()> = Task::new("sleep", std::thread::sleep);
const LENGTH: Task<Vec<u8>, usize> = Task::new("length", |bytes| bytes.len());
const ECHO: Task<Vec<u8>, Vec<u8>> = Task::new("echo", |bytes| bytes);
const TEXT: Task<usize, String> = Task::new("text", |n| "x".repeat(n));
const TEXT_LENGTH: Task<String, usize> = Task::new("text_length", |text| text.len());
const STDIN: Task<(), usize> =
    Task::new("stdin", |()| std::io::stdin().read_line(&mut String::new()).expect("its end"));
const GRANDCHILD: Task<(), u32> = Task::new("grandchild", |()| {
    std::process::Command::new("sleep").arg("60").spawn().expect("a grandchild").id()
});
const NOT_REGISTERED: Task<(), ()> = Task::new("not_registered", |()| ());
const TAKE_FICKLE: Task<Fickle, ()> = Task::new("take_fickle", |_| ());
const GIVE_FICKLE: Task<u8, Fickle> = Task::new("give_fickle", Fickle);
/// The caller's view of `give_fickle`, by which the output can be decoded.
const GIVE_BYTE: Task<u8, u8> = Task::new("give_fickle", |x| x);

/// 1 cannot be encoded, 2 cannot be decoded, 3 panics when it is decoded.
#[derive(Debug)]
struct Fickle(u8);

impl Serialize for Fickle {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0 == 1 { Err(S::Error::custom("a one")) } else { self.0.serialize(to) }
    }
}

impl<'de> Deserialize<'de> for Fickle {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match u8::deserialize(from)? {
            2 => Err(D::Error::custom("a two")),
            3 => panic!("a three"),
            other => Ok(Self(other)),
        }
    }
}

fn claim() {
    let registry = Registry::new()
        .with(&DOUBLE)
        .with(&FAIL)
        .with(&FAIL_ODDLY)
        .with(&PID)
        .with(&EXIT)
        .with(&KILL_SELF)
        .with(&SLEEP)
        .with(&LENGTH)
        .with(&ECHO)
        .with(&TEXT)
        .with(&TEXT_LENGTH)
        .with(&STDIN)
        .with(&GRANDCHILD)
        .with(&TAKE_FICKLE)
        .with(&GIVE_FICKLE);
    processes::test_worker_entry("worker_entry", registry);
}

fn worker() -> Worker {
    claim();
    Worker::spawn().expect("a worker")
}

#[test]
fn worker_entry() {
    claim();
}

#[test]
fn a_task_runs_in_the_worker() {
    let mut worker = worker();
    let pid = worker.pid();
    assert_ne!(pid, std::process::id());
    assert_eq!(worker.call(&PID, &()).expect("a pid"), pid);
    assert_eq!(worker.call(&DOUBLE, &21).expect("a double"), 42);
}

#[test]
fn a_batch_has_a_status_for_each_item() {
    let mut worker = worker();
    assert!(worker.call_batch(&DOUBLE, &[]).expect("no answers").is_empty());
    let inputs: Vec<u64> = (0..1000).collect();
    let outputs: Result<Vec<_>, _> =
        worker.call_batch(&DOUBLE, &inputs).expect("answers").into_iter().collect();
    assert_eq!(outputs.expect("all"), inputs.iter().map(|x| x * 2).collect::<Vec<_>>());

    let outputs = worker.call_batch(&TAKE_FICKLE, &[Fickle(0), Fickle(2), Fickle(3), Fickle(4)]);
    match &outputs.expect("answers")[..] {
        [
            Ok(()),
            Err(Error::Decode { side: Side::Input, .. }),
            Err(Error::Panicked { .. }),
            Ok(()),
        ] => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_panic_is_a_value_and_the_worker_lives_on() {
    let mut worker = worker();
    let panicked = worker.call(&FAIL, &3).expect_err("a panic");
    let text = panicked.to_string();
    assert!(text.starts_with("task fail panicked: no 3 today (at "), "{text}");
    assert!(text.contains("workers.rs:"), "{text}");
    let oddly = worker.call(&FAIL_ODDLY, &()).expect_err("a panic").to_string();
    assert!(oddly.contains("a payload that is no text"), "{oddly}");
    assert_eq!(worker.call(&PID, &()).expect("a pid"), worker.pid());
}

#[test]
fn every_death_is_told_with_its_cause() {
    claim();
    let deaths = [
        (EXIT, 0, "exited(0)"),
        (EXIT, 3, "exited(3)"),
        (KILL_SELF, Signal::SIGKILL as i32, "killed by SIGKILL"),
        (KILL_SELF, Signal::SIGTERM as i32, "killed by SIGTERM"),
        (KILL_SELF, Signal::SIGABRT as i32, "aborted"),
    ];
    for (task, input, expected) in deaths {
        let mut worker = worker();
        let asked = Instant::now();
        let died = worker.call(&task, &input).expect_err("a death");
        assert!(asked.elapsed() < DEADLINE);
        let expected = format!("worker {} died in task {}: {expected}", worker.pid(), task.name());
        assert_eq!(died.to_string(), expected);
        // And it stays dead, for whoever asks next.
        assert!(matches!(worker.call(&DOUBLE, &1), Err(Error::Died { task: "double", .. })));
        assert!(matches!(worker.call_batch(&DOUBLE, &[1]), Err(Error::Died { .. })));
    }
}

#[test]
fn a_worker_killed_while_idle_or_busy_is_dead() {
    let mut idle = worker();
    idle.kill();
    let died = idle.call(&DOUBLE, &1).expect_err("a death");
    assert!(matches!(died, Error::Died { exit: Exit::Killed(9), .. }), "{died:?}");

    let mut busy = worker();
    let pid = Pid::from_raw(busy.pid().cast_signed());
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        kill(pid, Signal::SIGKILL)
    });
    let asked = Instant::now();
    let died = busy.call(&SLEEP, &Duration::from_secs(60)).expect_err("a death");
    assert!(asked.elapsed() < DEADLINE);
    assert!(matches!(died, Error::Died { exit: Exit::Killed(9), .. }), "{died:?}");
    killer.join().expect("a thread").expect("a signal");
}

#[test]
fn an_unknown_task_names_the_known_ones() {
    let mut worker = worker();
    match worker.call(&NOT_REGISTERED, &()) {
        Err(Error::UnknownTask { task: "not_registered", known }) => {
            assert!(known.contains(&"double".to_owned()), "{known:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(worker.call(&DOUBLE, &2).expect("a double"), 4);
}

#[test]
fn coding_errors_name_their_side_and_the_worker_lives_on() {
    let mut worker = worker();
    let error = worker.call(&TAKE_FICKLE, &Fickle(1)).expect_err("no encoding");
    assert!(matches!(error, Error::Encode { side: Side::Input, .. }), "{error:?}");
    let error = worker.call(&TAKE_FICKLE, &Fickle(2)).expect_err("no decoding");
    assert!(matches!(error, Error::Decode { side: Side::Input, .. }), "{error:?}");
    let error = worker.call(&GIVE_FICKLE, &1).expect_err("no encoding");
    assert!(matches!(error, Error::Encode { side: Side::Output, .. }), "{error:?}");
    let error = worker.call(&GIVE_FICKLE, &2).expect_err("no decoding");
    assert!(matches!(error, Error::Decode { side: Side::Output, .. }), "{error:?}");
    assert_eq!(worker.call(&GIVE_BYTE, &2).expect("a byte"), 2);
}

#[test]
fn four_mebibytes_go_both_ways() {
    let mut worker = worker();
    let bytes = vec![7; 4 << 20];
    assert_eq!(worker.call(&LENGTH, &bytes).expect("a length"), bytes.len());
    assert!(worker.call(&ECHO, &bytes).expect("bytes") == bytes);
}

#[test]
fn what_is_too_large_is_refused_on_either_side_and_the_worker_lives_on() {
    const TOO_LARGE: usize = (256 << 20) + 1;
    let mut worker = worker();
    let error = worker.call(&TEXT_LENGTH, &"x".repeat(TOO_LARGE)).expect_err("too large");
    assert!(matches!(error, Error::TooLarge { side: Side::Input, .. }), "{error:?}");
    let error = worker.call(&TEXT, &TOO_LARGE).expect_err("too large");
    assert!(matches!(error, Error::TooLarge { side: Side::Output, .. }), "{error:?}");
    assert_eq!(worker.call(&TEXT, &3).expect("a text"), "xxx");
}

#[test]
fn outputs_that_are_too_large_together_come_one_after_the_other() {
    const HALF_AND_MORE: usize = 130 << 20;
    let mut worker = worker();
    let outputs = worker.call_batch(&TEXT, &[3, HALF_AND_MORE, HALF_AND_MORE, 5]);
    let lengths: Result<Vec<_>, _> =
        outputs.expect("answers").into_iter().map(|output| output.map(|text| text.len())).collect();
    assert_eq!(lengths.expect("all"), [3, HALF_AND_MORE, HALF_AND_MORE, 5]);
    assert_eq!(worker.call(&DOUBLE, &2).expect("a double"), 4);
}

#[test]
fn a_killer_ends_a_call_and_leaves_the_reaped_alone() {
    let mut worker = worker();
    assert!(worker.is_alive());
    let killer = worker.killer();
    let from_outside = killer.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        from_outside.kill();
    });
    let died = worker.call(&SLEEP, &Duration::from_secs(60)).expect_err("a death");
    assert!(matches!(died, Error::Died { exit: Exit::Killed(9), .. }), "{died:?}");
    assert!(!worker.is_alive());
    thread.join().expect("a thread");
    killer.kill();
}

#[test]
fn an_output_that_panics_when_it_is_decoded_leaves_the_worker_ready() {
    let mut worker = worker();
    let call = || worker.call_batch(&GIVE_FICKLE, &[0, 3, 0]);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err());
    assert_eq!(worker.call(&DOUBLE, &2).expect("a double"), 4);
}

#[test]
fn a_task_finds_standard_input_empty() {
    assert_eq!(worker().call(&STDIN, &()).expect("its end"), 0);
}

#[test]
fn what_a_task_started_ends_with_the_worker() {
    for end in [|mut worker: Worker| worker.kill(), drop] {
        let mut worker = worker();
        let grandchild = worker.call(&GRANDCHILD, &()).expect("a pid");
        assert!(runs(grandchild));
        end(worker);
        let ended = Instant::now();
        while runs(grandchild) {
            assert!(ended.elapsed() < DEADLINE, "grandchild {grandchild} runs on");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_worker_in_its_own_group_can_be_sent_to_a_thread() {
    let mut worker = worker();
    let group = nix::unistd::getpgid(Some(Pid::from_raw(worker.pid().cast_signed())));
    assert_eq!(group.expect("a group").as_raw().cast_unsigned(), worker.pid());
    let doubled = std::thread::spawn(move || worker.call(&DOUBLE, &4)).join().expect("a thread");
    assert_eq!(doubled.expect("a double"), 8);
}

/// Whether a process exists and is no zombie, which somebody else has yet to reap.
fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}
