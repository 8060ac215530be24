//! Work that takes long, on a thread that may be kept busy.

/// Does work here, or on such a thread.
pub(crate) async fn off_thread_if<T: Send + 'static>(
    large: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if !large {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // Caught where panics of handlers are.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
