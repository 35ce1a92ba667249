//! One suite, two drivers.
//!
//! A bench's `main` hands its suite to [`drive`]. Under `cargo bench` that is
//! criterion, one model after the other; when `report run` starts the same
//! binary it is the interleaved sampler.

mod criterion;
mod interleaved;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use nix::unistd::dup2_stdin;

use crate::protocol::Interpreter;
use crate::protocol::{Event, FLAG, Request};
use crate::suite::{Scale, Suite};
use crate::work;

/// Runs a suite as the command line asks; a bench's `main` is this call, after
/// the worker entry where other processes are involved.
///
/// ```no_run
/// # use report::suite::{Scale, Suite};
/// # fn suite(_: Scale) -> Suite { Suite::new("lazy") }
/// fn main() -> std::process::ExitCode {
///     report::drive(suite)
/// }
/// ```
pub fn drive(suite: fn(Scale) -> Suite) -> ExitCode {
    let python = Interpreter::from_env();
    if std::env::args().nth(1).as_deref() != Some(FLAG) {
        return criterion::run(&suite(Scale::Quick), python.as_ref());
    }
    match sample(suite, python.as_ref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{FLAG} is how `report run` starts a bench: {e}");
            ExitCode::from(2)
        }
    }
}

fn sample(suite: fn(Scale) -> Suite, python: Option<&Interpreter>) -> io::Result<()> {
    let mut socket = take_stdin()?;
    let mut lines = BufReader::new(socket.try_clone()?);
    let mut line = String::new();
    lines.read_line(&mut line)?;
    let request: Request = serde_json::from_str(&line)?;
    let turns = listen(lines);
    if let Some(rate) = request.steps_per_microsecond {
        work::calibrate(rate);
    }

    let scale = if request.full { Scale::Full } else { Scale::Quick };
    let mut tell = |event: Event| {
        let mut line = serde_json::to_vec(&event)?;
        line.push(b'\n');
        socket.write_all(&line)
    };
    let mut wait = || {
        if request.in_turn {
            // The listener ends the process before it lets go of its end.
            let _ = turns.recv();
        }
    };
    interleaved::run(&suite(scale), &request, python, &mut tell, &mut wait)
        .or_else(|e| tell(Event::GaveUp(e.to_string())))
}

/// Takes the socket off standard input, so that no child inherits it: the
/// command must see it close when this process ends.
fn take_stdin() -> io::Result<UnixStream> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(socket)
}

/// Hands on the turns that the command gives, a byte each, and ends this process
/// when the command does. Workers and Python peers see their own pipes close
/// then, and end too.
fn listen(mut lifeline: BufReader<UnixStream>) -> Receiver<()> {
    let (give, turns) = mpsc::channel();
    thread::spawn(move || {
        while matches!(lifeline.read(&mut [0]), Ok(1)) {
            // Nobody takes turns any more once all is measured.
            let _ = give.send(());
        }
        std::process::exit(130);
    });
    turns
}
