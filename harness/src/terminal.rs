//! Progress for people: bars where standard error is a terminal, plain lines where it is not.
//! Everything here goes to standard error; results go to standard output.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use runtimes::Step;
use suites::{CaseResult, Verdict};

use crate::quantity::quantity;

/// Where progress is shown.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    bars: bool,
}

impl Terminal {
    /// Standard error.
    #[must_use]
    pub fn standard_error() -> Self {
        Self {
            bars: std::io::stderr().is_terminal(),
        }
    }

    /// Whether bars are drawn.
    #[must_use]
    pub fn draws(self) -> bool {
        self.bars
    }

    /// Says something.
    pub fn say(self, text: &str) {
        eprintln!("{text}");
    }

    /// A bar of `length` steps; invisible where bars are not drawn.
    #[must_use]
    pub fn bar(self, length: usize) -> ProgressBar {
        let style = "{bar:28} {pos:>3}/{len} {elapsed:>4}  {wide_msg}";
        self.styled(ProgressBar::new(length as u64), style)
    }

    /// Shows that `what` is under way until the bar is dropped; a plain line where bars are not
    /// drawn.
    #[must_use]
    pub fn spinner(self, what: &str) -> ProgressBar {
        if !self.bars {
            self.say(what);
        }
        let bar = self.styled(ProgressBar::new_spinner(), "{spinner} {wide_msg} {elapsed}");
        bar.set_message(what.to_owned());
        bar
    }

    /// Progress of installing the runtime `name`.
    #[must_use]
    pub fn installation(self, name: String) -> Installation {
        let bar = self.styled(
            ProgressBar::new(0),
            "{bar:28} {binary_bytes:>10}/{binary_total_bytes:10} {elapsed:>4}  {wide_msg}",
        );
        Installation {
            terminal: self,
            name,
            bar,
            shown: Mutex::new(None),
        }
    }

    fn styled(self, bar: ProgressBar, template: &str) -> ProgressBar {
        bar.set_draw_target(if self.bars {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        });
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

/// Shows how a runtime is installed.
#[derive(Debug)]
pub struct Installation {
    terminal: Terminal,
    name: String,
    bar: ProgressBar,
    shown: Mutex<Option<Step>>,
}

impl runtimes::Progress for Installation {
    fn update(&self, step: Step, done: u64, total: u64) {
        let what = match step {
            Step::Waiting => "waiting for another installation of",
            Step::Downloading => "downloading",
            Step::Verifying => "verifying",
            Step::Unpacking => "unpacking",
        };
        let mut shown = self
            .shown
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if *shown != Some(step) {
            *shown = Some(step);
            self.bar.set_message(format!("{what} {}", self.name));
            if !self.terminal.draws() {
                self.terminal.say(&format!("{what} {}", self.name));
            }
        }
        self.bar.set_length(total);
        self.bar.set_position(done);
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Shows the cases of a run as they come and go.
#[derive(Debug)]
pub struct CaseProgress {
    terminal: Terminal,
    bar: ProgressBar,
    running: BTreeSet<String>,
    building: BTreeSet<String>,
}

impl CaseProgress {
    /// Progress on `terminal`; nothing is shown yet.
    #[must_use]
    pub fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            bar: terminal.bar(0),
            running: BTreeSet::new(),
            building: BTreeSet::new(),
        }
    }

    /// Shows an event.
    pub fn show(&mut self, event: &suites::Event) {
        match event {
            suites::Event::Planned { ids, jobs } => {
                self.bar.set_length(ids.len() as u64);
                self.line(&format!("{} cases, {jobs} at a time", ids.len()));
            }
            suites::Event::Building { what, done, total } => {
                let text = format!("building op libraries, {} of {total}: {what}", done + 1);
                self.bar.set_message(text);
                // Variants of one library share a name: one line for all of them.
                if !self.terminal.draws() && self.building.insert(what.clone()) {
                    self.terminal.say(&format!("building {what}"));
                }
            }
            suites::Event::NotBuilt { message } => self.line(&format!("! {message}")),
            suites::Event::Started { id } => {
                self.running.insert(id.clone());
                self.message();
            }
            suites::Event::Finished { result } => {
                self.running.remove(&result.id);
                self.bar.inc(1);
                self.line(&finished(result));
                self.message();
            }
            suites::Event::Cancelled => self.line("ended early: no further case is started"),
        }
    }

    /// Takes the bar away.
    pub fn end(self) {
        self.bar.finish_and_clear();
    }

    fn message(&self) {
        let names = self
            .running
            .iter()
            .map(|id| id.rsplit('/').next().unwrap_or(id));
        self.bar.set_message(names.collect::<Vec<_>>().join(", "));
    }

    fn line(&self, text: &str) {
        if self.terminal.draws() {
            self.bar.println(text);
        } else {
            self.terminal.say(text);
        }
    }
}

/// A finished case in one line.
#[must_use]
pub fn finished(result: &CaseResult) -> String {
    let sign = match result.verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::Skip => "–",
        Verdict::Error => "!",
    };
    let time = quantity(result.duration_ms, "ms");
    format!("{sign} {:5} {} ({time})", result.verdict, result.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_cases;

    #[test]
    fn verdicts_differ_by_sign_and_word() {
        let lines: Vec<String> = sample_cases().iter().map(finished).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
