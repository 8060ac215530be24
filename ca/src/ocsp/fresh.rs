//! Answers that are signed now, for many questions at once.
//!
//! Questions that come while the database is read share the next read: one statement tells how many changes there were
//! and where every serial of the group stands, after all of them came. What is to be signed then goes to the token in as
//! few calls as may be, while the next group is read for. As many groups are under way as the token has sessions, and one
//! more; while there are, what comes waits and is one group. So a question that comes alone waits for nobody, and under
//! load a hand-over to the database, to the token and back is one for the group and not one for each.

use std::sync::Arc;

use pki::ocsp::{Refusal, Request};
use platform::clock::Millis;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::data::{self, Data};
use super::responder::Responder;
use super::{HOLDS, Standing, refusal, standing};
use crate::authority::Authority;
use crate::book::Book;
use crate::error::Error;
use crate::intent::whole_second;
use crate::issuer::Issuer;
use crate::serial::Serial;
use crate::store::standings::{self, Seen};

/// How many questions a group holds at most.
const MOST: usize = 64;
/// How many may wait; who finds no place is told to come later.
const WAITING: usize = 4_096;

/// The way to the task that makes groups. It ends with the last of these.
pub(super) struct Fresh {
    questions: mpsc::Sender<Asked>,
}

/// A question, and the way back.
struct Asked {
    authority: Authority,
    issuer: Arc<Issuer>,
    request: Arc<Request>,
    /// What each of its names means, in their order.
    meant: Vec<Meant>,
    now: Millis,
    reply: oneshot::Sender<Result<Signed, Refusal>>,
}

/// Which certificate a name in a question means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    /// One with a serial as we give them.
    Serial(Serial),
    /// One that we cannot have issued: every serial of ours has one length.
    NeverIssued,
    /// One of another issuer than the one whose responder signs.
    OtherIssuer,
}

/// An answer as it came from the token.
pub(super) struct Signed {
    pub(super) octets: Vec<u8>,
    /// What it says of each certificate.
    pub(super) standings: Vec<Standing>,
    /// The count of changes as of which it says so.
    pub(super) changes: i64,
    /// Of the responder.
    pub(super) generation: i64,
    pub(super) this_update: Millis,
    pub(super) next_update: Millis,
}

/// An answer before it is signed.
struct Draft {
    written: Vec<u8>,
    standings: Vec<Standing>,
    this_update: Millis,
    next_update: Millis,
    reply: oneshot::Sender<Result<Signed, Refusal>>,
}

/// What one responder signs of a group.
struct Batch {
    responder: Arc<Responder>,
    changes: i64,
    drafts: Vec<Draft>,
    /// Of its group.
    under_way: Arc<OwnedSemaphorePermit>,
}

impl Fresh {
    pub(super) fn start() -> Fresh {
        let (questions, asked) = mpsc::channel(WAITING);
        tokio::spawn(group(asked));
        Fresh { questions }
    }

    /// Signs an answer by this issuer's responder. Every change that was answered before this was called is in it.
    pub(super) async fn answer(
        &self,
        authority: &Authority,
        book: &Book,
        issuer: &Arc<Issuer>,
        request: &Arc<Request>,
        now: Millis,
    ) -> Result<Signed, Refusal> {
        let meant = request.ids().iter().map(|id| {
            if book.asked(id) != Some(issuer.id()) {
                return Meant::OtherIssuer;
            }
            Serial::from_content(id.serial().content()).map_or(Meant::NeverIssued, Meant::Serial)
        });
        let (reply, answer) = oneshot::channel();
        let asked = Asked {
            meant: meant.collect(),
            authority: authority.clone(),
            issuer: Arc::clone(issuer),
            request: Arc::clone(request),
            now,
            reply,
        };
        self.questions.try_send(asked).map_err(|error| refusal(&standing::full(&error).into()))?;
        // A task that panicked has said why.
        answer.await.unwrap_or(Err(Refusal::InternalError))
    }
}

async fn group(mut questions: mpsc::Receiver<Asked>) {
    let mut group = Vec::with_capacity(MOST);
    let mut places = None;
    while questions.recv_many(&mut group, MOST).await > 0 {
        group.retain(|asked: &Asked| !asked.reply.is_closed());
        let Some(first) = group.first() else { continue };
        let authority = first.authority.clone();
        let places = places
            .get_or_insert_with(|| Arc::new(Semaphore::new(authority.hsm().sessions().saturating_add(1))));
        // Nobody closes it.
        let Ok(under_way) = Arc::clone(places).acquire_owned().await else { return };
        while group.len() < MOST
            && let Ok(asked) = questions.try_recv()
        {
            group.push(asked);
        }
        let serials: Vec<Serial> = group.iter().flat_map(Asked::serials).collect();
        match standings::look(authority.desk().db.read(), &serials).await {
            Ok(seen) => {
                let group = std::mem::take(&mut group);
                drop(tokio::spawn(answer(authority, group, seen, Arc::new(under_way))));
            }
            Err(error) => {
                let refusal = refusal(&error.into());
                for asked in group.drain(..) {
                    // Whoever has gone does not mind, here and below.
                    let _gone = asked.reply.send(Err(refusal));
                }
            }
        }
    }
}

/// Writes the answers of a group and has each responder sign its own.
async fn answer(authority: Authority, group: Vec<Asked>, seen: Seen, under_way: Arc<OwnedSemaphorePermit>) {
    let mut batches: Vec<Batch> = Vec::new();
    for asked in group {
        match asked.responder(&authority, &seen).await {
            Ok((responder, standings)) => {
                let draft = asked.draft(&responder, standings);
                let of_responder = batches.iter_mut().find(|batch| Arc::ptr_eq(&batch.responder, &responder));
                if let Some(batch) = of_responder {
                    batch.drafts.push(draft);
                } else {
                    let (changes, under_way) = (seen.changes, Arc::clone(&under_way));
                    batches.push(Batch { responder, changes, drafts: vec![draft], under_way });
                }
            }
            Err(refusal) => drop(asked.reply.send(Err(refusal))),
        }
    }
    drop(under_way);
    let mut calls: Vec<Batch> = batches.into_iter().flat_map(Batch::calls).collect();
    let last = calls.pop();
    for call in calls {
        tokio::spawn(call.sign());
    }
    if let Some(call) = last {
        call.sign().await;
    }
}

impl Asked {
    fn serials(&self) -> impl Iterator<Item = Serial> {
        self.meant.iter().filter_map(|meant| match meant {
            Meant::Serial(serial) => Some(*serial),
            Meant::NeverIssued | Meant::OtherIssuer => None,
        })
    }

    /// Who signs, and what.
    async fn responder(
        &self,
        authority: &Authority,
        seen: &Seen,
    ) -> Result<(Arc<Responder>, Vec<Standing>), Refusal> {
        let issuer = self.issuer.id();
        let standings: Result<_, Error> =
            self.meant.iter().map(|meant| meant.standing(issuer.as_str(), seen)).collect();
        let standings = standings.map_err(|error| refusal(&error))?;
        let responders = &authority.ocsp().responders;
        let responder =
            responders.of(authority.desk(), authority.hsm(), &self.issuer, self.now, seen.changes);
        match responder.await {
            Ok(Some(responder)) => Ok((responder, standings)),
            Ok(None) => {
                tracing::warn!(%issuer, "the OCSP responder of {issuer} has no certificate in force");
                Err(Refusal::TryLater)
            }
            Err(error) => Err(refusal(&error)),
        }
    }

    fn draft(self, responder: &Responder, standings: Vec<Standing>) -> Draft {
        let this_update = whole_second(self.now);
        // An answer must not outlive the certificate it is checked with.
        let next_update = HOLDS.after(this_update).min(Millis(responder.certificate.not_after_ms()));
        let singles: Vec<_> = self.request.ids().iter().zip(standings.iter().copied()).collect();
        let nonce = self.request.nonce();
        let written = data::write(&Data {
            key_hash: &responder.key_hash,
            this_update,
            next_update,
            singles: &singles,
            nonce,
        });
        Draft { written, standings, this_update, next_update, reply: self.reply }
    }
}

impl Meant {
    fn standing(self, issuer: &str, seen: &Seen) -> Result<Standing, Error> {
        match self {
            Meant::Serial(serial) => {
                Ok(seen.row(&serial)?.map_or(Standing::NeverIssued, |row| row.of(issuer)))
            }
            Meant::NeverIssued => Ok(Standing::NeverIssued),
            Meant::OtherIssuer => Ok(Standing::OtherIssuer),
        }
    }
}

impl Batch {
    /// One for each call to the token, all of about the same size: who is signed for first need not wait for the others.
    fn calls(mut self) -> Vec<Batch> {
        let each = self.drafts.len().div_ceil(hsm::calls(self.drafts.len())).max(1);
        let mut calls = Vec::new();
        while self.drafts.len() > each {
            let drafts = self.drafts.split_off(self.drafts.len() - each);
            let (responder, under_way) = (Arc::clone(&self.responder), Arc::clone(&self.under_way));
            calls.push(Batch { responder, changes: self.changes, drafts, under_way });
        }
        calls.push(self);
        calls
    }

    /// Has one call signed, and answers those who asked.
    async fn sign(self) {
        let Batch { responder, changes, drafts, under_way } = self;
        let Responder { generation, key, frame, .. } = &*responder;
        let messages = drafts.iter().map(|draft| draft.written.clone()).collect();
        // One of each call is verified here, and each by whoever asked.
        let signatures = key.sign_messages_spot_checked(key.alg().default_scheme(), messages).await;
        drop(under_way);
        let signatures = match signatures {
            Ok(signatures) => signatures,
            Err(error) => {
                let refusal = refusal(&error.into());
                return drafts.into_iter().for_each(|draft| drop(draft.reply.send(Err(refusal))));
            }
        };
        for (draft, signature) in drafts.into_iter().zip(signatures) {
            let Draft { written, standings, this_update, next_update, reply } = draft;
            let octets = frame.join(&written, &signature);
            let generation = *generation;
            drop(reply.send(Ok(Signed { octets, standings, changes, generation, this_update, next_update })));
        }
    }
}
