//! What is measured.

/// Something that can be measured again and again.
pub trait Subject {
    /// Does it for one round and returns the samples of that round in the subject's unit: one
    /// sample for a start of the server, some hundred for a tenth of a second of requests.
    ///
    /// # Errors
    /// Whatever keeps the round from being done; it ends the measurement.
    fn round(&mut self) -> anyhow::Result<Vec<f64>>;
}

impl<F> Subject for F
where
    F: FnMut() -> anyhow::Result<Vec<f64>>,
{
    fn round(&mut self) -> anyhow::Result<Vec<f64>> {
        self()
    }
}
