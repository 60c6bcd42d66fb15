//! A model on disk, read before TensorFlow gets it: a SavedModel folder or a frozen graph.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prost::Message;

use super::messages::{GraphDef, MetaGraphDef, SavedModel, SignatureDef};
use crate::worker::backend::LoadError;

/// The file that makes a folder a SavedModel.
pub(super) const SAVED_MODEL: &str = "saved_model.pb";
/// The tag of graphs that are for serving.
const SERVE: &str = "serve";
/// The signature of models that have one.
const SERVING_DEFAULT: &str = "serving_default";

/// A model file that was read.
pub(super) struct ModelFile {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its graph.
    pub(super) graph: GraphDef,
    /// What else there is in its format.
    pub(super) format: Format,
}

/// The format of a model file.
pub(super) enum Format {
    /// A SavedModel.
    SavedModel {
        /// The tags of the graph that is served.
        tags: Vec<String>,
        /// The signature that is served.
        signature: SignatureDef,
    },
    /// A frozen graph.
    GraphDef {
        /// The file's content.
        content: Vec<u8>,
    },
}

impl ModelFile {
    /// Reads the model at `path`: a folder is a SavedModel, a file a frozen graph. The parameters
    /// `TF_GRAPH_TAG` and `TF_SIGNATURE_DEF` choose among the graphs and signatures of a
    /// SavedModel.
    pub(super) fn read(
        path: &Path,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, LoadError> {
        if path.is_dir() {
            Self::read_saved_model(path, parameters)
        } else {
            Self::read_graph(path)
        }
    }

    fn read_saved_model(
        folder: &Path,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, LoadError> {
        let file = folder.join(SAVED_MODEL);
        if !file.exists() {
            return Err(LoadError::new(format!(
                "the model folder '{}' is no SavedModel: it holds no '{SAVED_MODEL}'; export the \
                 model with tf.saved_model.save, and copy what that wrote",
                folder.display()
            )));
        }
        let content = read(&file)?;
        let model = SavedModel::decode(&content[..]).map_err(|error| damaged(&file, &error))?;
        let MetaGraphDef {
            meta_info,
            graph,
            signatures,
        } = choose_graph(folder, model, parameters.get("TF_GRAPH_TAG"))?;
        let signature = choose_signature(folder, signatures, parameters.get("TF_SIGNATURE_DEF"))?;
        Ok(Self {
            path: folder.to_owned(),
            graph: graph.unwrap_or_default(),
            format: Format::SavedModel {
                tags: meta_info.unwrap_or_default().tags,
                signature,
            },
        })
    }

    fn read_graph(path: &Path) -> Result<Self, LoadError> {
        let content = read(path)?;
        let graph = GraphDef::decode(&content[..]).map_err(|error| damaged(path, &error))?;
        if graph.nodes.is_empty() {
            return Err(LoadError::new(format!(
                "the model file '{}' is a graph without nodes; write a frozen GraphDef in binary \
                 form there",
                path.display()
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            graph,
            format: Format::GraphDef { content },
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    std::fs::read(path).map_err(|error| {
        LoadError::new(format!(
            "the model file '{}' cannot be read: {error}; check that it exists and who may read it",
            path.display()
        ))
    })
}

fn damaged(path: &Path, error: &prost::DecodeError) -> LoadError {
    LoadError::new(format!(
        "the model file '{}' is not a TensorFlow model in binary form, or is damaged: {error}; \
         export or copy it again",
        path.display()
    ))
}

/// The graph with the tag that was asked for; else the one for serving, else the first.
fn choose_graph(
    folder: &Path,
    model: SavedModel,
    wanted: Option<&String>,
) -> Result<MetaGraphDef, LoadError> {
    let has = |graph: &MetaGraphDef, tag: &str| {
        let mut tags = graph.meta_info.iter().flat_map(|info| &info.tags);
        tags.any(|own| own == tag)
    };
    let tag = wanted.map_or(SERVE, String::as_str);
    let position = model.meta_graphs.iter().position(|graph| has(graph, tag));
    let position = match (position, wanted) {
        (Some(position), _) => position,
        (None, None) if !model.meta_graphs.is_empty() => 0,
        _ => {
            let tags: Vec<String> = model
                .meta_graphs
                .iter()
                .flat_map(|graph| &graph.meta_info)
                .map(|info| format!("'{}'", info.tags.join(",")))
                .collect();
            return Err(LoadError::new(format!(
                "the SavedModel '{}' has no graph with the tag '{tag}', it has {}; set the \
                 parameter TF_GRAPH_TAG of the model configuration to a tag that it has",
                folder.display(),
                listed(&tags)
            )));
        }
    };
    let mut graphs = model.meta_graphs;
    Ok(graphs.swap_remove(position))
}

/// The signature that was asked for; else `serving_default`, else the first that is not
/// TensorFlow's own.
fn choose_signature(
    folder: &Path,
    mut signatures: BTreeMap<String, SignatureDef>,
    wanted: Option<&String>,
) -> Result<SignatureDef, LoadError> {
    let name = match wanted {
        Some(name) => Some(name.clone()),
        None if signatures.contains_key(SERVING_DEFAULT) => Some(SERVING_DEFAULT.to_owned()),
        None => signatures
            .keys()
            .find(|name| !name.starts_with("__saved_model"))
            .cloned(),
    };
    if let Some(signature) = name.as_ref().and_then(|name| signatures.remove(name)) {
        return Ok(signature);
    }
    let names: Vec<String> = signatures.keys().map(|name| format!("'{name}'")).collect();
    let missing = name.map_or_else(
        || "no signature that could be served".to_owned(),
        |name| format!("no signature '{name}'"),
    );
    Err(LoadError::new(format!(
        "the SavedModel '{}' has {missing}, it has {}; export it with signatures, or set the \
         parameter TF_SIGNATURE_DEF of the model configuration to a signature that it has",
        folder.display(),
        listed(&names)
    )))
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::tensorflow::messages::MetaInfoDef;

    fn graph(tags: &[&str]) -> MetaGraphDef {
        MetaGraphDef {
            meta_info: Some(MetaInfoDef {
                tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            }),
            ..MetaGraphDef::default()
        }
    }

    fn model(tags: &[&[&str]]) -> SavedModel {
        SavedModel {
            meta_graphs: tags.iter().map(|tags| graph(tags)).collect(),
        }
    }

    #[test]
    fn the_graph_for_serving_is_served_unless_another_is_asked_for() {
        let folder = Path::new("/m");
        let both = || model(&[&["train"], &["serve", "gpu"]]);
        assert_eq!(
            choose_graph(folder, both(), None).unwrap(),
            graph(&["serve", "gpu"])
        );
        let train = "train".to_owned();
        assert_eq!(
            choose_graph(folder, both(), Some(&train)).unwrap(),
            graph(&["train"])
        );
        let only = choose_graph(folder, model(&[&["train"]]), None).unwrap();
        assert_eq!(only, graph(&["train"]));
        let error = choose_graph(folder, both(), Some(&"x".to_owned())).unwrap_err();
        assert!(error.message.contains("'train', 'serve,gpu'"), "{error}");
    }

    #[test]
    fn a_signature_is_chosen_by_name() {
        let signatures = |names: &[&str]| -> BTreeMap<String, SignatureDef> {
            names
                .iter()
                .map(|&name| (name.to_owned(), SignatureDef::default()))
                .collect()
        };
        let choose = |names: &[&str], wanted: Option<&str>| {
            choose_signature(
                Path::new("/m"),
                signatures(names),
                wanted.map(str::to_owned).as_ref(),
            )
        };
        assert!(choose(&["a", SERVING_DEFAULT], None).is_ok());
        assert!(choose(&["__saved_model_init_op", "b"], None).is_ok());
        let error = choose(&["__saved_model_init_op"], None).unwrap_err();
        assert!(
            error.message.contains("no signature that could be served"),
            "{error}"
        );
        let error = choose(&["a", "b"], Some("c")).unwrap_err();
        assert!(
            error.message.contains("no signature 'c', it has 'a', 'b'"),
            "{error}"
        );
    }
}
