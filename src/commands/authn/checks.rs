//! The checks, each as what a relying party of CIS2 must do.

use std::time::Duration;

use anyhow::Context;
use platform::clock::Millis;
use reqwest::Url;
use serde_json::{Value, json};

use super::browser::Browser;
use super::evidence::{Check, Evidence, Outcome};
use super::liar::{Liar, Lie, Seen};
use super::plan::Plan;

/// Whether there is time to wait for a session to end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// There is.
    Yes,
    /// There is not.
    No,
}

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
struct Desk<'p> {
    plan: &'p Plan,
    liar: &'p Liar,
    http: reqwest::Client,
}

/// Runs every check.
pub(super) async fn run(plan: &Plan, liar: &Liar, waits: Waits, now: Millis) -> anyhow::Result<Evidence> {
    let http = Browser::client(&[&plan.client.anchors, &plan.provider.certificate])?;
    let desk = Desk { plan, liar, http };
    let mut checks = Vec::new();
    let browser = desk.signs_in(Lie::Nothing).await?;
    let signs_in = desk.is_signed_in(browser).await?.is_some();
    let asked = !liar.seen().asked.is_empty();
    let failed = if asked {
        "somebody who signed in is not signed in"
    } else {
        "the client did not come to the provider"
    };
    checks.push(Check::of("signs-in", signs_in, "somebody who signed in is signed in", failed));
    // Whoever lets nobody in lets no liar in either: that would prove nothing.
    if signs_in {
        desk.signs_in(Lie::Nothing).await?;
        checks.extend(requests(plan, &liar.seen()));
        checks.extend(desk.lies().await?);
        checks.push(desk.another_browser().await?);
        checks.extend(desk.logout().await?);
        checks.push(desk.idle(waits).await?);
    }
    let requests = liar.seen().asked.iter().map(|asked| json!(asked)).collect();
    Ok(Evidence {
        version: env!("CARGO_PKG_VERSION"),
        at: now.0,
        client: plan.client.id.clone(),
        sign_in: plan.client.sign_in.to_string(),
        checks,
        requests,
    })
}

/// What can be seen of the requests of two sign-ins.
fn requests(plan: &Plan, seen: &Seen) -> Vec<Check> {
    let both = |name: &str| {
        let values: Vec<&str> =
            seen.asked.iter().filter_map(|asked| asked.get(name)).map(String::as_str).collect();
        values.len() == seen.asked.len() && values.windows(2).all(|pair| pair[0] != pair[1])
    };
    let scope = seen.asked.iter().filter_map(|asked| asked.get("scope")).flat_map(|text| text.split(' '));
    let beyond: Vec<&str> =
        scope.filter(|word| !plan.client.scopes.iter().any(|granted| granted == word)).collect();
    let proof_keys = seen.exchanged.iter().all(|one| one.proof_key == Some(true));
    let wrong = seen.exchanged.iter().find_map(|one| one.assertion.clone());
    let method = seen.exchanged.first().map_or("none", |one| one.method);
    vec![
        Check::of(
            "new-state",
            both("state"),
            "each request has a state of its own",
            "a request has no state, or one that came before",
        ),
        Check::of(
            "new-nonce",
            both("nonce"),
            "each request has a nonce of its own",
            "a request has no nonce, or one that came before",
        ),
        Check::of(
            "proof-key",
            proof_keys,
            "each code is exchanged with the proof key of its request",
            "a code is exchanged without a proof key, or with another (RFC 7636)",
        ),
        Check::of(
            "least-scope",
            beyond.is_empty(),
            "nothing is asked for beyond what was granted",
            format!("more is asked for than was granted: {}", beyond.join(" ")),
        ),
        Check::of(
            "proves-itself",
            method != "none" && wrong.is_none(),
            &format!("the client proves itself by {method}"),
            wrong.map_or_else(
                || "the client does not prove who it is".to_owned(),
                |wrong| format!("its assertion would be refused: {wrong}"),
            ),
        ),
    ]
}

impl Desk<'_> {
    /// A new browser in which somebody signs in, while the provider lies about something.
    async fn signs_in(&self, lie: Lie) -> anyhow::Result<Browser> {
        self.liar.lies(lie);
        let mut browser = Browser::new(self.http.clone());
        let went = browser.go(&self.plan.client.sign_in, |_| false).await;
        self.liar.lies(Lie::Nothing);
        went.map(|_| browser)
    }

    /// The browser, if the client says that somebody is signed in there.
    async fn is_signed_in(&self, browser: Browser) -> anyhow::Result<Option<Browser>> {
        let mut browser = browser;
        let wanted = &self.plan.client.signed_in;
        let page = browser.go(wanted, |url| self.liar.is_ours(url)).await?;
        let there = page.status.as_u16() == 200 && page.url.path() == wanted.path();
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
        let mut thief = Browser::new(self.http.clone());
        let back = |url: &Url| {
            let mut bare = url.clone();
            bare.set_query(None);
            self.plan.client.redirect_uris.iter().any(|one| one.path() == bare.path())
                && url.query_pairs().any(|(name, _)| name == "code")
        };
        let page = thief.go(&self.plan.client.sign_in, back).await?;
        let mut victim = Browser::new(self.http.clone());
        victim.go(&page.url, |_| false).await?;
        let refused = self.is_signed_in(victim).await?.is_none();
        Ok(Check::of(
            "another-browser",
            refused,
            "an answer to another browser's request signs nobody in",
            "an answer to another browser's request is taken, so that anybody can be signed in as somebody else",
        ))
    }

    /// A session ends when the provider says so, and not when somebody else does.
    async fn logout(&self) -> anyhow::Result<Vec<Check>> {
        let Some(address) = &self.plan.client.backchannel_logout_uri else {
            return Ok(vec![Check::left("logout", "the plan has no backchannel_logout_uri")]);
        };
        let browser = self.signs_in(Lie::Nothing).await?;
        let sid = self.liar.seen().sid;
        let mut browser = Some(browser);
        let mut checks = Vec::new();
        for (name, change, lie, what) in [
            (
                "logout-signature",
                json!({}),
                Lie::Signature,
                "a logout token with the signature of another key",
            ),
            ("logout-audience", json!({"aud": "another"}), Lie::Nothing, "a logout token for another client"),
            (
                "logout-nonce",
                json!({"nonce": "one"}),
                Lie::Nothing,
                "a logout token with a nonce, which an ID token has",
            ),
            ("logout-events", json!({"events": {}}), Lie::Nothing, "a logout token without its event"),
        ] {
            let status = self.tell(address, &sid, &change, lie).await?;
            browser = match browser {
                Some(browser) => self.is_signed_in(browser).await?,
                None => None,
            };
            let good = status == 400 && browser.is_some();
            let failed =
                format!("{what} is answered with {status}, and somebody is {}", said(browser.is_some()));
            checks.push(Check::of(name, good, &format!("{what} is refused"), failed));
            if browser.is_none() {
                return Ok(checks);
            }
        }
        let status = self.tell(address, &sid, &json!({}), Lie::Nothing).await?;
        let open = match browser {
            Some(browser) => self.is_signed_in(browser).await?.is_some(),
            None => false,
        };
        let failed = format!("a logout token is answered with {status}, and somebody is {}", said(open));
        let good = (status == 200 || status == 204) && !open;
        checks.push(Check::of("logout", good, "a session ends when the provider says so", failed));
        Ok(checks)
    }

    async fn tell(&self, address: &Url, sid: &str, change: &Value, lie: Lie) -> anyhow::Result<u16> {
        let token = self.liar.logout(sid, change, lie)?;
        let request =
            self.http.post(address.clone()).header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(format!("logout_token={token}")).send().await;
        Ok(answer.with_context(|| format!("{address} does not answer"))?.status().as_u16())
    }

    /// A session that nobody uses ends after its time.
    async fn idle(&self, waits: Waits) -> anyhow::Result<Check> {
        let minutes = self.plan.client.idle_minutes;
        if waits == Waits::No {
            return Ok(Check {
                name: "idle",
                outcome: Outcome::NotChecked,
                told: format!("run it with --wait: it takes {minutes} minutes"),
            });
        }
        let browser = self.signs_in(Lie::Nothing).await?;
        tokio::time::sleep(Duration::from_secs(minutes * 60 + 5)).await;
        let open = self.is_signed_in(browser).await?.is_some();
        Ok(Check::of(
            "idle",
            !open,
            &format!("a session that nobody used for {minutes} minutes is over"),
            format!("a session that nobody used for {minutes} minutes is still open"),
        ))
    }
}

fn said(open: bool) -> &'static str {
    if open { "still signed in" } else { "signed out" }
}
