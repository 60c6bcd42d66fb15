//! A series of numbers as it is typed: `1:64:2x`.

use std::fmt;
use std::str::FromStr;

/// A number, or numbers from a first to a last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sweep {
    /// The first, above zero.
    pub first: f64,
    /// The largest that may be reached.
    pub last: f64,
    /// From one to the next, where it was typed.
    pub step: Option<Step>,
}

/// From one number to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// So much more.
    By(f64),
    /// So many times as much.
    Times(f64),
}

/// A text that is no series of numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is no series: {reason}; expected FIRST, FIRST:LAST, FIRST:LAST:STEP or \
     FIRST:LAST:FACTORx, such as 8, 1:16:5 or 1:64:2x"
)]
pub struct ParseSweepError {
    text: String,
    reason: &'static str,
}

impl Sweep {
    /// The longest series that is measured.
    const LONGEST: usize = 1000;

    /// Its numbers in ascending order; those of a series without a step double.
    #[must_use]
    pub fn values(&self) -> Vec<f64> {
        let step = self.step.unwrap_or(Step::Times(2.0));
        // One part in 10^9 of slack, so that sums of decimal steps reach the last number.
        let last = self.last * (1.0 + 1e-9);
        let value = |index: i32| match step {
            Step::By(by) => self.first + by * f64::from(index),
            Step::Times(factor) => self.first * factor.powi(index),
        };
        (0..)
            .map(value)
            .take_while(|value| *value <= last)
            .take(Self::LONGEST + 1)
            .collect()
    }

    /// Whether it is one number.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.first == self.last
    }
}

impl FromStr for Sweep {
    type Err = ParseSweepError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |reason| ParseSweepError {
            text: text.to_owned(),
            reason,
        };
        let number = |part: &str| -> Result<f64, ParseSweepError> {
            let number = part.parse::<f64>().ok();
            number
                .filter(|number| number.is_finite() && *number > 0.0)
                .ok_or_else(|| error("each part is a number above zero"))
        };
        let parts: Vec<&str> = text.split(':').collect();
        let (first, last, step) = match parts.as_slice() {
            [one] => (number(one)?, number(one)?, None),
            [first, last] => (number(first)?, number(last)?, None),
            [first, last, step] => {
                let step = match step.strip_suffix('x') {
                    Some(factor) => Step::Times(number(factor)?),
                    None => Step::By(number(step)?),
                };
                (number(first)?, number(last)?, Some(step))
            }
            _ => return Err(error("it has more than three parts")),
        };
        if first > last {
            return Err(error("the first number is above the last"));
        }
        if matches!(step, Some(Step::Times(factor)) if factor <= 1.0) {
            return Err(error("the factor is not above 1"));
        }
        let sweep = Self { first, last, step };
        if sweep.values().len() > Self::LONGEST {
            return Err(error("it has more than 1000 numbers"));
        }
        Ok(sweep)
    }
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if !self.is_single() || self.step.is_some() {
            write!(f, ":{}", self.last)?;
        }
        match self.step {
            None => Ok(()),
            Some(Step::By(by)) => write!(f, ":{by}"),
            Some(Step::Times(factor)) => write!(f, ":{factor}x"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(text: &str) -> Vec<f64> {
        text.parse::<Sweep>().unwrap().values()
    }

    #[test]
    fn steps_add_and_factors_multiply() {
        assert_eq!(values("8"), [8.0]);
        assert_eq!(values("1:64:2x"), [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]);
        assert_eq!(values("1:16:5"), [1.0, 6.0, 11.0, 16.0]);
        assert_eq!(values("1:10:4"), [1.0, 5.0, 9.0]);
        assert_eq!(values("100:400"), [100.0, 200.0, 400.0]);
        assert_eq!(values("0.1:0.3:0.1").len(), 3);
    }

    #[test]
    fn what_is_no_series_is_told_why() {
        for (text, why) in [
            ("", "above zero"),
            ("0", "above zero"),
            ("1:x", "above zero"),
            ("1:2:3:4", "more than three"),
            ("4:2", "above the last"),
            ("1:8:1x", "not above 1"),
            ("1:1000000:1", "more than 1000"),
            ("inf", "above zero"),
        ] {
            let error = text.parse::<Sweep>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9.:x-]{0,12}") {
            if let Ok(sweep) = text.parse::<Sweep>() {
                prop_assert_eq!(sweep.to_string().parse::<Sweep>().unwrap(), sweep);
            }
        }

        #[test]
        fn its_numbers_ascend_and_stay_within(
            first in 1_u32..100, more in 0_u32..5000, by in 1_u32..50, times: bool,
        ) {
            let last = first + more;
            let step = if times { format!("{}x", 1.0 + f64::from(by) / 10.0) } else { (by + 5).to_string() };
            let Ok(sweep) = format!("{first}:{last}:{step}").parse::<Sweep>() else {
                return Ok(());
            };
            let values = sweep.values();
            prop_assert_eq!(values[0], f64::from(first));
            prop_assert!(values.is_sorted_by(|a, b| a < b));
            prop_assert!(values.iter().all(|value| *value <= f64::from(last) * (1.0 + 1e-9)));
        }
    }
}
