//! Whether the machine is quiet enough to measure on.

use std::time::Duration;

use crate::measurement::Warning;
use crate::results::Machine;

/// How long the processors are watched.
const WATCH: Duration = Duration::from_millis(300);
/// The share of the processors' time above which others are said to be busy.
const BUSY: f64 = 0.15;

/// What about the machine makes numbers less trustworthy: watches the processors for a moment, in
/// which this process does nothing.
#[must_use]
pub fn machine_warnings(machine: &Machine) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let before = read();
    std::thread::sleep(WATCH);
    if let (Some(before), Some(after)) = (before, read())
        && let Some(share) = busy_share(before, after)
        && share > BUSY
    {
        warnings.push(Warning::BusyMachine { share });
    }
    let governor = machine
        .governor
        .iter()
        .filter(|governor| *governor != "performance");
    warnings.extend(governor.map(|governor| Warning::ClockScaling {
        governor: governor.clone(),
    }));
    warnings
}

/// Ticks of all processors: all and idle ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    all: u64,
    idle: u64,
}

fn read() -> Option<Ticks> {
    parse(&std::fs::read_to_string("/proc/stat").ok()?)
}

/// Reads the line `cpu` of `/proc/stat`; its fourth and fifth numbers are idle time (proc(5)).
fn parse(text: &str) -> Option<Ticks> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    let idle = ticks.get(3)?.saturating_add(*ticks.get(4)?);
    // Guest time, the ninth and tenth number, is contained in the first two already.
    let all = ticks
        .iter()
        .take(8)
        .fold(0, |sum: u64, ticks| sum.saturating_add(*ticks));
    Some(Ticks { all, idle })
}

fn busy_share(before: Ticks, after: Ticks) -> Option<f64> {
    let all = after.all.checked_sub(before.all).filter(|all| *all > 0)?;
    let idle = after.idle.checked_sub(before.idle)?;
    Some(1.0 - idle as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_share_of_others_is_read() {
        let before = parse("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3\n").unwrap();
        let after = parse("cpu  150 0 150 890 10 0 0 0 50 0\n").unwrap();
        assert_eq!((before.all, before.idle), (1000, 800));
        assert_eq!(busy_share(before, after), Some(0.5));
        assert_eq!(busy_share(after, before), None);
        assert!(read().is_some());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_not(text in "(cpu )?[ -~\n]{0,80}") {
            let _ = parse(&text);
        }
    }
}
