//! Who does something to a profile, and whether they may: asked inside the transaction that does it.

use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};

use super::evidence::Checker;
use super::keyed::DocumentKey;
use super::profile::Profile;
use crate::acting;
use crate::authority::{self, Act, Lineage, Target, may};
use crate::day::Day;
use crate::error::Error;
use crate::register::Register;
use crate::store::{assignments_end, organisations, people};

/// Who does it, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Doing {
    /// As the audit record names them.
    pub(crate) who: audit::Actor,
    /// In what way they do it.
    pub(crate) way: Way,
    pub(crate) key: DocumentKey,
    pub(crate) today: Day,
    /// The activity of local smartcard administrators, where one is set.
    local: Option<String>,
}

/// In what way something is done.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// Somebody acts in their rank.
    Rank(authority::Actor),
    /// A personnel system tells what it knows, for one organisation and those below it.
    Feed {
        /// The organisation.
        organisation: OdsCode,
    },
    /// A register of before is taken over.
    Import,
    /// Retention.
    Retention,
}

impl Doing {
    /// A caller who acts in their rank.
    pub(crate) async fn in_rank(register: &Register, caller: &Caller) -> Result<Self, Error> {
        let actor = acting::actor(register, caller).await?;
        Ok(Self::new(register, audit::Actor::from(caller), Way::Rank(actor)))
    }

    /// Somebody in some way.
    pub(crate) fn new(register: &Register, who: audit::Actor, way: Way) -> Self {
        Self {
            who,
            way,
            key: register.document_key.clone(),
            today: register.today(),
            local: register.config.local_smartcard_administrator.clone(),
        }
    }

    /// The person who acts, if a person does.
    pub(crate) fn person(&self) -> Option<&UserId> {
        match &self.way {
            Way::Rank(actor) => actor.person.as_ref(),
            _ => None,
        }
    }

    /// Who checks documents.
    pub(super) fn checker(&self) -> Checker<'_> {
        match self.person() {
            Some(person) => Checker::Caller(person),
            None => Checker::Named { subject: &self.who.subject },
        }
    }

    /// Goes on if this may be done to this profile now.
    pub(crate) async fn demand(
        &self,
        tx: &mut Tx,
        now: Millis,
        act: Act,
        profile: &Profile,
    ) -> Result<(), Error> {
        let mut target = self.target(tx, act, profile).await?;
        match &self.way {
            Way::Rank(actor) => {
                // Their roles as they are now, which is not when the request came.
                let mut actor = actor.clone();
                if let Some(person) = &actor.person {
                    if people::is_open(&mut *tx, person).await? == Some(false) {
                        return Err(Error::NotAllowed {
                            code: "own-profile-closed",
                            sentence: "Your own profile is not open any more. Ask your RA manager."
                                .to_owned(),
                        });
                    }
                    actor.roles = acting::roles_of(tx, self.local.as_deref(), person, self.today).await?;
                }
                may(&actor, act, &target, now).demand()
            }
            Way::Feed { organisation } => {
                target.organisations.retain(|lineage| !lineage.is_within(organisation));
                if target.organisations.is_empty() {
                    return Ok(());
                }
                Err(authority::Refusal::AlsoElsewhere.into())
            }
            Way::Import | Way::Retention => Ok(()),
        }
    }

    /// Goes on if a profile of this kind may be made, for this organisation if it is for one.
    pub(super) async fn demand_new(
        &self,
        tx: &mut Tx,
        now: Millis,
        organisation: Option<&OdsCode>,
    ) -> Result<(), Error> {
        let Way::Rank(actor) = &self.way else { return Ok(()) };
        let mut actor = actor.clone();
        if let Some(person) = &actor.person {
            actor.roles = acting::roles_of(tx, self.local.as_deref(), person, self.today).await?;
        }
        may(&actor, Act::CreatePerson, &Target::default(), now).demand()?;
        let Some(organisation) = organisation else { return Ok(()) };
        // A card is made where its maker may change it.
        let organisations = vec![organisations::lineage_in(tx, organisation).await?];
        may(&actor, Act::ChangePerson, &Target { organisations, ..Target::default() }, now).demand()
    }

    async fn target(&self, tx: &mut Tx, act: Act, profile: &Profile) -> Result<Target, Error> {
        let user = &profile.user_id;
        let mut target = acting::target_of(tx, self.local.as_deref(), user, self.today).await?;
        // What reaches everything also reaches what is still to come.
        let mut works_in: Vec<OdsCode> = if act.needs_every_organisation() {
            assignments_end::organisations_reached(tx, user, self.today).await?
        } else {
            Vec::new()
        };
        works_in.extend(profile.organisation.clone());
        for organisation in works_in {
            let lineage: Lineage = organisations::lineage_in(tx, &organisation).await?;
            target.organisations.push(lineage);
        }
        Ok(target)
    }
}
