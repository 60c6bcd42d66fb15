//! Cases in the making, for all suites: a [`definition`] says once what is arranged and what should
//! come of it, and makes a [`Case`](crate::Case) of that for each framework and route where it makes
//! sense, by way of a [`draft`]; where it makes none, it says why ([`absence`]). A table of
//! all that stands in the package's README.

pub(crate) mod absence;
mod definition;
mod draft;
mod ready;
#[cfg(test)]
pub(crate) mod soundness;
#[cfg(test)]
pub(crate) mod table;
mod triton;

pub(crate) use definition::{Absence, Definition, Made, Scene};
pub(crate) use draft::{APART, Draft, HEALTHY, OPS, SUBJECT, TOGETHER, VENDOR_DOMAIN};
pub(crate) use ready::{maximum_spanning_tree, negative_and_positive, non_maximum_suppression};
