//! Work that reads files, kept off the threads that serve requests.

/// Does `work` on a thread that may wait. No worker may be started there: it would end with the
/// thread.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The server is on its way out, and takes this task along.
        Err(_) => std::future::pending().await,
    }
}
