//! What random sequences do beside requests, assignments and campaigns: leavings, batches, workgroups, positions as they change, and
//! events of a personnel system; and what may never be true of what they leave.

use http::StatusCode;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};

use crate::feed_rig::{event, personnel, with};
use crate::people_rig::{execute, texts};
use crate::rig::Answered;
use crate::sequences::{ACTORS, Allowed, PEOPLE, Walk};
use crate::world::{ADVANCED, AGENT, AGENT_TWO, MANAGER, NURSE, World, approval, day, text, user, who};

/// Something that somebody does.
#[derive(Debug, Clone)]
pub(crate) enum Around {
    /// A nurse leaves the department, or everywhere.
    Leave { person: usize, everywhere: bool, days: i64 },
    /// Two of those to whom nothing else is done are put into the ward.
    Batch { first: usize },
    /// A nurse is put into the workgroup by a role profile.
    Member { person: usize },
    /// A position gets another name.
    Rename { position: usize },
    /// The personnel system tells that a nurse begins in the ward, or leaves.
    Event { person: usize, leaves: bool },
}

/// What is drawn.
pub(crate) fn around() -> impl Strategy<Value = Around> {
    let number = || 0..1000usize;
    prop_oneof![
        3 => (number(), any::<bool>(), -1..4i64)
            .prop_map(|(person, everywhere, days)| Around::Leave { person, everywhere, days }),
        2 => number().prop_map(|first| Around::Batch { first }),
        3 => number().prop_map(|person| Around::Member { person }),
        2 => number().prop_map(|position| Around::Rename { position }),
        4 => (number(), prop::bool::weighted(0.4)).prop_map(|(person, leaves)| Around::Event { person, leaves }),
    ]
}

/// Makes what these calls need: a workgroup, a link of the ward, and the employee numbers of the nurses.
pub(crate) async fn prepare(world: &World) -> String {
    let manager = who(MANAGER);
    let link = json!({"organisation": "RXX", "their_position": "WARD", "position": world.ward, "approval": approval()});
    let linked = world.rig.post(&manager, "/directory/feed/links", &link).await;
    assert_eq!(linked.status, StatusCode::CREATED, "{:?}", linked.body);
    for number in &PEOPLE[..3] {
        let known = "INSERT INTO directory_person_link (source, external_id, user_name, user_id, content, at) \
                     VALUES ('feed payroll', $1, $1, $2, '', 0)";
        execute(&world.rig.db, known, vec![format!("E{number}"), user(*number)]).await;
    }
    let group = json!({"organisation": "RXX", "name": "Wound care"});
    text(&world.rig.post(&manager, "/directory/workgroups", &group).await, "id")
}

impl Walk {
    /// Does it; gives what was answered, and who may do it to whom. None where there is nothing to do it to.
    pub(crate) async fn around(&mut self, actor: u64, call: &Around) -> Option<(Answered, Allowed)> {
        match call {
            Around::Event { person, leaves } => Some(self.told(PEOPLE[person % 3], *leaves).await),
            Around::Leave { person, everywhere, days } => {
                let of = PEOPLE[person % 3];
                let place = if *everywhere { Value::Null } else { json!("RXX01") };
                let body = json!({"organisation": place, "day": day(self.today + days), "reason": "Walk"});
                let path = format!("/directory/people/{}/leaving", user(of));
                let answered = self.world.rig.post(&who(actor), &path, &body).await;
                // Whoever leaves everywhere is closed; in the department there is the ward alone, which the sponsor assigns.
                let allowed = Allowed::assigning(!everywhere, "leave");
                let anybody = *everywhere && self.belong_to_nobody(&[of]).await;
                Some((answered, allowed.and_elsewhere(anybody).of(of)))
            }
            Around::Batch { first } => {
                let people: Vec<String> =
                    [0, 1].map(|more| user(NURSE + 3 + ((first + more) % 60) as u64)).into();
                let body = json!({"people": people, "mode": "all-or-none"});
                let path = format!("/directory/positions/{}/assignments", self.world.ward);
                let answered = self.world.rig.post(&who(actor), &path, &body).await;
                Some((answered, Allowed::to(&[MANAGER, ADVANCED], "batch")))
            }
            Around::Member { person } => {
                let of = PEOPLE[person % 3];
                let held = "SELECT role_profile_id FROM directory_role_profile WHERE user_id = $1 ORDER BY role_profile_id";
                let role = texts(&self.world.rig.db, held, &user(of)).await.into_iter().next()?;
                let path = format!("/directory/workgroups/{}/members", self.group);
                let answered = self.world.rig.post(&who(actor), &path, &json!({"role_profile": role})).await;
                Some((answered, Allowed::to(&[MANAGER, ADVANCED], "member").of(of)))
            }
            Around::Rename { position } => {
                let id = &self.positions[position % self.positions.len()];
                let body = json!({"name": format!("Walked {position}"), "approval": approval()});
                let answered =
                    self.world.patch(&who(actor), &format!("/directory/positions/{id}"), &body).await;
                Some((answered, Allowed::to(&[MANAGER, ADVANCED], "rename position")))
            }
        }
    }

    /// The personnel system says something, whoever's turn it is: it acts by itself. What cannot be done is put aside.
    async fn told(&mut self, of: u64, leaves: bool) -> (Answered, Allowed) {
        self.events += 1;
        let id = format!("walk-{}", self.events);
        let mut told =
            event(&id, if leaves { "leaver" } else { "starter" }, of, self.events, &day(self.today));
        if !leaves {
            told = with(told, &[("position", "WARD")]);
        }
        let payroll = personnel("payroll", "RXX");
        let answered =
            self.world.rig.post(&payroll, "/directory/feed/events", &json!({"events": [told]})).await;
        let step =
            if answered.body["outcomes"][0]["state"] == "applied" { "event" } else { "event put aside" };
        (answered, Allowed::to(&ACTORS, step))
    }

    /// Whether these never held anything: of those who take them on, anybody may do everything to them.
    pub(crate) async fn belong_to_nobody(&self, people: &[u64]) -> bool {
        let text = "SELECT assignment_id FROM directory_assignment WHERE user_id = $1";
        for number in people {
            if !texts(&self.world.rig.db, text, &user(*number)).await.is_empty() {
                return false;
            }
        }
        true
    }

    /// Who may decide a request, but for its requester: agents and above; a sponsor where the position is assignable to the own one.
    pub(crate) async fn deciders(&self, request: &str) -> Vec<u64> {
        let text = "SELECT position_id FROM directory_request WHERE request_id = $1 AND kind = 'assign'";
        let position = texts(&self.world.rig.db, text, request).await;
        let sponsor = position.contains(&self.world.ward).then_some(crate::world::SPONSOR);
        [MANAGER, ADVANCED, AGENT, AGENT_TWO].into_iter().chain(sponsor).collect()
    }
}

/// Whoever is closed or was merged holds nothing that lasts, and nobody is in a workgroup by a role profile of somebody else.
pub(crate) async fn demand_nothing_left(walk: &Walk, what: &str) -> Result<(), TestCaseError> {
    let text = "SELECT a.assignment_id FROM directory_assignment a JOIN directory_person p ON p.user_id = a.user_id \
                WHERE p.state <> 'open' AND a.state = 'live' AND COALESCE(a.to_day, '9999-12-31') > $1";
    let left = texts(&walk.world.rig.db, text, &day(walk.today)).await;
    prop_assert!(left.is_empty(), "{what}: who is closed holds {left:?}");
    let text = "SELECT m.user_id FROM directory_workgroup_member m JOIN directory_role_profile r \
                ON r.role_profile_id = m.role_profile_id WHERE m.removed_at IS NULL AND m.workgroup_id = $1 AND r.user_id <> m.user_id";
    let strangers = texts(&walk.world.rig.db, text, &walk.group).await;
    prop_assert!(strangers.is_empty(), "{what}: {strangers:?} are in the workgroup by what others hold");
    Ok(())
}
