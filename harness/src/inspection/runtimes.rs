//! Which runtimes libraries are judged against.

use std::path::Path;

use runtimes::{Cache, Catalog, Framework, LocateError, Runtime, RuntimeArgument, RuntimeName};

/// Why there is no such runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The catalogue or the cache has the name, and it is not installed.
    #[error(
        "runtime {name} is not installed; install it with `cargo harness setup --runtime {name}`, or \
         give the path of an installation"
    )]
    NotInstalled {
        /// The name.
        name: RuntimeName,
    },
    /// The framework is named, and there is none of it at the path.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// Neither a name nor a path that holds a runtime.
    #[error(
        "'{text}' is no runtime: it is neither the name of one, such as pytorch-2.11.0, nor a path \
         that holds one; `cargo harness runtimes` lists the names, and a path is that of an installed \
         package, such as …/site-packages/torch"
    )]
    Unknown {
        /// What was given.
        text: String,
    },
}

/// The runtimes that `arguments` ask for, in their order, or all that are installed where there are
/// none. Each library of a runtime stands once.
///
/// An argument is the name of an installed runtime (`pytorch-2.11.0`), a path that holds one or
/// several (`…/site-packages`), or either of them behind its framework (`pytorch=/opt/torch`).
///
/// # Errors
/// The first argument that asks for something that is not there.
pub fn chosen(arguments: &[String], cache: &Cache) -> Result<Vec<Runtime>, RuntimeError> {
    if arguments.is_empty() {
        return Ok(in_order(cache.installed()));
    }
    let mut chosen: Vec<Runtime> = Vec::new();
    for argument in arguments {
        for runtime in of_argument(argument, cache)? {
            let library = &runtime.main_library;
            if chosen.iter().all(|known| known.main_library != *library) {
                chosen.push(runtime);
            }
        }
    }
    Ok(chosen)
}

/// The default of each framework comes first.
fn in_order(mut runtimes: Vec<Runtime>) -> Vec<Runtime> {
    let place = |runtime: &Runtime| {
        let listed = Catalog::builtin().entries().iter();
        listed
            .map(|entry| entry.name())
            .position(|name| name == runtime.name)
            .unwrap_or(usize::MAX)
    };
    runtimes.sort_by_key(|runtime| (runtime.name.framework, place(runtime)));
    runtimes
}

fn of_argument(text: &str, cache: &Cache) -> Result<Vec<Runtime>, RuntimeError> {
    let installed = |name: RuntimeName| {
        let found = cache.find(&name);
        Ok(vec![found.ok_or(RuntimeError::NotInstalled { name })?])
    };
    if let Ok(argument) = text.parse::<RuntimeArgument>() {
        return match argument {
            RuntimeArgument::Installed(name) => installed(name),
            RuntimeArgument::InPlace(framework, path) => {
                Ok(vec![Runtime::in_place(framework, &path)?])
            }
        };
    }
    if let Ok(name) = text.parse::<RuntimeName>() {
        return installed(name);
    }
    let path = Path::new(text);
    let found: Vec<Runtime> = Framework::ALL
        .into_iter()
        .filter_map(|framework| Runtime::in_place(framework, path).ok())
        .collect();
    if found.is_empty() {
        return Err(RuntimeError::Unknown {
            text: text.to_owned(),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(argument: &str) -> String {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let cache = Cache::at(folder.path()).expect("a cache");
        chosen(&[argument.to_owned()], &cache)
            .expect_err("nothing is installed")
            .to_string()
    }

    #[test]
    fn what_is_not_there_is_told_with_the_remedy() {
        let text = error("pytorch-2.11.0");
        assert!(text.contains("setup --runtime pytorch-2.11.0"), "{text}");
        let text = error("pytorch=2.11.0");
        assert!(text.contains("setup --runtime pytorch-2.11.0"), "{text}");
        let text = error("pytorch-two");
        assert!(text.contains("'pytorch-two' is no runtime"), "{text}");
        let text = error("tensorflow=/absent");
        assert!(text.contains("/absent"), "{text}");
    }

    #[test]
    fn a_folder_may_hold_several() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        for (file, content) in [
            ("torch/lib/libtorch_cpu.so", ""),
            ("torch/version.py", "__version__ = '2.11.0+cu130'\n"),
            ("onnxruntime/capi/libonnxruntime.so.1.32.0", ""),
        ] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("inside")).expect("folders");
            std::fs::write(path, content).expect("a file");
        }
        let cache = Cache::at(&folder.path().join("cache")).expect("a cache");
        let argument = folder.path().display().to_string();
        let found = chosen(&[argument.clone(), argument], &cache);
        let names: Vec<String> = found
            .expect("both")
            .iter()
            .map(|runtime| runtime.name.to_string())
            .collect();
        assert!(names.contains(&"pytorch-2.11.0".to_owned()), "{names:?}");
    }
}
