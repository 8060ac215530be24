//! The way from an errand's thread, which may wait, to the task that speaks to the agent, which may not.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use card::relay::Line;
use card::transport::TransportError;
use card::wire::relay::{FromAgent, ToAgent};
use tokio::sync::mpsc as asynchronous;

/// The errand's end.
pub(crate) struct ChannelLine {
    say: asynchronous::Sender<ToAgent>,
    hear: mpsc::Receiver<FromAgent>,
    patience: Duration,
}

/// The end of the task that speaks to the agent.
pub(crate) struct AgentLine {
    /// What the errand says.
    pub(crate) said: asynchronous::Receiver<ToAgent>,
    /// What the agent says.
    pub(crate) heard: mpsc::Sender<FromAgent>,
}

/// Both ends. The errand waits so long for an answer, and then takes the card for gone.
pub(crate) fn channel(patience: Duration) -> (ChannelLine, AgentLine) {
    // One is said at a time, and answered before the next.
    let (say, said) = asynchronous::channel(1);
    let (heard, hear) = mpsc::channel();
    (ChannelLine { say, hear, patience }, AgentLine { said, heard })
}

impl Line for ChannelLine {
    fn ask(&mut self, said: ToAgent) -> Result<FromAgent, TransportError> {
        // An answer that came too late is none to this.
        while self.hear.try_recv().is_ok() {}
        // A passcode is chosen by somebody, whose time says nothing of cards.
        let of_card = matches!(said, ToAgent::Apdu { .. });
        let begun = Instant::now();
        self.say.blocking_send(said).map_err(|_| TransportError::Removed)?;
        let heard = self.hear.recv_timeout(self.patience).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => TransportError::TimedOut,
            mpsc::RecvTimeoutError::Disconnected => TransportError::Removed,
        })?;
        if of_card {
            metrics::histogram!("ca_card_command_seconds").record(begun.elapsed().as_secs_f64());
        }
        Ok(heard)
    }
}
