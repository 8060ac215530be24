//! Which people and organisations a face of the directory shows: their ids, in order, from one on.

use std::fmt::Write as _;

use platform::db::Tx;
use platform::id::{OdsCode, UserId};
use sqlx::AssertSqlSafe;

use super::{list, people_by_start, read, within};
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
                // Nobody up to the first placeholder is wanted, and those need not be gathered.
                parts.push(format!(
                    "SELECT user_id FROM directory_person_key WHERE key >= ${next} AND key < ${} AND user_id > $1",
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
                parts.push(format!("SELECT user_id FROM directory_person WHERE {written} AND user_id > $1"));
            }
            Question::Member(_) | Question::Profile(_) | Question::User(_) => {}
        }
    }
    (parts.join(" UNION "), values)
}

/// The same as a condition.
fn gathered(any: &[Question], first: usize) -> (String, Vec<String>) {
    let (found, values) = either(any, first);
    (format!("p.user_id IN ({found})"), values)
}

/// What can be asked of each person by themselves.
enum Own<'q> {
    /// Whether one of their names begins so.
    Named(Vec<&'q String>),
    /// Whether their profile was written in this time.
    Written(Span),
    /// Whether their user id begins so.
    Begins(&'q String),
}

/// The same asked of each person by themselves, as a condition. Joined to nothing, a key finds no index, nor does a moment, so that no planner
/// gathers everybody who has it after all.
fn each(own: &Own<'_>, first: usize) -> (String, Vec<String>) {
    let names = match own {
        Own::Named(names) => names,
        Own::Written(span) => return (within("p.changed_at + 0", *span), Vec::new()),
        Own::Begins(prefix) => {
            let text = format!("p.user_id >= ${first} AND p.user_id <= ${}", first + 1);
            return (text, vec![format!("{prefix:0<12}"), format!("{prefix:9<12}")]);
        }
    };
    let (mut parts, mut values) = (Vec::new(), Vec::new());
    for prefix in names {
        let next = first + values.len();
        parts.push(format!("(k.key || '' >= ${next} AND k.key || '' < ${})", next + 1));
        values.extend([(*prefix).clone(), after_all(prefix)]);
    }
    let any = parts.join(" OR ");
    // PostgreSQL makes no join of what has an offset.
    let text = format!(
        "EXISTS (SELECT 1 FROM directory_person_key k WHERE k.user_id = p.user_id AND ({any}) LIMIT 1 OFFSET 0)"
    );
    (text, values)
}

/// From how many names or moments on a list of them is asked of each person in turn: to gather everybody who has one takes the longer the more
/// there are, to go through people until a page is full the longer the fewer. Of 1,400,000 people either takes some ten milliseconds here.
const MANY: u32 = 8_000;

/// How far is gone for names.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// From how many keys on a name alone is followed by its first letters.
    follow: u32,
    /// From how many keys on a name among other questions is asked of each person in turn.
    many: u32,
    /// How many people are gone through for a page. Those who have a name may all have come together, or be cards: where so many people do
    /// not fill a page everybody who has it is gathered after all.
    stretch: i64,
}

const BOUNDS: Bounds = Bounds { follow: 1_000, many: MANY, stretch: 20_000 };

/// How a list of questions is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Everybody of whom one holds is gathered first.
    Gather,
    /// Each person is asked in turn.
    Each,
}

/// What a list asks for, where each person can be asked for it.
fn own(any: &[Question]) -> Option<Own<'_>> {
    match any {
        [Question::Written(span)] => Some(Own::Written(*span)),
        [Question::UserBegins(prefix)] => Some(Own::Begins(prefix)),
        _ => any.iter().map(Question::name).collect::<Option<Vec<_>>>().map(Own::Named),
    }
}

/// How each of these lists is asked, where `many` names are many.
async fn ways(tx: &mut Tx, questions: &[Vec<Question>], many: u32) -> Result<Vec<Way>, Error> {
    let mut ways = Vec::with_capacity(questions.len());
    for any in questions {
        let is_each = match own(any) {
            None => false,
            // It is where they stand.
            Some(Own::Begins(_)) => true,
            Some(own) => is_narrow(questions) || are_many(tx, &own, many).await?,
        };
        ways.push(if is_each { Way::Each } else { Way::Gather });
    }
    // Few are meant by two names that many have each: those of the longer one are gathered.
    if !ways.contains(&Way::Gather) {
        let named: Vec<(usize, &Vec<Question>)> = questions
            .iter()
            .enumerate()
            .filter(|(_, any)| any.iter().all(|one| one.name().is_some()))
            .collect();
        let shortest = |any: &Vec<Question>| any.iter().filter_map(Question::name).map(String::len).min();
        if named.len() > 1
            && let Some((place, _)) = named.into_iter().max_by_key(|(_, any)| shortest(any))
        {
            ways[place] = Way::Gather;
        }
    }
    Ok(ways)
}

/// Whether one of these lists means a few people at most.
fn is_narrow(questions: &[Vec<Question>]) -> bool {
    questions.iter().any(|any| any.iter().all(Question::has_few))
}

/// Whether many people are meant, as far as has to be counted.
async fn are_many(tx: &mut Tx, own: &Own<'_>, many: u32) -> Result<bool, Error> {
    let names = match own {
        Own::Named(names) => names,
        Own::Written(span) => return are_written(tx, *span, many).await,
        Own::Begins(_) => return Ok(true),
    };
    let mut counted = 0;
    for prefix in names {
        let some: i64 = sqlx::query_scalar(
            "SELECT CAST(COUNT(*) AS BIGINT) FROM \
             (SELECT 1 FROM directory_person_key WHERE key >= $1 AND key < $2 LIMIT $3) k",
        )
        .bind((*prefix).clone())
        .bind(after_all(prefix))
        .bind(i64::from(many))
        .fetch_one(&mut *tx)
        .await?;
        counted += some;
        if counted >= i64::from(many) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn are_written(tx: &mut Tx, span: Span, many: u32) -> Result<bool, Error> {
    let written = within("changed_at", span);
    let text = format!(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM directory_person WHERE {written} LIMIT $1) w"
    );
    // Made of our own words and numbers only.
    let counted: i64 =
        sqlx::query_scalar(AssertSqlSafe(text)).bind(i64::from(many)).fetch_one(&mut *tx).await?;
    Ok(counted >= i64::from(many))
}

impl Question {
    fn name(&self) -> Option<&String> {
        if let Self::Name(prefix) = self { Some(prefix) } else { None }
    }

    /// Whether it has a few answers at most.
    fn has_few(&self) -> bool {
        matches!(self, Self::User(_) | Self::Profile(_) | Self::Registration(..))
    }

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
    people_by(tx, questions, after, limit, BOUNDS).await
}

/// The same within these bounds.
async fn people_by(
    tx: &mut Tx,
    questions: &[Vec<Question>],
    after: &str,
    limit: u32,
    bounds: Bounds,
) -> Result<Vec<UserId>, Error> {
    if questions.iter().any(Vec::is_empty) {
        return Ok(Vec::new());
    }
    if let [any] = questions
        && let [Question::Name(name)] = any.as_slice()
        && people_by_start::is_long_enough(name)
        && are_many(tx, &Own::Named(vec![name]), bounds.follow).await?
    {
        return people_by_start::named(tx, (name, &after_all(name)), after, limit).await;
    }
    let after = raised(questions, after);
    let ways = ways(tx, questions, bounds.many).await?;
    let is_placed = |any: &Vec<Question>| matches!(own(any), Some(Own::Begins(_)));
    let has_asked = ways.iter().zip(questions).any(|(way, any)| *way == Way::Each && !is_placed(any));
    if is_narrow(questions) || !has_asked {
        return people_within(tx, questions, &ways, (after, None), limit).await;
    }
    let end = stretch(tx, after, bounds.stretch).await?;
    let found = people_within(tx, questions, &ways, (after, end.as_deref()), limit).await?;
    if end.is_none() || u32::try_from(found.len()).is_ok_and(|many| many >= limit) {
        return Ok(found);
    }
    let gather: Vec<Way> =
        questions.iter().map(|any| if is_placed(any) { Way::Each } else { Way::Gather }).collect();
    people_within(tx, questions, &gather, (after, None), limit).await
}

/// Where to begin: whose id has to begin so comes behind the digits themselves.
fn raised<'q>(questions: &'q [Vec<Question>], after: &'q str) -> &'q str {
    let beginnings = questions.iter().filter_map(|any| match any.as_slice() {
        [Question::UserBegins(prefix)] if prefix.len() < 12 => Some(prefix.as_str()),
        _ => None,
    });
    beginnings.fold(after, Ord::max)
}

/// The last id of so many people behind this one; none where there are fewer.
async fn stretch(tx: &mut Tx, after: &str, many: i64) -> Result<Option<String>, Error> {
    let found: Option<String> = sqlx::query_scalar(
        "SELECT user_id FROM directory_person WHERE user_id > $1 ORDER BY user_id LIMIT 1 OFFSET $2",
    )
    .bind(after.to_owned())
    .bind(many)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(found)
}

/// People behind an id, and up to another one if it is named, asked for in these ways.
async fn people_within(
    tx: &mut Tx,
    questions: &[Vec<Question>],
    ways: &[Way],
    (after, last): (&str, Option<&str>),
    limit: u32,
) -> Result<Vec<UserId>, Error> {
    let mut text =
        "SELECT p.user_id FROM directory_person p WHERE p.kind = 'person' AND p.state <> 'merged' AND p.user_id > $1"
            .to_owned();
    let mut values = Vec::new();
    if let Some(last) = last {
        text.push_str(" AND p.user_id <= $3");
        values.push(last.to_owned());
    }
    for (any, way) in questions.iter().zip(ways) {
        let first = values.len() + 3;
        let asked = own(any).filter(|_| *way == Way::Each);
        let (condition, more) = asked.map_or_else(|| gathered(any, first), |own| each(&own, first));
        values.extend(more);
        let _ = write!(text, " AND {condition}");
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

#[cfg(test)]
mod tests;
