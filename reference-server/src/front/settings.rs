//! Settings that clients can change while the server runs.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::reload::Handle;

use crate::protocol::RequestError;
use crate::protocol::log_setting::LogSettings;
use crate::protocol::trace_setting::{GivenSettings, TraceSettings};

/// Trace settings of all models and of each that has its own.
#[derive(Debug, Default)]
pub struct Traces {
    state: Mutex<TraceState>,
}

#[derive(Debug, Default)]
struct TraceState {
    of_all: TraceSettings,
    of_models: BTreeMap<String, TraceSettings>,
}

impl Traces {
    /// The settings that apply to a model, or to those that have none of their own.
    pub fn settings(&self, model: Option<&str>) -> TraceSettings {
        let state = self.state.lock();
        let own = model.and_then(|model| state.of_models.get(model)).copied();
        own.unwrap_or_default().over(state.of_all)
    }

    /// Changes them.
    ///
    /// # Errors
    /// A value cannot be that of its setting; nothing is changed then.
    pub fn change(
        &self,
        model: Option<&str>,
        given: &GivenSettings,
    ) -> Result<TraceSettings, RequestError> {
        let mut state = self.state.lock();
        match model {
            None => state.of_all = state.of_all.changed(given)?,
            Some(model) => {
                let own = state.of_models.get(model).copied().unwrap_or_default();
                let changed = own.changed(given)?;
                state.of_models.insert(model.to_owned(), changed);
            }
        }
        drop(state);
        Ok(self.settings(model))
    }
}

/// What sets the level of the server's log.
pub type LogLevel = Handle<LevelFilter, Registry>;

/// The settings of the log.
#[derive(Debug)]
pub struct Log {
    settings: Mutex<LogSettings>,
    level: LogLevel,
}

impl Log {
    /// A log whose level was set by `--log-verbose` and is changed through `level`.
    pub fn new(verbosity: u8, level: LogLevel) -> Self {
        let settings = LogSettings {
            log_verbose_level: verbosity.into(),
            ..LogSettings::default()
        };
        Self {
            settings: Mutex::new(settings),
            level,
        }
    }

    /// The settings.
    pub fn settings(&self) -> LogSettings {
        self.settings.lock().clone()
    }

    /// Changes them.
    ///
    /// # Errors
    /// A value cannot be that of its setting; nothing is changed then.
    pub fn change(
        &self,
        given: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<LogSettings, RequestError> {
        let mut settings = self.settings.lock();
        *settings = settings.clone().changed(given)?;
        // It cannot fail while the log is there, which is as long as the process.
        self.level.reload(level_of(&settings)).ok();
        Ok(settings.clone())
    }
}

/// The least severe events that are told. More severe ones always are.
pub fn level_of(settings: &LogSettings) -> LevelFilter {
    match settings {
        LogSettings {
            log_verbose_level: 2..,
            ..
        } => LevelFilter::TRACE,
        LogSettings {
            log_verbose_level: 1,
            ..
        } => LevelFilter::DEBUG,
        LogSettings { log_info: true, .. } => LevelFilter::INFO,
        LogSettings {
            log_warning: true, ..
        } => LevelFilter::WARN,
        LogSettings {
            log_error: true, ..
        } => LevelFilter::ERROR,
        _ => LevelFilter::OFF,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_its_own_settings_over_those_of_all() {
        let traces = Traces::default();
        let given = |name: &str, value: &str| vec![(name.to_owned(), Some(vec![value.to_owned()]))];
        traces.change(None, &given("trace_rate", "5")).unwrap();
        traces
            .change(Some("m"), &given("trace_count", "3"))
            .unwrap();
        let own = traces.settings(Some("m"));
        assert_eq!((own.rate, own.count), (Some(5), Some(3)));
        assert_eq!(traces.settings(Some("n")).count, None);
        assert!(traces.change(None, &given("trace_rate", "x")).is_err());
        assert_eq!(traces.settings(None).rate, Some(5));
    }

    #[test]
    fn the_level_is_the_least_severe_that_is_on() {
        let of = |verbose, info, warning, error| {
            level_of(&LogSettings {
                log_verbose_level: verbose,
                log_info: info,
                log_warning: warning,
                log_error: error,
                ..LogSettings::default()
            })
        };
        assert_eq!(of(0, true, true, true), LevelFilter::INFO);
        assert_eq!(of(1, false, true, true), LevelFilter::DEBUG);
        assert_eq!(of(3, true, true, true), LevelFilter::TRACE);
        assert_eq!(of(0, false, true, true), LevelFilter::WARN);
        assert_eq!(of(0, false, false, true), LevelFilter::ERROR);
        assert_eq!(of(0, false, false, false), LevelFilter::OFF);
    }
}
