//! Numbers as people read them.

/// A time in `unit` (`us` or `ms`) with three significant digits and the unit that suits it:
/// `12.3 µs`, `4.56 ms`, `1.20 s`.
#[must_use]
pub fn quantity(value: f64, unit: &str) -> String {
    let microseconds = match unit {
        "us" => value,
        "ms" => value * 1e3,
        other => return format!("{} {other}", three_digits(value)),
    };
    match microseconds.abs() {
        // Rounded to three digits, 999.6 µs would read 1000 µs.
        small if small < 999.5 => format!("{} µs", three_digits(microseconds)),
        middle if middle < 999.5e3 => format!("{} ms", three_digits(microseconds / 1e3)),
        _ => format!("{} s", three_digits(microseconds / 1e6)),
    }
}

/// A time as [`quantity`] writes it, without zeros behind the point: `2 ms`, for round values.
#[must_use]
pub fn round_quantity(value: f64, unit: &str) -> String {
    let text = quantity(value, unit);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!(
                "{} {unit}",
                number.trim_end_matches('0').trim_end_matches('.')
            )
        }
        _ => text,
    }
}

/// A rate with thin spaces between thousands and no unit prefix, so that rates can be compared at
/// a glance: `8 120/s`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    if per_second < 100.0 {
        return format!("{}/s", three_digits(per_second));
    }
    let digits = format!("{per_second:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    format!("{text}/s")
}

/// Bytes in binary units: `22.8 GiB`.
#[must_use]
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = value as f64;
    let mut unit = 0;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{value} B")
    } else {
        format!("{scaled:.1} {}", UNITS[unit])
    }
}

/// A number with its noun: `1 error`, `2 errors`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

fn three_digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        small if small < 9.995 => format!("{value:.2}"),
        middle if middle < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_get_the_unit_that_suits_them() {
        assert_eq!(quantity(1.2345, "us"), "1.23 µs");
        assert_eq!(quantity(111.4, "us"), "111 µs");
        assert_eq!(quantity(999.6, "us"), "1.00 ms");
        assert_eq!(quantity(83.21, "ms"), "83.2 ms");
        assert_eq!(quantity(1500.0, "ms"), "1.50 s");
        assert_eq!(quantity(0.0, "ms"), "0 µs");
        assert_eq!(round_quantity(2000.0, "us"), "2 ms");
        assert_eq!(round_quantity(1.5, "us"), "1.5 µs");
        assert_eq!(round_quantity(200.0, "us"), "200 µs");
    }

    #[test]
    fn rates_bytes_and_counts() {
        assert_eq!(rate(8123.4), "8\u{2009}123/s");
        assert_eq!(rate(770.0), "770/s");
        assert_eq!(rate(12.34), "12.3/s");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(25_276_510_208), "23.5 GiB");
        assert_eq!(
            (count(1, "error"), count(0, "error")),
            ("1 error".into(), "0 errors".into())
        );
    }
}
