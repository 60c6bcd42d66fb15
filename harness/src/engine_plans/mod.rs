//! The TensorRT plans that cases and measurements run: which there are, and a model repository of
//! them. They are built by [`test_ops::PlanBuilder`].

mod repository;
mod wanted;

pub use repository::{RepositoryError, add};
pub use wanted::{Scope, WantedPlan, wanted};
