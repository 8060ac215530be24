//! Who sent a request: the signature, the nonce, the address and the account, in this order.

use std::net::IpAddr;
use std::time::Duration;

use platform::caller::{Caller, CallerKind};
use platform::db::Tx;

use super::Acme;
use super::jwk::Jwk;
use super::jws::{Request, Signer, Verified};
use super::nonce::{self, Ours};
use super::problem::{Kind, Problem};
use crate::api::ISSUE;
use crate::error::Error;
use crate::store::acme::accounts::{self, Account, AccountState};
use crate::store::acme::nonces;

/// RFC 8555 6.2.
const MEDIA_TYPE: &str = "application/jose+json";
/// The window in which requests of an account are counted.
const MINUTE: Duration = Duration::from_mins(1);
/// How many accounts' requests all keys without an account may make from one address. A new key costs nothing, so they
/// are counted together; by address, so that nobody keeps others from registering.
const TOGETHER: i64 = 10;

/// A request as it came.
pub(crate) struct Posted<'a> {
    /// With its query, where it has one.
    pub(crate) path: &'a str,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a [u8],
    /// From where, if that is known.
    pub(crate) address: Option<IpAddr>,
}

/// Under what name a request is counted, and how many there may be in a minute.
struct Counted {
    name: String,
    most: i64,
}

/// A request whose sender is known. Only [`Acme::authenticate`] makes one.
pub(crate) struct Signed {
    pub(crate) sender: Sender,
    pub(crate) payload: Verified,
}

/// Who has signed.
pub(crate) enum Sender {
    /// An account in force.
    Account(Box<Account>),
    /// A key that came with the request.
    Key(Box<Jwk>),
}

impl Signed {
    /// The account; a request that must name one and brought its key is refused (RFC 8555 6.2).
    pub(crate) fn account(self) -> Result<(Account, Verified), Problem> {
        match self.sender {
            Sender::Account(account) => Ok((*account, self.payload)),
            Sender::Key(_) => Err(Problem::malformed("sign this with \"kid\", the account's address")),
        }
    }

    /// The key that came with the request.
    pub(crate) fn key(self) -> Result<(Jwk, Verified), Problem> {
        match self.sender {
            Sender::Key(key) => Ok((*key, self.payload)),
            Sender::Account(_) => Err(Problem::malformed("sign this with \"jwk\", the key itself")),
        }
    }
}

impl Acme {
    /// Finds out who sent a request. When this returns, its nonce is used up, on every node.
    pub(crate) async fn authenticate(&self, posted: &Posted<'_>) -> Result<Signed, Problem> {
        let essence = posted.content_type.and_then(|value| value.split(';').next()).map(str::trim);
        if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case(MEDIA_TYPE)) {
            let problem = Problem::malformed(format!("send the request as {MEDIA_TYPE}"));
            return Err(Problem { status: 415, ..problem });
        }
        let request = Request::parse(posted.body)?;
        // RFC 8555 6.4: a request for one address is not good for another.
        if request.header.url != self.url(posted.path) {
            return Err(Problem::unauthorized("\"url\" is not the address of this request"));
        }
        let ours = self.setup.nonces.take(request.header.nonce.as_deref(), self.now())?;
        let sender = match &request.header.signer {
            Signer::Key(key) => Sender::Key(key.clone()),
            Signer::Kid(kid) => Sender::Account(Box::new(self.account_of(kid).await?)),
        };
        let payload = request.verify(match &sender {
            Sender::Key(key) => key,
            Sender::Account(account) => &account.key,
        })?;
        let counted = match &sender {
            Sender::Key(key) => self.counted(posted, key, &payload).await?,
            Sender::Account(account) => Counted { name: account.id.clone(), most: self.per_minute() },
        };
        self.use_nonce(ours, counted).await?;
        if let Sender::Account(account) = &sender {
            in_force(account)?;
        }
        Ok(Signed { sender, payload })
    }

    fn per_minute(&self) -> i64 {
        i64::from(self.setup.config.requests_per_minute)
    }

    /// How a request is counted that brings its key. Who registers with an external account that is there, and who
    /// revokes the certificate of this very key, is not counted among strangers, who could take every place.
    async fn counted(&self, posted: &Posted<'_>, key: &Jwk, payload: &Verified) -> Result<Counted, Problem> {
        let address = posted.address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        let own = match posted.path {
            // The account's id is no secret, so it is counted for each address: others cannot take its places.
            "/acme/new-account" => {
                self.external_named(payload).await?.map(|id| format!("external:{id}@{address}"))
            }
            "/acme/revoke-cert" => {
                self.certified(key, payload).await?.map(|serial| format!("certificate:{serial}"))
            }
            _ => None,
        };
        if let Some(name) = own {
            return Ok(Counted { name, most: self.per_minute() });
        }
        let most = self.per_minute().saturating_mul(TOGETHER);
        Ok(Counted { name: format!("jwk@{address}"), most })
    }

    async fn account_of(&self, kid: &str) -> Result<Account, Problem> {
        let unknown = || Problem::new(Kind::AccountDoesNotExist, "there is no account at this address");
        let id = kid.strip_prefix(&self.url("/acme/accounts/")).ok_or_else(unknown)?;
        accounts::by_id(self.desk().db.read(), id).await?.ok_or_else(unknown)
    }

    /// Remembers the nonce as used by this signer, who may ask so often in a minute.
    async fn use_nonce(&self, ours: Ours, counted: Counted) -> Result<(), Problem> {
        let (now, Counted { name: signer, most }) = (self.now(), counted);
        let lately = nonces::count_since(self.desk().db.read(), &signer, now.minus(MINUTE)).await?;
        if lately >= most {
            return Err(Problem::rate_limited("too many requests in a minute; wait a little", MINUTE));
        }
        let fresh = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    Ok::<_, Error>(nonces::use_once(tx, &ours.text, &signer, now, ours.until).await?)
                })
            })
            .await?;
        if fresh { Ok(()) } else { Err(nonce::used()) }
    }

    /// An account as a caller of the authority, which may have certificates issued and nothing else.
    pub(super) fn caller(account: &str) -> Caller {
        let client = format!("acme:{account}").parse().expect("a uuid is a part of a client id");
        Caller::new(CallerKind::System, account, client, [ISSUE.0])
    }
}

/// RFC 8555 7.3.6: a deactivated account does nothing any more; one whose external account has ended neither.
pub(super) fn in_force(account: &Account) -> Result<(), Problem> {
    if account.state != AccountState::Valid {
        return Err(Problem::unauthorized("this account is deactivated"));
    }
    if account.external_ended {
        return Err(Problem::unauthorized(
            "the external account of this account has ended; ask the operator",
        ));
    }
    Ok(())
}
