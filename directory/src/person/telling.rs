//! What another register or a personnel system says of somebody, applied to their profile.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use platform::db::Tx;
use serde::Serialize;

use super::changing::changed;
use super::contacts::{add_silently, remove_address};
use super::creating::{Creation, keep_registration};
use super::events::Event;
use super::note::note;
use super::profile::{Profile, keep};
use crate::acting::{Doing, Way};
use crate::api::{ChangeKind, Channel, Gender, Name, Standing};
use crate::authority::Act;
use crate::error::Error;
use crate::store::{people_contacts, people_evidence, people_names};

impl Creation {
    /// A text that is the same for the same content, and tells nothing of it.
    pub(crate) fn content(&self) -> String {
        #[derive(Serialize)]
        struct Content<'a> {
            name: &'a Name,
            birth: Option<String>,
            gender: Option<&'static str>,
            national_insurance: Option<&'a str>,
            emails: &'a [String],
            mobiles: &'a [String],
            registrations: Vec<(&'static str, &'a str)>,
        }
        let content = Content {
            name: &self.name,
            birth: self.birth.as_ref().map(ToString::to_string),
            gender: self.gender.map(Gender::word),
            national_insurance: self.national_insurance.as_ref().map(|kept| kept.hash.as_str()),
            emails: &self.emails,
            mobiles: &self.mobiles,
            registrations: self.registrations.iter().map(|it| (it.body.word(), it.number.as_str())).collect(),
        };
        let text = serde_json::to_vec(&content).unwrap_or_default();
        hex::encode(digest(&SHA256, &text).as_ref())
    }
}

/// What is told to be no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gone {
    /// The date of birth.
    Birth,
    /// The gender.
    Gender,
    /// The national insurance number.
    NationalInsurance,
    /// Every registration that is not told.
    OtherRegistrations,
}

impl Gone {
    /// All of it.
    pub(crate) const ALL: [Self; 4] =
        [Self::Birth, Self::Gender, Self::NationalInsurance, Self::OtherRegistrations];
}

/// Brings a profile to what is told of it. What is neither told nor gone stays; addresses that their holder has verified stay as
/// well.
///
/// Who somebody is was checked with documents where the profile is verified: that is changed with documents only. A personnel
/// system changes nothing of a verified profile.
pub(crate) async fn tell(
    tx: &mut Tx,
    doing: &Doing,
    profile: Profile,
    told: &Creation,
    gone: &BTreeSet<Gone>,
) -> Result<Profile, Error> {
    doing.demand_on(tx, Act::ChangePerson, &profile).await?;
    profile.state.demand_open()?;
    profile.demand_person()?;
    let before = profile.clone();
    let mut profile = profile;
    profile.name = told.name.clone();
    // What is printed on a card is nobody else's business.
    profile.name.on_card.clone_from(&before.name.on_card);
    let stays = |what: Gone| !gone.contains(&what);
    profile.birth = told.birth.or(before.birth.filter(|_| stays(Gone::Birth)));
    profile.gender = told.gender.or(before.gender.filter(|_| stays(Gone::Gender)));
    let number = before.national_insurance.clone().filter(|_| stays(Gone::NationalInsurance));
    profile.national_insurance = told.national_insurance.clone().or(number);
    let mut fields = changed(&before, &profile);
    if profile.name != before.name {
        fields.push("name".to_owned());
    }
    let by_feed = matches!(doing.way, Way::Feed { .. });
    let identity = fields.iter().any(|field| by_feed || field != "gender");
    if identity && before.standing == Standing::Verified {
        return Err(Error::conflict(
            "identity-verified",
            "Name, date of birth and national insurance number of this person were checked with documents. The registration \
             authority changes them, with the document that shows the change.",
        ));
    }
    if by_feed && before.standing == Standing::Verified {
        demand_nothing_new(tx, &before, told, gone).await?;
        return Ok(before);
    }
    keep(tx, &before).await?;
    if !fields.is_empty() {
        if profile.name != before.name {
            people_names::add(tx, &profile.user_id, &profile.name, before.origin.word(), None, doing.now)
                .await?;
        }
        let event = Event::PersonChanged { user_id: profile.user_id.to_string(), fields, evidence: None };
        profile = note(tx, doing, profile, ChangeKind::PersonChanged, &event).await?;
    }
    profile = tell_addresses(tx, doing, profile, Channel::Email, &told.emails).await?;
    profile = tell_addresses(tx, doing, profile, Channel::Mobile, &told.mobiles).await?;
    tell_registrations(tx, doing, profile, told, gone).await
}

/// Goes on if nothing told is missing from a verified profile: codes go to its addresses, and its registrations let it sign.
async fn demand_nothing_new(
    tx: &mut Tx,
    profile: &Profile,
    told: &Creation,
    gone: &BTreeSet<Gone>,
) -> Result<(), Error> {
    let addresses = people_contacts::of(&mut *tx, &profile.user_id).await?;
    let has = |channel: Channel, value: &String| {
        addresses.iter().any(|address| address.channel == channel && address.contact.value == *value)
    };
    let registrations = people_evidence::registrations(&mut *tx, &profile.user_id).await?;
    let known = told.emails.iter().all(|value| has(Channel::Email, value))
        && told.mobiles.iter().all(|value| has(Channel::Mobile, value))
        && told.registrations.iter().all(|told| registrations.contains(told))
        && (!gone.contains(&Gone::OtherRegistrations) || told.registrations.len() == registrations.len());
    if known {
        return Ok(());
    }
    Err(Error::conflict(
        "identity-verified",
        "It was checked who this is. Their addresses are changed by themselves or by the registration authority, and their \
         registrations by the registration authority.",
    ))
}

async fn tell_addresses(
    tx: &mut Tx,
    doing: &Doing,
    mut profile: Profile,
    channel: Channel,
    told: &[String],
) -> Result<Profile, Error> {
    let present = people_contacts::of(&mut *tx, &profile.user_id).await?;
    let present: Vec<_> = present.into_iter().filter(|address| address.channel == channel).collect();
    for address in &present {
        if address.contact.verified_at.is_none() && !told.contains(&address.contact.value) {
            profile = remove_address(tx, doing, profile, address).await?;
        }
    }
    for value in told {
        if !present.iter().any(|address| address.contact.value == *value) {
            profile = add_silently(tx, doing, profile, channel, value).await?.0;
        }
    }
    Ok(profile)
}

async fn tell_registrations(
    tx: &mut Tx,
    doing: &Doing,
    mut profile: Profile,
    told: &Creation,
    gone: &BTreeSet<Gone>,
) -> Result<Profile, Error> {
    let present = people_evidence::registrations(&mut *tx, &profile.user_id).await?;
    let present: BTreeSet<_> = present.into_iter().collect();
    if gone.contains(&Gone::OtherRegistrations) {
        for registration in present.iter().filter(|registration| !told.registrations.contains(registration)) {
            let (user, body) = (profile.user_id.clone(), registration.body);
            people_evidence::unregister(tx, &user, body, &registration.number).await?;
            let event = Event::RegistrationRemoved { user_id: user.to_string(), body };
            profile = note(tx, doing, profile, ChangeKind::PersonChanged, &event).await?;
        }
    }
    for registration in told.registrations.iter().filter(|registration| !present.contains(registration)) {
        keep_registration(tx, doing.now, &profile.user_id, registration).await?;
        let event =
            Event::RegistrationAdded { user_id: profile.user_id.to_string(), body: registration.body };
        profile = note(tx, doing, profile, ChangeKind::PersonChanged, &event).await?;
    }
    Ok(profile)
}
