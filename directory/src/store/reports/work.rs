//! Reports of the work of the registration authority: requests and campaigns.

use platform::clock::Millis;
use platform::db::Tx;

use super::{Statement, Value, count};
use crate::api::{CampaignReportRow, RequestReportRow};
use crate::error::Error;
use crate::report::{Cut, Scope};

/// Which requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests {
    pub(crate) state: Option<&'static str>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) source: Option<&'static str>,
    pub(crate) requested_by: Option<String>,
    pub(crate) decided_by: Option<String>,
    pub(crate) from: Option<Millis>,
    pub(crate) before: Option<Millis>,
}

struct RequestColumns {
    request_id: String,
    kind: String,
    organisation: Option<String>,
    user_id: Option<String>,
    position_id: Option<String>,
    state: String,
    requester: String,
    source: String,
    made_at: i64,
    submitted_at: Option<i64>,
    decider: Option<String>,
    decided_at: Option<i64>,
    reason: Option<String>,
}

platform::from_row!(RequestColumns {
    request_id,
    kind,
    organisation,
    user_id,
    position_id,
    state,
    requester,
    source,
    made_at,
    submitted_at,
    decider,
    decided_at,
    reason
});

/// From where a request came, by who asked.
const SOURCE: &str = "CASE WHEN r.requester = r.user_id THEN 'own' WHEN EXISTS (SELECT 1 FROM directory_person p \
                      WHERE p.user_id = r.requester) THEN 'person' ELSE 'system' END";

/// The requests of organisations, drafts apart; and those about people who hold something there, where the request itself
/// lies nowhere. In the order of their making.
pub(crate) async fn requests(
    tx: &mut Tx,
    scope: &Scope,
    wanted: &Requests,
    cut: Cut<'_>,
) -> Result<Vec<RequestReportRow>, Error> {
    let mut query = Statement::of(scope);
    // The organisations come first: over the requests of a whole nation nobody looks for those of one trust.
    query.push(
        ", theirs(request_id) AS (SELECT x.request_id FROM below CROSS JOIN directory_request x \
         WHERE x.organisation = below.ods AND x.request_id > ? \
         UNION ALL SELECT x.request_id FROM directory_request x WHERE x.organisation IS NULL AND x.request_id > ? \
         AND EXISTS (SELECT 1 FROM directory_assignment a JOIN below b ON b.ods = a.organisation WHERE a.user_id = x.user_id)) \
         SELECT r.request_id, r.kind, r.organisation, r.user_id, r.position_id, r.state, r.requester, r.made_at, \
         r.submitted_at, r.decider, r.decided_at, r.reason, ",
        [Value::from(cut.after), Value::from(cut.after)],
    );
    query.push(SOURCE, []).push(
        " AS source FROM theirs \
         JOIN directory_request r ON r.request_id = theirs.request_id WHERE r.state <> 'draft'",
        [],
    );
    query
        .when(wanted.state, " AND r.state = ?")
        .when(wanted.kind, " AND r.kind = ?")
        .when(wanted.requested_by.as_deref(), " AND r.requester = ?")
        .when(wanted.decided_by.as_deref(), " AND r.decider = ?")
        .when(wanted.source, &format!(" AND {SOURCE} = ?"));
    if let Some(from) = wanted.from {
        query.push(" AND r.made_at >= ?", [Value::from(from.0)]);
    }
    if let Some(before) = wanted.before {
        query.push(" AND r.made_at < ?", [Value::from(before.0)]);
    }
    query.push(" ORDER BY r.request_id LIMIT ?", [Value::from(i64::from(cut.limit))]);
    let rows: Vec<RequestColumns> = query.rows(tx).await?;
    Ok(rows.into_iter().map(request).collect())
}

fn request(row: RequestColumns) -> RequestReportRow {
    RequestReportRow {
        request: row.request_id,
        kind: row.kind,
        organisation: row.organisation,
        person: row.user_id,
        position: row.position_id,
        state: row.state,
        requested_by: row.requester,
        source: row.source,
        made_at: row.made_at,
        submitted_at: row.submitted_at,
        decided_by: row.decider,
        decided_at: row.decided_at,
        reason: row.reason,
    }
}

/// Which campaigns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Campaigns {
    pub(crate) state: Option<&'static str>,
}

type CampaignColumns = (String, String, String, String, String, i64, i64, i64, i64, i64, i64, i64);

/// The campaigns of organisations, in the order of their making.
pub(crate) async fn campaigns(
    tx: &mut Tx,
    scope: &Scope,
    wanted: &Campaigns,
    cut: Cut<'_>,
) -> Result<Vec<CampaignReportRow>, Error> {
    let mut query = Statement::of(scope);
    let of = |state: &str| {
        format!("CAST(COALESCE(SUM(CASE WHEN k.state = '{state}' THEN k.many END), 0) AS BIGINT), ")
    };
    let counts: String = ["open", "confirmed", "ended", "lapsed", "unconfirmed", "gone"]
        .iter()
        .map(|state| of(state))
        .collect();
    query.push(
        &format!(
            "SELECT c.campaign_id, c.organisation, c.name, c.by_day, c.state, {counts}\
             CAST(COALESCE(SUM(k.many), 0) AS BIGINT) FROM directory_campaign c \
             LEFT JOIN directory_campaign_count k ON k.campaign_id = c.campaign_id \
             WHERE c.campaign_id > ? AND c.organisation IN (SELECT ods FROM below)"
        ),
        [Value::from(cut.after)],
    );
    query.when(wanted.state, " AND c.state = ?");
    query.push(
        " GROUP BY c.campaign_id, c.organisation, c.name, c.by_day, c.state ORDER BY c.campaign_id LIMIT ?",
        [Value::from(i64::from(cut.limit))],
    );
    let rows: Vec<CampaignColumns> = query.rows(tx).await?;
    Ok(rows.into_iter().map(campaign).collect())
}

fn campaign(row: CampaignColumns) -> CampaignReportRow {
    let (campaign, organisation, name, by, state, open, confirmed, ended, lapsed, unconfirmed, gone, all) =
        row;
    CampaignReportRow {
        campaign,
        organisation,
        name,
        by,
        state,
        assignments: count(all),
        open: count(open),
        confirmed: count(confirmed),
        ended: count(ended),
        lapsed: count(lapsed),
        unconfirmed: count(unconfirmed),
        gone: count(gone),
    }
}
