//! From described graphs to calls: every node once, behind all that it takes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Error;
use crate::argument::{Hole, Writer};
use crate::backend::{Backend, Call, Input, Options};
use crate::delayed::{Node, reachable};
use crate::scheduler::TaskId;
use crate::slot::Slot;

/// The calls of graphs, for one submission.
pub(crate) struct Graph<'b> {
    backend: &'b Arc<dyn Backend>,
    calls: Vec<Call>,
    /// What became of each node: its name, or why it cannot be called.
    nodes: HashMap<*const Node, Result<TaskId, Error>>,
    /// The nodes, which the keys of the map stand for as long as they live.
    kept: Vec<Arc<Node>>,
}

impl<'b> Graph<'b> {
    pub(crate) fn new(backend: &'b Arc<dyn Backend>) -> Self {
        Self { backend, calls: Vec::new(), nodes: HashMap::new(), kept: Vec::new() }
    }

    /// Adds what a node needs, and the node.
    ///
    /// # Errors
    /// If the node, or one that it needs, has no input.
    pub(crate) fn add(&mut self, node: &Arc<Node>) -> Result<TaskId, Error> {
        if !self.nodes.contains_key(&Arc::as_ptr(node)) {
            for node in reachable([node]) {
                if !self.nodes.contains_key(&Arc::as_ptr(&node)) {
                    let called = self.call(&node);
                    self.nodes.insert(Arc::as_ptr(&node), called);
                    self.kept.push(node);
                }
            }
        }
        self.nodes[&Arc::as_ptr(node)].clone()
    }

    fn call(&mut self, node: &Arc<Node>) -> Result<TaskId, Error> {
        let (bytes, holes) = node.input.clone()?;
        let input = self.fill(bytes, holes)?;
        let id = self.backend.names(1);
        self.calls.push(Call {
            id,
            task: node.task,
            input,
            options: Options::default(),
            here: (!self.backend.is_remote()).then(|| Arc::clone(&node.here)),
            slot: Slot::new(node.task),
        });
        Ok(id)
    }

    /// The input that a writer has written; what it takes is added.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub(crate) fn input(&mut self, writer: Writer) -> Result<Input, Error> {
        self.fill(writer.bytes, writer.holes)
    }

    fn fill(&mut self, bytes: Vec<u8>, holes: Vec<(usize, Hole)>) -> Result<Input, Error> {
        let named = |(at, hole)| {
            Ok(match hole {
                Hole::Task(task) => (at, task),
                Hole::Node(node) => (at, self.add(&node)?),
            })
        };
        let holes = holes.into_iter().map(named).collect::<Result<_, Error>>()?;
        Ok(Input { bytes, holes })
    }

    /// Adds a call that is no node.
    pub(crate) fn push(&mut self, call: Call) {
        self.calls.push(call);
    }

    /// The slot of a node that was added.
    pub(crate) fn slot(&self, id: TaskId) -> Option<Arc<Slot>> {
        let call = self.calls.iter().rev().find(|call| call.id == id);
        call.map(|call| Arc::clone(&call.slot))
    }

    /// Submits all. Nobody holds futures of the nodes but of `wanted`: the
    /// others stay as long as somebody takes their values.
    pub(crate) fn submit(self, wanted: Option<TaskId>) {
        self.backend.submit(self.calls);
        for id in self.nodes.into_values().flatten().filter(|id| wanted != Some(*id)) {
            self.backend.release(id);
        }
    }
}
