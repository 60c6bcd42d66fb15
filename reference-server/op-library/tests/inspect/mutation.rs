//! Damages libraries: the same seed makes the same damage.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// Numbers that tables choke on.
const NUMBERS: [u64; 12] = [
    0,
    1,
    2,
    7,
    0x7f,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 33,
    1 << 63,
    u64::MAX - 7,
    u64::MAX,
];

/// Changes `content`, a copy of a library, in a way that `seed` decides: mostly where its tables lie,
/// as the rest is hardly read.
pub fn damage(content: &mut Vec<u8>, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let tables = tables(content);
    for _ in 0..random.random_range(1..8) {
        if content.len() < 16 {
            return;
        }
        let (start, size) = if random.random_bool(0.8) {
            tables[random.random_range(0..tables.len())]
        } else {
            (0, content.len())
        };
        let end = (start + size).min(content.len() - 8);
        let at = random.random_range(start.min(end)..=end);
        change(content, at, &mut random);
    }
    if random.random_bool(0.05) {
        let left = random.random_range(0..content.len());
        content.truncate(left);
    }
}

fn change(content: &mut [u8], at: usize, random: &mut impl Rng) {
    let number = NUMBERS[random.random_range(0..NUMBERS.len())].to_le_bytes();
    match random.random_range(0..6) {
        0 => content[at] = random.random(),
        1 => content[at] ^= 1 << random.random_range(0..8),
        2 => content[at..at + 2].copy_from_slice(&number[..2]),
        3 => {
            let at = at & !3;
            content[at..at + 4].copy_from_slice(&number[..4]);
        }
        4 => {
            let at = at & !7;
            content[at..at + 8].copy_from_slice(&number);
        }
        _ => {
            let from = random.random_range(0..content.len() - 8);
            let size = random
                .random_range(1..=64)
                .min(content.len() - at.max(from));
            content.copy_within(from..from + size, at);
        }
    }
}

/// The parts of an ELF file that are read as tables, as (offset, size): its headers, and what the
/// program and section headers point to, except for what is mapped as a whole.
fn tables(content: &[u8]) -> Vec<(usize, usize)> {
    let number = |at: usize, size: usize| -> usize {
        let mut bytes = [0; 8];
        if let Some(field) = content.get(at..at + size) {
            bytes[..size].copy_from_slice(field);
        }
        usize::try_from(u64::from_le_bytes(bytes)).unwrap_or(0)
    };
    let mut tables = vec![(0, 64)];
    let (programs, sections) = (number(32, 8), number(40, 8));
    tables.push((programs, 56 * number(56, 2)));
    tables.push((sections, 64 * number(60, 2)));
    for index in 0..number(56, 2) {
        let at = programs + 56 * index;
        if number(at, 4) != 1 {
            tables.push((number(at + 8, 8), number(at + 32, 8)));
        }
    }
    for index in 0..number(60, 2) {
        let at = sections + 64 * index;
        tables.push((number(at + 24, 8), number(at + 32, 8)));
    }
    tables.retain(|(start, size)| *size > 0 && start + size <= content.len());
    tables
}
