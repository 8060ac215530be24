//! Evidence of a signature: the ledger, what the person agreed to, and the audit record, in one bundle that is checked by itself.

use audit::api::{Entry, InclusionProof, Moment};
use aws_lc_rs::digest::{Digest as Hashed, SHA256};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hsm::Alg;
use http::Method;
use pki::Certificate;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::peer::Peer;
use platform::problem::Problem;
use serde_json::Value;

use crate::api::{
    AskedEvidence, ConsentEvidence, EVIDENCE_FORMAT, EvidenceBundle, ProofEvidence, RecordedAct,
    SignatureForm,
};
use crate::consent::{bound_description, hashes};
use crate::dss::{Statement, anchors};
use crate::eps::Algorithm;
use crate::error::Error;
use crate::ids::{AuthorisationId, SigningId};
use crate::kept_records;
use crate::ledger::{entry, line};
use crate::live;
use crate::offload::off_thread_if;
use crate::proofs::{Proved, each};
use crate::rsa_key;
use crate::signer::Signer;
use crate::store::certificates::CertificateRow;
use crate::store::consents::{self, ConsentRow};
use crate::store::ledger::LedgerRow;
use crate::store::requests::{Decision, RequestRow};
use crate::store::{self, certificates, keys, proofs, requests};
use crate::suite::Hash;

/// What a bare signature by RSA over a longer hash than SHA-256 is called where that was not kept.
pub(crate) const RSA_LONGER: &str = "RSA";

/// The evidence of a signature, for its signer and for an administrator. It is there when the signature is in the signed tree, within two
/// seconds.
pub(crate) async fn bundle(signer: &Signer, caller: &Caller, id: &str) -> Result<EvidenceBundle, Error> {
    let row = line(signer, caller, id).await?;
    let unkept = || Error::Record(Problem::not_found("record-none", "The audit record is not kept here."));
    let record = signer.record.as_ref().ok_or_else(unkept)?;
    let certificate = certificates::by_serial(signer.db.read(), &row.serial).await?;
    let certificate = certificate.ok_or(Error::StoredRow { what: "certificate" })?;
    let alg = keys::algorithm(signer.db.read(), &certificate.key_id).await?;
    let alg = alg.ok_or(Error::StoredRow { what: "key" })?;
    let authorisation: AuthorisationId =
        row.authorisation_id.parse().map_err(|_| Error::StoredRow { what: "identifier" })?;
    let request = requests::by_authorisation(signer.db.read(), &authorisation).await?;
    let asked = match &request {
        // What was asked by a request of an application was asked by that alone.
        Some(_) => None,
        None => consents::by_authorisation(signer.db.read(), &authorisation).await?,
    };
    let statement = request.as_ref().map(|request| Statement::read(&request.statement)).transpose();
    let statement = statement.map_err(Error::Dss)?;
    let octets = signed(&row, statement.as_ref(), alg, &certificate)?;
    let algorithm = match statement.as_ref().map(|statement| statement.algorithm) {
        Some(Algorithm::Rs1) => "RS1",
        _ if row.form == SignatureForm::HashPss => "PS256",
        None if is_of_longer_hash(&row, &certificate) => longer_rsa(&row),
        _ => jose(alg),
    };
    let act = act(record, row.signed_at, "documents-signed", ("signing", &row.signing_id)).await?;
    let agreed = match (request, asked) {
        (Some(request), _) => Agreed::to_request(request)?,
        (None, Some(row)) => Agreed::to_client(row)?,
        (None, None) => None,
    };
    let consent = match agreed {
        Some(agreed) => Some(consent(record, agreed, place(&row)?).await?),
        None => None,
    };
    let proof = proof_of(signer, &row, &certificate.certificate).await?;
    Ok(EvidenceBundle {
        format: EVIDENCE_FORMAT.to_owned(),
        algorithm: algorithm.to_owned(),
        signed: octets.map(|octets| STANDARD.encode(octets)),
        certificate: STANDARD.encode(&certificate.certificate),
        chain: certificate.chain,
        record: act,
        proof,
        consent,
        signature: entry(row),
    })
}

/// The octets that were signed, where they are known.
fn signed(
    row: &LedgerRow,
    statement: Option<&Statement>,
    alg: Alg,
    certificate: &CertificateRow,
) -> Result<Option<Vec<u8>>, Error> {
    if let Some(statement) = statement {
        return Ok(statement.payloads.get(place(row)?).map(|payload| payload.octets.clone()));
    }
    // The digest by which it was authorised is the one that was signed where the key's hash is the same.
    let is_same = crate::suite::of(alg).is_some_and(|suite| suite.hash == Hash::Sha256);
    let digest = if is_same { Some(&row.digest) } else { row.hashed.as_ref() };
    let Some(digest) = digest.filter(|_| !row.form.is_bare()) else { return Ok(None) };
    let template = live::template(alg, certificate)?;
    let attributes =
        template.attributes(digest, row.signed_at).map_err(|source| Error::Template(Box::new(source)))?;
    Ok(Some(attributes.to_sign().to_vec()))
}

/// Whether a bare signature by RSA is over another hash than SHA-256: what the ledger has of a longer one is no digest of it.
fn is_of_longer_hash(row: &LedgerRow, certificate: &CertificateRow) -> bool {
    let key = Certificate::from_der(&certificate.certificate).ok().and_then(|read| rsa_key::of(&read));
    let (Some(key), SignatureForm::Hash) = (key, row.form) else { return false };
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    let digest = Hashed::import_less_safe(&row.digest, &SHA256);
    !digest.is_ok_and(|digest| key.verify_digest(&digest, &row.signature).is_ok())
}

/// RFC 7518 3.1, by the length of the hash.
fn longer_rsa(row: &LedgerRow) -> &'static str {
    let of = |hash: Hash| row.hashed.as_ref().is_some_and(|hashed| hashed.len() == hash.len());
    if of(Hash::Sha384) {
        "RS384"
    } else if of(Hash::Sha512) {
        "RS512"
    } else {
        RSA_LONGER
    }
}

/// RFC 7518 3.1, and for ML-DSA the names of its standard.
fn jose(alg: Alg) -> &'static str {
    match alg {
        Alg::Rsa2048 | Alg::Rsa3072 | Alg::Rsa4096 => "RS256",
        Alg::P256 => "ES256",
        Alg::P384 => "ES384",
        Alg::Ed25519 => "EdDSA",
        Alg::MlDsa44 => "ML-DSA-44",
        Alg::MlDsa65 => "ML-DSA-65",
        Alg::MlDsa87 => "ML-DSA-87",
    }
}

/// The place of a document among those that were agreed to together.
fn place(row: &LedgerRow) -> Result<usize, Error> {
    usize::try_from(row.position).map_err(|_| Error::StoredRow { what: "position" })
}

/// What a person agreed to, from whichever rows.
struct Agreed {
    id: String,
    asked: AskedEvidence,
    at: Millis,
    shown: String,
    presence: String,
    expires_at: Millis,
    binding: String,
}

impl Agreed {
    fn to_request(row: RequestRow) -> Result<Option<Self>, Error> {
        let Some(Decision::Consented { at, presence, .. }) = row.decision else { return Ok(None) };
        let asked = AskedEvidence::Statement {
            statement_key: read(&row.statement_key, "key of an application")?,
            statement: row.statement,
        };
        let (id, shown) = (row.request_id.to_string(), row.shown);
        Ok(Some(Self { id, asked, at, shown, presence, expires_at: row.expires_at, binding: row.binding }))
    }

    fn to_client(row: ConsentRow) -> Result<Option<Self>, Error> {
        let (hashes, description) = (hashes(&row), bound_description(&row)?);
        let Some(Decision::Consented { at, presence, .. }) = row.decision else { return Ok(None) };
        let credential = row.credential_id.to_string();
        let asked = AskedEvidence::Authorisation { credential, hashes, description };
        let (id, shown) = (row.consent_id.to_string(), row.shown);
        Ok(Some(Self { id, asked, at, shown, presence, expires_at: row.expires_at, binding: row.binding }))
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str, what: &'static str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|_| Error::StoredRow { what })
}

async fn consent(record: &Peer, agreed: Agreed, place: usize) -> Result<ConsentEvidence, Error> {
    let act = act(record, agreed.at, "signing-consented", ("request", &agreed.id)).await?;
    // What else was in the batch is about other patients.
    let shown: Vec<Value> = read(&agreed.shown, "list of documents")?;
    Ok(ConsentEvidence {
        shown_sha256: anchors(&agreed.shown)?,
        asked: agreed.asked,
        shown: shown.into_iter().skip(place).take(1).collect(),
        presence: read(&agreed.presence, "presence")?,
        expires_at: agreed.expires_at.0,
        binding: agreed.binding,
        record: act,
    })
}

/// What proves that a signature was there while its certificate was good, where the worker has been.
pub(crate) async fn proof_of(
    signer: &Signer,
    row: &LedgerRow,
    certificate: &[u8],
) -> Result<Option<ProofEvidence>, Error> {
    let unreadable = || Error::StoredRow { what: "proof" };
    let db = signer.db.read();
    let signing: SigningId = row.signing_id.parse().map_err(|_| Error::StoredRow { what: "identifier" })?;
    let Some(records) = proofs::of_signing(db, &signing).await? else { return Ok(None) };
    let kept = store::kept_records::by_id(db, &records, signer.clock.now()).await?.ok_or_else(unreadable)?;
    let hash = Hash::called(&kept.hash).ok_or_else(unreadable)?;
    let mut lists = Vec::new();
    for sha256 in &kept.lists {
        lists.push(proofs::kept_list(db, sha256).await?.ok_or_else(unreadable)?);
    }
    let crls = lists.iter().map(|list| STANDARD.encode(list)).collect();
    let proved = Proved { signature: &row.signature, digest: &row.digest, certificate };
    let digest = proved.digest(hash, &each(hash, &lists));
    // A tree over thousands of digests.
    let record = off_thread_if(true, move || kept_records::record_of(&kept, &digest)).await?;
    let record = record.ok_or_else(unreadable)?;
    Ok(Some(ProofEvidence { evidence_record: STANDARD.encode(record), crls }))
}

/// The act of a moment whose member says this, with its proof.
async fn act(
    record: &Peer,
    at: Millis,
    name: &str,
    (member, value): (&str, &str),
) -> Result<RecordedAct, Error> {
    let path = format!("/audit/moments/{}?module=signer&name={name}", at.0);
    let moment: Moment = record.call(Method::GET, &path, None::<&()>).await.map_err(Error::Record)?;
    let is_it = |entry: &Entry| entry.record["event"][member] == value;
    let entry = moment.entries.into_iter().find(is_it).ok_or_else(|| {
        let sentence = "The audit record has no such act any more: it was erased under retention.";
        Error::Dss(Problem::gone("record-erased", sentence))
    })?;
    let id = entry.record["id"].as_str().map(str::to_owned).unwrap_or_default();
    let proof: InclusionProof = record
        .call(Method::GET, &format!("/audit/events/{id}/proof"), None::<&()>)
        .await
        .map_err(Error::Record)?;
    Ok(RecordedAct { entry, proof })
}

/// Whether octets are a bundle of evidence, and no prescription in JSON.
pub(crate) fn is_bundle(octets: &[u8]) -> bool {
    let read: Result<Value, _> = serde_json::from_slice(octets);
    read.is_ok_and(|value| value["format"] == EVIDENCE_FORMAT)
}
