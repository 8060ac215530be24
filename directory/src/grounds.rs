//! What allowed an act: kept with its answer, and asked again before the answer is given again.

use std::sync::{Arc, Mutex, PoisonError};

use platform::clock::Millis;
use serde::{Deserialize, Serialize};

use crate::authority::{Act, Actor, Target, Verdict, may};
use crate::error::Error;

/// Something that was found to be allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ground {
    act: Act,
    target: Target,
    verdict: Verdict,
}

/// Everything that was found to be allowed in one act, where somebody wants to know. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grounds(Option<Arc<Mutex<Vec<Ground>>>>);

impl Grounds {
    /// They are kept from now on.
    pub(crate) fn kept() -> Self {
        Self(Some(Arc::default()))
    }

    /// Notes a verdict. Whom it is about is left out, but for one's own: what ranks and places say is asked again, and not whether
    /// it was somebody else. So a hundred rows of one position have one ground.
    pub(crate) fn note(&self, act: Act, target: &Target, verdict: Verdict) {
        let Some(all) = self.0.as_ref().filter(|_| !matches!(verdict, Verdict::Refused(_))) else { return };
        let person = target.person.clone().filter(|_| act.is_own());
        let target = Target { person, requester: None, ..target.clone() };
        let ground = Ground { act, target, verdict };
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&ground) {
            all.push(ground);
        }
    }

    /// What was noted.
    pub(crate) fn taken(&self) -> Vec<Ground> {
        let take =
            |all: &Arc<Mutex<_>>| std::mem::take(&mut *all.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.as_ref().map(take).unwrap_or_default()
    }
}

/// Goes on if everything that allowed something once would allow it still.
pub(crate) fn demand_still(grounds: &[Ground], actor: &Actor, now: Millis) -> Result<(), Error> {
    for Ground { act, target, verdict } in grounds {
        match (may(actor, *act, target, now), verdict) {
            (Verdict::Does, _) | (Verdict::Asks, Verdict::Asks) => {}
            (less, _) => less.demand()?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::authority::{Assurance, Lineage, Rank, Role};

    const NOW: Millis = Millis(1_795_540_800_000);

    fn actor(rank: Rank, organisation: &str) -> Actor {
        let role = Role {
            role_profile: None,
            organisation: Some(organisation.parse().unwrap()),
            rank,
            assignable: BTreeSet::new(),
            from: "2026-01-01".parse().unwrap(),
            to: None,
        };
        let person = Some("555021942107".parse().unwrap());
        Actor {
            person,
            merged: BTreeSet::new(),
            assurance: Assurance::Three,
            roles: vec![role],
            acting: None,
        }
    }

    /// What was done by a rank is told again to whoever still has it there, or a higher one; what was asked for also to whoever
    /// may still ask.
    #[test]
    fn grounds_hold_while_the_rank_does() {
        let target =
            Target { organisations: vec![Lineage(vec!["RXX".parse().unwrap()])], ..Target::default() };
        let grounds = Grounds::kept();
        for person in ["555021942115", "555021942123"] {
            let target = Target { person: Some(person.parse().unwrap()), ..target.clone() };
            grounds.note(Act::Assign, &target, Verdict::Does);
        }
        grounds.note(Act::Assign, &target, may(&actor(Rank::Everybody, "RXX"), Act::Assign, &target, NOW));
        let kept = grounds.taken();
        assert_eq!(kept.len(), 1, "{kept:?}");
        let kept: Vec<Ground> = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
        let holds = |rank, place| demand_still(&kept, &actor(rank, place), NOW).is_ok();
        assert!(holds(Rank::RaAgent, "RXX") && holds(Rank::RaManager, "RXX"));
        assert!(
            !holds(Rank::Sponsor, "RXX") && !holds(Rank::RaManager, "RYY") && !holds(Rank::Everybody, "RXX")
        );
        let asked = Grounds::kept();
        asked.note(Act::ClosePerson, &target, Verdict::Asks);
        let asked = asked.taken();
        assert!(demand_still(&asked, &actor(Rank::Sponsor, "RXX"), NOW).is_ok());
        assert!(demand_still(&asked, &actor(Rank::RaAgent, "RXX"), NOW).is_ok());
        assert!(demand_still(&asked, &actor(Rank::IdChecker, "RXX"), NOW).is_err());
    }
}
