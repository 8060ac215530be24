//! Reports whose rows other modules keep: they walk over the people of an organisation, whom the register knows, and have rows
//! of these.

use std::future::Future;

use platform::problem::Problem;
use serde::Serialize;

use super::{Client, Page, PersonThere};
use crate::day::Day;
use crate::error::Error;
use crate::report::{days, word};

/// How many parts of the people are looked at for a page. Where few have what is asked for, a page holds fewer rows than it may
/// and still has a next one.
const PARTS: usize = 20;
/// The longest id of a row.
const LONGEST: usize = 64;

/// The rows of a report that belong to people.
pub trait Rows: Send + 'static {
    /// One row.
    type Row: Serialize + Send;

    /// The rows of these people in the order of their ids, then of the ids of rows; of the first after a row, if one is
    /// given.
    fn rows(
        &self,
        people: &[PersonThere],
        after: Option<&Whose>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(Whose, Self::Row)>, Problem>> + Send;
}

/// A row by its id and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// The user id.
    pub person: String,
    /// The id of the row.
    pub row: String,
}

/// A report that has not come to its end.
pub struct Joined<R> {
    register: Client,
    organisation: String,
    below: String,
    rows: R,
    /// Where it goes on; `None` at its end.
    place: Option<Place>,
}

/// Where a report goes on: with this person, after this row of theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place {
    person: String,
    row: Option<String>,
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let word = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (!text.is_empty() && text.len() <= LONGEST && text.bytes().all(plain)).then(|| text.to_owned())
        };
        match text.split_once(' ') {
            Some((person, row)) => Some(Self { person: word(person)?, row: Some(word(row)?) }),
            None => Some(Self { person: word(text)?, row: None }),
        }
    }

    fn text(&self) -> String {
        match &self.row {
            Some(row) => format!("{} {row}", self.person),
            None => self.person.clone(),
        }
    }
}

impl<R: Rows> Joined<R> {
    /// A report of an organisation, whose reading is allowed; with those below it unless `below` says no.
    pub fn new(
        register: Client,
        organisation: String,
        below: Option<&str>,
        rows: R,
    ) -> Result<Self, Problem> {
        // A word that the register would refuse later is refused now.
        crate::report::below(below)?;
        let below = below.unwrap_or("yes").to_owned();
        Ok(Self { register, organisation, below, rows, place: Some(Place::default()) })
    }

    /// Goes on where a page before ended.
    pub fn after(mut self, text: Option<&str>) -> Result<Self, Problem> {
        if let Some(text) = text {
            let place = Place::parse(text);
            self.place =
                Some(place.ok_or_else(|| Error::field("after", "Give the next of the page before."))?);
        }
        Ok(self)
    }

    /// A page of 1 to 500 rows, 50 if nothing is said.
    pub async fn page(mut self, limit: Option<u32>) -> Result<Page<R::Row>, Problem> {
        let limit = limit.unwrap_or(50).clamp(1, 500);
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut found: Vec<(Whose, R::Row)> = Vec::new();
        for _ in 0..PARTS {
            if self.place.is_none() || found.len() > most {
                break;
            }
            let missing = u32::try_from(most + 1 - found.len()).unwrap_or(limit);
            found.append(&mut self.part(missing).await?);
        }
        if found.len() > most {
            found.truncate(most);
            self.place = found.last().map(|(whose, _)| Place::behind(whose));
        }
        let next = self.place.as_ref().map(Place::text);
        Ok(Page { items: found.into_iter().map(|(_, row)| row).collect(), next })
    }

    /// The next rows of the whole; `None` at its end.
    pub async fn more(&mut self) -> Result<Option<Vec<R::Row>>, Problem> {
        while self.place.is_some() {
            let rows = self.part(500).await?;
            if !rows.is_empty() {
                return Ok(Some(rows.into_iter().map(|(_, row)| row).collect()));
            }
        }
        Ok(None)
    }

    /// Rows of the next part of the people; this many at most.
    async fn part(&mut self, limit: u32) -> Result<Vec<(Whose, R::Row)>, Problem> {
        let Some(place) = self.place.take() else { return Ok(Vec::new()) };
        let people = self.register.people_there(&self.organisation, &self.below, &place.person).await?;
        if people.items.is_empty() {
            return Ok(Vec::new());
        }
        let after = place.row.map(|row| Whose { person: place.person, row });
        let rows = self.rows.rows(&people.items, after.as_ref(), limit).await?;
        let full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        self.place = match rows.last() {
            Some((whose, _)) if full => Some(Place::behind(whose)),
            _ => people.next.map(|person| Place { person, row: None }),
        };
        Ok(rows)
    }
}

impl Place {
    fn behind(whose: &Whose) -> Self {
        Self { person: whose.person.clone(), row: Some(whose.row.clone()) }
    }
}

/// Reads a day, as every report does.
pub fn day_filter(field: &'static str, text: Option<&str>) -> Result<Option<Day>, Problem> {
    let refused = || Error::field(field, "Write a date as YYYY-MM-DD between 1900 and 2199.");
    let day = text.map(|text| text.trim().parse().map_err(|_| refused())).transpose()?;
    Ok(day)
}

/// Reads a number of days, as every report does.
pub fn days_filter(field: &'static str, text: Option<&str>) -> Result<Option<i64>, Problem> {
    Ok(days(field, text)?)
}

/// Reads one of some words, as every report does.
pub fn word_filter(
    field: &'static str,
    text: Option<&str>,
    words: &[&'static str],
) -> Result<Option<&'static str>, Problem> {
    Ok(word(field, text, words)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a report goes on is read as it was written, and nothing else is.
    #[test]
    fn places_read_back() {
        for text in ["555021942107", "555021942107 0a1b-2c"] {
            assert_eq!(Place::parse(text).map(|place| place.text()).as_deref(), Some(text));
        }
        for bad in ["", " ", "555021942107 ", "1 2 3", "' OR 1=1", "1 \u{0}", &"1".repeat(65)] {
            assert_eq!(Place::parse(bad), None, "{bad:?}");
        }
    }
}
