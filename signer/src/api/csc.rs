//! Wire types of the Cloud Signature Consortium API v2 (specification 2.0.0.2, section 11), as far as it is spoken here.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// 11.1 `info`, the request.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct InfoRequest {
    /// Wished language; answers are in English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
}

/// 11.1 `info`, the answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Info {
    /// Version of the specification.
    pub specs: String,
    /// Commercial name.
    pub name: String,
    /// Address of a logo, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// ISO 3166-1 alpha-2 code.
    pub region: String,
    /// Language of the answers.
    pub lang: String,
    /// A sentence about the service.
    pub description: String,
    /// How clients are known.
    #[serde(rename = "authType")]
    pub auth_type: Vec<String>,
    /// The issuer of access tokens, where people sign in here.
    #[serde(rename = "oauth2Issuer", default, skip_serializing_if = "Option::is_none")]
    pub oauth2_issuer: Option<String>,
    /// Whether answers can be fetched later.
    #[serde(rename = "asynchronousOperationMode")]
    pub asynchronous_operation_mode: bool,
    /// What is implemented.
    pub methods: Vec<String>,
    /// Whether `validationInfo` is given.
    #[serde(rename = "validationInfo")]
    pub validation_info: bool,
    /// Signature algorithms.
    #[serde(rename = "signAlgorithms")]
    pub sign_algorithms: SignAlgorithms,
    /// Signature formats.
    pub signature_formats: SignatureFormats,
    /// Levels of conformance.
    pub conformance_levels: Vec<String>,
}

/// The algorithms in [`Info`].
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SignAlgorithms {
    /// Object identifiers.
    pub algos: Vec<String>,
}

/// The formats in [`Info`].
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SignatureFormats {
    /// `C` is CAdES.
    pub formats: Vec<String>,
    /// For each format its envelopes.
    pub envelope_properties: Vec<Vec<String>>,
}

/// 11.4 `credentials/list`, the request.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct CredentialListRequest {
    /// The person; a person who asks leaves it out.
    #[serde(rename = "userID", default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Whether to describe each credential.
    #[serde(rename = "credentialInfo", default, skip_serializing_if = "Option::is_none")]
    pub credential_info: Option<bool>,
    /// `none`, `single` or `chain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<String>,
    /// Whether to tell what stands in the certificate.
    #[serde(rename = "certInfo", default, skip_serializing_if = "Option::is_none")]
    pub cert_info: Option<bool>,
    /// Whether to tell how signatures are authorised.
    #[serde(rename = "authInfo", default, skip_serializing_if = "Option::is_none")]
    pub auth_info: Option<bool>,
    /// Whether to leave out what cannot sign now.
    #[serde(rename = "onlyValid", default, skip_serializing_if = "Option::is_none")]
    pub only_valid: Option<bool>,
}

/// 11.4 `credentials/list`, the answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CredentialList {
    /// The ids.
    #[serde(rename = "credentialIDs")]
    pub credential_ids: Vec<String>,
    /// What each is, if asked for.
    #[serde(rename = "credentialInfos", default, skip_serializing_if = "Option::is_none")]
    pub credential_infos: Option<Vec<CredentialInfo>>,
    /// Present when only credentials that can sign were asked for.
    #[serde(rename = "onlyValid", default, skip_serializing_if = "Option::is_none")]
    pub only_valid: Option<bool>,
}

/// 11.5 `credentials/info`, the request.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct CredentialInfoRequest {
    /// The credential.
    #[serde(rename = "credentialID")]
    pub credential_id: String,
    /// `none`, `single` or `chain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<String>,
    /// Whether to tell what stands in the certificate.
    #[serde(rename = "certInfo", default, skip_serializing_if = "Option::is_none")]
    pub cert_info: Option<bool>,
    /// Whether to tell how signatures are authorised.
    #[serde(rename = "authInfo", default, skip_serializing_if = "Option::is_none")]
    pub auth_info: Option<bool>,
}

/// 11.4 and 11.5: a credential.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CredentialInfo {
    /// The credential; only in a list.
    #[serde(rename = "credentialID", default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
    /// Its key.
    pub key: KeyInfo,
    /// Its certificate.
    pub cert: CertInfo,
    /// How signatures are authorised, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthInfo>,
    /// `2`: an authorisation is bound to the listed hashes.
    #[serde(rename = "SCAL")]
    pub scal: String,
    /// How many signatures one authorisation may cover.
    pub multisign: usize,
    /// Language of the answers.
    pub lang: String,
}

/// The key of a credential.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeyInfo {
    /// `enabled` or `disabled`.
    pub status: String,
    /// Object identifiers usable as `signAlgo`.
    pub algo: Vec<String>,
    /// Length in bits.
    pub len: u32,
    /// Object identifier of the curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<String>,
}

/// The certificate of a credential.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct CertInfo {
    /// `valid`, `expired`, `revoked` or `suspended`; absent while there is no certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The certificate, or the chain with the root last; base64 of the DER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<Vec<String>>,
    /// RFC 4514.
    #[serde(rename = "issuerDN", default, skip_serializing_if = "Option::is_none")]
    pub issuer_dn: Option<String>,
    /// Hexadecimal.
    #[serde(rename = "serialNumber", default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// RFC 4514.
    #[serde(rename = "subjectDN", default, skip_serializing_if = "Option::is_none")]
    pub subject_dn: Option<String>,
    /// `YYYYMMDDhhmmssZ`.
    #[serde(rename = "validFrom", default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    /// `YYYYMMDDhhmmssZ`.
    #[serde(rename = "validTo", default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<String>,
}

/// How signatures are authorised.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuthInfo {
    /// `explicit`: by `credentials/authorize`. `oauth2code`: by a request for an access token.
    pub mode: String,
    /// How the objects combine; only when explicit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// What is to be given; only when explicit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<AuthObjectInfo>,
}

/// One thing to be given in `authData`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuthObjectInfo {
    /// `Password`, or `ChallengeResponseOOB` for what the holder answers on our own page.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its `id` in `authData`.
    pub id: String,
    /// `A`: any characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// What to call it on a screen.
    pub label: String,
    /// What to tell the person.
    pub description: String,
}

/// 11.6 `credentials/authorize`, the request.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct AuthorizeRequest {
    /// The credential.
    #[serde(rename = "credentialID")]
    pub credential_id: String,
    /// How many signatures: as many as `hashes`.
    #[serde(rename = "numSignatures")]
    pub num_signatures: usize,
    /// SHA-256 of each document, base64.
    pub hashes: Vec<String>,
    /// SHA-256.
    #[serde(rename = "hashAlgorithmOID", default, skip_serializing_if = "Option::is_none")]
    pub hash_algorithm_oid: Option<String>,
    /// What the holder is told that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The holder's passphrase under the id `passphrase`, or `presence` alone, to have them asked on our own page.
    #[serde(rename = "authData")]
    pub auth_data: Vec<AuthObject>,
}

/// One authentication object.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct AuthObject {
    /// Which.
    pub id: String,
    /// Its value, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// 11.6 `credentials/authorize`, the answer.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Authorization {
    /// The secret that stands for the authorisation.
    #[serde(rename = "SAD")]
    pub sad: String,
    /// For how many seconds it can be used.
    #[serde(rename = "expiresIn")]
    pub expires_in: u32,
}

/// 11.10 `signatures/signHash`, the request.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct SignHashRequest {
    /// The credential.
    #[serde(rename = "credentialID")]
    pub credential_id: String,
    /// The authorisation; left out with an access token that is for these documents.
    #[serde(rename = "SAD", default, skip_serializing_if = "Option::is_none")]
    pub sad: Option<String>,
    /// `S`, which is the default, or `A`: the answer is fetched later.
    #[serde(rename = "operationMode", default, skip_serializing_if = "Option::is_none")]
    pub operation_mode: Option<String>,
    /// For how many milliseconds it can be fetched: a minute to a day, an hour by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity_period: Option<i64>,
    /// What to sign: digests, base64.
    pub hashes: Vec<String>,
    /// SHA-256, SHA-384 or SHA-512; needed when `signAlgo` does not say it.
    #[serde(rename = "hashAlgorithmOID", default, skip_serializing_if = "Option::is_none")]
    pub hash_algorithm_oid: Option<String>,
    /// One of the credential's `key/algo`.
    #[serde(rename = "signAlgo")]
    pub sign_algo: String,
    /// `RSASSA-PSS-params`, base64 of DER, where that is `signAlgo`: SHA-256, MGF1 with SHA-256, a salt of 32 octets.
    #[serde(rename = "signAlgoParams", default, skip_serializing_if = "Option::is_none")]
    pub sign_algo_params: Option<String>,
}

/// 11.10 `signatures/signHash`, the answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Signatures {
    /// Base64, in the order of the request. ECDSA: DER of Ecdsa-Sig-Value.
    pub signatures: Vec<String>,
}

/// 11.11 `signatures/signDoc`, the request: either digests or documents.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct SignDocRequest {
    /// The credential.
    #[serde(rename = "credentialID")]
    pub credential_id: String,
    /// The authorisation; left out with an access token that is for these documents.
    #[serde(rename = "SAD", default, skip_serializing_if = "Option::is_none")]
    pub sad: Option<String>,
    /// `S`, which is the default, or `A`: the answer is fetched later.
    #[serde(rename = "operationMode", default, skip_serializing_if = "Option::is_none")]
    pub operation_mode: Option<String>,
    /// For how many milliseconds it can be fetched: a minute to a day, an hour by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity_period: Option<i64>,
    /// Digests of documents that stay with the client.
    #[serde(rename = "documentDigests", default, skip_serializing_if = "Option::is_none")]
    pub document_digests: Option<Vec<DocumentDigests>>,
    /// Documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<Vec<Document>>,
    /// Whether `validationInfo` is wanted.
    #[serde(rename = "returnValidationInfo", default, skip_serializing_if = "Option::is_none")]
    pub return_validation_info: Option<bool>,
}

/// Digests that are signed the same way.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct DocumentDigests {
    /// SHA-256 digests, base64.
    pub hashes: Vec<String>,
    /// SHA-256; needed when `signAlgo` does not say it.
    #[serde(rename = "hashAlgorithmOID", default, skip_serializing_if = "Option::is_none")]
    pub hash_algorithm_oid: Option<String>,
    /// `C`.
    pub signature_format: String,
    /// `Ades-B-B`, which is also the default, `Ades-B-T`, `Ades-B-LT` or `Ades-B-LTA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conformance_level: Option<String>,
    /// One of the credential's `key/algo`.
    #[serde(rename = "signAlgo")]
    pub sign_algo: String,
    /// `Detached`, which is the only one possible and the default for digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_envelope_property: Option<String>,
}

/// A document to sign.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Document {
    /// Its octets, base64.
    pub document: String,
    /// `C`.
    pub signature_format: String,
    /// `Ades-B-B`, which is also the default, `Ades-B-T`, `Ades-B-LT` or `Ades-B-LTA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conformance_level: Option<String>,
    /// One of the credential's `key/algo`.
    #[serde(rename = "signAlgo")]
    pub sign_algo: String,
    /// `Attached` (the default) or `Detached`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_envelope_property: Option<String>,
}

/// 11.11 `signatures/signDoc`, the answer: each list in the order of the request.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct SignedDocuments {
    /// CMS with the document inside, base64.
    #[serde(rename = "DocumentWithSignature", default, skip_serializing_if = "Vec::is_empty")]
    pub document_with_signature: Vec<String>,
    /// CMS without the document, base64.
    #[serde(rename = "SignatureObject", default, skip_serializing_if = "Vec::is_empty")]
    pub signature_object: Vec<String>,
    /// What they are checked with, where that was asked for.
    #[serde(rename = "validationInfo", default, skip_serializing_if = "Option::is_none")]
    pub validation_info: Option<ValidationInfo>,
}

/// What signatures are checked with, base64 of DER.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ValidationInfo {
    /// OCSP answers: none, the lists say the same.
    pub ocsp: Vec<String>,
    /// The current revocation lists of every issuer.
    pub crl: Vec<String>,
    /// The certificates of the signers and of everybody above them.
    pub certificates: Vec<String>,
}

/// 11.12 `signatures/timestamp`, the request.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct TimestampRequest {
    /// The digest to be time-stamped, base64.
    pub hash: String,
    /// The object identifier of its hash: SHA-256, SHA-384 or SHA-512.
    #[serde(rename = "hashAlgo")]
    pub hash_algo: String,
    /// A large random number in hexadecimal, which the time-stamp then has in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// 11.12 `signatures/timestamp`, the answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Timestamp {
    /// The time-stamp token of RFC 3161, base64.
    pub timestamp: String,
}

/// 10.2: an error.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct CscError {
    /// One of the specification's codes.
    pub error: String,
    /// What happened.
    pub error_description: String,
}

/// 11.6 `credentials/authorize`, the answer while its person decides; 11.7 `credentials/authorizeCheck`, the same.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Handle {
    /// What to ask again with.
    pub handle: String,
}

/// 11.7 `credentials/authorizeCheck`, the request.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct AuthorizeCheckRequest {
    /// From `credentials/authorize`.
    pub handle: String,
}

/// 11.8 `credentials/getChallenge`, the request.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ChallengeRequest {
    /// The credential.
    #[serde(rename = "credentialID")]
    pub credential_id: String,
    /// `presence`.
    #[serde(rename = "authObjectID")]
    pub auth_object_id: String,
}

/// 11.8 `credentials/getChallenge`, the answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Challenge {
    /// The address at which the holder answers.
    pub challenge: String,
}

/// 11.9 `credentials/extendTransaction`, the request.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ExtendRequest {
    /// The credential.
    #[serde(rename = "credentialID")]
    pub credential_id: String,
    /// The authorisation before it has run out.
    #[serde(rename = "SAD")]
    pub sad: String,
    /// What is still to be signed, of what was authorised; base64.
    pub hashes: Vec<String>,
    /// SHA-256.
    #[serde(rename = "hashAlgorithmOID", default, skip_serializing_if = "Option::is_none")]
    pub hash_algorithm_oid: Option<String>,
}

/// 11.10 and 11.11, the answer with `operationMode` A.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResponseId {
    /// The name under which the result is fetched.
    #[serde(rename = "responseID")]
    pub response_id: String,
}

/// 11.12 `signatures/signPolling`, the request.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct PollingRequest {
    /// The `responseID`.
    #[serde(rename = "requestID")]
    pub request_id: String,
}
