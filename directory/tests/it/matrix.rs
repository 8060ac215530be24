//! The whole matrix: every rank, every act, and every circumstance that changes the answer.

use std::collections::BTreeSet;

use directory::authority::{
    Act, Actor, Assurance, Belongs, Lineage, Rank, Refusal, Report, Role, Target, Verdict, may,
};
use directory::{Day, PositionId};
use platform::clock::Millis;
use platform::id::{OdsCode, UserId};
use proptest::prelude::*;

const NOW: Millis = Millis(1_795_540_800_000);

/// The matrix once more, as a person would write it down from the guidance. Columns: everybody, personnel system, local
/// smartcard administrator, ID checker, sponsor, agent, advanced agent, manager, operator. `y` does, `*` asks, `a` does with
/// assignable positions and asks with others, `o` with assignable positions only, `-` never.
const WRITTEN: [(Act, &str); 44] = [
    (Act::FindPerson, "yyyyyyyyy"),
    (Act::SeePersonal, "--yyyyyyy"),
    (Act::FindOrganisation, "yyyyyyyyy"),
    (Act::ManageOrganisations, "--------y"),
    (Act::ChangeOwnContact, "y-yyyyyy-"),
    (Act::RegisterOwnAuthenticator, "y-yyyyyy-"),
    (Act::CreatePerson, "-*-y-yyyy"),
    (Act::ChangePerson, "-*-y*yyy-"),
    (Act::VerifyPerson, "---y-yyy-"),
    (Act::ClosePerson, "----*yyy-"),
    (Act::ReopenPerson, "----*yyy-"),
    (Act::MergePeople, "------yy-"),
    (Act::IssueCard, "-----yyy-"),
    (Act::RepairCard, "-----yyy-"),
    (Act::ClearCard, "-----yyy-"),
    (Act::CancelCard, "-----yyy-"),
    (Act::UnlockCard, "--y-yyyy-"),
    (Act::RenewCard, "--y-yyyy-"),
    (Act::RenewOwnCard, "y-yyyyyy-"),
    (Act::RenewExpiredCard, "-----yyy-"),
    (Act::IssueAuthenticator, "------yy-"),
    (Act::Assign, "-o--ayyyy"),
    (Act::RedateAssignment, "-o--ayyyy"),
    (Act::EndAssignment, "-o--ayyyy"),
    (Act::SeeEndedAssignments, "----yyyyy"),
    (Act::AssignSeveral, "------yy-"),
    (Act::AssignBatch, "------yy-"),
    (Act::SeePositions, "-----yyyy"),
    (Act::ManagePositions, "------yyy"),
    (Act::ManageAssignable, "------yy-"),
    (Act::SeeWorkgroups, "------yyy"),
    (Act::ManageWorkgroups, "------yy-"),
    (Act::SubmitRequest, "-y--yyyy-"),
    (Act::DecideRequest, "----oyyy-"),
    (Act::ManageCampaigns, "------yy-"),
    (Act::Recertify, "----oyyy-"),
    (Act::EndEmployment, "-y---yyy-"),
    (Act::ManageFeed, "------yy-"),
    (Act::See(Report::Users), "---y-yyyy"),
    (Act::See(Report::Requests), "---y-yyyy"),
    (Act::See(Report::Smartcards), "---yyyyyy"),
    (Act::See(Report::Authenticators), "-----yyyy"),
    (Act::See(Report::Positions), "---yyyyyy"),
    (Act::See(Report::Logins), "-----yyyy"),
];

fn ods(text: &str) -> OdsCode {
    text.parse().unwrap()
}

fn user(number: u64) -> UserId {
    UserId::from_number(number).unwrap()
}

fn position() -> PositionId {
    "01990000-0000-7000-8000-000000000001".parse().unwrap()
}

fn is_system(rank: Rank) -> bool {
    matches!(rank, Rank::Personnel | Rank::Operator)
}

/// Somebody of a rank in the trust, signed in with a smartcard.
fn actor(rank: Rank) -> Actor {
    let role = Role {
        role_profile: None,
        organisation: (rank != Rank::Operator).then(|| ods("RXX")),
        rank,
        assignable: BTreeSet::from([position()]),
        from: "2026-01-01".parse().unwrap(),
        to: None,
    };
    let roles = if rank == Rank::Everybody { Vec::new() } else { vec![role] };
    let person = (!is_system(rank)).then(|| user(1));
    Actor { person, merged: BTreeSet::new(), assurance: Assurance::Three, roles, acting: None }
}

/// Somebody else, in a department of the trust; oneself where the act is about oneself.
fn target(act: Act) -> Target {
    Target {
        person: Some(if act.is_own() { user(1) } else { user(2) }),
        organisations: vec![Lineage(vec![ods("RXX01"), ods("RXX")])],
        ..Target::default()
    }
}

fn letter(verdict: Verdict) -> char {
    match verdict {
        Verdict::Does => 'y',
        Verdict::Asks => '*',
        Verdict::Refused(_) => '-',
    }
}

/// What the written matrix says where no position, or one that is not assignable, is given, and where one is that is.
fn expected(written: char) -> (char, char) {
    match written {
        'a' => ('*', 'y'),
        'o' => ('-', 'y'),
        other => (other, other),
    }
}

/// Every rank and act: what the written matrix says is what is decided, without a position and with an assignable one.
#[test]
fn every_cell_is_as_written() {
    for (act, row) in WRITTEN {
        for (rank, written) in Rank::ALL.into_iter().zip(row.chars()) {
            let (plain, assignable) = expected(written);
            let actor = actor(rank);
            assert_eq!(letter(may(&actor, act, &target(act), NOW)), plain, "{rank:?} {act:?}");
            let given = Target { position: Some(position()), ..target(act) };
            assert_eq!(letter(may(&actor, act, &given, NOW)), assignable, "{rank:?} {act:?} assignable");
        }
    }
    let rows: BTreeSet<Act> = WRITTEN.iter().map(|row| row.0).collect();
    assert_eq!(rows.len(), Act::ALL.len(), "every act is written down");
}

/// Outside the organisation and those below it nobody does anything, but find people and see who they are, make new ones and look after themselves.
#[test]
fn outside_the_organisation_nothing_is_done() {
    for (act, row) in WRITTEN {
        for (rank, written) in Rank::ALL.into_iter().zip(row.chars()) {
            let elsewhere = Target {
                organisations: vec![Lineage(vec![ods("RYY")])],
                position: Some(position()),
                ..target(act)
            };
            let verdict = may(&actor(rank), act, &elsewhere, NOW);
            let anywhere = act.is_national() || act.is_own() || rank == Rank::Operator;
            let wanted = if anywhere { expected(written).1 } else { '-' };
            assert_eq!(letter(verdict), wanted, "{rank:?} {act:?}");
            let nowhere = Target { organisations: Vec::new(), position: Some(position()), ..target(act) };
            let wanted = if anywhere || act.is_to_a_person() { expected(written).1 } else { '-' };
            assert_eq!(letter(may(&actor(rank), act, &nowhere, NOW)), wanted, "{rank:?} {act:?} nowhere");
        }
    }
}

/// Who works nowhere is opened again, asked for and, before they ever held anything, verified by whoever takes them on; whatever would
/// take them over is done where they held something last, or where their profile was made.
#[test]
fn who_works_nowhere_belongs_to_somebody() {
    let (here, elsewhere) = (Lineage(vec![ods("RXX01"), ods("RXX")]), Lineage(vec![ods("RYY")]));
    for (act, row) in WRITTEN {
        for (rank, written) in Rank::ALL.into_iter().zip(row.chars()) {
            let decided = |belongs: Belongs| {
                let organisations = Vec::new();
                let target = Target { organisations, belongs, position: Some(position()), ..target(act) };
                letter(may(&actor(rank), act, &target, NOW))
            };
            let anywhere = act.is_national() || act.is_own() || rank == Rank::Operator;
            let takes_on = matches!(act, Act::ReopenPerson | Act::SubmitRequest);
            for (belongs, open) in [
                (Belongs::Left(elsewhere.clone()), takes_on),
                (Belongs::Made(elsewhere.clone()), takes_on || act == Act::VerifyPerson),
                (Belongs::Left(here.clone()), act.is_to_a_person()),
                (Belongs::Made(here.clone()), act.is_to_a_person()),
            ] {
                let wanted = if anywhere || open { expected(written).1 } else { '-' };
                assert_eq!(decided(belongs.clone()), wanted, "{rank:?} {act:?} {belongs:?}");
            }
        }
    }
    // Where somebody works counts before where they worked.
    let left = Target { belongs: Belongs::Left(elsewhere.clone()), ..target(Act::IssueCard) };
    assert_eq!(may(&actor(Rank::RaManager), Act::IssueCard, &left, NOW), Verdict::Does);
    let works = Target { organisations: vec![elsewhere], belongs: Belongs::Left(here), ..left };
    let verdict = may(&actor(Rank::RaManager), Act::IssueCard, &works, NOW);
    assert_eq!(verdict, Verdict::Refused(Refusal::OutsideOrganisation));
}

/// Nobody does anything to themselves but look, ask, and what is everybody's own; and never what is somebody else's own.
#[test]
fn nobody_acts_on_themselves() {
    for act in Act::ALL {
        for rank in Rank::ALL.into_iter().filter(|rank| !is_system(*rank)) {
            let mut own = Target { position: Some(position()), ..target(act) };
            own.person = Some(user(1));
            let verdict = may(&actor(rank), act, &own, NOW);
            if act.is_own() {
                let other = Target { person: Some(user(2)), ..own };
                assert_eq!(letter(may(&actor(rank), act, &other, NOW)), '-', "{rank:?} {act:?} of another");
            } else if !act.only_reads() && act != Act::SubmitRequest {
                assert_eq!(verdict, Verdict::Refused(Refusal::Self_), "{rank:?} {act:?}");
            }
        }
    }
}

/// Whoever has other records that were merged into theirs is the same person under each: in every act, in every rank.
#[test]
fn nobody_acts_on_themselves_under_another_id() {
    for act in Act::ALL {
        for rank in Rank::ALL.into_iter().filter(|rank| !is_system(*rank)) {
            let actor = Actor { merged: BTreeSet::from([user(8), user(9)]), ..actor(rank) };
            for other in [8, 9] {
                let under =
                    |person| Target { person: Some(user(person)), position: Some(position()), ..target(act) };
                let verdict = may(&actor, act, &under(other), NOW);
                assert_eq!(verdict, may(&actor, act, &under(1), NOW), "{rank:?} {act:?}");
                if !act.is_own() && !act.only_reads() && act != Act::SubmitRequest {
                    assert_eq!(verdict, Verdict::Refused(Refusal::Self_), "{rank:?} {act:?}");
                }
                let asked = Target { requester: Some(user(other)), ..under(2) };
                if act == Act::DecideRequest {
                    let verdict = may(&actor, act, &asked, NOW);
                    assert_eq!(verdict, Verdict::Refused(Refusal::OwnRequest), "{rank:?}");
                }
            }
        }
    }
}

fn any_role() -> impl Strategy<Value = Role> {
    let place = prop_oneof![Just("RXX"), Just("RXX01"), Just("RYY")];
    let ranks = prop::sample::select(Rank::ALL[2..8].to_vec());
    (ranks, place, any::<bool>(), -2..2i64, 0..3i64).prop_map(|(rank, place, assigns, from, long)| Role {
        role_profile: None,
        organisation: Some(ods(place)),
        rank,
        assignable: assigns.then(position).into_iter().collect(),
        from: Day::of(NOW).plus_days(from),
        to: Some(Day::of(NOW).plus_days(from + long)),
    })
}

fn any_target() -> impl Strategy<Value = Target> {
    let lines = vec![
        Lineage(vec![ods("RXX")]),
        Lineage(vec![ods("RXX01"), ods("RXX")]),
        Lineage(vec![ods("RYY")]),
        Lineage(vec![ods("RZZ")]),
    ];
    let ranks = || prop::option::of(prop::sample::select(Rank::ALL[2..8].to_vec()));
    let people = || prop::option::of((1..5u64).prop_map(user));
    let mut all = vec![Belongs::ToNobody];
    all.extend(lines.iter().cloned().map(Belongs::Left));
    all.extend(lines.iter().cloned().map(Belongs::Made));
    let belongs = prop::sample::select(all);
    let places = (prop::sample::subsequence(lines, 0..3), belongs);
    (people(), places, any::<bool>(), ranks(), ranks(), people()).prop_map(
        |(person, (organisations, belongs), positioned, position_rank, person_rank, requester)| Target {
            person,
            organisations,
            belongs,
            position: positioned.then(position),
            position_rank,
            person_rank,
            requester,
        },
    )
}

proptest! {
    /// Whoever has whatever roles, and whatever it is done to: what may be done some live role of theirs does by the written matrix, or
    /// everybody does; where it counts, at no higher rank, never to themselves, never what they asked for, and never weakly signed in.
    #[test]
    fn nothing_is_allowed_outside_the_matrix(
        roles in prop::collection::vec(any_role(), 0..4),
        target in any_target(),
        act in prop::sample::select(Act::ALL.to_vec()),
        assurance in prop::sample::select(vec![Assurance::One, Assurance::Two, Assurance::Three]),
    ) {
        let merged = BTreeSet::from([user(2)]);
        let actor = Actor { person: Some(user(1)), merged, assurance, roles: roles.clone(), acting: None };
        let verdict = may(&actor, act, &target, NOW);
        if matches!(verdict, Verdict::Refused(_)) {
            return Ok(());
        }
        let oneself = |person: &Option<UserId>| [Some(user(1)), Some(user(2))].contains(person);
        prop_assert!(assurance >= act.assurance());
        prop_assert_eq!(act.is_own(), act.is_own() && oneself(&target.person));
        if !act.is_own() && !act.only_reads() && act != Act::SubmitRequest {
            prop_assert!(!oneself(&target.person), "to themselves");
        }
        if act == Act::DecideRequest {
            prop_assert!(!oneself(&target.requester), "their own request");
        }
        let row = WRITTEN.iter().find(|row| row.0 == act).unwrap().1;
        let written = |rank: Rank| row.chars().nth(Rank::ALL.iter().position(|one| *one == rank).unwrap()).unwrap();
        let today = Day::of(NOW);
        let gives = |role: &Role| {
            let live = role.from <= today && role.to.is_none_or(|to| today <= to);
            let assigns = target.position.as_ref().is_some_and(|position| role.assignable.contains(position));
            let (plain, assignable) = expected(written(role.rank));
            let letter = if assigns { assignable } else { plain };
            let here = role.organisation.as_ref().unwrap();
            let mut within = target.organisations.iter().any(|line| line.is_within(here));
            let mut nowhere = target.organisations.is_empty() && act.is_to_a_person();
            if let (true, Belongs::Left(line) | Belongs::Made(line)) = (nowhere, &target.belongs) {
                within = line.is_within(here);
                let new = matches!(target.belongs, Belongs::Made(_));
                nowhere = matches!(act, Act::ReopenPerson | Act::SubmitRequest) || act == Act::VerifyPerson && new;
            }
            let above = target.person_rank.is_some_and(|rank| rank > role.rank) && act.takes_over();
            let reached = within || nowhere || act.is_national() || act.is_own();
            live && reached && (letter == '*' || letter == 'y' && (verdict == Verdict::Asks || !above))
        };
        let everybody = written(Rank::Everybody) == 'y' && (act.is_national() || act.is_own());
        prop_assert!(everybody || roles.iter().any(gives), "{verdict:?} {act:?} {roles:?} {target:?}");
    }
}

/// Whoever asked for something does not decide it, whatever their rank.
#[test]
fn nobody_decides_what_they_asked_for() {
    for rank in [Rank::Sponsor, Rank::RaAgent, Rank::AdvancedRaAgent, Rank::RaManager] {
        let asked =
            Target { requester: Some(user(1)), position: Some(position()), ..target(Act::DecideRequest) };
        let verdict = may(&actor(rank), Act::DecideRequest, &asked, NOW);
        assert_eq!(verdict, Verdict::Refused(Refusal::OwnRequest), "{rank:?}");
        let by_another = Target { requester: Some(user(3)), ..asked };
        assert_eq!(may(&actor(rank), Act::DecideRequest, &by_another, NOW), Verdict::Does, "{rank:?}");
    }
}

/// Nobody gives, takes or decides a position above their own rank, nor takes over somebody who holds one.
#[test]
fn nobody_reaches_above_their_rank() {
    let giving_acts = [
        Act::Assign,
        Act::RedateAssignment,
        Act::EndAssignment,
        Act::AssignSeveral,
        Act::AssignBatch,
        Act::ManagePositions,
        Act::ManageAssignable,
        Act::DecideRequest,
        Act::Recertify,
        Act::ManageFeed,
    ];
    let authority =
        Rank::ALL.into_iter().filter(|rank| rank.is_of_the_authority() && *rank != Rank::Operator);
    for above in authority {
        for (act, row) in WRITTEN {
            for (rank, written) in Rank::ALL.into_iter().zip(row.chars()) {
                let refused = above > rank && expected(written).1 == 'y';
                let given = Target { position: Some(position()), position_rank: Some(above), ..target(act) };
                let wanted = if refused && giving_acts.contains(&act) { '-' } else { expected(written).1 };
                assert_eq!(
                    letter(may(&actor(rank), act, &given, NOW)),
                    wanted,
                    "{rank:?} {act:?} gives {above:?}"
                );
                let held = Target { position: Some(position()), person_rank: Some(above), ..target(act) };
                // An employer's own system says that somebody has left, whoever they were.
                let employer = act == Act::EndEmployment && rank == Rank::Personnel;
                let wanted = if refused && act.takes_over() && !employer { '-' } else { expected(written).1 };
                assert_eq!(
                    letter(may(&actor(rank), act, &held, NOW)),
                    wanted,
                    "{rank:?} {act:?} to {above:?}"
                );
            }
        }
    }
}

/// A sign-in with two factors reads and looks after what is its own; it changes nothing of others. One factor does nothing.
#[test]
fn weak_sign_in_changes_nothing() {
    for (act, row) in WRITTEN {
        for (rank, written) in Rank::ALL.into_iter().zip(row.chars()) {
            let given = Target { position: Some(position()), ..target(act) };
            let with = |assurance| may(&Actor { assurance, ..actor(rank) }, act, &given, NOW);
            // A system has nothing of its own, however it has signed in.
            let nothing = act.is_own() && is_system(rank);
            let why = if nothing { Refusal::NotInRole } else { Refusal::AssuranceTooLow };
            assert_eq!(with(Assurance::One), Verdict::Refused(why), "{rank:?} {act:?}");
            // One's own card is renewed by whoever has signed in as strongly as a card does.
            let reads = act.only_reads() || (act.is_own() && act != Act::RenewOwnCard);
            let wanted = if reads { expected(written).1 } else { '-' };
            assert_eq!(letter(with(Assurance::Two)), wanted, "{rank:?} {act:?}");
        }
    }
}

/// A role counts from its first day to its last, and only the chosen one counts where one was chosen.
#[test]
fn only_live_roles_count() {
    let today = Day::of(NOW);
    let with = |from: Day, to: Option<Day>| {
        let mut actor = actor(Rank::RaManager);
        actor.roles[0].from = from;
        actor.roles[0].to = to;
        letter(may(&actor, Act::Assign, &target(Act::Assign), NOW))
    };
    assert_eq!(with(today, Some(today)), 'y');
    assert_eq!(with(today.plus_days(1), None), '-');
    assert_eq!(with(today.plus_days(-9), Some(today.plus_days(-1))), '-');
    let mut other = actor(Rank::RaManager);
    other.acting = Some("555021942107".parse().unwrap());
    assert_eq!(letter(may(&other, Act::Assign, &target(Act::Assign), NOW)), '-');
    other.roles[0].role_profile.clone_from(&other.acting);
    assert_eq!(letter(may(&other, Act::Assign, &target(Act::Assign), NOW)), 'y');
}

/// A person who also works elsewhere is not closed or merged from one place, but a card of theirs is unlocked there.
#[test]
fn who_also_works_elsewhere_is_not_closed() {
    let both = Target {
        organisations: vec![Lineage(vec![ods("RXX01"), ods("RXX")]), Lineage(vec![ods("RYY")])],
        ..target(Act::ClosePerson)
    };
    for act in [Act::ClosePerson, Act::MergePeople] {
        let verdict = may(&actor(Rank::RaManager), act, &both, NOW);
        assert_eq!(verdict, Verdict::Refused(Refusal::AlsoElsewhere));
    }
    assert_eq!(may(&actor(Rank::RaManager), Act::UnlockCard, &both, NOW), Verdict::Does);
}
