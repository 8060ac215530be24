//! The Certificate Management Protocol (RFC 9810) as the Lightweight CMP Profile (RFC 9483) uses it, over HTTP
//! (RFC 9811): `ir`, `cr`, `kur`, `p10cr`, `rr`, `certConf`, and `genm` for the authorities' certificates.
//!
//! A message is taken in this order: read, header checked, protection verified, its signer made a caller, then the
//! transaction begun in the database, and only then anything is done. Every refusal from the header on is answered
//! by an `error` message with one bit and one sentence, signed like every answer.
//!
//! What is given without implicit confirmation waits for its `certConf`; when that does not come in time, or the
//! client rejects the certificate, it is revoked. The row says so before the answer leaves, so that a process that
//! is killed in between loses nothing: see `sweep.rs`.

mod confirmation;
mod conversation;
mod general;
mod guard;
mod protection;
mod refusal;
mod requests;
mod responder;
mod revocation;
mod secret;
mod writing;

use std::net::IpAddr;

use pki::Certificate;
use pki::cmp::{Body, Failure, Message};
use platform::clock::Millis;
use platform::problem::Problem;

use super::config::{Protocol, Road};
use super::{Enrolment, LARGEST_BODY};
use crate::error::Error;
use conversation::{Conversation, Reply};
use protection::{Proof, Sender};
use refusal::Refusal;
use secret::Secret;
use writing::{AnswerHeader, body};

pub(crate) use responder::Responder;
pub(crate) use secret::Macs;

/// Answers one message, which came from this address where one is known. A problem is given only where no message can
/// be: no such road, nothing that can be read, or no key to sign an answer with.
pub(crate) async fn answer(
    enrolment: &Enrolment,
    name: Option<&str>,
    request: &[u8],
    address: Option<IpAddr>,
) -> Result<Vec<u8>, Problem> {
    let road = enrolment.road(name, Protocol::Cmp)?;
    if request.len() > LARGEST_BODY {
        return Err(Problem::too_large("cmp-too-large", "The message is larger than any that is read here."));
    }
    let unreadable = "The body is not a PKIMessage of RFC 9810 in DER.";
    let message = Message::from_der(request).map_err(|_| Problem::invalid("cmp-unreadable", unreadable))?;
    let nonce = guard::fresh_nonce().map_err(Problem::from)?;
    let taken = take_in(enrolment, road, &message, address).await;
    let secret = match &taken {
        Ok(Taken { sender: Sender { proof: Proof::Secret(secret), .. }, .. }) => Some(secret.clone()),
        _ => None,
    };
    let outcome = match taken {
        Ok(taken) => converse(enrolment, road, &message, nonce, taken).await,
        Err(refusal) => Err(refusal),
    };
    let kind = if outcome.is_ok() { "answered" } else { "refused" };
    metrics::counter!("ca_cmp_messages_total", "road" => road.name.to_string(), "outcome" => kind)
        .increment(1);
    let reply = outcome.unwrap_or_else(|refusal| error_reply(&refusal));
    // RFC 9483 4.1.5: who protects by a secret is answered by it. Where it did not fit, we sign.
    Ok(match secret {
        Some(secret) => protected(enrolment, &message, &nonce, &reply, &secret).await?,
        None => signed(enrolment, &message, &nonce, &reply).await?,
    })
}

/// What is known of a message before its body is read.
struct Taken {
    checked: guard::Checked,
    sender: Sender,
    now: Millis,
}

async fn take_in(
    enrolment: &Enrolment,
    road: Road<'_>,
    message: &Message,
    address: Option<IpAddr>,
) -> Result<Taken, Refusal> {
    let now = enrolment.authority().desk().guarded_now()?;
    let checked = guard::check(message.header(), now)?;
    let sender = protection::verify(enrolment, road, message, (address, now)).await?;
    Ok(Taken { checked, sender, now })
}

async fn converse(
    enrolment: &Enrolment,
    road: Road<'_>,
    message: &Message,
    nonce: guard::Nonce,
    taken: Taken,
) -> Result<Reply, Refusal> {
    let Taken { checked, sender, now } = taken;
    let body = message.body();
    let body = body.map_err(|error| Refusal::new(Failure::BadDataFormat, format!("the body: {error}")))?;
    sender.proof.allows(&body)?;
    let conversation =
        Conversation { enrolment, road, header: message.header(), checked, sender, now, nonce };
    match body {
        Body::Requests(kind, list) => requests::crmf(&conversation, kind, &list).await,
        Body::Pkcs10(der) => requests::pkcs10(&conversation, &der).await,
        Body::Revocations(list) => revocation::revoke(&conversation, &list).await,
        Body::Confirmation(list) => confirmation::confirm(&conversation, &list).await,
        Body::General(list) => general::answer(&conversation, &list),
        Body::Error => Err(Refusal::new(Failure::BadRequest, "an error message is not answered")),
        Body::Other(number) => {
            let sentence = format!("bodies of kind {number} are not supported here");
            Err(Refusal::new(Failure::BadRequest, sentence))
        }
    }
}

fn error_reply(refusal: &Refusal) -> Reply {
    tracing::info!(failure = ?refusal.failure, "a CMP message was refused: {}", refusal.sentence);
    let content = writing::error(refusal.failure, &refusal.sentence);
    Reply::plain(writing::numbered(body::ERROR, &content))
}

/// Signs a reply (RFC 9483 3.2) and puts the certificates beside it that its reader needs.
async fn signed(
    enrolment: &Enrolment,
    message: &Message,
    nonce: &guard::Nonce,
    reply: &Reply,
) -> Result<Vec<u8>, Error> {
    let signing = enrolment.responder().ready(enrolment.authority()).await?;
    let asked = message.header();
    let algorithm = crate::joining::algorithm_identifier(signing.key.alg());
    let header = writing::header(&AnswerHeader {
        version: if asked.version == 3 { 3 } else { 2 },
        sender: signing.certificate.subject().der(),
        recipient: &asked.sender,
        time: enrolment.authority().desk().clock.now(),
        protection: &algorithm,
        sender_key_id: signing.certificate.subject_key_id().unwrap_or_default(),
        // RFC 9810 5.1.1: an answer has the transaction of its question, if that has one.
        transaction_id: asked.transaction_id.as_deref().unwrap_or(nonce),
        nonce,
        recipient_nonce: asked.sender_nonce.as_deref(),
        confirmation: reply.confirmation,
    });
    let scheme = signing.key.alg().default_scheme();
    let signature = signing.key.sign(scheme, &writing::protected_part(&header, &reply.body)).await?;
    // RFC 9483 3.3: the signer's own first, each once.
    let mut certificates: Vec<&Certificate> = Vec::new();
    for certificate in std::iter::once(&signing.certificate).chain(&signing.chain).chain(&reply.certificates)
    {
        if !certificates.contains(&certificate) {
            certificates.push(certificate);
        }
    }
    let certificates: Vec<&[u8]> = certificates.into_iter().map(Certificate::der).collect();
    Ok(writing::message(&header, &reply.body, &signature, &certificates))
}

/// Protects a reply by the secret that protected its question.
async fn protected(
    enrolment: &Enrolment,
    message: &Message,
    nonce: &guard::Nonce,
    reply: &Reply,
    secret: &Secret,
) -> Result<Vec<u8>, Error> {
    let (asked, secret) = (message.header(), secret.answering(&guard::fresh_nonce()?));
    let header = writing::header(&AnswerHeader {
        version: if asked.version == 3 { 3 } else { 2 },
        // RFC 9483 3.1: without a certificate there is no name.
        sender: &[0x30, 0],
        recipient: &asked.sender,
        time: enrolment.authority().desk().clock.now(),
        protection: &secret.algorithm(),
        sender_key_id: secret.reference.as_bytes(),
        transaction_id: asked.transaction_id.as_deref().unwrap_or(nonce),
        nonce,
        recipient_nonce: asked.sender_nonce.as_deref(),
        confirmation: reply.confirmation,
    });
    let code = secret.code(enrolment.macs(), writing::protected_part(&header, &reply.body)).await?;
    let certificates: Vec<&[u8]> = reply.certificates.iter().map(Certificate::der).collect();
    Ok(writing::message(&header, &reply.body, &code, &certificates))
}
