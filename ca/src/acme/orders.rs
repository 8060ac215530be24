//! New orders: RFC 8555 7.4, RFC 9773 5, draft-aaron-acme-profiles.

use std::sync::Arc;
use std::time::Duration;

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::uuid_text;
use serde::Deserialize;
use serde_json::{Value, json};

use super::identifier::{Identifier, Refused, Wire};
use super::problem::{Kind, Problem};
use super::scope::Scope;
use super::sender::Signed;
use super::{Acme, Answer, csr, random_token};
use crate::api::Validity;
use crate::error::Error;
use crate::events::Event;
use crate::intent;
use crate::profile::{AcmeUse, Kind as ProfileKind, Presence, Profile};
use crate::rfc3339;
use crate::store::acme::accounts::{self, Account};
use crate::store::acme::authorizations::{self, Authorization, AuthorizationState, ChallengeKind};
use crate::store::acme::external;
use crate::store::acme::orders::{self, Order, OrderState};
use crate::subject::Field;

/// How many names one order may have, as many as a certificate.
const MOST_IDENTIFIERS: usize = 100;
/// The window in which orders of an account are counted.
const HOUR: Duration = Duration::from_hours(1);
/// When to look again at something that is worked on.
pub(super) const SOON: &str = "1";

/// RFC 8555 7.4.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewOrder {
    identifiers: Vec<Wire>,
    #[serde(default, with = "rfc3339::option")]
    not_before: Option<Millis>,
    #[serde(default, with = "rfc3339::option")]
    not_after: Option<Millis>,
    profile: Option<String>,
    replaces: Option<String>,
}

/// What came of keeping an order.
enum Kept {
    Yes,
    Deactivated,
    TooManyOpen,
    TooManyLately,
    ReplacedAlready,
}

impl Acme {
    /// Takes an order. When this returns it is stored, with what must be shown for it.
    pub(crate) async fn new_order(&self, signed: Signed) -> Result<Answer, Problem> {
        let (account, payload) = signed.account()?;
        let new: NewOrder = payload.read()?;
        let now = self.desk().guarded_now()?;
        let scope = self.scope_of(&account).await?;
        let profile = self.profile(new.profile.as_deref(), &scope)?;
        let identifiers = identifiers(&new.identifiers, &scope)?;
        self.check_fit(&profile, &identifiers)?;
        if let Some(certificate) = &new.replaces {
            self.check_replaced(certificate, &account, &identifiers).await?;
        }
        let order = Order {
            id: uuid_text(now),
            account: account.id.clone(),
            profile: profile.id.to_string(),
            state: OrderState::Pending,
            identifiers,
            not_before: new.not_before,
            not_after: new.not_after,
            created_at: now,
            expires_at: now.plus(self.setup.config.order_life()),
            replaces: new.replaces,
            csr: None,
            serial: None,
            problem: None,
        };
        self.check_validity(&order, &profile, now)?;
        match self.keep(order.clone()).await? {
            Kept::Yes => {}
            Kept::Deactivated => return Err(Problem::unauthorized("this account is deactivated")),
            Kept::TooManyOpen => {
                return Err(Problem::rate_limited(
                    "too many orders are open; finish or let go of some",
                    HOUR,
                ));
            }
            Kept::TooManyLately => {
                return Err(Problem::rate_limited("too many orders in an hour; wait a little", HOUR));
            }
            Kept::ReplacedAlready => return Err(replaced_already()),
        }
        let url = self.url(&format!("/acme/orders/{}", order.id));
        Ok(Answer::json(201, self.order_body(&order, now).await?).with("location", url))
    }

    pub(super) async fn scope_of(&self, account: &Account) -> Result<Scope, Problem> {
        let external = external::by_id(self.desk().db.read(), &account.external).await?;
        Ok(external.ok_or_else(|| Problem::unauthorized("the external account is gone"))?.scope)
    }

    /// The profile that is named, or the first of the account's.
    fn profile(&self, named: Option<&str>, scope: &Scope) -> Result<Arc<Profile>, Problem> {
        let id = match named {
            Some(named) => scope.profiles.iter().find(|profile| profile.as_str() == named),
            None => scope.profiles.first(),
        };
        let profile = id.and_then(|id| self.desk().profiles.find(id.as_str()));
        let profile = profile.filter(|profile| profile.acme.is_some());
        let refused = || Problem::new(Kind::InvalidProfile, "this profile is not one of this account's");
        profile.cloned().ok_or_else(refused)
    }

    /// Whether a certificate of this profile can hold these names.
    fn check_fit(&self, profile: &Profile, names: &[Identifier]) -> Result<(), Problem> {
        let devices = names.iter().filter(|name| matches!(name, Identifier::Device(..))).count();
        let refused = |detail: &str| Err(Problem::new(Kind::RejectedIdentifier, detail));
        if profile.acme == Some(AcmeUse::Device) {
            if devices != 1 || names.len() != 1 {
                return refused("a certificate of this profile names one device and nothing else");
            }
            if !self.setup.roots.contains_key(&profile.id) {
                return refused("no attestation root is configured for this profile; ask the operator");
            }
            return Ok(());
        }
        if devices != 0 {
            return refused("a certificate of this profile names hosts and addresses, not devices");
        }
        let (dns, ip): (Vec<&Identifier>, Vec<&Identifier>) =
            names.iter().partition(|name| matches!(name, Identifier::Dns(_)));
        if profile.naming.presence(Field::DnsNames) == Presence::Required && dns.is_empty() {
            return refused("a certificate of this profile names a host at least");
        }
        if profile.naming.presence(Field::IpAddresses) == Presence::Forbidden && !ip.is_empty() {
            return refused("a certificate of this profile names no addresses");
        }
        csr::subject(names).map(drop)
    }

    /// Refuses a validity now that would be refused when it is finalized.
    fn check_validity(&self, order: &Order, profile: &Profile, now: Millis) -> Result<(), Problem> {
        let Some(wish) = validity(order, profile, now) else { return Ok(()) };
        let ProfileKind::EndEntity { issuers } = &profile.kind else {
            return Err(Problem::new(Kind::InvalidProfile, "this profile is an authority's"));
        };
        for issuer in issuers {
            let issuer = self.authority.signing(issuer)?;
            intent::period(profile, &issuer.identity.period, Some(wish), now)
                .map_err(|refused| Problem::malformed(format!("notBefore and notAfter: {refused}")))?;
        }
        Ok(())
    }

    /// RFC 9773 5: the certificate was this account's, shares a name, and nothing else takes its place.
    async fn check_replaced(
        &self,
        certificate: &str,
        account: &Account,
        names: &[Identifier],
    ) -> Result<(), Problem> {
        let read = self.desk().db.read();
        let serial = self.named(certificate).await?.serial;
        let before = orders::by_serial(read, &serial.to_string()).await?;
        let before = before.filter(|before| before.account == account.id);
        let before = before.ok_or_else(|| Problem::not_found("certificate to replace"))?;
        if !before.identifiers.iter().any(|name| names.contains(name)) {
            return Err(Problem::malformed("\"replaces\" is a certificate for other names"));
        }
        if orders::is_replaced(read, certificate).await? {
            return Err(replaced_already());
        }
        Ok(())
    }

    async fn keep(&self, order: Order) -> Result<Kept, Problem> {
        let mut authorizations = Vec::new();
        for identifier in &order.identifiers {
            authorizations.push(Authorization {
                id: uuid_text(order.created_at),
                order: order.id.clone(),
                account: order.account.clone(),
                identifier: identifier.clone(),
                token: random_token()?,
                state: AuthorizationState::Pending,
                expires_at: order.expires_at,
                key_sha256: None,
            });
        }
        let event = Event::AcmeOrderCreated {
            order: order.id.clone(),
            account: order.account.clone(),
            profile: order.profile.clone(),
            identifiers: order.identifiers.iter().map(ToString::to_string).collect(),
        };
        let actor = Actor::from(&Acme::caller(&order.account));
        let (most_open, most_lately) =
            (i64::from(self.setup.config.open_orders), i64::from(self.setup.config.orders_per_hour));
        let kept = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    // Held, so that orders of one account are counted one after the other.
                    if !accounts::hold(tx, &order.account).await? {
                        return Ok(Kept::Deactivated);
                    }
                    let now = order.created_at;
                    let (open, lately) = orders::counts(tx, &order.account, now, now.minus(HOUR)).await?;
                    if open >= most_open {
                        return Ok(Kept::TooManyOpen);
                    }
                    if lately >= most_lately {
                        return Ok(Kept::TooManyLately);
                    }
                    if !orders::insert(tx, &order).await? {
                        return Ok(Kept::ReplacedAlready);
                    }
                    for authorization in &authorizations {
                        authorizations::insert(tx, authorization, kinds(&authorization.identifier)).await?;
                    }
                    audit::record(tx, now, &actor, &event).await?;
                    Ok::<_, Error>(Kept::Yes)
                })
            })
            .await?;
        Ok(kept)
    }

    /// RFC 8555 7.4: an order as it stands.
    pub(crate) async fn order(&self, id: &str, signed: Signed) -> Result<Answer, Problem> {
        let (account, payload) = signed.account()?;
        payload.must_be_empty()?;
        let order = self.own_order(id, &account).await?;
        self.order_answer(&order).await
    }

    pub(super) async fn own_order(&self, id: &str, account: &Account) -> Result<Order, Problem> {
        let order = orders::by_id(self.desk().db.read(), id).await?;
        order.filter(|order| order.account == account.id).ok_or_else(|| Problem::not_found("order"))
    }

    pub(super) async fn order_answer(&self, order: &Order) -> Result<Answer, Problem> {
        let answer = Answer::json(200, self.order_body(order, self.now()).await?);
        let answer = answer.with("location", self.url(&format!("/acme/orders/{}", order.id)));
        // RFC 8555 7.4
        Ok(if order.state == OrderState::Processing { answer.with("retry-after", SOON) } else { answer })
    }

    /// RFC 8555 7.1.3.
    async fn order_body(&self, order: &Order, now: Millis) -> Result<Value, Problem> {
        let authorizations = authorizations::of_order(self.desk().db.read(), &order.id).await?;
        let authorizations: Vec<_> = authorizations
            .iter()
            .map(|authorization| self.url(&format!("/acme/authorizations/{}", authorization.id)))
            .collect();
        let mut body = json!({
            "status": order.state_at(now).as_str(),
            "expires": rfc3339::to_text(order.expires_at),
            "identifiers": order.identifiers.iter().map(Identifier::wire).collect::<Vec<_>>(),
            "profile": order.profile,
            "authorizations": authorizations,
            "finalize": self.url(&format!("/acme/orders/{}/finalize", order.id)),
        });
        let optional = [
            ("notBefore", order.not_before.and_then(rfc3339::to_text).map(Value::from)),
            ("notAfter", order.not_after.and_then(rfc3339::to_text).map(Value::from)),
            ("replaces", order.replaces.clone().map(Value::from)),
            ("error", order.problem.as_ref().map(Problem::body)),
            ("certificate", order.serial.as_ref().map(|serial| self.certificate_url(serial).into())),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        Ok(body)
    }

    pub(super) fn certificate_url(&self, serial: &str) -> String {
        self.url(&format!("/acme/certificates/{serial}"))
    }
}

/// The challenges for a name. A wildcard has none, and is no identifier of ours.
fn kinds(identifier: &Identifier) -> &'static [ChallengeKind] {
    match identifier {
        Identifier::Dns(_) | Identifier::Ip(_) => &[ChallengeKind::Http, ChallengeKind::TlsAlpn],
        Identifier::Device(..) => &[ChallengeKind::DeviceAttest],
    }
}

/// The names of an order: readable, each once, all inside the scope.
fn identifiers(wires: &[Wire], scope: &Scope) -> Result<Vec<Identifier>, Problem> {
    if !(1..=MOST_IDENTIFIERS).contains(&wires.len()) {
        return Err(Problem::malformed(format!("an order has 1 to {MOST_IDENTIFIERS} identifiers")));
    }
    let (mut identifiers, mut refused) = (Vec::new(), Vec::new());
    for wire in wires {
        let identifier = match Identifier::parse(wire) {
            Ok(identifier) => identifier,
            Err(Refused::Type) => {
                let detail = "identifiers are of type dns, ip, permanent-identifier or hardware-module";
                return Err(Problem::new(Kind::UnsupportedIdentifier, detail));
            }
            Err(Refused::Value(fault)) => return Err(Problem::new(Kind::RejectedIdentifier, fault)),
        };
        if let Err((kind, detail)) = scope.admits(&identifier) {
            refused.push((identifier.clone(), kind, detail));
        }
        if !identifiers.contains(&identifier) {
            identifiers.push(identifier);
        }
    }
    if refused.is_empty() { Ok(identifiers) } else { Err(Problem::compound(refused)) }
}

/// The validity an order gets when it is finalized now; none is the profile's own.
///
/// A beginning that has passed meanwhile is moved up: certificates are not backdated.
pub(super) fn validity(order: &Order, profile: &Profile, now: Millis) -> Option<Validity> {
    if order.not_before.is_none() && order.not_after.is_none() {
        return None;
    }
    let earliest = intent::whole_second(now.minus(Duration::from_mins(1)));
    let not_before = order.not_before.map_or(earliest, |wish| wish.max(earliest));
    let not_after = order.not_after.unwrap_or_else(|| profile.validity.last_second(not_before));
    Some(Validity { not_before, not_after })
}

fn replaced_already() -> Problem {
    Problem::new(Kind::AlreadyReplaced, "another order takes the place of this certificate")
}
