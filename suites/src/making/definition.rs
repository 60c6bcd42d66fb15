//! A case of a suite before it has a framework and a route: the same shape for all of them.

use runtimes::Framework;

use super::draft::Draft;
use crate::arrangement::Route;
use crate::case::Suite;

/// Where a case takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Whose op library it is about.
    pub framework: Framework,
    /// How the library reaches the server.
    pub route: Route,
}

/// Why there is no such case somewhere, as a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Absence(pub &'static str);

/// A case, or why there is none.
pub type Made = Result<Draft, Absence>;

/// One case, to be made for any framework and route.
pub struct Definition {
    /// Its name: the last part of the id.
    pub name: String,
    /// One sentence: what is arranged and what should come of it.
    pub description: String,
    representative: bool,
    make: Box<dyn Fn(Draft) -> Made>,
}

impl Definition {
    /// A case that `make` makes of an empty draft.
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        make: impl Fn(Draft) -> Made + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            representative: false,
            make: Box::new(make),
        }
    }

    /// The same, as one of those that stand for the suite where time is short.
    pub fn representative(mut self) -> Self {
        self.representative = true;
        self
    }

    /// The case in `scene`, as one of `suite`.
    ///
    /// # Errors
    /// Why there is none.
    pub fn at(&self, suite: Suite, scene: Scene) -> Made {
        let draft = Draft::new(suite, scene, &self.name, &self.description);
        (self.make)(draft.representative(self.representative))
    }
}
