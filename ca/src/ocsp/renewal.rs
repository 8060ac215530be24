//! Responder certificates renew themselves: a new key and a new certificate well before the old one ends.

use audit::Actor;
use hsm::{Alg, Key};
use platform::clock::Millis;
use platform::db::Tx;

use super::responder::Responder;
use crate::api::{IssueRequest, KeySource, SubjectData};
use crate::authority::Authority;
use crate::error::Error;
use crate::events::Event;
use crate::issuer::Issuer;
use crate::order::Order;
use crate::profile::Profile;
use crate::store::responders::{self, StoredResponder};

/// The client of the requests that the authority makes itself.
const CLIENT: &str = "ocsp-renewal";

impl Authority {
    /// Makes every responder certificate that is due, and says how many it made. Failures are logged and tried again.
    ///
    /// The holder of the schedule's lease does it for all. Two at the same time do no harm: a key label, a request
    /// and a generation are each given once.
    pub async fn renew_responders(&self) -> usize {
        let mut made = 0;
        for issuer in self.all_issuers() {
            match self.renew_responder(&issuer).await {
                Ok(true) => made += 1,
                // An offline root has none.
                Ok(false) | Err(Error::IssuerKeyMissing(_)) => {}
                Err(error) => {
                    let id = issuer.id();
                    metrics::counter!("ca_ocsp_renewal_failures_total", "issuer" => id.to_string())
                        .increment(1);
                    tracing::error!(issuer = %id, %error, "the OCSP responder of {id} could not be renewed: {error}");
                }
            }
        }
        made
    }

    /// Makes the responder certificate of an issuer if it is due, and says whether it did.
    pub(crate) async fn renew_responder(&self, issuer: &Issuer) -> Result<bool, Error> {
        let (desk, now) = (self.desk(), self.desk().guarded_now()?);
        let Some(profile) = desk.profiles.responder(issuer.id()) else { return Ok(false) };
        issuer.key()?;
        if issuer.has_ended(now) {
            return Ok(false);
        }
        let newest = responders::newest(desk.db.read(), issuer.id().as_str()).await?;
        let usable = match &newest {
            Some(stored) => Responder::open(stored, issuer, self.hsm()).await?,
            None => None,
        };
        if let Some(responder) = usable
            && !is_due(&responder, issuer, now)
            && responder.stands(desk, issuer).await?
        {
            return Ok(false);
        }
        let generation = newest.map_or(0, |newest| newest.generation) + 1;
        let name = format!("ocsp-{}-{generation}", issuer.id());
        let key = self.responder_key(&name, algorithm(issuer.identity.alg, profile)).await?;
        let mut request = IssueRequest::new(
            name.clone(),
            profile.id.as_str(),
            SubjectData { common_name: common_name(issuer), ..SubjectData::default() },
            KeySource::public_key(key.public_key()),
        );
        request.issuer = Some(issuer.id().line().to_string());
        let order = Order::parse(&request, CLIENT, &desk.profiles)?;
        // RFC 6960 4.2.2.2: signed by the very key whose certificates are asked about, not by a newer one.
        let made = self.certify_by(issuer, order, Actor::system("ca")).await?;
        let (issuer_id, key_label, serial) = (issuer.id().to_string(), name, made.serial.to_string());
        let certificate = made.der;
        self.store_responder(StoredResponder {
            issuer: issuer_id,
            generation,
            key_label,
            serial,
            certificate,
        })
        .await?;
        self.ocsp().responders.look(desk, self.hsm(), issuer).await?;
        Ok(true)
    }

    /// The key under this label, made now unless a run that was stopped has made it.
    async fn responder_key(&self, label: &str, alg: Alg) -> Result<Key, Error> {
        match self.hsm().key(label).await {
            Err(hsm::Error::KeyNotFound { .. }) => Ok(self.hsm().generate(label, alg).await?),
            found => Ok(found?),
        }
    }

    async fn store_responder(&self, responder: StoredResponder) -> Result<(), Error> {
        let event = Event::OcspResponderRenewed {
            issuer: responder.issuer.clone(),
            generation: responder.generation,
            key_label: responder.key_label.clone(),
            serial: responder.serial.clone(),
        };
        let now = self.desk().clock.now();
        let (id, serial) = (responder.issuer.clone(), responder.serial.clone());
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if responders::insert(tx, &responder, now).await? {
                        audit::record(tx, now, &Actor::system("ca"), &event).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        tracing::info!(issuer = id, serial, "the OCSP responder of {id} has a new certificate {serial}");
        Ok(())
    }

    /// Takes up responders that another process has made. Failures are logged and tried again.
    pub(crate) async fn look_for_responders(&self) {
        for issuer in self.all_issuers() {
            if let Err(error) = self.ocsp().responders.look(self.desk(), self.hsm(), &issuer).await {
                let id = issuer.id();
                tracing::warn!(issuer = %id, %error, "the OCSP responder of {id} could not be opened: {error}");
            }
        }
    }
}

/// Due when less than a third of its time is left, unless it ends with its issuer anyway.
fn is_due(responder: &Responder, issuer: &Issuer, now: Millis) -> bool {
    let (from, until) = (responder.certificate.not_before_ms(), responder.certificate.not_after_ms());
    (until - now.0) * 3 < until - from && until < issuer.identity.period.not_after.0
}

/// The kind of key its issuer has, as far as the profile has it: who reads the one reads the other.
fn algorithm(issuer: Alg, profile: &Profile) -> Alg {
    let alike = match issuer {
        Alg::Rsa3072 | Alg::Rsa4096 => Alg::Rsa2048,
        same => same,
    };
    let first = profile.keys.first().copied().unwrap_or(alike);
    if profile.keys.contains(&alike) { alike } else { first }
}

/// A common name has 64 characters at most (RFC 5280 appendix A.1), and an id 40.
fn common_name(issuer: &Issuer) -> String {
    format!("OCSP responder {}", issuer.id())
}
