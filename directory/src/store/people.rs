//! Rows of `directory_person`.

use std::collections::BTreeSet;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};

use super::{Reader, read};
use crate::api::{Closing, Gender, Name};
use crate::error::Error;
use crate::person::{Kept, Profile, State};
use crate::version::Version;

/// The columns of a profile. A literal, so that statements are put together when they are compiled.
macro_rules! columns {
    () => {
        "p.user_id, p.kind, p.state, p.version, p.merged_into, p.standing, p.assurance, p.origin, p.title, \
         p.given, p.middle, p.family, p.on_card, p.birth, p.gender, p.ni_mask, p.ni_hash, p.organisation, \
         p.created_at, p.changed_at, p.closed_at, p.close_reason, p.close_notes, p.notes"
    };
}
pub(super) use columns;

/// A row as it is stored.
pub(super) struct Row {
    user_id: String,
    kind: String,
    state: String,
    version: i64,
    merged_into: Option<String>,
    standing: String,
    assurance: String,
    origin: String,
    title: Option<String>,
    given: String,
    middle: Option<String>,
    family: String,
    on_card: Option<String>,
    birth: Option<String>,
    gender: Option<String>,
    ni_mask: Option<String>,
    ni_hash: Option<String>,
    organisation: Option<String>,
    created_at: i64,
    changed_at: i64,
    closed_at: Option<i64>,
    close_reason: Option<String>,
    close_notes: Option<String>,
    notes: Option<String>,
}

platform::from_row!(Row {
    user_id,
    kind,
    state,
    version,
    merged_into,
    standing,
    assurance,
    origin,
    title,
    given,
    middle,
    family,
    on_card,
    birth,
    gender,
    ni_mask,
    ni_hash,
    organisation,
    created_at,
    changed_at,
    closed_at,
    close_reason,
    close_notes,
    notes
});

impl Row {
    /// The profile.
    pub(super) fn profile(self) -> Result<Profile, Error> {
        let optional = |what, text: Option<String>| text.map(|text| read(what, &text)).transpose();
        let state = match self.state.as_str() {
            "open" => State::Open,
            "merged" => {
                State::Merged(read("directory_person.merged_into", &self.merged_into.unwrap_or_default())?)
            }
            "closed" => State::Closed(Closing {
                at: Millis(self.closed_at.unwrap_or_default()),
                reason: read("directory_person.close_reason", &self.close_reason.unwrap_or_default())?,
                notes: self.close_notes,
            }),
            _ => return Err(Error::Stored { what: "directory_person.state" }),
        };
        Ok(Profile {
            user_id: read("directory_person.user_id", &self.user_id)?,
            kind: read("directory_person.kind", &self.kind)?,
            state,
            version: Version(self.version),
            standing: read("directory_person.standing", &self.standing)?,
            assurance: read("directory_person.assurance", &self.assurance)?,
            origin: read("directory_person.origin", &self.origin)?,
            name: Name {
                title: self.title,
                given: self.given,
                middle: self.middle,
                family: self.family,
                on_card: self.on_card,
            },
            birth: self.birth.map(|birth| read("directory_person.birth", &birth)).transpose()?,
            gender: self.gender.map(|gender| read("directory_person.gender", &gender)).transpose()?,
            national_insurance: self.ni_mask.zip(self.ni_hash).map(|(mask, hash)| Kept { mask, hash }),
            organisation: optional("directory_person.organisation", self.organisation)?,
            notes: self.notes,
            created_at: Millis(self.created_at),
            changed_at: Millis(self.changed_at),
        })
    }
}

/// Whether there is a person with this id, and whether their profile is open.
pub(crate) async fn is_open<'c>(reader: impl Reader<'c>, user: &UserId) -> Result<Option<bool>, Error> {
    let row: Option<(String,)> = sqlx::query_as("SELECT state FROM directory_person WHERE user_id = $1")
        .bind(user.as_str())
        .fetch_optional(reader)
        .await?;
    Ok(row.map(|(state,)| state == "open"))
}

/// A profile.
pub(crate) async fn find<'c>(reader: impl Reader<'c>, user: &UserId) -> Result<Option<Profile>, Error> {
    let text = concat!("SELECT ", columns!(), " FROM directory_person p WHERE p.user_id = $1");
    let row: Option<Row> = sqlx::query_as(text).bind(user.as_str()).fetch_optional(reader).await?;
    row.map(Row::profile).transpose()
}

/// A profile that is open.
pub(crate) async fn find_open<'c>(reader: impl Reader<'c>, user: &UserId) -> Result<Option<Profile>, Error> {
    let text =
        concat!("SELECT ", columns!(), " FROM directory_person p WHERE p.user_id = $1 AND p.state = 'open'");
    let row: Option<Row> = sqlx::query_as(text).bind(user.as_str()).fetch_optional(reader).await?;
    row.map(Row::profile).transpose()
}

/// Stores a new profile. `false`: the id is taken.
pub(crate) async fn insert(tx: &mut Tx, profile: &Profile) -> Result<bool, Error> {
    let text = "INSERT INTO directory_person (user_id, kind, state, version, merged_into, standing, assurance, \
                origin, title, given, middle, family, on_card, birth, gender, ni_mask, ni_hash, organisation, \
                created_at, changed_at, closed_at, close_reason, close_notes, notes) VALUES ($1, $2, $3, $4, $5, $6, $7, \
                $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24) \
                ON CONFLICT DO NOTHING";
    let done = bound(text, profile).bind(profile.changed_at.0);
    let done = closing(done, profile).execute(&mut *tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Notes for which organisation a profile was made.
pub(crate) async fn set_made_in(tx: &mut Tx, user: &UserId, organisation: &OdsCode) -> Result<(), Error> {
    sqlx::query("UPDATE directory_person SET made_in = $2 WHERE user_id = $1")
        .bind(user.as_str())
        .bind(organisation.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// For which organisation a profile was made; none where it was brought in.
pub(crate) async fn made_in<'c>(reader: impl Reader<'c>, user: &UserId) -> Result<Option<OdsCode>, Error> {
    let row: Option<(Option<String>,)> =
        sqlx::query_as("SELECT made_in FROM directory_person WHERE user_id = $1")
            .bind(user.as_str())
            .fetch_optional(reader)
            .await?;
    let made = row.and_then(|(made,)| made);
    made.map(|organisation| read("directory_person.made_in", &organisation)).transpose()
}

/// Stores a changed profile as its next version, if it still is at the version that it was read at.
pub(crate) async fn save(tx: &mut Tx, profile: &Profile) -> Result<bool, Error> {
    let text = "UPDATE directory_person SET kind = $2, state = $3, version = $4 + 1, merged_into = $5, \
                standing = $6, assurance = $7, origin = $8, title = $9, given = $10, middle = $11, family = $12, \
                on_card = $13, birth = $14, gender = $15, ni_mask = $16, ni_hash = $17, organisation = $18, \
                created_at = $19, changed_at = $20, closed_at = $21, close_reason = $22, close_notes = $23, \
                notes = $24 \
                WHERE user_id = $1 AND version = $4";
    let done = bound(text, profile).bind(profile.changed_at.0);
    let done = closing(done, profile).execute(&mut *tx).await?;
    Ok(done.rows_affected() == 1)
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

/// The first nineteen values.
fn bound<'q>(text: &'static str, profile: &'q Profile) -> Query<'q> {
    let name = &profile.name;
    let survivor = match &profile.state {
        State::Merged(survivor) => Some(survivor.as_str()),
        _ => None,
    };
    sqlx::query(text)
        .bind(profile.user_id.as_str())
        .bind(profile.kind.word())
        .bind(profile.state.word().word())
        .bind(profile.version.0)
        .bind(survivor)
        .bind(profile.standing.word())
        .bind(profile.assurance.word())
        .bind(profile.origin.word())
        .bind(name.title.as_deref())
        .bind(name.given.as_str())
        .bind(name.middle.as_deref())
        .bind(name.family.as_str())
        .bind(name.on_card.as_deref())
        .bind(profile.birth.as_ref().map(ToString::to_string))
        .bind(profile.gender.map(Gender::word))
        .bind(profile.national_insurance.as_ref().map(|kept| kept.mask.as_str()))
        .bind(profile.national_insurance.as_ref().map(|kept| kept.hash.as_str()))
        .bind(profile.organisation.as_ref().map(OdsCode::as_str))
        .bind(profile.created_at.0)
}

/// The last four values.
fn closing<'q>(query: Query<'q>, profile: &'q Profile) -> Query<'q> {
    let closing = match &profile.state {
        State::Closed(closing) => Some(closing),
        _ => None,
    };
    query
        .bind(closing.map(|closing| closing.at.0))
        .bind(closing.map(|closing| closing.reason.word()))
        .bind(closing.and_then(|closing| closing.notes.as_deref()))
        .bind(profile.notes.as_deref())
}

/// The ids of the records that were merged into this one: none leads further, since [`redirect`] turns those before.
pub(crate) async fn merged_into(tx: &mut Tx, user: &UserId) -> Result<BTreeSet<UserId>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT user_id FROM directory_person WHERE merged_into = $1 ORDER BY user_id LIMIT 1000",
    )
    .bind(user.as_str())
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(|(id,)| read("directory_person.user_id", id)).collect()
}

/// Everybody who was merged into one person is from now on merged into another.
pub(crate) async fn redirect(tx: &mut Tx, from: &UserId, to: &UserId) -> Result<(), Error> {
    sqlx::query("UPDATE directory_person SET merged_into = $2 WHERE merged_into = $1")
        .bind(from.as_str())
        .bind(to.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}
