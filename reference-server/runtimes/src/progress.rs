//! What an installation reports while it runs.

/// A step of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another process installs the same runtime; its end is awaited.
    Waiting,
    /// pip downloads the packages.
    Downloading,
    /// The packages' hashes are compared with the pins.
    Verifying,
    /// The used files are taken out of the packages.
    Unpacking,
}

/// Receives the progress of an installation. Called from the thread that installs.
pub trait Progress {
    /// `done` of `total` bytes of `step` are done; `total` is 0 where it is not known.
    fn update(&self, step: Step, done: u64, total: u64);
}

/// Reports nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn update(&self, _: Step, _: u64, _: u64) {}
}
