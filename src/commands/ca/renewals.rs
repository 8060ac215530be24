//! What ends when, and who has taken care.

use axum::http::Method;
use ca::api::{Expiries, NoticePage, RenewalInfo, RenewalPage, percent_encoded};
use serde_json::json;

use super::certificates::rfc3339;
use super::{Desk, time};
use crate::terminal::line;

/// How many are asked for at once.
const PAGE: u32 = 500;

pub(super) async fn expiries(desk: &Desk, query: &str) -> anyhow::Result<()> {
    let found: Expiries = desk.server.get(&format!("/ca/expiries?{query}")).await?;
    desk.form.each(&found.days, |day| {
        let most = day.most_per_day.map(|most| format!(" of {most}")).unwrap_or_default();
        line(format_args!("{}\t{}{most}\t{}", day.day, day.certificates, day.profile));
    })
}

pub(super) async fn list(desk: &Desk, within: u32, query: &str) -> anyhow::Result<()> {
    let now = platform::clock::Clock::system().now();
    // Both ends are said, so that the window is the same for every page and as long as was asked for.
    let (from, before) = (rfc3339(now.0)?, rfc3339(now.0 + i64::from(within) * 86_400_000)?);
    let window =
        format!("expires_from={}&expires_before={}", percent_encoded(&from), percent_encoded(&before));
    let mut after = String::new();
    loop {
        let path = format!("/ca/renewals?limit={PAGE}&{window}&{query}{after}");
        let page: RenewalPage = desk.server.get(&path).await?;
        desk.form.each(&page.renewals, told)?;
        match page.next {
            Some(next) => after = format!("&after={}", percent_encoded(&next)),
            None => return Ok(()),
        }
    }
}

pub(super) async fn acknowledge(desk: &Desk, serial: &str, note: Option<&str>) -> anyhow::Result<()> {
    let path = format!("/ca/renewals/{}/acknowledgement", percent_encoded(serial));
    let renewal: RenewalInfo = match note {
        Some(note) => desk.server.post(&path, &json!({ "note": note })).await?,
        None => desk.server.ask(Method::DELETE, &path).await?,
    };
    desk.form.one(&renewal, told)
}

pub(super) async fn notices(desk: &Desk, mut after: i64) -> anyhow::Result<()> {
    loop {
        let path = format!("/ca/renewals/notices?after={after}&limit={PAGE}");
        let page: NoticePage = desk.server.get(&path).await?;
        let Some(last) = page.notices.last() else { return Ok(()) };
        after = last.number;
        desk.form.each(&page.notices, |notice| {
            let (given, until) = (time(notice.given_at), time(notice.renewal.not_after));
            let renewal = &notice.renewal;
            line(format_args!(
                "{}\t{given}\t{} days\t{}\t{}\tuntil {until}",
                notice.number, notice.days, renewal.serial, renewal.profile
            ));
        })?;
    }
}

fn told(renewal: &RenewalInfo) {
    let care = renewal.acknowledgement.as_ref().map_or("open", |_| "acknowledged");
    let until = time(renewal.not_after);
    line(format_args!("{}\t{care}\t{}\tuntil {until}\t{}", renewal.serial, renewal.profile, renewal.subject));
}
