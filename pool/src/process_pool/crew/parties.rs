//! Who has how many workers, and who should give one to whom.
//!
//! Workers are shared alike among those who can use them (max-min fairness): who
//! would take another gets one from whoever has at least two more. Who is content
//! with few leaves the rest to the others, and who has one keeps it, unless
//! somebody has none and waits. So `k` parties who want as many as they can get
//! come to about a `k`th of the workers each, from wherever they began, and a party
//! that is alone has all.

use std::sync::Arc;

use nix::sys::eventfd::EventFd;

/// All who drive workers at the moment.
#[derive(Default)]
pub(super) struct Parties {
    present: Vec<Party>,
    /// The number of the next.
    next: u64,
}

struct Party {
    number: u64,
    /// How many workers it has.
    held: usize,
    /// Whether it has asked for another in vain, and still would take one.
    hungry: bool,
    /// Wakes it from its sleep, when it is owed something or owes something.
    alarm: Option<Arc<EventFd>>,
    /// Whether it was ever woken so.
    rung: bool,
}

/// What the others want of a party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// How many workers it should give up, as soon as it can.
    pub(crate) owed: usize,
    /// Whether somebody would take a worker that it has no use for.
    pub(crate) anybody: bool,
}

impl Parties {
    /// One more, with no worker.
    pub(super) fn enter(&mut self, alarm: Option<Arc<EventFd>>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.present.push(Party { number, held: 0, hungry: false, alarm, rung: false });
        number
    }

    /// One less. Its alarm comes back, and is silent.
    pub(super) fn leave(&mut self, number: u64) -> Option<Arc<EventFd>> {
        let at = self.present.iter().position(|party| party.number == number)?;
        let Party { alarm, rung, .. } = self.present.swap_remove(at);
        if let (true, Some(alarm)) = (rung, &alarm) {
            let _ = alarm.read();
        }
        alarm
    }

    fn party(&mut self, number: u64) -> &mut Party {
        let mut present = self.present.iter_mut();
        present.find(|party| party.number == number).expect("who drives has entered")
    }

    pub(super) fn has_taken(&mut self, number: u64) {
        let party = self.party(number);
        party.held += 1;
        party.hungry = false;
    }

    pub(super) fn has_given_back(&mut self, number: u64) {
        self.party(number).held -= 1;
    }

    /// It would take another; whether that is news.
    pub(super) fn is_hungry(&mut self, number: u64) -> bool {
        !std::mem::replace(&mut self.party(number).hungry, true)
    }

    pub(super) fn is_sated(&mut self, number: u64) {
        self.party(number).hungry = false;
    }

    /// Whether it may take a worker that is free: not if one who has fewer is
    /// about to.
    pub(super) fn may_take(&self, number: u64) -> bool {
        let held = self.held(number);
        self.hungry_but(number).all(|other| other.held >= held)
    }

    /// What the others want of it, when so many wait for their first worker and
    /// so many workers are free for them.
    pub(super) fn demand(&self, number: u64, waiting: usize, free: usize) -> Demand {
        let held = self.held(number);
        if held == 0 {
            return Demand::default();
        }
        let poorest = self.hungry_but(number).map(|other| other.held).min();
        let fair = poorest.map_or(0, |poorest| held.saturating_sub(poorest) / 2);
        // For who waits it gives up its last one, too: turn by turn.
        let first = waiting.min((held - 1).max(1));
        let owed = (first + fair).saturating_sub(free).min(held);
        Demand { owed, anybody: waiting > 0 || poorest.is_some() }
    }

    fn held(&self, number: u64) -> usize {
        let mut present = self.present.iter();
        present.find(|party| party.number == number).map_or(0, |party| party.held)
    }

    fn hungry_but(&self, number: u64) -> impl Iterator<Item = &Party> {
        self.present.iter().filter(move |party| party.hungry && party.number != number)
    }

    /// Tells all who would take another that there may be one.
    pub(super) fn ring_hungry(&mut self) {
        self.present.iter_mut().filter(|party| party.hungry).for_each(Party::ring);
    }

    /// Tells all the others who have so many workers that one is wanted.
    pub(super) fn ring_holders(&mut self, least: usize, but: u64) {
        let holds = |party: &&mut Party| party.held >= least && party.number != but;
        self.present.iter_mut().filter(holds).for_each(Party::ring);
    }
}

impl Party {
    fn ring(&mut self) {
        if let Some(alarm) = &self.alarm {
            self.rung = true;
            let _ = alarm.write(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parties that hold so many each; all are as hungry as can be.
    fn parties(held: &[usize]) -> (Parties, Vec<u64>) {
        let mut parties = Parties::default();
        let numbers = held.iter().map(|held| {
            let number = parties.enter(None);
            (0..*held).for_each(|_| parties.has_taken(number));
            assert!(parties.is_hungry(number) && !parties.is_hungry(number));
            number
        });
        let numbers = numbers.collect();
        (parties, numbers)
    }

    /// Lets them give and take until nobody owes anything: what each has.
    fn settled(held: &[usize]) -> Vec<usize> {
        let (mut parties, numbers) = parties(held);
        for _ in 0..100 {
            let mut free = 0;
            for number in &numbers {
                for _ in 0..parties.demand(*number, 0, free).owed {
                    parties.has_given_back(*number);
                    free += 1;
                }
            }
            if free == 0 {
                return numbers.iter().map(|number| parties.held(*number)).collect();
            }
            while free > 0 {
                for number in &numbers {
                    if free > 0 && parties.may_take(*number) {
                        parties.has_taken(*number);
                        parties.is_hungry(*number);
                        free -= 1;
                    }
                }
            }
        }
        panic!("{held:?} do not come to an end");
    }

    #[test]
    fn all_who_are_hungry_come_to_equal_shares() {
        assert_eq!(settled(&[4]), [4]);
        assert_eq!(settled(&[3, 1]), [2, 2]);
        for workers in 1..9_usize {
            for other in 0..=workers {
                for third in 0..=workers - other {
                    let shares = settled(&[workers - other - third, other, third]);
                    let (least, most) = (shares.iter().min(), shares.iter().max());
                    assert!(most <= least.map(|least| least + 1).as_ref(), "{shares:?}");
                    assert_eq!(shares.iter().sum::<usize>(), workers);
                }
            }
        }
    }

    #[test]
    fn who_is_content_leaves_the_rest_to_the_others() {
        let (mut parties, numbers) = parties(&[4, 1, 1]);
        parties.is_sated(numbers[1]);
        parties.is_sated(numbers[2]);
        assert_eq!(parties.demand(numbers[0], 0, 0), Demand { owed: 0, anybody: false });
        assert!(parties.may_take(numbers[0]));
        // And who has one keeps it beside one who has many.
        assert_eq!(parties.demand(numbers[1], 0, 0), Demand { owed: 0, anybody: true });
    }

    #[test]
    fn what_is_given_up_is_for_who_has_less() {
        let (mut parties, numbers) = parties(&[4, 1]);
        assert_eq!(parties.demand(numbers[0], 0, 0).owed, 1);
        parties.has_given_back(numbers[0]);
        assert_eq!(parties.demand(numbers[0], 0, 1).owed, 0);
        assert!(!parties.may_take(numbers[0]) && parties.may_take(numbers[1]));
        parties.has_taken(numbers[1]);
        assert_eq!(parties.demand(numbers[0], 0, 0), Demand { owed: 0, anybody: false });
    }

    #[test]
    fn who_has_none_gets_one_from_everybody() {
        let (mut parties, numbers) = parties(&[3, 1, 0]);
        // It waits, and is no longer counted among the hungry.
        parties.is_sated(numbers[2]);
        assert_eq!(parties.demand(numbers[0], 1, 0), Demand { owed: 2, anybody: true });
        assert_eq!(parties.demand(numbers[1], 1, 0).owed, 1, "turn by turn");
        assert_eq!(parties.demand(numbers[1], 1, 1).owed, 0, "it is there already");
        assert_eq!(parties.demand(numbers[2], 1, 0), Demand::default());
    }
}
