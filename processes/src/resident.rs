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
