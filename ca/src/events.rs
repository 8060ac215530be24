//! What the authority writes into the audit record.

use platform::clock::Millis;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::Reason;
use crate::lint::Finding;

/// An act of the certificate authority.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A key ceremony began.
    CeremonyStarted {
        /// SHA-256 of the specification file.
        spec_sha256: String,
    },
    /// A key ceremony came to its end.
    CeremonyFinished {
        /// SHA-256 of the specification file.
        spec_sha256: String,
        /// SHA-256 of the transcript.
        transcript_sha256: String,
    },
    /// An authority was made: its key is in the token, its certificate stored.
    IssuerCreated {
        /// The issuer's id.
        issuer: String,
        /// The label of its key in the token.
        key_label: String,
        /// Its subject key identifier, hexadecimal.
        key_id: String,
        /// The serial of its certificate.
        serial: String,
        /// SHA-256 of its certificate.
        certificate_sha256: String,
    },
    /// An authority is being given a new key.
    GenerationBegun {
        /// The id of the new generation.
        issuer: String,
        /// The label that its key has or will have.
        key_label: String,
        /// The kind of key.
        algorithm: String,
        /// From when on new certificates come from it, milliseconds since 1970.
        #[schema(value_type = i64)]
        signs_from: Millis,
    },
    /// The key of an authority was made, and signed the request for its certificate.
    IssuerRequested {
        /// The issuer's id.
        issuer: String,
        /// Its subject key identifier, hexadecimal.
        key_id: String,
        /// SHA-256 of the request.
        request_sha256: String,
    },
    /// A root certified the key of another.
    CrossCertified {
        /// The root whose key it is.
        subject: String,
        /// The root that signed.
        signer: String,
        /// The serial.
        serial: String,
        /// SHA-256 of the certificate.
        certificate_sha256: String,
    },
    /// A new generation of an authority has everything it needs.
    GenerationFinished {
        /// The id of the new generation.
        issuer: String,
        /// SHA-256 of the transcript.
        transcript_sha256: String,
    },
    /// A list of an authority whose key is kept elsewhere was brought and is published.
    CrlTakenIn {
        /// The issuer's id.
        issuer: String,
        /// Its number.
        number: i64,
        /// SHA-256 of the list.
        sha256: String,
        /// Until when it holds, milliseconds since 1970.
        #[schema(value_type = i64)]
        next_update: Millis,
    },
    /// A ceremony with a root that no server holds came to its end, on the root's machine.
    OfflineCeremonyHeld {
        /// The root's id.
        root: String,
        /// How many certificates it signed.
        certificates: i64,
        /// SHA-256 of the transcript.
        transcript_sha256: String,
    },
    /// The process started with these profiles.
    ProfilesLoaded {
        /// SHA-256 of the profile file.
        sha256: String,
        /// The number of this process in serials.
        instance: u8,
    },
    /// A profile had a content that it never had before, and got the next number for it.
    ProfileVersionMade {
        /// The profile.
        profile: String,
        /// The number.
        version: i64,
        /// SHA-256 of the content.
        content_sha256: String,
    },
    /// To-be-signed bytes passed the lints and will be signed.
    CertificateIntended {
        /// The serial.
        serial: String,
        /// Who signs.
        issuer: String,
        /// The profile.
        profile: String,
        /// The version of the profile.
        profile_version: i64,
        /// SHA-256 of the profile file in force.
        profiles_sha256: String,
        /// The person named, if one is.
        user_id: Option<String>,
        /// The requester's name for the request.
        request_id: String,
        /// SHA-256 of the bytes.
        tbs_sha256: String,
    },
    /// A certificate was signed, compared and stored.
    CertificateIssued {
        /// The serial.
        serial: String,
        /// Who signed.
        issuer: String,
        /// The profile.
        profile: String,
        /// SHA-256 of the certificate.
        certificate_sha256: String,
    },
    /// A serial was closed for which nothing was signed.
    SerialDropped {
        /// The serial.
        serial: String,
        /// Who would have signed.
        issuer: String,
        /// Why.
        why: String,
        /// Which lints fired, if that is why.
        findings: Vec<Finding>,
    },
    /// A serial was closed that may have been signed but has no certificate. It is listed as revoked.
    CertificateAbandoned {
        /// The serial.
        serial: String,
        /// Who may have signed.
        issuer: String,
        /// What stopped it.
        why: String,
    },
    /// A certificate was revoked for good.
    CertificateRevoked {
        /// The serial.
        serial: String,
        /// Who issued it.
        issuer: String,
        /// Why.
        reason: Reason,
        /// Since when its key is thought to have been unsafe, milliseconds since 1970.
        #[schema(value_type = Option<i64>)]
        invalidity_date: Option<Millis>,
    },
    /// A certificate was put on hold.
    CertificateHeld {
        /// The serial.
        serial: String,
        /// Who issued it.
        issuer: String,
        /// Since when its key is thought to have been unsafe, milliseconds since 1970.
        #[schema(value_type = Option<i64>)]
        #[serde(skip_serializing_if = "Option::is_none")]
        invalidity_date: Option<Millis>,
    },
    /// A hold was lifted.
    CertificateResumed {
        /// The serial.
        serial: String,
        /// Who issued it.
        issuer: String,
    },
    /// A certificate in force ends soon, and notice of it was given.
    RenewalNoticed {
        /// The serial.
        serial: String,
        /// Who issued it.
        issuer: String,
        /// The profile.
        profile: String,
        /// The person named, if one is.
        user_id: Option<String>,
        /// How many days before the end this notice is due.
        days: u16,
        /// Its last second, milliseconds since 1970.
        #[schema(value_type = i64)]
        not_after: Millis,
    },
    /// Somebody has taken care of the renewal of a certificate.
    RenewalAcknowledged {
        /// The serial.
        serial: String,
    },
    /// Nobody has taken care of it after all.
    RenewalAcknowledgementWithdrawn {
        /// The serial.
        serial: String,
    },
    /// A revocation list was signed.
    CrlSigned {
        /// Who signed.
        issuer: String,
        /// The shard it is of; 0 for the certificates that name none.
        shard: i64,
        /// The list's number.
        number: i64,
        /// The complete list it goes back to, when it is a delta list.
        base: Option<i64>,
        /// How many certificates it lists.
        entries: i64,
        /// SHA-256 of the list.
        sha256: String,
        /// When it holds from, milliseconds since 1970.
        #[schema(value_type = i64)]
        this_update: Millis,
        /// When a newer one is there at the latest, milliseconds since 1970.
        #[schema(value_type = i64)]
        next_update: Millis,
    },
    /// An issuer's OCSP answers are signed with a new key from now on.
    OcspResponderRenewed {
        /// Whose answers.
        issuer: String,
        /// Which key in a row.
        generation: i64,
        /// The label of the key in the token.
        key_label: String,
        /// The serial of its certificate.
        serial: String,
    },
    /// The key of a former OCSP responder was destroyed in the token, after its certificate had ended.
    OcspResponderKeyDestroyed {
        /// Whose answers it signed.
        issuer: String,
        /// Which key in a row.
        generation: i64,
        /// The label it had in the token.
        key_label: String,
        /// The serial of its certificate.
        serial: String,
    },
    /// A client began a transaction of CMP.
    EnrolmentBegun {
        /// The road.
        road: String,
        /// What it asks for: enrol, renew or revoke.
        act: String,
        /// The client's name for the transaction, hexadecimal.
        transaction: String,
        /// What protects it: a certificate of ours, a shared secret or the certificate of a maker.
        proof: String,
    },
    /// A shared secret for a first certificate was made.
    EnrolmentSecretMade {
        /// By what it is named.
        reference: String,
        /// The road it is for.
        road: String,
        /// The client it is for.
        client: String,
        /// For how many certificates.
        uses: u32,
        /// Until when.
        #[schema(value_type = i64)]
        expires_at: Millis,
    },
    /// A shared secret for a first certificate was ended by hand or by a recovery.
    EnrolmentSecretEnded {
        /// By what it was named.
        reference: String,
    },
    /// A certificate given by CMP is kept by its client.
    EnrolmentConfirmed {
        /// The serial.
        serial: String,
        /// Whether by the client or implicitly.
        how: String,
    },
    /// A transaction of CMP came to nothing; what it gave is revoked.
    EnrolmentLapsed {
        /// The client's name for the transaction, hexadecimal.
        transaction: String,
        /// The certificate it gave, if it gave one.
        serial: Option<String>,
        /// Why.
        why: String,
    },
    /// A certificate of ours came from outside and had no row; it has one now.
    CertificateTakenIn {
        /// The serial.
        serial: String,
        /// Who signed it.
        issuer: String,
        /// SHA-256 of the certificate.
        certificate_sha256: String,
    },
    /// The next list numbers were moved past any possible use, after a restore.
    CrlNumberMoved {
        /// Whose.
        issuer: String,
        /// The shard whose lists they are; 0 for the certificates that name none.
        shard: i64,
        /// The last number used, as far as this record knows.
        from: i64,
        /// The number after which the next list follows.
        to: i64,
    },
    /// An operator let somebody register by ACME.
    AcmeExternalAccountCreated {
        /// The external account.
        id: String,
        /// The profiles it may use.
        profiles: Vec<String>,
        /// The host names it may have certified.
        dns_suffixes: Vec<String>,
        /// The networks that validation may reach for it.
        networks: Vec<String>,
        /// The devices it may have certified.
        devices: Vec<String>,
    },
    /// An operator ended an external account.
    AcmeExternalAccountEnded {
        /// The external account.
        id: String,
    },
    /// A key was registered by ACME.
    AcmeAccountCreated {
        /// The account.
        account: String,
        /// The external account that vouches for it.
        external_account: String,
        /// RFC 7638 thumbprint of its key.
        thumbprint: String,
    },
    /// The contacts of an ACME account were changed.
    AcmeAccountUpdated {
        /// The account.
        account: String,
    },
    /// An ACME account was deactivated by its holder.
    AcmeAccountDeactivated {
        /// The account.
        account: String,
    },
    /// An ACME account has a new key.
    AcmeAccountKeyChanged {
        /// The account.
        account: String,
        /// RFC 7638 thumbprint of the new key.
        thumbprint: String,
    },
    /// A certificate was ordered by ACME.
    AcmeOrderCreated {
        /// The order.
        order: String,
        /// Whose.
        account: String,
        /// The profile.
        profile: String,
        /// The names, each with its type.
        identifiers: Vec<String>,
    },
    /// An authorization was given up by its holder.
    AcmeAuthorizationDeactivated {
        /// The authorization.
        authorization: String,
        /// Whose.
        account: String,
    },
    /// A name was shown to be its client's.
    AcmeValidated {
        /// The authorization.
        authorization: String,
        /// The order it is for.
        order: String,
        /// The name with its type.
        identifier: String,
        /// How it was shown.
        challenge: String,
        /// SHA-256 of the key that a device has attested.
        key_sha256: Option<String>,
    },
    /// A name was not shown to be its client's, for good.
    AcmeValidationFailed {
        /// The authorization.
        authorization: String,
        /// The order it is for.
        order: String,
        /// The name with its type.
        identifier: String,
        /// How it should have been shown.
        challenge: String,
        /// The type of the problem.
        problem: String,
    },
    /// An order has its certificate.
    AcmeOrderIssued {
        /// The order.
        order: String,
        /// Whose.
        account: String,
        /// The serial.
        serial: String,
    },
    /// Sealed secrets were moved under another version of the token's wrapping key; the secrets stay the same.
    SecretsRewrapped {
        /// The version they are under now.
        wrapping_version: u32,
        /// The secrets, by table and key.
        secrets: Vec<String>,
    },
    /// An order has failed while it was issued for.
    AcmeOrderFailed {
        /// The order.
        order: String,
        /// Whose.
        account: String,
        /// The type of the problem.
        problem: String,
    },
}

impl audit::Event for Event {
    const MODULE: &'static str = "ca";

    fn name(&self) -> &'static str {
        match self {
            Event::CeremonyStarted { .. } => "ceremony-started",
            Event::CeremonyFinished { .. } => "ceremony-finished",
            Event::IssuerCreated { .. } => "issuer-created",
            Event::GenerationBegun { .. } => "generation-begun",
            Event::IssuerRequested { .. } => "issuer-requested",
            Event::CrossCertified { .. } => "cross-certified",
            Event::GenerationFinished { .. } => "generation-finished",
            Event::CrlTakenIn { .. } => "crl-taken-in",
            Event::OfflineCeremonyHeld { .. } => "offline-ceremony-held",
            Event::ProfilesLoaded { .. } => "profiles-loaded",
            Event::ProfileVersionMade { .. } => "profile-version-made",
            Event::CertificateIntended { .. } => "certificate-intended",
            Event::CertificateIssued { .. } => "certificate-issued",
            Event::SerialDropped { .. } => "serial-dropped",
            Event::CertificateAbandoned { .. } => "certificate-abandoned",
            Event::CertificateRevoked { .. } => "certificate-revoked",
            Event::CertificateHeld { .. } => "certificate-held",
            Event::CertificateResumed { .. } => "certificate-resumed",
            Event::RenewalNoticed { .. } => "renewal-noticed",
            Event::RenewalAcknowledged { .. } => "renewal-acknowledged",
            Event::RenewalAcknowledgementWithdrawn { .. } => "renewal-acknowledgement-withdrawn",
            Event::CrlSigned { .. } => "crl-signed",
            Event::OcspResponderRenewed { .. } => "ocsp-responder-renewed",
            Event::OcspResponderKeyDestroyed { .. } => "ocsp-responder-key-destroyed",
            Event::EnrolmentBegun { .. } => "enrolment-begun",
            Event::EnrolmentSecretMade { .. } => "enrolment-secret-made",
            Event::EnrolmentSecretEnded { .. } => "enrolment-secret-ended",
            Event::EnrolmentConfirmed { .. } => "enrolment-confirmed",
            Event::EnrolmentLapsed { .. } => "enrolment-lapsed",
            Event::CertificateTakenIn { .. } => "certificate-taken-in",
            Event::CrlNumberMoved { .. } => "crl-number-moved",
            Event::AcmeExternalAccountCreated { .. } => "acme-external-account-created",
            Event::AcmeExternalAccountEnded { .. } => "acme-external-account-ended",
            Event::AcmeAccountCreated { .. } => "acme-account-created",
            Event::AcmeAccountUpdated { .. } => "acme-account-updated",
            Event::AcmeAccountDeactivated { .. } => "acme-account-deactivated",
            Event::AcmeAccountKeyChanged { .. } => "acme-account-key-changed",
            Event::AcmeOrderCreated { .. } => "acme-order-created",
            Event::AcmeAuthorizationDeactivated { .. } => "acme-authorization-deactivated",
            Event::AcmeValidated { .. } => "acme-validated",
            Event::AcmeValidationFailed { .. } => "acme-validation-failed",
            Event::AcmeOrderIssued { .. } => "acme-order-issued",
            Event::AcmeOrderFailed { .. } => "acme-order-failed",
            Event::SecretsRewrapped { .. } => "secrets-rewrapped",
        }
    }
}
