//! Rows of cards as others see them, and pages of rows.

use crate::api::{CardActInfo, CardInfo};
use crate::store::cards::{Card, CardAct};

/// A card as others see it: of its keys which version they are, and nothing else.
pub(super) fn info(card: Card) -> CardInfo {
    CardInfo {
        id: card.card_id,
        serial: card.serial,
        location: card.location_id,
        organisation: card.organisation,
        state: card.state,
        user_id: card.user_id,
        reason: card.reason,
        authentication: card.authentication,
        signature: card.signature,
        management_key: card.management.to_string(),
        unblocking_key: card.puk.to_string(),
        unblocking_key_told_at: card.puk_exposed_at,
        unblocking_key_seen_at: card.puk_seen_at,
        keys_changed_at: card.keys_changed_at,
        version: card.version,
        made_at: card.made_at,
        changed_at: card.changed_at,
    }
}

pub(super) fn act(act: CardAct) -> CardActInfo {
    CardActInfo {
        id: act.act_id,
        step: act.act,
        state: act.state,
        by: act.subject,
        client: act.client,
        user_id: act.user_id,
        location: act.location_id,
        reason: act.reason,
        witness: act.witness,
        note: act.note,
        at: act.at,
    }
}

/// One row more than a page has says whether there is a next one.
pub(super) fn more_than(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}

/// Cuts rows to a page, and gives the mark of the next one.
pub(super) fn next_of<T>(rows: &mut Vec<T>, limit: usize, mark: impl Fn(&T) -> String) -> Option<String> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| more).map(mark)
}

/// The mark is that of the last row of the page, and there is none on the last page.
#[test]
fn pages_say_where_they_go_on() {
    let next = |count: usize| {
        let mut rows: Vec<usize> = (0..count).collect();
        (next_of(&mut rows, 3, ToString::to_string), rows.len())
    };
    assert_eq!(next(2), (None, 2));
    assert_eq!(next(3), (None, 3));
    assert_eq!(next(4), (Some("2".to_owned()), 3));
}
