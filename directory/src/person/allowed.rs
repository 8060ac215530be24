//! Whether something may be done to a profile: asked inside the transaction that does it.

use platform::db::Tx;
use platform::id::OdsCode;

use super::evidence::Checker;
use super::profile::Profile;
use crate::acting::{self, Doing, Way};
use crate::api::Standing;
use crate::authority::{Act, Lineage, Rank, Refusal, Target, Verdict};
use crate::day::Day;
use crate::error::Error;
use crate::ods;
use crate::store::roles::{self, Held};
use crate::store::{assignments_end, employers, lineages, people};

/// Who checks documents: whoever acts, or asked for what is done now and checked them then.
pub(super) fn checker(doing: &Doing) -> Checker<'_> {
    match doing.checker.as_ref().or(doing.person()) {
        Some(person) => Checker::Caller(person),
        None => Checker::Named { subject: &doing.caller.subject },
    }
}

/// Of what there is no request for, whoever may ask for changes of a profile has nothing: it is done by those who do it.
pub(super) fn not_asked(error: Error) -> Error {
    match error {
        Error::NotAllowed { code: "by-request", .. } => Refusal::NotInRole.into(),
        other => other,
    }
}

impl Doing {
    /// Goes on if this may be done to this profile now.
    pub(crate) async fn demand_on(&self, tx: &mut Tx, act: Act, profile: &Profile) -> Result<(), Error> {
        match &self.way {
            Way::Rank => self.demand(act, &target(tx, self, profile).await?),
            Way::Feed { organisation } => self.demand_told(tx, act, profile, organisation).await,
            Way::Import | Way::Itself => Ok(()),
        }
    }

    /// Goes on if a profile may be made, for this organisation if it is for one.
    pub(super) async fn demand_new(&self, tx: &mut Tx, organisation: Option<&OdsCode>) -> Result<(), Error> {
        match &self.way {
            Way::Rank => {}
            Way::Feed { .. } => return self.demand_asked(Act::CreatePerson, &Target::default()),
            Way::Import | Way::Itself => return Ok(()),
        }
        self.demand(Act::CreatePerson, &Target::default())?;
        let Some(organisation) = organisation else { return Ok(()) };
        // A card is made where its maker may change it.
        let organisations = vec![lineages::of_any(tx, organisation).await?];
        self.demand(Act::ChangePerson, &Target { organisations, ..Target::default() })
    }
}

impl Doing {
    /// Goes on if a personnel system may tell this of somebody: one of its employer's alone, or somebody unverified who holds
    /// nothing yet. Who holds a rank in the registration authority is nobody whom it changes or closes.
    async fn demand_told(
        &self,
        tx: &mut Tx,
        act: Act,
        profile: &Profile,
        employer: &OdsCode,
    ) -> Result<(), Error> {
        let mut target = employed(tx, self, profile).await?;
        if target.person_rank.is_some_and(Rank::is_of_the_authority) {
            return Err(Refusal::AboveRank.into());
        }
        if target.organisations.is_empty() {
            if profile.standing == Standing::Verified {
                let sentence = "This person holds nothing with your organisation, and it was checked already who they are. Ask the \
                                registration authority.";
                return Err(Error::NotAllowed { code: "not-employed", sentence: sentence.to_owned() });
            }
            target.organisations.push(Lineage(vec![employer.clone()]));
        }
        if target.organisations.iter().any(|line| !line.is_within(employer)) {
            return Err(Refusal::AlsoElsewhere.into());
        }
        // Whoever has left every organisation of the employer, and has no other, is closed.
        let act = if act == Act::ClosePerson { Act::EndEmployment } else { act };
        self.demand_asked(act, &target)
    }

    /// Goes on if it may be done, or asked for: what is asked for over SCIM is an unverified profile, and whoever verifies it
    /// decides.
    fn demand_asked(&self, act: Act, target: &Target) -> Result<(), Error> {
        match self.verdict(act, target) {
            Verdict::Does | Verdict::Asks => Ok(()),
            Verdict::Refused(refusal) => Err(refusal.into()),
        }
    }
}

/// Whose somebody is, as the personnel system of an employer may know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The employer's alone; or nobody's, and not checked yet. Of them the system may tell.
    Theirs,
    /// The employer's and somebody else's; or nobody's any more, and the employer's last.
    TheirsToo,
    /// Somebody else's; or nobody's, and never the employer's.
    Others,
}

/// Whose somebody is on a day, seen by an employer: by the same places as what its personnel system may tell of them.
pub(crate) async fn whose(
    tx: &mut Tx,
    profile: &Profile,
    employer: &OdsCode,
    today: Day,
) -> Result<Whose, Error> {
    let user = &profile.user_id;
    let held = roles::held_whole(tx, user, today).await?;
    let lines = lines(tx, profile, &held, today).await?;
    let own = lines.iter().filter(|line| line.is_within(employer)).count();
    if !lines.is_empty() {
        return Ok(match own {
            0 => Whose::Others,
            all if all == lines.len() => Whose::Theirs,
            _ => Whose::TheirsToo,
        });
    }
    if profile.standing != Standing::Verified {
        return Ok(Whose::Theirs);
    }
    let last = match assignments_end::last_held(tx, user).await? {
        Some(left) => Some(left),
        None => people::made_in(&mut *tx, user).await?,
    };
    let last = employers::of(tx, last.as_slice()).await?;
    let was_theirs = last.values().any(|line| line.is_within(employer));
    Ok(if was_theirs { Whose::TheirsToo } else { Whose::Others })
}

/// Where somebody is employed now or later, and the highest rank they hold or will.
async fn employed(tx: &mut Tx, doing: &Doing, profile: &Profile) -> Result<Target, Error> {
    let (user, today, basis) = (&profile.user_id, doing.today(), doing.basis());
    let held = roles::held_whole(tx, user, today).await?;
    Ok(Target {
        person: Some(user.clone()),
        organisations: lines(tx, profile, &held, today).await?,
        person_rank: held.iter().filter_map(|role| role.profile.rank(basis)).max(),
        ..Target::default()
    })
}

/// Each organisation in which somebody is employed now or later, with those that it is part of.
async fn lines(tx: &mut Tx, profile: &Profile, held: &[Held], today: Day) -> Result<Vec<Lineage>, Error> {
    let mut places = assignments_end::organisations_reached(tx, &profile.user_id, today).await?;
    places.extend(profile.organisation.clone());
    let given = held.iter().map(|role| &role.profile.organisation);
    places.extend(given.filter(|place| !ods::is_anywhere(place)).cloned());
    Ok(employers::of(tx, &places).await?.into_values().collect())
}

async fn target(tx: &mut Tx, doing: &Doing, profile: &Profile) -> Result<Target, Error> {
    let mut target = acting::on_person(tx, doing, &profile.user_id).await?;
    if let Some(organisation) = &profile.organisation {
        target.organisations.push(lineages::of_any(tx, organisation).await?);
    }
    Ok(target)
}
