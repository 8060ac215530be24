//! What a personnel system announces, changes and ends.
//!
//! Whom it announces comes in unverified: nobody gets anything by it before the registration authority has verified who
//! they are. It changes and ends only whom it has announced, and only where it speaks for every organisation they work for.

use std::collections::BTreeSet;

use platform::db::Tx;
use platform::id::UserId;

use super::resource::{Activity, Address, Extension, User, UserName};
use crate::acting::Doing;
use crate::api::{Channel, ClosePerson, CloseReason, Name, Origin, PersonKind, PersonState, Standing};
use crate::error::Error;
use crate::person::{self, Created, Creation, Profile};
use crate::store::people_links::{self, By, Link};
use crate::store::{people, people_contacts, people_evidence};
use crate::version::Expected;

/// Somebody whom a personnel system knows.
#[derive(Debug)]
pub(crate) struct Announced {
    pub(crate) link: Link,
    pub(crate) profile: Profile,
}

impl Announced {
    /// The person as the personnel system sees them.
    pub(crate) async fn user(&self, tx: &mut Tx) -> Result<User, Error> {
        let addresses = people_contacts::of(&mut *tx, &self.profile.user_id).await?;
        let of = |channel: Channel, kind: &str| -> Vec<Address> {
            let of_channel = addresses.iter().filter(|address| address.channel == channel);
            of_channel
                .map(|address| Address { value: address.contact.value.clone(), kind: Some(kind.to_owned()) })
                .collect()
        };
        let name = &self.profile.name;
        let open = self.profile.state.word() == PersonState::Open;
        Ok(User {
            external_id: Some(self.link.external_id.clone()),
            user_name: self.link.user_name.clone(),
            name: UserName {
                family_name: name.family.clone(),
                given_name: name.given.clone(),
                middle_name: name.middle.clone(),
                honorific_prefix: name.title.clone(),
            },
            active: Some(if open { Activity::Active } else { Activity::Inactive }),
            emails: of(Channel::Email, "work"),
            phone_numbers: of(Channel::Mobile, "mobile"),
            extension: Extension {
                date_of_birth: self.profile.birth.as_ref().map(ToString::to_string),
                gender: self.profile.gender,
                registrations: people_evidence::registrations(&mut *tx, &self.profile.user_id).await?,
                ..Extension::default()
            },
        })
    }
}

/// Takes what a personnel system sent.
fn creation(doing: &Doing, user: &User) -> Result<Creation, Error> {
    let name = Name {
        title: user.name.honorific_prefix.clone(),
        given: user.name.given_name.clone(),
        middle: user.name.middle_name.clone(),
        family: user.name.family_name.clone(),
        on_card: None,
    };
    let extension = &user.extension;
    let looked_at: Result<BTreeSet<UserId>, _> =
        extension.looked_at.iter().map(|id| id.as_str().parse()).collect();
    let values =
        |addresses: &[Address]| -> Vec<String> { addresses.iter().map(|it| it.value.clone()).collect() };
    // Only mobiles are kept: a desk telephone receives no code.
    let is_mobile =
        |address: &&Address| address.kind.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case("mobile"));
    let mobiles: Vec<Address> = user.phone_numbers.iter().filter(is_mobile).cloned().collect();
    Ok(Creation {
        kind: PersonKind::Person,
        name: person::checked_name(name)?,
        birth: extension
            .date_of_birth
            .as_deref()
            .map(|text| person::birth(text, doing.today()))
            .transpose()?,
        gender: extension.gender,
        national_insurance: extension
            .national_insurance_number
            .as_deref()
            .map(|number| person::kept_number(doing.key(), number))
            .transpose()?,
        organisation: None,
        notes: None,
        evidence: Vec::new(),
        emails: person::addresses(Channel::Email, &values(&user.emails))?,
        mobiles: person::addresses(Channel::Mobile, &values(&mobiles))?,
        registrations: person::registrations(&extension.registrations)?,
        looked_at: looked_at.map_err(|_| Error::field("lookedAt", "Write user ids of twelve digits."))?,
        origin: Origin::Feed,
        user_id: None,
    })
}

/// The names under which the system knows somebody.
fn names(user: &User) -> Result<(String, String), Error> {
    let line = |field, text: &str| person::line(field, text, 200);
    let external_id = user.external_id.as_deref().unwrap_or_default();
    Ok((line("externalId", external_id)?, line("userName", &user.user_name)?))
}

/// Somebody new of a personnel system. The same once more changes nothing, and gives `false`.
pub(crate) async fn announce(
    tx: &mut Tx,
    doing: &Doing,
    source: &str,
    user: &User,
) -> Result<(bool, Announced), Error> {
    let (external_id, user_name) = names(user)?;
    let creation = creation(doing, user)?;
    let content = creation.content();
    if let Some(link) = people_links::find(&mut *tx, source, By::ExternalId(&external_id)).await? {
        if link.content == content && link.user_name == user_name {
            let profile = profile(tx, &link.user).await?;
            return Ok((false, Announced { link, profile }));
        }
        return Err(Error::conflict(
            "external-id-taken",
            format!(
                "This externalId is that of the user {} with other content. Change that user.",
                link.user
            ),
        ));
    }
    if user.active == Some(Activity::Inactive) {
        return Err(Error::field("active", "Nobody is announced who has left already."));
    }
    let profile = match &user.extension.link_to {
        Some(id) => {
            let id: UserId =
                id.parse().map_err(|_| Error::field("linkTo", "Write a user id of twelve digits."))?;
            // Whoever is somebody else is nobody to this system, as if there were no such user.
            if !person::may_be(tx, &creation, &id).await? {
                return Err(Error::unknown("user", &id));
            }
            let known = profile(tx, &id).await?;
            let mut told = creation;
            if known.standing == Standing::Verified {
                // Who it is must agree; the addresses and registrations stay those of the register.
                told.emails.clear();
                told.mobiles.clear();
                told.registrations.clear();
            }
            person::tell(tx, doing, known, &told).await?
        }
        None => match person::create(tx, doing, creation).await? {
            Created::Made(profile) => *profile,
            Created::PossibleDuplicates(candidates) => {
                let ids: Vec<&str> = candidates.iter().map(|one| one.user_id.as_str()).collect();
                return Err(Error::conflict(
                    "possible-duplicate",
                    format!(
                        "May be the same person as {}. Ask the registration authority; then send linkTo with that id, or \
                         lookedAt with these ids if it is somebody else.",
                        ids.join(" ")
                    ),
                ));
            }
        },
    };
    let link =
        Link { source: source.to_owned(), external_id, user_name, user: profile.user_id.clone(), content };
    if !people_links::add(tx, &link, doing.now).await? {
        return Err(name_taken());
    }
    Ok((true, Announced { link, profile }))
}

fn name_taken() -> Error {
    Error::conflict("user-name-taken", "Another of your users has this userName.")
}

async fn profile(tx: &mut Tx, user: &UserId) -> Result<Profile, Error> {
    people::find(&mut *tx, user).await?.ok_or_else(|| Error::unknown("user", user))
}

/// Somebody whom this system has announced; of others it learns nothing.
pub(crate) async fn announced(tx: &mut Tx, source: &str, user: &UserId) -> Result<Announced, Error> {
    let link = people_links::find(&mut *tx, source, By::User(user)).await?;
    let link = link.ok_or_else(|| Error::unknown("user", user))?;
    let profile = profile(tx, user).await?;
    Ok(Announced { link, profile })
}

/// Brings somebody to what the system says of them now.
pub(crate) async fn replace(
    tx: &mut Tx,
    doing: &Doing,
    present: Announced,
    user: &User,
) -> Result<Announced, Error> {
    let Announced { mut link, mut profile } = present;
    let creation = creation(doing, user)?;
    let user_name = person::line("userName", &user.user_name, 200)?;
    if user.external_id.as_ref().is_some_and(|id| *id != link.external_id) {
        return Err(Error::field(
            "externalId",
            "It is the same for life. Announce somebody else as a new user.",
        ));
    }
    let content = creation.content();
    let is_open = profile.state.word() == PersonState::Open;
    if user.active == Some(Activity::Inactive) {
        // Who left is as they were when they left.
        if is_open {
            profile = close(tx, doing, profile).await?;
        }
        return Ok(Announced { link, profile });
    }
    if link.content != content || link.user_name != user_name || !is_open {
        let other = people_links::find(&mut *tx, &link.source, By::UserName(&user_name)).await?;
        if other.is_some_and(|other| other.external_id != link.external_id) {
            return Err(name_taken());
        }
        if link.content != content || !is_open {
            profile = person::tell(tx, doing, profile, &creation).await?;
        }
        (link.content, link.user_name) = (content, user_name);
        people_links::change(tx, &link, doing.now).await?;
    }
    Ok(Announced { link, profile })
}

async fn close(tx: &mut Tx, doing: &Doing, profile: Profile) -> Result<Profile, Error> {
    let request = ClosePerson { reason: CloseReason::Left, notes: None };
    person::close(tx, doing, &profile.user_id, Expected::This(profile.version), request).await
}

/// Somebody left, and the system forgets them: the profile closes as a leaver's.
pub(crate) async fn leave(tx: &mut Tx, doing: &Doing, present: Announced) -> Result<(), Error> {
    let Announced { link, profile } = present;
    if profile.state.word() == PersonState::Open {
        close(tx, doing, profile).await?;
    }
    people_links::remove(tx, &link).await
}
