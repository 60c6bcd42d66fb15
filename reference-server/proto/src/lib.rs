//! Model configuration messages with Triton's public names and field numbers.
//!
//! The types in [`inference`] are generated at build time from `proto/model_config.proto`;
//! [`descriptors`] gives the same declarations for reflection, which the text format and the JSON
//! form are built on.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, MessageDescriptor};

/// Generated message types of package `inference`.
#[allow(
    missing_docs,
    reason = "generated; the fields are documented by their source"
)]
#[allow(clippy::all, reason = "generated")]
pub mod inference {
    include!(concat!(env!("OUT_DIR"), "/inference.rs"));
}

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(&include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"))[..])
        .expect("the build script wrote a valid descriptor set")
});

/// Descriptors of every message and enum declared by this package.
pub fn descriptors() -> &'static DescriptorPool {
    &POOL
}

/// Descriptor of `inference.ModelConfig`.
pub fn model_config_descriptor() -> MessageDescriptor {
    POOL.get_message_by_name("inference.ModelConfig")
        .expect("model_config.proto declares ModelConfig")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_numbers_are_the_public_ones() {
        let config = model_config_descriptor();
        for (number, name) in [
            (1, "name"),
            (2, "platform"),
            (3, "version_policy"),
            (4, "max_batch_size"),
            (5, "input"),
            (6, "output"),
            (7, "instance_group"),
            (8, "default_model_filename"),
            (11, "dynamic_batching"),
            (14, "parameters"),
            (17, "backend"),
            (18, "model_operations"),
            (25, "runtime"),
        ] {
            assert_eq!(config.get_field(number).expect(name).name(), name);
        }
    }
}
