//! Times as they are typed.

use std::time::Duration;

/// Units, so that none is looked at before a longer one that ends the same.
const UNITS: [(&str, f64); 5] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
];

/// A text that is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no time: expected a number and a unit, such as 500us, 20ms, 5s or 2m")]
pub struct ParseDurationError {
    text: String,
}

/// Reads a time: a number and one of `ns`, `us`, `ms`, `s` and `m`; at most a day.
///
/// # Errors
/// It is none.
pub fn parse_duration(text: &str) -> Result<Duration, ParseDurationError> {
    let read = || {
        let (number, seconds) = UNITS
            .iter()
            .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)))?;
        let seconds = number.trim().parse::<f64>().ok()? * seconds;
        // A float holds whole nanoseconds of a day with room to spare.
        let is_possible = (0.0..=86_400.0).contains(&seconds);
        is_possible.then(|| Duration::from_nanos((seconds * 1e9).round() as u64))
    };
    read().ok_or_else(|| ParseDurationError {
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(parse_duration("500us"), Ok(Duration::from_micros(500)));
        assert_eq!(parse_duration("1.5 ms"), Ok(Duration::from_micros(1500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        for text in ["", "5", "s", "-1s", "NaNs", "infs", "9999999s", "1h"] {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.contains("500us"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,10}") {
            let _ = parse_duration(&text);
        }

        #[test]
        fn whole_microseconds_are_read_exactly(microseconds in 0_u64..86_400_000_000) {
            let read = parse_duration(&format!("{microseconds}us")).unwrap();
            prop_assert_eq!(read, Duration::from_micros(microseconds));
        }
    }
}
