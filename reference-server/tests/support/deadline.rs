//! Waiting for something that has to happen.

use std::time::{Duration, Instant};

/// How long anything in these tests may take that does not say otherwise.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks again and again until `condition` yields something.
///
/// # Panics
/// When nothing came within [`DEADLINE`].
pub fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(
            start.elapsed() < DEADLINE,
            "waited {DEADLINE:?} in vain for: {what}"
        );
        std::thread::sleep(PAUSE);
    }
}

/// Looks again and again until `condition` holds.
///
/// # Panics
/// When it did not within [`DEADLINE`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    eventually(what, || condition().then_some(()));
}
