//! A Python peer: a resident child process that times its own operation.
//!
//! The sampler visits it in rotation like any model. One child serves one
//! model on one parameter and lives as long as that cell is measured. It
//! speaks lines of JSON:
//!
//! ```text
//! argv      scripts/peer.py  threads/sin/numpy_serial  1000000
//! child  -> {"ready": true}
//! parent -> {"iterations": 3}
//! child  -> {"nanoseconds": 21000000, "answers": ["sum 0.232884"]}
//! ```
//!
//! or, instead of either answer, `{"error": "why"}`. `answers` holds each
//! distinct result once. End of input ends the child.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Deserialize;

use crate::protocol::Interpreter;

/// How long a peer may take to end by itself once its input ends.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a peer answers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Error {
        error: String,
    },
    Ran {
        nanoseconds: u64,
        answers: Vec<String>,
    },
    Ready {
        #[allow(dead_code, reason = "its presence is the message")]
        ready: bool,
    },
}

/// A running peer. Dropping it ends the child and all that it started.
#[derive(Debug)]
pub(crate) struct Peer {
    name: String,
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a child for one model on one parameter and waits until it is ready.
    pub(crate) fn start(at: &Interpreter, name: &str, parameter: u64) -> Result<Self, String> {
        let mut child = at
            .command()
            .args([name, &parameter.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A group of its own, so that pools and clusters which the peer
            // starts can be ended with it.
            .process_group(0)
            .spawn()
            .map_err(|e| format!("cannot start {}: {e}", at.python.display()))?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut peer = Self { name: name.into(), child, requests, answers };
        match peer.answer()? {
            Answer::Ready { .. } => Ok(peer),
            _ => Err(format!("Python peer {name} answered before it was ready")),
        }
    }

    /// Runs the operation `iterations` times; returns the time it took by the
    /// peer's own clock, and its distinct answers.
    pub(crate) fn run(&mut self, iterations: u64) -> Result<(Duration, Vec<String>), String> {
        let requests = self.requests.as_mut().expect("open until dropped");
        writeln!(requests, "{{\"iterations\": {iterations}}}")
            .map_err(|e| format!("Python peer {} is gone: {e}", self.name))?;
        match self.answer()? {
            Answer::Ran { nanoseconds, answers } if !answers.is_empty() => {
                Ok((Duration::from_nanos(nanoseconds), answers))
            }
            _ => Err(format!("Python peer {} sent no answer to check", self.name)),
        }
    }

    fn answer(&mut self) -> Result<Answer, String> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        if read.map_err(|e| format!("Python peer {}: {e}", self.name))? == 0 {
            return Err(format!("Python peer {} ended without an answer", self.name));
        }
        match serde_json::from_str(&line) {
            Ok(Answer::Error { error }) => Err(format!("Python peer {}: {error}", self.name)),
            Ok(answer) => Ok(answer),
            Err(e) => Err(format!("Python peer {} sent {line:?}: {e}", self.name)),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // End of input asks the child to close what it opened.
        drop(self.requests.take());
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // Whatever is left of its group goes too; an empty group is no error.
        let _ = killpg(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer written in shell: the protocol does not know Python.
    fn peer(script: &str) -> Result<Peer, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), script).expect("it can be written");
        let sh = Interpreter {
            python: "/bin/sh".into(),
            script: file.path().into(),
            steps_per_second: None,
        };
        Peer::start(&sh, "topic/workload/python_model", 7)
    }

    #[test]
    fn a_peer_times_itself_and_answers() {
        let mut peer = peer(
            r#"echo '{"ready": true}'
            while read request; do echo "{\"nanoseconds\": 1500, \"answers\": [\"$1 $2\"]}"; done"#,
        )
        .expect("it starts");
        let (taken, answers) = peer.run(3).expect("it answers");
        assert_eq!(taken, Duration::from_nanos(1500));
        assert_eq!(answers, ["topic/workload/python_model 7"]);
    }

    #[test]
    fn an_error_of_the_peer_is_told_with_its_name() {
        let error = peer(r#"echo '{"error": "no module named numpy"}'"#).expect_err("no numpy");
        assert!(error.contains("topic/workload/python_model"), "{error}");
        assert!(error.contains("no module named numpy"), "{error}");
    }

    #[test]
    fn a_peer_that_ends_or_babbles_is_an_error() {
        assert!(peer("exit 3").expect_err("it ended").contains("ended without an answer"));
        assert!(peer("echo hello").expect_err("no JSON").contains("hello"));
        let mut silent = peer(
            r#"echo '{"ready": true}'; read request; echo '{"nanoseconds": 1, "answers": []}'"#,
        )
        .expect("it starts");
        assert!(silent.run(1).expect_err("nothing to check").contains("no answer to check"));
    }

    #[test]
    fn nothing_of_a_peer_outlives_it() {
        let peer = peer(
            r#"sleep 1000 >/dev/null & echo '{"ready": true}'; while read request; do :; done"#,
        )
        .expect("it starts");
        let group = Pid::from_raw(peer.child.id().cast_signed());
        drop(peer);
        // The sleep may take a moment to be reaped by whoever adopted it.
        let deadline = Instant::now() + Duration::from_secs(10);
        while killpg(group, None).is_ok() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(killpg(group, None).is_err(), "the group is empty");
    }
}
