//! Many organisations written at once, with what belongs to each.

use std::collections::{BTreeSet, HashMap};

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::OdsCode;
use sqlx::AssertSqlSafe;

use super::former::{self, Of};
use super::{Reader, deletions, list, organisation_faces, places, read};
use crate::api::{Dates, Organisation, OrganisationKind, OrganisationRecord};
use crate::day::Day;
use crate::error::Error;
use crate::organisation::{Prepared, name_key, postcode_key};

/// How many rows go into one statement.
const AT_ONCE: usize = 100;

/// What is known of an organisation that is written again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// Where it comes from.
    pub(crate) kind: OrganisationKind,
    /// SHA-256 of its content.
    pub(crate) sha256: String,
}

/// Which of these organisations there are.
pub(crate) async fn known<'c>(
    reader: impl Reader<'c>,
    codes: &[&OdsCode],
) -> Result<HashMap<OdsCode, Known>, Error> {
    if codes.is_empty() {
        return Ok(HashMap::new());
    }
    let text = format!(
        "SELECT ods, kind, content_sha256 FROM directory_organisation WHERE ods IN ({})",
        list(1, codes.len())
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for code in codes {
        query = query.bind(code.as_str().to_owned());
    }
    let rows: Vec<(String, String, String)> = query.fetch_all(reader).await?;
    rows.into_iter()
        .map(|(ods, kind, sha256)| {
            let kind = read("directory_organisation.kind", &kind)?;
            Ok((read("directory_organisation.ods", &ods)?, Known { kind, sha256 }))
        })
        .collect()
}

/// A value of a column.
enum Value {
    Text(Option<String>),
    Number(i64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<&Option<String>> for Value {
    fn from(text: &Option<String>) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Option<Day>> for Value {
    fn from(day: Option<Day>) -> Self {
        Self::Text(day.map(|day| day.to_string()))
    }
}

impl From<usize> for Value {
    fn from(place: usize) -> Self {
        Self::Number(i64::try_from(place).unwrap_or(i64::MAX))
    }
}

/// Writes organisations that are there anew, and keeps what they were. The host of their registration authority stays. None may
/// be there twice.
pub(crate) async fn replace(
    tx: &mut Tx,
    kind: OrganisationKind,
    all: &[&Prepared],
    now: Millis,
) -> Result<(), Error> {
    let codes: Vec<OdsCode> = all.iter().map(|one| one.record.ods.clone()).collect();
    let before = keep(tx, &codes).await?;
    let after = |before: &Organisation| all.iter().find(|one| one.record.ods == before.record.ods);
    let pairs: Vec<(&OrganisationRecord, &OrganisationRecord)> =
        before.iter().filter_map(|one| Some((&one.record, &after(one)?.record))).collect();
    deletions::note(tx, &pairs, now).await?;
    clear(tx, &codes).await?;
    write(tx, kind, all, now).await
}

/// Keeps what organisations are, before they get another version; gives those that there are.
pub(super) async fn keep(tx: &mut Tx, codes: &[OdsCode]) -> Result<Vec<Organisation>, Error> {
    let written = organisation_faces::written_at(tx, codes).await?;
    let before = organisation_faces::many(tx, codes).await?;
    for one in &before {
        let ods = &one.record.ods;
        let at = written.get(ods).copied();
        former::keep(tx, Of::Organisation, ods.as_str(), (one.version, at), &one.record).await?;
    }
    Ok(before)
}

/// Writes organisations that are new. None may be there twice. Whoever has told of it calls [`note_names`] in the same transaction;
/// until then every change of them counts as one of the name.
pub(crate) async fn write(
    tx: &mut Tx,
    kind: OrganisationKind,
    all: &[&Prepared],
    now: Millis,
) -> Result<(), Error> {
    let rows = all.iter().map(|one| organisation_row(kind, one, now)).collect();
    insert(tx, ORGANISATION, rows).await?;
    let mut parts: [(Head, Vec<Vec<Value>>); 4] =
        [(ROLE, Vec::new()), (RELATIONSHIP, Vec::new()), (SUCCESSION, Vec::new()), (CONTACT, Vec::new())];
    for one in all {
        let record = &one.record;
        parts[0].1.extend(role_rows(record));
        parts[1].1.extend(relationship_rows(record));
        parts[2].1.extend(succession_rows(record));
        parts[3].1.extend(contact_rows(record));
    }
    for (head, rows) in parts {
        insert(tx, head, rows).await?;
    }
    Ok(())
}

/// Notes under which change those of these organisations got their names that were written under another one, or are new: the last
/// that was told of them, or a later one.
pub(crate) async fn note_names(tx: &mut Tx, codes: &[&OdsCode], number: u64) -> Result<(), Error> {
    for codes in codes.chunks(AT_ONCE) {
        let text = format!(
            "UPDATE directory_organisation SET renamed_in = $1 WHERE renamed_in IS NULL AND ods IN ({})",
            list(2, codes.len())
        );
        // Made of our own words and numbers only.
        let mut query = sqlx::query(AssertSqlSafe(text)).bind(super::stored_number(number));
        for code in codes {
            query = query.bind(code.as_str().to_owned());
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Forgets what belongs to organisations, before they are written again.
async fn clear(tx: &mut Tx, codes: &[OdsCode]) -> Result<(), Error> {
    for codes in codes.chunks(AT_ONCE) {
        for head in [ROLE, RELATIONSHIP, SUCCESSION, CONTACT] {
            let text = format!("DELETE FROM {} WHERE ods IN ({})", head.table, list(1, codes.len()));
            // Made of our own words and numbers only.
            let mut query = sqlx::query(AssertSqlSafe(text));
            for code in codes {
                query = query.bind(code.as_str().to_owned());
            }
            query.execute(&mut *tx).await?;
        }
    }
    Ok(())
}

/// What organisations say of those before and after them: who says it, of what kind it is, and whom it names.
pub(crate) type Said = BTreeSet<(OdsCode, String, OdsCode)>;

/// What these organisations say so far.
pub(crate) async fn said(tx: &mut Tx, codes: &[&OdsCode]) -> Result<Said, Error> {
    let mut said = Said::new();
    for codes in codes.chunks(AT_ONCE) {
        let text = format!(
            "SELECT ods, kind, target FROM directory_organisation_succession WHERE ods IN ({})",
            list(1, codes.len())
        );
        // Made of our own words and numbers only.
        let mut query = sqlx::query_as(AssertSqlSafe(text));
        for code in codes {
            query = query.bind(code.as_str().to_owned());
        }
        let rows: Vec<(String, String, String)> = query.fetch_all(&mut *tx).await?;
        for (ods, kind, target) in rows {
            let ods = read("directory_organisation_succession.ods", &ods)?;
            said.insert((ods, kind, read("directory_organisation_succession.target", &target)?));
        }
    }
    Ok(said)
}

/// Gives organisations a new version of which others say something else now, since what is shown of them has changed with it.
/// What they were is kept. Says which there are.
pub(crate) async fn renew(
    tx: &mut Tx,
    codes: &BTreeSet<OdsCode>,
    now: Millis,
) -> Result<Vec<OdsCode>, Error> {
    let codes: Vec<OdsCode> = codes.iter().cloned().collect();
    let mut renewed = Vec::new();
    for codes in codes.chunks(AT_ONCE) {
        let text = format!(
            "UPDATE directory_organisation SET version = version + 1, changed_at = $1 WHERE ods IN ({}) RETURNING ods",
            list(2, codes.len())
        );
        keep(tx, codes).await?;
        // Made of our own words and numbers only.
        let mut query = sqlx::query_as(AssertSqlSafe(text)).bind(now.0);
        for code in codes {
            query = query.bind(code.as_str().to_owned());
        }
        let rows: Vec<(String,)> = query.fetch_all(&mut *tx).await?;
        for (ods,) in rows {
            renewed.push(read("directory_organisation.ods", &ods)?);
        }
    }
    Ok(renewed)
}

/// A table with the columns that are written.
#[derive(Clone, Copy)]
struct Head {
    table: &'static str,
    columns: &'static str,
    then: &'static str,
}

const ORGANISATION: Head = Head {
    table: "directory_organisation",
    columns: "ods, kind, name, name_key, record_class, record_use, status, primary_role, legal_from, legal_to, \
              operational_from, operational_to, last_change, address_lines, town, county, postcode, postcode_key, \
              country, uprn, content_sha256, version, changed_at",
    then: " ON CONFLICT (ods) DO UPDATE SET name = excluded.name, name_key = excluded.name_key, \
           record_class = excluded.record_class, record_use = excluded.record_use, status = excluded.status, \
           primary_role = excluded.primary_role, legal_from = excluded.legal_from, legal_to = excluded.legal_to, \
           operational_from = excluded.operational_from, operational_to = excluded.operational_to, \
           last_change = excluded.last_change, address_lines = excluded.address_lines, town = excluded.town, \
           county = excluded.county, postcode = excluded.postcode, postcode_key = excluded.postcode_key, \
           country = excluded.country, uprn = excluded.uprn, content_sha256 = excluded.content_sha256, \
           version = directory_organisation.version + 1, changed_at = excluded.changed_at, \
           renamed_in = CASE WHEN directory_organisation.name = excluded.name THEN directory_organisation.renamed_in END",
};
const ROLE: Head = Head {
    table: "directory_organisation_role",
    columns: "ods, place, instance, role, weight, status, legal_from, legal_to, operational_from, operational_to",
    then: "",
};
const RELATIONSHIP: Head = Head {
    table: "directory_organisation_relationship",
    columns: "ods, place, instance, relationship, target, target_role, status, legal_from, legal_to, \
              operational_from, operational_to",
    then: "",
};
const SUCCESSION: Head = Head {
    table: "directory_organisation_succession",
    columns: "ods, place, instance, kind, target, target_role, legal_day, operational_day",
    then: "",
};
const CONTACT: Head =
    Head { table: "directory_organisation_contact", columns: "ods, place, kind, value", then: "" };

async fn insert(tx: &mut Tx, head: Head, rows: Vec<Vec<Value>>) -> Result<(), Error> {
    let columns = head.columns.split(',').count();
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let some: Vec<Vec<Value>> = rows.by_ref().take(AT_ONCE).collect();
        let values = places(some.len(), columns);
        let text = format!("INSERT INTO {} ({}) VALUES {values}{}", head.table, head.columns, head.then);
        // Made of our own words and numbers only.
        let mut query = sqlx::query(AssertSqlSafe(text));
        for value in some.into_iter().flatten() {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

fn organisation_row(kind: OrganisationKind, one: &Prepared, now: Millis) -> Vec<Value> {
    let (record, address) = (&one.record, &one.record.address);
    let lines = Some(address.lines.join("\n")).filter(|lines| !lines.is_empty());
    let postcode_key = address.postcode.as_deref().map(postcode_key);
    let mut row: Vec<Value> = vec![
        record.ods.as_str().into(),
        kind.word().into(),
        record.name.as_str().into(),
        name_key(&record.name).as_str().into(),
        record.record_class.word().into(),
        record.record_use.word().into(),
        record.status.word().into(),
        record.primary_role().into(),
    ];
    row.extend(dates(&record.dates));
    row.extend([
        record.last_change.into(),
        (&lines).into(),
        (&address.town).into(),
        (&address.county).into(),
        (&address.postcode).into(),
        (&postcode_key).into(),
        (&address.country).into(),
        (&address.uprn).into(),
        one.sha256.as_str().into(),
        Value::Number(1),
        Value::Number(now.0),
    ]);
    row
}

fn dates(dates: &Dates) -> [Value; 4] {
    [dates.legal.from, dates.legal.to, dates.operational.from, dates.operational.to].map(Value::from)
}

fn role_rows(record: &OrganisationRecord) -> impl Iterator<Item = Vec<Value>> {
    record.roles.iter().enumerate().map(|(place, role)| {
        let mut row: Vec<Value> = vec![
            record.ods.as_str().into(),
            place.into(),
            role.instance.as_str().into(),
            role.role.as_str().into(),
            role.weight.word().into(),
            role.status.word().into(),
        ];
        row.extend(dates(&role.dates));
        row
    })
}

fn relationship_rows(record: &OrganisationRecord) -> impl Iterator<Item = Vec<Value>> {
    record.relationships.iter().enumerate().map(|(place, one)| {
        let mut row: Vec<Value> = vec![
            record.ods.as_str().into(),
            place.into(),
            one.instance.as_str().into(),
            one.relationship.as_str().into(),
            one.target.as_str().into(),
            (&one.target_role).into(),
            one.status.word().into(),
        ];
        row.extend(dates(&one.dates));
        row
    })
}

fn succession_rows(record: &OrganisationRecord) -> impl Iterator<Item = Vec<Value>> {
    record.successions.iter().enumerate().map(|(place, one)| {
        vec![
            record.ods.as_str().into(),
            place.into(),
            one.instance.as_str().into(),
            one.kind.word().into(),
            one.target.as_str().into(),
            (&one.target_role).into(),
            one.legal_day.into(),
            one.operational_day.into(),
        ]
    })
}

fn contact_rows(record: &OrganisationRecord) -> impl Iterator<Item = Vec<Value>> {
    record.contacts.iter().enumerate().map(|(place, one)| {
        vec![record.ods.as_str().into(), place.into(), one.kind.as_str().into(), one.value.as_str().into()]
    })
}
