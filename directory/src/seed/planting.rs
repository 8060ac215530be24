//! Bringing the world into a register, by the register's own acts.
//!
//! Every step looks first whether its work is done, so that a second time adds nothing, and a time that was broken off goes on
//! where it was. What people changed meanwhile stays as they left it.

use std::collections::BTreeMap;

use http::Method;
use platform::id::UserId;
use serde_json::{Value, json};

use super::speaking::{Answer, Body, Refused, Saying, Speaker, Voice};
use super::world::{Newcomer, World};
use crate::api::Name;
use crate::day::Day;

mod arrivals;
mod matters;
mod structure;

/// Somebody of the world, as the register knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Somebody {
    /// Their id.
    pub user_id: UserId,
    /// Their name.
    pub name: Name,
    /// The position that they are in.
    pub position: &'static str,
    /// The code of its organisation.
    pub organisation: &'static str,
    /// By what the position is named in the world.
    pub seat: &'static str,
}

impl Somebody {
    /// As people say it.
    pub fn display_name(&self) -> String {
        let title = self.name.title.as_deref().map_or_else(String::new, |title| format!("{title} "));
        format!("{title}{} {}", self.name.given, self.name.family)
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// Everybody, in the order of their positions.
    pub people: Vec<Somebody>,
    /// How many things were new; none where everything was there.
    pub made: u64,
}

/// Brings the world into a register that has its organisations ([`super::release`]) already.
///
/// `today` is the day from which dates to come are counted.
pub async fn plant<S: Speaker>(world: &World, today: Day, speaker: &S) -> Result<Planted, S::Error> {
    let mut planting = Planting {
        world,
        today,
        speaker,
        positions: BTreeMap::new(),
        people: Vec::new(),
        manager: Voice::Operator,
        made: 0,
    };
    planting.hosts().await?;
    planting.manager().await?;
    planting.workgroups_and_positions().await?;
    planting.taken_over().await?;
    for newcomer in &world.people {
        planting.arrive(newcomer).await?;
    }
    planting.cards_and_robots().await?;
    planting.requests().await?;
    planting.departures().await?;
    let people = planting.people.into_iter().map(|(_, somebody)| somebody).collect();
    Ok(Planted { people, made: planting.made })
}

/// A world on its way into a register.
struct Planting<'w, S> {
    world: &'w World,
    today: Day,
    speaker: &'w S,
    /// The ids of the positions that are there, by their keys.
    positions: BTreeMap<&'static str, String>,
    people: Vec<(&'w Newcomer, Somebody)>,
    /// The first manager of the registration authority, who does everything that no operator does.
    manager: Voice,
    made: u64,
}

impl<S: Speaker> Planting<'_, S> {
    /// Reads something that must be there.
    async fn read(&self, voice: &Voice, path: String) -> Result<Value, S::Error> {
        let answer = self.say(voice, Method::GET, path.clone(), Body::Nothing).await?;
        Ok(demanded(&Method::GET, path, answer)?)
    }

    /// Does something that is new.
    async fn make(
        &mut self,
        voice: &Voice,
        method: Method,
        path: String,
        body: Value,
    ) -> Result<Value, S::Error> {
        let answer = self.say(voice, method.clone(), path.clone(), Body::Json(body)).await?;
        let answered = demanded(&method, path, answer)?;
        self.made += 1;
        Ok(answered)
    }

    async fn say(&self, voice: &Voice, method: Method, path: String, body: Body) -> Result<Answer, S::Error> {
        self.speaker.say(Saying { voice: voice.clone(), method, path, body }).await
    }

    /// The id of a position that is there.
    fn position(&self, key: &str) -> &str {
        self.positions.get(key).map_or("", String::as_str)
    }

    /// Somebody who is in a position.
    fn holder(&self, key: &str, place: usize) -> Option<&Somebody> {
        self.people.iter().filter(|(_, one)| one.seat == key).nth(place).map(|(_, one)| one)
    }

    /// A day so many days on.
    fn day(&self, days: i64) -> String {
        self.today.plus_days(days).to_string()
    }
}

/// The body of an answer that is good.
fn demanded(method: &Method, path: String, answer: Answer) -> Result<Value, Refused> {
    if (200..300).contains(&answer.status) {
        return Ok(answer.body);
    }
    let word = |member: &str| answer.body[member].as_str().unwrap_or_default();
    let said = format!("{} [{}]", word("detail"), word("code"));
    Err(Refused { method: method.clone(), path, status: answer.status, said })
}

/// The members of a list, whatever it is called.
fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}

/// A text of an answer.
fn text(answered: &Value, member: &str) -> String {
    answered[member].as_str().unwrap_or_default().to_owned()
}

/// Who approved what is made here, and how.
fn approval() -> Value {
    json!({"how": "Minutes of the registration authority board", "approver": "Executive lead for access"})
}

/// A text as it stands in a query.
fn in_query(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blanks and commas are escaped in queries.
    #[test]
    fn queries_are_escaped() {
        assert_eq!(in_query("Ward 7, east"), "Ward%207%2C%20east");
    }
}
