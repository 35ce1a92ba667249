//! Threads, the peer by whose cost processes are judged: `threading.Thread`.
//!
//! A thread shares all memory with the one that started it: its input is
//! borrowed, its result is moved, nothing is copied or encoded. To start one and
//! join it costs about 13 µs (`create` in the bench, two cores).

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle, scope};

use crate::error::{Error, cannot};
use crate::panics::{Panic, message_of};
use crate::resident;

/// Applies `f` to each item in a thread of its own, and joins them all.
///
/// # Errors
/// [`Error::Panicked`] for an item on which `f` panics, [`Error::Spawn`] for
/// one that got no thread.
pub fn map<T, R, F>(items: &[T], f: F) -> Vec<Result<R, Error>>
where
    T: Sync,
    R: Send,
    F: Fn(&T) -> R + Sync,
{
    let f = &f;
    scope(|scope| {
        let threads: Vec<_> =
            items.iter().map(|item| Builder::new().spawn_scoped(scope, move || f(item))).collect();
        threads
            .into_iter()
            .map(|thread| {
                let thread = thread.map_err(|e| Error::Spawn(Arc::new(e)))?;
                thread
                    .join()
                    .map_err(|payload| Panic::from_payload(payload).of(std::any::type_name::<F>()))
            })
            .collect()
    })
}

/// A thread that stays and produces bytes when asked: the peer of
/// [`pipe::Resident`](crate::pipe::Resident) and the other transports.
///
/// The buffer is moved to the thread and back, so handing it over costs the
/// same for one byte and for a gigabyte.
#[derive(Debug)]
pub struct Resident {
    thread: Option<JoinHandle<()>>,
    requests: Option<Sender<(usize, Vec<u8>)>>,
    replies: Receiver<Vec<u8>>,
    /// With the thread while it is asked, and lost with it.
    buffer: Vec<u8>,
    most: usize,
}

impl Resident {
    /// Starts the thread; `produce` fills the bytes that it is asked for, at
    /// most `most` of them.
    ///
    /// # Errors
    /// [`Error::Spawn`].
    pub fn start(most: usize, produce: impl Fn(&mut [u8]) + Send + 'static) -> Result<Self, Error> {
        let (requests, asked) = channel::<(usize, Vec<u8>)>();
        let (reply, replies) = channel();
        let serve = move || {
            for (bytes, mut buffer) in asked {
                produce(&mut buffer[..bytes]);
                if reply.send(buffer).is_err() {
                    break;
                }
            }
        };
        let thread = Builder::new().spawn(serve).map_err(|e| Error::Spawn(Arc::new(e)))?;
        let (thread, requests, buffer) = (Some(thread), Some(requests), vec![0; most]);
        Ok(Self { thread, requests, replies, buffer, most })
    }

    /// Has `bytes` bytes produced, and waits for them.
    ///
    /// # Errors
    /// [`Error::Panicked`] if `produce` does; from then on, always an error.
    ///
    /// # Panics
    /// If `bytes` is more than `most`.
    pub fn ask(&mut self, bytes: usize) -> Result<&[u8], Error> {
        resident::within(bytes, self.most);
        let buffer = std::mem::take(&mut self.buffer);
        let asked = self.requests.as_ref().is_some_and(|to| to.send((bytes, buffer)).is_ok());
        match self.replies.recv() {
            Ok(buffer) if asked => self.buffer = buffer,
            _ => return Err(self.lost()),
        }
        Ok(&self.buffer[..bytes])
    }

    fn lost(&mut self) -> Error {
        let payload = self.thread.take().and_then(|thread| thread.join().err());
        match payload {
            Some(payload) => Panic::from_payload(payload).of("produce"),
            None => cannot("ask a thread")(std::io::Error::from(std::io::ErrorKind::BrokenPipe)),
        }
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        // Without requests the thread ends; a panic of it was told by `ask`.
        self.requests.take();
        if let Some(Err(payload)) = self.thread.take().map(JoinHandle::join) {
            message_of(payload);
        }
    }
}
