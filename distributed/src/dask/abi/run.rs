//! Runs what a request asks for.

use std::borrow::Cow;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use processes::{Answer, Registry};

use super::format::{FAILED, Item, LATE, Outcome, Outcomes, Reader, Reply};

/// Answers each item of a request, in order.
///
/// # Errors
/// If the request makes no sense, or a thread cannot be started; nothing has been
/// run of what is behind that place, and what was run before it is lost.
pub(super) fn answer(
    registry: &'static Registry,
    request: &[u8],
    values: &[&[u8]],
) -> Result<Vec<u8>, String> {
    let begun = Instant::now();
    let mut reader = Reader(request);
    let cut_short = || "the request is cut short".to_owned();
    let (items, named) = (reader.word().ok_or_else(cut_short)?, reader.word());
    let named = named.ok_or_else(cut_short)?;
    if named as usize != values.len() {
        return Err(format!("the request is of {named} values, and {} came", values.len()));
    }
    let mut known = Vec::with_capacity(values.len());
    for value in values {
        let task = reader.name().ok_or_else(cut_short)?;
        known.push((task, Reply::read(value).ok_or_else(|| format!("of {task} came no reply"))?));
    }
    let mut outcomes = Outcomes::default();
    for _ in 0..items {
        let item = reader.item().ok_or_else(cut_short)?;
        match filled(&item, &known)? {
            Filled::Input(input) => run(registry, &item, &input, &mut outcomes)?,
            Filled::Failed(failure, task) => outcomes.hand_on(failure, task),
        }
    }
    if !reader.0.is_empty() {
        return Err(format!("{} bytes are left over after the request", reader.0.len()));
    }
    Ok(outcomes.finish(begun.elapsed().as_nanos() as u64))
}

enum Filled<'a> {
    Input(Cow<'a, [u8]>),
    /// What it was to be given has failed, as this task.
    Failed(Outcome<'a>, &'a str),
}

/// An item's input without holes.
fn filled<'a>(item: &Item<'a>, known: &[(&'a str, Reply<'a>)]) -> Result<Filled<'a>, String> {
    let (mut input, mut from) = (Vec::new(), 0);
    for hole in &item.holes {
        let nothing = || format!("{} is to be given what is not there: {hole:?}", item.task);
        let (task, reply) = known.get(hole.value as usize).ok_or_else(nothing)?;
        let outcome = reply.outcomes.get(hole.item as usize).ok_or_else(nothing)?;
        let Some(value) = outcome.value() else { return Ok(Filled::Failed(*outcome, task)) };
        let at = usize::try_from(hole.at).map_err(|_| nothing())?;
        input.extend_from_slice(item.input.get(from..at).ok_or_else(nothing)?);
        input.extend_from_slice(value);
        from = at;
    }
    if item.holes.is_empty() {
        return Ok(Filled::Input(item.input.into()));
    }
    input.extend_from_slice(&item.input[from..]);
    Ok(Filled::Input(input.into()))
}

fn run(
    registry: &'static Registry,
    item: &Item<'_>,
    input: &[u8],
    outcomes: &mut Outcomes,
) -> Result<(), String> {
    for left in (0..=item.retries).rev() {
        let answer = match item.limit {
            None => registry.answer(item.task, input),
            Some(limit) => match limited(registry, item.task, input, limit)? {
                Some(answer) => answer,
                None => {
                    let limit = limit.as_nanos() as u64;
                    outcomes.push(FAILED | LATE, &limit.to_le_bytes());
                    return Ok(());
                }
            },
        };
        if !answer.is_failure() || left == 0 {
            let flags = if answer.is_failure() { FAILED } else { 0 };
            outcomes.push(flags, answer.bytes());
            return Ok(());
        }
    }
    Ok(())
}

/// The answer, if it comes in time. A thread cannot be ended: one that is late goes
/// on to its end, and nobody hears of that.
fn limited(
    registry: &'static Registry,
    task: &str,
    input: &[u8],
    limit: Duration,
) -> Result<Option<Answer>, String> {
    let (tell, told) = channel();
    let (task, input) = (task.to_owned(), input.to_owned());
    let run = move || {
        let _ = tell.send(registry.answer(&task, &input));
    };
    let spawned = thread::Builder::new().name("limited".into()).spawn(run);
    spawned.map_err(|e| format!("cannot start a thread: {e}"))?;
    Ok(told.recv_timeout(limit).ok())
}
