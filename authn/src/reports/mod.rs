//! Reports of authenticators and of sign-ins, of the people of an organisation. Who these are and who may read them the register
//! says.

mod events;

use directory::api::{PersonThere, Rows, Whose, day_filter, word_filter};
use platform::clock::Millis;
use platform::db::Db;
use platform::problem::Problem;

use crate::api::{AuthenticatorReportQuery, AuthenticatorReportRow, LoginReportQuery, LoginReportRow};
use crate::error::Error;
use crate::interaction::Method;
use crate::store::reports::{self, Span};

pub use events::ReportEvent;

/// What belongs to a report beside its rows.
pub(crate) trait Report: Rows {
    /// Its name: the last part of its address.
    const NAME: &'static str;
    /// Its columns: members of a row.
    const COLUMNS: &'static [&'static str];
}

/// Authenticators that are no cards.
pub(crate) struct Authenticators {
    db: Db,
    /// `active`, `suspended`, `removed` or `all`.
    state: &'static str,
    method: Option<Method>,
    enrolled: Span,
}

impl Authenticators {
    /// Reads what is asked for.
    pub(crate) fn parse(db: Db, query: &AuthenticatorReportQuery) -> Result<Self, Problem> {
        let state = word_filter("state", query.state.as_deref(), &["active", "suspended", "removed", "all"])?;
        Ok(Self {
            db,
            state: state.unwrap_or("active"),
            method: method(query.method.as_deref())?,
            enrolled: span(query.from.as_deref(), query.to.as_deref())?,
        })
    }
}

impl Report for Authenticators {
    const NAME: &'static str = "authenticators";
    const COLUMNS: &'static [&'static str] = &[
        "user_id",
        "given",
        "family",
        "authenticator",
        "method",
        "level",
        "model",
        "state",
        "enrolled_at",
        "enrolled_by",
        "last_used_at",
        "removed_at",
    ];
}

impl Rows for Authenticators {
    type Row = AuthenticatorReportRow;

    async fn rows(
        &self,
        people: &[PersonThere],
        after: Option<&Whose>,
        limit: u32,
    ) -> Result<Vec<(Whose, Self::Row)>, Problem> {
        let (ids, read) = (ids(people), self.db.read());
        let wanted = (self.state, self.method, self.enrolled);
        let mut rows = reports::authenticators(read, &ids, after, wanted, limit).await?;
        for (whose, row) in &mut rows {
            (row.given, row.family) = names(people, whose);
        }
        Ok(rows)
    }
}

/// Sign-ins, as far back as sessions are kept.
pub(crate) struct Logins {
    db: Db,
    /// `open`, `ended` or `all`.
    state: &'static str,
    method: Option<Method>,
    during: Span,
    now: Millis,
}

impl Logins {
    /// Reads what is asked for.
    pub(crate) fn parse(db: Db, query: &LoginReportQuery, now: Millis) -> Result<Self, Problem> {
        let state = word_filter("state", query.state.as_deref(), &["open", "ended"])?;
        Ok(Self {
            db,
            state: state.unwrap_or("all"),
            method: method(query.method.as_deref())?,
            during: span(query.from.as_deref(), query.to.as_deref())?,
            now,
        })
    }
}

impl Report for Logins {
    const NAME: &'static str = "logins";
    const COLUMNS: &'static [&'static str] = &[
        "user_id",
        "given",
        "family",
        "session",
        "method",
        "level",
        "authenticator",
        "at",
        "state",
        "ended_at",
        "end_cause",
    ];
}

impl Rows for Logins {
    type Row = LoginReportRow;

    async fn rows(
        &self,
        people: &[PersonThere],
        after: Option<&Whose>,
        limit: u32,
    ) -> Result<Vec<(Whose, Self::Row)>, Problem> {
        let (ids, read) = (ids(people), self.db.read());
        let wanted = (self.state, self.method, self.during);
        let mut rows = reports::logins(read, &ids, after, (wanted, self.now), limit).await?;
        for (whose, row) in &mut rows {
            (row.given, row.family) = names(people, whose);
        }
        Ok(rows)
    }
}

fn ids(people: &[PersonThere]) -> Vec<&str> {
    people.iter().map(|person| person.user_id.as_str()).collect()
}

fn names(people: &[PersonThere], whose: &Whose) -> (String, String) {
    let person = people.iter().find(|person| person.user_id == whose.person);
    person.map(|person| (person.given.clone(), person.family.clone())).unwrap_or_default()
}

fn method(text: Option<&str>) -> Result<Option<Method>, Error> {
    let refused = || {
        let known: Vec<&str> = Method::ALL.iter().map(|method| method.word()).collect();
        Error::field("method", format!("Write one of {}.", known.join(", ")))
    };
    text.map(|text| text.parse().map_err(|_| refused())).transpose()
}

/// From the beginning of one day to the end of another.
fn span(from: Option<&str>, to: Option<&str>) -> Result<Span, Problem> {
    Ok(Span {
        from: day_filter("from", from)?.map(directory::api::Day::begins),
        before: day_filter("to", to)?.map(|day| day.plus_days(1).begins()),
    })
}

/// The filters that are given, as `name=value`.
pub(crate) fn filters(given: &[(&str, &Option<String>)]) -> Vec<String> {
    given.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))).collect()
}
