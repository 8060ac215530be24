//! One message that is answered, and how its transaction goes on.

use audit::Actor;
use pki::Certificate;
use pki::cmp::{Failure, Header};
use platform::clock::Millis;
use platform::db::Tx;

use super::guard::{Checked, Nonce};
use super::protection::{Proof, Sender};
use super::refusal::Refusal;
use super::writing::Confirmation;
use crate::enrol::config::{Road, RoadAct};
use crate::enrol::sweep::{self, Lapse};
use crate::enrol::{Enrolment, Refused};
use crate::error::Error;
use crate::events::Event;
use crate::profile::Length;
use crate::serial::Serial;
use crate::store::certificates::Moved;
use crate::store::enrol_secrets;
use crate::store::transactions::{self, Beginning, Begun, State, Transaction, TransactionKey};

/// After this long without an answer a transaction is given up: far above every time-out on its way.
const ANSWERED_WITHIN: Length = Length { seconds: 600 };

/// What is known once the protection has been verified.
pub(super) struct Conversation<'a> {
    pub(super) enrolment: &'a Enrolment,
    pub(super) road: Road<'a>,
    pub(super) header: &'a Header,
    pub(super) checked: Checked,
    pub(super) sender: Sender,
    pub(super) now: Millis,
    /// The nonce of the answer.
    pub(super) nonce: Nonce,
}

/// What is answered.
pub(super) struct Reply {
    /// `PKIBody`.
    pub(super) body: Vec<u8>,
    pub(super) confirmation: Confirmation,
    /// Certificates that the reader may need, beside the signer's.
    pub(super) certificates: Vec<Certificate>,
}

impl Reply {
    pub(super) fn plain(body: Vec<u8>) -> Reply {
        Reply { body, confirmation: Confirmation::None, certificates: Vec::new() }
    }
}

impl Conversation<'_> {
    pub(super) fn key(&self) -> TransactionKey {
        TransactionKey {
            client: self.sender.caller.client.to_string(),
            transaction_id: hex::encode(&self.checked.transaction_id),
        }
    }

    /// The name of this transaction's request at the authority.
    pub(super) fn request_id(&self) -> String {
        crate::enrol::stem("cmp", &[&self.checked.transaction_id])
    }

    pub(super) fn actor(&self) -> Actor {
        Actor::from(&self.sender.caller)
    }

    /// The secret that protects this conversation, if one does.
    fn secret(&self) -> Option<String> {
        match &self.sender.proof {
            Proof::Secret(secret) => Some(secret.reference.clone()),
            Proof::Certificate(_) | Proof::Vendor(_) => None,
        }
    }

    /// Begins the transaction; from here on nobody can begin it again, and no message repeats its nonce. A use of the
    /// secret that protects it is taken in the same moment.
    pub(super) async fn begin(&self, act: RoadAct) -> Result<(), Refusal> {
        let beginning = self.beginning();
        let event = Event::EnrolmentBegun {
            road: beginning.road.clone(),
            act: act.to_string(),
            transaction: beginning.key.transaction_id.clone(),
            proof: self.sender.proof.name(),
        };
        let (actor, now, secret) = (self.actor(), self.now, self.secret());
        let begun = self
            .enrolment
            .authority()
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let begun = transactions::begin(tx, &beginning).await?;
                    if begun == Begun::Fresh {
                        if let Some(reference) = &secret
                            && !enrol_secrets::take_use(tx, reference, now).await?
                        {
                            return Err(Refused::SecretUsedUp.into());
                        }
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(begun)
                })
            })
            .await?;
        match begun {
            Begun::Fresh => Ok(()),
            Begun::IdInUse => {
                let sentence = "this transactionID was used before; choose a new one for each transaction";
                Err(Refusal::new(Failure::TransactionIdInUse, sentence))
            }
            Begun::NonceInUse => Err(nonce_in_use()),
        }
    }

    fn beginning(&self) -> Beginning {
        Beginning {
            key: self.key(),
            sender_nonce: hex::encode(&self.checked.sender_nonce),
            road: self.road.name.to_string(),
            request_id: self.request_id(),
            at: self.now,
            due: ANSWERED_WITHIN.after(self.now),
        }
    }

    /// Takes the nonce of a message that goes on with a transaction: no message of this client has it again. If the
    /// process ends before the message has its effect, the client sends another.
    pub(super) async fn take_nonce(&self) -> Result<(), Refusal> {
        let message = self.beginning();
        let desk = self.enrolment.authority().desk();
        let fresh = desk
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move { Ok::<_, Error>(transactions::take_nonce(tx, &message).await?) })
            })
            .await?;
        if fresh { Ok(()) } else { Err(nonce_in_use()) }
    }

    /// Gives back the use of a secret whose request came to nothing. If the process ends before this, the use is gone.
    async fn return_use(&self) -> Result<(), Refusal> {
        let Some(reference) = self.secret() else { return Ok(()) };
        let desk = self.enrolment.authority().desk();
        desk.db
            .write(move |tx: &mut Tx| {
                Box::pin(async move { Ok::<_, Error>(enrol_secrets::return_use(tx, &reference).await?) })
            })
            .await?;
        Ok(())
    }

    /// Ends a transaction in which nothing waits for confirmation.
    pub(super) async fn close(&self) -> Result<(), Refusal> {
        let key = self.key();
        let desk = self.enrolment.authority().desk();
        desk.db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    // One that was given up meanwhile stays so: its effect is in the record all the same.
                    let _moved = transactions::advance(tx, &key, State::Begun, State::Closed, None).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(())
    }

    /// Ends a transaction that gives nothing; what was issued before it failed is revoked, and where nothing was the secret keeps
    /// its use.
    pub(super) async fn give_up(&self, why: &str) -> Result<(), Refusal> {
        let transaction = Transaction {
            key: self.key(),
            request_id: self.request_id(),
            state: State::Begun,
            our_nonce: None,
            serial: None,
        };
        match sweep::lapse(self.enrolment, &transaction, why, &self.actor()).await? {
            Lapse::OfNothing => self.return_use().await,
            // Whoever else ended it may have revoked something.
            Lapse::Revoked | Lapse::NotThere => Ok(()),
        }
    }

    /// Stores that a certificate is given and how it is confirmed; only then may the answer leave.
    pub(super) async fn deliver(&self, serial: Serial, confirmation: Confirmation) -> Result<(), Refusal> {
        let (key, nonce, now, actor) = (self.key(), hex::encode(self.nonce), self.now, self.actor());
        let due = if let Confirmation::Until(at) = confirmation { Some(at) } else { None };
        let moved = self
            .enrolment
            .authority()
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let moved = transactions::deliver(tx, &key, &serial, &nonce, due).await?;
                    if moved == Moved::Moved && due.is_none() {
                        let event = Event::EnrolmentConfirmed {
                            serial: serial.to_string(),
                            how: "implicitly".to_owned(),
                        };
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(moved)
                })
            })
            .await?;
        if moved == Moved::Moved {
            return Ok(());
        }
        // Given up meanwhile: what was issued after all is nobody's.
        sweep::revoke(self.enrolment, &serial).await?;
        Err(Refusal::new(Failure::SystemFailure, "the transaction took too long and was given up"))
    }
}

fn nonce_in_use() -> Refusal {
    let sentence = "this senderNonce was used before; choose a new one for each message";
    Refusal::new(Failure::BadSenderNonce, sentence)
}
