//! How far an import is: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use directory::api::OrganisationImportProgress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::terminal::line;

/// Shows how far an import is.
pub(super) struct Shown(Option<ProgressBar>);

impl Shown {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self(bar)
    }

    /// Shows where it is now.
    pub(super) fn at(&self, progress: &OrganisationImportProgress) {
        if let Some(bar) = &self.0 {
            bar.set_length(progress.records.unwrap_or(progress.read));
            bar.set_position(progress.read);
            bar.set_message(told(progress));
        } else {
            let all = progress.records.map(|all| format!(" of {all}")).unwrap_or_default();
            line(format_args!("{}{all} organisations: {}", progress.read, told(progress)));
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// The numbers, and how long it will take.
pub(super) fn told(progress: &OrganisationImportProgress) -> String {
    let counts = format!(
        "{} new, {} changed, {} as they are, {} in before, {} refused",
        progress.created, progress.changed, progress.unchanged, progress.passed, progress.refused
    );
    match progress.remaining_ms.map(Duration::from_millis) {
        Some(left) if !left.is_zero() => format!("{counts}; about {} left", time(left)),
        _ => counts,
    }
}

/// A time as people say it ahead: not finer than it is known.
fn time(left: Duration) -> String {
    let seconds = left.as_secs().max(1);
    if seconds < 90 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts and the time left read like speech; without a number of all there is no time.
    #[test]
    fn progress_is_told_in_words() {
        let mut progress = OrganisationImportProgress {
            read: 1500,
            records: Some(20_000),
            passed: 500,
            created: 900,
            changed: 80,
            unchanged: 17,
            refused: 3,
            elapsed_ms: 1000,
            remaining_ms: Some(12_345),
        };
        let counts = "900 new, 80 changed, 17 as they are, 500 in before, 3 refused";
        assert_eq!(told(&progress), format!("{counts}; about 12 s left"));
        progress.remaining_ms = Some(3_540_000);
        assert_eq!(told(&progress), format!("{counts}; about 59 min left"));
        progress.remaining_ms = None;
        assert_eq!(told(&progress), counts);
    }
}
