//! Invented histories: what happens, with picks among what will be there.

use proptest::prelude::*;

/// What a task will do, each time that it is tried.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Picks among the tasks before it; a few among those that are forgotten.
    pub(super) dependencies: Vec<usize>,
    pub(super) priority: i32,
    pub(super) retries: u32,
    pub(super) home: Option<usize>,
    /// How its attempts end, one after the other, and then always with a
    /// value. One that had a value may fail when it is made again.
    pub(super) attempts: Vec<Attempt>,
    pub(super) bytes: u64,
    pub(super) kept: bool,
}

/// How an attempt at a task ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Attempt {
    Value,
    Error,
    /// With the worker's death.
    Death,
}

/// Something that happens next. A `pick` chooses among what is there.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    Submit(Vec<Plan>),
    SubmitAgain {
        pick: usize,
    },
    Scatter {
        bytes: u64,
        at: Option<usize>,
    },
    Release {
        pick: usize,
    },
    Cancel {
        pick: usize,
        kill: bool,
    },
    Expire {
        pick: usize,
    },
    Join {
        depth: u32,
    },
    JoinAgain {
        pick: usize,
    },
    Retire {
        pick: usize,
    },
    Lose {
        pick: usize,
    },
    /// A worker begins its next task, or ends the one that it has begun.
    Work {
        pick: usize,
    },
    /// It does that as often as it can.
    WorkOn {
        pick: usize,
        steps: u8,
    },
    /// The driver does the next thing that it was asked to do, or, so that
    /// answers come in any order, the last.
    Answer {
        last: bool,
    },
    /// A worker forgets a value, and does not say so.
    Evict {
        pick: usize,
    },
    /// A worker gives back a task, or says again or wrongly what it did.
    Decline {
        pick: usize,
    },
    Senseless {
        kind: u8,
        worker: u64,
        task: u64,
    },
}

fn plan() -> impl Strategy<Value = Plan> {
    let dependencies = prop_oneof![
        2 => Just(Vec::new()),
        3 => proptest::collection::vec(any::<usize>(), 1..4),
    ];
    let attempt = prop_oneof![
        3 => Just(Attempt::Value),
        2 => Just(Attempt::Error),
        2 => Just(Attempt::Death),
    ];
    let attempts = prop_oneof![
        2 => Just(Vec::new()),
        1 => proptest::collection::vec(attempt, 1..5),
    ];
    (
        dependencies,
        prop_oneof![3 => Just(0), 1 => -1_i32..3],
        prop_oneof![3 => Just(0_u32), 1 => 0_u32..3],
        proptest::option::weighted(0.1, any::<usize>()),
        attempts,
        0_u64..3,
        prop_oneof![3 => Just(true), 1 => Just(false)],
    )
        .prop_map(|(dependencies, priority, retries, home, attempts, bytes, kept)| Plan {
            dependencies,
            priority,
            retries,
            home,
            attempts,
            bytes,
            kept,
        })
}

fn happening() -> impl Strategy<Value = Happening> {
    let pick = any::<usize>;
    prop_oneof![
        6 => proptest::collection::vec(plan(), 1..5).prop_map(Happening::Submit),
        1 => pick().prop_map(|pick| Happening::SubmitAgain { pick }),
        1 => (0_u64..3, proptest::option::of(pick()))
            .prop_map(|(bytes, at)| Happening::Scatter { bytes, at }),
        3 => pick().prop_map(|pick| Happening::Release { pick }),
        1 => (pick(), any::<bool>()).prop_map(|(pick, kill)| Happening::Cancel { pick, kill }),
        1 => pick().prop_map(|pick| Happening::Expire { pick }),
        4 => (0_u32..4).prop_map(|depth| Happening::Join { depth }),
        1 => pick().prop_map(|pick| Happening::JoinAgain { pick }),
        1 => pick().prop_map(|pick| Happening::Retire { pick }),
        3 => pick().prop_map(|pick| Happening::Lose { pick }),
        16 => pick().prop_map(|pick| Happening::Work { pick }),
        6 => (pick(), 2_u8..9).prop_map(|(pick, steps)| Happening::WorkOn { pick, steps }),
        4 => any::<bool>().prop_map(|last| Happening::Answer { last }),
        1 => pick().prop_map(|pick| Happening::Evict { pick }),
        1 => pick().prop_map(|pick| Happening::Decline { pick }),
        3 => (any::<u8>(), 0_u64..8, 0_u64..40)
            .prop_map(|(kind, worker, task)| Happening::Senseless { kind, worker, task }),
    ]
}

/// A history of up to so many happenings.
pub(super) fn history(longest: usize) -> impl Strategy<Value = Vec<Happening>> {
    proptest::collection::vec(happening(), 0..longest)
}
