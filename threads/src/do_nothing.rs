//! The lecture's `do_nothing(n)`: print `Run n.`, then sleep.
//!
//! Sleep is not work, so ten threads sleep as long as one, on any number of
//! cores. What goes wrong is the print. Python's `print` writes the text, and
//! then the newline; between the two another thread may write, and lines mix.
//!
//! | function | prints | lines stay whole | ten threads take |
//! |---|---|---|---|
//! | [`unlocked`] | in two writes, as Python does | perhaps not | one sleep |
//! | [`lock_released`] | in two writes, under a lock | yes | one sleep |
//! | [`lock_held`] | the same, and sleeps under the lock | yes | ten sleeps |
//! | [`whole_line`] | in one write, as `println!` does | yes | one sleep |
//!
//! None of them puts the lines in order: a lock says that one thread goes at a
//! time, not which.
//!
//! The writer is shared, `&W`, as `&File` and `&Stdout` can be written to from
//! several threads. Where there is a lock, it owns the writer: in Python the
//! lock guards what everybody remembers to guard with it, in Rust there is no
//! other way to the writer than through the lock.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

/// Prints in two writes and sleeps: the lecture's first version.
///
/// # Errors
/// What the writer said; then it does not sleep.
pub fn unlocked<W>(out: &W, n: u32, wait: Duration) -> io::Result<()>
where
    for<'a> &'a W: Write,
{
    print(out, n)?;
    sleep(wait);
    Ok(())
}

/// Prints under the lock, releases it, and sleeps: the lecture's remedy.
///
/// The lecture's `acquire()` and `release()` leave the lock taken for good if
/// the print between them fails. A guard is released however its scope is left.
///
/// # Errors
/// What the writer said; then it does not sleep.
pub fn lock_released<W: Write>(out: &Mutex<W>, n: u32, wait: Duration) -> io::Result<()> {
    print(&mut *lock(out), n)?; // The guard lives to the end of this line.
    sleep(wait);
    Ok(())
}

/// Prints under the lock and keeps it while it sleeps: the mistake that is one
/// line away, and makes ten threads as slow as one.
///
/// # Errors
/// What the writer said; then it does not sleep.
pub fn lock_held<W: Write>(out: &Mutex<W>, n: u32, wait: Duration) -> io::Result<()> {
    let mut out = lock(out);
    print(&mut *out, n)?;
    sleep(wait);
    Ok(())
}

/// Prints text and newline in one write, and sleeps; no lock of ours.
///
/// A file, a pipe and a terminal take a short write whole, and `Stdout` has a
/// lock of its own around each call, which is why `println!` never mixes lines.
///
/// # Errors
/// What the writer said; then it does not sleep.
pub fn whole_line<W>(mut out: &W, n: u32, wait: Duration) -> io::Result<()>
where
    for<'a> &'a W: Write,
{
    out.write_all(format!("Run {n}.\n").as_bytes())?;
    sleep(wait);
    Ok(())
}

/// Python's `print`: text, then newline. The text is formatted first, because
/// `write!` on a bare file makes a system call of every fragment.
fn print(mut out: impl Write, n: u32) -> io::Result<()> {
    out.write_all(format!("Run {n}.").as_bytes())?;
    out.write_all(b"\n")
}

/// A thread that panicked while printing has poisoned the lock. All it can have
/// spoiled is its own line, so the others print theirs.
fn lock<W>(out: &Mutex<W>) -> MutexGuard<'_, W> {
    out.lock().unwrap_or_else(PoisonError::into_inner)
}
