//! Tasks for programs that are not Rust: a library with four C functions.
//!
//! [`export_tasks!`](crate::export_tasks) makes them of a registry. Whoever loads
//! the library, here Python by `ctypes`, hands over a batch of named calls in
//! bytes and gets as many answers; a task's panic is one of them.
//!
//! ```text
//! uint32_t polyphony_abi(void);                         which of these tables holds
//! void polyphony_describe(struct buffer *);             JSON: build, machine, tasks
//! int32_t polyphony_call(const uint8_t *request, size_t length,
//!                        const struct value *values, size_t count, struct buffer *);
//! void polyphony_free(uint8_t *data, size_t length);    once for each buffer
//! struct buffer { uint8_t *data; size_t length; };
//! struct value { const uint8_t *data; size_t length; };
//! ```
//!
//! What request and reply are is in `abi/format.rs`. `values` are the replies of
//! other calls, from which a request takes what its own are to be given.
//! `polyphony_call` returns 0, or otherwise the buffer holds a sentence that says
//! why there are no answers at all. Any number of threads may call at once. Nothing
//! is kept of the arguments.
#![allow(unsafe_code, reason = "pointers from another language are read and handed out here")]

pub(crate) mod format;
mod run;

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use processes::{Registry, message_of, record_locations};
use serde_json::json;

/// Changes whenever the table above does, or the meaning of what it names.
pub const VERSION: u32 = 2;

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

/// Bytes of the caller's.
#[repr(C)]
#[derive(Debug)]
pub struct Value {
    data: *const u8,
    length: usize,
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
    /// `request` points to `length` bytes and `values` to `count` values, each of
    /// which points to as many bytes as it says; nobody writes to any of them
    /// meanwhile. `reply` can be written to.
    pub unsafe fn call(
        &'static self,
        (request, length): (*const u8, usize),
        (values, count): (*const Value, usize),
        reply: *mut Buffer,
    ) -> i32 {
        // SAFETY: the caller says that so many bytes are there.
        let request = unsafe { slice(request, length) };
        // SAFETY: and so many values.
        let values = unsafe { slice(values, count) };
        // SAFETY: and so many bytes of each.
        let bytes = |value: &Value| unsafe { slice(value.data, value.length) };
        let values: Vec<&[u8]> = values.iter().map(bytes).collect();
        let (code, bytes) = match caught(|| run::answer(self.registry(), request, &values)) {
            Ok(answers) => (0, answers),
            Err(why) => (1, why.into_bytes()),
        };
        // SAFETY: as in `describe`.
        unsafe { reply.write(Buffer::of(bytes)) };
        code
    }
}

/// A slice of which the pointer may be null if it is empty.
///
/// # Safety
/// As [`std::slice::from_raw_parts`] otherwise; it lives as long as the call.
unsafe fn slice<'a, T>(data: *const T, length: usize) -> &'a [T] {
    match length {
        0 => &[],
        // SAFETY: the caller says so.
        _ => unsafe { std::slice::from_raw_parts(data, length) },
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
            use $crate::abi::{self, Buffer, Tasks, Value};

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
                values: *const Value,
                count: usize,
                reply: *mut Buffer,
            ) -> i32 {
                // SAFETY: as above.
                unsafe { TASKS.call((request, length), (values, count), reply) }
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
