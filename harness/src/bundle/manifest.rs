//! What a bundle says about itself.

use jiff::Timestamp;
use runtimes::RuntimeName;
use serde::{Deserialize, Serialize};

/// What a bundle says about itself: the file `bundle.json` in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the harness in it.
    pub harness_version: String,
    /// The commit that it was made at.
    pub commit: Option<String>,
    /// When it was made.
    pub made: Timestamp,
    /// The cases that it was made for, as arguments of `harness run`.
    pub selection: Vec<String>,
    /// The runtimes in it.
    pub runtimes: Vec<RuntimeName>,
    /// The runtimes that the machine has to bring: their op libraries and bridges are in it.
    pub left_out: Vec<RuntimeName>,
    /// The oldest GNU C library that will do, such as `2.34`.
    pub c_library: Option<Needed>,
    /// The oldest major version of CUDA that the driver has to offer, where cases use a GPU.
    pub cuda: Option<Needed>,
}

/// What is needed of the machine, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needed {
    /// The version.
    pub version: String,
    /// The file in the bundle that needs it.
    pub file: String,
}
