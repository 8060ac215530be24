//! Profiles as they are shown.

use platform::db::Tx;
use platform::id::UserId;

use super::profile::Profile;
use super::state::State;
use crate::acting::{Doing, Way};
use crate::api::{Channel, Contact, Person, PersonRow, Personal};
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
    /// What somebody sees: whoever acts with a rank in the registration authority today everything. Whoever has chosen a role acts
    /// in that one only.
    pub(crate) fn of(doing: &Doing) -> Self {
        let mut live = doing.actor.live(doing.today());
        let is_ranked = doing.way == Way::Rank && live.any(|role| role.rank.is_of_the_authority());
        if is_ranked { Self::Whole } else { Self::Colleague }
    }

    /// Whether everything of this profile is seen.
    fn is_whole(self, doing: &Doing, user: &UserId) -> bool {
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
