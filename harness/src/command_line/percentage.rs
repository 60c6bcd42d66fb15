//! Percentages as they are typed.

use std::str::FromStr;

/// A share of something, typed as a percentage: `5%`, `2.5 %`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentage {
    /// As a share: 0.05 for 5 %.
    pub share: f64,
}

/// A text that is no percentage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is no percentage: expected a number above 0 and up to 1000 with a percent sign, such as 5%"
)]
pub struct ParsePercentageError {
    text: String,
}

impl FromStr for Percentage {
    type Err = ParsePercentageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.trim().strip_suffix('%');
        let number = number.and_then(|number| number.trim().parse::<f64>().ok());
        number
            .filter(|number| *number > 0.0 && *number <= 1000.0)
            .map(|number| Self {
                share: number / 100.0,
            })
            .ok_or_else(|| ParsePercentageError {
                text: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_sign_is_wanted() {
        let share = |text: &str| {
            text.parse::<Percentage>()
                .map(|percentage| percentage.share)
        };
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share(" 2.5 % "), Ok(0.025));
        for wrong in ["", "5", "%", "0%", "-1%", "NaN%", "inf%", "2000%", "5%%"] {
            let error = share(wrong).unwrap_err().to_string();
            assert!(error.contains(&format!("'{wrong}'")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = text.parse::<Percentage>();
        }
    }
}
