//! What other modules may say to the certificate authority: wire types, acts and the typed client.
//!
//! Times travel as RFC 3339 text; certificates and keys as base64 of their DER.

use http::Method;
use platform::caller::Act;
use platform::clock::Millis;
use platform::peer::Peer;
use platform::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use crate::acme::api::{ACME, ExternalAccountInfo, ExternalAccountKey, NewExternalAccount};
use crate::rfc3339;

mod card_services;
mod cards;
mod expiries;
mod generations;
mod holders;
mod issuers;
mod lists;
mod profiles;
mod reports;
mod search;
mod secrets;

pub use card_services::{
    AskColleague, AskUnlock, BatchCard, BatchErrand, CardBatch, CardsLeft, ColleagueAsked, NewCardBatch,
    NewRediversification, PukReleased, Rediversification, RediversificationQuery, ReleasePuk, ReplaceCard,
    UnlockAsked, UnlockCode, WaitingUnlock, WaitingUnlocks,
};
pub use cards::{
    CARDS, CancelReason, CardActInfo, CardActPage, CardActQuery, CardFaceForm, CardFaceQuery, CardInfo,
    CardLocation, CardLocationPage, CardLocationQuery, CardMove, CardPage, CardPrint, CardQuery, CardState,
    ErrandAct, ErrandInfo, MoveCard, NewCardLocation, NewCards, NewErrand, PrintCard, RelayTicket,
};
pub use expiries::{
    AcknowledgeRequest, Acknowledged, Acknowledgement, Expiries, ExpiryDay, ExpiryQuery, Notice, NoticePage,
    NoticeQuery, RenewalInfo, RenewalPage, RenewalQuery,
};
pub use generations::{GenerationInfo, GenerationState, Import, ImportInfo, RolloverRequest};
pub use holders::{HOLDERS, HolderSignedIn, OwnCard, OwnCards, OwnRenewal};
pub use issuers::{DEMONSTRATION, IssuerInfo, is_demonstration};
pub use lists::{CrlInfo, CrlQuery, ListInfo};

pub use crate::grants::{is_grantable, issue_of};
pub use crate::store::standings::in_force;
pub use profiles::{FieldInfo, ProfileHistory, ProfileInfo, ProfileVersion};
pub use reports::{CardholderReportQuery, CardholderReportRow, SmartcardReportQuery, SmartcardReportRow};
pub use search::{CertificatePage, CertificateQuery, ExportForm, percent_encoded};
pub use secrets::{EnrolmentSecret, EnrolmentSecretInfo, NewEnrolmentSecret};

/// The profile of keys that the signer keeps; only a module of this server may ask for it.
pub const REMOTE_SIGNING: &str = "prescriber-remote-signing";
/// May ask for certificates: of the profiles that are granted beside it, see [`issue_of`].
pub const ISSUE: Act = Act("ca:issue");
/// May revoke, hold and resume certificates.
pub const REVOKE: Act = Act("ca:revoke");
/// May, beside [`REVOKE`], revoke the certificates of authorities: that ends everything they have issued.
pub const REVOKE_AUTHORITIES: Act = Act("ca:revoke-authorities");
/// May ask for certificates by EST and CMP: in its own name, with [`ISSUE`] in any.
pub const ENROL: Act = Act("ca:enrol");
/// May say that renewals are taken care of.
pub const RENEW: Act = Act("ca:renew");
/// May give authorities new keys, and bring the certificates of those whose root is kept elsewhere.
pub const AUTHORITIES: Act = Act("ca:authorities");
/// May read certificates, their state, issuers and revocation lists.
pub const READ: Act = Act("ca:read");

/// The certificate authority as seen by another module.
#[derive(Clone, Debug)]
pub struct Client {
    peer: Peer,
}

impl Client {
    /// Talks to the authority behind `peer`.
    pub fn new(peer: Peer) -> Client {
        Client { peer }
    }

    /// Issues a certificate. When this returns it is stored and in the audit record.
    ///
    /// A second call with the same `request_id` answers the same certificate and makes no new one.
    pub async fn issue(&self, request: &IssueRequest) -> Result<Issued, Problem> {
        self.peer.call(Method::POST, "/ca/certificates", Some(request)).await
    }

    /// The certificate with this serial (hexadecimal), with its present state.
    pub async fn certificate(&self, serial: &str) -> Result<CertificateInfo, Problem> {
        self.peer.call(Method::GET, &format!("/ca/certificates/{serial}"), None::<&()>).await
    }

    /// Certificates by subject or state, a page at a time.
    pub async fn certificates(&self, query: &CertificateQuery) -> Result<CertificatePage, Problem> {
        self.peer.call(Method::GET, &format!("/ca/certificates?{}", query.to_query()), None::<&()>).await
    }

    /// The same as a file of at most a few megabytes; who wants more reads the answer as it streams.
    pub async fn export(&self, query: &CertificateQuery, form: ExportForm) -> Result<Vec<u8>, Problem> {
        let path = format!("/ca/certificates.{}?{}", form.extension(), query.to_query());
        Ok(self.peer.fetch(&path).await?.to_vec())
    }

    /// Revokes or holds. When this returns the revocation is stored; the CRL follows at once.
    pub async fn revoke(&self, serial: &str, request: &RevokeRequest) -> Result<CertificateInfo, Problem> {
        let path = format!("/ca/certificates/{serial}/revocation");
        self.peer.call(Method::POST, &path, Some(request)).await
    }

    /// Lifts a hold. A certificate revoked for another reason stays revoked.
    pub async fn resume(&self, serial: &str) -> Result<CertificateInfo, Problem> {
        let path = format!("/ca/certificates/{serial}/revocation");
        self.peer.call(Method::DELETE, &path, None::<&()>).await
    }

    /// How many certificates end on each day.
    pub async fn expiries(&self, query: &ExpiryQuery) -> Result<Expiries, Problem> {
        self.peer.call(Method::GET, &format!("/ca/expiries?{}", query.to_query()), None::<&()>).await
    }

    /// Certificates that end soon, a page at a time.
    pub async fn renewals(&self, query: &RenewalQuery) -> Result<RenewalPage, Problem> {
        self.peer.call(Method::GET, &format!("/ca/renewals?{}", query.to_query()), None::<&()>).await
    }

    /// Notices of certificates that end soon, behind this number.
    pub async fn notices(&self, after: i64, limit: u32) -> Result<NoticePage, Problem> {
        let path = format!("/ca/renewals/notices?after={after}&limit={limit}");
        self.peer.call(Method::GET, &path, None::<&()>).await
    }

    /// Says that somebody has taken care of a renewal.
    pub async fn acknowledge(
        &self,
        serial: &str,
        request: &AcknowledgeRequest,
    ) -> Result<RenewalInfo, Problem> {
        self.peer.call(Method::POST, &expiries::acknowledgement_path(serial), Some(request)).await
    }

    /// Takes that back.
    pub async fn withdraw_acknowledgement(&self, serial: &str) -> Result<RenewalInfo, Problem> {
        self.peer.call(Method::DELETE, &expiries::acknowledgement_path(serial), None::<&()>).await
    }

    /// Every profile that can be asked for.
    pub async fn profiles(&self) -> Result<Vec<ProfileInfo>, Problem> {
        self.peer.call(Method::GET, "/ca/profiles", None::<&()>).await
    }

    /// One profile with every content it has had.
    pub async fn profile(&self, id: &str) -> Result<ProfileHistory, Problem> {
        self.peer.call(Method::GET, &format!("/ca/profiles/{}", percent_encoded(id)), None::<&()>).await
    }

    /// Every issuer with its certificate.
    pub async fn issuers(&self) -> Result<Vec<IssuerInfo>, Problem> {
        self.peer.call(Method::GET, "/ca/issuers", None::<&()>).await
    }

    /// One issuer with its certificate and the chain above it.
    pub async fn issuer(&self, id: &str) -> Result<IssuerInfo, Problem> {
        self.peer.call(Method::GET, &format!("/ca/issuers/{id}"), None::<&()>).await
    }

    /// Lets somebody register by ACME. The key in the answer is not shown again.
    pub async fn add_external_account(
        &self,
        new: &NewExternalAccount,
    ) -> Result<ExternalAccountKey, Problem> {
        self.peer.call(Method::POST, "/ca/acme/external-accounts", Some(new)).await
    }

    /// The external accounts of ACME, newest first.
    pub async fn external_accounts(&self) -> Result<Vec<ExternalAccountInfo>, Problem> {
        self.peer.call(Method::GET, "/ca/acme/external-accounts", None::<&()>).await
    }

    /// Ends an external account.
    pub async fn end_external_account(&self, id: &str) -> Result<(), Problem> {
        let path = format!("/ca/acme/external-accounts/{}", percent_encoded(id));
        self.peer.call(Method::DELETE, &path, None::<&()>).await
    }

    /// The newest complete list of an issuer: of those certificates that name no shard.
    pub async fn crl(&self, issuer: &str) -> Result<CrlInfo, Problem> {
        self.peer.call(Method::GET, &format!("/ca/issuers/{issuer}/crl"), None::<&()>).await
    }

    /// The newest complete list of one shard.
    pub async fn shard_crl(&self, issuer: &str, shard: u32) -> Result<CrlInfo, Problem> {
        self.peer.call(Method::GET, &format!("/ca/issuers/{issuer}/crl?shard={shard}"), None::<&()>).await
    }

    /// Which lists an issuer has, complete and delta, without their octets.
    pub async fn lists(&self, issuer: &str) -> Result<Vec<ListInfo>, Problem> {
        self.peer.call(Method::GET, &format!("/ca/issuers/{issuer}/lists"), None::<&()>).await
    }
}

/// A request for one certificate.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueRequest {
    /// The caller's own name for this request: 1 to 64 visible ASCII characters, unique per client.
    /// The same id with the same content answers the same certificate.
    #[schema(example = "enrol-2026-000017")]
    pub request_id: String,
    /// The profile by its id.
    #[schema(example = "prescriber-remote-signing")]
    pub profile: String,
    /// The issuer, where the profile has several (`ocsp-responder`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Who or what the certificate names. The profile says which parts are needed.
    pub subject: SubjectData,
    /// The key to certify.
    pub key: KeySource,
    /// A shorter validity than the profile's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity: Option<Validity>,
}

impl IssueRequest {
    /// A request with the profile's own validity and issuer.
    pub fn new(
        request_id: impl Into<String>,
        profile: impl Into<String>,
        subject: SubjectData,
        key: KeySource,
    ) -> IssueRequest {
        let (request_id, profile) = (request_id.into(), profile.into());
        IssueRequest { request_id, profile, issuer: None, subject, key, validity: None }
    }
}

/// Where the public key comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// `SubjectPublicKeyInfo` as base64 of its DER. The caller has seen proof of possession itself.
    PublicKey(String),
    /// A PKCS#10 request in PEM. Only its key is used, after its signature is verified.
    Csr(String),
}

impl KeySource {
    /// The key as `SubjectPublicKeyInfo` in DER.
    pub fn public_key(spki: &[u8]) -> KeySource {
        use base64::Engine as _;
        KeySource::PublicKey(base64::engine::general_purpose::STANDARD.encode(spki))
    }
}

/// Who or what a certificate names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectData {
    /// The subject's common name. Only a profile that makes names by template does without.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(example = "555021942107_Aisha_Rahman")]
    pub common_name: String,
    /// The 12-digit number of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Given name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Family name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// Name of the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// ODS code of the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation_id: Option<String>,
    /// Host names, for servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns_names: Vec<String>,
    /// IPv4 or IPv6 addresses, for servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip_addresses: Vec<String>,
    /// User principal name, for sign-in at a desktop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upn: Option<String>,
    /// Mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The 12-digit number of the person's role in an organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_profile_id: Option<String>,
    /// Code of the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "S8000:G8000:R8000")]
    pub role_code: Option<String>,
    /// Name of the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_name: Option<String>,
    /// A system of the register: the 12 digits of an accredited one (its ASID), or the identifier of a message handling one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_id: Option<String>,
    /// Absolute URIs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uris: Vec<String>,
    /// Serial number of a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_serial: Option<String>,
    /// Model of a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_model: Option<String>,
}

/// A wished validity; both ends are inside it (RFC 5280 4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// First second of validity.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub not_before: Millis,
    /// Last second of validity.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub not_after: Millis,
}

/// An issued certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Issued {
    /// Serial number, hexadecimal.
    pub serial: String,
    /// The certificate, base64 of its DER.
    pub certificate: String,
    /// Issuing certificate first, root last; base64 of DER.
    pub chain: Vec<String>,
}

/// What the authority knows of one certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateInfo {
    /// Serial number, hexadecimal.
    pub serial: String,
    /// Its issuer's id.
    pub issuer: String,
    /// Its profile's id.
    pub profile: String,
    /// The version of the profile under which it was issued; absent for those of before versions were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_version: Option<i64>,
    /// SHA-256 of the certificate, hexadecimal; absent for an abandoned serial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The subject as RFC 4514 text.
    pub subject: String,
    /// The person it names, if it names one.
    pub user_id: Option<String>,
    /// The system of the register that it names, in small letters, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_id: Option<String>,
    /// First second of validity.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub not_before: Millis,
    /// Last second of validity.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub not_after: Millis,
    /// What it is now.
    pub state: CertificateState,
    /// Present when revoked or held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<RevocationInfo>,
    /// The certificate, base64 of its DER; absent for an abandoned serial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// The states in which a certificate can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateState {
    /// In force (or soon to be, before its first second).
    Issued,
    /// On hold: revoked until resumed.
    Held,
    /// Revoked for good.
    Revoked,
    /// Past its last second, not revoked before.
    Expired,
    /// The process stopped between the intent to sign and the stored certificate.
    /// Its serial is answered and listed as revoked.
    Abandoned,
}

impl CertificateState {
    /// The state as it travels.
    pub fn as_str(self) -> &'static str {
        match self {
            CertificateState::Issued => "issued",
            CertificateState::Held => "held",
            CertificateState::Revoked => "revoked",
            CertificateState::Expired => "expired",
            CertificateState::Abandoned => "abandoned",
        }
    }
}

/// When and why a certificate was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevocationInfo {
    /// When it was revoked.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub revoked_at: Millis,
    /// Why.
    pub reason: Reason,
    /// Since when the key is thought to have been unsafe.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub invalidity_date: Option<Millis>,
}

/// A request to revoke or hold.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// Why; `certificate_hold` can be lifted again.
    pub reason: Reason,
    /// Since when the key is thought to have been unsafe.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub invalidity_date: Option<Millis>,
}

/// Reasons of RFC 5280 5.3.1, without removeFromCRL, which only a delta CRL knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No reason given.
    Unspecified,
    /// The private key is known or feared to be in other hands.
    KeyCompromise,
    /// The issuing key is known or feared to be in other hands.
    CaCompromise,
    /// Name or other content has changed.
    AffiliationChanged,
    /// A newer certificate took its place.
    Superseded,
    /// No longer needed.
    CessationOfOperation,
    /// On hold; may be resumed.
    CertificateHold,
    /// A right named in the certificate has ended.
    PrivilegeWithdrawn,
    /// The attribute authority's key is known or feared to be in other hands.
    AaCompromise,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 9] = [
        Reason::Unspecified,
        Reason::KeyCompromise,
        Reason::CaCompromise,
        Reason::AffiliationChanged,
        Reason::Superseded,
        Reason::CessationOfOperation,
        Reason::CertificateHold,
        Reason::PrivilegeWithdrawn,
        Reason::AaCompromise,
    ];

    /// Whether it says that the private key is in other hands, and with it every certificate of the key.
    pub(crate) fn says_key_is_known(self) -> bool {
        matches!(self, Reason::KeyCompromise | Reason::CaCompromise)
    }

    /// The code on a CRL, RFC 5280 5.3.1.
    pub fn code(self) -> u8 {
        match self {
            Reason::Unspecified => 0,
            Reason::KeyCompromise => 1,
            Reason::CaCompromise => 2,
            Reason::AffiliationChanged => 3,
            Reason::Superseded => 4,
            Reason::CessationOfOperation => 5,
            Reason::CertificateHold => 6,
            Reason::PrivilegeWithdrawn => 9,
            Reason::AaCompromise => 10,
        }
    }

    /// The reason with this code; 7 is unused and 8 belongs to delta CRLs.
    pub fn from_code(code: u8) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.code() == code)
    }
}
