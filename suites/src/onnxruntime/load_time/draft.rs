//! A case of this suite in the making, and what most of its cases are made of.

use runtimes::{Framework, RuntimeName};
use test_ops::{Content, DataType, Model, Op, ParameterSource, Sample};

use crate::arrangement::{Arrangement, Launch, LibraryFile, ModelFolder, Place, Spelling, Step};
use crate::case::{Case, LoadingPath, Need, Suite};
use crate::expectation::{Condition, Expectation, Isolation, Profile};
use crate::observation::{Outcome, Phase};

/// The model that a case is about.
pub const SUBJECT: &str = "subject";
/// The library that a case is about.
pub const OPS: &str = "ops";
/// A model, and its library, that have nothing to do with the trouble.
pub const HEALTHY: &str = "healthy";

/// Elements of a row in the cases' models.
const ROW: i64 = 64;
/// Signature of the healthy library: its content, and so its op set, is its own.
const HEALTHY_SIGNATURE: u8 = 7;

/// Isolations under which models with different libraries share a worker.
pub const TOGETHER: [Isolation; 2] = [Isolation::Shared, Isolation::Backend];

/// A case in the making.
#[derive(Clone, Debug)]
pub struct Draft {
    case: Case,
}

impl Draft {
    /// A case without files, steps and expectations.
    pub fn new(name: &str, description: &str) -> Self {
        let (suite, framework, path) = (
            Suite::LoadTime,
            Framework::OnnxRuntime,
            LoadingPath::ModelConfig,
        );
        Self {
            case: Case {
                id: format!("{suite}/{framework}/{path}/{name}"),
                suite,
                framework,
                path,
                description: description.to_owned(),
                arrangement: Arrangement::default(),
                expectations: Vec::new(),
                needs: Vec::new(),
            },
        }
    }

    /// Adds an op library file.
    pub fn library(
        mut self,
        name: &'static str,
        content: impl Into<Content>,
        place: Place,
    ) -> Self {
        let content = Some(content.into());
        self.case.arrangement.libraries.push(LibraryFile {
            name,
            content,
            place,
        });
        self
    }

    /// Adds an op library that is not there.
    pub fn missing_library(mut self, name: &'static str, place: Place) -> Self {
        self.case.arrangement.libraries.push(LibraryFile {
            name,
            content: None,
            place,
        });
        self
    }

    /// Adds a model that names these libraries.
    pub fn model(self, model: Model, libraries: &[(&'static str, Spelling)]) -> Self {
        self.models(1, model, libraries)
    }

    /// Adds several copies of a model.
    pub fn models(
        mut self,
        copies: usize,
        model: Model,
        libraries: &[(&'static str, Spelling)],
    ) -> Self {
        self.case.arrangement.models.push(ModelFolder {
            model,
            copies,
            libraries: libraries.to_vec(),
            parameters: Vec::new(),
        });
        self
    }

    /// Adds the model [`SUBJECT`] with the library [`OPS`], which lies in the allowed folder and is
    /// named by its absolute path.
    pub fn subject(self, content: impl Into<Content>) -> Self {
        self.library(OPS, content, Place::Root)
            .model(bias_gelu(SUBJECT), &[(OPS, Spelling::Absolute)])
    }

    /// Adds the model and the library [`HEALTHY`].
    pub fn healthy(self) -> Self {
        self.library(
            HEALTHY,
            Sample::default().with_signature(HEALTHY_SIGNATURE),
            Place::Root,
        )
        .model(bias_gelu(HEALTHY), &[(HEALTHY, Spelling::Absolute)])
    }

    /// Adds a parameter to the model that was added last.
    pub fn parameter(mut self, key: &'static str, value: impl Into<String>) -> Self {
        if let Some(model) = self.case.arrangement.models.last_mut() {
            model.parameters.push((key, value.into()));
        }
        self
    }

    /// Changes how the server is launched.
    pub fn launch(mut self, change: impl FnOnce(&mut Launch)) -> Self {
        change(&mut self.case.arrangement.launch);
        self
    }

    /// Appends steps.
    pub fn steps(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.case.arrangement.steps.extend(steps);
        self
    }

    /// Appends steps that must succeed after the observation.
    pub fn afterwards(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.case.arrangement.afterwards.extend(steps);
        self
    }

    /// The case needs this runtime.
    pub fn needs(mut self, runtime: RuntimeName) -> Self {
        self.case.needs.push(Need::Runtime(runtime));
        self
    }

    /// Expects this of the reference server, under these isolations only where some are given. Of
    /// several expectations the first that applies counts.
    pub fn expect(
        self,
        isolations: &[Isolation],
        outcome: Outcome,
        phase: Phase,
        message: &[&str],
    ) -> Self {
        self.expectation(isolations, outcome, phase, message, false)
    }

    /// As [`expect`](Self::expect), and not one request to the healthy model may fail.
    pub fn expect_undisturbed(
        self,
        isolations: &[Isolation],
        outcome: Outcome,
        phase: Phase,
        message: &[&str],
    ) -> Self {
        self.expectation(isolations, outcome, phase, message, true)
    }

    fn expectation(
        mut self,
        isolations: &[Isolation],
        outcome: Outcome,
        phase: Phase,
        message: &[&str],
        undisturbed: bool,
    ) -> Self {
        let when = Condition {
            profile: Profile::Reference,
            isolations: isolations.to_vec(),
            runtime: None,
        };
        let message = message.iter().map(|&text| text.to_owned()).collect();
        self.case.expectations.push(Expectation {
            when,
            outcome,
            phase,
            message,
            undisturbed,
        });
        self
    }

    /// The case.
    pub fn build(self) -> Case {
        self.case
    }
}

/// A model of one BiasGelu in fp32.
pub fn bias_gelu(name: &str) -> Model {
    model(name, Op::BiasGelu, DataType::Fp32)
}

/// A model of one op.
pub fn model(name: &str, op: Op, data_type: DataType) -> Model {
    Model::new(op, data_type, &[-1, ROW], ParameterSource::Input).with_name(name)
}
