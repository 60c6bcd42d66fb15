//! The GPU's own activity records, through CUPTI, NVIDIA's profiling interface.
//!
//! The crate `cudarc` has bindings for it, but finds the library by names of one version of CUDA only
//! and not by its path. The few functions that are used are declared in [`interface`], the records
//! read by [`record`], the library found by [`search`], and all of it put together by [`tracer`].

mod interface;
pub(super) mod record;
mod search;
mod tracer;

pub(super) use search::candidates;
pub(super) use tracer::{CuptiError, Tracer};
