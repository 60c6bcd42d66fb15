//! The checks, one module each. A check looks at one thing and returns what it finds.

pub(crate) mod api_level;
pub(crate) mod architecture;
pub(crate) mod dependencies;
pub(crate) mod entry_point;
pub(crate) mod executable_stack;
pub(crate) mod format;
pub(crate) mod gpu_code;
pub(crate) mod instruction_set;
pub(crate) mod layout_change;
pub(crate) mod mapping;
pub(crate) mod object_type;
pub(crate) mod registration;
pub(crate) mod schema;
pub(crate) mod search_path;
pub(crate) mod second_copy;
pub(crate) mod static_tls;
pub(crate) mod symbol_versions;
pub(crate) mod text_relocations;
pub(crate) mod truncation;
pub(crate) mod undefined_symbols;
pub(crate) mod unloading;
