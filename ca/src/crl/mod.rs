//! Makes revocation lists: due by time or by change, numbered, linted, signed, stored.
//!
//! Each scope of an issuer, a shard or what is in none, has a complete list and, where the configuration wishes it, a
//! delta list. Lists of one scope share their numbers: two made at once say the same and have one number
//! (RFC 5280 5.2.3).

pub(crate) mod build;
pub(crate) mod due;
pub(crate) mod lint;
pub(crate) mod list;
pub(crate) mod shards;
pub(crate) mod spool;

use platform::clock::Millis;
use platform::db::Tx;

use crate::desk::Desk;
use crate::error::Error;
use crate::failpoint;
use crate::intent::whole_second;
use crate::issuer::Issuer;
use crate::profile::Length;
use crate::store::lists::{ListId, Reading, Selection};
use crate::store::scopes::{self, Scope};
use build::{Making, Signed};
use due::Due;
use list::{Covers, Form, List};

/// Whether a list stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// It does.
    Complete,
    /// It says what changed since a complete one.
    Delta,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Complete => "complete",
            Kind::Delta => "delta",
        }
    }
}

/// What became of the lists of a scope.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// They are stored.
    Made(Vec<Signed>),
    /// The newest still hold and are complete.
    NotDue,
    /// Another process took the number and makes them.
    Elsewhere,
}

/// Makes the next lists of a scope if they are due.
///
/// The number is taken first, durably: a crash after that leaves a gap, never two lists of one number. Changes were
/// counted before entries are read, so a revocation that comes between is in the list, or makes the next one due, or
/// both.
pub(crate) async fn make_if_due(desk: &Desk, issuer: &Issuer, scope: &Scope) -> Result<Outcome, Error> {
    let now = desk.guarded_now()?;
    let (times, delta_every) = (desk.profiles.crl.times(issuer.id()), desk.config.delta_every(issuer.id()));
    let due = Due::of(scope, times, delta_every, now);
    if !due.any() {
        return Ok(Outcome::NotDue);
    }
    issuer.key()?;
    let Some(number) = take_number(desk, scope).await? else { return Ok(Outcome::Elsewhere) };
    failpoint::pass("ca.crl-numbered");
    let selection = Selection {
        issuer: scope.issuer.clone(),
        shard: scope.shard,
        ended_after: scope.complete.map_or(now, |complete| complete.at),
        changed_after: None,
        now,
    };
    let mut run = Run { desk, issuer, scope, number, now, entries: selection.open(&desk.db).await? };
    let mut made = Vec::new();
    if due.complete {
        made.push(run.complete().await?);
    }
    if let Some(every) = delta_every.filter(|_| due.delta) {
        made.push(run.delta(every).await?);
    }
    made.iter().for_each(tell);
    Ok(Outcome::Made(made))
}

/// The lists of a scope under one number, with what is in force at one moment.
struct Run<'a> {
    desk: &'a Desk,
    issuer: &'a Issuer,
    scope: &'a Scope,
    number: i64,
    now: Millis,
    entries: Reading,
}

impl Run<'_> {
    async fn complete(&mut self) -> Result<Signed, Error> {
        let wished = self.desk.config.delta_every(self.issuer.id()).is_some();
        let freshest = wished.then(|| shards::delta_url(&self.url(), self.scope.shard));
        let hold = self.desk.profiles.crl.times(self.issuer.id()).hold;
        self.make(Kind::Complete, Form::Complete { freshest: freshest.as_deref() }, hold).await
    }

    /// A delta list made again after this time holds twice as long, so that one that fails can be made good.
    async fn delta(&mut self, every: Length) -> Result<Signed, Error> {
        // The first complete list is its own base: nothing has changed since.
        let (base, changes) = self.scope.base.unwrap_or((self.number, self.scope.changes));
        self.entries.select(Some(changes));
        let hold = Length { seconds: every.seconds * 2 };
        self.make(Kind::Delta, Form::Delta { base }, hold).await
    }

    async fn make(&mut self, kind: Kind, form: Form<'_>, hold: Length) -> Result<Signed, Error> {
        let this_update = whole_second(self.now);
        let list = List {
            issuer: &self.issuer.identity,
            number: self.number,
            this_update,
            next_update: hold.after(this_update),
            url: self.scope.url.as_deref(),
            covers: if self.issuer.id().is_root() { Covers::Authorities } else { Covers::All },
            form,
            entries: &[],
        };
        let (issuer, shard) = (self.scope.issuer.clone(), self.scope.shard);
        let making = Making {
            desk: self.desk,
            issuer: self.issuer,
            id: ListId { issuer, shard, kind, number: self.number },
            times: self.desk.profiles.crl.times(self.issuer.id()),
            before: self.scope.crl_number,
            changes: self.scope.changes,
        };
        making.carry_out(&list, &mut self.entries).await
    }

    fn url(&self) -> String {
        self.scope.url.clone().unwrap_or_else(|| self.desk.config.list_url(self.issuer.id()))
    }
}

/// The next number, if nobody else has taken it.
async fn take_number(desk: &Desk, scope: &Scope) -> Result<Option<i64>, Error> {
    let (issuer, shard) = (scope.issuer.clone(), scope.shard);
    let (before, next) = (scope.crl_number, scope.crl_number + 1);
    let taken = desk
        .db
        .write(move |tx: &mut Tx| {
            Box::pin(async move {
                Ok::<_, Error>(scopes::advance_crl_number(tx, &issuer, shard, before, next).await?)
            })
        })
        .await?;
    Ok(taken.then_some(next))
}

fn tell(signed: &Signed) {
    let list = &signed.list;
    let ListId { issuer, shard, kind, number } = &list.id;
    let (kind, entries) = (kind.as_str(), list.entries);
    metrics::counter!("ca_crls_signed_total", "issuer" => issuer.clone(), "kind" => kind).increment(1);
    // For the alarm that a list is about to lapse.
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in a double")]
    let ends = list.next_update.seconds() as f64;
    let labels = [("issuer", issuer.clone()), ("shard", shard.to_string()), ("kind", kind.to_owned())];
    metrics::gauge!("ca_crl_next_update_seconds", &labels).set(ends);
    tracing::info!(
        issuer,
        shard,
        number,
        entries,
        "signed {kind} list {number} of {issuer}, shard {shard}, with {entries} certificates"
    );
}
