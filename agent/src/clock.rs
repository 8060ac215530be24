//! The one place that asks the clock.

/// Milliseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "here, and nowhere else; the server's clock would bring the server's libraries"
)]
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}
