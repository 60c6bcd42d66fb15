//! What is measured of a server, and how each of it is arranged.
//!
//! An [`Experiment`] is data with an id; [`conduct`] makes the arrangement and gives it to the
//! measuring engine. Servers are driven as separate processes over their public interfaces, with
//! the sample op library and generated models.

mod experiment;
mod kernel;
mod op_time;
mod plan;
mod quiet;
mod serving;
mod startup;
mod testbed;

pub use experiment::{Experiment, Tensor, experiments, measurable, part_of};
pub use kernel::{KernelCase, Place, Quantity, RequestCase};
pub use plan::{Event, Measured, Plan, conduct};
pub use quiet::machine_warnings;
pub use testbed::Testbed;
