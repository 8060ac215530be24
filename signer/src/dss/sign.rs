//! Signatures for what a person agreed to.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use hsm::{Alg, Scheme};
use platform::clock::Millis;
use platform::problem::Problem;

use super::consent::{documents, is_bound, is_of_before};
use super::receive::actor;
use super::seen::{Document, author_times};
use super::statement::Payload;
use super::{Authors, Statement, check_authors, smartcard};
use crate::api::{CredentialState, SignatureForm};
use crate::deposit::{Deposit, Outcome};
use crate::digest::{Authorised, Digest};
use crate::eps::Algorithm;
use crate::error::Error;
use crate::fair::{self, Inputs, Work};
use crate::ids::{CredentialId, SigningId};
use crate::leavers::HOLDER_LEFT;
use crate::live::{Live, Span};
use crate::share::Sharer;
use crate::signer::Signer;
use crate::store::authorisations::AuthorisationRow;
use crate::store::credentials::{self, Kind, Which};
use crate::store::ledger::{self, StoredSignature};
use crate::store::requests::RequestRow;
use crate::store::signings::{NewSignature, Signing, Under};

/// How often it is begun again because the credential changed under it.
const ROUNDS: u32 = 3;

/// The credential with which a person signs these documents: the newest that can sign, has an RSA-2048 key, and a certificate that was good when
/// their author says that they signed. Whoever verifies asks for that time.
pub(super) async fn credential_of(
    signer: &Signer,
    user: &str,
    documents: &[Document],
) -> Result<Arc<Live>, Error> {
    let (mut why, mut outside) = (None, None);
    for row in credentials::of_user(signer.db.read(), user, Which::NotOver).await?.into_iter().rev() {
        if row.state != CredentialState::Active || row.kind != Kind::Kept {
            continue;
        }
        match signer.usable_of(user, &row.credential_id).await {
            Ok(live) if live.key.alg() != Alg::Rsa2048 => {}
            Ok(live) if is_good_for(&live, documents) => return Ok(live),
            Ok(_) => outside = Some(prepare_again()),
            // Another one may do; if none does, this is why.
            Err(error) if error.is_refusal() => why = Some(error),
            Err(error) => return Err(error),
        }
    }
    let sentence = "The person has no credential with an RSA key of 2048 bits that can sign. The registration desk makes one.";
    Err(outside.or(why).unwrap_or_else(|| Error::Dss(Problem::conflict("credential-none", sentence))))
}

/// Whether the certificate was good at the time of each document of which that is known.
fn is_good_for(live: &Live, documents: &[Document]) -> bool {
    let good = Span::of(&live.certificate);
    author_times(documents).all(|at| good.has(at))
}

/// Refuses documents that say times at which what would sign them was not good: nobody would take the signature.
pub(crate) fn check_times(authors: &Authors, good: Span) -> Result<(), Error> {
    if authors.times().all(|at| good.has(at)) { Ok(()) } else { Err(prepare_again()) }
}

/// A document is to be prepared again.
pub(super) const PREPARE_AGAIN: &str = "prepare-again";

/// What is to be done where no certificate was good at the time that a document says.
pub(crate) fn prepare_again() -> Error {
    let sentence = "A document says a time of signing at which no certificate that could sign it was good: it is older than the \
                    certificate. Have it prepared again, and ask with what that answers.";
    Error::Dss(Problem::conflict(PREPARE_AGAIN, sentence))
}

/// Whether there is a key that is kept for whoever is asked.
pub(crate) async fn remote_of(signer: &Signer, row: &RequestRow) -> Result<bool, Error> {
    match credential_of(signer, &row.user_id, &documents(row)?).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_refusal() => Ok(false),
        Err(error) => Err(error),
    }
}

/// The signatures of a request, in the order of its documents: those that are stored, or new ones where there are none. All are of one
/// certificate, because all are stored in one transaction.
///
/// A crash before that transaction leaves the consent, under which they are made when somebody asks; one after it leaves the
/// signatures, which are then found.
pub(super) async fn signatures(
    signer: &Signer,
    row: &RequestRow,
    authorisation: &AuthorisationRow,
) -> Result<Vec<StoredSignature>, Error> {
    let statement = Statement::read(&row.statement).map_err(Error::Dss)?;
    let digests: Vec<Digest> = statement.payloads.iter().map(|payload| payload.digest).collect();
    let agreed = Authorised::new(digests).is_ok_and(|digests| digests == authorisation.digests);
    if !agreed {
        return Err(Error::StoredRow { what: "request to sign" });
    }
    if let Err(error) = is_bound(row, &statement) {
        // What was signed before an upgrade is what was agreed to then, and is given.
        let kept = stored(signer, authorisation).await?;
        let whole = kept.len() == statement.payloads.len();
        return if whole && is_of_before(row, &statement) { Ok(kept) } else { Err(error) };
    }
    let sharer = whose(row);
    let positions: Vec<usize> = (0..statement.payloads.len()).collect();
    // Those who ask at the same time come one after the other, and the later ones find what the first stored.
    let turn = (authorisation.authorisation_id.clone(), positions);
    let _turn = signer.signings.take(turn, &sharer).await?;
    let mut rounds = 1..ROUNDS;
    loop {
        let stored = stored(signer, authorisation).await?;
        if stored.len() == statement.payloads.len() {
            return Ok(stored);
        }
        if signer.clock.now() >= authorisation.expires_at {
            let sentence =
                "What was agreed to was not signed in time. Ask the person again, with a new request.";
            return Err(Error::Dss(Problem::gone("not-signed-in-time", sentence)));
        }
        // The person has agreed and is not asked again, and an application may ask for the signatures once alone.
        let calls = hsm::calls(statement.payloads.len());
        let _places = signer.under_way.take_in_time(&signer.waiting_for_share, &sharer, calls).await?;
        match make(signer, row, authorisation, &statement).await {
            Ok(()) => {}
            Err(Error::CredentialChanged | Error::CertificateChanged) if rounds.next().is_some() => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whose share signing takes: that of the person, in their application.
fn whose(row: &RequestRow) -> Sharer {
    Sharer::of_person(&row.client, &row.user_id)
}

async fn stored(signer: &Signer, authorisation: &AuthorisationRow) -> Result<Vec<StoredSignature>, Error> {
    let mut stored = ledger::of_authorisation(signer.db.read(), &authorisation.authorisation_id).await?;
    stored.sort_unstable_by_key(|signature| signature.position);
    Ok(stored)
}

async fn make(
    signer: &Signer,
    row: &RequestRow,
    authorisation: &AuthorisationRow,
    statement: &Statement,
) -> Result<(), Error> {
    let signed_at = signer.clock.now();
    let made = match smartcard::kept(row) {
        Some(brought) => smartcard::made(signer, authorisation, statement, &brought).await?,
        None => by_token(signer, row, authorisation, statement).await?,
    };
    let Made { credential, serial, version, signatures: made } = made;
    let signing = Signing {
        signing_id: SigningId::new(signed_at),
        authorisation_id: authorisation.authorisation_id.clone(),
        credential_id: credential.clone(),
        serial,
        client: row.client.clone(),
        signed_at,
    };
    let count = made.len() as u64;
    let user = row.user_id.clone();
    let request = Some(row.request_id.to_string());
    let under = Under { version, ..Under::default() };
    let who = whose(row);
    let deposit = Deposit { who, signing, under, made, actor: actor(row), user, request };
    let done = match signer.deposits.store(Arc::new(deposit)).await? {
        Outcome::Stored => {
            metrics::counter!("signer_signatures_total").increment(count);
            Ok(())
        }
        // Another machine was first: what it stored is found.
        Outcome::OthersFirst => Ok(()),
        Outcome::Changed => Err(Error::CredentialChanged),
        Outcome::Left => Err(Error::CredentialDisabled { why: HOLDER_LEFT }),
        Outcome::NotInForce => Err(Error::CertificateChanged),
    };
    signer.forget_if_changed(&credential, &done);
    done
}

/// Signatures that are not stored yet, and what made them.
pub(super) struct Made {
    pub(super) credential: CredentialId,
    pub(super) serial: String,
    /// The version of the credential that they were made with.
    pub(super) version: i64,
    pub(super) signatures: Vec<NewSignature>,
}

/// By the key that is kept for the person, unless they lost the role since they agreed, or the certificate is another one: after a crash that may be
/// minutes.
async fn by_token(
    signer: &Signer,
    row: &RequestRow,
    authorisation: &AuthorisationRow,
    statement: &Statement,
) -> Result<Made, Error> {
    let shown = documents(row)?;
    check_authors(signer, &shown, &row.user_id).await?;
    let live = signer.usable_of(&row.user_id, &authorisation.credential_id).await?;
    if !is_good_for(&live, &shown) {
        return Err(prepare_again());
    }
    Ok(Made {
        credential: live.row.credential_id.clone(),
        serial: live.certificate.serial.clone(),
        version: live.row.version,
        signatures: signatures_of(signer, &whose(row), &live, statement).await?,
    })
}

/// RSASSA-PKCS1-v1_5 over the octets of each statement, each call to the token in its turn.
async fn signatures_of(
    signer: &Signer,
    sharer: &Sharer,
    live: &Live,
    statement: &Statement,
) -> Result<Vec<NewSignature>, Error> {
    let scheme = match statement.algorithm {
        Algorithm::Rs256 => Scheme::RsaPkcs1Sha256,
        Algorithm::Rs1 => Scheme::RsaPkcs1Sha1,
    };
    let hashed = |payload: &Payload| match statement.algorithm {
        Algorithm::Rs256 => payload.digest.0.to_vec(),
        Algorithm::Rs1 => digest(&SHA1_FOR_LEGACY_USE_ONLY, &payload.octets).as_ref().to_vec(),
    };
    let inputs = Inputs::Digests(statement.payloads.iter().map(hashed).collect());
    let values = fair::sign(&signer.turns, sharer, Work::of(&live.key, inputs).with(scheme)).await?;
    let new = |(position, (payload, signature)): (usize, (&Payload, Vec<u8>))| NewSignature {
        position,
        form: SignatureForm::Hash,
        digest: payload.digest,
        hashed: None,
        signature,
    };
    Ok(statement.payloads.iter().zip(values).enumerate().map(new).collect())
}

/// When signatures are not given out any more.
pub(super) fn readable_until(signer: &Signer, consented_at: Millis) -> Millis {
    Millis(consented_at.0 + i64::from(signer.config.dss.result_seconds) * 1000)
}
