//! Delayed: a graph that is described first, and computed when somebody asks.
//!
//! Dask's `delayed`. Nothing runs, and no client is needed, until
//! [`compute`](Delayed::compute); then that node runs and whatever it depends
//! on, each once however often it is used. Branches that nobody asks for never
//! run.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};
use std::marker::PhantomData;
use std::sync::Arc;

use processes::Task;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::argument::{Argument, Hole, Refused, Writer};
use crate::backend::Here;
use crate::client::here;
use crate::{Client, Error, Future};

/// A task's result, to be computed when it is asked for.
///
/// ```
/// use distributed::{Client, With, delayed};
/// use processes::Task;
///
/// const INC: Task<i64, i64> = Task::new("inc", |x| x + 1);
/// const ADD: Task<(i64, i64), i64> = Task::new("add", |(x, y)| x + y);
/// const FAIL: Task<i64, i64> = Task::new("fail", |_| panic!("it runs"));
///
/// let x = delayed(&INC, 1);
/// let y = delayed(&INC, 2);
/// let unused = delayed(&FAIL, &x);
/// let z = delayed(&ADD, With((&x, &y)));
///
/// let client = Client::local().n_workers(2).processes(false).start()?;
/// assert_eq!(z.compute(&client)?, 5);
/// assert!(unused.compute(&client).is_err());
/// assert!(z.to_dot().starts_with("digraph"));
/// # Ok::<(), distributed::Error>(())
/// ```
pub struct Delayed<T> {
    node: Arc<Node>,
    value: PhantomData<fn() -> T>,
}

/// An input's bytes, and where in them what belongs.
pub(crate) type Described = (Vec<u8>, Vec<(usize, Hole)>);

/// A node of a graph, without its types.
pub(crate) struct Node {
    pub(crate) task: &'static str,
    /// The input, or why there is none.
    pub(crate) input: Result<Described, Error>,
    pub(crate) here: Here,
    pub(crate) signature: fn() -> String,
}

/// Describes a call that is made when its result is asked for.
///
/// An argument that cannot be encoded is an error of the computation.
pub fn delayed<In, Out>(task: &Task<In, Out>, input: impl Argument<In>) -> Delayed<Out>
where
    In: DeserializeOwned + 'static,
    Out: Serialize + 'static,
{
    let mut writer = Writer::new(task.name(), None);
    let input = match input.write(&mut writer) {
        Ok(()) => Ok((writer.bytes, writer.holes)),
        Err(Refused::Value(e)) => Err(Error::from_process(e)),
        // It belongs to a client, and a graph does not yet.
        Err(Refused::Foreign) => Err(Error::Foreign { task: task.name() }),
        Err(Refused::Failed(e)) => Err(*e),
    };
    let signature = Task::<In, Out>::signature;
    let node = Node { task: task.name(), input, here: here(task), signature };
    Delayed { node: Arc::new(node), value: PhantomData }
}

impl<T> Delayed<T> {
    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// The graph that computing this would run, in Graphviz' language: an edge
    /// from each task to those that take its value.
    pub fn to_dot(&self) -> String {
        let nodes = reachable([&self.node], |_| false);
        let number: HashMap<*const Node, usize> =
            nodes.iter().enumerate().map(|(n, node)| (Arc::as_ptr(node), n)).collect();
        let mut dot = String::from("digraph {\n");
        for (n, node) in nodes.iter().enumerate() {
            let name = node.task.replace('\\', "\\\\").replace('"', "\\\"");
            writeln!(dot, "  {n} [label=\"{name}\"];").expect("a string can be written to");
        }
        for (n, node) in nodes.iter().enumerate() {
            for dependency in node.dependencies() {
                let from = number[&Arc::as_ptr(dependency)];
                writeln!(dot, "  {from} -> {n};").expect("a string can be written to");
            }
        }
        dot + "}\n"
    }
}

impl<T: DeserializeOwned> Delayed<T> {
    /// Runs what is needed for this result on a client, and waits for it.
    ///
    /// # Errors
    /// As [`Future::result`]; of what it depends on, too.
    pub fn compute(&self, client: &Client) -> Result<T, Error> {
        self.submit(client).result()
    }

    /// The same without waiting.
    pub fn submit(&self, client: &Client) -> Future<T> {
        client.submit_node(&self.node)
    }
}

impl<T> Clone for Delayed<T> {
    fn clone(&self) -> Self {
        Self { node: Arc::clone(&self.node), value: PhantomData }
    }
}

impl<T> fmt::Debug for Delayed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delayed({})", self.node.task)
    }
}

impl Node {
    fn holes(&self) -> &[(usize, Hole)] {
        self.input.as_ref().map_or(&[], |(_, holes)| holes)
    }

    /// The nodes whose values it takes, as often as it takes them.
    fn dependencies(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.holes().iter().filter_map(|(_, hole)| match hole {
            Hole::Node(node) => Some(node),
            Hole::Task(_) => None,
        })
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The nodes below are many; a name is enough.
        f.debug_tuple("Node").field(&self.task).finish()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A chain of a million nodes must not be a million calls deep.
        let mut orphans = self.take_nodes();
        while let Some(node) = orphans.pop() {
            if let Some(mut node) = Arc::into_inner(node) {
                orphans.append(&mut node.take_nodes());
            }
        }
    }
}

impl Node {
    fn take_nodes(&mut self) -> Vec<Arc<Node>> {
        let Ok((_, holes)) = &mut self.input else { return Vec::new() };
        let node = |(_, hole)| match hole {
            Hole::Node(node) => Some(node),
            Hole::Task(_) => None,
        };
        holes.drain(..).filter_map(node).collect()
    }
}

/// The nodes that these depend on and these themselves, each once, behind all
/// that it depends on. Where one is known already it goes no deeper.
pub(crate) fn reachable<'n>(
    of: impl IntoIterator<Item = &'n Arc<Node>>,
    known: impl Fn(&Arc<Node>) -> bool,
) -> Vec<Arc<Node>> {
    let mut seen: HashSet<*const Node> = HashSet::new();
    let mut ordered = Vec::new();
    // No recursion, for graphs may be deep. A node is met twice: before what
    // it depends on, and behind it.
    let mut stack: Vec<(&Arc<Node>, bool)> = of.into_iter().map(|node| (node, false)).collect();
    while let Some((node, behind)) = stack.pop() {
        if behind {
            ordered.push(Arc::clone(node));
        } else if !known(node) && seen.insert(Arc::as_ptr(node)) {
            stack.push((node, true));
            stack.extend(node.dependencies().map(|dependency| (dependency, false)));
        }
    }
    ordered
}
