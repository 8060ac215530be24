//! Enrolment over Secure Transport (RFC 7030, clarified by RFC 8951 and RFC 9908).

mod attributes;
mod body;
mod signed_data;

use const_oid::db::rfc5912::ID_EXTENSION_REQ;
use der::Decode as _;
use pki::Certificate;
use platform::caller::Caller;
use x509_cert::request::CertReq;

use super::config::{Protocol, Road, RoadAct};
use super::{Enrolment, Refused, naming, permission, stem};
use crate::api::{IssueRequest, Issued, KeySource};
use crate::error::Error;
use crate::names::IssuerId;
use crate::serial::Serial;
use crate::store::certificates;

pub(crate) use body::{decode_request, encoded};
pub(crate) use signed_data::certificates_only;

/// challengePassword (RFC 2985 5.4.1).
const CHALLENGE_PASSWORD: const_oid::ObjectIdentifier =
    const_oid::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.7");

/// Reads octets as the body of an enrolment: the body of a fuzz target.
pub fn read_anything(octets: &[u8]) {
    let _ = decode_request(octets).map_err(Error::from).and_then(|der| read_request(&der));
}

/// The certificates above what a road issues, RFC 7030 4.1.3.
pub(crate) fn authorities(enrolment: &Enrolment, label: Option<&str>) -> Result<Vec<u8>, Error> {
    let road = enrolment.road(label, Protocol::Est)?;
    let profile = enrolment.profile(road)?;
    let id = issuer_of(road, profile)?;
    let issuer = enrolment.authority().signing(&id)?;
    let book = enrolment.authority().book();
    let mut above: Vec<_> =
        std::iter::once(&issuer.certificate).chain(&issuer.chain).map(Certificate::der).collect();
    // RFC 7030 4.1.3: a root that follows another comes with the one before and the certificates across.
    for root in book.issuers().filter(|known| known.id().is_root()) {
        above.push(root.certificate.der());
        above.extend(book.crosses_of(root.id()).map(|cross| cross.certificate.der()));
    }
    above.sort_unstable();
    above.dedup();
    Ok(certificates_only(&above))
}

/// What a request on this road should hold, RFC 7030 4.5.2.
pub(crate) fn attributes(enrolment: &Enrolment, label: Option<&str>) -> Result<Vec<u8>, Error> {
    let road = enrolment.road(label, Protocol::Est)?;
    Ok(attributes::wanted(enrolment.profile(road)?))
}

/// `simpleenroll`, RFC 7030 4.2.1: a certificate for the key of a PKCS#10 request.
pub(crate) async fn enroll(
    enrolment: &Enrolment,
    label: Option<&str>,
    request: &[u8],
    caller: &Caller,
) -> Result<Vec<u8>, Error> {
    let road = enrolment.road(label, Protocol::Est)?;
    let entered = permission::enter(caller, road, RoadAct::Enrol)?;
    let profile = enrolment.profile(road)?;
    let csr = read_request(request)?;
    let subject = naming::subject(csr.subject(), &csr.extensions().subject_alternative_names, profile)?;
    naming::check_extensions(csr.extensions(), profile)?;
    permission::may_name(&entered, &subject)?;
    let stem =
        stem("est", &[b"enrol", road.name.to_string().as_bytes(), profile.id.as_str().as_bytes(), csr.der()]);
    let asked = ask(road, subject, &csr);
    answer(&enrolment.issue_again(&stem, asked, caller).await?)
}

/// `simplereenroll`, RFC 7030 4.2.2: a certificate like the one presented, for its key or another.
///
/// `presented` is the certificate of the TLS connection, which the caller was made from.
pub(crate) async fn reenroll(
    enrolment: &Enrolment,
    label: Option<&str>,
    request: &[u8],
    caller: &Caller,
    presented: Option<&[u8]>,
) -> Result<Vec<u8>, Error> {
    let road = enrolment.road(label, Protocol::Est)?;
    permission::enter(caller, road, RoadAct::Renew)?;
    let profile = enrolment.profile(road)?;
    let none =
        Refused::NotRenewed("renewing needs the certificate that is to be renewed, in the TLS handshake");
    let presented = presented.and_then(|der| Certificate::from_der(der).ok()).ok_or(none)?;
    let csr = read_request(request)?;
    naming::check_extensions(csr.extensions(), profile)?;
    demand_same(&csr, &presented)?;
    demand_of_road(enrolment, &presented, profile.id.as_str()).await?;
    let subject = naming::subject(presented.subject(), presented.subject_alternative_names(), profile)?;
    let renewed = presented.fingerprint_sha256();
    let stem = stem("est", &[b"renew", road.name.to_string().as_bytes(), &renewed, csr.der()]);
    let asked = ask(road, subject, &csr);
    answer(&enrolment.issue_again(&stem, asked, caller).await?)
}

/// RFC 7030 4.2.2: subject and alternative names are identical to those of the certificate that is renewed.
fn demand_same(csr: &pki::Csr, presented: &Certificate) -> Result<(), Refused> {
    if !csr.subject().matches(presented.subject()) {
        return Err(Refused::NotRenewed("the request names another subject than the presented certificate"));
    }
    let asked = &csr.extensions().subject_alternative_names;
    if !naming::same_names(asked, presented.subject_alternative_names()) {
        return Err(Refused::NotRenewed(
            "the request has other alternative names than the presented certificate",
        ));
    }
    Ok(())
}

/// The certificate is one that this road issues: nobody renews into another profile.
pub(super) async fn demand_of_road(
    enrolment: &Enrolment,
    certificate: &Certificate,
    profile: &str,
) -> Result<(), Error> {
    let unknown = || Refused::NotRenewed("the presented certificate is not of this road's profile");
    let serial = Serial::parse(&certificate.serial().to_string()).ok_or_else(unknown)?;
    let stored = certificates::by_serial(enrolment.authority().desk().db.read(), &serial).await?;
    let same = stored.is_some_and(|stored| {
        stored.profile == profile && stored.certificate.as_deref() == Some(certificate.der())
    });
    if same { Ok(()) } else { Err(unknown().into()) }
}

/// Reads a PKCS#10 request and verifies its proof of possession.
pub(super) fn read_request(der: &[u8]) -> Result<pki::Csr, Error> {
    let csr = crate::possession::proven(der)?;
    // RFC 7030 3.5: a value that is there must be checked, and TLS 1.3 has no tls-unique to check it with.
    if has_challenge_password(der) { Err(Refused::ChannelBinding.into()) } else { Ok(csr) }
}

fn has_challenge_password(der: &[u8]) -> bool {
    let Ok(request) = CertReq::from_der(der) else { return true };
    let attributes = request.info.attributes.iter().filter(|attribute| attribute.oid != ID_EXTENSION_REQ);
    attributes
        .filter(|attribute| attribute.oid == CHALLENGE_PASSWORD)
        .any(|attribute| attribute.values.iter().any(|value| !value.value().is_empty()))
}

/// What the authority is asked for a PKCS#10 request; its name is given later.
pub(super) fn ask(road: Road<'_>, subject: crate::api::SubjectData, csr: &pki::Csr) -> IssueRequest {
    let key = KeySource::Csr(pki::to_pem(pki::Csr::PEM_LABEL, csr.der()));
    let mut request = IssueRequest::new("", road.config.profile.as_str(), subject, key);
    request.issuer = road.config.issuer.as_ref().map(ToString::to_string);
    request
}

/// The authority that signs on a road.
pub(super) fn issuer_of(road: Road<'_>, profile: &crate::profile::Profile) -> Result<IssuerId, Error> {
    use crate::profile::Kind;
    match (&road.config.issuer, &profile.kind) {
        (Some(issuer), _) => Ok(issuer.clone()),
        (None, Kind::EndEntity { issuers }) if issuers.len() == 1 => Ok(issuers[0].clone()),
        _ => Err(Error::IssuerNotNamed(profile.id.clone())),
    }
}

/// RFC 7030 4.2.3: the answer has the certificate and nothing else.
fn answer(issued: &Issued) -> Result<Vec<u8>, Error> {
    use base64::Engine as _;
    let der = base64::engine::general_purpose::STANDARD.decode(&issued.certificate);
    let der = der.map_err(|_| Error::CertificateUnknown)?;
    Ok(certificates_only(&[&der]))
}
