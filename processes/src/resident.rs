//! What the transports have in common: a forked child that stays, and
//! produces bytes when it is asked.
//!
//! A request is a length in 8 bytes. Starting the child is paid once, so that
//! what is left to measure is the way back.

use std::io::{self, ErrorKind, Read, Write};

use crate::error::Error;
use crate::fork::Forked;

/// The child's half: calls `reply` with each length asked for, until nobody
/// asks. Returns the code to leave with.
pub(crate) fn serve(
    mut requests: impl Read,
    mut reply: impl FnMut(usize) -> io::Result<()>,
) -> i32 {
    let mut request = [0; 8];
    loop {
        match requests.read_exact(&mut request) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return 0,
            Err(_) => return 1,
        }
        if reply(usize::from_ne_bytes(request)).is_err() {
            return 1;
        }
    }
}

/// The parent's half: asks for `bytes` bytes and reads `reply` full.
pub(crate) fn ask(
    child: &mut Forked,
    mut requests: impl Write,
    mut replies: impl Read,
    bytes: usize,
    reply: &mut [u8],
) -> Result<(), Error> {
    let asked = requests.write_all(&bytes.to_ne_bytes());
    asked.and_then(|()| replies.read_exact(reply)).map_err(|e| {
        // Whatever is wrong, this child must not answer the next request with
        // what was meant for this one. If it is leaving by itself, as its
        // closed end says, the signal comes too late to change its status.
        child.kill();
        let exit = child.wait();
        match e.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
                Error::Died { pid: child.pid(), task: "produce", exit, stderr: String::new() }
            }
            _ => crate::error::cannot("talk to a child")(e),
        }
    })
}

/// # Panics
/// If more is asked for than there is room for.
pub(crate) fn within(bytes: usize, most: usize) {
    assert!(bytes <= most, "{bytes} bytes were asked for, and there is room for {most}");
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Gives its bytes in pieces, as a socket may.
    struct Pieces<'a>(&'a [u8], std::slice::Iter<'a, usize>);

    impl Read for Pieces<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let most = self.1.next().copied().unwrap_or(usize::MAX);
            let (piece, rest) = self.0.split_at(most.min(to.len()).min(self.0.len()));
            to[..piece.len()].copy_from_slice(piece);
            self.0 = rest;
            Ok(piece.len())
        }
    }

    proptest! {
        #[test]
        fn requests_are_heard_however_they_are_cut(
            lengths in vec(any::<usize>(), 0..8),
            torn in vec(any::<u8>(), 0..8),
            pieces in vec(1..12_usize, 0..32),
        ) {
            let mut stream: Vec<u8> =
                lengths.iter().flat_map(|length| length.to_ne_bytes()).collect();
            stream.extend(torn);
            let mut heard = Vec::new();
            let code = serve(Pieces(&stream, pieces.iter()), |length| {
                heard.push(length);
                Ok(())
            });
            prop_assert_eq!((code, heard), (0, lengths));
        }
    }

    #[test]
    fn a_reply_that_cannot_be_sent_ends_the_child() {
        let requests = [7_usize.to_ne_bytes(), 8_usize.to_ne_bytes()].concat();
        let mut heard = 0;
        let code = serve(&*requests, |_| {
            heard += 1;
            Err(ErrorKind::BrokenPipe.into())
        });
        assert_eq!((code, heard), (1, 1));
    }
}
