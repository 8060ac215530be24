//! The diagrams of everything that has states: what is seen of the register, and from where to where it may go.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::world::World;

/// Everything that has states, by what it is and its id: its state, and what of it never changes.
pub(crate) type Seen = BTreeMap<(&'static str, String), (String, String)>;

pub(crate) async fn seen(world: &World) -> Seen {
    let now = world.rig.now().0;
    // A lock and the time to decide end by themselves.
    let requests = format!(
        "SELECT request_id, CASE WHEN state IN ('submitted', 'locked') AND expires_at <= {now} THEN 'expired' \
         WHEN state = 'locked' AND locked_until <= {now} THEN 'submitted' ELSE state END, kind || ' ' || requester FROM directory_request"
    );
    let texts = [
        ("request", requests),
        ("assignment", "SELECT assignment_id, state, position_id FROM directory_assignment".to_owned()),
        ("position", "SELECT position_id, state, organisation FROM directory_position".to_owned()),
        ("person", "SELECT user_id, state, kind FROM directory_person".to_owned()),
        ("campaign", "SELECT campaign_id, state, organisation FROM directory_campaign".to_owned()),
        (
            "item",
            "SELECT campaign_id || ' ' || assignment_id, state, assignment_id FROM directory_campaign_item"
                .to_owned(),
        ),
    ];
    let mut all = Seen::new();
    for (what, text) in texts {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(text)).fetch_all(world.rig.db.read()).await.unwrap();
        all.extend(rows.into_iter().map(|(id, state, rest)| ((what, id), (state, rest))));
    }
    all
}

/// From where to where what may lead, in one call: the diagrams of `docs/registration-authority.md`.
const WAYS: [(&str, &str, &str); 27] = [
    ("request", "draft", "submitted"),
    ("request", "draft", "withdrawn"),
    ("request", "submitted", "locked"),
    ("request", "submitted", "withdrawn"),
    ("request", "submitted", "expired"),
    ("request", "submitted", "rejected"),
    ("request", "locked", "submitted"),
    ("request", "locked", "applied"),
    ("request", "locked", "failed"),
    ("request", "locked", "rejected"),
    ("request", "locked", "expired"),
    ("request", "failed", "applied"),
    ("assignment", "live", "ended"),
    ("assignment", "live", "removed"),
    ("position", "open", "closed"),
    ("person", "open", "closed"),
    ("person", "closed", "open"),
    ("person", "open", "merged"),
    ("person", "closed", "merged"),
    ("campaign", "running", "cancelled"),
    ("campaign", "running", "over"),
    ("item", "open", "confirmed"),
    ("item", "open", "ended"),
    ("item", "open", "unconfirmed"),
    ("item", "open", "lapsed"),
    ("item", "open", "gone"),
    ("item", "confirmed", "ended"),
];

/// In which state something may begin.
const BEGINNINGS: [(&str, &str); 7] = [
    ("request", "draft"),
    ("request", "submitted"),
    ("assignment", "live"),
    ("position", "open"),
    ("person", "open"),
    ("campaign", "running"),
    ("item", "open"),
];

pub(crate) fn demand_diagram(before: &Seen, after: &Seen, what: &str) -> Result<(), TestCaseError> {
    for (key, (is, rest)) in after {
        let Some((was, stays)) = before.get(key) else {
            prop_assert!(BEGINNINGS.contains(&(key.0, is.as_str())), "{what}: {key:?} began as {is}");
            continue;
        };
        prop_assert!(
            was == is || WAYS.contains(&(key.0, was.as_str(), is.as_str())),
            "{what}: {key:?} went from {was} to {is}"
        );
        prop_assert_eq!(stays, rest, "{}: {:?} became another", what, key);
    }
    prop_assert!(before.keys().all(|key| after.contains_key(key)), "{}: something is gone", what);
    Ok(())
}
