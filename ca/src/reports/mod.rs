//! The reports of smartcards: certificates of cards of the people of an organisation, and who of them has a card. Who these are and who
//! may read it the register says.

mod events;
pub(crate) mod holders;

use directory::api::{PersonThere, Rows, Whose, day_filter, days_filter, word_filter};
use platform::clock::Millis;
use platform::db::Db;
use platform::problem::Problem;

use crate::api::{SmartcardReportQuery, SmartcardReportRow};
use crate::profile::DAY_MS;
use crate::store::reports::{self, Found, Standing, Wanted};

pub use events::ReportEvent;

/// The name of the report.
pub(crate) const NAME: &str = "smartcards";
/// Its columns.
pub(crate) const COLUMNS: &[&str] = &[
    "user_id",
    "given",
    "family",
    "certificate",
    "profile",
    "state",
    "issued_at",
    "ends_at",
    "cancelled_at",
    "reason",
];

/// The certificates of cards that are wanted.
pub(crate) struct Smartcards {
    db: Db,
    wanted: Wanted,
}

impl Smartcards {
    /// Reads what is asked for.
    pub(crate) fn parse(db: Db, query: &SmartcardReportQuery, now: Millis) -> Result<Self, Problem> {
        let begins = |field, text: &Option<String>| day_filter(field, text.as_deref());
        let state =
            word_filter("state", query.state.as_deref(), &["active", "held", "cancelled", "expired"])?;
        let within = days_filter("ends_within", query.ends_within.as_deref())?;
        let wanted = Wanted {
            state: state.and_then(Standing::of_word),
            profile: query.profile.clone(),
            issued_from: begins("issued_from", &query.issued_from)?.map(directory::api::Day::begins),
            issued_before: begins("issued_to", &query.issued_to)?.map(|day| day.plus_days(1).begins()),
            ends_from: begins("ends_from", &query.ends_from)?.map(directory::api::Day::begins),
            ends_before: begins("ends_to", &query.ends_to)?.map(|day| day.plus_days(1).begins()),
            in_force_until: within.map(|days| Millis(now.0 + days * DAY_MS)),
            now,
        };
        Ok(Self { db, wanted })
    }
}

/// The filters that are given, as `name=value`.
pub(crate) fn filters(query: &SmartcardReportQuery) -> Vec<String> {
    let all = [
        ("state", &query.state),
        ("profile", &query.profile),
        ("issued_from", &query.issued_from),
        ("issued_to", &query.issued_to),
        ("ends_from", &query.ends_from),
        ("ends_to", &query.ends_to),
        ("ends_within", &query.ends_within),
    ];
    all.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))).collect()
}

impl Rows for Smartcards {
    type Row = SmartcardReportRow;

    async fn rows(
        &self,
        people: &[PersonThere],
        after: Option<&Whose>,
        limit: u32,
    ) -> Result<Vec<(Whose, SmartcardReportRow)>, Problem> {
        let ids: Vec<&str> = people.iter().map(|person| person.user_id.as_str()).collect();
        let found = reports::of_cards(self.db.read(), &ids, after, &self.wanted, limit).await?;
        let named = |found: Found| {
            let person = people.iter().find(|person| person.user_id == found.user_id);
            let (given, family) =
                person.map(|person| (person.given.clone(), person.family.clone())).unwrap_or_default();
            let state = found.standing(self.wanted.now).word().to_owned();
            let whose = Whose { person: found.user_id.clone(), row: found.serial.clone() };
            let row = SmartcardReportRow {
                user_id: found.user_id,
                given,
                family,
                certificate: found.serial,
                profile: found.profile,
                state,
                issued_at: found.issued_at.0,
                ends_at: found.not_after.0,
                cancelled_at: found.revoked_at.map(|at| at.0),
                reason: found.reason,
            };
            (whose, row)
        };
        Ok(found.into_iter().map(named).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every column is a member of a row that has everything.
    #[test]
    fn columns_are_members() {
        let row = SmartcardReportRow {
            user_id: String::new(),
            given: String::new(),
            family: String::new(),
            certificate: String::new(),
            profile: String::new(),
            state: String::new(),
            issued_at: 0,
            ends_at: 0,
            cancelled_at: Some(0),
            reason: Some(crate::api::Reason::Superseded),
        };
        let row = serde_json::to_value(row).unwrap();
        assert!(COLUMNS.iter().all(|column| row.get(column).is_some()), "{row}");
        assert_eq!(row.as_object().unwrap().len(), COLUMNS.len());
    }
}
