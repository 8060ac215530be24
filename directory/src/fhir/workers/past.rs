//! What people were before, as far as it is kept.

use platform::db::Tx;
use platform::id::UserId;

use super::asked::Kind;
use super::config::Dialect;
use super::find::Found;
use super::resource::practitioner;
use crate::api::PersonKind;
use crate::error::Error;
use crate::fhir::kit::{Parts, Past, Stamp};
use crate::model::Shown;
use crate::person::State;
use crate::store::former::{self, Of, Somebody};
use crate::store::{people, people_evidence};

/// The version of a resource as it is now. Roles are made of several things of the register, and are told by what they say.
pub(crate) fn stamp(found: &Found, kind: Kind, whole: &Parts) -> Stamp {
    match kind {
        Kind::Practitioner => Stamp::of(found.profile.version, Some(found.profile.changed_at)),
        Kind::Role => Stamp::of_content(whole, None),
    }
}

/// What somebody is and was, the newest first; nothing of whom the directory does not show. Of who became part of another it is said
/// that they are there no more.
pub(crate) async fn past(tx: &mut Tx, user: &UserId, dialect: Dialect) -> Result<Vec<Past<Parts>>, Error> {
    let Some(profile) = people::find(&mut *tx, user).await? else { return Ok(Vec::new()) };
    if profile.kind != PersonKind::Person {
        return Ok(Vec::new());
    }
    if matches!(profile.state, State::Merged(_)) {
        return Ok(vec![Past { stamp: Stamp::of(profile.version, Some(profile.changed_at)), was: None }]);
    }
    let registrations = people_evidence::registrations(&mut *tx, user).await?;
    let (version, at) = (profile.version, profile.changed_at);
    let is_open = matches!(profile.state, State::Open);
    let mut found = Found { profile: Shown::from(profile), registrations, roles: Vec::new() };
    let told = |found: &Found, stamp: &Stamp| practitioner(found, dialect).stamped(stamp);
    let stamp = Stamp::of(version, Some(at));
    let was = is_open.then(|| told(&found, &stamp));
    let mut past = vec![Past { stamp, was }];
    for one in former::before(&mut *tx, Of::Person, user.as_str(), version).await? {
        let Somebody { name, registrations, state } = one.read()?;
        found.profile.name = name;
        found.registrations = registrations;
        let stamp = Stamp::of(one.version, one.at);
        let was = (state == "open").then(|| told(&found, &stamp));
        past.push(Past { stamp, was });
    }
    Ok(past)
}
