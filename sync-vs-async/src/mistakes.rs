//! "Hard to get right": five classic wrong programs, and who notices.
//!
//! | mistake | what happens | noticed by |
//! |---|---|---|
//! | a forgotten `await` | nothing runs | a lint, unless the future is bound to a name |
//! | awaits one after the other | the waits add up | nobody |
//! | a blocking sleep in a task | every task of its thread waits | nobody |
//! | the computation first in `join!` | nothing overlaps | nobody |
//! | a std `Mutex` guard held over an `await` | a deadlock waits to happen | the compiler, when spawned; clippy otherwise |
//!
//! The first and the last are shown here, by programs that must not compile
//! beside the same programs put right; the three that compile and run at the
//! wrong speed are in `tests/mistakes.rs`. Python notices the first when the
//! forgotten coroutine is collected (a `RuntimeWarning`), and whatever holds
//! the loop for 100 ms if asyncio's debug mode is on.
//!
//! # A forgotten `await`
//!
//! ```compile_fail
//! #![deny(unused_must_use)] // by default it warns
//! async fn save() {}
//! async fn run() {
//!     save(); // error: futures do nothing unless you `.await` or poll them
//! }
//! ```
//!
//! ```
//! #![deny(unused_must_use)]
//! async fn save() {}
//! async fn run() {
//!     save().await;
//! }
//! ```
//!
//! # A guard held over an `await`
//!
//! The task may come back on another thread, and a std guard must be dropped
//! on its own. So the future is not `Send`, and only a future that is may be
//! spawned:
//!
//! ```compile_fail
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//!
//! async fn run(total: Arc<Mutex<u64>>) {
//!     tokio::spawn(async move {
//!         let mut total = total.lock().unwrap();
//!         tokio::time::sleep(Duration::from_millis(1)).await; // error: cannot be sent
//!         *total += 1;
//!     });
//! }
//! ```
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//!
//! async fn run(total: Arc<Mutex<u64>>) {
//!     tokio::spawn(async move {
//!         tokio::time::sleep(Duration::from_millis(1)).await;
//!         let mut total = total.lock().unwrap();
//!         *total += 1;
//!     });
//! }
//! ```
//!
//! `block_on` and `join!` ask for no `Send`. There the first program compiles,
//! and two such futures on one thread lock each other out for ever: the second
//! blocks the thread that the first needs to give its guard back.
