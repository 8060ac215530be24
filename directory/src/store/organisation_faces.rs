//! Organisations as the terminology face asks for them: by many conditions, counted, and read many at once.

use std::collections::BTreeMap;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::OdsCode;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::organisations::{self, word};
use super::{list, read, within};
use crate::api::{
    Organisation, OrganisationRelationship, OrganisationStatus, RecordClass, RecordUse, RoleWeight,
};
use crate::day::Day;
use crate::error::Error;
use crate::span::Span;

/// How many organisations are read with one statement.
const AT_ONCE: usize = 400;

/// How a text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Begins,
    Contains,
    Is,
}

/// A column of an address, with how it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Anywhere,
    Town,
    Postcode,
    Country,
}

/// A role that organisations have or have not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HasRole {
    pub(crate) any: Vec<String>,
    /// Only those in use count.
    pub(crate) is_active: bool,
    /// Only the primary one counts.
    pub(crate) is_primary: bool,
    /// Whether those are meant that have it not.
    pub(crate) is_not: bool,
}

/// What must hold. Of several values one is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Codes(Vec<String>),
    After(String),
    UpTo(String),
    /// Changed on this day or later, and before this one.
    Changed(Option<String>, Option<String>),
    /// Written here in this time. Of what was written before that was kept, the day on which it changed counts.
    Written(Span),
    Name(Text, Vec<String>),
    Address(Place, Text, Vec<String>),
    Status(Vec<OrganisationStatus>),
    Class(Vec<RecordClass>),
    Use(Vec<RecordUse>),
    Role(HasRole),
    /// A relationship in force, and to whom.
    Related(String, Vec<String>),
}

impl Condition {
    /// Whether no index knows it: every organisation is looked at.
    pub(crate) fn looks_at_all(&self) -> bool {
        match self {
            Self::Name(how, _) | Self::Address(Place::Postcode, how, _) => *how == Text::Contains,
            Self::Address(..) => true,
            _ => false,
        }
    }
}

/// A statement that is being put together of our own words, with the values of its placeholders.
#[derive(Default)]
struct Statement {
    text: String,
    values: Vec<String>,
}

impl Statement {
    fn value(&mut self, value: impl Into<String>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn any_of(&mut self, column: &str, values: impl IntoIterator<Item = String>) -> String {
        let places: Vec<String> = values.into_iter().map(|value| self.value(value)).collect();
        if places.is_empty() { "1 = 0".to_owned() } else { format!("{column} IN ({})", places.join(", ")) }
    }

    fn either(parts: &[String]) -> String {
        if parts.is_empty() { "1 = 0".to_owned() } else { format!("({})", parts.join(" OR ")) }
    }

    fn condition(&mut self, condition: &Condition) -> String {
        match condition {
            Condition::Codes(codes) => self.any_of("o.ods", codes.iter().cloned()),
            Condition::After(code) => format!("o.ods > {}", self.value(code)),
            Condition::UpTo(code) => format!("o.ods <= {}", self.value(code)),
            Condition::Changed(from, before) => self.changed(from.as_ref(), before.as_ref()),
            Condition::Written(span) => self.written(*span),
            Condition::Name(how, any) => {
                let parts: Vec<String> = any.iter().map(|text| self.name(*how, text)).collect();
                Self::either(&parts)
            }
            Condition::Address(place, how, any) => {
                let parts: Vec<String> = any.iter().map(|text| self.address(*place, *how, text)).collect();
                Self::either(&parts)
            }
            Condition::Status(any) => self.any_of("o.status", any.iter().map(|one| one.word().to_owned())),
            Condition::Class(any) => {
                self.any_of("o.record_class", any.iter().map(|one| one.word().to_owned()))
            }
            Condition::Use(any) => self.any_of("o.record_use", any.iter().map(|one| one.word().to_owned())),
            Condition::Role(role) => self.role(role),
            Condition::Related(relationship, targets) => {
                let relationship = self.value(relationship);
                let targets = self.any_of("r.target", targets.iter().cloned());
                format!(
                    "o.ods IN (SELECT r.ods FROM directory_organisation_relationship r WHERE r.relationship = {relationship} \
                     AND r.status = 'active' AND {targets})"
                )
            }
        }
    }

    fn changed(&mut self, from: Option<&String>, before: Option<&String>) -> String {
        let mut parts = vec!["o.last_change IS NOT NULL".to_owned()];
        parts.extend(from.map(|day| format!("o.last_change >= {}", self.value(day))));
        parts.extend(before.map(|day| format!("o.last_change < {}", self.value(day))));
        parts.join(" AND ")
    }

    fn written(&mut self, span: Span) -> String {
        let days = self.changed(
            span.from.map(|from| Day::of(from).to_string()).as_ref(),
            span.before.map(|before| Day::of(before).to_string()).as_ref(),
        );
        let moments = within("o.changed_at", span);
        format!("({moments} OR (o.changed_at IS NULL AND {days}))")
    }

    fn name(&mut self, how: Text, text: &str) -> String {
        let key = crate::organisation::name_key(text);
        match how {
            Text::Begins => self.range("o.name_key", &key),
            Text::Contains => format!("o.name_key LIKE {}", self.value(format!("%{key}%"))),
            // The key finds it in an index.
            Text::Is => format!("(o.name_key = {} AND o.name = {})", self.value(key), self.value(text)),
        }
    }

    fn range(&mut self, column: &str, prefix: &str) -> String {
        let from = self.value(prefix);
        let to = self.value(format!("{prefix}{}", char::MAX));
        format!("({column} >= {from} AND {column} < {to})")
    }

    fn address(&mut self, place: Place, how: Text, text: &str) -> String {
        match place {
            Place::Town => self.like("o.town", how, text),
            Place::Country => self.like("o.country", how, text),
            Place::Postcode => {
                let key = crate::organisation::postcode_key(text);
                match how {
                    Text::Begins => self.range("o.postcode_key", &key),
                    Text::Contains => format!("o.postcode_key LIKE {}", self.value(format!("%{key}%"))),
                    Text::Is => format!("o.postcode = {}", self.value(text)),
                }
            }
            Place::Anywhere => {
                let columns = ["o.address_lines", "o.town", "o.county", "o.postcode", "o.country"];
                let mut parts: Vec<String> =
                    columns.iter().map(|column| self.like(column, how, text)).collect();
                // The lines of an address are one column; any of them may be meant.
                if how != Text::Contains {
                    let mut line = format!("%\n{}", escaped(text));
                    if how == Text::Begins {
                        line.push('%');
                    }
                    parts.push(format!("LOWER(o.address_lines) LIKE {} ESCAPE '!'", self.value(line)));
                }
                Self::either(&parts)
            }
        }
    }

    fn like(&mut self, column: &str, how: Text, text: &str) -> String {
        if how == Text::Is {
            return format!("{column} = {}", self.value(text));
        }
        let text = escaped(text);
        let pattern = if how == Text::Begins { format!("{text}%") } else { format!("%{text}%") };
        format!("LOWER({column}) LIKE {} ESCAPE '!'", self.value(pattern))
    }

    fn role(&mut self, role: &HasRole) -> String {
        let any = self.any_of("h.role", role.any.iter().cloned());
        let active = if role.is_active { " AND h.status = 'active'" } else { "" };
        let primary = if role.is_primary {
            format!(" AND h.weight = {}", self.value(RoleWeight::Primary.word()))
        } else {
            String::new()
        };
        let not = if role.is_not { "NOT " } else { "" };
        format!(
            "o.ods {not}IN (SELECT h.ods FROM directory_organisation_role h WHERE {any}{active}{primary})"
        )
    }
}

/// Text for a pattern, in small letters as far as every engine makes them so.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.to_ascii_lowercase().chars() {
        if matches!(character, '!' | '%' | '_') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern
}

fn all(conditions: &[Condition]) -> Statement {
    let mut statement = Statement::default();
    let parts: Vec<String> = conditions.iter().map(|condition| statement.condition(condition)).collect();
    statement.text = if parts.is_empty() { "1 = 1".to_owned() } else { parts.join(" AND ") };
    statement
}

/// How many organisations there are of which every condition holds.
pub(crate) async fn count(tx: &mut Tx, conditions: &[Condition]) -> Result<usize, Error> {
    counted(tx, "directory_organisation o", all(conditions)).await
}

/// How many rows of a table are meant.
async fn counted(tx: &mut Tx, table: &'static str, statement: Statement) -> Result<usize, Error> {
    let text = format!("SELECT CAST(COUNT(*) AS BIGINT) FROM {table} WHERE {}", statement.text);
    // Made of our own words and numbers only.
    let mut query = sqlx::query_scalar(AssertSqlSafe(text));
    for value in statement.values {
        query = query.bind(value);
    }
    let many: i64 = query.fetch_one(&mut *tx).await?;
    Ok(usize::try_from(many).unwrap_or(usize::MAX))
}

/// The codes of organisations of which every condition holds, in their order.
pub(crate) async fn page(
    tx: &mut Tx,
    conditions: &[Condition],
    offset: u32,
    limit: u32,
) -> Result<Vec<OdsCode>, Error> {
    let statement = all(conditions);
    let text = format!(
        "SELECT o.ods FROM directory_organisation o WHERE {} ORDER BY o.ods LIMIT {limit} OFFSET {offset}",
        statement.text
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_scalar(AssertSqlSafe(text));
    for value in statement.values {
        query = query.bind(value);
    }
    let codes: Vec<String> = query.fetch_all(&mut *tx).await?;
    codes.iter().map(|code| read("directory_organisation.ods", code)).collect()
}

/// When these organisations were written last, of those of which that is known.
pub(crate) async fn written_at(tx: &mut Tx, codes: &[OdsCode]) -> Result<BTreeMap<OdsCode, Millis>, Error> {
    let mut found = BTreeMap::new();
    for some in codes.chunks(AT_ONCE) {
        for row in rows(tx, "ods, changed_at", "directory_organisation", "", some).await? {
            let at: Option<i64> = row.try_get("changed_at")?;
            if let Some(at) = at {
                found.insert(word(&row, "ods")?, Millis(at));
            }
        }
    }
    Ok(found)
}

/// Organisations by their codes, in the order of these. One that is written meanwhile is read again, so that nothing is of two
/// versions.
pub(crate) async fn many(tx: &mut Tx, codes: &[OdsCode]) -> Result<Vec<Organisation>, Error> {
    let mut found: BTreeMap<OdsCode, Organisation> = BTreeMap::new();
    for some in codes.chunks(AT_ONCE) {
        for row in rows(tx, organisations::COLUMNS, "directory_organisation", "", some).await? {
            let one = organisations::organisation(&row)?;
            found.insert(one.record.ods.clone(), one);
        }
        parts(tx, some, &mut found).await?;
        for row in rows(tx, "ods, version", "directory_organisation", "", some).await? {
            let (ods, version): (OdsCode, i64) = (word(&row, "ods")?, row.try_get("version")?);
            if found.get(&ods).is_some_and(|one| one.version.0 != version)
                && let Some(anew) = organisations::find(tx, &ods).await?
            {
                found.insert(ods, anew);
            }
        }
    }
    Ok(codes.iter().filter_map(|code| found.remove(code)).collect())
}

async fn rows(
    tx: &mut Tx,
    columns: &str,
    table: &str,
    order: &str,
    codes: &[OdsCode],
) -> Result<Vec<AnyRow>, Error> {
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!("SELECT {columns} FROM {table} WHERE ods IN ({}) {order}", list(1, codes.len()));
    // Made of our own words and numbers only.
    let mut query = sqlx::query(AssertSqlSafe(text));
    for code in codes {
        query = query.bind(code.as_str().to_owned());
    }
    Ok(query.fetch_all(&mut *tx).await?)
}

async fn parts(
    tx: &mut Tx,
    codes: &[OdsCode],
    found: &mut BTreeMap<OdsCode, Organisation>,
) -> Result<(), Error> {
    let order = "ORDER BY ods, place";
    for row in rows(tx, organisations::ROLE_COLUMNS, "directory_organisation_role", order, codes).await? {
        if let Some(one) = found.get_mut(&word(&row, "ods")?) {
            one.record.roles.push(organisations::role(&row)?);
        }
    }
    let (columns, table) = (organisations::RELATIONSHIP_COLUMNS, "directory_organisation_relationship");
    for row in rows(tx, columns, table, order, codes).await? {
        if let Some(one) = found.get_mut(&word(&row, "ods")?) {
            one.record.relationships.push(organisations::relationship(&row)?);
        }
    }
    let (columns, table) = (organisations::SUCCESSION_COLUMNS, "directory_organisation_succession");
    for row in rows(tx, columns, table, order, codes).await? {
        if let Some(one) = found.get_mut(&word(&row, "ods")?) {
            one.record.successions.push(organisations::succession(&row)?);
        }
    }
    let columns = "ods, kind, value";
    for row in rows(tx, columns, "directory_organisation_contact", order, codes).await? {
        if let Some(one) = found.get_mut(&word(&row, "ods")?) {
            one.record.contacts.push(organisations::contact(&row)?);
        }
    }
    Ok(())
}

/// A relationship with whose it is and its place there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Affiliation {
    pub(crate) organisation: OdsCode,
    pub(crate) place: i64,
    pub(crate) relationship: OrganisationRelationship,
}

/// Which relationships are meant. What is given must all hold; of several values, one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Affiliations {
    pub(crate) instances: Vec<Vec<String>>,
    pub(crate) of: Vec<Vec<String>>,
    pub(crate) to: Vec<Vec<String>>,
    pub(crate) status: Option<OrganisationStatus>,
    /// Of organisations that were written here in this time.
    pub(crate) written: Option<Span>,
    /// After this organisation and place.
    pub(crate) after: Option<(String, i64)>,
}

impl Affiliations {
    fn statement(&self) -> Statement {
        let mut statement = Statement::default();
        let mut parts = vec!["1 = 1".to_owned()];
        for (column, lists) in [("r.instance", &self.instances), ("r.ods", &self.of), ("r.target", &self.to)]
        {
            parts.extend(lists.iter().map(|any| statement.any_of(column, any.iter().cloned())));
        }
        parts.extend(self.status.map(|status| format!("r.status = {}", statement.value(status.word()))));
        if let Some(span) = self.written {
            let written = statement.written(span);
            parts.push(format!("r.ods IN (SELECT o.ods FROM directory_organisation o WHERE {written})"));
        }
        if let Some((ods, place)) = &self.after {
            let code = statement.value(ods);
            parts.push(format!("(r.ods > {code} OR (r.ods = {code} AND r.place > {place}))"));
        }
        statement.text = parts.join(" AND ");
        statement
    }
}

/// How many relationships are meant.
pub(crate) async fn count_affiliations(tx: &mut Tx, wanted: &Affiliations) -> Result<usize, Error> {
    counted(tx, "directory_organisation_relationship r", wanted.statement()).await
}

/// Relationships, in the order of the organisations whose they are.
pub(crate) async fn affiliations(
    tx: &mut Tx,
    wanted: &Affiliations,
    offset: u32,
    limit: u32,
) -> Result<Vec<Affiliation>, Error> {
    let statement = wanted.statement();
    let text = format!(
        "SELECT {}, place FROM directory_organisation_relationship r WHERE {} ORDER BY r.ods, r.place \
         LIMIT {limit} OFFSET {offset}",
        organisations::RELATIONSHIP_COLUMNS,
        statement.text
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query(AssertSqlSafe(text));
    for value in statement.values {
        query = query.bind(value);
    }
    let rows = query.fetch_all(&mut *tx).await?;
    rows.iter()
        .map(|row| {
            Ok(Affiliation {
                organisation: word(row, "ods")?,
                place: row.try_get("place")?,
                relationship: organisations::relationship(row)?,
            })
        })
        .collect()
}

/// Whose role or succession this instance is.
pub(crate) async fn owner_of(tx: &mut Tx, table: Instance, instance: &str) -> Result<Option<OdsCode>, Error> {
    let text = match table {
        Instance::Role => {
            "SELECT ods FROM directory_organisation_role WHERE instance = $1 ORDER BY ods LIMIT 1"
        }
        Instance::Succession => {
            "SELECT ods FROM directory_organisation_succession WHERE instance = $1 ORDER BY ods LIMIT 1"
        }
    };
    let code: Option<String> =
        sqlx::query_scalar(text).bind(instance.to_owned()).fetch_optional(&mut *tx).await?;
    code.map(|code| read("directory_organisation_role.ods", &code)).transpose()
}

/// What has ids of its own beside relationships.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instance {
    Role,
    Succession,
}

/// Codes, names and states of organisations of which every condition holds, in the order of their codes.
pub(crate) async fn names(
    tx: &mut Tx,
    conditions: &[Condition],
    offset: u32,
    limit: u32,
) -> Result<Vec<(String, String, OrganisationStatus)>, Error> {
    let statement = all(conditions);
    let text = format!(
        "SELECT o.ods, o.name, o.status FROM directory_organisation o WHERE {} ORDER BY o.ods LIMIT {limit} OFFSET {offset}",
        statement.text
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for value in statement.values {
        query = query.bind(value);
    }
    let rows: Vec<(String, String, String)> = query.fetch_all(&mut *tx).await?;
    rows.into_iter()
        .map(|(ods, name, status)| Ok((ods, name, read("directory_organisation.status", &status)?)))
        .collect()
}
