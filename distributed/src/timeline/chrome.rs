//! The trace format of Chrome, which Perfetto reads.
//!
//! Source: "Trace Event Format" (Google): complete events (`X`) with times in
//! microseconds, metadata (`M`) that names the lanes, instants (`i`) across
//! all lanes for the bounds.

use std::io;

use serde::Serialize;

use super::{Bounds, Record, workers};

/// One event. Fields that its phase does not have are left out.
#[derive(Serialize)]
struct Event<'a> {
    name: &'a str,
    ph: &'static str,
    pid: u32,
    tid: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    /// How far an instant reaches.
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Arguments>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Arguments {
    Attempt { task: u64, attempt: u32, outcome: &'static str },
    Lane { name: String },
}

impl<'a> Event<'a> {
    fn new(name: &'a str, ph: &'static str, tid: u64) -> Self {
        Self { name, ph, pid: 1, tid, ts: None, dur: None, scope: None, args: None }
    }
}

/// Writes the records as a trace: a JSON object with a line for each event.
///
/// # Errors
/// What writing to `out` brings.
///
/// # Cost
/// About 120 bytes for each record; nothing is held in memory but the names of
/// the workers.
pub fn chrome_trace(records: &[Record], bounds: Bounds, mut out: impl io::Write) -> io::Result<()> {
    out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")?;
    let mut separator = "";
    let mut write = |event: Event<'_>| {
        out.write_all(separator.as_bytes())?;
        separator = ",\n";
        serde_json::to_writer(&mut out, &event).map_err(io::Error::from)
    };
    for worker in workers(records) {
        let args = Some(Arguments::Lane { name: worker.to_string() });
        write(Event { args, ..Event::new("thread_name", "M", worker.0) })?;
    }
    for (name, ns) in bounds.lines() {
        let scope = Some("g");
        write(Event { ts: Some(microseconds(ns)), scope, ..Event::new(name, "i", 0) })?;
    }
    for record in records {
        let Record { id, attempt, ended, start_ns, end_ns, .. } = *record;
        let outcome = ended.name();
        write(Event {
            ts: Some(microseconds(start_ns)),
            dur: Some(microseconds(end_ns.saturating_sub(start_ns))),
            args: Some(Arguments::Attempt { task: id.0, attempt, outcome }),
            ..Event::new(&record.task, "X", record.worker.0)
        })?;
    }
    out.write_all(b"\n]}\n")
}

fn microseconds(ns: u64) -> f64 {
    ns as f64 / 1000.0
}
