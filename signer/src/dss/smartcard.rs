//! The person signs with their smartcard: the agent of their workstation has the card sign each document, after the passcode, and the page
//! brings what came of it.
//!
//! Signatures over documents alone would prove no presence: RSASSA-PKCS1-v1_5 is deterministic, and an old one could be brought again. So the card
//! signs one thing more in the same batch, the challenge of the request ([`card_challenge`]), for which it wants the passcode as for each
//! document. It is verified here and kept as evidence. All is stored with the consent, in its transaction: a crash after it leaves the
//! signatures to be put into the ledger when somebody asks, as the token would be asked for others.
//!
//! A certificate counts that our own authority issued for cards, octet by octet, to the person who is asked, and that is in force. It is a
//! credential of theirs from its first signature on, which they or the desk can end as every other.

use audit::Actor;
use authn::api::{Bound, Presence};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{CertificateInfo, CertificateQuery, CertificateState, Issued, SubjectData};
use card::wire::signing::{Payload as ToCard, Signed, ToSign};
use hsm::Alg;
use pki::Certificate;
use platform::clock::Millis;
use platform::problem::{Kind as ProblemKind, Problem};
use serde_json::json;

use super::consent::{Given, consent, decided, documents, is_bound, settled, waiting};
use super::receive::actor;
use super::seen::{Document, author_times};
use super::sign::{Made, prepare_again};
use super::statement::Payload;
use super::{Statement, Token, card_challenge, card_challenge_id};
use crate::api::{CredentialState, SignatureForm};
use crate::authorisation::Rests;
use crate::credential::certificate_row;
use crate::eps::Algorithm;
use crate::error::Error;
use crate::events::Event;
use crate::ids::{CredentialId, KeyId};
use crate::live::{self, check_in_force};
use crate::rsa_key;
use crate::signer::Signer;
use crate::store::authorisations::AuthorisationRow;
use crate::store::credentials::{self, CredentialRow, Inserted, Kind};
use crate::store::requests::{Decision, RequestRow};
use crate::store::signings::NewSignature;
use crate::store::{certificates, keys};
use crate::verification;

/// How somebody proved to be there who signed with a card.
const SMARTCARD: &str = "smartcard";
/// What a card with its passcode is worth.
const LEVEL: &str = "3";
/// How many certificates of one person and profile are looked at: whoever has more than that in force signs with one of the newest.
const MOST_CARDS: u32 = 16;

/// What cards somebody has that could sign documents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cards {
    /// None, or cards do not sign here.
    None,
    /// Those alone whose certificates are younger than a document.
    Younger,
    /// One at least.
    Good,
}

/// What cards this person has that could sign these documents.
pub(super) async fn cards_of(signer: &Signer, user: &str, documents: &[Document]) -> Result<Cards, Error> {
    let mut found = Cards::None;
    if !signer.config.dss.cards {
        return Ok(found);
    }
    for profile in &signer.config.dss.card_profile {
        let query = CertificateQuery {
            user_id: Some(user.to_owned()),
            profile: Some(profile.clone()),
            state: Some(CertificateState::Issued),
            limit: Some(MOST_CARDS),
            ..CertificateQuery::default()
        };
        let page = signer.ca.certificates(&query).await.map_err(Error::Authority)?;
        for info in page.certificates {
            match Fit::of(&kept_certificate(&info)?, documents, signer.clock.now()) {
                Fit::Good => return Ok(Cards::Good),
                Fit::Younger => found = Cards::Younger,
                Fit::Over => {}
            }
        }
    }
    Ok(found)
}

/// The certificate that the authority keeps.
fn kept_certificate(info: &CertificateInfo) -> Result<Certificate, Error> {
    let der = info.certificate.as_deref().and_then(|text| STANDARD.decode(text).ok());
    let read = der.and_then(|der| Certificate::from_der(&der).ok());
    read.ok_or(Error::StoredRow { what: "certificate" })
}

/// How the time of a certificate, and that in which its key may sign, lies to what it is to sign now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fit {
    /// It was good at the times that the documents say, and is.
    Good,
    /// A document is older: it can be prepared again.
    Younger,
    /// It is over, or will be at the time that a document says: to prepare again helps nothing.
    Over,
}

impl Fit {
    fn of(certificate: &Certificate, documents: &[Document], now: Millis) -> Self {
        let period = certificate.private_key_usage_period();
        // The last second of validity belongs to it (RFC 5280 4.1.2.5).
        let ended = |at: Millis| {
            let over = period.and_then(|period| period.not_after_ms).is_some_and(|until| until < at.0);
            over || at.seconds() * 1000 > certificate.not_after_ms()
        };
        let begun = period.and_then(|period| period.not_before_ms).unwrap_or(i64::MIN);
        let begun = begun.max(certificate.not_before_ms());
        if ended(now) || author_times(documents).any(ended) {
            Self::Over
        } else if author_times(documents).any(|at| at.0 < begun) {
            Self::Younger
        } else {
            Self::Good
        }
    }
}

/// What the page gives the agent.
pub(crate) fn question(signer: &Signer, row: &RequestRow) -> Result<ToSign, Error> {
    enabled(signer)?;
    waiting(signer, row)?;
    let statement = Statement::read(&row.statement).map_err(Error::Dss)?;
    let payload =
        |payload: &Payload| ToCard { id: payload.id.clone(), payload: STANDARD.encode(&payload.octets) };
    let challenge = ToCard { id: challenge_id(row), payload: STANDARD.encode(challenge(row)) };
    let payloads = statement.payloads.iter().map(payload).chain([challenge]).collect();
    Ok(ToSign::new(statement.algorithm.as_str(), payloads))
}

/// What the card signs beside the documents. The id of the request is made when it comes, so nobody could have had it signed before.
fn challenge(row: &RequestRow) -> String {
    card_challenge(row.request_id.as_str(), &row.binding)
}

/// What the agent calls it: no application can give a document a name that is made after it.
fn challenge_id(row: &RequestRow) -> String {
    card_challenge_id(row.request_id.as_str())
}

fn enabled(signer: &Signer) -> Result<(), Error> {
    let none = || Problem::not_found("route-none", "There is no such address.");
    if signer.config.dss.cards { Ok(()) } else { Err(Error::Dss(none())) }
}

/// Takes what the agent brought; where the browser goes on when the card signed everything. The consent is durable then, and the signatures
/// are in the ledger: should that fail, they are put there when the application asks for them.
pub(crate) async fn answer(
    signer: &Signer,
    (token, row): (&str, RequestRow),
    brought: Signed,
) -> Result<String, Error> {
    enabled(signer)?;
    if let Some(onward) = decided(&row, token) {
        return Ok(onward);
    }
    waiting(signer, &row)?;
    let done = decide(signer, &row, &brought).await;
    settled(signer, (token, &row), done).await
}

async fn decide(signer: &Signer, row: &RequestRow, brought: &Signed) -> Result<AuthorisationRow, Error> {
    let statement = Statement::read(&row.statement).map_err(Error::Dss)?;
    is_bound(row, &statement)?;
    let (certificate, info) = checked(signer, row, &statement, brought).await?;
    let credential = credential(signer, row, &certificate, info).await?;
    let presence = Presence {
        user_id: row.user_id.clone(),
        authenticator: certificate.serial().to_string(),
        method: SMARTCARD.to_owned(),
        level: LEVEL.to_owned(),
        at: signer.clock.now().0,
        binding: row.binding.clone(),
        bound: Bound::Cryptographically,
        nonce: Token::generate(&signer.random)?.text(),
        challenge: challenge(row),
        public_key: json!({ "x5c": [brought.certificate] }),
        assertion: serde_json::to_value(brought).map_err(|_| Error::StoredRow { what: "presence" })?,
        rp_id: None,
        origin: None,
    };
    let given = Given { credential: credential.credential_id.clone(), rests: Rests::on_card(&credential) };
    consent(signer, row, &statement, &presence, given).await
}

/// The certificate of the card, when it is the person's, in force, and its key signed every document.
async fn checked(
    signer: &Signer,
    row: &RequestRow,
    statement: &Statement,
    brought: &Signed,
) -> Result<(Certificate, CertificateInfo), Error> {
    let refused = |code, sentence: &str| Error::Dss(Problem::invalid(code, sentence));
    if statement.algorithm != Algorithm::Rs256 {
        return Err(refused("card-algorithm", "A smartcard signs with RS256 alone."));
    }
    if !brought.is_done() {
        return Err(refused("card-unsigned", "The smartcard did not sign everything. Try again."));
    }
    let unknown = || refused("card-certificate", "The certificate of the smartcard does not read.");
    let der = STANDARD.decode(&brought.certificate).map_err(|_| unknown())?;
    let certificate = Certificate::from_der(&der).map_err(|_| unknown())?;
    let info = issued(signer, &certificate).await?;
    if info.user_id.as_deref() != Some(row.user_id.as_str()) {
        let sentence = "This smartcard is somebody else's. Use your own.";
        return Err(Error::Dss(Problem::forbidden("card-other", sentence)));
    }
    check_in_force(info.state)?;
    let fit = Fit::of(&certificate, &documents(row)?, signer.clock.now());
    if fit == Fit::Younger {
        return Err(prepare_again());
    }
    if let Some(finding) = verification::against(signer, &certificate, signer.clock.now()).await? {
        let sentence = format!("Nobody would accept what this smartcard signs: {}.", finding.sentence);
        return Err(Error::Dss(verification::refusal(&finding, "card-certificate", sentence)));
    }
    if fit == Fit::Over {
        let sentence = "This smartcard is over before the time that a document says. Renew it, or use another way to confirm.";
        return Err(refused("card-certificate", sentence));
    }
    let wrong = || refused("card-signature", "What the smartcard signed is not what you were asked to sign.");
    let every = brought.signatures.len() == statement.payloads.len() + 1;
    let key = rsa_key::of(&certificate).filter(|_| every).ok_or_else(wrong)?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    for payload in &statement.payloads {
        let value = value(brought, payload).ok_or_else(wrong)?;
        key.verify(&payload.octets, &value).map_err(|_| wrong())?;
    }
    let sentence = "The smartcard did not sign that you are here now. Begin again with an agent of today.";
    let absent = || refused("card-presence", sentence);
    let fresh = brought.signature_of(&challenge_id(row)).and_then(|text| STANDARD.decode(text).ok());
    key.verify(challenge(row).as_bytes(), &fresh.ok_or_else(absent)?).map_err(|_| absent())?;
    Ok((certificate, info))
}

fn value(brought: &Signed, payload: &Payload) -> Option<Vec<u8>> {
    STANDARD.decode(brought.signature_of(&payload.id)?).ok()
}

/// What the authority knows of a certificate that it issued for a card: this one, and no other of its number. What a key signed that is kept
/// elsewhere was not signed by somebody with a card.
async fn issued(signer: &Signer, certificate: &Certificate) -> Result<CertificateInfo, Error> {
    let sentence =
        "This smartcard was not issued here for signing. Use another card, or another way to confirm.";
    let unknown = || Error::Dss(Problem::invalid("card-certificate", sentence));
    let info = match signer.ca.certificate(&certificate.serial().to_string()).await {
        Ok(info) => info,
        Err(problem) if problem.kind == ProblemKind::NotFound => return Err(unknown()),
        Err(problem) => return Err(Error::Authority(problem)),
    };
    let kept = info.certificate.as_deref().and_then(|text| STANDARD.decode(text).ok());
    let is_it = kept.as_deref() == Some(certificate.der());
    if is_it && signer.config.dss.card_profile.contains(&info.profile) { Ok(info) } else { Err(unknown()) }
}

/// The credential of a card's certificate, which is made when it first signs.
async fn credential(
    signer: &Signer,
    request: &RequestRow,
    certificate: &Certificate,
    info: CertificateInfo,
) -> Result<CredentialRow, Error> {
    // No client's own name for a request begins so: those have the name of the client in front.
    let request_id = format!("card:{}", info.serial);
    let row = match credentials::by_request(signer.db.read(), &request_id).await? {
        Some(row) => row,
        None => noted(signer, request, (certificate, info), request_id).await?,
    };
    match row.state {
        CredentialState::Active => Ok(row),
        CredentialState::Suspended => Err(Error::CertificateSuspended),
        _ => Err(Error::CertificateRevoked),
    }
}

async fn noted(
    signer: &Signer,
    request: &RequestRow,
    (certificate, info): (&Certificate, CertificateInfo),
    request_id: String,
) -> Result<CredentialRow, Error> {
    let issuer = signer.ca.issuer(&info.issuer).await.map_err(Error::Authority)?;
    let now = signer.clock.now();
    let common_name = certificate.common_name().unwrap_or_default();
    let row = CredentialRow {
        credential_id: CredentialId::new(now),
        request_id: request_id.clone(),
        user_id: request.user_id.clone(),
        state: CredentialState::Active,
        version: 1,
        subject: SubjectData {
            common_name,
            user_id: Some(request.user_id.clone()),
            ..SubjectData::default()
        },
        passphrase: None,
        key_id: KeyId::new(now),
        serial: None,
        created_at: now,
        kind: Kind::Card,
        ending: None,
    };
    let certified = Issued {
        serial: info.serial.clone(),
        certificate: STANDARD.encode(certificate.der()),
        chain: [vec![issuer.certificate], issuer.chain].concat(),
    };
    let spki = certificate.spki_der().to_vec();
    let of_it = certificate_row(&row.credential_id, (&row.key_id, &spki), certified, now)?;
    let event = Event::CredentialCreated {
        credential: row.credential_id.to_string(),
        user: row.user_id.clone(),
        serial: info.serial,
    };
    let actor: Actor = actor(request);
    let done: Result<(), Error> = signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                // It came twice at the same moment, and the other one was first.
                if credentials::insert(tx, &row).await? == Inserted::RequestIdTaken {
                    return Ok(());
                }
                keys::insert_on_card(tx, (&row.key_id, &row.credential_id), (Alg::Rsa2048, &spki), now)
                    .await?;
                certificates::insert(tx, &of_it).await?;
                credentials::set_certificate(tx, &row, &row.key_id, &of_it.serial, now).await?;
                audit::record(tx, now, &actor, &event).await?;
                Ok(())
            })
        })
        .await;
    done?;
    let row = credentials::by_request(signer.db.read(), &request_id).await?;
    row.ok_or(Error::StoredRow { what: "credential" })
}

/// What a card signed when somebody agreed with it; nothing where they agreed otherwise.
pub(super) fn kept(row: &RequestRow) -> Option<Signed> {
    let Some(Decision::Consented { presence, .. }) = &row.decision else { return None };
    let presence: Presence = serde_json::from_str(presence).ok()?;
    serde_json::from_value(presence.assertion).ok()
}

/// The same, to be put into the ledger, if the credential is what it was.
pub(super) async fn made(
    signer: &Signer,
    authorisation: &AuthorisationRow,
    statement: &Statement,
    brought: &Signed,
) -> Result<Made, Error> {
    let row = live::row(&signer.db, &authorisation.credential_id).await?;
    if row.state != CredentialState::Active {
        return Err(Error::CertificateRevoked);
    }
    let unreadable = || Error::StoredRow { what: "presence" };
    let new = |(position, payload): (usize, &Payload)| {
        let signature = value(brought, payload).ok_or_else(unreadable)?;
        Ok(NewSignature {
            position,
            form: SignatureForm::Hash,
            digest: payload.digest,
            hashed: None,
            signature,
        })
    };
    Ok(Made {
        serial: row.serial.ok_or(Error::StoredRow { what: "serial" })?,
        credential: row.credential_id,
        version: row.version,
        signatures: statement.payloads.iter().enumerate().map(new).collect::<Result<_, Error>>()?,
    })
}
