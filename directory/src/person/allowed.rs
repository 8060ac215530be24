//! Whether something may be done to a profile: asked inside the transaction that does it.

use platform::db::Tx;
use platform::id::OdsCode;

use super::evidence::Checker;
use super::profile::Profile;
use crate::acting::{self, Doing, Way};
use crate::authority::{Act, Refusal, Target};
use crate::error::Error;
use crate::store::{assignments_end, lineages};

/// Who checks documents.
pub(super) fn checker(doing: &Doing) -> Checker<'_> {
    match doing.person() {
        Some(person) => Checker::Caller(person),
        None => Checker::Named { subject: &doing.caller.subject },
    }
}

impl Doing {
    /// Goes on if this may be done to this profile now.
    pub(crate) async fn demand_on(&self, tx: &mut Tx, act: Act, profile: &Profile) -> Result<(), Error> {
        match &self.way {
            Way::Rank => self.demand(act, &target(tx, self, act, profile).await?),
            Way::Feed { organisation } => {
                let mut target = target(tx, self, act, profile).await?;
                target.organisations.retain(|lineage| !lineage.is_within(organisation));
                if target.organisations.is_empty() { Ok(()) } else { Err(Refusal::AlsoElsewhere.into()) }
            }
            Way::Import | Way::Itself => Ok(()),
        }
    }

    /// Goes on if a profile may be made, for this organisation if it is for one.
    pub(super) async fn demand_new(&self, tx: &mut Tx, organisation: Option<&OdsCode>) -> Result<(), Error> {
        if self.way != Way::Rank {
            return Ok(());
        }
        self.demand(Act::CreatePerson, &Target::default())?;
        let Some(organisation) = organisation else { return Ok(()) };
        // A card is made where its maker may change it.
        let organisations = vec![lineages::of_any(tx, organisation).await?];
        self.demand(Act::ChangePerson, &Target { organisations, ..Target::default() })
    }
}

async fn target(tx: &mut Tx, doing: &Doing, act: Act, profile: &Profile) -> Result<Target, Error> {
    let user = &profile.user_id;
    let mut target = acting::on_person(tx, doing, user).await?;
    // What reaches everything also reaches what is still to come.
    let mut works_in: Vec<OdsCode> = if act.needs_every_organisation() {
        assignments_end::organisations_reached(tx, user, doing.today()).await?
    } else {
        Vec::new()
    };
    works_in.extend(profile.organisation.clone());
    for organisation in works_in {
        target.organisations.push(lineages::of_any(tx, &organisation).await?);
    }
    Ok(target)
}
