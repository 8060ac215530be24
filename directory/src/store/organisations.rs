//! Rows of `directory_organisation`.

use platform::id::OdsCode;

use super::{Reader, read};
use crate::authority::Lineage;
use crate::error::Error;

/// How many hosts one above the other are followed. Deeper chains are refused where they are made.
pub(crate) const DEEPEST: usize = 8;

/// An organisation with the hosts of its registration authority, itself first.
pub(crate) async fn lineage<'c>(
    reader: impl Reader<'c> + Copy,
    organisation: &OdsCode,
) -> Result<Lineage, Error> {
    let mut line = vec![organisation.clone()];
    while line.len() <= DEEPEST {
        let Some(last) = line.last() else { break };
        match host(reader, last).await? {
            Some(host) if !line.contains(&host) => line.push(host),
            _ => break,
        }
    }
    Ok(Lineage(line))
}

/// The organisation that hosts the registration authority of this one.
async fn host<'c>(reader: impl Reader<'c>, organisation: &OdsCode) -> Result<Option<OdsCode>, Error> {
    let row: Option<(Option<String>,)> =
        sqlx::query_as("SELECT ra_host FROM directory_organisation WHERE ods = $1")
            .bind(organisation.as_str())
            .fetch_optional(reader)
            .await?;
    row.and_then(|(host,)| host).map(|host| read("directory_organisation.ra_host", &host)).transpose()
}
