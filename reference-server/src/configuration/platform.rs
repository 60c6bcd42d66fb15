//! Which framework serves a model: `backend`, `platform` and the model file's name in Triton's
//! vocabulary.

use std::path::Path;

use proto::inference::ModelConfig;
use runtimes::Framework;

use super::{ConfigurationError, error::nearest};

/// How the model configuration speaks of one framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Vocabulary {
    framework: Framework,
    backend: &'static str,
    platforms: &'static [&'static str],
    /// Default names of the model file, the preferred one first.
    files: &'static [&'static str],
}

const VOCABULARY: [Vocabulary; 4] = [
    Vocabulary {
        framework: Framework::OnnxRuntime,
        backend: "onnxruntime",
        platforms: &["onnxruntime_onnx"],
        files: &["model.onnx"],
    },
    Vocabulary {
        framework: Framework::PyTorch,
        backend: "pytorch",
        platforms: &["pytorch_libtorch"],
        files: &["model.pt"],
    },
    Vocabulary {
        framework: Framework::TensorFlow,
        backend: "tensorflow",
        platforms: &["tensorflow_savedmodel", "tensorflow_graphdef"],
        files: &["model.savedmodel", "model.graphdef"],
    },
    Vocabulary {
        framework: Framework::TensorRt,
        backend: "tensorrt",
        platforms: &["tensorrt_plan"],
        files: &["model.plan"],
    },
];

/// The platform that model metadata tells for a framework: `onnxruntime_onnx`.
pub fn platform_name(framework: Framework) -> &'static str {
    VOCABULARY
        .iter()
        .find(|vocabulary| vocabulary.framework == framework)
        .map_or("", |vocabulary| vocabulary.platforms[0])
}

/// Finds out which framework serves the model and completes `backend`, `platform` and
/// `default_model_filename`, as Triton does: from `backend`, else from `platform`, else from
/// `default_model_filename`, else from the file found in `version_folder`.
///
/// # Errors
/// A backend or platform that is not known, with the nearest one that is; a pair that does not
/// belong together; nothing to tell the framework from.
pub(super) fn complete(
    config: &mut ModelConfig,
    version_folder: Option<&Path>,
) -> Result<Framework, ConfigurationError> {
    let name = config.name.clone();
    let vocabulary = if !config.backend.is_empty() {
        by_backend(config)?
    } else if !config.platform.is_empty() {
        by_platform(config)?
    } else {
        by_file(config, version_folder).ok_or_else(|| {
            ConfigurationError::invalid(format!(
                "must specify 'platform' or 'backend' for '{name}': neither is given and no model \
                 file of a known name ({}) tells which it is",
                VOCABULARY
                    .iter()
                    .flat_map(|vocabulary| vocabulary.files)
                    .copied()
                    .collect::<Vec<_>>()
                    .join(", ")
            ))
        })?
    };
    config.backend = vocabulary.backend.to_owned();
    if config.platform.is_empty() {
        let by_file = vocabulary
            .files
            .iter()
            .position(|file| *file == config.default_model_filename)
            .and_then(|position| vocabulary.platforms.get(position));
        config.platform = (*by_file.unwrap_or(&vocabulary.platforms[0])).to_owned();
    }
    if config.default_model_filename.is_empty() {
        let by_platform = vocabulary
            .platforms
            .iter()
            .position(|platform| *platform == config.platform)
            .and_then(|position| vocabulary.files.get(position));
        config.default_model_filename = (*by_platform.unwrap_or(&vocabulary.files[0])).to_owned();
    }
    Ok(vocabulary.framework)
}

fn by_backend(config: &ModelConfig) -> Result<Vocabulary, ConfigurationError> {
    let known = VOCABULARY
        .into_iter()
        .find(|vocabulary| vocabulary.backend == config.backend)
        .ok_or_else(|| {
            unknown("backend", &config.backend, &config.name, |vocabulary| {
                std::slice::from_ref(&vocabulary.backend)
            })
        })?;
    if config.platform.is_empty() || known.platforms.contains(&config.platform.as_str()) {
        Ok(known)
    } else {
        Err(ConfigurationError::invalid(format!(
            "unexpected 'platform' and 'backend' pair, got:{}, {} for {}; the platform of backend \
             '{}' is {}",
            config.platform,
            config.backend,
            config.name,
            known.backend,
            known.platforms.join(" or ")
        )))
    }
}

fn by_platform(config: &ModelConfig) -> Result<Vocabulary, ConfigurationError> {
    if config.platform == "ensemble" {
        return Err(super::validation::unsupported(
            config,
            "platform: \"ensemble\"",
        ));
    }
    VOCABULARY
        .into_iter()
        .find(|vocabulary| vocabulary.platforms.contains(&config.platform.as_str()))
        .ok_or_else(|| {
            unknown("platform", &config.platform, &config.name, |vocabulary| {
                vocabulary.platforms
            })
        })
}

fn unknown(
    field: &str,
    value: &str,
    model: &str,
    names: impl Fn(&'static Vocabulary) -> &'static [&'static str],
) -> ConfigurationError {
    static KNOWN: [Vocabulary; 4] = VOCABULARY;

    let names: Vec<&str> = KNOWN.iter().flat_map(names).copied().collect();
    let hint = nearest(value, names.iter().copied())
        .map(|name| format!(" did you mean '{name}'?"))
        .unwrap_or_default();
    ConfigurationError::invalid(format!(
        "unexpected {field} '{value}' for {model};{hint} known are {}",
        names.join(", ")
    ))
}

fn by_file(config: &ModelConfig, version_folder: Option<&Path>) -> Option<Vocabulary> {
    let named = &config.default_model_filename;
    VOCABULARY.into_iter().find(|vocabulary| {
        if named.is_empty() {
            version_folder.is_some_and(|folder| {
                vocabulary
                    .files
                    .iter()
                    .any(|file| folder.join(file).exists())
            })
        } else {
            vocabulary.files.iter().any(|file| file == named)
                || vocabulary
                    .files
                    .iter()
                    .any(|file| Path::new(file).extension() == Path::new(named).extension())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(backend: &str, platform: &str, file: &str) -> ModelConfig {
        ModelConfig {
            name: "m".into(),
            backend: backend.into(),
            platform: platform.into(),
            default_model_filename: file.into(),
            ..ModelConfig::default()
        }
    }

    #[test]
    fn each_of_the_three_fields_is_enough() {
        for (backend, platform, file) in [
            ("onnxruntime", "", ""),
            ("", "onnxruntime_onnx", ""),
            ("", "", "model.onnx"),
            ("", "", "other.onnx"),
            ("onnxruntime", "onnxruntime_onnx", "x"),
        ] {
            let mut config = config(backend, platform, file);
            assert_eq!(complete(&mut config, None).unwrap(), Framework::OnnxRuntime);
            assert_eq!(config.backend, "onnxruntime");
            assert_eq!(config.platform, "onnxruntime_onnx");
            assert_eq!(
                config.default_model_filename,
                if file.is_empty() { "model.onnx" } else { file }
            );
        }
        assert_eq!(platform_name(Framework::OnnxRuntime), "onnxruntime_onnx");
    }

    #[test]
    fn the_version_folder_tells_where_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let mut empty = config("", "", "");
        let message = complete(&mut empty, Some(folder.path()))
            .unwrap_err()
            .to_string();
        assert!(message.contains("model.onnx"), "{message}");
        std::fs::write(folder.path().join("model.onnx"), b"").unwrap();
        assert_eq!(
            complete(&mut empty, Some(folder.path())).unwrap(),
            Framework::OnnxRuntime
        );
    }

    #[test]
    fn unknown_names_get_the_nearest_one() {
        for (backend, platform, expected) in [
            ("onnxruntme", "", "did you mean 'onnxruntime'?"),
            (
                "",
                "onnx_runtime",
                "unexpected platform 'onnx_runtime' for m",
            ),
            (
                "onnxruntime",
                "tensorrt_plan",
                "unexpected 'platform' and 'backend' pair",
            ),
            ("", "ensemble", "not supported"),
        ] {
            let message = complete(&mut config(backend, platform, ""), None)
                .unwrap_err()
                .to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
