//! What a person sees: plain lines, and numbered steps with their times.
//!
//! On a terminal a running step shows a spinner; elsewhere only finished lines are written, so that a
//! log of the demo reads like the demo.

use std::fmt::Display;
use std::future::Future;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Writes one line to standard output. A closed pipe is the reader's choice and no error.
pub fn line(text: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Numbered steps of one job.
#[derive(Debug)]
pub struct Steps {
    total: usize,
    done: usize,
    started: Instant,
}

/// How a step ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It did something, and this is what.
    Done(String),
    /// Everything was there already.
    InPlace(String),
}

impl Steps {
    /// Starts counting; `total` is only shown.
    pub fn new(total: usize) -> Self {
        Self { total, done: 0, started: Instant::now() }
    }

    /// Runs one step and shows how it went. The error is returned as it came.
    pub async fn run<T, E>(
        &mut self,
        title: &str,
        work: impl Future<Output = Result<(T, Outcome), E>>,
    ) -> Result<T, E> {
        self.done += 1;
        let label = format!("[{:>2}/{}] {title}", self.done, self.total);
        let spinner = Spinner::start(&label);
        let begun = Instant::now();
        let result = work.await;
        spinner.stop();
        match result {
            Ok((value, Outcome::Done(what))) => {
                line(format_args!("{label:<46} {what} ({})", seconds(begun.elapsed())));
                Ok(value)
            }
            Ok((value, Outcome::InPlace(what))) => {
                line(format_args!("{label:<46} in place: {what}"));
                Ok(value)
            }
            Err(error) => {
                line(format_args!("{label:<46} FAILED ({})", seconds(begun.elapsed())));
                Err(error)
            }
        }
    }

    /// The time since the first step began.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A duration as people say it.
pub fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// A count that moves: a bar on a terminal, now and then a line elsewhere.
#[derive(Debug)]
pub struct Count {
    bar: Option<ProgressBar>,
    noun: &'static str,
    total: u64,
    done: u64,
}

impl Count {
    /// Starts at zero of `total`.
    pub fn new(noun: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = style("{bar:40} {pos}/{len} {msg} {eta}");
            ProgressBar::new(total).with_style(style).with_message(noun)
        });
        Self { bar, noun, total, done: 0 }
    }

    /// Counts `more`.
    pub fn add(&mut self, more: u64) {
        self.done += more;
        match &self.bar {
            Some(bar) => bar.inc(more),
            None => line(format_args!("{} of {} {}", self.done, self.total, self.noun)),
        }
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The look of a bar; a template that does not read gives the plain one.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

struct Spinner(Option<ProgressBar>);

impl Spinner {
    fn start(label: &str) -> Self {
        if !std::io::stdout().is_terminal() {
            return Self(None);
        }
        let bar =
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout()).with_message(label.to_owned());
        bar.set_style(style("{spinner} {msg} {elapsed}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(Some(bar))
    }

    fn stop(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Short times are milliseconds, long ones seconds with one digit.
    #[test]
    fn times_read_like_speech() {
        assert_eq!(seconds(Duration::from_millis(7)), "7 ms");
        assert_eq!(seconds(Duration::from_millis(2345)), "2.3 s");
    }

    /// A failed step gives its error back unchanged.
    #[tokio::test]
    async fn a_failed_step_returns_its_error() {
        let mut steps = Steps::new(1);
        let result: Result<(), &str> = steps.run("breaks", async { Err("because") }).await;
        assert_eq!(result, Err("because"));
    }
}
