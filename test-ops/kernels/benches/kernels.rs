//! Throughput of the kernels in bytes read and written, for a tensor in the cache and one that is
//! not: `cargo bench -p op-kernels`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use half::f16;
use op_kernels::{
    Approximation, Element, Modulo, bias_gelu, count_above, modulo, rms_norm, select_above,
};

/// Elements: 1×64, 1×262144 and a size beyond the caches.
const SIZES: [usize; 3] = [64, 262_144, 1 << 25];
const ROW: usize = 64;

fn ramp<T>(length: usize, from: impl Fn(f32) -> T) -> Vec<T> {
    (0..length)
        .map(|index| from((index % 1009) as f32 * 0.01 - 5.0))
        .collect()
}

fn floats<T: Element + Default + Modulo>(criterion: &mut Criterion, name: &str) {
    for size in SIZES {
        let x: Vec<T> = ramp(size, T::narrow);
        let row: Vec<T> = ramp(ROW, |value| T::narrow(value + 6.0));
        let mut y = vec![T::default(); size];
        let mut group = criterion.benchmark_group(format!("{name}/{size}"));
        group.throughput(Throughput::Bytes(2 * size_of_val(x.as_slice()) as u64));
        group.bench_function("copy", |bencher| {
            bencher.iter(|| y.copy_from_slice(black_box(&x)))
        });
        for (label, approximation) in [
            ("bias_gelu", Approximation::None),
            ("bias_gelu_tanh", Approximation::Tanh),
        ] {
            group.bench_function(label, |bencher| {
                bencher.iter(|| bias_gelu(black_box(&x), &row, approximation, &mut y));
            });
        }
        group.bench_function("rms_norm", |bencher| {
            bencher.iter(|| rms_norm(black_box(&x), &row, 1e-5, &mut y))
        });
        group.bench_function("modulo", |bencher| {
            bencher.iter(|| modulo(black_box(&x), &row[..1], &mut y))
        });
        group.bench_function("select_above", |bencher| {
            bencher.iter(|| {
                let count = count_above(black_box(&x), row[0]);
                select_above(&x, row[0], &mut y[..count])
            });
        });
        group.finish();
    }
}

fn integers(criterion: &mut Criterion) {
    let size = SIZES[1];
    let mut group = criterion.benchmark_group(format!("int/{size}"));
    let x: Vec<i32> = ramp(size, |value| (value * 1000.0) as i32);
    let mut y = vec![0; size];
    group.throughput(Throughput::Bytes(8 * size as u64));
    group.bench_function("modulo_int32", |bencher| {
        bencher.iter(|| modulo(black_box(&x), &[7], &mut y))
    });
    let x: Vec<i64> = ramp(size, |value| (value * 1000.0) as i64);
    let mut y = vec![0; size];
    group.throughput(Throughput::Bytes(16 * size as u64));
    group.bench_function("modulo_int64", |bencher| {
        bencher.iter(|| modulo(black_box(&x), &[7], &mut y))
    });
    group.finish();
}

fn kernels(criterion: &mut Criterion) {
    floats::<f32>(criterion, "fp32");
    floats::<f16>(criterion, "fp16");
    integers(criterion);
}

criterion_group!(benches, kernels);
criterion_main!(benches);
