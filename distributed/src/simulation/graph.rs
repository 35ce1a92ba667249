//! A task graph to simulate, and the least time that it can take.

/// Tasks with durations and result sizes, and what they depend on.
///
/// A task is named by its position; what it depends on stands before it. So
/// there are no cycles, and every pass over a graph is one loop. It costs 24
/// bytes for each task and 4 for each dependency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Where the dependencies of each task end in `dependencies`.
    ends: Vec<u32>,
    dependencies: Vec<u32>,
    durations: Vec<u64>,
    bytes: Vec<u64>,
    /// Which of `names` each task has.
    kinds: Vec<u8>,
    names: Vec<&'static str>,
}

impl Graph {
    /// A graph without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a task and returns its position. `name` says what kind it is.
    ///
    /// # Panics
    /// If a dependency does not stand before it, at 2^32 dependencies, or at
    /// 256 names.
    pub fn push(
        &mut self,
        name: &'static str,
        dependencies: impl IntoIterator<Item = u32>,
        duration_ns: u64,
        bytes: u64,
    ) -> u32 {
        let task = u32::try_from(self.len()).expect("fewer than 2^32 tasks");
        for dependency in dependencies {
            assert!(dependency < task, "task {task} cannot depend on {dependency}");
            self.dependencies.push(dependency);
        }
        self.ends.push(u32::try_from(self.dependencies.len()).expect("fewer than 2^32"));
        self.durations.push(duration_ns);
        self.bytes.push(bytes);
        let known = self.names.iter().position(|known| *known == name);
        let kind = known.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        self.kinds.push(u8::try_from(kind).expect("at most 256 names"));
        task
    }

    /// The number of tasks.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no task.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The number of dependencies of all tasks.
    pub fn edges(&self) -> usize {
        self.dependencies.len()
    }

    /// What a task depends on.
    ///
    /// # Panics
    /// If there is no such task; so do the three below.
    pub fn dependencies(&self, task: u32) -> &[u32] {
        let start = match task {
            0 => 0,
            _ => self.ends[task as usize - 1],
        };
        &self.dependencies[start as usize..self.ends[task as usize] as usize]
    }

    /// How long a task takes, once it has its inputs.
    pub fn duration_ns(&self, task: u32) -> u64 {
        self.durations[task as usize]
    }

    /// How large its result is.
    pub fn bytes(&self, task: u32) -> u64 {
        self.bytes[task as usize]
    }

    /// What kind of task it is.
    pub fn name(&self, task: u32) -> &'static str {
        self.names[usize::from(self.kinds[task as usize])]
    }

    /// The longest chain of tasks that depend on each other: no run is
    /// shorter, whatever the number of workers.
    pub fn critical_path_ns(&self) -> u64 {
        let mut ends: Vec<u64> = Vec::with_capacity(self.len());
        for task in 0..self.len() as u32 {
            let inputs = self.dependencies(task).iter().map(|input| ends[*input as usize]);
            ends.push(inputs.max().unwrap_or(0) + self.duration_ns(task));
        }
        ends.into_iter().max().unwrap_or(0)
    }

    /// All durations together.
    pub fn work_ns(&self) -> u64 {
        self.durations.iter().sum()
    }

    /// No run on so many workers is shorter than this: the longest chain, or
    /// the work shared out evenly.
    ///
    /// # Panics
    /// If there are no workers.
    pub fn bound_ns(&self, workers: u32) -> u64 {
        self.critical_path_ns().max(self.work_ns().div_ceil(u64::from(workers)))
    }

    /// The last task that depends on each; of those on which none does, itself.
    pub(super) fn last_dependants(&self) -> Vec<u32> {
        let mut last: Vec<u32> = (0..self.len() as u32).collect();
        for task in 0..self.len() as u32 {
            for dependency in self.dependencies(task) {
                last[*dependency as usize] = task;
            }
        }
        last
    }
}
