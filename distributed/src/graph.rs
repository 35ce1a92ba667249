//! From described graphs to calls: every node once, behind all that it takes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Error;
use crate::argument::{Hole, Writer};
use crate::backend::{Backend, Bytes, Call, Input, Options, Promise, Work};
use crate::delayed::{Node, reachable};
use crate::scheduler::TaskId;
use crate::slot::Slot;

/// How many calls are submitted together, if parts will do.
const PART: usize = 1 << 10;

/// The calls of graphs, for one submission.
pub(crate) struct Graph<'b> {
    backend: &'b Arc<dyn Backend>,
    /// Whether they go in one piece.
    whole: bool,
    calls: Vec<Call>,
    /// What became of each node: its name, or why it cannot be called.
    nodes: HashMap<*const Node, Result<TaskId, Error>>,
    /// The nodes, which the keys of the map stand for as long as they live.
    kept: Vec<Arc<Node>>,
    wanted: Option<TaskId>,
}

impl<'b> Graph<'b> {
    pub(crate) fn new(backend: &'b Arc<dyn Backend>) -> Self {
        Self {
            backend,
            whole: backend.wants_whole_batches(),
            calls: Vec::new(),
            nodes: HashMap::new(),
            kept: Vec::new(),
            wanted: None,
        }
    }

    /// Adds what a node needs, and the node.
    ///
    /// # Errors
    /// If the node, or one that it needs, has no input.
    pub(crate) fn add(&mut self, node: &Arc<Node>) -> Result<TaskId, Error> {
        let known = |node: &Arc<Node>| self.nodes.contains_key(&Arc::as_ptr(node));
        for node in reachable([node], known) {
            let called = self.call(&node);
            self.nodes.insert(Arc::as_ptr(&node), called);
            self.kept.push(node);
        }
        self.nodes[&Arc::as_ptr(node)].clone()
    }

    fn call(&mut self, node: &Arc<Node>) -> Result<TaskId, Error> {
        self.backend.accepts(node.task, node.signature)?;
        let (bytes, holes) = node.input.as_ref().map_err(Clone::clone)?;
        let holes = self.fill(holes.iter().cloned())?;
        let input = Input { bytes: bytes[..].into(), holes };
        let id = self.backend.names(1);
        let here = (!self.backend.is_remote()).then(|| Arc::clone(&node.here));
        let work = Work { input, options: Options::default(), here };
        self.calls.push(Call { id, slot: Promise(Slot::new(node.task)), work });
        Ok(id)
    }

    /// The input that a writer has written, which is empty then; what it takes
    /// is added.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub(crate) fn input(&mut self, writer: &mut Writer) -> Result<Input, Error> {
        let bytes = Bytes::taken_from(&mut writer.bytes);
        Ok(Input { bytes, holes: self.fill(writer.holes.drain(..))? })
    }

    fn fill(
        &mut self,
        holes: impl Iterator<Item = (usize, Hole)>,
    ) -> Result<Box<[(usize, TaskId)]>, Error> {
        let named = |(at, hole)| {
            Ok(match hole {
                Hole::Task(task) => (at, task),
                Hole::Node(node) => (at, self.add(&node)?),
            })
        };
        holes.map(named).collect()
    }

    /// Adds a call that is no node.
    pub(crate) fn push(&mut self, call: Call) {
        self.calls.push(call);
        if self.calls.len() >= PART && !self.whole {
            self.backend.submit(std::mem::replace(&mut self.calls, Vec::with_capacity(PART)));
        }
    }

    /// The slot of a node that was added and not submitted yet.
    pub(crate) fn slot(&self, id: TaskId) -> Option<Arc<Slot>> {
        let call = self.calls.iter().rev().find(|call| call.id == id);
        call.map(|call| Arc::clone(&call.slot.0))
    }

    /// Submits what is left. Nobody holds futures of the nodes but of `wanted`:
    /// the others stay as long as somebody takes their values.
    pub(crate) fn submit(mut self, wanted: Option<TaskId>) {
        self.wanted = wanted;
        self.backend.submit(std::mem::take(&mut self.calls));
    }
}

impl Drop for Graph<'_> {
    /// Also when an input panics in the middle: parts may be submitted.
    fn drop(&mut self) {
        let nodes = std::mem::take(&mut self.nodes).into_values().flatten();
        for id in nodes.filter(|id| self.wanted != Some(*id)) {
            self.backend.release(id);
        }
    }
}
