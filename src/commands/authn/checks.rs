//! The checks, each as what a relying party of CIS2 must do.

use std::time::Duration;

use anyhow::Context;
use platform::clock::Millis;
use serde_json::json;

use super::browser::{Browser, Net, Request};
use super::evidence::{Check, Evidence, Outcome};
use super::liar::{Liar, Lie};
use super::plan::Plan;
use super::{logout, requests};

/// Whether there is time to wait for a session to end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// There is.
    Yes,
    /// There is not.
    No,
}

/// After how many minutes without use a session is over at the latest.
const LONGEST_IDLE: f64 = 15.0;

/// How much later than its time a session may end.
const GRACE: Duration = Duration::from_secs(5);

/// What a client must not believe.
const LIES: [(&str, Lie, &str); 8] = [
    ("state", Lie::State, "an answer with another state"),
    ("nonce", Lie::Nonce, "an ID token with another nonce"),
    ("audience", Lie::Audience, "an ID token for another client"),
    ("issuer", Lie::Issuer, "an ID token of another issuer"),
    ("signature", Lie::Signature, "an ID token with the signature of another key"),
    ("unsigned", Lie::Unsigned, "an ID token with alg none"),
    ("expiry", Lie::Expired, "an ID token that is over"),
    ("denied", Lie::Denied, "an answer that says that the person did not sign in"),
];

/// The client under check.
pub(super) struct Desk<'p> {
    pub(super) plan: &'p Plan,
    pub(super) liar: &'p Liar,
    pub(super) net: Net,
}

/// Runs every check.
pub(super) async fn run(
    plan: &Plan,
    liar: &Liar,
    (waits, waived): (Waits, &[String]),
    now: Millis,
) -> anyhow::Result<Evidence> {
    let desk = Desk { plan, liar, net: Net::of(plan, liar.authorise()?)? };
    let mut checks = Vec::new();
    let browser = desk.signs_in(Lie::Nothing).await?;
    let signs_in = desk.is_signed_in(browser).await?.is_some();
    let failed = if liar.seen().asked.is_empty() {
        "the client did not come to the provider"
    } else {
        "somebody who signed in is not signed in"
    };
    checks.push(Check::of("signs-in", signs_in, "somebody who signed in is signed in", failed));
    // Whoever lets nobody in lets no liar in either: that would prove nothing.
    if signs_in {
        checks.extend(desk.lies().await?);
        checks.push(desk.another_browser().await?);
        checks.extend(logout::checks(&desk).await?);
        checks.push(desk.idle(waits).await?);
        checks.extend(requests::checks(&plan.client.scopes, &liar.seen()));
    }
    let requests = liar.seen().asked.iter().map(|asked| json!(asked)).collect();
    Ok(Evidence {
        version: env!("CARGO_PKG_VERSION"),
        at: now.0,
        client: plan.client.id.clone(),
        sign_in: plan.client.sign_in.to_string(),
        idle_minutes: plan.client.idle_minutes,
        waited: waits == Waits::Yes,
        waived: waived.to_vec(),
        checks,
        requests,
    })
}

impl Desk<'_> {
    /// A new browser in which somebody signs in, while the provider lies about something.
    pub(super) async fn signs_in(&self, lie: Lie) -> anyhow::Result<Browser> {
        self.liar.lies(lie);
        let mut browser = Browser::new(&self.net);
        let went = browser.go(Request::to(&self.plan.client.sign_in), |_| false).await;
        self.liar.lies(Lie::Nothing);
        went.map(|_| browser)
    }

    /// The browser, if the client says that somebody is signed in there.
    pub(super) async fn is_signed_in(&self, browser: Browser) -> anyhow::Result<Option<Browser>> {
        let mut browser = browser;
        let wanted = &self.plan.client.signed_in;
        let page = browser.go(Request::to(wanted), |request| self.net.is_provider(&request.url)).await?;
        let there = page.status.as_u16() == 200 && page.request.url.path() == wanted.path();
        Ok(there.then_some(browser))
    }

    async fn refuses(&self, name: &'static str, lie: Lie, what: &str) -> anyhow::Result<Check> {
        let browser = self.signs_in(lie).await?;
        let refused = self.is_signed_in(browser).await?.is_none();
        Ok(Check::of(name, refused, &format!("{what} signs nobody in"), format!("{what} is believed")))
    }

    async fn lies(&self) -> anyhow::Result<Vec<Check>> {
        let mut checks = Vec::new();
        for (name, lie, what) in LIES {
            checks.push(self.refuses(name, lie, what).await?);
        }
        let seen = self.liar.seen();
        let recent = |asked: &std::collections::BTreeMap<String, String>| {
            asked.contains_key("max_age")
                || asked.get("prompt").is_some_and(|prompt| prompt.contains("login"))
        };
        checks.push(if seen.asked.iter().all(recent) {
            self.refuses("auth-time", Lie::LongAgo, "a sign-in of yesterday").await?
        } else {
            Check::left(
                "auth-time",
                "the client asks for neither prompt=login nor max_age, so that any time is right",
            )
        });
        checks.push(if seen.userinfo > 0 {
            self.refuses("subject", Lie::Subject, "userinfo of somebody else").await?
        } else {
            Check::left("subject", "the client does not ask for userinfo")
        });
        Ok(checks)
    }

    /// The answer to one browser's request is brought to another, as somebody would who wants others to work in their name.
    async fn another_browser(&self) -> anyhow::Result<Check> {
        let mut thief = Browser::new(&self.net);
        let back = |request: &Request| {
            let path = request.url.path();
            self.plan.client.redirect_uris.iter().any(|one| one.path() == path) && request.brings("code")
        };
        let stolen = thief.go(Request::to(&self.plan.client.sign_in), back).await?.request;
        let mut victim = Browser::new(&self.net);
        victim.go(stolen, |_| false).await?;
        let refused = self.is_signed_in(victim).await?.is_none();
        Ok(Check::of(
            "another-browser",
            refused,
            "an answer to another browser's request signs nobody in",
            "an answer to another browser's request is taken, so that anybody can be signed in as somebody else",
        ))
    }

    /// A session that nobody uses ends after its time, and not before somebody has looked.
    async fn idle(&self, waits: Waits) -> anyhow::Result<Check> {
        let minutes = self.plan.client.idle_minutes;
        if let Some(failed) = too_long(minutes) {
            return Ok(failed);
        }
        if waits == Waits::No {
            return Ok(Check {
                name: "idle",
                outcome: Outcome::NotChecked,
                told: format!("run it with --wait: it takes {minutes} minutes"),
            });
        }
        let browser = self.signs_in(Lie::Nothing).await?;
        let used = self.is_signed_in(browser).await?;
        let browser = used.context("somebody who signed in is not signed in any more")?;
        tokio::time::sleep(self.plan.client.idle() + GRACE).await;
        let open = self.is_signed_in(browser).await?.is_some();
        Ok(Check::of(
            "idle",
            !open,
            &format!("a session that nobody used for {minutes} minutes is over"),
            format!("a session that nobody used for {minutes} minutes is still open"),
        ))
    }
}

/// What is wrong with a session that may go unused for longer than CIS2 lets it: that is known without waiting.
fn too_long(minutes: f64) -> Option<Check> {
    let told = format!(
        "the plan says that a session goes unused for {minutes} minutes; it is to end after {LONGEST_IDLE}"
    );
    (minutes > LONGEST_IDLE).then_some(Check { name: "idle", outcome: Outcome::Failed, told })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fifteen minutes are the most, and a moment more fails without anybody waiting for it.
    #[test]
    fn fifteen_minutes_are_the_most() {
        assert!(too_long(15.0).is_none() && too_long(0.25).is_none());
        let failed = too_long(15.1).unwrap();
        assert_eq!((failed.name, failed.outcome), ("idle", Outcome::Failed));
    }
}
