//! The three ways in which a library and a runtime can stand to each other.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::case::named;

named! {
    /// What a worker of a runtime that gets an op library ends up with.
    Fit {
        /// The library's ops are there.
        Registers = "registers",
        /// The library is loaded, and none of its ops is there.
        RegistersNothing = "registers-nothing",
        /// The library cannot be loaded, or ends the worker.
        Fails = "fails",
    }
}
