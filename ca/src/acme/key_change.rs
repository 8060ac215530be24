//! A new key for an account: RFC 8555 7.3.5.

use audit::Actor;
use platform::db::Tx;
use serde::Deserialize;
use serde_json::Value;

use super::jwk::Jwk;
use super::jws::{Request, Signer};
use super::problem::Problem;
use super::sender::Signed;
use super::{Acme, Answer};
use crate::error::Error;
use crate::events::Event;
use crate::store::acme::accounts;

/// What the new key signs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyChange {
    account: String,
    old_key: Value,
}

impl Acme {
    /// Puts a new key in the place of the account's, when both have signed for it.
    pub(crate) async fn key_change(&self, signed: Signed) -> Result<Answer, Problem> {
        let (account, payload) = signed.account()?;
        let inner = Request::from_value(payload.read()?)?;
        let Signer::Key(new) = &inner.header.signer else {
            return Err(Problem::malformed("the inner request is signed with \"jwk\", the new key"));
        };
        if inner.header.nonce.is_some() || inner.header.url != self.url("/acme/key-change") {
            return Err(Problem::malformed("the inner request has the outer \"url\" and no \"nonce\""));
        }
        let new = new.clone();
        let change: KeyChange = inner.verify(&new)?.read()?;
        if change.account != self.url(&format!("/acme/accounts/{}", account.id))
            || Jwk::parse(&change.old_key)? != account.key
        {
            return Err(Problem::malformed("the inner request is for another account or another old key"));
        }
        if let Some(other) = accounts::by_thumbprint(self.desk().db.read(), &new.thumbprint()).await? {
            let location = Some(self.url(&format!("/acme/accounts/{}", other.id)));
            return Err(Problem {
                status: 409,
                location,
                ..Problem::malformed("an account has this key already")
            });
        }
        self.put_key(account.id.clone(), account.key, *new).await?;
        Ok(Answer::nothing(200).with("location", change.account))
    }

    async fn put_key(&self, id: String, old: Jwk, new: Jwk) -> Result<(), Problem> {
        let (now, actor) = (self.desk().guarded_now()?, Actor::from(&Acme::caller(&id)));
        let event = Event::AcmeAccountKeyChanged { account: id.clone(), thumbprint: new.thumbprint() };
        let changed = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let changed = accounts::change_key(tx, &id, &old, &new).await?;
                    if changed {
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(changed)
                })
            })
            .await?;
        let conflict = || Problem { status: 409, ..Problem::malformed("the account changed meanwhile") };
        if changed { Ok(()) } else { Err(conflict()) }
    }
}
