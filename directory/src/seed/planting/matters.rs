//! What is going on: cards that are lent, a robot, requests that wait, and people who leave.

use http::Method;
use serde_json::json;

use super::{Planting, items, text};
use crate::seed::speaking::{Speaker, Voice};
use crate::seed::world::Life;

/// In how many days a card that is lent is to be back.
const CARD_DAYS: i64 = 7;
/// In how many days somebody leaves who leaves.
const NOTICE_DAYS: i64 = 30;

/// Requests that wait: who asks, for whom, for which position, and what they say. Positions by their keys.
const REQUESTS: [(&str, (&str, usize), &str, &str); 2] = [
    ("ward-sponsor", ("ward-nurses", 0), "ward-sponsor", "Covers for me in August"),
    ("practice-sponsor", ("practice-nurses", 0), "nurse-prescribers", "Has passed the prescribing course"),
];

impl<S: Speaker> Planting<'_, S> {
    /// A card for the night desk, which an agency nurse has just now, and a robot.
    pub(super) async fn cards_and_robots(&mut self) -> Result<(), S::Error> {
        let manager = self.manager.clone();
        if self.found(&manager, "Z99RPA", "Referral clerk").await?.is_none() {
            let body = json!({"kind": "robot", "label": "Referral clerk", "organisation": "Z99"});
            self.make(&manager, Method::POST, "/directory/people".to_owned(), body).await?;
        }
        let card = if let Some(there) = self.found(&manager, "Z9901TAC", "Night desk").await? {
            there.to_string()
        } else {
            let body =
                json!({"kind": "temporary-access-card", "label": "Night desk", "organisation": "Z9901"});
            let made = self.make(&manager, Method::POST, "/directory/people".to_owned(), body).await?;
            text(&made, "user_id")
        };
        let path = format!("/directory/people/{card}/custody");
        let log = self.read(&manager, path.clone()).await?;
        let Some(holder) = self.holder("emergency-nurses", 1).filter(|_| items(&log).is_empty()) else {
            return Ok(());
        };
        let body = json!({"holder": holder.user_id, "due_on": self.day(CARD_DAYS), "notes": "Own card is in the post"});
        self.make(&manager, Method::POST, path, body).await?;
        Ok(())
    }

    /// Requests of sponsors, which wait for somebody to decide them.
    pub(super) async fn requests(&mut self) -> Result<(), S::Error> {
        for (asker, (seat, place), position, notes) in REQUESTS {
            let (Some(asker), Some(person)) = (self.holder(asker, 0), self.holder(seat, place)) else {
                continue;
            };
            let voice = Voice::Person { user_id: asker.user_id.clone(), name: asker.name.clone() };
            let (person, position) = (person.user_id.clone(), self.position(position).to_owned());
            let mine = self.read(&voice, "/directory/requests?view=mine".to_owned()).await?;
            if items(&mine).is_empty() {
                let ask = json!({"kind": "assign", "person": person, "position": position});
                let body = json!({"ask": ask, "notes": notes});
                self.make(&voice, Method::POST, "/directory/requests".to_owned(), body).await?;
            }
        }
        Ok(())
    }

    /// One who left, and one who leaves in a month.
    pub(super) async fn departures(&mut self) -> Result<(), S::Error> {
        let manager = self.manager.clone();
        let ids = |life| {
            let those = self.people.iter().filter(move |(newcomer, _)| newcomer.life == life);
            those.map(|(_, one)| format!("/directory/people/{}", one.user_id)).collect::<Vec<_>>()
        };
        let (left, leaving) = (ids(Life::Left), ids(Life::Leaving));
        for path in left {
            if text(&self.read(&manager, path.clone()).await?, "state") == "open" {
                let body = json!({"reason": "left", "notes": "Moved away"});
                self.make(&manager, Method::POST, format!("{path}/close"), body).await?;
            }
        }
        for path in leaving.into_iter().map(|path| format!("{path}/leaving")) {
            let told = self.read(&manager, path.clone()).await?;
            if told["leavings"].as_array().is_none_or(Vec::is_empty) {
                let body = json!({"day": self.day(NOTICE_DAYS), "reason": "Takes a post in another trust"});
                self.make(&manager, Method::POST, path, body).await?;
            }
        }
        Ok(())
    }
}
