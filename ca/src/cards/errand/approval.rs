//! A second person says that a card may be issued, where the configuration wants one.

use audit::Actor;
use card::wire::relay::Act;
use directory::api::CardAct as May;
use platform::caller::{Caller, CallerKind};
use platform::db::Tx;

use super::begin::info;
use super::run::actor_of;
use crate::api::ErrandInfo;
use crate::cards::{CardEvent, CardRefused, Cards};
use crate::error::Error;
use crate::profile::KeyOrigin;
use crate::store::cards::{self, ErrandRow};

impl Cards {
    /// Somebody else than who began an errand says that it may be gone on with.
    pub(crate) async fn approve(&self, caller: &Caller, card: &str, id: &str) -> Result<ErrandInfo, Error> {
        let (card, errand) = self.errand_of(caller, card, id).await?;
        self.may(caller, May::Issue, &card).await?;
        if caller.kind != CallerKind::Person {
            return Err(CardRefused::PeopleOnly.into());
        }
        if !makes_keys(errand.act) || errand.state != "open" {
            return Err(CardRefused::ErrandUnknown.into());
        }
        if actor_of(&errand).subject == caller.subject || errand.user_id.as_ref() == Some(&caller.subject) {
            return Err(CardRefused::ApprovalByAnother.into());
        }
        let (now, actor, by) = (self.now(), Actor::from(caller), caller.subject.clone());
        let (kept, id) = (errand.clone(), card.card_id.clone());
        let approved = self
            .authority
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let approved = cards::approve_errand(tx, &errand.errand_id, &by, now).await?;
                    if approved {
                        let event = CardEvent::CardErrandApproved { errand: errand.errand_id, card: id };
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(approved)
                })
            })
            .await?;
        let read = self.authority.desk().db.read();
        let after = cards::errand(read, &kept.card_id, &kept.errand_id).await?.unwrap_or(kept);
        // Whoever says it a second time changes nothing.
        if approved || after.approved_by.is_some() {
            return Ok(info(after));
        }
        Err(CardRefused::ErrandUnknown.into())
    }

    /// Whether this is demanded of every key that is made on a card: by the configuration, or by a profile under which it is certified.
    pub(super) fn demands(&self, origin: KeyOrigin) -> bool {
        let settings = self.settings();
        let mut profiles = vec![&settings.authentication_profile, &settings.signing_profile];
        if let Some((first, second)) =
            settings.attested_profiles.as_ref().filter(|_| origin != KeyOrigin::Attested)
        {
            // Which of them it will be is not known yet.
            profiles.extend([first, second]);
        }
        let profiles = profiles.into_iter().filter_map(|id| self.authority.desk().profiles.find(id));
        profiles.map(|profile| profile.key_origin).chain([settings.key_origin]).any(|known| known == origin)
    }

    /// Refuses a ticket for an errand that wants a second person and has none.
    pub(super) fn demand_approved(&self, errand: &ErrandRow) -> Result<(), CardRefused> {
        let wanted = self.demands(KeyOrigin::TwoPersons) && makes_keys(errand.act);
        if wanted && errand.approved_by.is_none() { Err(CardRefused::NotApproved) } else { Ok(()) }
    }
}

/// Whether keys are made by it that are certified.
pub(super) fn makes_keys(act: Act) -> bool {
    matches!(act, Act::Issue | Act::Renew)
}
