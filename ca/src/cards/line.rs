//! The way from an errand's thread, which may wait, to the task that speaks to the agent, which may not.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use card::relay::Line;
use card::transport::TransportError;
use card::wire::relay::{ENTERED, FromAgent, ToAgent};
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

/// Both ends. The errand waits so long for an answer of the card, and then takes it for gone.
pub(crate) fn channel(patience: Duration) -> (ChannelLine, AgentLine) {
    // One is said at a time, and answered before the next.
    let (say, said) = asynchronous::channel(1);
    let (heard, hear) = mpsc::channel();
    (ChannelLine { say, hear, patience }, AgentLine { said, heard })
}

impl ChannelLine {
    /// Who enters a passcode is slower than a card, and has a deadline of their own, which the agent keeps.
    fn patience_with(&self, said: &ToAgent) -> Duration {
        match said {
            ToAgent::ChoosePasscode { .. } | ToAgent::EnterPasscode { .. } => self.patience.max(ENTERED),
            ToAgent::Apdu { .. } | ToAgent::End { .. } => self.patience,
        }
    }
}

impl Line for ChannelLine {
    fn ask(&mut self, said: ToAgent) -> Result<FromAgent, TransportError> {
        // An answer that came too late is none to this.
        while self.hear.try_recv().is_ok() {}
        // A passcode is chosen or entered by somebody, whose time says nothing of cards.
        let of_card = matches!(said, ToAgent::Apdu { .. });
        let patience = self.patience_with(&said);
        let begun = Instant::now();
        self.say.blocking_send(said).map_err(|_| TransportError::Removed)?;
        let heard = self.hear.recv_timeout(patience).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => TransportError::TimedOut,
            mpsc::RecvTimeoutError::Disconnected => TransportError::Removed,
        })?;
        if of_card {
            metrics::histogram!("ca_card_command_seconds").record(begun.elapsed().as_secs_f64());
        }
        Ok(heard)
    }
}

#[cfg(test)]
mod tests {
    use card::wire::relay::{CHOOSING, Octets};

    use super::*;

    /// A passcode may be chosen later than a card may answer, as late as the agent allows; a card may not.
    #[test]
    fn passcode_may_come_later_than_an_answer() {
        let patience = Duration::from_millis(20);
        let (mut line, mut agent) = channel(patience);
        assert!(line.patience_with(&ToAgent::ChoosePasscode { number: 1, own: None }) > CHOOSING);
        let answering = std::thread::spawn(move || {
            // The holder thinks for longer than any card may.
            assert!(agent.said.blocking_recv().is_some());
            std::thread::sleep(5 * patience);
            agent.heard.send(FromAgent::PasscodeChosen { number: 1 }).unwrap();
            assert!(agent.said.blocking_recv().is_some());
            agent
        });
        let chosen = line.ask(ToAgent::ChoosePasscode { number: 1, own: None }).unwrap();
        assert_eq!(chosen, FromAgent::PasscodeChosen { number: 1 });
        let silent = line.ask(ToAgent::Apdu { number: 2, octets: Octets(vec![0, 0xA4].into()) });
        assert!(matches!(silent, Err(TransportError::TimedOut)));
        drop(answering.join().unwrap());
    }
}
