//! Which people and organisations a face of the directory shows: their ids, in order, from one on.

use std::fmt::Write as _;

use platform::db::Tx;
use platform::id::{OdsCode, UserId};
use sqlx::AssertSqlSafe;

use super::{list, read, within};
use crate::error::Error;
use crate::span::Span;

/// A question of which the answer stands in an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// People who have, or had, a role profile in this organisation.
    Member(String),
    /// The person whose role profile, or id in an organisation, this is.
    Profile(String),
    /// The person with this number of a professional body.
    Registration(&'static str, String),
    /// People a normalised name of whom begins so.
    Name(String),
    /// The person with this user id.
    User(String),
    /// People whose user id begins with these digits.
    UserBegins(String),
    /// People whose profile was written in this time.
    Written(Span),
}

/// The people of whom one of these questions holds, with placeholders from a number on, and their values. Ids are asked for in one list:
/// an engine joins only so many questions.
fn either(any: &[Question], first: usize) -> (String, Vec<String>) {
    let (mut parts, mut values) = (Vec::new(), Vec::new());
    let ids = |of: fn(&Question) -> Option<&String>| any.iter().filter_map(of).cloned().collect::<Vec<_>>();
    let mut put = |ids: Vec<String>, text: fn(&str) -> String| {
        if !ids.is_empty() {
            parts.push(text(&list(first + values.len(), ids.len())));
            values.extend(ids);
        }
    };
    put(ids(Question::user), |ids| format!("SELECT user_id FROM directory_person WHERE user_id IN ({ids})"));
    put(ids(Question::member), |codes| {
        format!("SELECT user_id FROM directory_organisation_person WHERE organisation IN ({codes})")
    });
    put(ids(Question::profile), |ids| {
        format!(
            "SELECT user_id FROM directory_organisation_person WHERE organisation_person_id IN ({ids}) \
             UNION SELECT user_id FROM directory_role_profile WHERE role_profile_id IN ({ids})"
        )
    });
    for question in any {
        let next = first + values.len();
        match question {
            Question::Registration(body, number) => {
                parts.push(format!(
                    "SELECT user_id FROM directory_registration WHERE body = ${next} AND number = ${}",
                    next + 1
                ));
                values.extend([(*body).to_owned(), number.clone()]);
            }
            Question::Name(prefix) => {
                parts.push(format!(
                    "SELECT user_id FROM directory_person_key WHERE key >= ${next} AND key < ${}",
                    next + 1
                ));
                values.extend([prefix.clone(), after_all(prefix)]);
            }
            Question::UserBegins(prefix) => {
                parts.push(format!(
                    "SELECT user_id FROM directory_person WHERE user_id >= ${next} AND user_id <= ${}",
                    next + 1
                ));
                // Twelve digits: the column has the order of the database, in which digits alone are sure to have theirs.
                values.extend([format!("{prefix:0<12}"), format!("{prefix:9<12}")]);
            }
            Question::Written(span) => {
                let written = within("changed_at", *span);
                parts.push(format!("SELECT user_id FROM directory_person WHERE {written}"));
            }
            Question::Member(_) | Question::Profile(_) | Question::User(_) => {}
        }
    }
    (parts.join(" UNION "), values)
}

impl Question {
    fn user(&self) -> Option<&String> {
        if let Self::User(id) = self { Some(id) } else { None }
    }

    fn member(&self) -> Option<&String> {
        if let Self::Member(code) = self { Some(code) } else { None }
    }

    fn profile(&self) -> Option<&String> {
        if let Self::Profile(id) = self { Some(id) } else { None }
    }
}

/// A text behind everything that begins so.
fn after_all(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// A key of a name or a postcode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    Is(String),
    Begins(String),
}

/// People for whom every question holds, in the order of their ids. Cards and robots are none, nor are second records of one person.
pub(crate) async fn people(
    tx: &mut Tx,
    questions: &[Question],
    after: &str,
    limit: u32,
) -> Result<Vec<UserId>, Error> {
    let questions: Vec<Vec<Question>> = questions.iter().map(|one| vec![one.clone()]).collect();
    people_of(tx, &questions, after, limit).await
}

/// The same for whom of every list of questions one holds. Of a list without questions none does.
pub(crate) async fn people_of(
    tx: &mut Tx,
    questions: &[Vec<Question>],
    after: &str,
    limit: u32,
) -> Result<Vec<UserId>, Error> {
    if questions.iter().any(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let mut text =
        "SELECT p.user_id FROM directory_person p WHERE p.kind = 'person' AND p.state <> 'merged' AND p.user_id > $1"
            .to_owned();
    let mut values = Vec::new();
    for any in questions {
        let (found, more) = either(any, values.len() + 3);
        values.extend(more);
        let _ = write!(text, " AND p.user_id IN ({found})");
    }
    text.push_str(" ORDER BY p.user_id LIMIT $2");
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text)).bind(after.to_owned()).bind(i64::from(limit));
    for value in values {
        query = query.bind(value);
    }
    let rows: Vec<(String,)> = query.fetch_all(&mut *tx).await?;
    rows.iter().map(|(id,)| read("directory_person.user_id", id)).collect()
}

/// Those of these people whom the directory shows.
pub(crate) async fn these_people(tx: &mut Tx, wanted: &[String]) -> Result<Vec<UserId>, Error> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "SELECT user_id FROM directory_person WHERE kind = 'person' AND state <> 'merged' AND user_id IN ({}) \
         ORDER BY user_id",
        list(1, wanted.len())
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for id in wanted {
        query = query.bind(id.clone());
    }
    let rows: Vec<(String,)> = query.fetch_all(&mut *tx).await?;
    rows.iter().map(|(id,)| read("directory_person.user_id", id)).collect()
}

/// Organisations with this key of their name and this key of their postcode, in the order of their codes.
pub(crate) async fn organisations(
    tx: &mut Tx,
    name_key: Option<&Key>,
    postcode_key: Option<&Key>,
    after: &str,
    limit: u32,
) -> Result<Vec<OdsCode>, Error> {
    let mut text = "SELECT ods FROM directory_organisation WHERE ods > $1".to_owned();
    let mut values = Vec::new();
    for (column, value) in [("name_key", name_key), ("postcode_key", postcode_key)] {
        let first = values.len() + 3;
        match value {
            None => {}
            Some(Key::Is(value)) => {
                let _ = write!(text, " AND {column} = ${first}");
                values.push(value.clone());
            }
            Some(Key::Begins(prefix)) => {
                // As a set of its own: with the order by codes the planner would walk along all of them.
                let _ = write!(
                    text,
                    " AND ods IN (SELECT ods FROM directory_organisation WHERE {column} >= ${first} AND {column} < ${})",
                    first + 1
                );
                values.extend([prefix.clone(), after_all(prefix)]);
            }
        }
    }
    text.push_str(" ORDER BY ods LIMIT $2");
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text)).bind(after.to_owned()).bind(i64::from(limit));
    for value in values {
        query = query.bind(value);
    }
    let rows: Vec<(String,)> = query.fetch_all(&mut *tx).await?;
    rows.iter().map(|(ods,)| read("directory_organisation.ods", ods)).collect()
}
