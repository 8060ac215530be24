//! What is logged while a test runs.

use std::io;
use std::sync::{Arc, Mutex};

use tracing::subscriber::{DefaultGuard, set_default};

/// Failures, as the thread of a test logs them.
#[derive(Clone, Default)]
pub(crate) struct Logged(Arc<Mutex<Vec<u8>>>);

impl Logged {
    /// Takes what is logged from now on, until the guard is dropped.
    pub(crate) fn begin(&self) -> DefaultGuard {
        let writer = self.clone();
        let log = tracing_subscriber::fmt().json().with_max_level(tracing::Level::ERROR);
        set_default(log.with_writer(move || writer.clone()).finish())
    }

    /// How many lines there are.
    pub(crate) fn lines(&self) -> usize {
        String::from_utf8_lossy(&self.0.lock().unwrap()).lines().count()
    }
}

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
