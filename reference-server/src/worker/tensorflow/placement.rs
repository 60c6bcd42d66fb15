//! On which device the nodes of a graph execute.

use std::collections::HashMap;
use std::path::Path;

use prost::bytes::{Buf, BufMut};
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};
use tempfile::TempDir;

use super::messages::{ConfigProto, GpuOptions};
use super::model_file::SAVED_MODEL;
use super::status::Failure;
use crate::configuration::Device;

/// From a SavedModel to its nodes: `SavedModel.meta_graphs`, `MetaGraphDef.graph_def`,
/// `GraphDef.node`. Nodes of functions follow the node that calls the function.
const NODES: [u32; 3] = [2, 2, 1];

/// `NodeDef.device`
const DEVICE: u32 = 4;

/// Where the nodes of a session execute.
///
/// A node that names a device in the model stays there. What has no kernel for a GPU executes on the
/// CPU, as TensorFlow's soft placement decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement(pub(super) Device);

impl Placement {
    /// Sets which devices a session has. TensorFlow makes those of all GPUs up to the last one that it
    /// may use, which is the same in every session of a process, and takes memory as it needs it:
    /// workers and other frameworks share the GPU.
    pub(super) fn configure(self, configuration: &mut ConfigProto) {
        let devices = match self.0 {
            Device::Cpu | Device::Auto => Some(0),
            Device::Gpu(number) => i32::try_from(number).ok().map(|number| number + 1),
            Device::OfModel => None,
        };
        configuration.device_count = devices
            .map(|devices| HashMap::from([("GPU".to_owned(), devices)]))
            .unwrap_or_default();
        configuration.gpu_options = Some(GpuOptions { allow_growth: true });
    }

    /// The device of nodes that name none, as TensorFlow spells it; `None` where that is for TensorFlow
    /// to choose.
    pub(super) fn default_device(self) -> Option<String> {
        match self.0 {
            Device::Gpu(number) => Some(format!("/device:GPU:{number}")),
            Device::Cpu | Device::Auto | Device::OfModel => None,
        }
    }

    /// A stand-in for the SavedModel in `folder`, whose nodes name their device; `None` where the model
    /// itself will do, since TensorFlow prefers the first GPU that a session has.
    ///
    /// The stand-in consists of links, but for the graph.
    pub(super) fn stand_in(self, folder: &Path) -> Result<Option<TempDir>, Failure> {
        match self.0 {
            Device::Gpu(1..) => {}
            _ => return Ok(None),
        }
        let device = self.default_device().unwrap_or_default();
        stand_in(folder, &device).map(Some).map_err(|error| {
            Failure::invalid(format!(
                "a copy of its graph with the nodes on {device} cannot be written: {error}; check that \
                 there is room in the folder for temporary files (TMPDIR)"
            ))
        })
    }
}

fn stand_in(folder: &Path, device: &str) -> std::io::Result<TempDir> {
    let folder = folder.canonicalize()?;
    let stand_in = tempfile::tempdir()?;
    for entry in std::fs::read_dir(&folder)? {
        let name = entry?.file_name();
        if name != *SAVED_MODEL {
            std::os::unix::fs::symlink(folder.join(&name), stand_in.path().join(&name))?;
        }
    }
    let model = std::fs::read(folder.join(SAVED_MODEL))?;
    let placed = rewritten(&model, &NODES, &|node| on_device(node, device))
        .ok_or_else(|| std::io::Error::other("it is damaged"))?;
    std::fs::write(stand_in.path().join(SAVED_MODEL), placed)?;
    Ok(stand_in)
}

/// A node that names `device`, unless it names one already.
fn on_device(node: &[u8], device: &str) -> Option<Vec<u8>> {
    let mut has_device = false;
    fields(node, |number, _, value| {
        has_device |= number == DEVICE && value.len() > 1;
        Some(())
    })?;
    let mut node = node.to_vec();
    if !has_device {
        encode_key(DEVICE, WireType::LengthDelimited, &mut node);
        encode_varint(device.len() as u64, &mut node);
        node.put_slice(device.as_bytes());
    }
    Some(node)
}

/// A message whose embedded messages at `path`, field numbers from the outside in, went through
/// `change`. All else is kept as it is. `None` where it is no message.
fn rewritten(
    message: &[u8],
    path: &[u32],
    change: &dyn Fn(&[u8]) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let Some((first, rest)) = path.split_first() else {
        return change(message);
    };
    let mut copy = Vec::with_capacity(message.len());
    fields(message, |number, wire_type, value| {
        encode_key(number, wire_type, &mut copy);
        if number != *first || wire_type != WireType::LengthDelimited {
            copy.put_slice(value);
            return Some(());
        }
        let mut embedded = value;
        decode_varint(&mut embedded).ok()?;
        let embedded = rewritten(embedded, rest, change)?;
        encode_varint(embedded.len() as u64, &mut copy);
        copy.put_slice(&embedded);
        Some(())
    })?;
    Some(copy)
}

/// Hands each field to `take`: its number, its wire type, and its value as it stands in the message,
/// with the length of an embedded one in front. `None` where this is no message or `take` says so.
fn fields(message: &[u8], mut take: impl FnMut(u32, WireType, &[u8]) -> Option<()>) -> Option<()> {
    let mut rest = message;
    while rest.has_remaining() {
        let (number, wire_type) = decode_key(&mut rest).ok()?;
        let value = rest;
        skip_field(wire_type, number, &mut rest, DecodeContext::default()).ok()?;
        take(number, wire_type, &value[..value.len() - rest.len()])?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::worker::tensorflow::messages::{GraphDef, MetaGraphDef, NodeDef, SavedModel};

    fn node(name: &str, device: &str) -> NodeDef {
        NodeDef {
            name: name.to_owned(),
            op: "Relu".to_owned(),
            device: device.to_owned(),
            ..NodeDef::default()
        }
    }

    fn model() -> SavedModel {
        let graph = GraphDef {
            nodes: vec![node("a", ""), node("b", "/device:CPU:0")],
            library: None,
        };
        SavedModel {
            meta_graphs: vec![MetaGraphDef {
                graph: Some(graph),
                ..MetaGraphDef::default()
            }],
        }
    }

    #[test]
    fn nodes_that_name_no_device_get_one_and_all_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        // Field 15 of the model is none that is known.
        let unknown = [0x7a, 2, 1, 2];
        let content = [model().encode_to_vec(), unknown.to_vec()].concat();
        std::fs::write(folder.path().join(SAVED_MODEL), content).unwrap();
        std::fs::create_dir(folder.path().join("variables")).unwrap();
        std::fs::write(folder.path().join("variables/x"), "x").unwrap();

        let placement = Placement(Device::Gpu(1));
        let placed = placement.stand_in(folder.path()).unwrap().unwrap();
        let content = std::fs::read(placed.path().join(SAVED_MODEL)).unwrap();
        assert!(content.ends_with(&unknown));
        let mut expected = model();
        expected.meta_graphs[0].graph.as_mut().unwrap().nodes[0].device =
            "/device:GPU:1".to_owned();
        assert_eq!(SavedModel::decode(&content[..]).unwrap(), expected);
        assert_eq!(
            std::fs::read(placed.path().join("variables/x")).unwrap(),
            b"x"
        );

        assert!(
            Placement(Device::Gpu(0))
                .stand_in(folder.path())
                .unwrap()
                .is_none()
        );
        std::fs::write(folder.path().join(SAVED_MODEL), [0x0a, 9]).unwrap();
        let error = placement.stand_in(folder.path()).unwrap_err().to_string();
        assert!(error.contains("damaged"), "{error}");
    }

    #[test]
    fn sessions_have_the_devices_that_they_may_use() {
        let configured = |device| {
            let mut configuration = ConfigProto::default();
            Placement(device).configure(&mut configuration);
            configuration
        };
        let count = |device| configured(device).device_count.get("GPU").copied();
        assert_eq!(count(Device::Cpu), Some(0));
        assert_eq!(count(Device::Gpu(1)), Some(2));
        assert_eq!(count(Device::OfModel), None);
        // map<string, int32> device_count = 1 { "GPU": 1 }; GPUOptions gpu_options = 6 { allow_growth
        // (4): true }
        assert_eq!(
            configured(Device::Gpu(0)).encode_to_vec(),
            [
                0x0a, 7, 0x0a, 3, b'G', b'P', b'U', 0x10, 1, 0x32, 2, 0x20, 1
            ]
        );
    }

    proptest! {
        #[test]
        fn a_rewritten_message_is_the_same_where_nothing_is_changed(
            names in prop::collection::vec("[a-z]{0,20}", 0..5),
        ) {
            let nodes = names.iter().map(|name| node(name, "")).collect();
            let graph = GraphDef { nodes, library: None };
            let graph = graph.encode_to_vec();
            let same = |node: &[u8]| Some(node.to_vec());
            prop_assert_eq!(rewritten(&graph, &[1], &same), Some(graph));
        }

        #[test]
        fn any_bytes_are_rewritten_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = rewritten(&bytes, &NODES, &|node| on_device(node, "x"));
        }
    }
}
