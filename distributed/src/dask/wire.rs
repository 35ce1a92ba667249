//! What this program and the bridge say to each other; the other end is
//! `python/polyphony_dask/wire.py`.
//!
//! A frame is its length (`u64`, little endian) and a message of `processes`'
//! codec. The kinds are numbered in the order in which they stand here.

use std::io::{self, Read};

use processes::Answer;
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};

/// The longest message, in bytes.
const LIMIT: u64 = 1 << 32;

/// What is asked of the bridge.
#[derive(Debug, Serialize)]
pub(super) enum Command<'a> {
    Connect {
        address: &'a str,
        library: &'a str,
        ca: Option<&'a str>,
        certificate: Option<&'a str>,
        key: Option<&'a str>,
        /// How long anything may take, in milliseconds.
        patience: u64,
    },
    /// Calls of a task, which may take values of other chunks.
    Chunk {
        chunk: u64,
        task: &'a str,
        priority: i32,
        resources: Vec<(&'a str, f64)>,
        /// Those chunks.
        of: Vec<u64>,
        request: &'a Bytes,
    },
    Scatter {
        chunk: u64,
        /// Whether each worker is to have a copy.
        onto_each: bool,
        item: &'a Bytes,
    },
    Want(Vec<u64>),
    Release(Vec<u64>),
    Info(u64),
    /// A question, and how many workers are to stay.
    Scale(u64, u32),
}

/// Workers: address, name and threads of each.
pub(super) type Workers = Vec<(String, String, u32)>;

/// What the bridge answers.
#[derive(Debug, Deserialize)]
pub(super) enum Event {
    /// So many threads there are, and these tasks with their signatures.
    Ready(u32, Vec<(String, String)>),
    Refused(String),
    /// The value is on the cluster.
    Done(u64),
    Value {
        chunk: u64,
        worker: String,
        reply: ByteBuf,
    },
    /// A chunk was given up after so many workers, the last of which is named: this
    /// one, or one at fault whose value it takes; the task is that one's.
    Killed {
        chunk: u64,
        fault: u64,
        task: String,
        attempts: u32,
        worker: String,
    },
    Cancelled(u64),
    Broken(u64, String),
    Info(u64, Workers),
    /// A sign of life, and how many threads there are.
    Alive(u32),
    Lost(String),
    /// So many workers there were when it was asked for fewer.
    Scaled(u64, u32),
    /// A chunk, or its value, was lost with a worker, and Dask cannot make it again:
    /// these others are gone, too, whose values it takes.
    Gone(u64, Vec<u64>),
}

/// A message with its length.
pub(super) fn frame(command: &Command<'_>) -> Result<Vec<u8>, processes::Error> {
    let mut frame = vec![0; 8];
    processes::encode("bridge", command, &mut frame)?;
    let length = frame.len() as u64 - 8;
    frame[..8].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// The next event.
///
/// # Errors
/// `UnexpectedEof` at the end, `InvalidData` for what is no event.
pub(super) fn receive(from: &mut impl Read) -> io::Result<Event> {
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > LIMIT {
        return Err(invalid(format!("the bridge announces {length} bytes")));
    }
    // Memory is taken as it comes.
    let mut message = Vec::new();
    if from.take(length).read_to_end(&mut message)? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Answer::output(message).decode("bridge").map_err(|e| invalid(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_its_number_and_its_fields() {
        let frame = frame(&Command::Want(vec![7, 8])).expect("it encodes");
        let numbers = [7_u64.to_le_bytes(), 8_u64.to_le_bytes()].concat();
        assert_eq!(frame[..8], 21_u64.to_le_bytes());
        assert_eq!(frame[8..], [&[3, 2, 0, 0, 0][..], &numbers].concat());
    }

    #[test]
    fn an_event_comes_back_whole_or_not_at_all() {
        let message = [&[2][..], &9_u64.to_le_bytes()].concat();
        let whole = [&9_u64.to_le_bytes()[..], &message].concat();
        assert!(matches!(receive(&mut &whole[..]), Ok(Event::Done(9))));
        for cut in 0..whole.len() {
            let error = receive(&mut &whole[..cut]).expect_err("it is cut short");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
        let endless = [&u64::MAX.to_le_bytes()[..], &message].concat();
        let error = receive(&mut &endless[..]).expect_err("it is too long");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let unknown = [&1_u64.to_le_bytes()[..], &[99]].concat();
        let error = receive(&mut &unknown[..]).expect_err("there is no such event");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
