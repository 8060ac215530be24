//! Profiles as they are shown.

use platform::db::Tx;
use platform::id::UserId;
use serde_json::{Map, Value, json};

use super::profile::Profile;
use super::state::State;
use crate::acting::{Doing, Way};
use crate::api::{Channel, Contact, Person, PersonRow, Personal};
use crate::authority::{Act, Target, Verdict};
use crate::error::Error;
use crate::store::{people_contacts, people_evidence, people_photos};

/// How much of profiles somebody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Everything.
    Whole,
    /// What colleagues need to find each other; of oneself everything.
    Colleague,
}

impl View {
    /// What somebody sees: whoever may see personal details everything, wherever in the country it is. Whoever has chosen a role acts in
    /// that one only.
    pub(crate) fn of(doing: &Doing) -> Self {
        let sees = || doing.verdict(Act::SeePersonal, &Target::default()) == Verdict::Does;
        if doing.way == Way::Rank && sees() { Self::Whole } else { Self::Colleague }
    }

    /// Whether everything of this profile is seen.
    pub(crate) fn is_whole(self, doing: &Doing, user: &UserId) -> bool {
        self == Self::Whole || doing.person() == Some(user)
    }
}

/// A profile as somebody sees it.
pub(crate) async fn shown(tx: &mut Tx, doing: &Doing, view: View, profile: Profile) -> Result<Person, Error> {
    let user = &profile.user_id;
    let personal = if view.is_whole(doing, user) { Some(personal(tx, &profile).await?) } else { None };
    Ok(Person {
        registrations: people_evidence::registrations(&mut *tx, user).await?,
        photo: people_photos::head(&mut *tx, user).await?.map(|(_, photo)| photo),
        personal,
        kind: profile.kind,
        state: profile.state.word(),
        standing: profile.standing,
        assurance: profile.assurance,
        origin: profile.origin,
        organisation: profile.organisation.clone(),
        name: profile.name,
        user_id: profile.user_id,
    })
}

async fn personal(tx: &mut Tx, profile: &Profile) -> Result<Personal, Error> {
    let addresses = people_contacts::of(&mut *tx, &profile.user_id).await?;
    let of = |channel: Channel| -> Vec<Contact> {
        let of_channel = addresses.iter().filter(|address| address.channel == channel);
        of_channel.map(|address| address.contact.clone()).collect()
    };
    Ok(Personal {
        birth: profile.birth,
        gender: profile.gender,
        national_insurance_mask: profile.national_insurance.as_ref().map(|kept| kept.mask.clone()),
        emails: of(Channel::Email),
        mobiles: of(Channel::Mobile),
        evidence: people_evidence::of(&mut *tx, &profile.user_id).await?,
        notes: profile.notes.clone(),
        created_at: profile.created_at,
        changed_at: profile.changed_at,
        closed: match &profile.state {
            State::Closed(closing) => Some(closing.clone()),
            State::Open | State::Merged(_) => None,
        },
    })
}

/// The details that somebody asks to have changed, as they are now: those that the change names, of numbers the mask.
pub(crate) fn present(profile: &Profile, named: &Map<String, Value>) -> Map<String, Value> {
    let all = [
        ("gender", json!(profile.gender)),
        ("on_card", json!(profile.name.on_card)),
        ("notes", json!(profile.notes)),
        ("birth", json!(profile.birth)),
        ("national_insurance_number", json!(profile.national_insurance.as_ref().map(|kept| &kept.mask))),
    ];
    let named = all.into_iter().filter(|(member, _)| named.contains_key(*member));
    named.map(|(member, value)| (member.to_owned(), value)).collect()
}

/// A profile as a row of a list.
pub(crate) fn row(doing: &Doing, view: View, profile: Profile) -> PersonRow {
    let birth = profile.birth.filter(|_| view.is_whole(doing, &profile.user_id));
    PersonRow {
        kind: profile.kind,
        state: profile.state.word(),
        standing: profile.standing,
        birth,
        name: profile.name,
        user_id: profile.user_id,
    }
}
