//! `certConf`: whether the client takes what it got (RFC 9483 4.1.1, RFC 9810 5.3.18).

use aws_lc_rs::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_SHA_256, ID_SHA_384, ID_SHA_512};
use pki::cmp::{CertificateStatus, Failure};
use platform::db::Tx;

use super::conversation::{Conversation, Reply};
use super::refusal::Refusal;
use super::writing::{self, body};
use crate::enrol::sweep;
use crate::error::Error;
use crate::events::Event;
use crate::joining::algorithm_identifier;
use crate::serial::Serial;
use crate::store::certificates::{self, Moved};
use crate::store::transactions::{self, State, Transaction};

/// `PKIStatus` of a rejection.
const REJECTION: u8 = 2;

/// Confirms what this transaction gave, or revokes it when the client rejects it.
pub(super) async fn confirm(
    conversation: &Conversation<'_>,
    list: &[CertificateStatus],
) -> Result<Reply, Refusal> {
    let transaction = waiting(conversation).await?;
    conversation.take_nonce().await?;
    let (serial, der) = given(conversation, &transaction).await?;
    // RFC 9483 4.1.1: one element; an empty list rejects everything (RFC 9810 5.3.18).
    let kept = match list {
        [] => false,
        [status] => {
            demand_hash(status, &der)?;
            status.status.is_none_or(|status| status < REJECTION)
        }
        _ => return Err(Refusal::new(Failure::BadRequest, "one certificate was given, one is confirmed")),
    };
    if kept {
        keep(conversation, serial).await?;
    } else {
        let why = "the client rejected it";
        sweep::lapse(conversation.enrolment, &transaction, why, &conversation.actor()).await?;
    }
    Ok(Reply::plain(writing::numbered(body::CONFIRMED, &writing::confirmed())))
}

/// The transaction, if it waits for this very message.
async fn waiting(conversation: &Conversation<'_>) -> Result<Transaction, Refusal> {
    let desk = conversation.enrolment.authority().desk();
    let transaction = transactions::by_key(desk.db.read(), &conversation.key()).await?;
    let unknown =
        || Refusal::new(Failure::BadRequest, "no certificate of this transaction waits for confirmation");
    let transaction = transaction.ok_or_else(unknown)?;
    match transaction.state {
        State::Waiting => {}
        State::Confirmed => {
            return Err(Refusal::new(Failure::CertificateConfirmed, "the certificate is confirmed already"));
        }
        State::Lapsing | State::Lapsed => return Err(too_late()),
        State::Begun | State::Closed => return Err(unknown()),
    }
    let expected = transaction.our_nonce.as_deref();
    if conversation.header.recipient_nonce.as_ref().map(hex::encode).as_deref() != expected {
        let sentence = "recipNonce is not the nonce of the answer that gave the certificate";
        return Err(Refusal::new(Failure::BadRecipientNonce, sentence));
    }
    Ok(transaction)
}

fn too_late() -> Refusal {
    let sentence = "the certificate was not confirmed in time, or was rejected, and is revoked";
    Refusal::new(Failure::CertificateRevoked, sentence)
}

async fn given(
    conversation: &Conversation<'_>,
    transaction: &Transaction,
) -> Result<(Serial, Vec<u8>), Refusal> {
    let missing = || Refusal::new(Failure::SystemFailure, "the certificate of this transaction is missing");
    let serial = transaction.serial.ok_or_else(missing)?;
    let read = conversation.enrolment.authority().desk().db.read();
    let stored = certificates::by_serial(read, &serial).await?.ok_or_else(missing)?;
    Ok((serial, stored.certificate.ok_or_else(missing)?))
}

/// RFC 9810 5.3.18: the hash is that of the certificate's signature, unless another is named.
fn demand_hash(status: &CertificateStatus, der: &[u8]) -> Result<(), Refusal> {
    if !matches!(status.request_id, 0 | -1) {
        return Err(Refusal::new(Failure::BadRequest, "certReqId is not the one of the request"));
    }
    let algorithm = match status.hash_algorithm {
        Some(oid) => named_hash(oid).ok_or_else(|| {
            Refusal::new(Failure::BadAlgorithm, format!("the hash algorithm {oid} is not supported"))
        })?,
        None => signature_hash(der).ok_or_else(|| {
            let sentence = "the certificate's signature has no hash of its own: name one in hashAlg";
            Refusal::new(Failure::BadAlgorithm, sentence)
        })?,
    };
    if digest(algorithm, der).as_ref() == status.hash {
        Ok(())
    } else {
        Err(Refusal::new(Failure::BadCertificateId, "certHash is not the hash of the certificate given"))
    }
}

fn named_hash(oid: ObjectIdentifier) -> Option<&'static Algorithm> {
    match oid {
        ID_SHA_256 => Some(&SHA256),
        ID_SHA_384 => Some(&SHA384),
        ID_SHA_512 => Some(&SHA512),
        _ => None,
    }
}

/// The hash of the signature's algorithm, if it has one: ML-DSA hashes in its own way, so that its certificates are
/// confirmed with a hash that is named.
fn signature_hash(der: &[u8]) -> Option<&'static Algorithm> {
    let certificate = pki::Certificate::from_der(der).ok()?;
    let written = certificate.signature_algorithm_der();
    let alg = hsm::Alg::ALL.into_iter().find(|alg| algorithm_identifier(*alg) == written)?;
    match alg.default_scheme().digest_len()? {
        32 => Some(&SHA256),
        48 => Some(&SHA384),
        64 => Some(&SHA512),
        _ => None,
    }
}

async fn keep(conversation: &Conversation<'_>, serial: Serial) -> Result<(), Refusal> {
    let (key, actor, now) = (conversation.key(), conversation.actor(), conversation.now);
    let moved = conversation
        .enrolment
        .authority()
        .desk()
        .db
        .write(move |tx: &mut Tx| {
            Box::pin(async move {
                let moved = transactions::advance(tx, &key, State::Waiting, State::Confirmed, None).await?;
                if moved == Moved::Moved {
                    let event = Event::EnrolmentConfirmed {
                        serial: serial.to_string(),
                        how: "by the client".to_owned(),
                    };
                    audit::record(tx, now, &actor, &event).await?;
                }
                Ok::<_, Error>(moved)
            })
        })
        .await?;
    if moved == Moved::Moved { Ok(()) } else { Err(too_late()) }
}
