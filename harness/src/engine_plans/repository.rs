//! Plans as a model repository, for a server.

use std::path::{Path, PathBuf};
use std::{fs, io};

use test_ops::{Configuration, ModelRepository};

use super::WantedPlan;

/// A file of the repository could not be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "failed to write '{}': {source}; is there space, and the right to write there?", path.display()
)]
pub struct RepositoryError {
    /// The file or the folder.
    path: PathBuf,
    /// Why.
    source: io::Error,
}

/// A domain of ops, and the op library that has their plugins.
pub type Plugins = (String, PathBuf);

/// Adds the plan in the file `built` to `repository`, under the name of its model, as version 1 with a
/// `config.pbtxt`. The op libraries of its plugins are copied beside the models, once for all of them:
/// a worker takes a library once only. Their paths are relative, so that the repository can be moved.
/// `parameters` stand in the configuration.
///
/// # Errors
/// A file cannot be read or written.
pub fn add(
    repository: &ModelRepository,
    plan: &WantedPlan,
    built: &Path,
    plugins: &[Plugins],
    parameters: &[(String, String)],
) -> Result<(), RepositoryError> {
    let model = &plan.model;
    let folder = repository.model_folder(&model.name);
    let version = folder.join("1");
    fs::create_dir_all(&version).map_err(|source| RepositoryError {
        path: version.clone(),
        source,
    })?;
    copy(built, &version.join(model.format.file_name()))?;
    let mut op_libraries = Vec::new();
    for (domain, library) in plugins {
        let name = format!("lib{}.so", domain.replace('.', "_"));
        copy(library, &repository.root().join(&name))?;
        op_libraries.push(format!("../{name}"));
    }
    let configuration = Configuration {
        op_libraries,
        parameters: parameters.to_vec(),
        ..Configuration::default()
    };
    let path = folder.join("config.pbtxt");
    fs::write(&path, configuration.to_text(model))
        .map_err(|source| RepositoryError { path, source })
}

/// Copies a file beside its place and renames it, so that a server which reads there meanwhile has the
/// old one or the new one as a whole.
fn copy(from: &Path, to: &Path) -> Result<(), RepositoryError> {
    let failed = |source| RepositoryError {
        path: to.to_owned(),
        source,
    };
    let beside = to.with_extension("part");
    fs::copy(from, &beside).map_err(failed)?;
    fs::rename(&beside, to).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::super::{Scope, wanted};
    use super::*;

    #[test]
    fn a_plan_stands_with_its_configuration_and_its_library_beside_the_models() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let (built, library) = (file("0123.plan", "a plan"), file("libany.so", "a library"));
        let runtime = "tensorrt-8.6.0".parse().unwrap();
        let plans = wanted(&Scope::everything(), &runtime, None);
        let repository = ModelRepository::create(folder.path().join("models")).unwrap();
        let plugins = [("custom.ops".to_owned(), library)];
        let parameters = [("runtime".to_owned(), "tensorrt-8.5.3.1".to_owned())];
        for plan in &plans {
            add(&repository, plan, &built, &plugins, &parameters).unwrap();
        }
        let model = repository.model_folder("bias_gelu_fp32_nx64");
        let text = fs::read_to_string(model.join("config.pbtxt")).unwrap();
        for part in [
            "name: \"bias_gelu_fp32_nx64\"",
            "backend: \"tensorrt\"",
            "dims: [-1, 64]",
            "op_library_filename: \"../libcustom_ops.so\"",
            "string_value: \"tensorrt-8.5.3.1\"",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let read = |path: PathBuf| fs::read_to_string(path).unwrap();
        assert_eq!(read(model.join("1/model.plan")), "a plan");
        assert_eq!(read(model.join("../libcustom_ops.so")), "a library");
        let inside = fs::read_dir(repository.root()).unwrap().count();
        assert_eq!(
            inside,
            plans.len() + 1,
            "nothing but models and the library"
        );
    }

    #[test]
    fn a_plan_that_is_gone_is_told_with_the_place_it_was_to_have() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = "tensorrt-8.6.0".parse().unwrap();
        let plans = wanted(&Scope::everything(), &runtime, None);
        let repository = ModelRepository::create(folder.path()).unwrap();
        let gone = folder.path().join("gone.plan");
        let error = add(&repository, &plans[0], &gone, &[], &[]).unwrap_err();
        assert!(error.to_string().contains("model.plan"), "{error}");
    }
}
