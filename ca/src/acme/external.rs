//! External accounts: whom operators let register, and the binding of RFC 8555 7.3.4.

use audit::Actor;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::caller::Caller;
use platform::db::{Db, Tx};
use platform::id::uuid_text;
use serde::Deserialize;
use serde_json::Value;

use super::api::{ExternalAccountInfo, ExternalAccountKey, NewExternalAccount};
use super::jwk::Jwk;
use super::jws::{Request, Signer, Verified};
use super::problem::{Kind, Problem};
use super::scope::Scope;
use super::{Acme, random_secret, unsealed};
use crate::error::Error;
use crate::events::Event;
use crate::names::ProfileId;
use crate::store::acme::external::{self, ExternalAccount};

impl Acme {
    /// Makes an external account. When this returns it is stored and in the audit record; its key is shown this once.
    pub(crate) async fn add_external(
        &self,
        new: NewExternalAccount,
        caller: &Caller,
    ) -> Result<ExternalAccountKey, Error> {
        let now = self.desk().guarded_now()?;
        let account = self.external_of(new, uuid_text(now))?;
        let mac_key = random_secret()?;
        let shown = URL_SAFE_NO_PAD.encode(&mac_key);
        let sealed = self.setup.hsm.seal(mac_key, &place(&account.id)).await?.to_bytes();
        let (kept, actor) = (account.clone(), Actor::from(caller));
        let event = Event::AcmeExternalAccountCreated {
            id: account.id.clone(),
            profiles: account.scope.profiles.iter().map(ToString::to_string).collect(),
            dns_suffixes: account.scope.dns_suffixes.clone(),
            networks: account.scope.networks.iter().map(ToString::to_string).collect(),
            devices: account.scope.devices.clone(),
        };
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    external::insert(tx, &kept, &sealed).await?;
                    audit::record(tx, now, &actor, &event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        let directory = self.url("/acme/directory");
        Ok(ExternalAccountKey { account: info(account), mac_key: shown, directory })
    }

    fn external_of(&self, new: NewExternalAccount, id: String) -> Result<ExternalAccount, Error> {
        let refused = |field, sentence: String| Error::RequestInvalid { field, sentence };
        let name = new.name.trim();
        if !(1..=64).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Err(refused("name", "1 to 64 characters are needed".to_owned()));
        }
        let most_accounts = new.most_accounts.unwrap_or(1);
        if !(1..=1000).contains(&most_accounts) {
            return Err(refused("most_accounts", "1 to 1000".to_owned()));
        }
        let mut profiles = Vec::new();
        for profile in &new.profiles {
            let known = self.desk().profiles.find(profile).filter(|known| known.acme.is_some());
            let known = known.ok_or_else(|| {
                refused(
                    "profiles",
                    "ACME issues of profiles whose file says acme = \"server\" or \"device\" alone"
                        .to_owned(),
                )
            })?;
            profiles.push(ProfileId::clone(&known.id));
        }
        let scope = Scope::parse(profiles, new.dns_suffixes, &new.networks, new.devices)
            .map_err(|error| refused("scope", error.0))?;
        let created_at = self.now();
        Ok(ExternalAccount { id, name: name.to_owned(), scope, most_accounts, created_at, ended_at: None })
    }

    /// Every external account.
    pub(crate) async fn externals(&self) -> Result<Vec<ExternalAccountInfo>, Error> {
        Ok(external::all(self.desk().db.read()).await?.into_iter().map(info).collect())
    }

    /// Ends an external account: nobody registers with it any more, and its ACME accounts stop. Certificates stay.
    pub(crate) async fn end_external(&self, id: &str, caller: &Caller) -> Result<(), Error> {
        let (now, actor, id) = (self.desk().guarded_now()?, Actor::from(caller), id.to_owned());
        let ended = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let ended = external::end(tx, &id, now).await?;
                    if ended {
                        audit::record(tx, now, &actor, &Event::AcmeExternalAccountEnded { id }).await?;
                    }
                    Ok::<_, Error>(ended)
                })
            })
            .await?;
        if ended { Ok(()) } else { Err(Error::ExternalAccountUnknown) }
    }

    /// The external account in force that a registration names, whoever names it.
    pub(super) async fn external_named(&self, registration: &Verified) -> Result<Option<String>, Problem> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Registration {
            external_account_binding: Value,
        }
        // What cannot be read is told when the request is answered.
        let binding = registration.read::<Registration>().map(|read| read.external_account_binding);
        let Ok(Signer::Kid(id)) = binding.and_then(Request::from_value).map(|request| request.header.signer)
        else {
            return Ok(None);
        };
        let known = external::by_id(self.desk().db.read(), &id).await?;
        Ok(known.filter(|known| known.ended_at.is_none()).map(|known| known.id))
    }

    /// The external account that vouches for a key: RFC 8555 7.3.4.
    pub(super) async fn bound(
        &self,
        binding: Option<Value>,
        key: &Jwk,
        url: &str,
    ) -> Result<ExternalAccount, Problem> {
        let binding = binding.ok_or_else(|| {
            let detail = "register with a key from the operator (external account binding)";
            Problem::new(Kind::ExternalAccountRequired, detail)
        })?;
        let request = Request::from_value(binding)?;
        let Signer::Kid(id) = &request.header.signer else {
            return Err(Problem::malformed("an external account is named by \"kid\""));
        };
        if request.header.nonce.is_some() || request.header.url != url {
            return Err(Problem::malformed("the binding has the outer \"url\" and no \"nonce\""));
        }
        // Whether it is unknown, ended or the MAC is wrong is not told apart to whoever has no key.
        let unknown = || Problem::unauthorized("the external account's MAC is not right");
        let read = self.desk().db.read();
        let account =
            external::by_id(read, id).await?.filter(|it| it.ended_at.is_none()).ok_or_else(unknown)?;
        let sealed = external::mac_key(read, id).await?.ok_or_else(unknown)?;
        let secret = unsealed(&self.setup.hsm, &sealed, &place(id)).await?;
        let bound: Value = request.verify_mac(&secret)?.read()?;
        if Jwk::parse(&bound)? != *key {
            return Err(Problem::malformed("the binding is not for the key that signs the request"));
        }
        Ok(account)
    }
}

/// Where a MAC key lies; sealed for this place alone.
fn place(id: &str) -> Vec<u8> {
    format!("ca_acme_external_account/mac_key/{id}/1").into_bytes()
}

/// The external accounts that are in force, newest first, so many at most.
///
/// For a restore: which were ended after the copy was made is not known here.
pub async fn external_accounts_in_force(db: &Db, most: u32) -> Result<Vec<ExternalAccountInfo>, Error> {
    Ok(external::in_force(db.read(), i64::from(most)).await?.into_iter().map(info).collect())
}

fn info(account: ExternalAccount) -> ExternalAccountInfo {
    ExternalAccountInfo {
        id: account.id,
        name: account.name,
        profiles: account.scope.profiles.iter().map(ToString::to_string).collect(),
        dns_suffixes: account.scope.dns_suffixes,
        networks: account.scope.networks.iter().map(ToString::to_string).collect(),
        devices: account.scope.devices,
        most_accounts: account.most_accounts,
        created_at: account.created_at,
        ended_at: account.ended_at,
    }
}
