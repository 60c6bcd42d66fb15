//! Codec costs of a small request: what the front spends before and after the worker.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use reference_server::protocol::{
    DataType, InferenceRequest, Shape, Signature, TensorSpecification, json_tensor, plan,
    response::{self, OutputData, Response, ResponseOutput},
};
use serde_json::value::RawValue;

/// What `perf_analyzer` sends for one FP32 tensor of shape 1x16.
const BINARY: &[u8] = br#"{"id":"1","inputs":[{"name":"X","shape":[1,16],"datatype":"FP32","parameters":{"binary_data_size":64}}],"outputs":[{"name":"Y","parameters":{"binary_data":true}}]}"#;

fn signature() -> Signature {
    let tensor = |name: &str| TensorSpecification {
        name: name.into(),
        data_type: DataType::Fp32,
        dims: Shape::from_slice(&[16]),
        reshape: None,
        optional: false,
    };
    Signature {
        model: "bias_gelu".into(),
        max_batch_size: 8,
        inputs: vec![tensor("X")],
        outputs: vec![tensor("Y")],
    }
}

fn small_request(criterion: &mut Criterion) {
    let signature = signature();
    let mut group = criterion.benchmark_group("protocol/1x16");
    group.bench_function("decode", |bencher| {
        bencher.iter(|| InferenceRequest::parse(black_box(BINARY)).unwrap());
    });
    group.bench_function("decode_and_plan", |bencher| {
        bencher.iter(|| {
            let request = InferenceRequest::parse(black_box(BINARY)).unwrap();
            plan::plan(&request, &signature, 64).unwrap().batch_size
        });
    });
    let mut out = Vec::with_capacity(256);
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            let response = Response {
                id: Some("1"),
                model: black_box("bias_gelu"),
                version: 1,
                parameters: &[],
                outputs: &[ResponseOutput {
                    name: "Y",
                    data_type: DataType::Fp32,
                    shape: &[1, 16],
                    data: OutputData::Binary(64),
                }],
            };
            response::write_header(&mut out, &response).unwrap();
            out.len()
        });
    });
    group.finish();
}

fn json_numbers(criterion: &mut Criterion) {
    const COUNT: usize = 4096;
    let tensor: Vec<u8> = (0..COUNT)
        .flat_map(|index| (index as f32 / 7.0).sin().to_le_bytes())
        .collect();
    let mut json = Vec::new();
    json_tensor::encode(&mut json, DataType::Fp32, &tensor, "Y").unwrap();
    let data = RawValue::from_string(String::from_utf8(json).unwrap()).unwrap();
    let mut group = criterion.benchmark_group("protocol/json_fp32");
    group.throughput(Throughput::Elements(COUNT as u64));
    let mut target = vec![0; tensor.len()];
    group.bench_function("decode", |bencher| {
        bencher.iter(|| json_tensor::decode(black_box(&data), DataType::Fp32, &mut target, "X"));
    });
    let mut out = Vec::new();
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            json_tensor::encode(&mut out, DataType::Fp32, black_box(&tensor), "Y")
        });
    });
    group.finish();
}

criterion_group!(benches, small_request, json_numbers);
criterion_main!(benches);
