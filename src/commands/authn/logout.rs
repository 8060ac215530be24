//! A session ends when the provider says so, and not when somebody else does.

use anyhow::Context;
use reqwest::Url;
use serde_json::{Value, json};

use super::checks::Desk;
use super::evidence::Check;
use super::liar::Lie;

/// A logout token that must be refused. OpenID Connect Back-Channel Logout 1.0, 2.6
struct Wrong {
    name: &'static str,
    change: Value,
    lie: Lie,
    what: &'static str,
}

fn wrong() -> [Wrong; 7] {
    let claim = |name, change, what| Wrong { name, change, lie: Lie::Nothing, what };
    let token = |name, lie, what| Wrong { name, change: json!({}), lie, what };
    [
        token("logout-signature", Lie::Signature, "a logout token with the signature of another key"),
        token("logout-unsigned", Lie::Unsigned, "a logout token with alg none"),
        token("logout-expiry", Lie::Expired, "a logout token that is over"),
        claim("logout-issuer", json!({"iss": "https://another.example"}), "a logout token of another issuer"),
        claim("logout-audience", json!({"aud": "another"}), "a logout token for another client"),
        claim("logout-nonce", json!({"nonce": "one"}), "a logout token with a nonce, which an ID token has"),
        claim("logout-events", json!({"events": {}}), "a logout token without its event"),
    ]
}

/// Tells the client of sessions that ended, rightly and wrongly. Each is told of a session of its own, so that what one does hides nothing.
pub(super) async fn checks(desk: &Desk<'_>) -> anyhow::Result<Vec<Check>> {
    let Some(address) = &desk.plan.client.backchannel_logout_uri else {
        return Ok(vec![Check::left("logout", "the plan has no backchannel_logout_uri")]);
    };
    let mut checks = Vec::new();
    for Wrong { name, change, lie, what } in wrong() {
        let (status, open) = told(desk, address, &change, lie).await?;
        let failed = format!("{what} is answered with {status}, and somebody is {}", said(open));
        checks.push(Check::of(name, status == 400 && open, &format!("{what} is refused"), failed));
    }
    let (status, open) = told(desk, address, &json!({}), Lie::Nothing).await?;
    let failed = format!("a logout token is answered with {status}, and somebody is {}", said(open));
    let good = (status == 200 || status == 204) && !open;
    checks.push(Check::of("logout", good, "a session ends when the provider says so", failed));
    Ok(checks)
}

/// Somebody signs in, and the client is told that their session has ended; what it answers, and whether they are signed in after it.
async fn told(desk: &Desk<'_>, address: &Url, change: &Value, lie: Lie) -> anyhow::Result<(u16, bool)> {
    let browser = desk.signs_in(Lie::Nothing).await?;
    let sid = desk.liar.seen().sid;
    let browser =
        desk.is_signed_in(browser).await?.context("somebody who signed in is not signed in any more")?;
    let token = desk.liar.logout(&sid, change, lie)?;
    let request =
        desk.net.http.post(address.clone()).header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(format!("logout_token={token}")).send().await;
    let status = answer.with_context(|| format!("{address} does not answer"))?.status().as_u16();
    Ok((status, desk.is_signed_in(browser).await?.is_some()))
}

fn said(open: bool) -> &'static str {
    if open { "still signed in" } else { "signed out" }
}
