//! Enrolment by standard protocols: EST (RFC 7030) and CMP (RFC 9810 in the profile of RFC 9483).
//!
//! A road is one way from a protocol to a profile, set in `[ca.enrol.roads.NAME]`. Whoever comes along it is a
//! [`Caller`] like any other and needs `ca:enrol`; what names it may have certified is decided in
//! `permission.rs`. Every road ends in [`Authority::issue`], that is in the same `prepare` and `issue`.

pub(crate) mod cmp;
mod config;
pub(crate) mod est;
mod naming;
mod permission;
mod refusal;
mod secrets;
mod sweep;
mod vendors;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use hsm::Hsm;
use platform::caller::Caller;
use platform::problem::Problem;

use crate::api::{IssueRequest, Issued, Reason, is_grantable};
use crate::authority::Authority;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::profile::Profile;
use crate::store::certificates::State;
use crate::store::requests;
use crate::subject::Naming;

pub use config::{DeviceName, EnrolConfig, Protocol, RoadAct, RoadConfig, RoadName, VendorConfig};
pub(crate) use refusal::Refused;

pub use est::read_anything as read_est_body;
pub use secrets::end_enrolment_secrets;

use config::Road;
use vendors::Vendors;

/// How long a body of either protocol may be.
pub(crate) const LARGEST_BODY: usize = pki::cmp::LARGEST_MESSAGE;
/// How often the same request may be asked for anew after its certificate has expired.
const MOST_GENERATIONS: usize = 16;

/// Makes a caller of a certificate chain, leaf first. The server has one place that does this; EST comes through it
/// before it reaches us, CMP brings its certificates in the message.
pub type Identify =
    Arc<dyn Fn(Vec<Vec<u8>>) -> Pin<Box<dyn Future<Output = Result<Caller, Problem>> + Send>> + Send + Sync>;

/// Where callers come from, as the server knows them.
#[derive(Clone)]
pub struct CallerSource {
    /// Makes a caller of a certificate chain.
    pub identify: Identify,
    /// Forgets what is remembered of certificates; called after one was revoked outside a request.
    pub forget: Arc<dyn Fn() + Send + Sync>,
}

/// The roads of an authority. Clones are handles on the same ones.
#[derive(Clone)]
pub struct Enrolment {
    inner: Arc<Inner>,
}

struct Inner {
    authority: Authority,
    config: EnrolConfig,
    source: CallerSource,
    responder: cmp::Responder,
    vendors: Vendors,
    macs: cmp::Macs,
}

impl Enrolment {
    /// Checks the roads against the profiles. Nothing is made in the token before CMP is first used.
    pub fn new(authority: Authority, hsm: Hsm, source: CallerSource) -> Result<Enrolment, Error> {
        let config = authority.desk().config.enrol.clone();
        for (name, road) in &config.roads {
            let profile = authority.desk().profiles.find(road.profile.as_str());
            let known = profile.ok_or_else(|| Error::ProfileUnknown(road.profile.to_string()))?;
            if !is_grantable(known.id.as_str()) {
                let sentence = format!("{} comes with its credential and never by a road", known.id);
                return Err(Error::RoadSenseless { road: name.to_string(), sentence });
            }
            if matches!(known.naming, Naming::Templates(_)) {
                // A request by EST or CMP says the whole name, and a renewal keeps it.
                let sentence =
                    format!("{} makes names by template; a road takes them as they are asked", known.id);
                return Err(Error::RoadSenseless { road: name.to_string(), sentence });
            }
        }
        let by_cmp = config.roads.values().any(|road| road.protocols.contains(&Protocol::Cmp));
        if by_cmp && authority.desk().profiles.find(&config.cmp_profile).is_none() {
            return Err(Error::ProfileUnknown(config.cmp_profile.clone()));
        }
        if config.default_road.as_ref().is_some_and(|name| !config.roads.contains_key(name)) {
            let sentence = "it is the default and has no table".to_owned();
            let road = config.default_road.as_ref().map(ToString::to_string).unwrap_or_default();
            return Err(Error::RoadSenseless { road, sentence });
        }
        let responder = cmp::Responder::new(hsm, config.cmp_profile.clone());
        let (vendors, macs) = (Vendors::open(&config)?, cmp::Macs::default());
        Ok(Enrolment { inner: Arc::new(Inner { authority, config, source, responder, vendors, macs }) })
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.inner.authority
    }

    fn config(&self) -> &EnrolConfig {
        &self.inner.config
    }

    fn responder(&self) -> &cmp::Responder {
        &self.inner.responder
    }

    fn vendors(&self) -> &Vendors {
        &self.inner.vendors
    }

    fn macs(&self) -> &cmp::Macs {
        &self.inner.macs
    }

    /// Whether one of our issuers stands in this certificate as its issuer: then it is judged as ours and as nothing else.
    fn is_ours(&self, certificate: &pki::Certificate) -> bool {
        self.authority().book().issuers().any(|it| it.certificate.subject().matches(certificate.issuer()))
    }

    async fn identify(&self, chain: Vec<Vec<u8>>) -> Result<Caller, Problem> {
        (self.inner.source.identify)(chain).await
    }

    /// Lets nobody in by what was remembered before a revocation.
    fn forget_callers(&self) {
        (self.inner.source.forget)();
    }

    /// The road of this name, or the default one.
    fn road(&self, name: Option<&str>, protocol: Protocol) -> Result<Road<'_>, Refused> {
        self.config().road(name, protocol)
    }

    fn profile(&self, road: Road<'_>) -> Result<&Arc<Profile>, Error> {
        let id = road.config.profile.as_str();
        self.authority().desk().profiles.find(id).ok_or_else(|| Error::ProfileUnknown(id.to_owned()))
    }

    /// Issues for a request that may come again: the same one answers the same certificate, for as long as that lives.
    ///
    /// `stem` names the request: equal stems must mean equal requests.
    async fn issue_again(
        &self,
        stem: &str,
        mut request: IssueRequest,
        caller: &Caller,
    ) -> Result<Issued, Error> {
        let desk = self.authority().desk();
        for generation in 0..MOST_GENERATIONS {
            request.request_id = format!("{stem}-{generation}");
            let client = caller.client.as_str();
            let before = requests::by_id(desk.db.read(), client, &request.request_id).await?;
            match before.filter(|stored| stored.state == State::Issued) {
                Some(stored) if stored.not_after < desk.clock.now() => {}
                Some(stored) if stored.revocation.is_some_and(|it| it.reason != Reason::CertificateHold) => {
                    return Err(Refused::RequestRevoked.into());
                }
                _ => return self.authority().issue(&request, caller).await,
            }
        }
        Err(Error::RequestIdReused)
    }
}

/// The name of a request that is known by what it says.
fn stem(protocol: &str, parts: &[&[u8]]) -> String {
    let mut content = Vec::new();
    for part in parts {
        content.extend_from_slice(&part.len().to_be_bytes());
        content.extend_from_slice(part);
    }
    // 160 bits: enough that no two requests share a name, short enough for a request id.
    format!("{protocol}-{}", &sha256_hex(&content)[..40])
}
