//! Former responders' keys: destroyed in the token once their certificate has ended.
//!
//! Nobody can check an answer of theirs any more, and a token holds so many keys only. Only what the newest generation
//! has followed is looked at, so a responder that still has to answer is never touched.

use audit::Actor;
use pki::Certificate;
use platform::clock::Millis;
use platform::db::Tx;

use crate::authority::Authority;
use crate::error::Error;
use crate::events::Event;
use crate::issuer::Issuer;
use crate::store::responders::{self, StoredResponder};

impl Authority {
    /// Destroys every responder key whose certificate has ended and which has a successor, and says how many those were.
    /// Failures are logged and tried again.
    pub async fn retire_responders(&self) -> usize {
        let mut destroyed = 0;
        for issuer in self.all_issuers() {
            match self.retire_responders_of(&issuer).await {
                Ok(done) => destroyed += done,
                Err(error) => {
                    let id = issuer.id();
                    tracing::warn!(issuer = %id, %error, "old responder keys of {id} could not be destroyed: {error}");
                }
            }
        }
        destroyed
    }

    async fn retire_responders_of(&self, issuer: &Issuer) -> Result<usize, Error> {
        let (desk, now) = (self.desk(), self.desk().guarded_now()?);
        let id = issuer.id().as_str();
        let Some(newest) = responders::newest(desk.db.read(), id).await? else { return Ok(0) };
        let mut destroyed = 0;
        for former in responders::former(desk.db.read(), id, newest.generation).await? {
            if has_ended(&former, now)? && self.destroy_key(&former.key_label).await? {
                destroyed += usize::from(self.keep_destroyed(former, now).await?);
            }
        }
        Ok(destroyed)
    }

    /// Whether the key is gone now. One that this process has in hand, for an answer that it is just signing, stays until
    /// the next time. A process that ends between this and the row finds no key the next time, and keeps that.
    async fn destroy_key(&self, label: &str) -> Result<bool, Error> {
        match self.hsm().destroy(label).await {
            Ok(()) | Err(hsm::Error::KeyNotFound { .. }) => Ok(true),
            Err(hsm::Error::KeyInUse { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn keep_destroyed(&self, former: StoredResponder, now: Millis) -> Result<bool, Error> {
        let kept = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let StoredResponder { issuer, generation, key_label, serial, .. } = former;
                    let kept = responders::mark_destroyed(tx, &issuer, generation, now).await?;
                    if kept {
                        let event =
                            Event::OcspResponderKeyDestroyed { issuer, generation, key_label, serial };
                        audit::record(tx, now, &Actor::system("ca"), &event).await?;
                    }
                    Ok::<_, Error>(kept)
                })
            })
            .await?;
        Ok(kept)
    }
}

fn has_ended(former: &StoredResponder, now: Millis) -> Result<bool, Error> {
    let corrupt = |error: pki::Error| platform::db::Error::corrupt("ca_responder.certificate", error);
    let certificate = Certificate::from_der(&former.certificate).map_err(corrupt)?;
    Ok(certificate.not_after_ms() < now.0)
}
