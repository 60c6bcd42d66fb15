//! What `reference-server measure` is asked and what it answers: one JSON object a line, a [`Reply`]
//! for each [`Request`], in order.
//!
//! The server's sub-command answers, whoever measures asks, as a [`Client`] does. All times are in
//! nanoseconds.

mod client;
mod device;
mod reply;
mod request;

pub use client::{Client, ClientError};
pub use device::{ClockEvents, DeviceRecord};
pub use reply::{DeviceTime, KernelUse, Loaded, Ran, Reply, Sample, Tensor};
pub use request::{Copy, Load, Place, Request, Run, TensorFile, Write};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_line_that_is_read_back() {
        let request = Request::Run(Run {
            models: vec!["a".into(), "b".into()],
            inputs: vec!["values".into()],
            count: 3,
            trace: true,
            flush: false,
        });
        let line = serde_json::to_string(&request).unwrap();
        assert_eq!(
            line,
            r#"{"run":{"models":["a","b"],"inputs":["values"],"count":3,"trace":true,"flush":false}}"#
        );
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
    }

    #[test]
    fn a_place_is_written_as_people_write_it() {
        let text = |place| serde_json::to_string(&place).unwrap();
        assert_eq!(text(Place::Cpu), r#""cpu""#);
        assert_eq!(text(Place::Gpu(1)), r#"{"gpu":1}"#);
    }
}
