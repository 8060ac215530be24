//! A request, read once at the door: what is wrong with it is found here.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::api::{IssueRequest, KeySource, Validity};
use crate::cards::CLIENT;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::names::IssuerId;
use crate::possession;
use crate::profile::{ExtendedUsage, KeyOrigin, Kind, Profile, Profiles, Purpose};
use crate::requested;
use crate::store::requests::RequestKey;
use crate::subject::{AlternativeName, Names};
use crate::subject_key::{KeyRefused, SubjectKey};

/// The longest key or request we decode, far above an RSA-4096 key.
const LONGEST_KEY_TEXT: usize = 16 * 1024;

/// A request whose parts are right. Time, serial and issuer's state are not in it.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) profile: Arc<Profile>,
    pub(crate) issuer: IssuerId,
    pub(crate) names: Names,
    pub(crate) key: SubjectKey,
    pub(crate) validity: Option<Validity>,
    pub(crate) request: RequestKey,
}

impl Order {
    /// Reads a request by this client against the profiles.
    pub(crate) fn parse(request: &IssueRequest, client: &str, profiles: &Profiles) -> Result<Order, Error> {
        let profile = profiles.find(&request.profile);
        let profile = profile.ok_or_else(|| Error::ProfileUnknown(printable(&request.profile)))?;
        if profile.key_origin != KeyOrigin::default() && client != CLIENT {
            return Err(Error::ProfileOfCards(profile.id.clone()));
        }
        let (key, asked) = public_key(&request.key)?;
        if !profile.keys.contains(&key.alg()) {
            return Err(KeyRefused::NotInProfile(key.alg()).into());
        }
        let names = profile.naming.names(&request.subject)?;
        let serves = |extended: &ExtendedUsage| extended.purposes.contains(&Purpose::ServerAuth);
        let serves_under_a_name =
            |name: &AlternativeName| matches!(name, AlternativeName::Dns(_) | AlternativeName::Ip(_));
        if !names.alternative.iter().any(serves_under_a_name) && profile.extended.as_ref().is_some_and(serves)
        {
            // RFC 9525 6.1: a server is known by its alternative names alone.
            let sentence = "a TLS server needs a host name or an address".to_owned();
            return Err(Error::RequestInvalid { field: "subject.dns_names", sentence });
        }
        if let Some(asked) = asked {
            requested::check(&asked, profile, &names.alternative)?;
        }
        Ok(Order {
            profile: Arc::clone(profile),
            issuer: issuer(profile, request.issuer.as_deref())?,
            names,
            key,
            validity: request.validity,
            request: request_key(request, client)?,
        })
    }
}

fn issuer(profile: &Profile, wished: Option<&str>) -> Result<IssuerId, Error> {
    let Kind::EndEntity { issuers } = &profile.kind else {
        return Err(Error::ProfileUnknown(profile.id.to_string()));
    };
    match (wished, issuers.as_slice()) {
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(Error::IssuerNotNamed(profile.id.clone())),
        (Some(wished), issuers) => {
            issuers.iter().find(|issuer| issuer.as_str() == wished).cloned().ok_or_else(|| {
                Error::ProfileNotAllowed { profile: profile.id.clone(), issuer: printable(wished) }
            })
        }
    }
}

/// The key, with proof of possession and the extensions asked for where a PKCS#10 request gives it.
fn public_key(source: &KeySource) -> Result<(SubjectKey, Option<pki::Extensions>), Error> {
    match source {
        KeySource::PublicKey(text) => {
            let der = Some(text)
                .filter(|text| text.len() <= LONGEST_KEY_TEXT)
                .and_then(|text| STANDARD.decode(text).ok());
            let der = der.ok_or(Error::RequestInvalid {
                field: "key.public_key",
                sentence: "not base64 of a SubjectPublicKeyInfo".to_owned(),
            })?;
            Ok((SubjectKey::parse(&der)?, None))
        }
        KeySource::Csr(pem) if pem.len() <= LONGEST_KEY_TEXT => {
            let csr = possession::proven_pem(pem)?;
            Ok((SubjectKey::parse(csr.spki_der())?, Some(csr.extensions().clone())))
        }
        KeySource::Csr(_) => Err(Error::CsrRefused),
    }
}

fn request_key(request: &IssueRequest, client: &str) -> Result<RequestKey, Error> {
    let id = &request.request_id;
    if !(1..=64).contains(&id.len()) || !id.chars().all(|c| c.is_ascii_graphic()) {
        let sentence = "1 to 64 visible ASCII characters are needed".to_owned();
        return Err(Error::RequestInvalid { field: "request_id", sentence });
    }
    // Serde writes fields in the order of their declaration, so equal requests give equal text.
    let content = serde_json::to_vec(request).map_err(|_| Error::RequestInvalid {
        field: "validity",
        sentence: "outside the years 0 to 9999".to_owned(),
    })?;
    Ok(RequestKey { client: client.to_owned(), request_id: id.clone(), content_sha256: sha256_hex(&content) })
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}
