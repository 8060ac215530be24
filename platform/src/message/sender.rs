//! Sending what is due, again until it was taken or is of no use any more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::carrier::{Carriers, Outcome};
use super::key::{Opener, Unseal};
use super::store::{self, After, Due, Lane};
use super::{Channel, State, key_store, rest_hook};
use crate::clock::{Clock, Millis};
use crate::db::{Db, Error};

/// After how long a message is tried again; after the last it is given up.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
    Duration::from_mins(1),
    Duration::from_mins(2),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
    Duration::from_hours(4),
];
/// For how long a message is whoever's tries it: longer than any try.
const CLAIM: Duration = Duration::from_mins(1);
/// How many messages are tried at once.
const PAGE: u32 = 16;
/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(500);
/// How long to wait before sweeping again.
const SWEEP_PAUSE: Duration = Duration::from_secs(15);
/// How many rows one transaction forgets.
const ROWS: u32 = 500;

/// Sends messages. Clones share everything.
#[derive(Clone)]
pub struct Sender(Arc<Shared>);

struct Shared {
    db: Db,
    clock: Clock,
    carriers: Carriers,
    /// What opens the private key, and the key once it was opened.
    key: Option<(Unseal, OnceCell<Opener>)>,
}

impl Sender {
    /// Sends what is in this database by these ways, as long as nothing is encrypted there.
    pub fn new(db: Db, clock: Clock, carriers: Carriers) -> Self {
        Self(Arc::new(Shared { db, clock, carriers, key: None }))
    }

    /// The same where messages lie encrypted.
    pub fn opening(db: Db, clock: Clock, carriers: Carriers, unseal: Unseal) -> Self {
        Self(Arc::new(Shared { db, clock, carriers, key: Some((unseal, OnceCell::new())) }))
    }

    /// Sends for as long as it is polled. Stopping it anywhere loses nothing, and several machines that do it share the work.
    /// A mail server that hangs holds up no text message, and notices hold up no code.
    pub async fn keep_sending(self) {
        tokio::join!(
            self.keep_lane(Channel::Email, Lane::Urgent),
            self.keep_lane(Channel::Email, Lane::Patient),
            self.keep_lane(Channel::Text, Lane::Urgent),
            self.keep_lane(Channel::Text, Lane::Patient),
            self.keep_lane(Channel::Hook, Lane::Urgent),
            self.keep_lane(Channel::Hook, Lane::Patient),
            self.keep_sweeping()
        );
    }

    async fn keep_lane(&self, channel: Channel, lane: Lane) {
        loop {
            match self.send_lane(channel, lane).await {
                Ok(tried) if tried > 0 => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "messages could not be read or noted: {error}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn keep_sweeping(&self) {
        loop {
            match self.sweep().await {
                Ok(rows) if rows >= u64::from(ROWS) => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "messages that are over were not swept: {error}"),
            }
            tokio::time::sleep(SWEEP_PAUSE).await;
        }
    }

    /// Tries what is due of a channel, a page at most of what is urgent and then of what is not; says how many messages were tried.
    pub async fn send_due(&self, channel: Channel) -> Result<usize, Error> {
        let urgent = self.send_lane(channel, Lane::Urgent).await?;
        Ok(urgent + self.send_lane(channel, Lane::Patient).await?)
    }

    async fn send_lane(&self, channel: Channel, lane: Lane) -> Result<usize, Error> {
        if !self.0.carriers.carries(channel) {
            return Ok(0);
        }
        let now = self.0.clock.now();
        let mut tries = JoinSet::new();
        for due in store::due(self.0.db.read(), (channel, lane), now, PAGE).await? {
            let sender = self.clone();
            tries.spawn(async move { sender.attempt(channel, due, now).await });
        }
        let (mut many, mut failed) = (0, None);
        while let Some(done) = tries.join_next().await {
            match done {
                Ok(Ok(mine)) => many += usize::from(mine),
                Ok(Err(error)) => failed = Some(error),
                // It panicked, which is told where panics are; the message is due again when its claim has ended.
                Err(_) => {}
            }
        }
        failed.map_or(Ok(many), Err)
    }

    /// Settles what is of no use any more, encrypts what a former version left in clear, forgets what was settled long ago, and shows
    /// how long messages have waited. Says how many were forgotten.
    pub async fn sweep(&self) -> Result<u64, Error> {
        let Shared { db, clock, carriers, .. } = &*self.0;
        let now = clock.now();
        let before = now.minus(carriers.kept);
        let (expired, forgotten) = db
            .write(move |tx| {
                Box::pin(async move {
                    let expired = store::expire(tx, now).await?;
                    key_store::seal_what_is_clear(tx, ROWS).await?;
                    Ok::<_, Error>((expired, store::forget(tx, before, ROWS).await?))
                })
            })
            .await?;
        if expired > 0 {
            tracing::warn!(expired, "{expired} messages were of no use any more before they could be sent");
        }
        for channel in Channel::ALL {
            let waiting = store::waiting(db.read(), channel, now).await?;
            metrics::gauge!("messages_waiting_seconds", "channel" => channel.word())
                .set(waiting.as_secs_f64());
        }
        Ok(forgotten)
    }

    /// Tries one message, if no other machine does.
    async fn attempt(&self, channel: Channel, mut due: Due, now: Millis) -> Result<bool, Error> {
        let Shared { db, clock, carriers, .. } = &*self.0;
        let claimed = due.clone();
        let mine = db
            .write(move |tx| Box::pin(async move { store::claim(tx, &claimed, now.plus(CLAIM)).await }))
            .await?;
        if !mine {
            return Ok(false);
        }
        due.sent_at = clock.now();
        let outcome = match self.opened(channel, &mut due).await {
            Ok(()) => carriers.carry(channel, &due).await,
            Err(outcome) => outcome,
        };
        let now = clock.now();
        let pause = usize::try_from(due.attempts).ok().and_then(|tried| PAUSES.get(tried));
        let (after, word, told) = match (outcome, pause) {
            (Outcome::Taken(told), _) => (After::Settled(State::Sent, now), "sent", told),
            (Outcome::Failed(told), Some(pause)) => (After::Again(now.plus(*pause)), "failed", told),
            (Outcome::Refused(told) | Outcome::Failed(told), _) => {
                (After::Settled(State::GivenUp, now), "given-up", told)
            }
        };
        metrics::counter!("message_tries_total", "channel" => channel.word(), "outcome" => word).increment(1);
        if word != "sent" {
            tracing::warn!(message = %due.id, channel = channel.word(), "a message was not taken: {told}");
        }
        db.write(move |tx| Box::pin(async move { store::note(tx, &due.id, after, &told).await })).await?;
        Ok(true)
    }

    /// Opens what a message says, if it is encrypted, and what goes with it; what comes of the try otherwise.
    async fn opened(&self, channel: Channel, due: &mut Due) -> Result<(), Outcome> {
        let Some(sealed) = due.sealed.take() else { return Ok(()) };
        let Some((unseal, opener)) = &self.0.key else {
            return Err(Outcome::Failed("what it says is encrypted, and this process has no key".to_owned()));
        };
        let opener = opener.get_or_try_init(|| self.opener(unseal)).await.map_err(Outcome::Failed)?;
        // One that was encrypted for another row, or to another key, never opens.
        due.text = opener.open(&due.id, &sealed).map_err(|error| Outcome::Refused(error.to_string()))?;
        if channel == Channel::Hook && !due.text.is_empty() {
            let headers = rest_hook::opened(opener, &due.text);
            due.text =
                headers.ok_or_else(|| Outcome::Refused("what goes with it does not open".to_owned()))?;
        }
        Ok(())
    }

    async fn opener(&self, unseal: &Unseal) -> Result<Opener, String> {
        let kept = key_store::sealed_key(self.0.db.read()).await.map_err(|error| error.to_string())?;
        let kept = kept.ok_or_else(|| "the key under which messages lie is not there".to_owned())?;
        let private = unseal(kept.sealed).await?;
        Opener::new(&private).map_err(|error| error.to_string())
    }
}
