//! Tasks for programs that are not Rust: a library with four C functions.
//!
//! [`export_tasks!`](crate::export_tasks) makes them of a registry. Whoever loads
//! the library, here Python by `ctypes`, hands over a batch of named calls in
//! bytes and gets as many answers; a task's panic is one of them.
//!
//! ```text
//! uint32_t polyphony_abi(void);                         which of these tables holds
//! void polyphony_describe(struct buffer *);             JSON: build, machine, tasks
//! int32_t polyphony_call(const uint8_t *request, size_t length, struct buffer *);
//! void polyphony_free(uint8_t *data, size_t length);    once for each buffer
//! struct buffer { uint8_t *data; size_t length; };
//!
//! request = items (u32), and for each:
//!           retries (u32) name-length (u32) input-length (u64) name input
//! reply   = nanoseconds (u64) items (u32), for each its length (u64; the highest
//!           bit says that the item failed), then all items one after the other
//! ```
//!
//! Numbers are little endian. `polyphony_call` returns 0, or otherwise the buffer
//! holds a sentence that says why there are no answers at all. Any number of
//! threads may call at once. Nothing is kept of the arguments.
#![allow(unsafe_code, reason = "pointers from another language are read and handed out here")]

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::Instant;

use processes::{Answer, Registry, message_of, record_locations};
use serde_json::json;

/// Changes whenever the table above does, or the meaning of what it names.
pub const VERSION: u32 = 1;

/// The bit of an item's length that says that it failed.
pub(crate) const FAILED: u64 = 1 << 63;

/// Bytes of this library's, until [`free`].
#[repr(C)]
#[derive(Debug)]
pub struct Buffer {
    data: *mut u8,
    length: usize,
}

impl Buffer {
    fn of(bytes: Vec<u8>) -> Self {
        let bytes = Box::leak(bytes.into_boxed_slice());
        Self { data: bytes.as_mut_ptr(), length: bytes.len() }
    }
}

/// The tasks of a library, made when they are first asked for.
#[derive(Debug)]
pub struct Tasks {
    registry: OnceLock<Registry>,
    make: fn() -> Registry,
}

impl Tasks {
    /// The tasks of the registry that `make` makes, once.
    pub const fn new(make: fn() -> Registry) -> Self {
        Self { registry: OnceLock::new(), make }
    }

    fn registry(&self) -> &Registry {
        self.registry.get_or_init(|| {
            record_locations();
            (self.make)()
        })
    }

    /// What `polyphony_describe` says. `build` names the crate and its version.
    ///
    /// # Safety
    /// `reply` can be written to.
    pub unsafe fn describe(&self, build: &str, reply: *mut Buffer) {
        let told = caught(|| Ok(description(self.registry(), build).into_bytes()));
        let bytes = told.unwrap_or_else(|why| json!({ "error": why }).to_string().into_bytes());
        // SAFETY: the caller says that it can be written to; nothing there is
        // read or dropped.
        unsafe { reply.write(Buffer::of(bytes)) };
    }

    /// What `polyphony_call` does.
    ///
    /// # Safety
    /// `request` points to `length` bytes that nobody writes to meanwhile, and
    /// `reply` can be written to.
    pub unsafe fn call(&self, request: *const u8, length: usize, reply: *mut Buffer) -> i32 {
        let request = match length {
            // Then the pointer may be null, which a slice's may not.
            0 => &[],
            // SAFETY: the caller says that so many bytes are there.
            _ => unsafe { std::slice::from_raw_parts(request, length) },
        };
        let (code, bytes) = match caught(|| answer(self.registry(), request)) {
            Ok(answers) => (0, answers),
            Err(why) => (1, why.into_bytes()),
        };
        // SAFETY: as in `describe`.
        unsafe { reply.write(Buffer::of(bytes)) };
        code
    }
}

/// What `polyphony_free` does.
///
/// # Safety
/// They are a buffer's of this library, and are freed for the first time.
pub unsafe fn free(data: *mut u8, length: usize) {
    let bytes = std::ptr::slice_from_raw_parts_mut(data, length);
    // SAFETY: `Buffer::of` leaked a box of just this slice, and nobody has taken
    // it back.
    drop(unsafe { Box::from_raw(bytes) });
}

/// No panic leaves this library: what is above it is not Rust.
fn caught(work: impl FnOnce() -> Result<Vec<u8>, String>) -> Result<Vec<u8>, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(message_of(payload)))
}

/// Which build this is, which machine it runs on, and the tasks' signatures.
fn description(registry: &Registry, build: &str) -> String {
    let tasks: serde_json::Map<_, _> =
        registry.signatures().map(|(name, signature)| (name.into(), signature.into())).collect();
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let mut build = build.to_owned();
    let _ = write!(build, ", {profile}, distributed {}", env!("CARGO_PKG_VERSION"));
    json!({
        "abi": VERSION,
        "build": build,
        "architecture": std::env::consts::ARCH,
        "system": std::env::consts::OS,
        "tasks": tasks,
    })
    .to_string()
}

/// One call of a request.
pub(crate) struct Item<'a> {
    pub(crate) retries: u32,
    pub(crate) task: &'a str,
    pub(crate) input: &'a [u8],
}

impl Item<'_> {
    /// Appends it to a request, behind the number of items.
    pub(crate) fn append(&self, to: &mut Vec<u8>) {
        to.extend(self.retries.to_le_bytes());
        to.extend((self.task.len() as u32).to_le_bytes());
        to.extend((self.input.len() as u64).to_le_bytes());
        to.extend(self.task.as_bytes());
        to.extend(self.input);
    }
}

/// The answers of a reply, and how many nanoseconds they took together; `None`
/// if it is no reply.
pub(crate) fn answers(reply: &[u8]) -> Option<(u64, Vec<Answer>)> {
    let mut reader = Reader(reply);
    let (nanoseconds, items) = (reader.long()?, reader.word()?);
    let mut lengths = Reader(reader.take(8 * u64::from(items))?);
    let mut answer = || {
        let length = lengths.long()?;
        let bytes = reader.take(length & !FAILED)?.to_vec();
        Some(Answer::received(length & FAILED != 0, bytes))
    };
    let answers = (0..items).map(|_| answer()).collect::<Option<_>>()?;
    reader.0.is_empty().then_some((nanoseconds, answers))
}

/// A request or a reply, being read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn word(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn item(&mut self) -> Option<Item<'a>> {
        let (retries, name, input) = (self.word()?, self.word()?, self.long()?);
        let task = std::str::from_utf8(self.take(u64::from(name))?).ok()?;
        Some(Item { retries, task, input: self.take(input)? })
    }
}

/// Answers each item of a request, in order.
///
/// # Errors
/// If the request makes no sense; nothing has been run of what is behind that
/// place, and what was run before it is lost.
fn answer(registry: &Registry, request: &[u8]) -> Result<Vec<u8>, String> {
    let begun = Instant::now();
    let mut reader = Reader(request);
    let cut_short = || "the request is cut short".to_owned();
    let items = reader.word().ok_or_else(cut_short)?;
    // A count says nothing of the memory that is needed.
    let (mut lengths, mut bytes) = (Vec::new(), Vec::new());
    for _ in 0..items {
        let Item { retries, task, input } = reader.item().ok_or_else(cut_short)?;
        let mut answer = registry.answer(task, input);
        for _ in 0..retries {
            if !answer.is_failure() {
                break;
            }
            answer = registry.answer(task, input);
        }
        let failed = if answer.is_failure() { FAILED } else { 0 };
        lengths.push(answer.bytes().len() as u64 | failed);
        bytes.extend_from_slice(answer.bytes());
    }
    if !reader.0.is_empty() {
        return Err(format!("{} bytes are left over after the request", reader.0.len()));
    }
    let mut reply = Vec::with_capacity(12 + 8 * lengths.len() + bytes.len());
    reply.extend((begun.elapsed().as_nanos() as u64).to_le_bytes());
    reply.extend(items.to_le_bytes());
    lengths.iter().for_each(|length| reply.extend(length.to_le_bytes()));
    reply.append(&mut bytes);
    Ok(reply)
}

/// Makes a library of the tasks of a [`Registry`](processes::Registry), which
/// workers load that are no Rust programs: Dask's.
///
/// It belongs once into a crate (or example) of type `cdylib` on which nothing
/// else depends. The registry is best in a module that the program and the
/// library share, so that both have the same tasks:
///
/// ```
/// use processes::{Answer, Registry, Task};
///
/// const DOUBLE: Task<u64, u64> = Task::new("double", |x| x * 2);
///
/// fn registry() -> Registry {
///     Registry::new().with(&DOUBLE)
/// }
///
/// distributed::export_tasks!(registry);
/// ```
///
/// ```toml
/// [lib]
/// crate-type = ["cdylib"]
/// ```
///
/// Only there, because the functions have the same names in every such library:
/// two of them linked into one program would call each other's tasks.
///
/// A panic of a task is that task's answer, with its place; it needs the usual
/// `panic = "unwind"`. With `abort` it takes the worker along.
#[macro_export]
macro_rules! export_tasks {
    ($registry:expr) => {
        #[allow(unsafe_code, reason = "the names of a library's functions are its own affair")]
        const _: () = {
            use $crate::abi::{self, Buffer, Tasks};

            static TASKS: Tasks = Tasks::new($registry);

            #[unsafe(no_mangle)]
            extern "C" fn polyphony_abi() -> u32 {
                abi::VERSION
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn polyphony_describe(reply: *mut Buffer) {
                let build = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
                // SAFETY: what is asked of the caller is said where it is read.
                unsafe { TASKS.describe(build, reply) }
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn polyphony_call(
                request: *const u8,
                length: usize,
                reply: *mut Buffer,
            ) -> i32 {
                // SAFETY: as above.
                unsafe { TASKS.call(request, length, reply) }
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn polyphony_free(data: *mut u8, length: usize) {
                // SAFETY: as above.
                unsafe { abi::free(data, length) }
            }
        };
    };
}

#[cfg(test)]
mod tests;
