//! Numbers of bytes as they are typed.

use std::str::FromStr;

/// Units, longest first.
const UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// A number of bytes: `60MiB`, `2GB`, `1048576`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// A text that is no number of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no number of bytes: expected a whole number and a unit, such as 60MiB or 2GB")]
pub struct ParseByteSizeError {
    text: String,
}

impl FromStr for ByteSize {
    type Err = ParseByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, factor) = UNITS
            .iter()
            .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
            .unwrap_or((text, 1));
        let bytes = number.trim().parse::<u64>().ok();
        let bytes = bytes.and_then(|number| number.checked_mul(factor));
        bytes.map(Self).ok_or_else(|| ParseByteSizeError {
            text: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_binary_or_decimal() {
        let bytes = |text: &str| text.parse::<ByteSize>().map(|size| size.0);
        assert_eq!(bytes("60MiB"), Ok(60 << 20));
        assert_eq!(bytes("2 GB"), Ok(2_000_000_000));
        assert_eq!(bytes("17"), Ok(17));
        assert_eq!(bytes("17B"), Ok(17));
        for wrong in ["", "MiB", "-1MiB", "1.5GiB", "1TiB", "99999999999GiB"] {
            let error = bytes(wrong).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = text.parse::<ByteSize>();
        }
    }
}
