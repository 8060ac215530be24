//! Finding people. Every question begins at one index, the one that leaves the fewest rows; the rest are asked of these.

use platform::id::{OdsCode, UserId};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use super::Reader;
use super::people::{Row, columns};
use crate::api::{PersonState, ProfessionalBody};
use crate::day::Day;
use crate::error::Error;
use crate::ods;
use crate::person::Profile;

/// Whom to find; everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The beginning of a normalised name, family or given name first.
    pub(crate) name: Option<String>,
    pub(crate) birth: Option<Day>,
    pub(crate) registration: Option<(Option<ProfessionalBody>, String)>,
    pub(crate) email: Option<String>,
    pub(crate) user: Option<UserId>,
    pub(crate) organisation: Option<OdsCode>,
    pub(crate) state: Option<PersonState>,
}

/// A place in a list: the name by which the last one was found, where names are searched, and their id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) key: String,
    pub(crate) user: UserId,
}

/// Text with its values, put together piece by piece.
#[derive(Default)]
struct Statement {
    text: String,
    has_conditions: bool,
    values: Vec<String>,
}

/// Who works in an organisation, or belongs to it without an assignment.
const WORKING: &str = "SELECT a.user_id FROM directory_assignment a WHERE a.organisation = ? AND a.state = 'live' \
                       UNION SELECT o.user_id FROM directory_person o WHERE o.organisation = ?";

impl Statement {
    /// Adds a condition in which `?` stands for the values in their order.
    fn and(&mut self, condition: &str, values: &[&str]) {
        self.text.push_str(if self.has_conditions { " AND " } else { " WHERE " });
        self.has_conditions = true;
        self.add(condition, values);
    }

    /// Adds text in which `?` stands for the values in turn, the first again after the last.
    fn add(&mut self, text: &str, values: &[&str]) {
        let mut values = values.iter().cycle();
        for letter in text.chars() {
            if letter != '?' {
                self.text.push(letter);
                continue;
            }
            let value = values.next().map_or("", |value| *value);
            // The same value has one place.
            let place = self.values.iter().position(|known| known == value).unwrap_or_else(|| {
                self.values.push(value.to_owned());
                self.values.len() - 1
            });
            self.text.push('$');
            self.text.push_str(&(place + 1).to_string());
        }
    }

    /// Adds the names that begin so, after a place. Who is found under several of them is listed once, under the first.
    fn named(&mut self, prefix: &str, after: Option<&Place>) {
        let end = end_of(prefix);
        self.and("k.key >= ? AND k.key < ?", &[prefix, &end]);
        self.and(
            "NOT EXISTS (SELECT 1 FROM directory_person_key o WHERE o.user_id = k.user_id AND o.key >= ? AND o.key < k.key)",
            &[prefix],
        );
        if let Some(place) = after {
            self.and(
                "(k.key > ? OR (k.key = ? AND k.user_id > ?))",
                &[&place.key, &place.key, place.user.as_str()],
            );
        }
    }
}

/// After every text that begins with this one, and before every other that is greater.
fn end_of(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}

/// The people who are wanted, after a place, with their places.
pub(crate) async fn page<'c>(
    reader: impl Reader<'c>,
    wanted: &Wanted,
    after: Option<&Place>,
    limit: u32,
) -> Result<Vec<(Place, Profile)>, Error> {
    let by_name = wanted.name.as_deref().filter(|_| leads_by_name(wanted));
    let statement = statement(wanted, by_name, after);
    let head = match by_name {
        // Columns of our own; the text is put together of nothing else.
        Some(_) => concat!("SELECT k.key AS found_by, ", columns!()),
        None => concat!("SELECT '' AS found_by, ", columns!()),
    };
    let order = if by_name.is_some() { "k.key, k.user_id" } else { "p.user_id" };
    let limit_at = statement.values.len() + 1;
    let text = format!("{head} {} ORDER BY {order} LIMIT ${limit_at}", statement.text);
    let mut query = sqlx::query_as::<_, Found>(AssertSqlSafe(text));
    for value in &statement.values {
        query = query.bind(value.clone());
    }
    let rows: Vec<Found> = query.bind(i64::from(limit)).fetch_all(reader).await?;
    rows.into_iter()
        .map(|row| {
            let profile = row.row.profile()?;
            Ok((Place { key: row.found_by, user: profile.user_id.clone() }, profile))
        })
        .collect()
}

struct Found {
    found_by: String,
    row: Row,
}

impl FromRow<'_, AnyRow> for Found {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self { found_by: row.try_get("found_by")?, row: Row::from_row(row)? })
    }
}

/// Whether the name is the question that leaves the fewest rows.
fn leads_by_name(wanted: &Wanted) -> bool {
    wanted.user.is_none() && wanted.registration.is_none() && wanted.email.is_none() && wanted.birth.is_none()
}

fn statement(wanted: &Wanted, by_name: Option<&str>, after: Option<&Place>) -> Statement {
    let mut statement = Statement::default();
    let there = wanted.organisation.as_ref().filter(|ods| !ods::is_anywhere(ods));
    match (by_name, there) {
        // Fewer work in one organisation than have a name that begins so: they are read, and their names put in order. SQLite
        // goes through tables in the order of CROSS JOIN.
        (Some(_), Some(ods)) => {
            let text =
                format!("FROM ({WORKING}) m CROSS JOIN directory_person_key k CROSS JOIN directory_person p");
            statement.add(&text, &[ods.as_str()]);
            statement.and("k.user_id = m.user_id AND p.user_id = k.user_id", &[]);
        }
        (Some(_), None) => {
            statement
                .add("FROM directory_person_key k JOIN directory_person p ON p.user_id = k.user_id", &[]);
        }
        (None, _) => statement.add("FROM directory_person p", &[]),
    }
    if let Some(prefix) = by_name {
        statement.named(prefix, after);
    } else {
        if let Some(name) = &wanted.name {
            let end = end_of(name);
            statement.and(
                "EXISTS (SELECT 1 FROM directory_person_key k WHERE k.user_id = p.user_id AND k.key >= ? AND k.key < ?)",
                &[name, &end],
            );
        }
        if let Some(place) = after {
            statement.and("p.user_id > ?", &[place.user.as_str()]);
        }
    }
    if let Some(user) = &wanted.user {
        statement.and("p.user_id = ?", &[user.as_str()]);
    }
    if let Some(birth) = wanted.birth {
        statement.and("p.birth = ?", &[&birth.to_string()]);
    }
    if let Some((body, number)) = &wanted.registration {
        let within = "p.user_id IN (SELECT r.user_id FROM directory_registration r WHERE r.number = ?";
        match body {
            Some(body) => statement.and(&format!("{within} AND r.body = ?)"), &[number, body.word()]),
            None => statement.and(&format!("{within})"), &[number]),
        }
    }
    if let Some(email) = &wanted.email {
        statement.and(
            "p.user_id IN (SELECT c.user_id FROM directory_contact c WHERE c.value = ? AND c.channel = 'email')",
            &[email],
        );
    }
    if let Some(organisation) = wanted.organisation.as_ref().filter(|ods| ods::is_anywhere(ods)) {
        // Nobody is employed there: those who hold something that counts anywhere.
        statement.and(
            "p.user_id IN (SELECT a.user_id FROM directory_assignment a WHERE a.state = 'live' AND a.position_id IN \
             (WITH RECURSIVE gives(id) AS (SELECT f.position_id FROM directory_access_profile f WHERE f.organisation = ? \
              AND f.removed_at IS NULL UNION SELECT i.position_id FROM directory_position_inclusion i \
              JOIN gives ON i.included_id = gives.id) SELECT id FROM gives))",
            &[organisation.as_str()],
        );
    } else if let Some(organisation) = there.filter(|_| by_name.is_none()) {
        statement.and(&format!("p.user_id IN ({WORKING})"), &[organisation.as_str()]);
    }
    if let Some(state) = wanted.state {
        // Nearly everybody is open: where anything else is asked, that leads, and not the index of states.
        let alone = by_name.is_none() && *wanted == Wanted { state: wanted.state, ..Wanted::default() };
        statement.and(if alone { "p.state = ?" } else { "p.state || '' = ?" }, &[state.word()]);
    }
    statement
}

#[cfg(test)]
mod tests {
    use platform::db::Engine;
    use platform::db::testing::TestDb;

    use super::*;

    fn questions() -> Vec<Wanted> {
        let user: UserId = "000000000013".parse().unwrap();
        let each = vec![
            Wanted { name: Some("smith j".to_owned()), ..Wanted::default() },
            Wanted { birth: Some("1984-07-23".parse().unwrap()), ..Wanted::default() },
            Wanted { registration: Some((None, "1234567".to_owned())), ..Wanted::default() },
            Wanted {
                registration: Some((Some(ProfessionalBody::Gmc), "1234567".to_owned())),
                ..Wanted::default()
            },
            Wanted { email: Some("a@b.example".to_owned()), ..Wanted::default() },
            Wanted { user: Some(user), ..Wanted::default() },
            Wanted { organisation: Some("RXX".parse().unwrap()), ..Wanted::default() },
            Wanted { state: Some(PersonState::Closed), ..Wanted::default() },
        ];
        let open = |wanted: &Wanted| Wanted { state: Some(PersonState::Open), ..wanted.clone() };
        let named = |wanted: &Wanted| Wanted { name: Some("smith".to_owned()), ..wanted.clone() };
        let more: Vec<Wanted> = each.iter().flat_map(|wanted| [open(wanted), named(wanted)]).collect();
        [each, more].concat()
    }

    /// Whatever is asked, and wherever the list goes on, an index leads to it: no table is read from its beginning.
    #[tokio::test]
    async fn every_question_has_an_index() {
        let test = TestDb::new(Engine::Sqlite).await;
        let place = Place { key: "smith john".to_owned(), user: "000000000013".parse().unwrap() };
        for wanted in questions() {
            for after in [None, Some(&place)] {
                let by_name = wanted.name.as_deref().filter(|_| leads_by_name(&wanted));
                let statement = statement(&wanted, by_name, after);
                let order = if by_name.is_some() { "k.key, k.user_id" } else { "p.user_id" };
                let question = format!(
                    "EXPLAIN QUERY PLAN SELECT p.user_id {} ORDER BY {order} LIMIT 50",
                    statement.text
                );
                let mut query = sqlx::query_as::<_, (i64, i64, i64, String)>(AssertSqlSafe(question.clone()));
                for value in &statement.values {
                    query = query.bind(value.clone());
                }
                let plan = query.fetch_all(test.db.read()).await.unwrap();
                assert!(!plan.is_empty());
                for (_, _, _, step) in plan {
                    // `m` are the people of one organisation.
                    assert!(!step.starts_with("SCAN ") || step == "SCAN m", "{question}: {step}");
                    assert!(
                        wanted.state == Some(PersonState::Closed)
                            || wanted == Wanted { state: wanted.state, ..Wanted::default() }
                            || !step.contains("directory_person_state"),
                        "{question}: {step}"
                    );
                }
            }
        }
        test.db.close().await;
    }
}
