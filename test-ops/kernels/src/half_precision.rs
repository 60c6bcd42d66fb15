//! Conversion between binary16 and binary32 in integer operations that vectorize.

/// Smallest binary32 bit pattern whose magnitude is a normal binary16 (2⁻¹⁴).
const MINIMUM_NORMAL: u32 = 0x3880_0000;
/// 2¹⁶: magnitudes from here on are infinite or NaN in binary16.
const OVERFLOW: u32 = 0x4780_0000;
const INFINITY: u32 = 0x7f80_0000;

/// The value of a binary16 bit pattern.
#[inline(always)]
pub(crate) fn widen(half: u16) -> f32 {
    // The exponent's bias differs by 112; multiplying by 2¹¹² corrects it for normal and
    // subnormal numbers alike, exactly.
    const REBIAS: f32 = f32::from_bits((127 + 112) << 23);
    let bits = u32::from(half);
    let magnitude = (bits & 0x7fff) << 13;
    let special = if magnitude >= 0x7c00 << 13 {
        INFINITY
    } else {
        0
    };
    let rebiased = (f32::from_bits(magnitude) * REBIAS).to_bits();
    f32::from_bits(rebiased | special | (bits & 0x8000) << 16)
}

/// The nearest binary16 bit pattern, ties to even.
#[inline(always)]
pub(crate) fn narrow(value: f32) -> u16 {
    let bits = value.to_bits();
    let magnitude = bits & 0x7fff_ffff;
    // Rebias the exponent by −112 and round at bit 13; a carry runs into the exponent as it should.
    let odd = (magnitude >> 13) & 1;
    let normal = magnitude.wrapping_add(0xc800_0fff).wrapping_add(odd) >> 13;
    // 0.5 has the unit in the last place that a binary16 subnormal has, so the sum rounds there.
    let subnormal = (f32::from_bits(magnitude) + 0.5)
        .to_bits()
        .wrapping_sub(0x3f00_0000);
    let special = if magnitude > INFINITY { 0x7e00 } else { 0x7c00 };
    let finite = if magnitude >= MINIMUM_NORMAL {
        normal
    } else {
        subnormal
    };
    let half = if magnitude >= OVERFLOW {
        special
    } else {
        finite
    };
    (half | (bits >> 16) & 0x8000) as u16
}

#[cfg(test)]
mod tests {
    use half::f16;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_half_widens() {
        for bits in 0..=u16::MAX {
            let expected = f16::from_bits(bits).to_f32();
            let actual = widen(bits);
            assert!(
                actual.to_bits() == expected.to_bits() || actual.is_nan() && expected.is_nan(),
                "{bits:#06x}"
            );
        }
    }

    #[test]
    fn every_half_survives_the_round_trip() {
        for bits in 0..=u16::MAX {
            let back = narrow(widen(bits));
            assert!(
                back == bits || f16::from_bits(bits).is_nan() && f16::from_bits(back).is_nan(),
                "{bits:#06x}"
            );
        }
    }

    #[test]
    fn ties_and_limits() {
        for value in [
            65504.0,
            65519.9,
            65520.0,
            65536.0,
            1e30,
            2f32.powi(-24),
            2f32.powi(-25),
            2f32.powi(-26),
            6.1e-5,
        ] {
            assert_eq!(narrow(value), f16::from_f32(value).to_bits(), "{value}");
            assert_eq!(narrow(-value), f16::from_f32(-value).to_bits(), "-{value}");
        }
    }

    proptest! {
        #[test]
        fn narrowing_rounds_to_nearest(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            let expected = f16::from_f32(value);
            let actual = f16::from_bits(narrow(value));
            prop_assert!(actual.to_bits() == expected.to_bits() || actual.is_nan() && expected.is_nan());
        }
    }
}
