//! The sequencer at work: a task that looks for events and signs about once a second.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{GROUP, Sequencer};
use crate::error::Error;
use crate::log::Log;

/// How often waiting events are looked for.
const LOOK: Duration = Duration::from_millis(200);

/// How often a grown tree is signed.
const SIGN: Duration = Duration::from_secs(1);

/// How long to wait after a failure; a token or database that is away is not asked more often.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The tasks of a log. Dropping it stops them where they are, which is always safe; `stop` ends them in order.
pub struct Running {
    sequencer: Task,
    /// Those that carry outside what the sequencer signed.
    followers: Vec<Task>,
}

/// A task and how to tell it to come to its end.
struct Task {
    stop: watch::Sender<bool>,
    handle: JoinHandle<()>,
}

impl Task {
    async fn stop(&mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.handle).await {
            warn!(%error, "a task of the audit record ended badly: {error}");
        }
    }
}

impl Log {
    /// Start the sequencer, the sink, the witnesses, retention and the export, as far as they are configured.
    pub fn start(&self) -> Running {
        let (stop, stopped) = watch::channel(false);
        let sequencer = Task { stop, handle: tokio::spawn(run(Sequencer::new(self), stopped)) };
        let (stop, stopped) = watch::channel(false);
        let mut handles = vec![crate::retention::start(self, &stopped)];
        handles.extend(crate::sink::start(self, &stopped));
        handles.extend(crate::witness::start(self, &stopped));
        handles.extend(crate::export::otlp::start(self, &stopped));
        let followers = handles.into_iter().map(|handle| Task { stop: stop.clone(), handle }).collect();
        Running { sequencer, followers }
    }
}

impl Running {
    /// Put what waits into the tree, sign it, and end. Whatever is left is done by the next start.
    pub async fn stop(mut self) {
        // In this order, so that the last checkpoint reaches the sink.
        self.sequencer.stop().await;
        for follower in &mut self.followers {
            follower.stop().await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.sequencer.handle.abort();
        for follower in &self.followers {
            follower.handle.abort();
        }
    }
}

async fn run(mut sequencer: Sequencer, mut stopped: watch::Receiver<bool>) {
    let mut signed: Option<Instant> = None;
    let mut failing = false;
    loop {
        let last = *stopped.borrow();
        let due = last || signed.is_none_or(|signed| signed.elapsed() >= SIGN);
        let done = turn(&mut sequencer, due).await;
        match done {
            Ok(true) => signed = Some(Instant::now()),
            // Overtaken is no failure: another node works, and this one looks again.
            Ok(false) | Err(Error::Overtaken) => {}
            Err(ref error) if !failing => {
                let cause = crate::error::chain(error);
                warn!(%cause, "the audit log does not advance, events are kept and wait: {cause}");
            }
            Err(_) => {}
        }
        let failed = matches!(&done, Err(error) if !matches!(error, Error::Overtaken));
        if failing && !failed {
            info!("the audit log advances again");
        }
        failing = failed;
        if last {
            return;
        }
        let pause = if failing { AFTER_FAILURE } else { LOOK };
        let _ = tokio::time::timeout(pause, stopped.changed()).await;
    }
}

/// Everything that waits, then a signature when it is due. Says whether it signed.
async fn turn(sequencer: &mut Sequencer, due: bool) -> Result<bool, Error> {
    let started = Instant::now();
    while sequencer.sequence().await? == GROUP && started.elapsed() < SIGN {}
    Ok(due && sequencer.publish().await?.is_some())
}
