//! What is taken back from a worker process that it has not begun.

use super::ProcessWorker;
use crate::scheduler::TaskId;

impl ProcessWorker {
    /// Takes up to so many tasks back that it has not begun, the last first.
    pub(in crate::local) fn take_back(&mut self, count: usize) -> Vec<TaskId> {
        let keep = self.outgoing.len().saturating_sub(count);
        let mut taken: Vec<TaskId> = self.outgoing.split_off(keep).into();
        for number in (0..self.flights.len()).rev() {
            let wanted = u32::try_from(count - taken.len()).unwrap_or(u32::MAX);
            if wanted == 0 {
                break;
            }
            let from = |left: std::ops::Range<u32>| left.end.saturating_sub(wanted).max(left.start);
            taken.splice(0..0, self.take_flight_back(number, from));
        }
        taken
    }

    /// Takes this task back, if it has not begun.
    pub(in crate::local) fn take_this_back(&mut self, task: TaskId) -> bool {
        if let Some(at) = self.outgoing.iter().position(|waiting| *waiting == task) {
            self.outgoing.remove(at);
            return true;
        }
        for number in 0..self.flights.len() {
            let flight = &self.flights[number];
            let Some(at) = flight.tasks.iter().position(|sent| *sent == task) else { continue };
            let item = flight.answered + u32::try_from(at).expect("a request has fewer items");
            if !self.worker.unclaimed(number).contains(&item) {
                return false;
            }
            // What is behind it comes back, too, and is sent again.
            let taken = self.take_flight_back(number, |left| left.start.max(item));
            let is_back = taken.contains(&task);
            for taken in taken.into_iter().rev().filter(|taken| *taken != task) {
                self.outgoing.push_front(taken);
            }
            return is_back;
        }
        false
    }

    fn take_flight_back(
        &mut self,
        number: usize,
        from: impl Fn(std::ops::Range<u32>) -> u32,
    ) -> Vec<TaskId> {
        let whole = |left: std::ops::Range<u32>| (!left.is_empty()).then(|| from(left));
        let Some(taken) = self.worker.take_back(number, whole) else { return Vec::new() };
        let flight = &mut self.flights[number];
        flight.tasks.split_off((taken.start - flight.answered) as usize).into()
    }
}
