//! Placement: which worker a task belongs to before anybody is known to be free.
//!
//! The policies say where a task may run; the [scheduler](crate::scheduler)
//! carries them out. A policy sees the size of a batch and the number of
//! workers and nothing else: no task's duration, which nobody knows beforehand.

use std::ops::Range;

use crate::scheduler::{Fifo, Locality, Random, Scheduler};

/// How the tasks of a batch find their workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// Every task waits in one queue and goes to whichever worker is free
    /// first: *list scheduling*. No worker idles while a task waits, so the
    /// makespan is at most `2 - 1/w` times the best possible on `w` workers
    /// (Graham, "Bounds on Multiprocessing Timing Anomalies", 1969).
    #[default]
    Dynamic,
    /// A batch is cut into as many equal blocks as there are workers, and each
    /// worker does its own block, as OpenMP's `schedule(static)` does. It is
    /// the baseline: nothing is decided while the tasks run, and one long task
    /// holds up the rest of its block while other workers idle.
    StaticBlocks,
}

/// Which worker a task would rather go to, of those that have room.
///
/// On one machine the values of this crate's local cluster are with the client,
/// so locality and fifo decide alike; they differ where values lie with workers,
/// as in the [simulation](crate::simulation).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Where most of its input lies, then whoever has least in hand.
    #[default]
    Locality,
    /// Whoever has least in hand.
    Fifo,
    /// Anybody, drawn from this seed; nothing is taken from anybody again.
    Random(u64),
}

impl Policy {
    pub(crate) fn scheduler(self, allowed_failures: u32) -> Scheduler {
        match self {
            Self::Locality => Scheduler::new(Locality, allowed_failures),
            Self::Fifo => Scheduler::new(Fifo, allowed_failures),
            Self::Random(seed) => Scheduler::new(Random::new(seed), allowed_failures),
        }
    }
}

impl Placement {
    /// Where the tasks of a batch go, in order: `(block, positions)`, the block
    /// being `None` for the common queue. Empty blocks are left out.
    pub(crate) fn blocks(
        self,
        batch: usize,
        workers: usize,
    ) -> impl Iterator<Item = (Option<usize>, Range<usize>)> {
        let blocks = match self {
            Self::Dynamic => None,
            // With nobody there yet, there is nobody to own a block.
            Self::StaticBlocks if workers == 0 => None,
            Self::StaticBlocks => Some(workers),
        };
        let count = blocks.unwrap_or(1);
        (0..count)
            .map(move |block| (blocks.map(|_| block), equal_block(block, count, batch)))
            .filter(|(_, positions)| !positions.is_empty())
    }
}

/// The positions of one of `blocks` blocks of a batch, whose sizes differ by
/// one at most.
fn equal_block(block: usize, blocks: usize, batch: usize) -> Range<usize> {
    // The remainder goes to the first blocks, one task each.
    let (size, larger) = (batch / blocks, batch % blocks);
    let start = block * size + block.min(larger);
    start..start + size + usize::from(block < larger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dynamic_is_one_queue() {
        let placed: Vec<_> = Placement::Dynamic.blocks(5, 2).collect();
        assert_eq!(placed, [(None, 0..5)]);
    }

    #[test]
    fn a_long_task_ahead_of_a_hundred_shares_its_block_with_fifty() {
        let placed: Vec<_> = Placement::StaticBlocks.blocks(101, 2).collect();
        assert_eq!(placed, [(Some(0), 0..51), (Some(1), 51..101)]);
    }

    proptest! {
        #[test]
        fn blocks_are_equal_and_cover_the_batch(batch in 0_usize..500, workers in 0_usize..20) {
            for policy in [Placement::Dynamic, Placement::StaticBlocks] {
                let placed: Vec<_> = policy.blocks(batch, workers).collect();
                let covered: Vec<usize> = placed.iter().flat_map(|(_, at)| at.clone()).collect();
                prop_assert_eq!(covered, (0..batch).collect::<Vec<_>>());
                let sizes = placed.iter().map(|(_, at)| at.len());
                let (least, most) = (sizes.clone().min(), sizes.max());
                prop_assert!(most.unwrap_or(0) <= least.unwrap_or(0) + 1);
            }
        }
    }
}
