//! Rows of `directory_campaign` and its items.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};
use sqlx::AssertSqlSafe;

use super::lineages::{DEEPEST, Places};
use super::read;
use crate::authority::{Lineage, Rank};
use crate::campaign::{Campaign, Item, ItemState, Reach};
use crate::day::Day;
use crate::error::Error;
use crate::ids::{AssignmentId, CampaignId};
use crate::version::Version;

type Columns = (String, String, String, String, String, String, String, i64, i64);

const COLUMNS: &str =
    "campaign_id, organisation, name, by_day, unconfirmed, state, made_by, made_at, version";

fn campaign(row: Columns) -> Result<Campaign, Error> {
    let (id, organisation, name, by, unconfirmed, state, made_by, made_at, version) = row;
    Ok(Campaign {
        id: read("directory_campaign.campaign_id", &id)?,
        organisation: read("directory_campaign.organisation", &organisation)?,
        name,
        by: read("directory_campaign.by_day", &by)?,
        unconfirmed: read("directory_campaign.unconfirmed", &unconfirmed)?,
        state: read("directory_campaign.state", &state)?,
        made_by,
        made_at: Millis(made_at),
        version: Version(version),
    })
}

/// A campaign.
pub(crate) async fn find(tx: &mut Tx, id: &CampaignId) -> Result<Option<Campaign>, Error> {
    let text = format!("SELECT {COLUMNS} FROM directory_campaign WHERE campaign_id = $1");
    let row: Option<Columns> =
        sqlx::query_as(AssertSqlSafe(text)).bind(id.as_str().to_owned()).fetch_optional(&mut *tx).await?;
    row.map(campaign).transpose()
}

/// A campaign that is running for one of these organisations or for one below the first: where, and its name.
pub(crate) async fn running(tx: &mut Tx, above: &Lineage) -> Result<Option<(OdsCode, String)>, Error> {
    let text = format!(
        "WITH RECURSIVE below(ods, depth) AS (\
           SELECT ods, CAST(0 AS BIGINT) FROM directory_organisation WHERE ods = $2 \
           UNION SELECT o.ods, below.depth + 1 FROM directory_organisation o JOIN below ON o.ra_host = below.ods \
           WHERE below.depth < $1) \
         SELECT c.organisation, c.name FROM directory_campaign c WHERE c.state = 'running' \
           AND (c.organisation IN (SELECT ods FROM below) OR c.organisation IN ({})) ORDER BY c.by_day LIMIT 1",
        super::list(2, above.0.len())
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text)).bind(i64::try_from(DEEPEST).unwrap_or(i64::MAX));
    for organisation in &above.0 {
        query = query.bind(organisation.as_str().to_owned());
    }
    let row: Option<(String, String)> = query.fetch_optional(&mut *tx).await?;
    row.map(|(organisation, name)| Ok((read("directory_campaign.organisation", &organisation)?, name)))
        .transpose()
}

/// A campaign that is running though its day has passed, the oldest first.
pub(crate) async fn due(tx: &mut Tx, today: Day) -> Result<Option<Campaign>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_campaign WHERE state = 'running' AND by_day < $1 ORDER BY by_day LIMIT 1"
    );
    let row: Option<Columns> =
        sqlx::query_as(AssertSqlSafe(text)).bind(today.to_string()).fetch_optional(&mut *tx).await?;
    row.map(campaign).transpose()
}

/// The campaigns of an organisation, of those below it and of these above it, in the order of their making.
pub(crate) async fn around(
    tx: &mut Tx,
    organisation: &OdsCode,
    above: &[OdsCode],
    after: Option<&CampaignId>,
    limit: u32,
) -> Result<Vec<Campaign>, Error> {
    let below = Places::Below(std::slice::from_ref(organisation));
    let text = format!(
        "SELECT {COLUMNS} FROM directory_campaign WHERE campaign_id > $1 AND (organisation IN {} OR organisation IN {}) \
         ORDER BY campaign_id LIMIT $2",
        below.within(3),
        Places::These(above).within(4)
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text))
        .bind(after.map_or("", CampaignId::as_str).to_owned())
        .bind(i64::from(limit));
    for organisation in below.codes().chain(Places::These(above).codes()) {
        query = query.bind(organisation);
    }
    let rows: Vec<Columns> = query.fetch_all(&mut *tx).await?;
    rows.into_iter().map(campaign).collect()
}

/// Stores a new campaign.
pub(crate) async fn insert(tx: &mut Tx, campaign: &Campaign) -> Result<(), Error> {
    let text =
        format!("INSERT INTO directory_campaign ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
    sqlx::query(AssertSqlSafe(text))
        .bind(campaign.id.as_str().to_owned())
        .bind(campaign.organisation.as_str().to_owned())
        .bind(campaign.name.clone())
        .bind(campaign.by.to_string())
        .bind(campaign.unconfirmed.word())
        .bind(campaign.state.word())
        .bind(campaign.made_by.clone())
        .bind(campaign.made_at.0)
        .bind(campaign.version.0)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Puts every assignment that is live on a day in the organisation and those below it into the campaign, one more than `most` at
/// the most; gives how many.
pub(crate) async fn fill(tx: &mut Tx, campaign: &Campaign, today: Day, most: u32) -> Result<u64, Error> {
    // CROSS JOIN and COALESCE keep SQLite to the organisations: along the last days it would read everybody's.
    let done = sqlx::query(
        "INSERT INTO directory_campaign_item (campaign_id, assignment_id, state) \
         WITH RECURSIVE below(ods, depth) AS (\
           SELECT ods, CAST(0 AS BIGINT) FROM directory_organisation WHERE ods = $2 \
           UNION SELECT o.ods, below.depth + 1 FROM directory_organisation o JOIN below ON o.ra_host = below.ods \
           WHERE below.depth < $4) \
         SELECT CAST($1 AS TEXT), a.assignment_id, 'open' FROM below CROSS JOIN directory_assignment a \
           WHERE a.organisation = below.ods AND a.state = 'live' \
           AND a.from_day <= $3 AND COALESCE(a.to_day, '9999-12-31') >= $3 LIMIT $5",
    )
    .bind(campaign.id.as_str())
    .bind(campaign.organisation.as_str())
    .bind(today.to_string())
    .bind(i64::try_from(DEEPEST).unwrap_or(i64::MAX))
    .bind(i64::from(most) + 1)
    .execute(&mut *tx)
    .await?;
    let many = done.rows_affected();
    sqlx::query("INSERT INTO directory_campaign_count (campaign_id, state, many) VALUES ($1, 'open', $2)")
        .bind(campaign.id.as_str())
        .bind(i64::try_from(many).unwrap_or(i64::MAX))
        .execute(&mut *tx)
        .await?;
    Ok(many)
}

/// The live assignments that make RA managers of an organisation, with whose they are; two hundred at most.
pub(crate) async fn managers(
    tx: &mut Tx,
    organisation: &OdsCode,
    today: Day,
) -> Result<Vec<(AssignmentId, UserId)>, Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT a.assignment_id, a.user_id FROM directory_assignment a \
         JOIN directory_position p ON p.position_id = a.position_id \
         JOIN directory_person u ON u.user_id = a.user_id \
         WHERE a.organisation = $1 AND a.state = 'live' AND a.from_day <= $2 AND (a.to_day IS NULL OR a.to_day >= $2) \
           AND p.state = 'open' AND p.rank = $3 AND u.state = 'open' ORDER BY a.assignment_id LIMIT 200",
    )
    .bind(organisation.as_str())
    .bind(today.to_string())
    .bind(Rank::RaManager.word())
    .fetch_all(&mut *tx)
    .await?;
    rows.iter()
        .map(|(id, user)| {
            Ok((read("directory_assignment.assignment_id", id)?, read("directory_assignment.user_id", user)?))
        })
        .collect()
}

/// Stores the state and the version.
pub(crate) async fn set_state(tx: &mut Tx, campaign: &Campaign) -> Result<(), Error> {
    sqlx::query("UPDATE directory_campaign SET state = $2, version = $3 WHERE campaign_id = $1")
        .bind(campaign.id.as_str())
        .bind(campaign.state.word())
        .bind(campaign.version.0)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// How many assignments are in each state, as it is kept.
pub(crate) async fn counts(tx: &mut Tx, id: &CampaignId) -> Result<Vec<(ItemState, u64)>, Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT state, many FROM directory_campaign_count WHERE campaign_id = $1 AND many > 0 ORDER BY state",
    )
    .bind(id.as_str())
    .fetch_all(&mut *tx)
    .await?;
    rows.iter()
        .map(|(state, many)| {
            Ok((read("directory_campaign_count.state", state)?, u64::try_from(*many).unwrap_or(0)))
        })
        .collect()
}

type ItemColumns = (String, String, Option<String>, Option<i64>, Option<String>, i64);

fn item_of((assignment, state, decided_by, decided_at, notes, version): ItemColumns) -> Result<Item, Error> {
    Ok(Item {
        assignment: read("directory_campaign_item.assignment_id", &assignment)?,
        state: read("directory_campaign_item.state", &state)?,
        decided_by,
        decided_at: decided_at.map(Millis),
        notes,
        version: Version(version),
    })
}

/// An assignment in a campaign.
pub(crate) async fn item(
    tx: &mut Tx,
    id: &CampaignId,
    assignment: &AssignmentId,
) -> Result<Option<Item>, Error> {
    let row: Option<ItemColumns> = sqlx::query_as(
        "SELECT assignment_id, state, decided_by, decided_at, notes, version FROM directory_campaign_item \
         WHERE campaign_id = $1 AND assignment_id = $2",
    )
    .bind(id.as_str())
    .bind(assignment.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    row.map(item_of).transpose()
}

/// The assignments in a campaign, all or those in one state.
pub(crate) async fn items(
    tx: &mut Tx,
    id: &CampaignId,
    state: Option<ItemState>,
    after: Option<&AssignmentId>,
    limit: u32,
) -> Result<Vec<Item>, Error> {
    let rows: Vec<ItemColumns> = sqlx::query_as(
        "SELECT assignment_id, state, decided_by, decided_at, notes, version FROM directory_campaign_item \
         WHERE campaign_id = $1 AND assignment_id > $2 AND ($3 = '' OR state = $3) ORDER BY assignment_id LIMIT $4",
    )
    .bind(id.as_str())
    .bind(after.map_or("", AssignmentId::as_str))
    .bind(state.map_or("", ItemState::word))
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    rows.into_iter().map(item_of).collect()
}

/// Those assignments in a campaign that somebody may be asked about, by where they are.
pub(crate) async fn within(
    tx: &mut Tx,
    id: &CampaignId,
    reach: &Reach,
    after: Option<&AssignmentId>,
    limit: u32,
) -> Result<Vec<AssignmentId>, Error> {
    let places = Places::Below(&reach.places);
    let positions = match reach.positions.len() {
        0 => "NULL".to_owned(),
        many => super::list(4 + reach.places.len(), many),
    };
    let text = format!(
        "SELECT i.assignment_id FROM directory_campaign_item i \
         JOIN directory_assignment a ON a.assignment_id = i.assignment_id \
         WHERE i.campaign_id = $1 AND i.assignment_id > $2 \
         AND (a.organisation IN {} OR a.position_id IN ({positions})) ORDER BY i.assignment_id LIMIT $3",
        places.within(4)
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text))
        .bind(id.as_str().to_owned())
        .bind(after.map_or("", AssignmentId::as_str).to_owned())
        .bind(i64::from(limit));
    for value in places.codes().chain(reach.positions.iter().map(ToString::to_string)) {
        query = query.bind(value);
    }
    let rows: Vec<(String,)> = query.fetch_all(&mut *tx).await?;
    rows.iter().map(|(id,)| read("directory_campaign_item.assignment_id", id)).collect()
}

/// Stores what became of an assignment in a campaign, that was in another state before.
pub(crate) async fn set_item(
    tx: &mut Tx,
    id: &CampaignId,
    item: &Item,
    before: ItemState,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_campaign_item SET state = $3, decided_by = $4, decided_at = $5, notes = $6, \
         version = $7 \
         WHERE campaign_id = $1 AND assignment_id = $2",
    )
    .bind(id.as_str())
    .bind(item.assignment.as_str())
    .bind(item.state.word())
    .bind(&item.decided_by)
    .bind(item.decided_at.map(|at| at.0))
    .bind(&item.notes)
    .bind(item.version.0)
    .execute(&mut *tx)
    .await?;
    if before == item.state {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO directory_campaign_count (campaign_id, state, many) VALUES ($1, $2, -1), ($1, $3, 1) \
         ON CONFLICT (campaign_id, state) DO UPDATE SET many = directory_campaign_count.many + excluded.many",
    )
    .bind(id.as_str())
    .bind(before.word())
    .bind(item.state.word())
    .execute(&mut *tx)
    .await?;
    Ok(())
}
