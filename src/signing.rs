//! Signing as a client does it: find the credential, authorise the digests with the passphrase, fetch the signatures.

use std::collections::HashMap;

use anyhow::{Context, bail};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signer::api::{
    AuthObject, Authorization, AuthorizeRequest, CredentialInfo, CredentialInfoRequest, CredentialList,
    CredentialListRequest, Document, DocumentDigests, SignDocRequest, SignedDocuments,
};
use zeroize::Zeroizing;

use crate::client::Server;

/// How many documents go into one authorisation; the server takes 250.
pub const BATCH: usize = 250;
/// How many octets of enveloped documents go into one request.
const BATCH_OCTETS: usize = 6 * 1024 * 1024;

/// Where the document of a signature is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// Beside it; only its digest travels to the server.
    Detached,
    /// In it.
    Enveloping,
}

/// A credential that is ready to sign.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its id.
    pub id: String,
    /// How it signs.
    pub algorithm: String,
    /// The signer's certificate and its chain, as base64 of DER.
    pub certificates: Vec<String>,
}

/// The person's credential: the one asked for, or the only one.
pub async fn credential(server: &Server, user: &str, asked: Option<&str>) -> anyhow::Result<Credential> {
    let request = CredentialListRequest {
        user_id: Some(user.to_owned()),
        only_valid: Some(true),
        ..CredentialListRequest::default()
    };
    let list: CredentialList = server.post("/csc/v2/credentials/list", &request).await?;
    let id = match (asked, list.credential_ids.as_slice()) {
        (Some(asked), ids) if ids.iter().any(|id| id == asked) => asked.to_owned(),
        (Some(asked), _) => bail!("{user} has no credential {asked} that can sign"),
        (None, [only]) => only.clone(),
        (None, []) => bail!("{user} has no credential that can sign; the registration desk makes one"),
        (None, several) => {
            bail!("{user} has several credentials; choose one with --credential: {}", several.join(", "))
        }
    };
    let request = CredentialInfoRequest {
        credential_id: id.clone(),
        certificates: Some("chain".to_owned()),
        ..CredentialInfoRequest::default()
    };
    let info: CredentialInfo = server.post("/csc/v2/credentials/info", &request).await?;
    let algorithm = info.key.algo.into_iter().next().context("the credential names no algorithm")?;
    Ok(Credential { id, algorithm, certificates: info.cert.certificates.unwrap_or_default() })
}

/// How many of the documents, from the first, go into the next request.
pub fn batch(sizes: &[usize], envelope: Envelope) -> usize {
    if envelope == Envelope::Detached {
        return sizes.len().min(BATCH);
    }
    let mut octets = 0;
    let fitting = sizes.iter().take(BATCH).take_while(|size| {
        octets += *size;
        octets <= BATCH_OCTETS
    });
    // One document alone goes whatever its size; the server says if it is too large.
    fitting.count().max(1).min(sizes.len())
}

/// What the holder of a credential has agreed to: these digests, and no others.
#[derive(Debug, Clone)]
pub struct Agreement {
    sad: String,
    hashes: Vec<String>,
}

impl Agreement {
    /// The same for one of its documents alone, by its place in it.
    #[must_use]
    pub fn only(&self, place: usize) -> Self {
        Self { sad: self.sad.clone(), hashes: self.hashes.get(place).cloned().into_iter().collect() }
    }
}

/// Signs up to [`BATCH`] documents under one authorisation; answers a CMS for each, in their order. Documents with the
/// same content get the same one: the server signs each hash once.
pub async fn sign(
    server: &Server,
    credential: &Credential,
    passphrase: &Zeroizing<String>,
    documents: &[Vec<u8>],
    envelope: Envelope,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let (distinct, places) = distinct(documents);
    let agreement = authorise(server, credential, passphrase, &distinct).await?;
    let signed = signatures(server, credential, agreement, &distinct, envelope).await?;
    Ok(places.into_iter().map(|place| signed[place].clone()).collect())
}

/// Each content once, and for every document the place of its content among them.
fn distinct(documents: &[Vec<u8>]) -> (Vec<Vec<u8>>, Vec<usize>) {
    let mut seen = HashMap::new();
    let mut distinct = Vec::new();
    let mut places = Vec::with_capacity(documents.len());
    for document in documents {
        places.push(*seen.entry(document).or_insert_with(|| {
            distinct.push(document.clone());
            distinct.len() - 1
        }));
    }
    (distinct, places)
}

/// Has the digests of the documents authorised with the holder's passphrase.
pub async fn authorise(
    server: &Server,
    credential: &Credential,
    passphrase: &Zeroizing<String>,
    documents: &[Vec<u8>],
) -> anyhow::Result<Agreement> {
    let hashes: Vec<String> =
        documents.iter().map(|document| STANDARD.encode(digest(&SHA256, document))).collect();
    let request = AuthorizeRequest {
        credential_id: credential.id.clone(),
        num_signatures: hashes.len(),
        hashes: hashes.clone(),
        hash_algorithm_oid: None,
        description: None,
        auth_data: vec![AuthObject { id: "passphrase".to_owned(), value: Some(passphrase.to_string()) }],
    };
    let authorization: Authorization = server.post("/csc/v2/credentials/authorize", &request).await?;
    Ok(Agreement { sad: authorization.sad, hashes })
}

/// Fetches the signatures that were agreed to. Asking again answers the same ones.
pub async fn signatures(
    server: &Server,
    credential: &Credential,
    agreement: Agreement,
    documents: &[Vec<u8>],
    envelope: Envelope,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let request = sign_request(credential, agreement, documents, envelope);
    let signed: SignedDocuments = server.post("/csc/v2/signatures/signDoc", &request).await?;
    let answers = match envelope {
        Envelope::Detached => signed.signature_object,
        Envelope::Enveloping => signed.document_with_signature,
    };
    if answers.len() != documents.len() {
        bail!("the server answered {} signatures for {} documents", answers.len(), documents.len());
    }
    answers.iter().map(|text| STANDARD.decode(text).context("a signature is not base64")).collect()
}

fn sign_request(
    credential: &Credential,
    agreement: Agreement,
    documents: &[Vec<u8>],
    envelope: Envelope,
) -> SignDocRequest {
    let Agreement { sad, hashes } = agreement;
    let cades = "C".to_owned();
    let (digests, whole) = match envelope {
        Envelope::Detached => {
            let digests = DocumentDigests {
                hashes,
                hash_algorithm_oid: None,
                signature_format: cades,
                conformance_level: None,
                sign_algo: credential.algorithm.clone(),
                signed_envelope_property: Some("Detached".to_owned()),
            };
            (Some(vec![digests]), None)
        }
        Envelope::Enveloping => {
            let whole = documents.iter().map(|document| Document {
                document: STANDARD.encode(document),
                signature_format: cades.clone(),
                conformance_level: None,
                sign_algo: credential.algorithm.clone(),
                signed_envelope_property: Some("Attached".to_owned()),
            });
            (None, Some(whole.collect()))
        }
    };
    SignDocRequest {
        credential_id: credential.id.clone(),
        sad: Some(sad),
        operation_mode: None,
        validity_period: None,
        document_digests: digests,
        documents: whole,
        return_validation_info: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests go 250 at a time; whole documents also stop at the size of a request, but never at none.
    #[test]
    fn batches_fit_a_request() {
        assert_eq!(batch(&vec![1; 600], Envelope::Detached), 250);
        assert_eq!(batch(&[BATCH_OCTETS; 3], Envelope::Detached), 3);
        assert_eq!(batch(&[BATCH_OCTETS, 1], Envelope::Enveloping), 1);
        assert_eq!(batch(&[BATCH_OCTETS * 2, 1], Envelope::Enveloping), 1);
        assert_eq!(batch(&[1; 4], Envelope::Enveloping), 4);
        assert_eq!(batch(&[], Envelope::Enveloping), 0);
    }

    /// Documents with the same content go to the server once, and each finds its signature again.
    #[test]
    fn same_content_goes_once() {
        let document = |text: &str| text.as_bytes().to_vec();
        let (once, places) = distinct(&[document("a"), document("b"), document("a")]);
        assert_eq!((once, places), (vec![document("a"), document("b")], vec![0, 1, 0]));
    }
}
