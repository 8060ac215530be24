//! Accounts: RFC 8555 7.3.

use audit::Actor;
use platform::db::Tx;
use platform::id::uuid_text;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Kind, Problem};
use super::sender::{Signed, in_force};
use super::{Acme, Answer};
use crate::error::Error;
use crate::events::Event;
use crate::store::acme::accounts::{self, Account, AccountState};
use crate::store::acme::{external, orders};

/// How many addresses an account may have.
const MOST_CONTACTS: usize = 10;
/// How many orders stand on a page of the list.
const PAGE: i64 = 50;

/// RFC 8555 7.3. What is not known is not looked at, as 7.3 asks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewAccount {
    #[serde(default)]
    contact: Vec<String>,
    #[serde(default)]
    terms_of_service_agreed: bool,
    #[serde(default)]
    only_return_existing: bool,
    external_account_binding: Option<Value>,
}

/// RFC 8555 7.3.2 and 7.3.6.
#[derive(Deserialize)]
struct Update {
    contact: Option<Vec<String>>,
    status: Option<String>,
}

/// What came of registering.
enum Registered {
    New,
    /// The external account has ended meanwhile, or has no place left.
    Full,
    /// Another request registered this key meanwhile.
    Existing,
}

impl Acme {
    /// RFC 8555 7.3: registers a key, or says which account has it.
    pub(crate) async fn new_account(&self, signed: Signed) -> Result<Answer, Problem> {
        let (key, payload) = signed.key()?;
        let new: NewAccount = payload.read()?;
        let read = self.desk().db.read();
        if let Some(account) = accounts::by_thumbprint(read, &key.thumbprint()).await? {
            in_force(&account)?;
            return Ok(self.shown(&account, 200));
        }
        if new.only_return_existing {
            return Err(Problem::new(Kind::AccountDoesNotExist, "no account has this key"));
        }
        if self.setup.config.terms_of_service.is_some() && !new.terms_of_service_agreed {
            return Err(Problem::malformed("agree to the terms of service first"));
        }
        let contacts = checked_contacts(new.contact)?;
        let url = self.url("/acme/new-account");
        let external = self.bound(new.external_account_binding, &key, &url).await?;
        let now = self.desk().guarded_now()?;
        let account = Account {
            id: uuid_text(now),
            external: external.id.clone(),
            key,
            state: AccountState::Valid,
            contacts,
            created_at: now,
            external_ended: false,
        };
        let most = i64::from(external.most_accounts);
        match self.register(account.clone(), most).await? {
            Registered::New => Ok(self.shown(&account, 201)),
            Registered::Full => {
                Err(Problem::unauthorized("no more accounts may be bound to this external account"))
            }
            Registered::Existing => {
                let existing = accounts::by_thumbprint(read, &account.key.thumbprint()).await?;
                let existing = existing.ok_or_else(|| Problem::not_found("account"))?;
                Ok(self.shown(&existing, 200))
            }
        }
    }

    async fn register(&self, account: Account, most: i64) -> Result<Registered, Error> {
        let event = Event::AcmeAccountCreated {
            account: account.id.clone(),
            external_account: account.external.clone(),
            thumbprint: account.key.thumbprint(),
        };
        let actor = Actor::from(&Acme::caller(&account.id));
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if !external::hold(tx, &account.external).await?
                        || accounts::count_of(tx, &account.external).await? >= most
                    {
                        return Ok(Registered::Full);
                    }
                    if !accounts::insert(tx, &account).await? {
                        return Ok(Registered::Existing);
                    }
                    audit::record(tx, account.created_at, &actor, &event).await?;
                    Ok(Registered::New)
                })
            })
            .await
    }

    /// RFC 8555 7.3.2: shows an account, changes its contacts, or deactivates it.
    pub(crate) async fn account(&self, id: &str, signed: Signed) -> Result<Answer, Problem> {
        let (mut account, payload) = signed.account()?;
        if account.id != id {
            return Err(Problem::unauthorized("this is another account"));
        }
        if payload.is_empty() {
            return Ok(self.shown(&account, 200));
        }
        let update: Update = payload.read()?;
        match update.status.as_deref() {
            None | Some("valid") => {}
            Some("deactivated") => {
                let event = Event::AcmeAccountDeactivated { account: account.id.clone() };
                self.change(&account.id, event, Change::Deactivate).await?;
                account.state = AccountState::Deactivated;
                return Ok(self.shown(&account, 200));
            }
            Some(_) => return Err(Problem::malformed("an account becomes \"deactivated\" and nothing else")),
        }
        if let Some(contact) = update.contact {
            account.contacts = checked_contacts(contact)?;
            let event = Event::AcmeAccountUpdated { account: account.id.clone() };
            self.change(&account.id, event, Change::Contacts(account.contacts.clone())).await?;
        }
        Ok(self.shown(&account, 200))
    }

    async fn change(&self, id: &str, event: Event, change: Change) -> Result<(), Problem> {
        let (now, id, actor) = (self.desk().guarded_now()?, id.to_owned(), Actor::from(&Acme::caller(id)));
        let changed = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let changed = match &change {
                        Change::Contacts(contacts) => accounts::set_contacts(tx, &id, contacts).await?,
                        Change::Deactivate => accounts::deactivate(tx, &id).await?,
                    };
                    if changed {
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(changed)
                })
            })
            .await?;
        if changed { Ok(()) } else { Err(Problem::unauthorized("this account is deactivated")) }
    }

    /// RFC 8555 7.1.2.1: the account's orders, newest first, a page at a time.
    pub(crate) async fn orders_of(
        &self,
        id: &str,
        before: Option<&str>,
        signed: Signed,
    ) -> Result<Answer, Problem> {
        let (account, payload) = signed.account()?;
        payload.must_be_empty()?;
        if account.id != id {
            return Err(Problem::unauthorized("these are another account's"));
        }
        let read = self.desk().db.read();
        // Every id is below this in the order of their characters.
        let mut ids = orders::page(read, id, before.unwrap_or("~"), PAGE + 1).await?;
        let more = ids.len() > usize::try_from(PAGE).unwrap_or(usize::MAX);
        if more {
            ids.pop();
        }
        let urls: Vec<_> = ids.iter().map(|id| self.url(&format!("/acme/orders/{id}"))).collect();
        let answer = Answer::json(200, json!({"orders": urls}));
        Ok(match ids.last().filter(|_| more) {
            Some(last) => {
                let next = self.url(&format!("/acme/accounts/{id}/orders?before={last}"));
                answer.with("link", format!("<{next}>;rel=\"next\""))
            }
            None => answer,
        })
    }

    fn shown(&self, account: &Account, status: u16) -> Answer {
        let url = self.url(&format!("/acme/accounts/{}", account.id));
        let body = json!({
            "status": account.state.as_str(),
            "contact": account.contacts,
            "orders": format!("{url}/orders"),
        });
        Answer::json(status, body).with("location", url)
    }
}

/// What an update does.
enum Change {
    Contacts(Vec<String>),
    Deactivate,
}

/// RFC 8555 7.3: addresses are of one recipient and without header fields.
fn checked_contacts(contacts: Vec<String>) -> Result<Vec<String>, Problem> {
    if contacts.len() > MOST_CONTACTS {
        return Err(Problem::new(Kind::InvalidContact, "ten contacts at most"));
    }
    for contact in &contacts {
        let Some(address) = contact.strip_prefix("mailto:") else {
            return Err(Problem::new(Kind::UnsupportedContact, "a contact is a mailto: address"));
        };
        let good = address.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains(|c: char| c.is_ascii_alphanumeric()) && !domain.contains('@')
        });
        let plain =
            address.len() <= 254 && address.chars().all(|c| c.is_ascii_graphic() && !",?".contains(c));
        if !good || !plain {
            return Err(Problem::new(Kind::InvalidContact, "a contact is one address without header fields"));
        }
    }
    Ok(contacts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One plain address each; lists, header fields and other schemes are refused.
    #[test]
    fn contacts_are_plain_addresses() {
        let kind = |text: &str| checked_contacts(vec![text.to_owned()]).err().map(|problem| problem.kind);
        assert_eq!(kind("mailto:desk@larkfield.example"), None);
        assert_eq!(kind("tel:+441234"), Some(Kind::UnsupportedContact));
        for bad in ["mailto:", "mailto:a", "mailto:a@b,c@d", "mailto:a@b?subject=x", "mailto:a b@c"] {
            assert_eq!(kind(bad), Some(Kind::InvalidContact), "{bad}");
        }
        assert!(checked_contacts(vec!["mailto:a@b.example".to_owned(); 11]).is_err());
    }
}
