//! Somebody whom a personnel system knows, and what it sees of them.
//!
//! It sees of whom it may tell everything, and of who works for somebody else too what it told itself, their name and the details. Who
//! is somebody else's, or was never its employer's, has left: it sees what it told, and nothing that has become of them.

use platform::db::Tx;
use platform::id::OdsCode;
use serde_json::Value;

use super::item::{Item, Several};
use super::resource::{Extension, Meta, User, UserName};
use crate::api::{Channel, PersonState};
use crate::day::{Day, moment};
use crate::error::Error;
use crate::person::{self, Profile, Whose};
use crate::store::people_links::Link;
use crate::store::scim_users::{self, Kept, Part};
use crate::store::{people_contacts, people_evidence};
use crate::version::Version;

/// A personnel system.
#[derive(Debug, Clone)]
pub(crate) struct System {
    /// Under what name it announces people.
    pub(crate) source: String,
    /// For which organisation it speaks.
    pub(crate) employer: OdsCode,
}

/// Somebody whom a personnel system knows.
#[derive(Debug)]
pub(crate) struct Announced {
    pub(crate) link: Link,
    pub(crate) profile: Profile,
    /// What is kept of them beyond; nothing where they were announced before it was kept.
    kept: Option<Kept>,
    /// For which organisation they are looked at.
    pub(super) employer: OdsCode,
    /// Whose they are, seen from there.
    pub(super) whose: Whose,
}

impl Announced {
    /// Whom a link means to an employer on a day, with what is kept of them.
    pub(super) async fn of(
        tx: &mut Tx,
        employer: &OdsCode,
        today: Day,
        link: Link,
        profile: Profile,
    ) -> Result<Self, Error> {
        let kept = scim_users::find(&mut *tx, &link.source, &link.external_id).await?;
        let whose = person::whose(tx, &profile, employer, today).await?;
        Ok(Self { link, profile, kept, employer: employer.clone(), whose })
    }

    /// Whether they work there. A duplicate that the registration authority made part of another record does not: the other does.
    pub(super) fn is_active(&self) -> bool {
        let is_open = self.profile.state.word() == PersonState::Open;
        self.whose != Whose::Others && !self.link.is_retired() && is_open
    }

    /// How often something changed that is seen: that somebody else's profile changes is not told either.
    pub(crate) fn version(&self) -> Version {
        match self.whose {
            Whose::Theirs | Whose::TheirsToo => self.profile.version,
            Whose::Others => Version(self.revision()),
        }
    }

    fn revision(&self) -> i64 {
        self.kept.map_or(0, |kept| kept.revision)
    }

    /// The entity tag: it changes with the profile, with what only this system says, and with how much is seen.
    pub(crate) fn tag(&self) -> String {
        let (version, revision) = (self.version(), self.revision());
        match self.whose {
            Whose::Theirs => format!("\"{version}.{revision}\""),
            Whose::TheirsToo => format!("\"{version}.{revision}.told\""),
            Whose::Others => format!("\"{version}.left\""),
        }
    }

    /// What is said of the resource below a base.
    pub(crate) fn meta(&self, base: &str) -> Meta {
        let id = self.link.id().to_string();
        let known = match self.whose {
            Whose::Theirs | Whose::TheirsToo => self.profile.changed_at,
            Whose::Others => self.profile.created_at,
        };
        let changed = self.kept.map_or(known, |kept| kept.changed_at.max(known));
        Meta {
            location: format!("{base}/Users/{id}"),
            id,
            created: moment(self.profile.created_at),
            changed: moment(changed),
            version: self.tag(),
        }
    }

    /// The person as the personnel system sees them.
    pub(crate) async fn user(&self, tx: &mut Tx) -> Result<User, Error> {
        let mut user = User {
            external_id: Some(self.link.external_id.clone()),
            user_name: self.link.user_name.clone(),
            active: Some(self.is_active()),
            ..User::default()
        };
        if self.whose != Whose::Others {
            let name = &self.profile.name;
            user.name = UserName {
                family_name: name.family.clone(),
                given_name: name.given.clone(),
                middle_name: name.middle.clone(),
                honorific_prefix: name.title.clone(),
            };
            user.extension = Extension {
                date_of_birth: self.profile.birth.as_ref().map(ToString::to_string),
                gender: self.profile.gender,
                registrations: people_evidence::registrations(&mut *tx, &self.profile.user_id).await?,
                ..Extension::default()
            };
        }
        user.emails = self.items(tx, Several::Emails).await?;
        user.phone_numbers = self.items(tx, Several::Phones).await?;
        user.addresses = self.items(tx, Several::Addresses).await?;
        Ok(user)
    }

    /// The values of an attribute: as the system told them, but for addresses that the profile has no longer; then, of whom the system
    /// may tell, those of the profile that it did not tell. What became of the addresses of somebody else's is not told.
    async fn items(&self, tx: &mut Tx, several: Several) -> Result<Vec<Item>, Error> {
        let parts = scim_users::values(&mut *tx, &self.link.source, &self.link.external_id).await?;
        let told = items_of(&parts, several);
        let channel = match several {
            Several::Emails => Channel::Email,
            Several::Phones => Channel::Mobile,
            Several::Addresses => return Ok(told),
        };
        if self.whose == Whose::Others {
            return Ok(told);
        }
        let addresses = people_contacts::of(&mut *tx, &self.profile.user_id).await?;
        let addresses = addresses.into_iter().filter(|address| address.channel == channel);
        let present: Vec<String> = addresses.map(|address| address.contact.value).collect();
        let is_there = |item: &Item| {
            several.contact(item).is_none() || present.iter().any(|value| value == item.text("value"))
        };
        let mut items: Vec<Item> = told.into_iter().filter(is_there).collect();
        if self.whose == Whose::TheirsToo {
            return Ok(items);
        }
        // Of what was announced before types were kept every address was shown as one for work.
        let kind = match (channel, self.kept) {
            (Channel::Mobile, _) => Some("mobile"),
            (Channel::Email, None) => Some("work"),
            (Channel::Email, Some(_)) => None,
        };
        let untold = |value: &&String| !items.iter().any(|item| item.text("value") == **value);
        let untold: Vec<Item> = present.iter().filter(untold).map(|value| Item::new(value, kind)).collect();
        items.extend(untold);
        Ok(items)
    }
}

/// The values of an attribute from their rows, which are in order.
fn items_of(parts: &[Part], several: Several) -> Vec<Item> {
    let mut items: Vec<(i64, Item)> = Vec::new();
    for part in parts.iter().filter(|part| part.attribute == several.word()) {
        if items.last().is_none_or(|(at, _)| *at != part.item) {
            items.push((part.item, Item::default()));
        }
        let value = match (part.part.as_str(), part.value.as_str()) {
            ("primary", word) => Value::Bool(word == "true"),
            (_, text) => Value::from(text),
        };
        if let Some((_, item)) = items.last_mut() {
            item.0.insert(part.part.clone(), value);
        }
    }
    items.into_iter().map(|(_, item)| item).collect()
}
