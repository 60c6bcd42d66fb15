//! Measurement: what is measured, by which rule a measurement ends, and the record of it.
//!
//! [`measure`] takes samples of a [`Subject`] until they are good enough or the time is used up.
//! It sees time only through a [`Clock`]. What goes wrong without making the numbers useless
//! becomes a [`Warning`], and what is kept is a [`Measurement`].

mod clock;
mod engine;
mod load_generator;
mod null_server;
mod record;
mod subject;
mod warning;

pub use clock::{Clock, MonotonicClock};
pub use engine::{Policy, Samples, measure};
pub use load_generator::{Answer, JSON_LENGTH_HEADER, LoadError, LoadGenerator, PreparedRequest};
pub use null_server::start as start_null_server;
pub use record::{About, Aspect, Kind, Measurement};
pub use subject::Subject;
pub use warning::Warning;
