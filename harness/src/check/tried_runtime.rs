//! A runtime in which libraries are tried.

use runtimes::{Origin, Runtime};

/// A runtime, with what it is called and how a server is told of it.
#[derive(Debug, Clone)]
pub struct TriedRuntime {
    /// What the report calls it: its name, with a number where several have that.
    pub label: String,
    /// Where it is.
    pub runtime: Runtime,
}

/// `runtimes` in their order.
pub fn tried_runtimes(runtimes: Vec<Runtime>) -> Vec<TriedRuntime> {
    let mut tried: Vec<TriedRuntime> = Vec::new();
    for runtime in runtimes {
        let name = runtime.name;
        let namesakes = tried.iter().filter(|other| other.runtime.name == name);
        let label = match namesakes.count() {
            0 => name.to_string(),
            others => format!("{name}-{}", others + 1),
        };
        tried.push(TriedRuntime { label, runtime });
    }
    tried
}

impl TriedRuntime {
    /// The value of the option `--runtime` of a server and of this harness: `FRAMEWORK=NAME`, or
    /// `FRAMEWORK=PATH` for one that is used in place.
    pub fn argument(&self) -> String {
        let Runtime {
            name,
            main_library,
            origin,
            ..
        } = &self.runtime;
        match origin {
            Origin::Cache => format!("{}={name}", name.framework),
            Origin::InPlace => format!("{}={}", name.framework, main_library.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use runtimes::{Cache, Framework, RuntimeArgument};

    use super::*;

    #[test]
    fn namesakes_are_told_apart_and_found_by_their_places() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let place = |name: &str| {
            let library = folder.path().join(name).join("libonnxruntime.so.1.32.0");
            let parent = library.parent().expect("a folder");
            std::fs::create_dir_all(parent).expect("a folder");
            std::fs::write(&library, "\0OrtGetApiBase\0").expect("a file");
            Runtime::in_place(Framework::OnnxRuntime, parent).expect("a runtime")
        };
        let cache = Cache::at(&folder.path().join("cache")).expect("a cache");
        let tried = tried_runtimes(vec![place("one"), place("two")]);
        let labels: Vec<&str> = tried.iter().map(|tried| tried.label.as_str()).collect();
        assert_eq!(labels, ["onnxruntime-1.32.0", "onnxruntime-1.32.0-2"]);
        for tried in tried {
            let argument: RuntimeArgument = tried.argument().parse().expect("an argument");
            let found = argument.find(&cache).expect("it is found again");
            assert_eq!(found.main_library, tried.runtime.main_library);
        }
    }
}
