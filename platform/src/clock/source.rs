//! Whether the machine's clock can be believed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Who keeps the machine's clock right: `[time] source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The kernel says whether some time daemon keeps it synchronised, and how uncertain it is.
    Kernel,
    /// chrony says it.
    Chrony,
    /// The operator says it, for instance because the machine is virtual and the host keeps the time.
    HostTrusted,
}

/// How far from the true time the clock may be; unknown where only the host is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accuracy {
    /// The greatest possible error.
    pub bound: Option<Duration>,
}

/// A clock that cannot be believed, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// No time daemon keeps the clock.
    #[error(
        "the clock is not synchronised; start a time daemon, or set [time] source to what keeps the time"
    )]
    NotSynchronised,
    /// It is kept, but not well enough.
    #[error(
        "the clock may be wrong by {bound:?}, more than the {limit:?} allowed; check the time daemon's servers"
    )]
    TooUncertain {
        /// The greatest possible error.
        bound: Duration,
        /// The configured limit.
        limit: Duration,
    },
    /// The source did not answer.
    #[error("the state of the clock could not be read: {reason}")]
    Unreadable {
        /// What went wrong.
        reason: String,
    },
}

impl Source {
    /// Asks the source whether the clock is within `limit` of the true time. `chrony` starts a process: do not ask
    /// in a request.
    pub async fn check(self, limit: Duration) -> Result<Accuracy, Untrusted> {
        let bound = match self {
            Self::HostTrusted => return Ok(Accuracy { bound: None }),
            Self::Kernel => kernel()?,
            Self::Chrony => chrony().await?,
        };
        if bound > limit {
            return Err(Untrusted::TooUncertain { bound, limit });
        }
        Ok(Accuracy { bound: Some(bound) })
    }
}

/// The bound that the kernel keeps: `maxerror`, in microseconds, with `STA_UNSYNC` cleared by the daemon.
fn kernel() -> Result<Duration, Untrusted> {
    let timex = adjtimex().map_err(|error| Untrusted::Unreadable { reason: error.to_string() })?;
    let synchronised = timex.state != libc::TIME_ERROR && timex.values.status & libc::STA_UNSYNC == 0;
    if !synchronised {
        return Err(Untrusted::NotSynchronised);
    }
    Ok(Duration::from_micros(u64::try_from(timex.values.maxerror).unwrap_or(u64::MAX)))
}

struct Timex {
    state: libc::c_int,
    values: libc::timex,
}

#[expect(
    unsafe_code,
    reason = "no kept crate reads adjtimex without also setting clocks; the call only fills the structure it is given"
)]
fn adjtimex() -> std::io::Result<Timex> {
    // SAFETY: timex is a plain structure of integers, for which zero is a value; `modes` zero makes the call read
    // only; the pointer is to a live structure of the right type.
    let (state, values) = unsafe {
        let mut values: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut values), values)
    };
    if state < 0 { Err(std::io::Error::last_os_error()) } else { Ok(Timex { state, values }) }
}

/// chrony's bound: root dispersion and half the root delay on top of the present offset.
async fn chrony() -> Result<Duration, Untrusted> {
    const TIME_OUT: Duration = Duration::from_secs(5);
    let unreadable = |reason: String| Untrusted::Unreadable { reason };
    let asking =
        tokio::process::Command::new("chronyc").args(["-c", "-n", "tracking"]).kill_on_drop(true).output();
    let output = match tokio::time::timeout(TIME_OUT, asking).await {
        Ok(output) => output.map_err(|error| unreadable(format!("chronyc could not be run: {error}")))?,
        Err(_) => return Err(unreadable("chronyc did not answer".to_owned())),
    };
    if !output.status.success() {
        return Err(unreadable(String::from_utf8_lossy(&output.stdout).trim().to_owned()));
    }
    tracking(&String::from_utf8_lossy(&output.stdout))
}

/// Reads the line of `chronyc -c tracking`: 4 is the system offset, 10 the root delay, 11 the root dispersion, all in
/// seconds, and 13 the leap status.
fn tracking(line: &str) -> Result<Duration, Untrusted> {
    let fields: Vec<&str> = line.trim().split(',').collect();
    let seconds = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    let (Some(offset), Some(delay), Some(dispersion), Some(leap)) =
        (seconds(4), seconds(10), seconds(11), fields.get(13))
    else {
        return Err(Untrusted::Unreadable { reason: "chronyc's answer has another form".to_owned() });
    };
    if *leap == "Not synchronised" {
        return Err(Untrusted::NotSynchronised);
    }
    Duration::try_from_secs_f64(offset.abs() + dispersion + delay / 2.0)
        .map_err(|error| Untrusted::Unreadable { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// chrony's bound is read from its one line, and a daemon without a source is not believed.
    #[test]
    fn chrony_is_read() {
        let line = |leap: &str| {
            format!(
                "C0000201,192.0.2.1,2,1700000000.1,-0.002,0.000001,0.00002,-1.5,0.01,0.02,0.010,0.001,64.4,{leap}\n"
            )
        };
        assert_eq!(tracking(&line("Normal")), Ok(Duration::from_millis(8)));
        assert_eq!(tracking(&line("Not synchronised")), Err(Untrusted::NotSynchronised));
        assert!(matches!(tracking("506 Cannot talk to daemon"), Err(Untrusted::Unreadable { .. })));
    }

    /// The kernel answers with a bound or says that nobody keeps its clock; it never fails to answer.
    #[test]
    fn kernel_answers() {
        assert!(!matches!(kernel(), Err(Untrusted::Unreadable { .. })));
    }
}
