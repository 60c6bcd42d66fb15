//! What collides, and in which order the server gets it.

use runtimes::Framework;
use test_ops::{Model, PluginEntry, Sample};

use crate::arrangement::{Place, Route, Spelling};
use crate::making::{Definition, Draft, Made, SUBJECT};

/// The first library. The model [`SUBJECT`] is made for it and should be answered by it.
pub const FIRST: &str = "first";
/// The library that collides with it.
pub const OTHER: &str = "other";
/// The model beside the subject.
pub const SECOND: &str = "second";

/// What the first library adds to its results. The framework's own ops add nothing.
const FIRST_SIGNATURE: u8 = 1;
/// What the other library adds.
const OTHER_SIGNATURE: u8 = 2;

/// One arrangement in one order.
pub struct Arrangement {
    /// What is made of it where.
    pub definition: Definition,
    /// The other library comes first.
    pub reversed: bool,
    /// It stands for the suite where time is short.
    pub is_representative: bool,
    /// It can be had with the default runtime alone.
    pub only_default: bool,
}

/// The order in which the server gets the two libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first one first.
    Plain,
    /// The other one first.
    Reversed,
}

impl Order {
    /// What belongs to the first library and what belongs to the other, in this order.
    pub fn of<T>(self, first: T, other: T) -> [T; 2] {
        match self {
            Self::Plain => [first, other],
            Self::Reversed => [other, first],
        }
    }
}

impl Arrangement {
    /// An arrangement whose order does not matter.
    pub fn new(
        name: &'static str,
        description: &str,
        make: impl Fn(Draft) -> Made + 'static,
    ) -> Self {
        Self {
            definition: Definition::new(name, description, move |draft| {
                make(draft.conflict(name, false))
            }),
            reversed: false,
            is_representative: false,
            only_default: false,
        }
    }

    /// An arrangement in both orders.
    pub fn in_both_orders(
        name: &'static str,
        description: &str,
        make: impl Fn(Draft, Order) -> Made + Copy + 'static,
    ) -> [Self; 2] {
        let definition = Definition::new(
            format!("{name}-reversed"),
            format!("{description} The other one comes first."),
            move |draft| make(draft.conflict(name, true), Order::Reversed),
        );
        let plain = Self::new(name, description, move |draft| make(draft, Order::Plain));
        let reversed = Self {
            definition,
            reversed: true,
            is_representative: false,
            only_default: false,
        };
        [plain, reversed]
    }

    /// The same, as one that stands for the suite where time is short.
    pub fn representative(mut self) -> Self {
        self.is_representative = true;
        self
    }

    /// The same, with the default runtime of its framework alone.
    pub fn with_default_runtime(mut self) -> Self {
        self.only_default = true;
        self
    }
}

/// The first library's ops, all of the samples unless changed.
pub fn first(draft: &Draft) -> Sample {
    sample(draft, FIRST_SIGNATURE)
}

/// The other library's, the same with other results.
pub fn other(draft: &Draft) -> Sample {
    sample(draft, OTHER_SIGNATURE)
}

/// TensorRT's libraries that are given at launch register in a static initializer, as those do that
/// Triton preloads; a model's are loaded by the registry.
fn sample(draft: &Draft, signature: u8) -> Sample {
    let is_static = draft.framework() == Framework::TensorRt && draft.route().is_launch();
    let sample = Sample::default().with_signature(signature);
    if is_static {
        sample.with_plugin_entry(PluginEntry::StaticRegistrar)
    } else {
        sample
    }
}

/// Adds the two libraries to the case.
pub fn two_libraries(draft: Draft, first: Sample, other: Sample) -> Draft {
    draft
        .library(FIRST, first, Place::Root)
        .library(OTHER, other, Place::Root)
}

/// Adds a model that has `libraries` in this order on the case's route: its configuration lists
/// them, or the server is given them for all models. One that stands there twice is given twice.
pub fn with_libraries(draft: Draft, model: Model, libraries: &[&'static str]) -> Draft {
    if draft.route() == Route::ModelConfig {
        return draft.model_with(model, libraries);
    }
    libraries
        .iter()
        .fold(draft, |draft, &library| draft.given(library))
        .model(model, &[])
}

/// Adds the model [`SUBJECT`], a BiasGelu, with both libraries in this order, to be answered by the
/// first.
pub fn subject_with_both(draft: Draft, order: Order) -> Draft {
    let model = draft.bias_gelu(SUBJECT);
    with_libraries(draft, model, &order.of(FIRST, OTHER)).answered_by(FIRST)
}

/// Adds two models, each of which names its own library and should be answered by it.
pub fn model_for_each(draft: Draft, subject: Model, second: Model) -> Draft {
    draft
        .model(subject, &[(FIRST, Spelling::Absolute)])
        .answered_by(FIRST)
        .model(second, &[(OTHER, Spelling::Absolute)])
        .answered_by(OTHER)
}
