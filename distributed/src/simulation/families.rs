//! Families of task graphs by which schedulers are judged.
//!
//! | family | shape | from |
//! |---|---|---|
//! | `bag` | independent tasks | RSDS, as `merge` without its last task; Estee `plain` |
//! | `merge` | independent tasks, and one that takes all their results | RSDS `merge`, Estee `bigmerge` |
//! | `tree` | sums of two, of those, and so on | RSDS `tree`, Estee `conflux` |
//! | `grid` | each cell takes the one above and the one to the left: a wavefront | Estee `grid` |
//! | `fern` | a chain, and one more input at each of its joints | Estee `fern` |
//! | `map_reduce` | one splitter, maps, and reducers that each take all maps | Estee `mapreduce` |
//! | `stencil` | each cell takes three of the step before | Task Bench `stencil_1d` |
//! | `shuffle` | partitions, exchanged among eight in each stage, then aggregated | RSDS `dataframe` (groupby); Dask's task-based shuffle |
//! | `xarray` | chunks, their means over time, the differences, and the sum of all | RSDS `xarray` |
//!
//! Shapes are the sources'; durations and sizes are ours to choose, so that
//! one family can be seen at many grains.
//!
//! # Sources
//! - RSDS: J. Beránek and S. Böhm, "Runtime vs Scheduler: Analyzing Dask's
//!   Overheads" (2020), arXiv:2010.11105, and its `scripts/usecases.py`.
//! - Estee: J. Beránek, S. Böhm and V. Cima, "Analysis of workflow schedulers
//!   in simulated distributed environments" (2022), and its `generators`.
//! - E. Slaughter and others, "Task Bench: A Parameterized Benchmark for
//!   Evaluating Parallel Runtime Performance" (2020), arXiv:1908.05790.

use super::durations::Durations;
use super::graph::Graph;
use crate::random::SplitMix64;

/// A family of graphs; see the module's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Independent tasks.
    Bag,
    /// Independent tasks, and one that takes all their results.
    Merge,
    /// A binary reduction.
    Tree,
    /// A wavefront through a square.
    Grid,
    /// A chain with one more input at each joint.
    Fern,
    /// One splitter, maps, and reducers that each take all maps.
    MapReduce,
    /// Each cell takes three of the step before.
    Stencil,
    /// An exchange among all partitions in stages, and an aggregation.
    Shuffle,
    /// Means of chunks over one axis, differences, and a sum.
    Xarray,
}

/// What the tasks of a family are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grain {
    /// The mean duration of a task.
    pub mean_ns: u64,
    /// How durations are spread around it.
    pub durations: Durations,
    /// The size of each result.
    pub bytes: u64,
    /// The same seed gives the same durations.
    pub seed: u64,
}

/// How many partitions exchange in one stage of a shuffle, and how many
/// results a sum takes.
const FAN_IN: usize = 8;

impl Family {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Bag,
        Self::Merge,
        Self::Tree,
        Self::Grid,
        Self::Fern,
        Self::MapReduce,
        Self::Stencil,
        Self::Shuffle,
        Self::Xarray,
    ];

    /// Its name in tables and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bag => "bag",
            Self::Merge => "merge",
            Self::Tree => "tree",
            Self::Grid => "grid",
            Self::Fern => "fern",
            Self::MapReduce => "map_reduce",
            Self::Stencil => "stencil",
            Self::Shuffle => "shuffle",
            Self::Xarray => "xarray",
        }
    }

    /// A graph of about so many tasks, and never more than that and ten: the
    /// largest of its shape, one dimension of which may be fixed.
    pub fn graph(self, tasks: usize, grain: Grain) -> Graph {
        let builder =
            &mut Builder { graph: Graph::new(), grain, random: SplitMix64::new(grain.seed) };
        match self {
            Self::Bag => _ = builder.many("task", tasks, |_| []),
            Self::Merge => merge(builder, tasks),
            Self::Tree => tree(builder, tasks),
            Self::Grid => grid(builder, tasks),
            Self::Fern => fern(builder, tasks),
            Self::MapReduce => map_reduce(builder, tasks),
            Self::Stencil => stencil(builder, tasks),
            Self::Shuffle => shuffle(builder, tasks),
            Self::Xarray => xarray(builder, tasks),
        }
        std::mem::take(&mut builder.graph)
    }
}

struct Builder {
    graph: Graph,
    grain: Grain,
    random: SplitMix64,
}

impl Builder {
    fn task(&mut self, name: &'static str, dependencies: impl IntoIterator<Item = u32>) -> u32 {
        let Grain { mean_ns, durations, bytes, .. } = self.grain;
        let duration = durations.draw(mean_ns, &mut self.random);
        self.graph.push(name, dependencies, duration, bytes)
    }

    /// So many tasks; the `n`th depends on what `dependencies(n)` says.
    fn many<D: IntoIterator<Item = u32>>(
        &mut self,
        name: &'static str,
        count: usize,
        dependencies: impl Fn(usize) -> D,
    ) -> Vec<u32> {
        (0..count).map(|n| self.task(name, dependencies(n))).collect()
    }

    /// Sums of some, of those, and so on, until one is left.
    fn reduce(&mut self, name: &'static str, mut inputs: Vec<u32>, fan_in: usize) {
        while inputs.len() > 1 {
            let groups: Vec<Vec<u32>> = inputs.chunks(fan_in).map(<[u32]>::to_vec).collect();
            inputs = groups.into_iter().map(|group| self.task(name, group)).collect();
        }
    }
}

fn merge(builder: &mut Builder, tasks: usize) {
    let leaves = builder.many("inc", tasks.saturating_sub(1), |_| []);
    builder.task("merge", leaves);
}

fn tree(builder: &mut Builder, tasks: usize) {
    // A tree of 2^k leaves has 2^(k + 1) - 1 tasks.
    let leaves = 1 << tasks.div_ceil(2).max(1).ilog2();
    let leaves = builder.many("leaf", leaves, |_| []);
    builder.reduce("add", leaves, 2);
}

fn grid(builder: &mut Builder, tasks: usize) {
    let side = tasks.isqrt() as u32;
    for row in 0..side {
        for column in 0..side {
            let at = row * side + column;
            let above = (row > 0).then(|| at - side);
            let left = (column > 0).then(|| at - 1);
            builder.task("cell", above.into_iter().chain(left));
        }
    }
}

fn fern(builder: &mut Builder, tasks: usize) {
    let mut stem = builder.task("stem", []);
    for _ in 0..tasks.saturating_sub(1) / 2 {
        let leaf = builder.task("leaf", []);
        stem = builder.task("stem", [stem, leaf]);
    }
}

fn map_reduce(builder: &mut Builder, tasks: usize) {
    /// Beyond this the edges, and not the tasks, would be what is measured.
    const EDGES: usize = 10_000_000;
    let reducers = tasks.isqrt().min(EDGES / tasks.max(1)).max(1);
    let maps = tasks.saturating_sub(reducers + 1).max(1);
    let splitter = builder.task("split", []);
    let maps = builder.many("map", maps, |_| [splitter]);
    builder.many("reduce", reducers, |_| maps.iter().copied());
}

fn stencil(builder: &mut Builder, tasks: usize) {
    let width = tasks.isqrt().max(1);
    let mut row = builder.many("cell", width, |_| []);
    for _ in 1..tasks / width {
        let before = row;
        row = builder.many("cell", width, |column| {
            before[column.saturating_sub(1)..(column + 2).min(width)].to_vec()
        });
    }
}

fn shuffle(builder: &mut Builder, tasks: usize) {
    let stages = |partitions: usize| (1..).find(|s| FAN_IN.pow(*s) >= partitions).unwrap_or(1);
    // Reading, the stages, and the aggregation: a task for each partition.
    let partitions = (1..=tasks).rev().find(|p| p * (stages(*p) as usize + 2) <= tasks);
    let partitions = partitions.unwrap_or(1);
    let mut row = builder.many("read", partitions, |_| []);
    for stage in 0..stages(partitions) {
        let (before, stride) = (row, FAN_IN.pow(stage));
        // Those that differ from a partition in this digit only.
        row = builder.many("exchange", partitions, |partition| {
            let digit = partition / stride % FAN_IN;
            let first = partition - digit * stride;
            let group = (0..FAN_IN).map(|digit| first + digit * stride);
            let group = group.filter(|other| *other < partitions);
            group.map(|other| before[other]).collect::<Vec<_>>()
        });
    }
    builder.many("aggregate", partitions, |partition| [row[partition]]);
}

fn xarray(builder: &mut Builder, tasks: usize) {
    /// Chunks along the axis of time.
    const TIMES: usize = 8;
    // For each place: chunks, their sums over time, the mean of those, the
    // differences and their sums; and a seventh of a task to add each up.
    let places = (tasks * 7 / (7 * (4 * TIMES + 1) + TIMES + 1)).max(1);
    let mut sums = Vec::new();
    for _ in 0..places {
        let chunks = builder.many("chunk", TIMES, |_| []);
        let partial = builder.many("partial", TIMES, |time| [chunks[time]]);
        let mean = builder.task("mean", partial);
        let differences = builder.many("minus", TIMES, |time| [chunks[time], mean]);
        sums.extend(builder.many("sum", TIMES, |time| [differences[time]]));
    }
    builder.reduce("total", sums, FAN_IN);
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAIN: Grain = Grain { mean_ns: 10, durations: Durations::Constant, bytes: 1, seed: 1 };

    #[test]
    fn a_family_has_about_as_many_tasks_as_asked_for() {
        for family in Family::ALL {
            for tasks in [1, 2, 10, 1000, 12_345] {
                let graph = family.graph(tasks, GRAIN);
                let (least, most) = (tasks / 3, tasks + 45);
                let len = graph.len();
                assert!((least..=most).contains(&len), "{}: {len} of {tasks}", family.name());
            }
        }
    }

    #[test]
    fn critical_paths_are_those_of_the_shapes() {
        let path = |family: Family, tasks| family.graph(tasks, GRAIN).critical_path_ns() / 10;
        assert_eq!(path(Family::Bag, 100), 1);
        assert_eq!(path(Family::Merge, 100), 2);
        assert_eq!(path(Family::Tree, 127), 7);
        assert_eq!(path(Family::Grid, 100), 19);
        assert_eq!(path(Family::Fern, 101), 51);
        assert_eq!(path(Family::MapReduce, 100), 3);
        assert_eq!(path(Family::Stencil, 100), 10);
        // 64 partitions are two stages of 8.
        assert_eq!(path(Family::Shuffle, 256), 4);
        // 8 sums, and the total of one place's.
        assert_eq!(path(Family::Xarray, 40), 6);
    }

    #[test]
    fn a_shuffle_brings_every_partition_to_every_other() {
        let graph = Family::Shuffle.graph(256, GRAIN);
        let last = graph.len() as u32 - 1;
        let (mut reached, mut stack) = (std::collections::BTreeSet::new(), vec![last]);
        while let Some(task) = stack.pop() {
            if reached.insert(task) {
                stack.extend(graph.dependencies(task));
            }
        }
        let read = reached.iter().filter(|task| graph.name(**task) == "read");
        assert_eq!(read.count(), 64);
    }

    #[test]
    fn edges_are_those_of_the_shapes() {
        let edges = |family: Family, tasks| family.graph(tasks, GRAIN).edges();
        assert_eq!(edges(Family::Bag, 50), 0);
        assert_eq!(edges(Family::Merge, 50), 49);
        assert_eq!(edges(Family::Tree, 127), 126);
        assert_eq!(edges(Family::Grid, 100), 180);
        assert_eq!(edges(Family::Fern, 101), 100);
        assert_eq!(edges(Family::MapReduce, 100), 89 + 89 * 10);
        assert_eq!(edges(Family::Stencil, 100), 9 * (10 * 3 - 2));
    }
}
