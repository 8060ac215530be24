//! Organisations looked for, page by page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::id::OdsCode;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::Reader;
use super::organisations::{maybe, word};
use crate::api::{OrganisationStatus, OrganisationSummary};
use crate::error::Error;

/// What is looked for; what is given must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// How the key of the name begins.
    pub(crate) name_key: Option<String>,
    /// The code.
    pub(crate) code: Option<OdsCode>,
    /// A role that it has now.
    pub(crate) role: Option<String>,
    /// Whether it is open.
    pub(crate) status: Option<OrganisationStatus>,
    /// How the key of the postcode begins.
    pub(crate) postcode_key: Option<String>,
    /// Who hosts its registration authority.
    pub(crate) ra_host: Option<OdsCode>,
    /// Which relationship it has now, and to whom.
    pub(crate) related: Option<(String, OdsCode)>,
}

/// What order a list has, and so from where it is read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// By name, then by code.
    Name,
    /// By code.
    Code,
    /// By code, along the roles.
    Role,
    /// By code, along the relationships.
    Related,
}

impl Filter {
    /// A list follows an index that finds its first row at once and its next ones in order.
    fn order(&self) -> Order {
        match self {
            Self { related: Some(_), .. } => Order::Related,
            Self { name_key: Some(_), .. } => Order::Name,
            Self { role: Some(_), .. } => Order::Role,
            _ => Order::Code,
        }
    }
}

/// A statement that is being put together of our own words, with the values of its placeholders.
struct Statement {
    text: String,
    values: Vec<String>,
}

impl Statement {
    /// The placeholder of one more value.
    fn value(&mut self, value: &str) -> String {
        self.values.push(value.to_owned());
        format!("${}", self.values.len())
    }

    fn add(&mut self, words: &[&str]) {
        self.text.extend(words.iter().copied());
    }

    fn and(&mut self, condition: &str) {
        self.add(&[" AND ", condition]);
    }

    fn equal(&mut self, column: &str, value: &str) {
        let place = self.value(value);
        self.and(&format!("{column} = {place}"));
    }

    fn begins(&mut self, column: &str, prefix: &str) {
        let from = self.value(prefix);
        let to = self.value(&format!("{prefix}{}", char::MAX));
        self.and(&format!("{column} >= {from} AND {column} < {to}"));
    }
}

/// A page of organisations, and from where to read on.
pub(crate) async fn page<'c>(
    reader: impl Reader<'c>,
    filter: &Filter,
    after: Option<&str>,
    limit: u32,
) -> Result<(Vec<OrganisationSummary>, Option<String>), Error> {
    let mut statement = statement(filter, after)?;
    // One more than asked for tells whether there is more.
    statement.add(&[" LIMIT ", &(u64::from(limit) + 1).to_string()]);
    let mut query = sqlx::query(AssertSqlSafe(statement.text));
    for value in statement.values {
        query = query.bind(value);
    }
    let mut rows = query.fetch_all(reader).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let next = match rows.last() {
        Some(last) if more => Some(cursor(filter.order(), last)?),
        _ => None,
    };
    let mut items: Vec<OrganisationSummary> = rows.iter().map(summary).collect::<Result<_, _>>()?;
    // Somebody who has the role twice stands there twice, one after the other.
    items.dedup_by(|one, other| one.ods == other.ods);
    Ok((items, next))
}

fn statement(filter: &Filter, after: Option<&str>) -> Result<Statement, Error> {
    let order = filter.order();
    let along = match order {
        Order::Name | Order::Code => "directory_organisation o WHERE 1 = 1",
        Order::Role => {
            "directory_organisation_role r JOIN directory_organisation o ON o.ods = r.ods WHERE r.status = 'active'"
        }
        Order::Related => {
            "directory_organisation_relationship r JOIN directory_organisation o ON o.ods = r.ods \
             WHERE r.status = 'active'"
        }
    };
    let text = format!(
        "SELECT o.ods, o.name, o.name_key, o.kind, o.status, o.primary_role, o.town, o.postcode, o.ra_host FROM {along}"
    );
    let mut statement = Statement { text, values: Vec::new() };
    conditions(filter, order, &mut statement);
    let by = match order {
        Order::Name => "o.name_key, o.ods",
        Order::Code => "o.ods",
        Order::Role | Order::Related => "r.ods",
    };
    if let Some(after) = after {
        let (name_key, ods) = place(after)?;
        let code = statement.value(&ods);
        match order {
            Order::Name => {
                let name = statement.value(&name_key);
                statement.and(&format!("o.name_key >= {name} AND (o.name_key > {name} OR o.ods > {code})"));
            }
            _ => statement.and(&format!("{by} > {code}")),
        }
    }
    statement.add(&[" ORDER BY ", by]);
    Ok(statement)
}

fn conditions(filter: &Filter, order: Order, statement: &mut Statement) {
    if let Some((relationship, target)) = &filter.related {
        statement.equal("r.target", target.as_str());
        statement.equal("r.relationship", relationship);
    }
    if let Some(role) = &filter.role {
        if order == Order::Role {
            statement.equal("r.role", role);
        } else {
            let place = statement.value(role);
            statement.and(&format!(
                "EXISTS (SELECT 1 FROM directory_organisation_role h WHERE h.ods = o.ods AND h.role = {place} \
                 AND h.status = 'active')"
            ));
        }
    }
    if let Some(prefix) = &filter.name_key {
        statement.begins("o.name_key", prefix);
    }
    if let Some(prefix) = &filter.postcode_key {
        statement.begins("o.postcode_key", prefix);
    }
    if let Some(code) = &filter.code {
        statement.equal("o.ods", code.as_str());
    }
    if let Some(host) = &filter.ra_host {
        statement.equal("o.ra_host", host.as_str());
    }
    if let Some(status) = filter.status {
        statement.equal("o.status", status.word());
    }
}

fn cursor(order: Order, last: &AnyRow) -> Result<String, Error> {
    let (name_key, ods): (String, String) = (last.try_get("name_key")?, last.try_get("ods")?);
    let text = if order == Order::Name { format!("{name_key}\n{ods}") } else { format!("\n{ods}") };
    Ok(URL_SAFE_NO_PAD.encode(text))
}

/// What a cursor says: the key of a name, and a code.
fn place(cursor: &str) -> Result<(String, String), Error> {
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let halves = text.as_deref().and_then(|text| text.split_once('\n'));
    match halves {
        Some((name_key, ods)) if ods.parse::<OdsCode>().is_ok() && !name_key.contains('\0') => {
            Ok((name_key.to_owned(), ods.to_owned()))
        }
        _ => Err(Error::field("after", "give the `next` of the part before, as it is")),
    }
}

fn summary(row: &AnyRow) -> Result<OrganisationSummary, Error> {
    Ok(OrganisationSummary {
        ods: word(row, "ods")?,
        name: row.try_get("name")?,
        kind: word(row, "kind")?,
        status: word(row, "status")?,
        primary_role: row.try_get("primary_role")?,
        town: row.try_get("town")?,
        postcode: row.try_get("postcode")?,
        ra_host: maybe(row, "ra_host")?,
    })
}
