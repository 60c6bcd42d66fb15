//! Kernels, timed in process: without a server, by the server's sub-command `measure`.
//!
//! A [`KernelCase`] is an op on a tensor at a place, a [`Quantity`] what of it is measured. The
//! [`processes`] execute the models, on made-up [`data`] whose answers are compared with the reference
//! maths before anything is timed; a [`subject`] is what the measuring engine sees.

mod case;
mod data;
mod processes;
mod subject;

pub use case::{KernelCase, Place, Quantity, RequestCase, cases, requests};
pub use processes::{CannotUseGpu, Processes};
pub use subject::{Circumstances, measure_kernel};
