//! Random sequences of calls over requests, assignments, positions, people, campaigns, and what lies around them: nothing leaves its
//! diagram, a refusal changes nothing, nobody does anything to themselves, and nothing is done that the matrix does not give. The
//! sequences are drawn by proptest from seeds that stay, and one that fails is shortened.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::diagrams::{Seen, demand_diagram, seen};
use crate::people_rig::execute;
use crate::rig::Answered;
use crate::sequences_around::{Around, around, demand_nothing_left, prepare};
use crate::world::{
    ADVANCED, AGENT, AGENT_TWO, CHECKER, MANAGER, NURSE, ROLE_OF_MANAGERS, ROLE_OF_NURSES, SPONSOR, World,
    day, position, user, who,
};

pub(crate) const ACTORS: [u64; 8] = [MANAGER, ADVANCED, AGENT, AGENT_TWO, SPONSOR, CHECKER, NURSE, ELSEWHERE];
/// The RA manager of another trust.
const ELSEWHERE: u64 = 7;
/// Whom something is done to: nurses, and one who acts.
pub(crate) const PEOPLE: [u64; 4] = [NURSE, NURSE + 1, NURSE + 2, AGENT_TWO];
const STEPS: [&str; 7] = ["lock", "exit", "approval", "rejection", "submission", "withdrawal", "retry"];

/// Something that somebody does. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Call {
    Ask {
        kind: usize,
        person: usize,
        draft: bool,
    },
    Step {
        request: usize,
        step: usize,
    },
    /// Opens one that waits and decides it.
    Decide {
        request: usize,
        approve: bool,
    },
    /// A step of a request in one of these states.
    Of {
        request: usize,
        states: &'static [&'static str],
        step: &'static str,
    },
    Assign {
        person: usize,
        position: usize,
    },
    Redate {
        assignment: usize,
        days: i64,
    },
    Remove {
        assignment: usize,
    },
    ClosePosition {
        position: usize,
    },
    ClosePerson {
        person: usize,
    },
    Reopen {
        person: usize,
    },
    Merge {
        person: usize,
        other: usize,
    },
    Campaign,
    Cancel,
    Item {
        item: usize,
        ends: bool,
    },
    Wait {
        days: u64,
    },
    Around(Around),
}

/// What waits to be decided.
const WAITS: &[&str] = &["submitted", "locked"];

impl Call {
    /// What is called one after the other.
    fn parts(&self) -> Vec<Self> {
        let Self::Decide { request, approve } = *self else { return vec![self.clone()] };
        let of = |step| Self::Of { request, states: WAITS, step };
        vec![of("lock"), of(if approve { "approval" } else { "rejection" })]
    }
}

fn call() -> impl Strategy<Value = Call> {
    let number = || 0..1000usize;
    prop_oneof![
        5 => (0..5usize, number(), any::<bool>()).prop_map(|(kind, person, draft)| Call::Ask { kind, person, draft }),
        12 => (number(), 0..STEPS.len()).prop_map(|(request, step)| Call::Step { request, step }),
        6 => (number(), any::<bool>()).prop_map(|(request, approve)| Call::Decide { request, approve }),
        4 => number().prop_map(|request| Call::Of { request, states: &["failed"], step: "retry" }),
        4 => number().prop_map(|request| Call::Of { request, states: &["draft"], step: "submission" }),
        5 => (number(), number()).prop_map(|(person, position)| Call::Assign { person, position }),
        2 => (number(), -2..20i64).prop_map(|(assignment, days)| Call::Redate { assignment, days }),
        2 => number().prop_map(|assignment| Call::Remove { assignment }),
        1 => number().prop_map(|position| Call::ClosePosition { position }),
        1 => number().prop_map(|person| Call::ClosePerson { person }),
        2 => number().prop_map(|person| Call::Reopen { person }),
        1 => (number(), number()).prop_map(|(person, other)| Call::Merge { person, other }),
        2 => Just(Call::Campaign),
        2 => Just(Call::Cancel),
        3 => (number(), any::<bool>()).prop_map(|(item, ends)| Call::Item { item, ends }),
        1 => (1..12u64).prop_map(|days| Call::Wait { days }),
        12 => around().prop_map(Call::Around),
    ]
}

/// One world, and what its calls choose from.
pub(crate) struct Walk {
    pub(crate) world: World,
    pub(crate) positions: Vec<String>,
    /// The workgroup.
    pub(crate) group: String,
    pub(crate) today: i64,
    campaigns: u32,
    /// How many events the personnel system has sent.
    pub(crate) events: u64,
}

impl Walk {
    async fn new(db: Db) -> Self {
        let world = World::new(db).await;
        let text = "UPDATE directory_person SET ni_hash = 'same', ni_mask = 'same' WHERE kind = $1";
        execute(&world.rig.db, text, vec!["person".to_owned()]).await;
        let mut positions = vec![world.ward.clone(), world.clinic.clone()];
        positions.push(
            world.make(&who(MANAGER), &position("RXX", "Nurses of theatre", ROLE_OF_NURSES, &[])).await,
        );
        let operator = world.operator.clone();
        let managers = world.make(&operator, &position("RYY", "RA managers", ROLE_OF_MANAGERS, &[])).await;
        world.assign(&operator, ELSEWHERE, &managers).await;
        let group = prepare(&world).await;
        Self { world, positions, group, today: 0, campaigns: 0, events: 0 }
    }

    /// Who of those who act holds an assignment.
    async fn holder(&self, assignment: &str) -> Option<u64> {
        let text = "SELECT user_id FROM directory_assignment WHERE assignment_id = $1";
        let held = crate::people_rig::texts(&self.world.rig.db, text, assignment).await;
        ACTORS.into_iter().find(|number| held.contains(&user(*number)))
    }

    /// One thing of a kind that there is, by a number.
    fn one<'a>(before: &'a Seen, what: &str, number: usize) -> Option<(&'a str, &'a str)> {
        Self::one_in(before, (what, &[]), number)
    }

    /// One thing of a kind that is in one of these states, or in any.
    fn one_in<'a>(
        before: &'a Seen,
        (what, states): (&str, &[&str]),
        number: usize,
    ) -> Option<(&'a str, &'a str)> {
        let is = |state: &String| states.is_empty() || states.contains(&state.as_str());
        let all: Vec<_> = before.iter().filter(|(key, (state, _))| key.0 == what && is(state)).collect();
        all.get(number % all.len().max(1)).map(|((_, id), (_, rest))| (id.as_str(), rest.as_str()))
    }

    fn ask(&self, kind: usize, number: u64) -> Value {
        let person = user(number);
        match kind {
            0 => json!({"kind": "assign", "person": person, "position": self.positions[0]}),
            1 => {
                json!({"kind": "assign", "person": person, "position": self.positions[1], "end": day(self.today + 9)})
            }
            2 => json!({"kind": "close-person", "person": person}),
            3 => json!({"kind": "reopen-person", "person": person, "organisation": "RXX"}),
            _ => json!({"kind": "change-person", "person": person, "patch": {"gender": "other"}}),
        }
    }

    /// Does it; gives what was answered, and what it was: who may do it, and to whom it is done. None where there is nothing to do it to.
    async fn take(&mut self, actor: u64, call: &Call, before: &Seen) -> Option<(Answered, Allowed)> {
        match call {
            Call::Ask { .. } | Call::Step { .. } | Call::Of { .. } => {
                self.of_request(actor, call, before).await
            }
            Call::Campaign | Call::Cancel | Call::Item { .. } => self.of_campaign(actor, call, before).await,
            Call::ClosePerson { .. } | Call::Reopen { .. } | Call::Merge { .. } => {
                self.of_person(actor, call, before).await
            }
            Call::Wait { days } => {
                self.world.wait_days(*days);
                self.world.sweep().await;
                self.today += i64::try_from(*days).unwrap();
                let listed = self.world.rig.get(&who(MANAGER), "/directory/requests").await;
                Some((listed, Allowed::to(&ACTORS, "wait")))
            }
            Call::Around(call) => self.around(actor, call).await,
            _ => self.of_position(actor, call, before).await,
        }
    }

    async fn of_request(&self, actor: u64, call: &Call, before: &Seen) -> Option<(Answered, Allowed)> {
        let (caller, rig) = (who(actor), &self.world.rig);
        match call {
            Call::Ask { kind, person, draft } => {
                let state = if *draft { "draft" } else { "submitted" };
                let of = somebody(*person);
                let body = json!({"ask": self.ask(*kind, of), "state": state});
                // What is done to whom nobody looks after is asked for by anybody; for a position of the trust nobody else asks.
                let anybody = matches!(kind, 2 | 4) && self.belong_to_nobody(&[of]).await;
                let answered = rig.post(&caller, "/directory/requests", &body).await;
                let allowed = Allowed::to(&[MANAGER, ADVANCED, AGENT, AGENT_TWO, SPONSOR], "ask");
                Some((answered, allowed.and_elsewhere(anybody)))
            }
            Call::Step { .. } | Call::Of { .. } => {
                let (request, states, step) = match *call {
                    Call::Of { request, states, step } => (request, states, step),
                    Call::Step { request, step } => (request, &[][..], STEPS[step]),
                    _ => return None,
                };
                let (id, rest) = Self::one_in(before, ("request", states), request)?;
                let star = [("if-match", "*")];
                let path = |last: &str| format!("/directory/requests/{id}/{last}");
                let answered = match step {
                    "lock" => rig.send(&caller, Method::PUT, &path("lock"), &star, None).await,
                    "exit" => rig.send(&caller, Method::DELETE, &path("lock"), &star, None).await,
                    "rejection" => self.world.act(&caller, &path(step), &json!({"reason": "Walk"})).await,
                    _ => self.world.act(&caller, &path(step), &json!({})).await,
                };
                let (_, requester) = rest.split_once(' ').unwrap();
                let own = matches!(step, "submission" | "withdrawal");
                let decide = self.deciders(id).await;
                let mut by: BTreeSet<u64> = if own { ACTORS.into() } else { decide.into_iter().collect() };
                by.retain(|number| (user(*number) == requester) == own);
                Some((answered, Allowed { by, step, of: None }))
            }
            _ => None,
        }
    }

    async fn of_position(&self, actor: u64, call: &Call, before: &Seen) -> Option<(Answered, Allowed)> {
        let (caller, world) = (who(actor), &self.world);
        match call {
            Call::Assign { person, position } => {
                let (of, position) = (somebody(*person), &self.positions[position % self.positions.len()]);
                let body = json!({"person": user(of), "position": position});
                let answered = world.rig.post(&caller, "/directory/assignments", &body).await;
                Some((answered, Allowed::assigning(position == &world.ward, "assign").of(of)))
            }
            Call::Redate { assignment, days } => {
                let (id, rest) = Self::one(before, "assignment", *assignment)?;
                let of = self.holder(id).await;
                let body = json!({"end": day(self.today + days)});
                let answered = world.patch(&caller, &format!("/directory/assignments/{id}"), &body).await;
                Some((answered, Allowed { of, ..Allowed::assigning(rest == world.ward, "redate") }))
            }
            Call::Remove { assignment } => {
                let (id, rest) = Self::one(before, "assignment", *assignment)?;
                // Whoever acts keeps their rank, or nothing would be left to do.
                if !self.positions.iter().any(|position| rest == position) {
                    return None;
                }
                let of = self.holder(id).await;
                let path = format!("/directory/assignments/{id}/removal");
                let answered = world.act(&caller, &path, &json!({"notes": "Walk"})).await;
                Some((answered, Allowed { of, ..Allowed::assigning(rest == world.ward, "remove") }))
            }
            Call::ClosePosition { position } => {
                // The first two stay, so that there is something to hold.
                let id = &self.positions[2 + position % (self.positions.len() - 2)];
                let body = json!({"reason": "Walk", "approver": "Head of nursing", "word": "CLOSE", "assignments": "end"});
                let answered = world.act(&caller, &format!("/directory/positions/{id}/closing"), &body).await;
                Some((answered, Allowed::to(&[MANAGER, ADVANCED], "close position")))
            }
            _ => None,
        }
    }

    async fn of_person(&self, actor: u64, call: &Call, before: &Seen) -> Option<(Answered, Allowed)> {
        let (caller, world) = (who(actor), &self.world);
        let path = |of: u64, act: &str| format!("/directory/people/{}/{act}", user(of));
        let agents = [MANAGER, ADVANCED, AGENT, AGENT_TWO];
        match call {
            Call::ClosePerson { person } => {
                let of = somebody(*person);
                let anybody = self.belong_to_nobody(&[of]).await;
                let answered = world.act(&caller, &path(of, "close"), &json!({"reason": "left"})).await;
                Some((answered, Allowed::to(&agents, "close person").and_elsewhere(anybody).of(of)))
            }
            Call::Reopen { person } => {
                // Somebody who is closed, if anybody is.
                let closed = Self::one_in(before, ("person", &["closed"]), *person).map(|(id, _)| id);
                let of = PEOPLE.into_iter().find(|number| Some(user(*number).as_str()) == closed);
                let of = of.unwrap_or_else(|| somebody(*person));
                let answered = world.act(&caller, &path(of, "reopen"), &json!({"reason": "returned"})).await;
                // Whoever takes somebody on opens their profile, wherever that is.
                Some((answered, Allowed::to(&agents, "reopen").and_elsewhere(true).of(of)))
            }
            Call::Merge { person, other } => {
                // Nurses only: whoever is merged with somebody who acts gets what they have.
                let (of, other) = (PEOPLE[person % 3], PEOPLE[other % 3]);
                let text = "SELECT CAST(version AS TEXT) FROM directory_person WHERE user_id = $1";
                let version = crate::people_rig::texts(&world.rig.db, text, &user(other)).await;
                let version: i64 = version[0].parse().unwrap();
                let body = json!({"duplicate": user(other), "duplicate_version": version});
                let anybody = self.belong_to_nobody(&[of, other]).await;
                let answered = world.act(&caller, &path(of, "merge"), &body).await;
                Some((answered, Allowed::to(&[MANAGER, ADVANCED], "merge").and_elsewhere(anybody).of(of)))
            }
            _ => None,
        }
    }

    async fn of_campaign(&mut self, actor: u64, call: &Call, before: &Seen) -> Option<(Answered, Allowed)> {
        let caller = who(actor);
        match call {
            Call::Campaign => {
                self.campaigns += 1;
                let unconfirmed = if self.campaigns.is_multiple_of(2) { "end" } else { "report" };
                let name = format!("Round {}", self.campaigns);
                let body = json!({"organisation": "RXX01", "name": name, "by": day(self.today + 9), "unconfirmed": unconfirmed});
                let answered = self.world.rig.post(&caller, "/directory/campaigns", &body).await;
                Some((answered, Allowed::to(&[MANAGER, ADVANCED], "campaign")))
            }
            Call::Cancel => {
                let (id, _) = Self::one_in(before, ("campaign", &["running"]), 0)?;
                let path = format!("/directory/campaigns/{id}/cancellation");
                let answered = self.world.act(&caller, &path, &json!({})).await;
                Some((answered, Allowed::to(&[MANAGER, ADVANCED], "call off")))
            }
            Call::Item { item, ends } => {
                let states: &[&str] = if item.is_multiple_of(4) { &[] } else { &["open"] };
                let (id, _) = Self::one_in(before, ("item", states), *item)?;
                let (campaign, assignment) = id.split_once(' ').unwrap();
                let word = if *ends { "ending" } else { "confirmation" };
                let path = format!("/directory/campaigns/{campaign}/items/{assignment}/{word}");
                let of = self.holder(assignment).await;
                let answered = self.world.act(&caller, &path, &json!({})).await;
                // Everything in the ward is the sponsor's to assign.
                Some((answered, Allowed { of, ..Allowed::assigning(true, word) }))
            }
            _ => None,
        }
    }
}

/// Whom something is done to, by a number.
fn somebody(number: usize) -> u64 {
    PEOPLE[number % PEOPLE.len()]
}

/// Who may do something by the matrix, and to whom it is done.
pub(crate) struct Allowed {
    by: BTreeSet<u64>,
    step: &'static str,
    of: Option<u64>,
}

impl Allowed {
    pub(crate) fn to(by: &[u64], step: &'static str) -> Self {
        Self { by: by.iter().copied().collect(), step, of: None }
    }

    /// Agents and above; a sponsor where the position is assignable to the own one.
    pub(crate) fn assigning(assignable: bool, step: &'static str) -> Self {
        let mut allowed = Self::to(&[MANAGER, ADVANCED, AGENT, AGENT_TWO], step);
        allowed.by.extend(assignable.then_some(SPONSOR));
        allowed
    }

    pub(crate) fn of(self, person: u64) -> Self {
        Self { of: Some(person), ..self }
    }

    /// The other trust's too, where it is so.
    pub(crate) fn and_elsewhere(mut self, is_so: bool) -> Self {
        self.by.extend(is_so.then_some(ELSEWHERE));
        self
    }
}

/// Takes one sequence; counts what was done.
async fn follow(db: Db, calls: &[(usize, Call)]) -> Result<BTreeMap<&'static str, u32>, TestCaseError> {
    let mut done = BTreeMap::new();
    let mut walk = Walk::new(db).await;
    let mut before = seen(&walk.world).await;
    let parts =
        calls.iter().flat_map(|(actor, call)| call.parts().into_iter().map(move |part| (*actor, part)));
    for (at, (actor, call)) in parts.enumerate() {
        let actor = ACTORS[actor];
        let what = format!("{at}: {call:?} by {actor}");
        let Some((answered, allowed)) = walk.take(actor, &call, &before).await else { continue };
        let after = seen(&walk.world).await;
        demand_diagram(&before, &after, &what)?;
        if answered.status.is_success() {
            prop_assert!(allowed.by.contains(&actor), "{what} is outside the matrix: {:?}", answered.body);
            prop_assert_ne!(allowed.of, Some(actor), "{} is done to themselves", what);
            *done.entry(allowed.step).or_default() += 1;
        } else {
            prop_assert!(answered.status.is_client_error(), "{what}: {:?}", answered.body);
            prop_assert_eq!(&before, &after, "{} was refused and changed something", what);
        }
        demand_nothing_left(&walk, &what).await?;
        before = after;
    }
    Ok(done)
}

/// From what the sequences are drawn: the same ones each time.
const SEEDS: [u8; 4] = [1, 7, 42, 113];

/// What comes about by a rare chance, such as a request that could not be applied and can be now: it is demanded on `SQLite` alone, where twice as
/// many sequences are taken.
const RARE: [&str; 4] = ["retry", "submission", "confirmation", "call off"];

/// Takes sequences from each seed on an engine. Between them everything is done at least once, or the test would say nothing.
fn sequences(engine: Engine, of_each: u32) {
    let done = std::cell::RefCell::new(BTreeMap::new());
    for seed in SEEDS {
        of_seed(engine, seed, of_each, &done);
    }
    let done = done.into_inner();
    for step in [
        "ask",
        "submission",
        "withdrawal",
        "lock",
        "approval",
        "rejection",
        "retry",
        "assign",
        "redate",
        "remove",
        "close position",
        "close person",
        "reopen",
        "merge",
        "campaign",
        "confirmation",
        "ending",
        "call off",
        "wait",
        "leave",
        "batch",
        "member",
        "rename position",
        "event",
        "event put aside",
    ] {
        let spared = engine == Engine::Postgres && RARE.contains(&step);
        assert!(spared || done.contains_key(step), "no sequence did {step}: {done:?}");
    }
}

fn of_seed(engine: Engine, seed: u8, cases: u32, done: &std::cell::RefCell<BTreeMap<&'static str, u32>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 60, ..Config::default() };
    let chance = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(config, chance);
    let calls = proptest::collection::vec((0..ACTORS.len(), call()), 60..120);
    let outcome = runner.run(&calls, |calls| {
        runtime.block_on(async {
            let test = TestDb::new(engine).await;
            let outcome = follow(test.db.clone(), &calls).await;
            test.db.close().await;
            for (step, many) in outcome? {
                *done.borrow_mut().entry(step).or_insert(0) += many;
            }
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("with the seed {seed}: {error}");
    }
}

/// Whatever is called in whatever order, on SQLite.
#[test]
fn no_sequence_leaves_the_diagrams_on_sqlite() {
    sequences(Engine::Sqlite, 4);
}

/// Whatever is called in whatever order, on PostgreSQL.
#[test]
fn no_sequence_leaves_the_diagrams_on_postgres() {
    sequences(Engine::Postgres, 2);
}
