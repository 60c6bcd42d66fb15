//! Which runtimes a server can choose from, and in which order.

use std::path::PathBuf;
use std::str::FromStr;

use crate::{Cache, Catalog, Framework, LocateError, ParseFrameworkError, Runtime, RuntimeName};

/// A `--runtime NAME|FRAMEWORK=PATH|FRAMEWORK=NAME` argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuntimeArgument {
    /// A runtime of the cache, by name.
    Installed(RuntimeName),
    /// A runtime on this machine, by path.
    InPlace(Framework, PathBuf),
}

impl RuntimeArgument {
    /// The framework it is about.
    pub const fn framework(&self) -> Framework {
        match self {
            Self::Installed(name) => name.framework,
            Self::InPlace(framework, _) => *framework,
        }
    }

    /// The runtime that is meant.
    ///
    /// # Errors
    /// It is not there.
    pub fn find(&self, cache: &Cache) -> Result<Runtime, SelectionError> {
        match self {
            Self::Installed(name) => cache
                .find(name)
                .ok_or_else(|| SelectionError::NotInstalled {
                    name: *name,
                    installed: cache.installed().iter().map(|other| other.name).collect(),
                    root: cache.root().to_owned(),
                }),
            Self::InPlace(framework, path) => Ok(Runtime::in_place(*framework, path)?),
        }
    }
}

impl FromStr for RuntimeArgument {
    type Err = ParseRuntimeArgumentError;

    /// Reads a runtime's name or `FRAMEWORK=VALUE`. A value of the form of a runtime's name, or a
    /// bare version, means the cache; anything else is a path (write `./1.32.0` for a folder of
    /// that name).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(name) = text.parse() {
            return Ok(Self::Installed(name));
        }
        let (framework, value) = text
            .split_once('=')
            .filter(|(_, value)| !value.is_empty())
            .ok_or_else(|| ParseRuntimeArgumentError::NoValue {
                text: text.to_owned(),
            })?;
        let framework: Framework = framework.parse()?;
        if let Ok(version) = value.parse() {
            return Ok(Self::Installed(RuntimeName::new(framework, version)));
        }
        match value.parse::<RuntimeName>() {
            Ok(name) if name.framework == framework => Ok(Self::Installed(name)),
            Ok(name) => Err(ParseRuntimeArgumentError::OtherFramework { framework, name }),
            Err(_) => Ok(Self::InPlace(framework, PathBuf::from(value))),
        }
    }
}

/// A text that is no `--runtime` argument.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseRuntimeArgumentError {
    /// It is no name, and there is no `=`, or nothing behind it.
    #[error(
        "'{text}' names no runtime: expected a name such as onnxruntime-1.32.0, or FRAMEWORK=PATH \
         such as onnxruntime=/opt/onnxruntime/lib"
    )]
    NoValue {
        /// What was given.
        text: String,
    },
    /// The part before `=` names no framework.
    #[error(transparent)]
    Framework(#[from] ParseFrameworkError),
    /// The name is one of another framework.
    #[error("{name} is not a runtime of {framework}; write {}={name}", name.framework)]
    OtherFramework {
        /// The framework before `=`.
        framework: Framework,
        /// The name behind it.
        name: RuntimeName,
    },
}

/// The runtimes of a server. The first of a framework is that framework's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeSet {
    runtimes: Vec<Runtime>,
}

impl RuntimeSet {
    /// Puts together the runtimes that `arguments` ask for, in their order, and behind them the
    /// other installed ones of `cache`: in the catalogue's order, then those that it does not list
    /// by descending version. Each name stands once.
    ///
    /// # Errors
    /// An argument asks for something that is not there, or two arguments bring two different
    /// libraries of one name.
    pub fn assemble(
        catalog: &Catalog,
        cache: &Cache,
        arguments: &[RuntimeArgument],
    ) -> Result<Self, SelectionError> {
        let installed = cache.installed();
        let mut set = Self::default();
        for argument in arguments {
            let runtime = argument.find(cache)?;
            match set.get(&runtime.name) {
                None => set.runtimes.push(runtime),
                Some(first) if first.main_library == runtime.main_library => {}
                Some(first) => {
                    return Err(SelectionError::TwoOfOneName {
                        name: runtime.name,
                        first: first.main_library.clone(),
                        second: runtime.main_library,
                    });
                }
            }
        }
        let listed = catalog.entries().iter().map(|entry| entry.name());
        let others = installed.iter().map(|runtime| runtime.name);
        for name in listed.chain(others) {
            if set.get(&name).is_none()
                && let Some(runtime) = installed.iter().find(|runtime| runtime.name == name)
            {
                set.runtimes.push(runtime.clone());
            }
        }
        Ok(set)
    }

    /// All runtimes, in order of preference within each framework.
    pub fn all(&self) -> &[Runtime] {
        &self.runtimes
    }

    /// The runtimes of one framework, the default first.
    pub fn of(&self, framework: Framework) -> impl Iterator<Item = &Runtime> {
        self.runtimes
            .iter()
            .filter(move |runtime| runtime.name.framework == framework)
    }

    /// The runtime that serves a model which names none.
    pub fn default_of(&self, framework: Framework) -> Option<&Runtime> {
        self.of(framework).next()
    }

    /// The runtime of that name.
    pub fn get(&self, name: &RuntimeName) -> Option<&Runtime> {
        self.runtimes.iter().find(|runtime| runtime.name == *name)
    }
}

/// Why the runtimes of a server cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// A name that is not installed.
    #[error(
        "{name} is not installed in '{}' ({}); install it with `cargo harness setup`, or give the path \
         of its library", root.display(), installed_names(installed)
    )]
    NotInstalled {
        /// The name.
        name: RuntimeName,
        /// What is installed.
        installed: Vec<RuntimeName>,
        /// The cache.
        root: PathBuf,
    },
    /// A path that holds no runtime.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// Two libraries of one name.
    #[error(
        "two runtimes are both {name}: '{}' and '{}'; give only one of them",
        first.display(), second.display()
    )]
    TwoOfOneName {
        /// The name.
        name: RuntimeName,
        /// The library of the first argument.
        first: PathBuf,
        /// The library of the second.
        second: PathBuf,
    },
}

fn installed_names(names: &[RuntimeName]) -> String {
    if names.is_empty() {
        return "nothing is".to_owned();
    }
    let names: Vec<String> = names.iter().map(RuntimeName::to_string).collect();
    format!("installed: {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<RuntimeArgument, String> {
        text.parse()
            .map_err(|error: ParseRuntimeArgumentError| error.to_string())
    }

    #[test]
    fn names_versions_and_paths_are_told_apart() {
        let installed = RuntimeArgument::Installed("onnxruntime-1.27.0".parse().expect("a name"));
        assert_eq!(
            parse("onnxruntime=onnxruntime-1.27.0"),
            Ok(installed.clone())
        );
        assert_eq!(parse("onnxruntime=1.27.0"), Ok(installed.clone()));
        assert_eq!(parse("onnxruntime-1.27.0"), Ok(installed));
        for path in ["/opt/ort", "./1.27.0", "onnxruntime-1.27.0/capi", "lib=odd"] {
            let argument = RuntimeArgument::InPlace(Framework::OnnxRuntime, path.into());
            assert_eq!(parse(&format!("onnxruntime={path}")), Ok(argument));
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let message = |text: &str| parse(text).unwrap_err();
        assert!(message("onnxruntime").contains("FRAMEWORK=PATH"));
        assert!(message("onnxruntime=").contains("FRAMEWORK=PATH"));
        assert!(message("onnx=/opt").contains("valid are: onnxruntime"));
        assert!(message("onnxruntime=pytorch-2.11.0").contains("write pytorch=pytorch-2.11.0"));
    }

    proptest! {
        #[test]
        fn any_argument_is_read_or_refused(text in "(onnxruntime|pytorch)?=?\\PC{0,20}") {
            if let Ok(argument) = text.parse::<RuntimeArgument>() {
                prop_assert!(text.starts_with(argument.framework().name()));
            }
        }
    }
}
