//! What collides, and in which order the server gets it.

use test_ops::{Model, Sample};

use crate::arrangement::{Place, Route, Spelling};
use crate::making::{Definition, Draft, Made, SUBJECT};

/// The first library. The model [`SUBJECT`] is made for it and should be answered by it.
pub const FIRST: &str = "first";
/// The library that collides with it.
pub const OTHER: &str = "other";
/// The model that is made for the other library.
pub const SECOND: &str = "second";

/// One arrangement in one order.
pub struct Arrangement {
    /// What is made of it where.
    pub definition: Definition,
    /// The other library comes first.
    pub reversed: bool,
    /// One of those that stand for the suite where time is short.
    pub is_representative: bool,
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
        }
    }

    /// An arrangement in both orders.
    pub fn in_both_orders(
        name: &'static str,
        description: &str,
        make: impl Fn(Draft, Order) -> Made + Copy + 'static,
    ) -> [Self; 2] {
        let reversed = Definition::new(
            format!("{name}-reversed"),
            format!("{description} The other library comes first."),
            move |draft| make(draft.conflict(name, true), Order::Reversed),
        );
        [
            Self::new(name, description, move |draft| make(draft, Order::Plain)),
            Self {
                definition: reversed,
                reversed: true,
                is_representative: false,
            },
        ]
    }

    /// The same, as one of those that stand for the suite where time is short.
    pub fn representative(mut self) -> Self {
        self.is_representative = true;
        self
    }
}

/// A sample library with this signature.
pub fn sample(signature: u8) -> Sample {
    Sample::default().with_signature(signature)
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

/// Adds two models, each of which names its library, to be loaded in this order.
pub fn two_models(draft: Draft, subject: Model, second: Model) -> Draft {
    draft
        .model(subject, &[(FIRST, Spelling::Absolute)])
        .answered_by(FIRST)
        .model(second, &[(OTHER, Spelling::Absolute)])
        .answered_by(OTHER)
}
