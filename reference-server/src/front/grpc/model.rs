//! What the server and a model tell about themselves, as messages.

use std::collections::BTreeMap;

use proto::inference::model_metadata_response::TensorMetadata;
use proto::inference::{
    InferBatchStatistics, InferStatistics, MemoryUsage, ModelMetadataResponse, ModelStatistics,
    ServerMetadataResponse, StatisticDuration,
};

use crate::protocol::{metadata, statistics};

/// The version that a message names; an empty one names none.
pub fn version(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// What the server tells about itself.
pub fn server_metadata(told: metadata::ServerMetadata) -> ServerMetadataResponse {
    ServerMetadataResponse {
        name: told.name,
        version: told.version,
        extensions: told.extensions,
    }
}

/// What a model tells about itself.
pub fn model_metadata(told: metadata::ModelMetadata) -> ModelMetadataResponse {
    let tensors = |tensors: Vec<metadata::TensorMetadata>| {
        tensors
            .into_iter()
            .map(|tensor| TensorMetadata {
                name: tensor.name,
                datatype: tensor.datatype.name().to_owned(),
                shape: tensor.shape.to_vec(),
            })
            .collect()
    };
    ModelMetadataResponse {
        name: told.name,
        versions: told.versions,
        platform: told.platform,
        inputs: tensors(told.inputs),
        outputs: tensors(told.outputs),
    }
}

/// The statistics of a model version. What serves it has no place in the message.
pub fn model_statistics(told: statistics::ModelStatistics) -> ModelStatistics {
    let inference = told.inference_stats;
    ModelStatistics {
        name: told.name,
        version: told.version,
        last_inference: told.last_inference,
        inference_count: told.inference_count,
        execution_count: told.execution_count,
        inference_stats: Some(InferStatistics {
            success: duration(inference.success),
            fail: duration(inference.fail),
            queue: duration(inference.queue),
            compute_input: duration(inference.compute_input),
            compute_infer: duration(inference.compute_infer),
            compute_output: duration(inference.compute_output),
            cache_hit: duration(inference.cache_hit),
            cache_miss: duration(inference.cache_miss),
        }),
        batch_stats: told
            .batch_stats
            .into_iter()
            .map(|batch| InferBatchStatistics {
                batch_size: batch.batch_size,
                compute_input: duration(batch.compute_input),
                compute_infer: duration(batch.compute_infer),
                compute_output: duration(batch.compute_output),
            })
            .collect(),
        memory_usage: told
            .memory_usage
            .into_iter()
            .map(|usage| MemoryUsage {
                r#type: usage.kind,
                id: usage.id,
                byte_size: usage.byte_size,
            })
            .collect(),
        // Only decoupled models have more than one response, and none is served.
        response_stats: BTreeMap::new(),
    }
}

fn duration(statistic: statistics::DurationStatistic) -> Option<StatisticDuration> {
    Some(StatisticDuration {
        count: statistic.count,
        ns: statistic.ns,
    })
}
