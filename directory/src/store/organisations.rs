//! Rows of `directory_organisation` and of what belongs to one.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::OdsCode;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Reader, organisations_written, read};
use crate::api::{
    Dates, Organisation, OrganisationAddress, OrganisationContact, OrganisationRecord,
    OrganisationRelationship, OrganisationRole, OrganisationStatus, Period, Succession, SuccessionKind,
};
use crate::error::Error;
use crate::version::Version;

/// How often an organisation is read again that was written meanwhile.
const TRIES: usize = 3;

/// What decides whether an organisation may host or be hosted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Whether it is open.
    pub(crate) status: OrganisationStatus,
    /// The present host of its registration authority.
    pub(crate) ra_host: Option<OdsCode>,
    /// How often it was written.
    pub(crate) version: Version,
}

/// Whether there is an organisation with this code, and how it stands.
pub(crate) async fn standing<'c>(
    reader: impl Reader<'c>,
    organisation: &OdsCode,
) -> Result<Option<Standing>, Error> {
    let row: Option<(String, Option<String>, i64)> =
        sqlx::query_as("SELECT status, ra_host, version FROM directory_organisation WHERE ods = $1")
            .bind(organisation.as_str())
            .fetch_optional(reader)
            .await?;
    let Some((status, ra_host, version)) = row else { return Ok(None) };
    let ra_host = ra_host.map(|host| read("directory_organisation.ra_host", &host)).transpose()?;
    let status = read("directory_organisation.status", &status)?;
    Ok(Some(Standing { status, ra_host, version: Version(version) }))
}

/// Gives an organisation this host, or none, and a new version; what it was is kept.
pub(crate) async fn set_host(
    tx: &mut Tx,
    organisation: &OdsCode,
    host: Option<&OdsCode>,
    now: Millis,
) -> Result<Version, Error> {
    organisations_written::keep(tx, std::slice::from_ref(organisation)).await?;
    let (version,): (i64,) = sqlx::query_as(
        "UPDATE directory_organisation SET ra_host = $2, version = version + 1, changed_at = $3 WHERE ods = $1 \
         RETURNING version",
    )
    .bind(organisation.as_str())
    .bind(host.map(|host| host.as_str().to_owned()))
    .bind(now.0)
    .fetch_one(&mut *tx)
    .await?;
    Ok(Version(version))
}

/// An organisation with everything that is kept of it.
///
/// It is read with several statements; one that is written meanwhile is read again, so that nothing is of two versions.
pub(crate) async fn find(tx: &mut Tx, organisation: &OdsCode) -> Result<Option<Organisation>, Error> {
    for _ in 0..TRIES {
        let Some(mut found) = row(&mut *tx, organisation).await? else { return Ok(None) };
        found.record.roles = roles(&mut *tx, organisation).await?;
        found.record.relationships = relationships(&mut *tx, organisation).await?;
        found.record.successions = successions(&mut *tx, organisation).await?;
        found.record.contacts = contacts(&mut *tx, organisation).await?;
        found.predecessors = line(&mut *tx, organisation, SuccessionKind::Predecessor).await?;
        found.successors = line(&mut *tx, organisation, SuccessionKind::Successor).await?;
        let now = standing(&mut *tx, organisation).await?;
        if now.is_some_and(|now| now.version == found.version) {
            return Ok(Some(found));
        }
    }
    Err(Error::conflict("changing", "The organisation is being written just now. Read it again."))
}

/// Who comes before an organisation or after it, as it says itself or as the others say: fifty at most.
pub(crate) async fn line<'c>(
    reader: impl Reader<'c>,
    organisation: &OdsCode,
    kind: SuccessionKind,
) -> Result<Vec<OdsCode>, Error> {
    let other = match kind {
        SuccessionKind::Predecessor => SuccessionKind::Successor,
        SuccessionKind::Successor => SuccessionKind::Predecessor,
    };
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT target AS ods FROM directory_organisation_succession WHERE ods = $1 AND kind = $2 \
         UNION SELECT ods FROM directory_organisation_succession WHERE target = $1 AND kind = $3 ORDER BY ods LIMIT 50",
    )
    .bind(organisation.as_str())
    .bind(kind.word())
    .bind(other.word())
    .fetch_all(reader)
    .await?;
    rows.iter().map(|(ods,)| read("directory_organisation_succession.target", ods)).collect()
}

/// Whether the registration authority of another open organisation is hosted by this one.
pub(crate) async fn hosts_somebody(tx: &mut Tx, organisation: &OdsCode) -> Result<bool, Error> {
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT ods FROM directory_organisation WHERE ra_host = $1 AND status = 'active' LIMIT 1",
    )
    .bind(organisation.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    Ok(row.is_some())
}

/// Whether an open position is in this organisation, or gives something there.
pub(crate) async fn is_given(tx: &mut Tx, organisation: &OdsCode) -> Result<bool, Error> {
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT position_id FROM directory_position WHERE organisation = $1 AND state = 'open' \
         UNION ALL SELECT p.position_id FROM directory_access_profile f JOIN directory_position p \
         ON p.position_id = f.position_id AND p.state = 'open' WHERE f.organisation = $1 AND f.removed_at IS NULL \
         LIMIT 1",
    )
    .bind(organisation.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    Ok(row.is_some())
}

/// The columns that an organisation is read of.
pub(super) const COLUMNS: &str = "ods, kind, name, record_class, record_use, status, legal_from, legal_to, operational_from, \
     operational_to, last_change, address_lines, town, county, postcode, country, uprn, ra_host, version";

async fn row<'c>(reader: impl Reader<'c>, code: &OdsCode) -> Result<Option<Organisation>, Error> {
    let text = format!("SELECT {COLUMNS} FROM directory_organisation WHERE ods = $1");
    // Made of our own words only.
    let row = sqlx::query(AssertSqlSafe(text)).bind(code.as_str().to_owned()).fetch_optional(reader).await?;
    row.as_ref().map(organisation).transpose()
}

/// An organisation without what belongs to it.
pub(super) fn organisation(row: &AnyRow) -> Result<Organisation, Error> {
    let lines: Option<String> = row.try_get("address_lines")?;
    let record = OrganisationRecord {
        ods: word(row, "ods")?,
        name: row.try_get("name")?,
        record_class: word(row, "record_class")?,
        record_use: word(row, "record_use")?,
        status: word(row, "status")?,
        last_change: maybe(row, "last_change")?,
        dates: dates(row)?,
        address: OrganisationAddress {
            lines: lines.map_or_else(Vec::new, |lines| lines.split('\n').map(str::to_owned).collect()),
            town: row.try_get("town")?,
            county: row.try_get("county")?,
            postcode: row.try_get("postcode")?,
            country: row.try_get("country")?,
            uprn: row.try_get("uprn")?,
        },
        contacts: Vec::new(),
        roles: Vec::new(),
        relationships: Vec::new(),
        successions: Vec::new(),
    };
    let (kind, ra_host) = (word(row, "kind")?, maybe(row, "ra_host")?);
    let (predecessors, successors) = (Vec::new(), Vec::new());
    let version = Version(row.try_get("version")?);
    Ok(Organisation { kind, ra_host, predecessors, successors, record, version })
}

/// The columns that a role is read of.
pub(super) const ROLE_COLUMNS: &str =
    "ods, instance, role, weight, status, legal_from, legal_to, operational_from, operational_to";
/// The columns that a relationship is read of.
pub(super) const RELATIONSHIP_COLUMNS: &str = "ods, instance, relationship, target, target_role, status, legal_from, legal_to, \
     operational_from, operational_to";
/// The columns that a succession is read of.
pub(super) const SUCCESSION_COLUMNS: &str =
    "ods, instance, kind, target, target_role, legal_day, operational_day";

/// What belongs to one organisation, in the order of the national register.
async fn belonging<'c>(
    reader: impl Reader<'c>,
    columns: &str,
    table: &str,
    organisation: &OdsCode,
) -> Result<Vec<AnyRow>, Error> {
    let text = format!("SELECT {columns} FROM {table} WHERE ods = $1 ORDER BY place");
    // Made of our own words only.
    Ok(sqlx::query(AssertSqlSafe(text)).bind(organisation.as_str().to_owned()).fetch_all(reader).await?)
}

async fn roles<'c>(reader: impl Reader<'c>, organisation: &OdsCode) -> Result<Vec<OrganisationRole>, Error> {
    let rows = belonging(reader, ROLE_COLUMNS, "directory_organisation_role", organisation).await?;
    rows.iter().map(role).collect()
}

/// A role.
pub(super) fn role(row: &AnyRow) -> Result<OrganisationRole, Error> {
    Ok(OrganisationRole {
        instance: row.try_get("instance")?,
        role: row.try_get("role")?,
        weight: word(row, "weight")?,
        status: word(row, "status")?,
        dates: dates(row)?,
    })
}

async fn relationships<'c>(
    reader: impl Reader<'c>,
    organisation: &OdsCode,
) -> Result<Vec<OrganisationRelationship>, Error> {
    let table = "directory_organisation_relationship";
    let rows = belonging(reader, RELATIONSHIP_COLUMNS, table, organisation).await?;
    rows.iter().map(relationship).collect()
}

/// A relationship.
pub(super) fn relationship(row: &AnyRow) -> Result<OrganisationRelationship, Error> {
    Ok(OrganisationRelationship {
        instance: row.try_get("instance")?,
        relationship: row.try_get("relationship")?,
        target: word(row, "target")?,
        target_role: row.try_get("target_role")?,
        status: word(row, "status")?,
        dates: dates(row)?,
    })
}

async fn successions<'c>(reader: impl Reader<'c>, organisation: &OdsCode) -> Result<Vec<Succession>, Error> {
    let rows =
        belonging(reader, SUCCESSION_COLUMNS, "directory_organisation_succession", organisation).await?;
    rows.iter().map(succession).collect()
}

/// A succession.
pub(super) fn succession(row: &AnyRow) -> Result<Succession, Error> {
    Ok(Succession {
        instance: row.try_get("instance")?,
        kind: word(row, "kind")?,
        target: word(row, "target")?,
        target_role: row.try_get("target_role")?,
        legal_day: maybe(row, "legal_day")?,
        operational_day: maybe(row, "operational_day")?,
    })
}

async fn contacts<'c>(
    reader: impl Reader<'c>,
    organisation: &OdsCode,
) -> Result<Vec<OrganisationContact>, Error> {
    let rows = belonging(reader, "kind, value", "directory_organisation_contact", organisation).await?;
    rows.iter().map(contact).collect()
}

/// How an organisation is reached.
pub(super) fn contact(row: &AnyRow) -> Result<OrganisationContact, Error> {
    Ok(OrganisationContact { kind: row.try_get("kind")?, value: row.try_get("value")? })
}

fn dates(row: &AnyRow) -> Result<Dates, Error> {
    Ok(Dates {
        legal: Period { from: maybe(row, "legal_from")?, to: maybe(row, "legal_to")? },
        operational: Period { from: maybe(row, "operational_from")?, to: maybe(row, "operational_to")? },
    })
}

/// A column that holds a word, a code or a day.
pub(super) fn word<T: std::str::FromStr>(row: &AnyRow, column: &'static str) -> Result<T, Error> {
    let text: String = row.try_get(column)?;
    read(column, &text)
}

/// The same of a column that may be empty.
pub(super) fn maybe<T: std::str::FromStr>(row: &AnyRow, column: &'static str) -> Result<Option<T>, Error> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| read(column, &text)).transpose()
}
