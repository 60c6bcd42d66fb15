//! Messages of the serving protocol and of the model configuration with Triton's public names and
//! field numbers, and the standard health service.
//!
//! The types in [`inference`] and [`health`] are generated at build time from the files in `proto/`;
//! [`descriptors`] gives the same declarations for reflection, which the text format and the JSON
//! form of the configuration are built on.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, MessageDescriptor};

/// Generated message types, server and client of package `inference`.
#[allow(
    missing_docs,
    reason = "generated; the fields are documented by their source"
)]
#[allow(clippy::all, reason = "generated")]
pub mod inference {
    include!(concat!(env!("OUT_DIR"), "/inference.rs"));
}

/// Generated message types, server and client of package `grpc.health.v1`.
#[allow(
    missing_docs,
    reason = "generated; the fields are documented by their source"
)]
#[allow(clippy::all, reason = "generated")]
pub mod health {
    include!(concat!(env!("OUT_DIR"), "/grpc.health.v1.rs"));
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
    fn the_services_have_the_public_names() {
        let services: Vec<String> = descriptors()
            .services()
            .map(|service| service.full_name().to_owned())
            .collect();
        assert_eq!(
            services,
            ["inference.GRPCInferenceService", "grpc.health.v1.Health"]
        );
        let service = descriptors().services().next().expect("there are two");
        let streaming: Vec<String> = service
            .methods()
            .filter(|method| method.is_client_streaming() || method.is_server_streaming())
            .map(|method| method.name().to_owned())
            .collect();
        assert_eq!(streaming, ["ModelStreamInfer"]);
        assert_eq!(service.methods().count(), 20);
    }

    #[test]
    fn field_numbers_of_a_request_are_the_public_ones() {
        for (message, fields) in [
            (
                "inference.ModelInferRequest",
                &[
                    (1, "model_name"),
                    (2, "model_version"),
                    (3, "id"),
                    (4, "parameters"),
                    (5, "inputs"),
                    (6, "outputs"),
                    (7, "raw_input_contents"),
                ][..],
            ),
            (
                "inference.ModelInferResponse",
                &[(5, "outputs"), (6, "raw_output_contents")],
            ),
            (
                "inference.ModelStatistics",
                &[(6, "inference_stats"), (9, "response_stats")],
            ),
        ] {
            let message = descriptors().get_message_by_name(message).expect(message);
            for (number, name) in fields {
                assert_eq!(message.get_field(*number).expect(name).name(), *name);
            }
        }
    }

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
