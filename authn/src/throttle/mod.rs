//! Guessing is slowed down, and nobody is locked out by the guessing of others.
//!
//! A browser in which somebody has signed in with their password holds a cookie that says so, and the attempts on their account in
//! it are counted by themselves and by nothing else: whoever guesses elsewhere, on the same network or behind the same address,
//! does not slow it down (what OWASP calls device cookies).
//!
//! In every other browser three things are counted: an account from one network, a network, and an account from strangers, which are
//! networks from which its holder has neither enrolled nor signed in. So whoever guesses slows down their own network, and many networks
//! together slow down strangers that have failed before. A network that has not failed at an account has one attempt, whatever strangers
//! did elsewhere: their holder, who knows, comes in with it from wherever they are. These attempts are counted too, for each account: beyond
//! so many, new networks wait with the strangers, so that whoever has very many guesses no further, and the holder comes in from where they
//! are known, or by another method. On IPv6 the networks around a network are counted with it, and a whole site has one such attempt:
//! whoever has a site has as many networks as they like, and would use up what is there for all that are new. A holder who comes with a new
//! browser from a network on which somebody guesses waits with them, and signs in with every other method meanwhile. An attempt is counted
//! before it is looked at, so that many at once are no way around; one that was right is taken back from all in which it was counted.
//! What is counted is forgotten one by one, as time goes by: many people behind one address are never a day without a mistake.

mod networks;
mod rule;
mod settings;

use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use crate::authenticator::webauthn::random_handle;
use crate::error::Error;
use crate::provider::Provider;
use crate::store::throttles;
use networks::around;
pub(crate) use networks::{network, site};
pub use settings::Throttle;

/// For how long a network or a browser stays known.
pub(crate) const KNOWN: Duration = Duration::from_hours(24 * 90);

/// One attempt to guess right.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    account: String,
    network: String,
    /// The networks around it, each with how many times as much is free there.
    around: Vec<(String, u32)>,
    /// The site that it is in, where a site has many networks.
    site: Option<String>,
    /// Whose account it is, if it is one.
    person: Option<UserId>,
    /// The hash of what the browser holds by which it may be known.
    browser: Option<Vec<u8>>,
}

/// In what an attempt was counted. What is counted changes with every attempt, so that nothing else says from where one is taken back.
#[derive(Debug)]
#[must_use]
pub(crate) struct Counted {
    /// By what its account is counted in its browser, or from its network.
    own: Mark,
    /// What others are counted in too.
    shared: Vec<Mark>,
    /// When it was counted.
    at: Millis,
}

/// In what an attempt was counted, and until when that slowed the next one down.
#[derive(Debug)]
struct Mark {
    subject: String,
    next_at: Millis,
}

/// Whether an attempt is looked at.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It is, and was counted.
    Now(Counted),
    /// Not before then.
    Later(Millis),
}

/// What is counted, and how often it is free; none slows nothing down.
type Free = (String, Option<u32>);

impl Attempt {
    /// An attempt on an account, by the name that was typed, from a network and a browser.
    pub(crate) fn new(
        account: &str,
        person: Option<UserId>,
        address: Option<IpAddr>,
        browser: Option<Vec<u8>>,
    ) -> Self {
        let network = address.map_or_else(|| "nowhere".to_owned(), |address| network(address).to_string());
        // What was typed may be anything, and is nobody's business.
        let account = hex::encode(digest(&SHA256, account.as_bytes()));
        let around = address.map_or_else(Vec::new, around);
        let site = address.filter(|address| address.to_canonical().is_ipv6()).map(site);
        Self { account, network, around, site, person, browser }
    }

    fn pair(&self) -> String {
        format!("pair/{}/{}", self.account, self.network)
    }

    /// Of the account, what comes from the site: it slows nothing down, and says whether the site is new.
    fn of_site(&self) -> Option<String> {
        self.site.as_ref().map(|site| format!("site/{}/{site}", self.account))
    }

    fn network(&self) -> String {
        format!("network/{}", self.network)
    }

    /// The network and those around it, each with how often it is free.
    fn networks(&self, settings: &Throttle) -> Vec<Free> {
        let around = self.around.iter();
        let around = around.map(|(network, times)| {
            (format!("network/{network}"), Some(settings.network_free.saturating_mul(*times)))
        });
        std::iter::once((self.network(), Some(settings.network_free))).chain(around).collect()
    }

    fn newcomers(&self) -> String {
        format!("newcomers/{}", self.account)
    }

    fn strangers(&self) -> String {
        format!("strangers/{}", self.account)
    }

    /// By what the attempt is counted if its holder has signed in in this browser.
    async fn device(&self, tx: &mut Tx, now: Millis) -> Result<Option<String>, Error> {
        let (Some(person), Some(browser)) = (&self.person, &self.browser) else { return Ok(None) };
        let device = throttles::device(tx, person, browser, now.minus(KNOWN)).await?;
        Ok(device.map(|device| format!("browser/{device}")))
    }

    /// What is counted, each with how often it is free: first what is the attempt's own.
    async fn subjects(
        &self,
        tx: &mut Tx,
        settings: &Throttle,
        now: Millis,
    ) -> Result<(Free, Vec<Free>), Error> {
        if let Some(device) = self.device(tx, now).await? {
            return Ok(((device, Some(settings.free)), Vec::new()));
        }
        let mut shared: Vec<Free> = self.of_site().map(|site| (site, None)).into_iter().collect();
        shared.extend(self.networks(settings));
        let known = match &self.person {
            Some(person) => throttles::is_known(&mut *tx, person, &self.network, now.minus(KNOWN)).await?,
            None => false,
        };
        if !known {
            shared.push(if self.is_first(tx, settings, now).await? {
                (self.newcomers(), Some(settings.newcomers_free))
            } else {
                (self.strangers(), Some(settings.strangers_free))
            });
        }
        Ok(((self.pair(), Some(settings.free)), shared))
    }

    /// Whether strangers are slowed down and this network, with its whole site, has not failed at this account: it has one attempt all the
    /// same, as one of those that are new.
    async fn is_first(&self, tx: &mut Tx, settings: &Throttle, now: Millis) -> Result<bool, Error> {
        let slowed =
            throttles::next_at(&mut *tx, &self.strangers()).await?.is_some_and(|next_at| next_at > now);
        let forgotten = now.minus(settings.forget());
        let whole = self.of_site().unwrap_or_else(|| self.pair());
        Ok(slowed && throttles::failures(&mut *tx, &whole, forgotten).await? == 0)
    }

    /// The same as [`Attempt::begin`], by itself.
    pub(crate) async fn begun(&self, provider: &Provider, now: Millis) -> Result<Turn, Error> {
        let (attempt, settings) = (self.clone(), provider.config.throttle.clone());
        provider.db.write(move |tx| Box::pin(async move { attempt.begin(tx, &settings, now).await })).await
    }

    /// Counts the attempt, or says that it is not looked at yet.
    pub(crate) async fn begin(&self, tx: &mut Tx, settings: &Throttle, now: Millis) -> Result<Turn, Error> {
        let (own, shared) = self.subjects(tx, settings, now).await?;
        for (subject, _) in std::iter::once(&own).chain(&shared) {
            if let Some(next_at) = throttles::next_at(&mut *tx, subject).await?
                && next_at > now
            {
                metrics::counter!("authn_attempts_slowed_total").increment(1);
                return Ok(Turn::Later(next_at));
            }
        }
        // Another machine was faster where one of them is slowed down now.
        let later = Turn::Later(now.plus(settings.first_delay()));
        let Some(own) = count_in(tx, settings, own, now).await? else { return Ok(later) };
        let mut marks = Vec::new();
        for one in shared {
            let Some(mark) = count_in(tx, settings, one, now).await? else { return Ok(later) };
            marks.push(mark);
        }
        Ok(Turn::Now(Counted { own, shared: marks, at: now }))
    }

    /// Takes the attempt back: it was right. Its network and its browser are known from now on; the browser by another secret, which
    /// has this hash.
    pub(crate) async fn was_right(
        &self,
        tx: &mut Tx,
        counted: &Counted,
        browser: &[u8],
        now: Millis,
    ) -> Result<(), Error> {
        counted.take_back(tx).await?;
        // What strangers tried elsewhere on the same network is not forgotten because the holder came.
        throttles::forget(tx, &counted.own.subject).await?;
        self.acquaint(tx, browser, now).await
    }

    /// The network and the browser are known from now on as those of the person; the browser by another secret, which has this hash.
    pub(crate) async fn acquaint(&self, tx: &mut Tx, browser: &[u8], now: Millis) -> Result<(), Error> {
        if let Some(was) = &self.browser {
            throttles::move_browser(tx, was, browser).await?;
        }
        if let Some(person) = &self.person {
            throttles::know(tx, person, &self.network, now).await?;
            throttles::know_browser(tx, person, browser, &random_handle(), now).await?;
        }
        Ok(())
    }
}

/// Counts an attempt in one of what it is counted in; none if another one has slowed that down meanwhile.
async fn count_in(
    tx: &mut Tx,
    settings: &Throttle,
    (subject, free): Free,
    now: Millis,
) -> Result<Option<Mark>, Error> {
    let Some(before) = throttles::hold(tx, &subject, now).await? else { return Ok(None) };
    let tally = rule::counted(settings, free, before, now);
    let next_at = rule::next_at(settings, free, tally.failures, now);
    throttles::keep(tx, &subject, tally, next_at).await?;
    Ok(Some(Mark { subject, next_at }))
}

impl Counted {
    /// Takes the attempt back by itself: it was not looked at.
    pub(crate) async fn taken_back(self, provider: &Provider) -> Result<(), Error> {
        provider.db.write(move |tx| Box::pin(async move { self.take_back(tx).await })).await
    }

    async fn take_back(&self, tx: &mut Tx) -> Result<(), Error> {
        for mark in std::iter::once(&self.own).chain(&self.shared) {
            throttles::take_back(tx, &mark.subject, (self.at, mark.next_at)).await?;
        }
        Ok(())
    }
}

/// How many refusals that name nobody are recorded of one network, until a day passes without one.
const NAMELESS: u32 = 100;
/// How long that is.
const QUIET: Duration = Duration::from_hours(24);

/// Whether a refusal that names nobody is recorded. Anybody can be refused as often as they send something, and what is in the record
/// stays: beyond so many of one network they are counted and not written.
pub(crate) async fn is_recorded(tx: &mut Tx, address: Option<IpAddr>, now: Millis) -> Result<bool, Error> {
    let mut networks =
        vec![(address.map_or_else(|| "nowhere".to_owned(), |address| network(address).to_string()), 1)];
    networks.extend(address.map_or_else(Vec::new, around));
    let mut recorded = true;
    for (network, times) in networks {
        let refusals = throttles::count(tx, &format!("nameless/{network}"), now.minus(QUIET), now).await?;
        recorded &= refusals.is_none_or(|refusals| refusals <= NAMELESS.saturating_mul(times));
    }
    if !recorded {
        metrics::counter!("authn_refusals_unrecorded_total").increment(1);
    }
    Ok(recorded)
}

#[cfg(test)]
mod tests;
