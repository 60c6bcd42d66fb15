//! What a graph uses and where its results come from, read from the graph's own message.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::messages::{FunctionDef, GraphDef, NodeDef};

/// A graph with its nodes by name and its functions.
pub(super) struct Graph<'a> {
    nodes: &'a [NodeDef],
    by_name: HashMap<&'a str, &'a NodeDef>,
    functions: HashMap<&'a str, &'a FunctionDef>,
}

impl<'a> Graph<'a> {
    /// An index of `graph`.
    pub(super) fn new(graph: &'a GraphDef) -> Self {
        let functions = graph.library.iter().flat_map(|library| &library.functions);
        Self {
            nodes: &graph.nodes,
            by_name: graph
                .nodes
                .iter()
                .map(|node| (node.name.as_str(), node))
                .collect(),
            functions: functions
                .filter_map(|function| {
                    let signature = function.signature.as_ref()?;
                    Some((signature.name.as_str(), function))
                })
                .collect(),
        }
    }

    /// The node `name`.
    pub(super) fn node(&self, name: &str) -> Option<&'a NodeDef> {
        self.by_name.get(name).copied()
    }

    /// The nodes that a caller feeds.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = &'a NodeDef> {
        self.nodes.iter().filter(|node| node.op == "Placeholder")
    }

    /// The nodes whose results nobody in the graph uses.
    pub(super) fn leaves(&self) -> impl Iterator<Item = &'a NodeDef> {
        let used: HashSet<&str> = self
            .nodes
            .iter()
            .flat_map(|node| &node.inputs)
            .map(|input| source(input))
            .collect();
        self.nodes.iter().filter(move |node| {
            !used.contains(node.name.as_str())
                && !matches!(&*node.op, "NoOp" | "Assert" | "Placeholder")
        })
    }

    /// All nodes of the graph and of the functions that they call.
    pub(super) fn all(&self) -> Vec<&'a NodeDef> {
        self.with_functions(self.nodes.iter().collect())
    }

    /// The nodes that take part when the results of `names` are computed.
    pub(super) fn behind<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Vec<&'a NodeDef> {
        let mut seen = HashSet::new();
        let mut waiting: Vec<&NodeDef> = names
            .into_iter()
            .filter_map(|name| self.node(name))
            .collect();
        let mut found = Vec::new();
        while let Some(node) = waiting.pop() {
            if seen.insert(node.name.as_str()) {
                found.push(node);
                waiting.extend(
                    node.inputs
                        .iter()
                        .filter_map(|input| self.node(source(input))),
                );
            }
        }
        self.with_functions(found)
    }

    /// `nodes` and those of all functions that they call, however deep.
    fn with_functions(&self, mut nodes: Vec<&'a NodeDef>) -> Vec<&'a NodeDef> {
        let mut called = HashSet::new();
        let mut next = 0;
        while let Some(node) = nodes.get(next).copied() {
            next += 1;
            for name in functions_of(node) {
                if let Some((name, function)) = self.functions.get_key_value(name)
                    && called.insert(*name)
                {
                    nodes.extend(&function.nodes);
                }
            }
        }
        nodes
    }

    /// Those ops among `nodes` that are no functions of the graph itself.
    pub(super) fn ops(&self, nodes: &[&'a NodeDef]) -> BTreeSet<&'a str> {
        nodes
            .iter()
            .map(|node| node.op.as_str())
            .filter(|op| !self.functions.contains_key(op))
            .collect()
    }
}

/// The names of functions that a node may call: its own op, and its attributes.
fn functions_of(node: &NodeDef) -> impl Iterator<Item = &str> {
    std::iter::once(node.op.as_str()).chain(node.attributes.values().flat_map(|value| {
        let many = value.list.iter().flat_map(|list| &list.functions);
        value
            .function
            .iter()
            .chain(many)
            .map(|function| function.name.as_str())
    }))
}

/// The node that an input names: `^node`, `node`, `node:1`, and within functions
/// `node:result:1`.
fn source(input: &str) -> &str {
    let input = input.strip_prefix('^').unwrap_or(input);
    input.split(':').next().unwrap_or(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::tensorflow::messages::{AttrValue, FunctionDefLibrary, FunctionName, OpDef};

    fn node(name: &str, op: &str, inputs: &[&str]) -> NodeDef {
        NodeDef {
            name: name.to_owned(),
            op: op.to_owned(),
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            ..NodeDef::default()
        }
    }

    fn function(name: &str, nodes: Vec<NodeDef>) -> FunctionDef {
        FunctionDef {
            signature: Some(OpDef {
                name: name.to_owned(),
                ..OpDef::default()
            }),
            nodes,
        }
    }

    fn sample() -> GraphDef {
        let mut call = node("call", "PartitionedCall", &["x:0", "^init"]);
        call.attributes.insert(
            "f".to_owned(),
            AttrValue {
                function: Some(FunctionName {
                    name: "outer".to_owned(),
                }),
                ..AttrValue::default()
            },
        );
        GraphDef {
            nodes: vec![
                node("x", "Placeholder", &[]),
                node("init", "NoOp", &[]),
                call,
                node("save", "SaveV2", &["x"]),
            ],
            library: Some(FunctionDefLibrary {
                functions: vec![
                    function("outer", vec![node("n", "inner", &["arg"])]),
                    function("inner", vec![node("n", "CustomModulo", &["arg"])]),
                    function("idle", vec![node("n", "Unused", &["arg"])]),
                ],
            }),
        }
    }

    #[test]
    fn functions_are_followed_and_what_is_not_called_is_left_out() {
        let graph = sample();
        let graph = Graph::new(&graph);
        let ops = graph.ops(&graph.behind(["call"]));
        assert_eq!(
            ops.into_iter().collect::<Vec<_>>(),
            ["CustomModulo", "NoOp", "PartitionedCall", "Placeholder"]
        );
        assert!(graph.ops(&graph.all()).contains("SaveV2"));
        assert!(!graph.ops(&graph.all()).contains("Unused"));
    }

    #[test]
    fn inputs_are_placeholders_and_outputs_are_leaves() {
        let graph = sample();
        let graph = Graph::new(&graph);
        let names = |nodes: Vec<&NodeDef>| -> Vec<String> {
            nodes.into_iter().map(|node| node.name.clone()).collect()
        };
        assert_eq!(names(graph.placeholders().collect()), ["x"]);
        assert_eq!(names(graph.leaves().collect()), ["call", "save"]);
    }
}
