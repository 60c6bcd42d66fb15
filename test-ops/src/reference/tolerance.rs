use crate::DataType;

/// How far a computed value may lie from the reference: `absolute + relative · |expected|`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Accepted whatever the size of the value.
    pub absolute: f64,
    /// Accepted in proportion to the value.
    pub relative: f64,
}

impl Tolerance {
    /// fp32: some 16 units in the last place, for an `f32` sum over a row in any order.
    pub const FP32: Tolerance = Tolerance {
        absolute: 1e-6,
        relative: 2e-6,
    };
    /// fp16: one unit in the last place of a result that was computed in `f32` and rounded once.
    pub const FP16: Tolerance = Tolerance {
        absolute: 1e-6,
        relative: 1e-3,
    };
    /// fp16, computed by several operators of a framework: each rounds to fp16, and rounding before a
    /// GELU's tail is magnified by it.
    pub const FP16_IN_STEPS: Tolerance = Tolerance {
        absolute: 2e-3,
        relative: 4e-3,
    };
    /// Integers are exact.
    pub const EXACT: Tolerance = Tolerance {
        absolute: 0.0,
        relative: 0.0,
    };

    /// The tolerance of results of one data type.
    pub fn of(data_type: DataType) -> Tolerance {
        match data_type {
            DataType::Fp32 => Tolerance::FP32,
            DataType::Fp16 => Tolerance::FP16,
            DataType::Int32 | DataType::Int64 => Tolerance::EXACT,
        }
    }

    /// The tolerance of results that several operators of a framework computed.
    pub fn in_steps(data_type: DataType) -> Tolerance {
        match data_type {
            DataType::Fp16 => Tolerance::FP16_IN_STEPS,
            other => Tolerance::of(other),
        }
    }

    /// The largest accepted difference from `expected`.
    pub fn at(self, expected: f64) -> f64 {
        self.absolute + self.relative * expected.abs()
    }

    /// True where `actual` is within the tolerance; NaN equals NaN, an infinity equals itself.
    pub fn accepts(self, actual: f64, expected: f64) -> bool {
        actual == expected
            || (actual.is_nan() && expected.is_nan())
            || (expected.is_finite() && (actual - expected).abs() <= self.at(expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_values() {
        assert!(Tolerance::FP32.accepts(f64::NAN, f64::NAN));
        assert!(!Tolerance::FP32.accepts(f64::NAN, 1.0));
        assert!(Tolerance::FP32.accepts(f64::INFINITY, f64::INFINITY));
        assert!(!Tolerance::FP32.accepts(f64::MAX, f64::INFINITY));
        assert!(!Tolerance::EXACT.accepts(1.0, 2.0));
        assert!(!Tolerance::FP32.accepts(1.0, 1.00001));
    }
}
