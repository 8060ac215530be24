//! What a personnel system announces, changes and ends.
//!
//! Whom it announces comes in unverified: nobody gets anything by it before the registration authority has verified who
//! they are. It changes and ends only whom it has announced, and only where it speaks for every organisation they work for.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use platform::db::Tx;
use platform::id::UserId;

use super::announced::{Announced, System};
use super::filter::Key;
use super::item::{self, Item, Several};
use super::resource::User;
use crate::acting::Doing;
use crate::api::{Channel, ClosePerson, CloseReason, Name, Origin, PersonKind, PersonState, Standing};
use crate::authority::Act;
use crate::day::Day;
use crate::error::Error;
use crate::person::{self, Created, Creation, Profile, Whose};
use crate::store::people;
use crate::store::people_links::{self, By, Force, Link};
use crate::store::scim_users::{self, Part};
use crate::version::Expected;

/// What a personnel system sent, checked.
struct Told {
    user_name: String,
    creation: Creation,
    values: Vec<(Several, Vec<Item>)>,
    /// The same for the same content.
    content: String,
}

impl Told {
    fn of(doing: &Doing, user: &User) -> Result<Self, Error> {
        let user_name = person::line("userName", &user.user_name, 200)?;
        let checked = |several: Several| -> Result<(Several, Vec<Item>), Error> {
            Ok((several, item::checked(several, user.several(several))?))
        };
        let values: Vec<(Several, Vec<Item>)> =
            Several::ALL.into_iter().map(checked).collect::<Result<_, _>>()?;
        let creation = creation(doing, user, &values)?;
        let all = serde_json::json!([
            creation.content(),
            user_name,
            values.iter().map(|(_, items)| items).collect::<Vec<_>>()
        ]);
        let content = hex::encode(digest(&SHA256, all.to_string().as_bytes()).as_ref());
        Ok(Self { user_name, creation, values, content })
    }

    /// Whether this is what came last; what came before types were kept had another text for it.
    fn is_known(&self, link: &Link) -> bool {
        link.user_name == self.user_name
            && (link.content == self.content || link.content == self.creation.content())
    }

    /// Keeps it beside the profile.
    async fn keep(&self, tx: &mut Tx, doing: &Doing, link: &Link) -> Result<(), Error> {
        scim_users::put(tx, link, &name_key(&link.user_name), doing.now).await?;
        scim_users::put_values(tx, link, &parts_of(self)).await
    }
}

/// Values as their rows.
fn parts_of(told: &Told) -> Vec<Part> {
    let mut parts = Vec::new();
    for (several, items) in &told.values {
        for (at, item) in (0..).zip(items) {
            parts.extend(item.0.iter().map(|(part, value)| Part {
                attribute: several.word().to_owned(),
                item: at,
                part: part.clone(),
                value: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            }));
        }
    }
    parts
}

/// A name as it is compared (RFC 7643 4.1.1: without regard to case).
fn name_key(name: &str) -> String {
    name.to_lowercase()
}

/// Somebody whom a system knows, by a name or an id.
pub(crate) async fn known(tx: &mut Tx, source: &str, key: &Key<'_>) -> Result<Option<Link>, Error> {
    match key {
        Key::UserName(name) => match scim_users::by_name(&mut *tx, source, &name_key(name)).await? {
            Some(external_id) => people_links::find(&mut *tx, source, By::ExternalId(&external_id)).await,
            // Announced before names were kept in small letters.
            None => people_links::find(&mut *tx, source, By::UserName(name)).await,
        },
        Key::ExternalId(id) => people_links::find(&mut *tx, source, By::ExternalId(id)).await,
        Key::Id(id) => match id.parse() {
            Ok(id) => people_links::find(&mut *tx, source, By::Resource(&id)).await,
            Err(_) => Ok(None),
        },
    }
}

/// Takes what a personnel system sent.
fn creation(doing: &Doing, user: &User, values: &[(Several, Vec<Item>)]) -> Result<Creation, Error> {
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
    // Only mobiles are addresses of the register: a desk telephone receives no code.
    let of = |channel: Channel| -> Vec<String> {
        let items = values.iter().flat_map(|(several, items)| items.iter().map(|item| (*several, item)));
        let items = items.filter(|(several, item)| several.contact(item) == Some(channel));
        items.map(|(_, item)| item.text("value").to_owned()).collect()
    };
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
        emails: person::addresses(Channel::Email, &of(Channel::Email))?,
        mobiles: person::addresses(Channel::Mobile, &of(Channel::Mobile))?,
        registrations: person::registrations(&extension.registrations)?,
        looked_at: looked_at.map_err(|_| Error::field("lookedAt", "Write user ids of twelve digits."))?,
        origin: Origin::Feed,
        user_id: None,
    })
}

/// Somebody new of a personnel system. The same once more changes nothing, and gives `false`.
pub(crate) async fn announce(
    tx: &mut Tx,
    doing: &Doing,
    system: &System,
    user: &User,
) -> Result<(bool, Announced), Error> {
    let System { source, employer } = system;
    let external_id = user.external_id.as_deref().unwrap_or_default();
    let external_id = person::line("externalId", external_id, 200)?;
    let told = Told::of(doing, user)?;
    if let Some(link) = people_links::find(&mut *tx, source, By::ExternalId(&external_id)).await? {
        if told.is_known(&link) {
            let profile = profile(tx, &link.user).await?;
            return Ok((false, Announced::of(tx, employer, doing.today(), link, profile).await?));
        }
        return Err(Error::conflict(
            "external-id-taken",
            format!(
                "This externalId is that of the user {} with other content. Change that user.",
                link.id()
            ),
        ));
    }
    if user.active == Some(false) {
        return Err(Error::field("active", "Nobody is announced who has left already."));
    }
    if known(tx, source, &Key::UserName(&told.user_name)).await?.is_some() {
        return Err(name_taken());
    }
    let profile = match &user.extension.link_to {
        Some(id) => linked(tx, doing, source, &told.creation, id).await?,
        None => match person::create(tx, doing, told.creation.clone()).await? {
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
    let link = Link {
        source: source.clone(),
        external_id,
        user_name: told.user_name.clone(),
        user: profile.user_id.clone(),
        resource: Some(profile.user_id.clone()),
        content: told.content.clone(),
        force: Force::Present,
    };
    if !people_links::add(tx, &link, doing.now).await? {
        return Err(name_taken());
    }
    told.keep(tx, doing, &link).await?;
    Ok((true, Announced::of(tx, employer, doing.today(), link, profile).await?))
}

/// Somebody who is known here already, and of whom the system tells from now on.
async fn linked(
    tx: &mut Tx,
    doing: &Doing,
    source: &str,
    creation: &Creation,
    id: &str,
) -> Result<Profile, Error> {
    let id: UserId = id.parse().map_err(|_| Error::field("linkTo", "Write a user id of twelve digits."))?;
    // Whoever is somebody else is nobody to this system, as if there were no such user.
    if !person::may_be(tx, creation, &id).await? {
        return Err(Error::unknown("user", &id));
    }
    let known = profile(tx, &id).await?;
    demand_unknown(tx, source, &known.user_id).await?;
    let mut told = creation.clone();
    if known.standing == Standing::Verified {
        // Who it is must agree; the addresses and registrations stay those of the register.
        told.emails.clear();
        told.mobiles.clear();
        told.registrations.clear();
    }
    person::tell(tx, doing, known, &told, &BTreeSet::new()).await
}

/// Goes on if the system knows the person under no externalId yet: two users of one person would end what the other has.
async fn demand_unknown(tx: &mut Tx, source: &str, user: &UserId) -> Result<(), Error> {
    let links = people_links::of_person(&mut *tx, user).await?;
    match links.iter().find(|link| link.source == source) {
        None => Ok(()),
        Some(known) => Err(Error::conflict(
            "person-linked",
            format!(
                "You know this person as the user {} with the externalId {} already. Change that user, or delete it first.",
                known.id(),
                known.external_id
            ),
        )),
    }
}

fn name_taken() -> Error {
    Error::conflict("user-name-taken", "Another of your users has this userName.")
}

async fn profile(tx: &mut Tx, user: &UserId) -> Result<Profile, Error> {
    people::find(&mut *tx, user).await?.ok_or_else(|| Error::unknown("user", user))
}

/// Somebody whom this system has announced; of others it learns nothing.
pub(crate) async fn announced(
    tx: &mut Tx,
    system: &System,
    today: Day,
    user: &UserId,
) -> Result<Announced, Error> {
    let link = people_links::find(&mut *tx, &system.source, By::Resource(user)).await?;
    let link = link.ok_or_else(|| Error::unknown("user", user))?;
    announced_by(tx, system, today, link).await
}

/// Whom a link of a system means.
pub(crate) async fn announced_by(
    tx: &mut Tx,
    system: &System,
    today: Day,
    link: Link,
) -> Result<Announced, Error> {
    let profile = profile(tx, &link.user).await?;
    Announced::of(tx, &system.employer, today, link, profile).await
}

/// Brings somebody to what the system says of them, whole. The same as last time changes nothing.
pub(crate) async fn replace(
    tx: &mut Tx,
    doing: &Doing,
    present: Announced,
    user: &User,
) -> Result<Announced, Error> {
    if present.whose == Whose::Others && user.active == Some(false) {
        // They are inactive here already, and what else is said of who left counts for nobody.
        demand_same_id(&present.link, user)?;
        return Ok(present);
    }
    let same = user.active != Some(false) && user.gone.is_empty() && present.is_active();
    if same && Told::of(doing, user)?.is_known(&present.link) {
        demand_same_id(&present.link, user)?;
        return Ok(present);
    }
    change(tx, doing, present, user).await
}

fn demand_same_id(link: &Link, user: &User) -> Result<(), Error> {
    if user.external_id.as_ref().is_none_or(|id| *id == link.external_id) {
        return Ok(());
    }
    Err(Error::conflict(
        "external-id-fixed",
        "The externalId is the same for life. Announce somebody else as a new user.",
    ))
}

/// Brings somebody to what they are to be.
pub(crate) async fn change(
    tx: &mut Tx,
    doing: &Doing,
    present: Announced,
    user: &User,
) -> Result<Announced, Error> {
    if present.whose == Whose::Others {
        demand_same_id(&present.link, user)?;
        // Refused as every change of somebody else's is, before it is said what is missing of what the client is not shown.
        doing.demand_on(tx, Act::ChangePerson, &present.profile).await?;
    }
    let told = Told::of(doing, user)?;
    demand_same_id(&present.link, user)?;
    if present.link.is_retired() {
        // It is inactive already, and the other one is the person.
        return if user.active == Some(false) { Ok(present) } else { Err(merged(&present.link)) };
    }
    let Announced { mut link, mut profile, employer, .. } = present;
    let is_open = profile.state.word() == PersonState::Open;
    if user.active == Some(false) {
        // Who left is as they were when they left.
        if is_open {
            profile = close(tx, doing, profile).await?;
        }
        return Announced::of(tx, &employer, doing.today(), link, profile).await;
    }
    let other = known(tx, &link.source, &Key::UserName(&told.user_name)).await?;
    if other.is_some_and(|other| other.external_id != link.external_id) {
        return Err(name_taken());
    }
    profile = person::tell(tx, doing, profile, &told.creation, &user.gone).await?;
    if !told.is_known(&link) {
        (link.content, link.user_name) = (told.content.clone(), told.user_name.clone());
        people_links::change(tx, &link, doing.now).await?;
        told.keep(tx, doing, &link).await?;
    }
    Announced::of(tx, &employer, doing.today(), link, profile).await
}

/// Goes on if nothing is left of what an operation took away: what its holder has verified stays, and so does everything of
/// somebody whose identity was checked.
pub(crate) async fn demand_taken_away(tx: &mut Tx, announced: &Announced, asked: &User) -> Result<(), Error> {
    let after = announced.user(tx).await?;
    for several in [Several::Emails, Several::Phones] {
        let asked = item::checked(several, asked.several(several))?;
        let has = |item: &Item| asked.iter().any(|asked| asked.text("value") == item.text("value"));
        if let Some(left) = after.several(several).iter().find(|item| !has(item)) {
            let channel = if left.text("value").contains('@') { "An address" } else { "A number" };
            let sentence =
                format!("{channel} is its holder's by now. They or the registration authority take it away.");
            return Err(Error::conflict("contact-fixed", sentence));
        }
    }
    Ok(())
}

fn merged(link: &Link) -> Error {
    let sentence = format!(
        "The registration authority found that this is the same person as {}, and made one record of the two. Change that user, \
         and delete this one.",
        link.user
    );
    Error::conflict("person-merged", sentence)
}

async fn close(tx: &mut Tx, doing: &Doing, profile: Profile) -> Result<Profile, Error> {
    let request = ClosePerson { reason: CloseReason::Left, notes: None };
    person::close(tx, doing, &profile.user_id, Expected::This(profile.version), request).await
}

/// Somebody left, and the system forgets them: the profile closes as a leaver's. Where one of two users is forgotten whose records
/// became one, they stay, and the one that is left is the person.
pub(crate) async fn leave(tx: &mut Tx, doing: &Doing, present: Announced) -> Result<(), Error> {
    let Announced { link, profile, .. } = present;
    let stays = link.is_retired() || people_links::has_heir(tx, &link).await?;
    if !stays && profile.state.word() == PersonState::Open {
        close(tx, doing, profile).await?;
    }
    scim_users::remove(tx, &link).await?;
    people_links::remove(tx, &link).await
}
