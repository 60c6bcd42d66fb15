//! The checks, one module each. A check looks at one thing and returns what it finds.

pub(crate) mod architecture;
pub(crate) mod dependencies;
pub(crate) mod entry_point;
pub(crate) mod format;
pub(crate) mod object_type;
pub(crate) mod registration;
pub(crate) mod symbol_versions;
pub(crate) mod truncation;
pub(crate) mod undefined_symbols;
pub(crate) mod unloading;
