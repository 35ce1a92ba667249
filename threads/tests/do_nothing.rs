//! What is printed is whole where that is promised, and sleeps overlap where
//! nothing holds them apart.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::{Barrier, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use threads::{Transcript, do_nothing, scoped, serial};

const RUNS: [u32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
/// So long that ten threads have far more time to start than they need, on any
/// machine, before ten of these are over: less than ten is proof that they slept
/// side by side, and nothing else is asked for.
const WAIT: Duration = Duration::from_millis(200);

/// A file that has no name and is gone when it is closed.
fn file() -> File {
    tempfile::tempfile().expect("a temporary file")
}

fn text(mut file: &File) -> String {
    let mut text = String::new();
    file.rewind().expect("back to the start");
    file.read_to_string(&mut text).expect("what was printed is text");
    text
}

fn lasted(work: impl FnOnce() -> Vec<io::Result<()>>) -> Duration {
    let start = Instant::now();
    let results = work();
    let lasted = start.elapsed();
    for result in results {
        result.expect("a file takes what is printed");
    }
    lasted
}

#[test]
fn serial_prints_in_order_and_sleeps_ten_times() {
    let out = file();
    let lasted = lasted(|| serial::map(&RUNS, |&n| do_nothing::unlocked(&out, n, WAIT)));
    assert!(lasted >= WAIT * 10, "{lasted:?}");
    let read = Transcript::of(&text(&out));
    assert_eq!(read.runs, RUNS);
    assert_eq!((read.broken, read.out_of_order()), (0, 0));
}

#[test]
fn ten_threads_sleep_together_and_print_every_byte() {
    let out = file();
    let lasted = lasted(|| scoped::map(&RUNS, |&n| do_nothing::unlocked(&out, n, WAIT)));
    assert!((WAIT..WAIT * 10).contains(&lasted), "{lasted:?}");
    // Lines may mix, so only the bytes are sure.
    assert!(Transcript::of(&text(&out)).has_every_byte(10));
}

#[test]
fn a_lock_released_before_the_sleep_keeps_lines_whole_and_nobody_waiting() {
    let out = file();
    let locked = Mutex::new(&out);
    let lasted = lasted(|| scoped::map(&RUNS, |&n| do_nothing::lock_released(&locked, n, WAIT)));
    assert!((WAIT..WAIT * 10).contains(&lasted), "{lasted:?}");
    assert!(Transcript::of(&text(&out)).is_whole(10));
}

#[test]
fn a_lock_held_across_the_sleep_makes_ten_threads_as_slow_as_one() {
    let out = file();
    let locked = Mutex::new(&out);
    let lasted = lasted(|| scoped::map(&RUNS, |&n| do_nothing::lock_held(&locked, n, WAIT)));
    assert!(lasted >= WAIT * 10, "{lasted:?}");
    assert!(Transcript::of(&text(&out)).is_whole(10));
}

#[test]
fn a_line_in_one_write_is_whole_without_a_lock_of_ours() {
    let out = file();
    let lasted = lasted(|| scoped::map(&RUNS, |&n| do_nothing::whole_line(&out, n, WAIT)));
    assert!((WAIT..WAIT * 10).contains(&lasted), "{lasted:?}");
    assert!(Transcript::of(&text(&out)).is_whole(10));
}

/// Waits after each write that does not end a line: everything that can come
/// between a text and its newline does.
struct Tempting<Wait> {
    wait: Wait,
    taken: Mutex<Vec<u8>>,
}

impl<Wait: Fn()> Tempting<Wait> {
    fn new(wait: Wait) -> Self {
        Self { wait, taken: Mutex::default() }
    }

    fn text(&self) -> String {
        String::from_utf8(self.taken.lock().unwrap().clone()).unwrap()
    }
}

impl<Wait: Fn()> Write for &Tempting<Wait> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.taken.lock().unwrap().extend_from_slice(bytes);
        if !bytes.ends_with(b"\n") {
            (self.wait)();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn text_and_newline_in_two_writes_mix_when_two_threads_come_together() {
    // Neither passes the barrier before both have written their text.
    let both_have_written = Barrier::new(2);
    let out = Tempting::new(|| {
        both_have_written.wait();
    });
    for result in scoped::map(&[0, 1], |&n| do_nothing::unlocked(&out, n, Duration::ZERO)) {
        result.expect("memory takes what is printed");
    }
    let read = Transcript::of(&out.text());
    assert_eq!((read.runs.len(), read.broken), (0, 2), "{:?}", out.text());
}

#[test]
fn lines_that_are_promised_whole_are_whole_however_long_a_print_takes() {
    let tempting = || Tempting::new(|| sleep(Duration::from_millis(1)));

    let out = tempting();
    let locked = Mutex::new(&out);
    scoped::map(&RUNS, |&n| do_nothing::lock_released(&locked, n, Duration::ZERO).unwrap());
    assert!(Transcript::of(&out.text()).is_whole(10), "{:?}", out.text());

    let out = tempting();
    let locked = Mutex::new(&out);
    scoped::map(&RUNS, |&n| do_nothing::lock_held(&locked, n, Duration::ZERO).unwrap());
    assert!(Transcript::of(&out.text()).is_whole(10), "{:?}", out.text());

    let out = tempting();
    scoped::map(&RUNS, |&n| do_nothing::whole_line(&out, n, Duration::ZERO).unwrap());
    assert!(Transcript::of(&out.text()).is_whole(10), "{:?}", out.text());
}

/// Takes all lines but those of one run: it fails there, or panics.
struct Fails {
    at: &'static str,
    panics: bool,
    taken: Mutex<Vec<u8>>,
}

impl Fails {
    fn new(at: &'static str, panics: bool) -> Self {
        Self { at, panics, taken: Mutex::default() }
    }

    fn text(&self) -> String {
        String::from_utf8(self.taken.lock().unwrap().clone()).unwrap()
    }
}

impl Write for &Fails {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.starts_with(self.at.as_bytes()) {
            assert!(!self.panics, "the printer is on fire");
            return Err(io::Error::other("out of paper"));
        }
        self.taken.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_fails_is_an_error_of_that_run_alone() {
    let prints: [fn(&Fails, u32) -> io::Result<()>; 4] = [
        |out, n| do_nothing::unlocked(out, n, Duration::ZERO),
        |out, n| do_nothing::lock_released(&Mutex::new(out), n, Duration::ZERO),
        |out, n| do_nothing::lock_held(&Mutex::new(out), n, Duration::ZERO),
        |out, n| do_nothing::whole_line(out, n, Duration::ZERO),
    ];
    for print in prints {
        let out = Fails::new("Run 3.", false);
        let results = scoped::map(&RUNS, |&n| print(&out, n));
        for (n, result) in results.iter().enumerate() {
            assert_eq!(result.is_err(), n == 3, "run {n}: {result:?}");
        }
        assert!(!out.text().contains("Run 3."));
    }
}

#[test]
fn a_panic_under_the_lock_does_not_leave_it_taken() {
    // The lecture's acquire and release would: the other nine would wait for
    // ever. Here they print, though the lock is poisoned.
    type Print = fn(&Mutex<&Fails>, u32) -> io::Result<()>;
    let prints: [Print; 2] = [
        |out, n| do_nothing::lock_released(out, n, Duration::ZERO),
        |out, n| do_nothing::lock_held(out, n, Duration::ZERO),
    ];
    for print in prints {
        let out = Fails::new("Run 3.", true);
        let locked = Mutex::new(&out);
        let results = scoped::try_map(&RUNS, |&n| print(&locked, n));
        for (n, result) in results.into_iter().enumerate() {
            match result {
                Ok(printed) => printed.expect("the others print"),
                Err(panicked) => {
                    assert_eq!((n, panicked.index), (3, 3));
                    assert!(panicked.message.contains("on fire"), "{panicked}");
                }
            }
        }
        assert!(locked.is_poisoned());
        let read = Transcript::of(&out.text());
        assert_eq!((read.runs.len(), read.broken), (9, 0), "{:?}", out.text());
    }
}
