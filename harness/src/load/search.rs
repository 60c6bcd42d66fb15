//! The highest rate that meets a latency target.

/// From where to where, and how exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// The lowest rate that is of interest.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// The search ends when a rate that meets the target and one that does not are so close, as a
    /// share of the rate.
    pub precision: f64,
}

/// Finds it by bisection: `meets` measures at a rate and says whether the target is met.
///
/// The rate doubles from `low` on until the target is missed, then the middle (of the logarithms) of
/// the highest met and the lowest missed is tried until the two are close. One lucky measurement
/// must not decide, so the found rate is measured again; where it fails, the next lower tries stand
/// in, each as far below the last as the precision says, until one holds or the lowest rate is
/// reached. `None`: not even the lowest rate meets the target.
///
/// # Errors
/// The first error of `meets`.
pub fn highest<E>(
    search: &Search,
    mut meets: impl FnMut(f64) -> Result<bool, E>,
) -> Result<Option<f64>, E> {
    let Search {
        low,
        high,
        precision,
    } = *search;
    if !meets(low)? {
        return Ok(None);
    }
    let mut met = low;
    let mut missed = None;
    while missed.is_none() && met < high {
        let next = (met * 2.0).min(high);
        if meets(next)? {
            met = next;
        } else {
            missed = Some(next);
        }
    }
    if let Some(mut above) = missed {
        while above / met > 1.0 + precision {
            let middle = (above * met).sqrt();
            if meets(middle)? {
                met = middle;
            } else {
                above = middle;
            }
        }
    }
    while !meets(met)? {
        if met <= low {
            return Ok(None);
        }
        met = (met / (1.0 + precision)).max(low);
    }
    Ok(Some(met))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    const SEARCH: Search = Search {
        low: 100.0,
        high: 10_000.0,
        precision: 0.05,
    };

    fn found(capacity: f64) -> (Option<f64>, usize) {
        let mut tries = 0;
        let found = highest(&SEARCH, |rate| {
            tries += 1;
            Ok::<_, Infallible>(rate <= capacity)
        });
        (found.unwrap(), tries)
    }

    #[test]
    fn both_ends_are_found() {
        assert_eq!(found(99.0), (None, 1));
        assert_eq!(found(100.0).0, Some(100.0));
        assert_eq!(found(20_000.0).0, Some(10_000.0));
    }

    #[test]
    fn a_lucky_measurement_does_not_decide() {
        // The first look at a rate above 1000 is too kind; the second tells the truth.
        let mut seen = Vec::new();
        let found = highest(&SEARCH, |rate| {
            let again = seen.contains(&rate.to_bits());
            seen.push(rate.to_bits());
            Ok::<_, Infallible>(rate <= if again { 1000.0 } else { 1100.0 })
        });
        let found = found.unwrap().unwrap();
        assert!((900.0..1100.0).contains(&found), "{found}");
    }

    #[test]
    fn an_error_ends_it() {
        assert_eq!(highest(&SEARCH, |_| Err::<bool, _>("gone")), Err("gone"));
    }

    proptest! {
        #[test]
        fn it_is_as_exact_as_was_asked_for(capacity in 100.0..10_000.0_f64) {
            let (found, tries) = found(capacity);
            let found = found.unwrap();
            prop_assert!(found <= capacity && capacity / found <= 1.05 + 1e-9, "{}", found);
            prop_assert!(tries < 20, "{}", tries);
        }
    }
}
