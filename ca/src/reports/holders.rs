//! The report of who has a card, and who has none.

use directory::api::{PersonThere, Rows, Whose, days_filter, word_filter};
use platform::clock::Millis;
use platform::db::Db;
use platform::problem::Problem;

use crate::api::{CardholderReportQuery, CardholderReportRow};
use crate::profile::DAY_MS;
use crate::store::reports::{self, Holding, Standing};

/// The name of the report.
pub(crate) const NAME: &str = "cardholders";
/// Its columns.
pub(crate) const COLUMNS: &[&str] =
    &["user_id", "given", "family", "has_card", "active", "held", "cancelled", "expired", "next_end"];
/// The id of the one row of a person.
const ROW: &str = "cards";

/// Whether somebody is to have a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Card {
    Has,
    HasNone,
}

/// The people who are wanted.
pub(crate) struct Cardholders {
    db: Db,
    card: Option<Card>,
    state: Option<Standing>,
    in_force_until: Option<Millis>,
    now: Millis,
}

impl Cardholders {
    /// Reads what is asked for.
    pub(crate) fn parse(db: Db, query: &CardholderReportQuery, now: Millis) -> Result<Self, Problem> {
        let card = word_filter("has_card", query.has_card.as_deref(), &["yes", "no"])?;
        let state =
            word_filter("state", query.state.as_deref(), &["active", "held", "cancelled", "expired"])?;
        let within = days_filter("ends_within", query.ends_within.as_deref())?;
        Ok(Self {
            db,
            card: card.map(|word| if word == "yes" { Card::Has } else { Card::HasNone }),
            state: state.and_then(Standing::of_word),
            in_force_until: within.map(|days| Millis(now.0 + days * DAY_MS)),
            now,
        })
    }

    /// Whether everything that is asked for holds of what somebody has.
    fn wants(&self, holding: &Holding) -> bool {
        self.card.is_none_or(|card| (card == Card::Has) == holding.has_card())
            && self.state.is_none_or(|state| holding.many(state) > 0)
            && self.in_force_until.is_none_or(|until| holding.next_end.is_some_and(|end| end <= until))
    }
}

/// The filters that are given, as `name=value`.
pub(crate) fn filters(query: &CardholderReportQuery) -> Vec<String> {
    let all = [("has_card", &query.has_card), ("state", &query.state), ("ends_within", &query.ends_within)];
    all.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))).collect()
}

impl Rows for Cardholders {
    type Row = CardholderReportRow;

    async fn rows(
        &self,
        people: &[PersonThere],
        after: Option<&Whose>,
        limit: u32,
    ) -> Result<Vec<(Whose, CardholderReportRow)>, Problem> {
        // Each has one row: who was told last is not told again.
        let left = people.iter().filter(|person| after.is_none_or(|after| person.user_id > after.person));
        let left: Vec<&PersonThere> = left.collect();
        if left.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = left.iter().map(|person| person.user_id.as_str()).collect();
        let mut holdings = reports::holdings(self.db.read(), &ids, self.now).await?;
        let row = |person: &PersonThere| {
            let holding = holdings.remove(&person.user_id).unwrap_or_default();
            self.wants(&holding).then(|| {
                let whose = Whose { person: person.user_id.clone(), row: ROW.to_owned() };
                (whose, shown(person, &holding))
            })
        };
        Ok(left.into_iter().filter_map(row).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
    }
}

fn shown(person: &PersonThere, holding: &Holding) -> CardholderReportRow {
    CardholderReportRow {
        user_id: person.user_id.clone(),
        given: person.given.clone(),
        family: person.family.clone(),
        has_card: if holding.has_card() { "yes" } else { "no" }.to_owned(),
        active: holding.active,
        held: holding.held,
        cancelled: holding.cancelled,
        expired: holding.expired,
        next_end: holding.next_end.map(|at| at.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every column is a member of a row that has everything.
    #[test]
    fn columns_are_members() {
        let person = PersonThere { user_id: String::new(), given: String::new(), family: String::new() };
        let holding = Holding { next_end: Some(Millis(0)), ..Holding::default() };
        let row = serde_json::to_value(shown(&person, &holding)).unwrap();
        assert!(COLUMNS.iter().all(|column| row.get(column).is_some()), "{row}");
        assert_eq!(row.as_object().unwrap().len(), COLUMNS.len());
    }
}
