//! Which installed runtime serves a model.

use op_library::Verdict;
use runtimes::{Framework, Runtime, RuntimeName};

use super::hosting::Hosting;
use super::op_set::OpSet;
use super::options::RuntimeSelect;
use crate::worker::backend::LoadError;

/// A model that needs a runtime.
#[derive(Clone, Copy)]
pub struct RuntimeChoice<'a> {
    /// What there is.
    pub hosting: &'a Hosting,
    /// What the server does where the default does not fit.
    pub select: RuntimeSelect,
    /// The model's name.
    pub model: &'a str,
    /// Its framework.
    pub framework: Framework,
    /// The runtime that its configuration names.
    pub named: Option<RuntimeName>,
    /// The op libraries that it sees.
    pub set: &'a OpSet,
}

/// A runtime, and why it is not the one that the model would get by default.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The runtime.
    pub runtime: Runtime,
    /// Completes "… because "; `None` for the default and for one that the model names.
    pub because: Option<String>,
}

impl<'a> RuntimeChoice<'a> {
    /// The runtime to begin with, as far as the op libraries' files tell.
    ///
    /// # Errors
    /// No runtime is installed, or none that may be chosen fits.
    pub fn first(&self) -> Result<Choice, String> {
        let (preferred, because) = match &self.named {
            Some(name) => (self.named_runtime(name)?, None),
            None => self.hosting.default_of(self.framework).ok_or_else(|| {
                format!(
                    "no runtime of {0} is installed, and model '{1}' needs one; install one with \
                     `cargo harness setup`, or give one with --runtime {0}=PATH",
                    self.framework, self.model
                )
            })?,
        };
        let Some((library, verdict)) = self.set.refusal(preferred) else {
            return Ok(Choice {
                runtime: preferred.clone(),
                because,
            });
        };
        let mut others = self.hosting.runtimes().of(self.framework);
        let fitting = others.find(|other| self.set.refusal(other).is_none());
        match fitting {
            Some(other) if self.may_change() => Ok(Choice {
                runtime: other.clone(),
                because: Some(format!(
                    "its op library '{}' does not fit {}: {verdict}",
                    library.path.display(),
                    preferred.name
                )),
            }),
            fitting => {
                let mut text = format!(
                    "failed to load op library '{}' with {}: {}",
                    library.path.display(),
                    preferred.name,
                    told(&verdict)
                );
                if let Some(other) = fitting {
                    text += &format!(
                        "; {} is installed and fits: {}",
                        other.name,
                        self.how_to_choose(other)
                    );
                }
                Err(text)
            }
        }
    }

    /// The runtime to try after the last of `tried` failed with `error`, where one may do better.
    pub fn after(&self, tried: &[RuntimeName], error: &LoadError) -> Option<Choice> {
        let last = tried.last()?;
        let may_change = self.may_change();
        if let Some(refused) = error.refused_api {
            let other = self.offering(refused.requested, tried)?;
            return may_change.then(|| Choice {
                runtime: other.clone(),
                because: Some(format!(
                    "an op library of it asks for API level {}, and {last} offers levels up to {}",
                    refused.requested, refused.offered
                )),
            });
        }
        // A library that failed may take its worker along, so only a worker of its own is risked.
        let library = error.library.as_ref()?;
        if !may_change || !self.hosting.isolation().separates_op_sets() {
            return None;
        }
        let mut untried = self.untried(tried);
        Some(Choice {
            runtime: untried
                .find(|other| self.set.refusal(other).is_none())?
                .clone(),
            because: Some(format!(
                "its op library '{}' did not load with {last}: {}",
                library.display(),
                error.message
            )),
        })
    }

    /// What could be done about `error` with another runtime that may not be chosen here.
    pub fn hint(&self, tried: &[RuntimeName], error: &LoadError) -> Option<String> {
        let refused = error.refused_api?;
        let other = self.offering(refused.requested, tried)?;
        Some(format!(
            "{} is installed and offers level {}: {}",
            other.name,
            refused.requested,
            self.how_to_choose(other)
        ))
    }

    /// Whether another runtime than the preferred one may serve the model.
    fn may_change(&self) -> bool {
        self.named.is_none() && self.select == RuntimeSelect::Auto
    }

    fn untried(&self, tried: &[RuntimeName]) -> impl Iterator<Item = &'a Runtime> {
        let runtimes = self.hosting.runtimes().of(self.framework);
        runtimes.filter(|runtime| !tried.contains(&runtime.name))
    }

    /// A runtime that offers an API level, that the op libraries' files do not rule out, and that
    /// was not tried yet.
    fn offering(&self, level: u32, tried: &[RuntimeName]) -> Option<&'a Runtime> {
        self.untried(tried).find(|other| {
            let offered = self.framework.api_level(&other.name.version);
            offered.is_some_and(|offered| offered >= level) && self.set.refusal(other).is_none()
        })
    }

    /// What to do for `runtime` to serve the model.
    fn how_to_choose(&self, runtime: &Runtime) -> String {
        let name = runtime.name;
        let by_model = format!(
            "name it in the model's configuration (parameters {{ key: \"runtime\" value {{ \
             string_value: \"{name}\" }} }})"
        );
        if self.named.is_none() {
            format!("{by_model}, or start the server with --runtime-select auto")
        } else {
            by_model
        }
    }

    fn named_runtime(&self, name: &RuntimeName) -> Result<&'a Runtime, String> {
        let runtimes = self.hosting.runtimes();
        runtimes.get(name).ok_or_else(|| {
            let installed = runtimes.of(self.framework);
            let installed: Vec<String> =
                installed.map(|runtime| runtime.name.to_string()).collect();
            format!(
                "the model configuration names runtime '{name}', which is not installed; installed \
                 for {}: {}; install it with `cargo harness setup --runtime {name}`, or name one of those",
                self.framework,
                if installed.is_empty() {
                    "none".to_owned()
                } else {
                    installed.join(", ")
                }
            )
        })
    }
}

/// Reason and remedy of a verdict that refuses.
pub fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Fails { reason, remedy } => format!("{reason}; {remedy}"),
        other => other.to_string(),
    }
}
