//! The items of a batch that was received.

use super::{FAILED, Run};

/// The items of a batch that was received.
#[derive(Clone, Debug)]
pub(crate) struct Items<'a> {
    bytes: &'a [u8],
    runs: &'a [u8],
    run: Run,
    left: usize,
}

impl<'a> Items<'a> {
    /// Takes a batch apart into header and items; `None` if it is none. The
    /// lengths are added up here, so that items can be trusted to be there.
    pub(crate) fn of(body: &'a [u8]) -> Option<(&'a [u8], Self)> {
        let (body, header) = body.split_last_chunk()?;
        let (body, runs) = body.split_last_chunk()?;
        let runs = (u32::from_le_bytes(*runs) as usize).checked_mul(8)?;
        let (body, runs) = body.split_at_checked(body.len().checked_sub(runs)?)?;
        let (header, bytes) = body.split_at_checked(u32::from_le_bytes(*header) as usize)?;
        let mut items = Self { bytes, runs, run: Run::default(), left: 0 };
        let mut rest = items.clone();
        let mut length = 0_u64;
        while rest.next_run().is_some() {
            items.left += rest.run.items as usize;
            let run = u64::from(rest.run.items) * u64::from(rest.run.length & !FAILED);
            length = length.checked_add(run)?;
        }
        (length == bytes.len() as u64 && u32::try_from(items.left).is_ok())
            .then_some((header, items))
    }

    /// How many items are left.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// The next item, and whether it is a failure.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<(bool, &'a [u8])> {
        while self.run.items == 0 {
            self.next_run()?;
        }
        self.run.items -= 1;
        self.left -= 1;
        let (item, rest) = self.bytes.split_at((self.run.length & !FAILED) as usize);
        self.bytes = rest;
        Some((self.run.length & FAILED != 0, item))
    }

    /// The successes that come next, all of the same length, one after the
    /// other: their length, and all their bytes. They stay where they are, see
    /// [`advance`](Self::advance). `None` where a failure is next, or nothing.
    pub(crate) fn successes(&mut self) -> Option<(usize, usize, &'a [u8])> {
        while self.run.items == 0 {
            self.next_run()?;
        }
        let (items, length) = (self.run.items as usize, self.run.length as usize);
        (length & FAILED as usize == 0).then(|| (items, length, &self.bytes[..items * length]))
    }

    /// Takes so many items off, all of the run at hand.
    pub(crate) fn advance(&mut self, items: usize) {
        self.bytes = &self.bytes[items * (self.run.length & !FAILED) as usize..];
        // There are not more than that in the run, so it fits.
        self.run.items -= items as u32;
        self.left -= items;
    }

    fn next_run(&mut self) -> Option<()> {
        let ([items, length], rest) = self.runs.as_chunks::<4>().0.split_first_chunk()?;
        self.runs = rest.as_flattened();
        self.run = Run { items: u32::from_le_bytes(*items), length: u32::from_le_bytes(*length) };
        Some(())
    }
}
