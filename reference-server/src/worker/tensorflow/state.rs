//! Whether a model may keep a tensor beyond an execution.

use std::collections::HashMap;

use super::messages::NodeDef;

/// TensorFlow's ops that count as stateful and yet keep none of their inputs: they read state,
/// call functions, draw random numbers, or only report.
const READERS: [&str; 34] = [
    "Assert",
    "Case",
    "CountUpTo",
    "For",
    "HashTableV2",
    "If",
    "ImmutableConst",
    "LookupTableFindV2",
    "LookupTableSizeV2",
    "MutableHashTableV2",
    "ParallelDynamicStitch",
    "PartitionedCall",
    "Placeholder",
    "Print",
    "PrintV2",
    "PyFunc",
    "RandomShuffle",
    "RandomStandardNormal",
    "RandomUniform",
    "RandomUniformInt",
    "ReadVariableOp",
    "ResourceGather",
    "ResourceGatherNd",
    "StatefulPartitionedCall",
    "StatefulUniform",
    "StatelessIf",
    "StatelessWhile",
    "TruncatedNormal",
    "VarHandleOp",
    "VarIsInitializedOp",
    "VariableShape",
    "VariableV2",
    "While",
    "_Arg",
];

/// Whether one of the nodes may keep an input: its op declares state (`ops`: by name, whether it
/// does) and is not known to leave its inputs alone.
pub(super) fn may_keep_inputs(nodes: &[&NodeDef], ops: &HashMap<String, bool>) -> bool {
    nodes.iter().any(|node| {
        ops.get(&node.op).copied().unwrap_or(false)
            && READERS.binary_search(&node.op.as_str()).is_err()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeps(op: &str) -> bool {
        let ops = [
            ("AssignVariableOp", true),
            ("ReadVariableOp", true),
            ("Relu", false),
        ];
        let ops = ops
            .map(|(name, stateful)| (name.to_owned(), stateful))
            .into();
        let node = NodeDef {
            op: op.to_owned(),
            ..NodeDef::default()
        };
        may_keep_inputs(&[&node], &ops)
    }

    #[test]
    fn writers_of_state_may_keep_inputs_and_readers_do_not() {
        assert!(READERS.is_sorted());
        assert!(keeps("AssignVariableOp"));
        assert!(!keeps("ReadVariableOp"));
        assert!(!keeps("Relu"));
    }
}
