use std::path::Path;

use super::{BuildError, key::Key};
use crate::{Broken, Content, Sample};

/// How the libraries of one runtime are made.
pub(super) trait Assembly {
    /// Hash of what `content` is made from, but for `content` itself.
    fn key(&self, content: &Content) -> Result<Key, BuildError>;

    /// Makes what takes seconds and several libraries have in common, unless it is there already.
    fn prepare(&self, content: &Content) -> Result<(), BuildError>;

    /// Hash of what [`Assembly::prepare`] makes.
    fn foundation(&self, content: &Content) -> Result<String, BuildError>;

    /// Makes a sample library.
    fn sample(&self, sample: &Sample, product: &Path) -> Result<(), BuildError>;

    /// Makes a broken library of the kinds that are not made from a whole one: entry points,
    /// missing pieces, initializers.
    fn broken(&self, broken: Broken, product: &Path) -> Result<(), BuildError>;
}
