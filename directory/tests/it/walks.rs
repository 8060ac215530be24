//! Walks over the states of positions, assignments, campaigns and events of a feed: whatever people do in whatever order, nothing
//! leaves its diagram, and nobody does what the matrix does not give them.

use std::collections::BTreeMap;

use http::StatusCode;
use platform::db::Db;
use serde_json::{Value, json};

use crate::feed_rig::{Payroll, event, with};
use crate::rig::Answered;
use crate::world::{
    ADVANCED, AGENT, CHECKER, MANAGER, NURSE, ROLE_OF_NURSES, SPONSOR, World, day, position, text, user, who,
};

/// A generator with a fixed seed (Numerical Recipes): the same walks each time.
struct Chance(u32);

impl Chance {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % below
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn day(&mut self, today: i64, around: usize) -> i64 {
        today + i64::try_from(self.below(around)).unwrap() - 2
    }
}

/// An assignment as it is shown: person, position, state, first and last day.
type Shown = (String, String, String, String, Option<String>);

/// Every assignment of these people by its id, as the manager sees them.
async fn assignments(world: &World, people: &[u64]) -> BTreeMap<String, Shown> {
    let mut all = BTreeMap::new();
    for number in people {
        let path = format!("/directory/people/{}/assignments?state=all&limit=200", user(*number));
        let answered = world.rig.get(&who(MANAGER), &path).await;
        assert_eq!(answered.status, StatusCode::OK, "{:?}", answered.body);
        for row in answered.body["items"].as_array().unwrap() {
            let text = |member: &str| row[member].as_str().unwrap().to_owned();
            let shown = (
                text("person"),
                text("position"),
                text("state"),
                text("start"),
                row["end"].as_str().map(str::to_owned),
            );
            all.insert(text("id"), shown);
        }
    }
    all
}

/// The ways of an assignment. `ended` and `removed` are the end.
const WAYS: [(&str, &str); 8] = [
    ("to-come", "to-come"),
    ("to-come", "live"),
    ("to-come", "removed"),
    ("live", "live"),
    ("live", "ended"),
    ("live", "removed"),
    ("ended", "ended"),
    ("removed", "removed"),
];

/// What may never be, whatever was done.
fn demand_order(
    before: &BTreeMap<String, Shown>,
    after: &BTreeMap<String, Shown>,
    closed: &[String],
    what: &str,
) {
    for (id, was) in before {
        let is = &after[id];
        assert!(WAYS.contains(&(was.2.as_str(), is.2.as_str())), "{what}: {was:?} became {is:?}");
        assert_eq!((&was.0, &was.1, &was.3), (&is.0, &is.1, &is.3), "{what}: who, where and since when stay");
        assert!(was.2 == is.2 || was.2 != "ended", "{what}");
        assert!(
            !matches!(was.2.as_str(), "ended" | "removed") || was.4 == is.4,
            "{what}: what is over stays as it was"
        );
    }
    let open: Vec<&Shown> =
        after.values().filter(|one| matches!(one.2.as_str(), "live" | "to-come")).collect();
    for (at, one) in open.iter().enumerate() {
        assert!(!closed.contains(&one.1), "{what}: {one:?} is in a closed position");
        for other in &open[at + 1..] {
            let apart = one.4.as_ref().is_some_and(|end| *end < other.3)
                || other.4.as_ref().is_some_and(|end| *end < one.3);
            assert!(
                (&one.0, &one.1) != (&other.0, &other.1) || apart,
                "{what}: {one:?} and {other:?} overlap"
            );
        }
    }
}

/// Something that was tried: a refusal changes nothing and is the caller's, not ours.
fn demand_quiet(
    answered: &Answered,
    before: &BTreeMap<String, Shown>,
    after: &BTreeMap<String, Shown>,
    what: &str,
) {
    if !answered.status.is_success() {
        assert!(answered.status.is_client_error(), "{what}: {:?}", answered.body);
        assert_eq!(before, after, "{what} was refused: {:?}", answered.body);
    }
}

platform::both_engines! {
    /// Assignments go from coming to live to ended or removed and stay there; nobody holds a position twice on a day; a closed
    /// position is nobody's for good; and only those change anything whom the matrix lets.
    async fn assignments_and_positions_stay_in_their_diagram(db: Db) {
        let world = World::new(db).await;
        let manager = who(MANAGER);
        let mut positions = vec![world.ward.clone(), world.clinic.clone()];
        for name in ["Nurses of theatre", "Nurses of the pool"] {
            positions.push(world.make(&manager, &position("RXX", name, ROLE_OF_NURSES, &[])).await);
        }
        let people = [NURSE, NURSE + 1, NURSE + 2];
        let actors = [MANAGER, ADVANCED, AGENT, SPONSOR, CHECKER, NURSE];
        let (mut chance, mut today, mut closed) = (Chance(20_261_124), 0_i64, Vec::<String>::new());
        let mut before = assignments(&world, &people).await;
        let mut done = BTreeMap::<&str, usize>::new();
        for step in 0..160 {
            let actor = chance.one(&actors);
            let at = chance.below(positions.len());
            let id = before.keys().nth(chance.below(before.len().max(1))).cloned().unwrap_or_default();
            // Closing is rare, or soon there would be nothing left to hold.
            let act = ["assign", "assign", "assign", "redate", "redate", "remove", "remove", "wait", "close"][chance.below(if step < 100 { 8 } else { 9 })];
            let path = format!("/directory/assignments/{id}");
            let answered = match act {
                "assign" => {
                    let (start, end) = (chance.day(today, 8), chance.day(today, 14));
                    let mut body = json!({"person": user(chance.one(&people)), "position": positions[at], "start": day(start)});
                    if chance.below(2) == 0 {
                        body["end"] = json!(day(end));
                    }
                    world.rig.post(&who(actor), "/directory/assignments", &body).await
                }
                "redate" => world.patch(&who(actor), &path, &json!({"end": day(chance.day(today, 14))})).await,
                "remove" => world.act(&who(actor), &format!("{path}/removal"), &json!({"notes": "Walk"})).await,
                "close" => {
                    let live = chance.one(&["must-have-ended", "end"]);
                    let body = json!({"reason": "Walk", "approver": "Head of nursing", "word": "CLOSE", "assignments": live});
                    let closing = format!("/directory/positions/{}/closing", positions[at]);
                    let answered = world.act(&who(actor), &closing, &body).await;
                    if answered.status.is_success() {
                        assert!(!closed.contains(&positions[at]), "{step}: it was closed before");
                        closed.push(positions[at].clone());
                    }
                    answered
                }
                _ => {
                    world.wait_days(1);
                    world.sweep().await;
                    today += 1;
                    world.rig.get(&manager, &format!("/directory/positions/{}", positions[at])).await
                }
            };
            let what = format!("step {step}, {act} by {actor}");
            let after = assignments(&world, &people).await;
            demand_order(&before, &after, &closed, &what);
            demand_quiet(&answered, &before, &after, &what);
            if answered.status.is_success() && act != "wait" {
                assert!([MANAGER, ADVANCED, AGENT, SPONSOR].contains(&actor), "{what}");
                assert!(actor != AGENT && actor != SPONSOR || act != "close", "{what}");
                assert!(actor != SPONSOR || after.iter().all(|(id, row)| before.get(id) == Some(row) || row.1 == world.ward), "{what}");
                *done.entry(act).or_default() += 1;
            }
            before = after;
        }
        for act in ["assign", "redate", "remove", "close"] {
            assert!(done.get(act).is_some_and(|many| *many > 0), "the walk did nothing of {act}: {done:?}");
        }
        let states: std::collections::BTreeSet<&str> = before.values().map(|row| row.2.as_str()).collect();
        assert!(states.contains("ended") && states.contains("removed"), "{states:?}");
    }

    /// What was confirmed or ended in a campaign stays so; a campaign that is over, or called off, decides nothing more; and what
    /// nobody confirmed ends exactly once.
    async fn campaigns_stay_in_their_diagram(db: Db) {
        let world = World::new(db).await;
        let (people, actors) = ([NURSE, NURSE + 1, NURSE + 2, NURSE + 3], [MANAGER, ADVANCED, AGENT, SPONSOR, CHECKER, NURSE]);
        let mut chance = Chance(4);
        let mut done = BTreeMap::from([("confirmation", 0), ("ending", 0)]);
        for round in 0..3 {
            // Of the department alone, or the registration authority itself would end with what nobody confirmed.
            for number in people {
                world.assign(&who(AGENT), number, &world.ward).await;
            }
            let by = day(i64::from(round) * 10 + 5);
            let unconfirmed = chance.one(&["end", "report"]);
            let body = json!({"organisation": "RXX01", "name": format!("Round {round}"), "by": by, "unconfirmed": unconfirmed});
            let made = world.rig.post(&who(MANAGER), "/directory/campaigns", &body).await;
            assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
            let campaign = text(&made, "id");
            let of_campaign = format!("/directory/campaigns/{campaign}");
            let items = async || -> BTreeMap<String, String> {
                let listed = world.rig.get(&who(MANAGER), &format!("{of_campaign}/items?limit=500")).await;
                let rows = listed.body["items"].as_array().unwrap();
                let text = |row: &Value, member: &str| row[member].as_str().unwrap_or_else(|| panic!("{member} in {row}")).to_owned();
                rows.iter().map(|row| (text(row, "assignment"), text(row, "state"))).collect()
            };
            let state = async || text(&world.rig.get(&who(MANAGER), &of_campaign).await, "state");
            let mut before = items().await;
            for step in 0..24 {
                let (actor, word) = (chance.one(&actors), ["confirmation", "ending"][chance.below(2)]);
                let over = state().await != "running";
                let id = before.keys().nth(chance.below(before.len())).cloned().unwrap();
                let what = format!("round {round}, step {step}: {word} of {id} by {actor}");
                if step == 20 && chance.below(2) == 0 {
                    let off = world.act(&who(MANAGER), &format!("{of_campaign}/cancellation"), &json!({})).await;
                    assert_eq!(off.body["state"], "cancelled", "{:?}", off.body);
                    continue;
                }
                let answered = world.act(&who(actor), &format!("{of_campaign}/items/{id}/{word}"), &json!({})).await;
                let after = items().await;
                for (id, was) in &before {
                    // Whoever confirmed it, or another, may still end it; what has ended is not confirmed.
                    let way = (was.as_str(), after[id].as_str());
                    let ways = [("open", "confirmed"), ("open", "ended"), ("confirmed", "ended")];
                    assert!(was == &after[id] || ways.contains(&way), "{what}: {way:?}");
                }
                if answered.status.is_success() {
                    *done.entry(word).or_default() += 1;
                    let said = if word == "ending" { "ended" } else { "confirmed" };
                    assert!(!over && after[&id] == said, "{what}: {:?}", answered.body);
                    assert!([MANAGER, ADVANCED, AGENT, SPONSOR].contains(&actor), "{what}");
                } else {
                    assert!(answered.status.is_client_error(), "{what}: {:?}", answered.body);
                    assert_eq!(before, after, "{what}");
                }
                before = after;
            }
            world.wait_days(10);
            world.sweep().await;
            assert_ne!(state().await, "running", "its date has passed");
            let ended = world.recorded("assignment-removed").await;
            world.sweep().await;
            assert_eq!(world.recorded("assignment-removed").await, ended, "once");
            // The next round begins with nobody in a position.
            let left = assignments(&world, &people).await;
            for (id, row) in left.iter().filter(|(_, row)| matches!(row.2.as_str(), "live" | "to-come")) {
                let gone = world.act(&who(AGENT), &format!("/directory/assignments/{id}/removal"), &json!({"notes": "Next round"})).await;
                assert!(gone.status.is_success(), "{row:?}: {:?}", gone.body);
            }
        }
        assert!(done.values().all(|many| *many > 0), "something of each is done: {done:?}");
    }

    /// In whatever order events arrive, however often, and whoever decides those in quarantine: each is done at most once, none
    /// but who leaves before an earlier one that waits, and what is settled stays.
    async fn events_of_a_feed_stay_in_their_diagram(db: Db) {
        let feed = Payroll::new(db).await;
        let mut chance = Chance(7);
        // Three employees, each with starter, change and leaver; one position of theirs is linked to none of ours.
        let mut events = Vec::new();
        for employee in 0..3 {
            let number = NURSE + employee;
            let id = |sequence: u64| format!("w-{employee}-{sequence}");
            let first = ["WARD", "NOWHERE"][chance.below(2)];
            events.push(with(event(&id(1), "starter", number, 1, &day(0)), &[("position", first)]));
            events.push(with(event(&id(2), "change", number, 2, &day(0)), &[("position", "CLINIC")]));
            events.push(event(&id(3), "leaver", number, 3, &day(0)));
        }
        let states = async || -> BTreeMap<String, (String, u64, Value)> {
            let listed = feed.world.rig.get(&who(MANAGER), "/directory/feed/events?organisation=RXX&limit=200").await;
            let rows = listed.body["items"].as_array().unwrap();
            rows.iter().map(|row| {
                let sent = &row["sent"];
                (sent["id"].as_str().unwrap().to_owned(), (row["state"].as_str().unwrap().to_owned(), sent["sequence"].as_u64().unwrap(), row.clone()))
            }).collect()
        };
        let mut before = states().await;
        for step in 0..60 {
            let what = format!("step {step}");
            let waiting: Vec<Value> = before.values().filter(|row| row.0 == "quarantined").map(|row| row.2.clone()).collect();
            if waiting.is_empty() || chance.below(3) > 0 {
                let event = events[chance.below(events.len())].clone();
                let again = before.contains_key(event["id"].as_str().unwrap());
                let rows = feed.rows().await;
                let outcome = feed.one(event.clone()).await;
                assert!(matches!(outcome["state"].as_str(), Some("applied" | "quarantined" | "discarded")), "{what}: {outcome}");
                assert!(!again || feed.rows().await == rows, "{what}: what came before did something: {outcome}");
            } else {
                let row = &waiting[chance.below(waiting.len())];
                let decide = json!({"event": row["event"]});
                let (actor, word) = (chance.one(&[MANAGER, ADVANCED, AGENT, SPONSOR, NURSE]), ["retry", "discard"][chance.below(2)]);
                let body = if word == "retry" { json!({}) } else { json!({"reason": "Walk"}) };
                let answered = feed.decide(&who(actor), &decide, word, &body).await;
                assert_eq!(answered.status.is_success(), [MANAGER, ADVANCED].contains(&actor), "{what}: {word} by {actor}: {:?}", answered.body);
            }
            let after = states().await;
            for (id, was) in &before {
                assert!(was.0 == "quarantined" || was.0 == after[id].0, "{what}: {id} was {} and is {}", was.0, after[id].0);
            }
            for (id, (state, sequence, row)) in &after {
                let of_employee = |other: &&(String, u64, Value)| other.2["sent"]["employee"] == row["sent"]["employee"];
                let earlier = after.values().filter(of_employee).any(|other| other.1 < *sequence && other.0 == "quarantined");
                let new = before.get(id).is_none_or(|was| was.0 != "applied");
                // An older one that comes late is put into quarantine behind what was done; it holds up nothing that was.
                let leaves = row["sent"]["kind"] == "leaver";
                assert!(!(state == "applied" && new && earlier) || leaves, "{what}: {id} was done before an earlier one that waits");
            }
            before = after;
        }
        assert!(before.values().any(|row| row.0 == "applied") && before.len() > 5, "{before:?}");
    }
}
