//! A case in the making, and what most cases are made of.

use runtimes::{Catalog, Framework, RuntimeName, Size};
use test_ops::{Content, DataType, Model, Op, ParameterSource, Sample, spelling};

use super::{Absence, Made, Scene};
use crate::arrangement::{
    Arrangement, ControlMode, Launch, LaunchLibrary, LibraryFile, ModelFolder, Place, PlanFile,
    ReadyModel, Route, Spelling, Step,
};
use crate::case::{Case, Conflict, Need, Suite};
use crate::compatibility::{Claim, Fit};
use crate::expectation::{Condition, Expectation, Isolation, Profile};
use crate::observation::{Outcome, Phase};
use crate::version_mismatch::PublishedLibrary;

/// The model that a case is about.
pub const SUBJECT: &str = "subject";
/// The library that a case is about.
pub const OPS: &str = "ops";
/// A model, and its library, that have nothing to do with the trouble.
pub const HEALTHY: &str = "healthy";
/// The domain of the healthy model's ops, so that they collide with no others.
const HEALTHY_DOMAIN: &str = "healthy.ops";
/// A domain beside the one of the samples.
pub const VENDOR_DOMAIN: &str = "vendor.ops";

/// Elements of a row in the cases' models.
const ROW: i64 = 64;
/// Signature of the healthy library: its content, and so its op set, is its own.
const HEALTHY_SIGNATURE: u8 = 7;

/// Isolations under which models with different libraries share a worker.
pub const TOGETHER: [Isolation; 2] = [Isolation::Shared, Isolation::Backend];
/// Isolations under which they do not.
pub const APART: [Isolation; 2] = [Isolation::OpSet, Isolation::Model];

/// A case in the making.
#[derive(Clone, Debug)]
pub struct Draft {
    scene: Scene,
    case: Case,
}

impl Draft {
    /// A case without files, steps and expectations.
    pub fn new(suite: Suite, scene: Scene, name: &str, description: &str) -> Self {
        let (framework, path) = (scene.framework, scene.route.path());
        let form = if scene.route == Route::Flag {
            "-by-flag"
        } else {
            ""
        };
        Self {
            scene,
            case: Case {
                id: format!("{suite}/{framework}/{path}/{name}{form}"),
                suite,
                framework,
                path,
                description: description.to_owned(),
                representative: false,
                isolation: None,
                conflict: None,
                arrangement: Arrangement::default(),
                expectations: Vec::new(),
                needs: Vec::new(),
            },
        }
    }

    /// Whether the case stands for the suite where time is short.
    pub fn representative(mut self, representative: bool) -> Self {
        self.case.representative = representative;
        self
    }

    /// The framework.
    pub fn framework(&self) -> Framework {
        self.scene.framework
    }

    /// How the library reaches the server.
    pub fn route(&self) -> Route {
        self.scene.route
    }

    /// Whether it has a model of that name so far.
    pub fn has_model(&self, name: &str) -> bool {
        let mut models = self.case.arrangement.models.iter();
        models.any(|folder| folder.model.name == name)
    }

    /// Whether the framework's libraries are closed in a worker that lives on.
    pub fn closes_libraries(&self) -> bool {
        match self.framework() {
            Framework::OnnxRuntime | Framework::TensorRt => true,
            Framework::PyTorch | Framework::TensorFlow => false,
        }
    }

    /// Ends the making with `reason` where `condition` does not hold.
    ///
    /// # Errors
    /// The reason.
    pub fn only(self, condition: bool, reason: &'static str) -> Made {
        if condition {
            Ok(self)
        } else {
            Err(Absence(reason))
        }
    }

    /// Ends the making with `reason` for other frameworks than ONNX Runtime.
    ///
    /// # Errors
    /// The reason.
    pub fn only_onnxruntime(self, reason: &'static str) -> Made {
        let condition = self.framework() == Framework::OnnxRuntime;
        self.only(condition, reason)
    }

    /// Ends the making with `reason` where the library is given at launch.
    ///
    /// # Errors
    /// The reason.
    pub fn only_model_config(self, reason: &'static str) -> Made {
        let condition = self.route() == Route::ModelConfig;
        self.only(condition, reason)
    }

    /// Ends the making with `reason` where the library is named by a model.
    ///
    /// # Errors
    /// The reason.
    pub fn only_launch(self, reason: &'static str) -> Made {
        let condition = self.route().is_launch();
        self.only(condition, reason)
    }

    /// A model of one BiasGelu in fp32.
    pub fn bias_gelu(&self, name: &str) -> Model {
        self.model_of(name, Op::BiasGelu, DataType::Fp32)
    }

    /// A model of one op.
    pub fn model_of(&self, name: &str, op: Op, data_type: DataType) -> Model {
        model(self.framework(), name, op, data_type)
    }

    /// The op as this framework spells it, in the domain of the samples.
    pub fn op_name(&self, domain: &str, op: Op) -> String {
        spelling::op(self.framework(), domain, op)
    }

    /// Adds an op library file.
    pub fn library(self, name: &'static str, content: impl Into<Content>, place: Place) -> Self {
        let framework = self.framework();
        self.file(framework, name, Some(content.into()), place)
    }

    /// Adds an op library that is not there.
    pub fn missing_library(self, name: &'static str, place: Place) -> Self {
        let framework = self.framework();
        self.file(framework, name, None, place)
    }

    /// Adds an op library where its package was installed.
    pub fn package(self, name: &'static str, library: &'static PublishedLibrary) -> Self {
        let framework = self.framework();
        self.file(framework, name, None, Place::Package(library))
    }

    /// Adds an op library that comes with the runtime, under the first of these names that it has.
    pub fn library_of_runtime(self, name: &'static str, files: &'static [&'static str]) -> Self {
        let framework = self.framework();
        self.file(framework, name, None, Place::OfRuntime(files))
    }

    fn file(
        mut self,
        framework: Framework,
        name: &'static str,
        content: Option<Content>,
        place: Place,
    ) -> Self {
        self.case.arrangement.libraries.push(LibraryFile {
            name,
            framework,
            content,
            built_for: None,
            place,
        });
        self
    }

    /// The library that was added last is built against `runtime`.
    pub fn built_for(mut self, runtime: RuntimeName) -> Self {
        if let Some(library) = self.case.arrangement.libraries.last_mut() {
            library.built_for = Some(runtime);
        }
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
            ready: None,
            plan: None,
            gpu: None,
            copies,
            libraries: libraries.to_vec(),
            borrowed: Vec::new(),
            answered_by: None,
            parameters: Vec::new(),
        });
        self
    }

    /// Adds a model that gets these libraries on the case's route: its configuration names them,
    /// or the server is given them at launch.
    pub fn model_with(mut self, model: Model, libraries: &[&'static str]) -> Self {
        let route = self.route();
        if route == Route::ModelConfig {
            let named: Vec<_> = libraries
                .iter()
                .map(|&library| (library, Spelling::Absolute))
                .collect();
            return self.model(model, &named);
        }
        for &library in libraries {
            self = self.launch_library(library, Spelling::Absolute);
        }
        self.model(model, &[])
    }

    /// Gives the server a library at launch, on the case's route, unless it has it already.
    pub fn launch_library(self, name: &'static str, spelling: Spelling) -> Self {
        let given = &self.case.arrangement.launch.libraries;
        if given.iter().any(|library| library.name == name) {
            return self;
        }
        let route = self.route();
        self.given_on(route, name, spelling)
    }

    /// Gives the server a library at launch, on the case's route, also where it has it already.
    pub fn given(self, name: &'static str) -> Self {
        let route = self.route();
        self.given_on(route, name, Spelling::Absolute)
    }

    /// Gives the server a library at launch, on `route`.
    pub fn given_on(mut self, route: Route, name: &'static str, spelling: Spelling) -> Self {
        let launch = &mut self.case.arrangement.launch;
        launch.libraries.push(LaunchLibrary {
            name,
            route,
            spelling,
        });
        launch.library_path |= route == Route::Environment;
        self
    }

    /// Adds the model [`SUBJECT`] with the library [`OPS`], which lies in the allowed folder and is
    /// named by its absolute path.
    pub fn subject(self, content: impl Into<Content>) -> Self {
        let model = self.bias_gelu(SUBJECT);
        self.library(OPS, content, Place::Root)
            .model_with(model, &[OPS])
    }

    /// Adds the model and the library [`HEALTHY`]: of the same framework where the case's library
    /// belongs to a model, of ONNX Runtime where all models of the framework have it, or where the
    /// framework needs a GPU to serve anything.
    pub fn healthy(self) -> Self {
        let framework = match self.scene {
            Scene {
                framework: Framework::TensorRt,
                ..
            } => Framework::OnnxRuntime,
            Scene {
                route: Route::ModelConfig,
                framework,
            } => framework,
            Scene { .. } => Framework::OnnxRuntime,
        };
        let sample = Sample::default()
            .with_domain(HEALTHY_DOMAIN)
            .with_signature(HEALTHY_SIGNATURE);
        let model =
            model(framework, HEALTHY, Op::BiasGelu, DataType::Fp32).with_domains(&[HEALTHY_DOMAIN]);
        self.file(framework, HEALTHY, Some(sample.into()), Place::Root)
            .model(model, &[(HEALTHY, Spelling::Absolute)])
    }

    /// What the model that was added last is, but for its name and its format.
    pub fn ready(mut self, ready: ReadyModel) -> Self {
        if let Some(model) = self.case.arrangement.models.last_mut() {
            model.ready = Some(ready);
        }
        self
    }

    /// The case is about `runtime`, which its id tells, whatever the run is made with. Libraries do
    /// not meet.
    pub fn on_runtime(mut self, runtime: RuntimeName) -> Self {
        self.case.id += &format!("@{}", runtime.version);
        self.case.isolation = Some(Isolation::OpSet);
        self.case.arrangement.launch.default_runtime = Some(runtime);
        self.needs(Need::Runtime(runtime))
    }

    /// Inspector and trial must say this of the library [`OPS`] in the case's default runtime.
    pub fn claims(mut self, fit: Fit) -> Self {
        self.case.arrangement.claim = Some(Claim { library: OPS, fit });
        self
    }

    /// What is in the plan of the model that was added last.
    pub fn plan_file(mut self, file: PlanFile) -> Self {
        if let Some(model) = self.case.arrangement.models.last_mut() {
            model.plan = Some(file);
        }
        self
    }

    /// The model that was added last has its instance on the GPU of this number.
    pub fn on_gpu(mut self, number: u32) -> Self {
        if let Some(model) = self.case.arrangement.models.last_mut() {
            model.gpu = Some(number);
        }
        self
    }

    /// That model has its instance on the GPU of this number.
    pub fn model_on_gpu(mut self, name: &str, number: u32) -> Self {
        let models = self.case.arrangement.models.iter_mut();
        for folder in models.filter(|folder| folder.model.name == name) {
            folder.gpu = Some(number);
        }
        self
    }

    /// The library answers requests to the model that was added last, which does not name it.
    pub fn borrows(mut self, library: &'static str) -> Self {
        if let Some(model) = self.case.arrangement.models.last_mut() {
            model.borrowed.push(library);
        }
        self
    }

    /// Of the libraries that the model which was added last has, this one should answer it.
    pub fn answered_by(mut self, library: &'static str) -> Self {
        if let Some(model) = self.case.arrangement.models.last_mut() {
            model.answered_by = Some(library);
        }
        self
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

    /// All models are loaded at start.
    pub fn loads_at_start(self) -> Self {
        self.launch(|launch| launch.control_mode = ControlMode::None)
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

    /// The case needs this.
    pub fn needs(mut self, need: Need) -> Self {
        self.case.needs.push(need);
        self
    }

    /// The case needs these runtimes.
    pub fn needs_runtimes(self, runtimes: impl IntoIterator<Item = RuntimeName>) -> Self {
        runtimes
            .into_iter()
            .fold(self, |draft, runtime| draft.needs(Need::Runtime(runtime)))
    }

    /// The case runs ops of its framework. In TensorRT that takes a GPU, and the builder of plans,
    /// which comes with the full size.
    pub fn runs_ops(self) -> Self {
        if self.framework() != Framework::TensorRt || self.case.needs.contains(&Need::Gpu) {
            return self;
        }
        let builder = Catalog::builtin()
            .default_of(Framework::TensorRt)
            .map(|entry| Need::FullRuntime(entry.name()));
        builder.into_iter().fold(self.needs(Need::Gpu), Self::needs)
    }

    /// As [`runs_ops`](Self::runs_ops), on a GPU in every framework.
    pub fn runs_on_gpu(self) -> Self {
        let framework = self.framework();
        let draft = self.runs_ops();
        let needs_gpu = !draft.case.needs.contains(&Need::Gpu);
        let draft = if needs_gpu {
            draft.needs(Need::Gpu)
        } else {
            draft
        };
        draft.needs(Need::RuntimeForGpus(framework))
    }

    /// The model is served, under every isolation.
    pub fn expect_served(self, phase: Phase) -> Self {
        self.runs_ops().expect(&[], Outcome::Served, phase, &[])
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
        self.expectation(
            Profile::Reference,
            isolations,
            (outcome, phase),
            message,
            false,
        )
    }

    /// As [`expect`](Self::expect), and not one request to the healthy model may fail.
    pub fn expect_undisturbed(
        self,
        isolations: &[Isolation],
        outcome: Outcome,
        phase: Phase,
        message: &[&str],
    ) -> Self {
        self.expectation(
            Profile::Reference,
            isolations,
            (outcome, phase),
            message,
            true,
        )
    }

    /// Adds an expectation.
    pub(super) fn expectation(
        mut self,
        profile: Profile,
        isolations: &[Isolation],
        (outcome, phase): (Outcome, Phase),
        message: &[&str],
        undisturbed: bool,
    ) -> Self {
        let when = Condition {
            profile,
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

    /// The case is about what collides in `arrangement`.
    pub fn conflict(mut self, arrangement: &str, reversed: bool) -> Self {
        self.case.conflict = Some(Conflict {
            arrangement: arrangement.to_owned(),
            reversed,
            by_flag: self.scene.route == Route::Flag,
        });
        self
    }

    /// The case is about this policy and this runtime, whatever the run is made with; its id tells
    /// both.
    pub fn under(mut self, isolation: Isolation, runtime: RuntimeName) -> Self {
        self.case.id += &format!("@{isolation}");
        let mut draft = self.on_runtime(runtime);
        draft.case.isolation = Some(isolation);
        if draft.has_files_of_full(runtime) {
            draft.needs(Need::FullRuntime(runtime))
        } else {
            draft
        }
    }

    /// Whether the case uses a file of `runtime` that comes with its full size alone.
    fn has_files_of_full(&self, runtime: RuntimeName) -> bool {
        let Some(entry) = Catalog::builtin().get(&runtime) else {
            return false;
        };
        let files = self.case.arrangement.libraries.iter();
        files
            .filter_map(|file| match file.place {
                Place::OfRuntime(names) => names.iter().find_map(|name| entry.size_with(name)),
                _ => None,
            })
            .any(|size| size == Size::Full)
    }

    /// The expectation that was added last counts for runtimes in this range of versions only, as
    /// Cargo writes one.
    ///
    /// # Panics
    /// When it is none.
    pub fn on_versions(mut self, range: &str) -> Self {
        if let Some(expectation) = self.case.expectations.last_mut() {
            expectation.when.runtime = Some(range.parse().expect("a range of versions"));
        }
        self
    }

    /// The case.
    pub fn build(self) -> Case {
        self.case
    }
}

fn model(framework: Framework, name: &str, op: Op, data_type: DataType) -> Model {
    Model::new(op, data_type, &[-1, ROW], ParameterSource::Input)
        .with_name(name)
        .in_format(framework)
}
