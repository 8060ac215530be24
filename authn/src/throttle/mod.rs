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
mod tests {
    use platform::db::Db;

    use super::*;

    fn settings() -> Throttle {
        Throttle { free: 2, strangers_free: 4, network_free: 6, newcomers_free: 10, ..Throttle::default() }
    }

    /// When an attempt is looked at, if it is not at once.
    async fn tries(db: &Db, attempt: &Attempt, at: i64) -> Option<Millis> {
        let attempt = attempt.clone();
        let turn = db
            .write(move |tx| Box::pin(async move { attempt.begin(tx, &settings(), Millis(at)).await }))
            .await
            .unwrap();
        match turn {
            Turn::Now(_) => None,
            Turn::Later(until) => Some(until),
        }
    }

    /// Whether an attempt is looked at that is right then.
    async fn comes_in(db: &Db, attempt: &Attempt, at: i64) -> bool {
        let attempt = attempt.clone();
        db.write(move |tx| {
            Box::pin(async move {
                let Turn::Now(counted) = attempt.begin(tx, &settings(), Millis(at)).await? else {
                    return Ok::<_, Error>(false);
                };
                attempt.was_right(tx, &counted, &[9; 32], Millis(at)).await?;
                Ok(true)
            })
        })
        .await
        .unwrap()
    }

    fn attempt(account: &str, address: &str) -> Attempt {
        let person = (account == "a").then(|| "555021942107".parse().unwrap());
        Attempt::new(account, person, Some(address.parse().unwrap()), None)
    }

    /// The same in the browser in which the last right one was.
    fn known(account: &str, address: &str) -> Attempt {
        Attempt { browser: Some(vec![9; 32]), ..attempt(account, address) }
    }

    platform::both_engines! {
        /// Guessing slows down whoever guesses, then all strangers; the holder goes on from a network of their own.
        async fn guessing_slows_down_who_guesses(db: Db) {
            let home = attempt("a", "198.51.100.1");
            assert!(comes_in(&db, &home, 1).await);
            let thief = attempt("a", "192.0.2.1");
            for at in 2..5 {
                assert_eq!(tries(&db, &thief, at).await, None, "{at}");
            }
            assert_eq!(tries(&db, &thief, 5).await, Some(Millis(2_004)));
            assert_eq!(tries(&db, &attempt("a", "192.0.2.2"), 6).await, None);
            assert_eq!(tries(&db, &attempt("a", "192.0.2.3"), 7).await, None, "the fifth slows strangers down");
            assert!(tries(&db, &attempt("a", "192.0.2.2"), 8).await.is_some(), "who has failed waits");
            let third = attempt("a", "192.0.2.4");
            assert_eq!(tries(&db, &third, 8).await, None, "who has not has one attempt");
            assert!(tries(&db, &third, 9).await.is_some(), "and no second one");
            let away = attempt("a", "203.0.113.9");
            assert!(comes_in(&db, &away, 9).await, "the holder comes in from a network that nobody knew");
            assert!(tries(&db, &attempt("a", "192.0.2.2"), 9).await.is_some(), "which lets in nobody else");
            assert_eq!(tries(&db, &home, 9).await, None, "the holder is not locked out");
            assert_eq!(tries(&db, &attempt("b", "192.0.2.4"), 9).await, None, "nor is anybody else");
        }

        /// Whoever guesses from the very address of somebody slows down everybody there who is not known, and not the browser in
        /// which its holder has signed in; guessing in that browser slows down that browser, for that person.
        async fn known_browsers_are_counted_alone(db: Db) {
            let address = "192.0.2.1";
            assert!(comes_in(&db, &attempt("a", address), 1).await);
            for at in 2..5 {
                assert_eq!(tries(&db, &attempt("a", address), at).await, None, "{at}");
            }
            assert!(tries(&db, &attempt("a", address), 5).await.is_some(), "the same address");
            for at in 6..8 {
                assert_eq!(tries(&db, &known("a", address), at).await, None, "the holder is not slowed down: {at}");
            }
            assert_eq!(tries(&db, &known("a", address), 8).await, None, "the third costs the next");
            assert!(tries(&db, &known("a", address), 9).await.is_some(), "guessing there is slowed down too");
            assert!(tries(&db, &known("a", "198.51.100.1"), 9).await.is_some(), "wherever it is");
            let stranger = Attempt { browser: Some(vec![8; 32]), ..attempt("a", address) };
            assert!(tries(&db, &stranger, 9).await.is_some(), "another browser is none of theirs");
            assert!(tries(&db, &stranger, 2_003).await.is_some(), "and waits as before");
        }

        /// Many accounts from one network are slowed down together, and so is what is typed that is nobody's account.
        async fn a_network_is_slowed_down(db: Db) {
            for (at, account) in ["c", "d", "e", "f", "g", "h", "i"].iter().enumerate() {
                let at = i64::try_from(at).unwrap();
                assert_eq!(tries(&db, &attempt(account, "2001:db8::1"), at).await, None, "{account}");
            }
            assert!(tries(&db, &attempt("j", "2001:db8::ffff"), 8).await.is_some(), "the same /64");
            assert_eq!(tries(&db, &attempt("j", "2001:db8:0:1::1"), 8).await, None);
        }

        /// Whoever has a /48 of IPv6 has no more of it by going through its networks: the /56 and the /48 are counted too. Others go on.
        async fn a_site_is_slowed_down(db: Db) {
            // 12 are free in a /56, 24 in a /48, and the first beyond costs the next.
            let household: Vec<String> = (0..13).map(|number| format!("2001:db8:0:{number:x}::1")).collect();
            let site: Vec<String> = (1..26).map(|number| format!("2001:db8:1:{number:x}00::1")).collect();
            for (networks, next) in [(household, "2001:db8:0:ff::1"), (site, "2001:db8:1:ff00::1")] {
                for network in &networks {
                    assert_eq!(tries(&db, &attempt(network, network), 1).await, None, "{network}");
                }
                assert!(tries(&db, &attempt("next", next), 2).await.is_some(), "{next}");
            }
            assert_eq!(tries(&db, &attempt("next", "2001:db8:2::1"), 2).await, None, "another site");
        }

        /// While strangers are slowed down each new network has one attempt, and beyond so many of them new ones wait too. The holder
        /// comes in from where they are known, and in a browser that is known, and guessing at others is nothing to it.
        async fn newcomers_have_an_end(db: Db) {
            let home = attempt("a", "198.51.100.1");
            assert!(comes_in(&db, &home, 1).await);
            for number in 0..6 {
                assert_eq!(tries(&db, &attempt("a", &format!("192.0.2.{number}")), 2).await, None, "{number}");
                if number == 4 {
                    // The fifth slowed strangers down: from here on those that come are new.
                    assert!(tries(&db, &attempt("a", "192.0.2.0"), 2).await.is_some());
                }
            }
            // One of the ten that are free has come.
            for number in 1..=10 {
                assert_eq!(tries(&db, &attempt("a", &format!("203.0.113.{number}")), 3).await, None, "{number}");
            }
            for number in 11..20 {
                let new = attempt("a", &format!("203.0.113.{number}"));
                assert!(tries(&db, &new, 4).await.is_some(), "{number} waits");
            }
            let new = attempt("a", "2001:db8::1");
            assert!(tries(&db, &new, 4).await.is_some(), "wherever it is");
            assert_eq!(tries(&db, &home, 4).await, None, "the holder's network is known");
            let away = known("a", "203.0.113.200");
            assert!(comes_in(&db, &away, 4).await, "and so is their browser");
            assert_eq!(tries(&db, &attempt("b", "203.0.113.201"), 4).await, None, "nobody else waits");
            assert!(tries(&db, &new, 4).await.is_some(), "that the holder came lets in nobody");
        }

        /// A site of IPv6 is new once, whichever of its networks comes: whoever has one uses up nothing of what is there for those that
        /// are new, and the holder comes in from wherever they are.
        async fn a_site_is_new_once(db: Db) {
            for number in 0..5 {
                assert_eq!(tries(&db, &attempt("a", &format!("192.0.2.{number}")), 1).await, None, "{number}");
            }
            assert_eq!(tries(&db, &attempt("a", "2001:db8:0:0::1"), 2).await, None, "the site is new");
            for number in 1..12 {
                let again = attempt("a", &format!("2001:db8:0:{number:x}::1"));
                assert!(tries(&db, &again, 2).await.is_some(), "{number}: the same site");
            }
            assert!(tries(&db, &attempt("a", "2001:db8:0:ff00::1"), 2).await.is_some(), "the same /48");
            assert_eq!(tries(&db, &attempt("b", "2001:db8:0:1::1"), 2).await, None, "at nobody else's account");
            assert_eq!(tries(&db, &attempt("a", "2001:db8:1::1"), 2).await, None, "another site");
            assert!(comes_in(&db, &attempt("a", "203.0.113.9"), 3).await, "the holder comes in from a network that nobody knew");
        }

        /// A right attempt is taken back from what it was counted in: one that slowed strangers down slows them down no more, and makes no
        /// room for those that are new.
        async fn what_was_counted_is_taken_back(db: Db) {
            for number in 1..=4 {
                assert_eq!(tries(&db, &attempt("a", &format!("192.0.2.{number}")), 1).await, None, "{number}");
            }
            assert!(comes_in(&db, &attempt("a", "203.0.113.9"), 2).await, "the fifth, which is right");
            assert_eq!(tries(&db, &attempt("a", "192.0.2.1"), 2).await, None, "strangers are not slowed down");
            assert!(tries(&db, &attempt("a", "192.0.2.2"), 2).await.is_some(), "and by the fifth wrong one");
        }

        /// What many people behind one address mistype in a month, between right sign-ins, keeps nobody out there, and what strangers
        /// mistype at one account keeps nobody out elsewhere. A burst of guesses is slowed down all the same.
        async fn mistakes_of_many_keep_nobody_out(db: Db) {
            const APART: i64 = 12_960_000;
            let address = "192.0.2.1";
            for number in 0..200 {
                let at = number * APART;
                let colleague = attempt(&format!("colleague {}", number % 40), address);
                assert_eq!(tries(&db, &colleague, at).await, None, "{number}");
                assert!(comes_in(&db, &attempt("a", address), at + 1).await, "{number}");
                let away = attempt("a", &format!("203.0.113.{number}"));
                for at in [at + 2, at + 3] {
                    assert_eq!(tries(&db, &away, at).await, None, "{number}: strangers are not slowed down");
                }
            }
            let mut guesses = 0;
            for number in 0..50 {
                let victim = attempt(&format!("victim {number}"), address);
                guesses += u32::from(tries(&db, &victim, 200 * APART + number).await.is_none());
            }
            assert_eq!(guesses, 7, "six are free, and the one beyond costs the next");
            assert!(comes_in(&db, &known("a", address), 200 * APART + 50).await, "the holder's browser is not slowed down");
        }

        /// Whoever guesses for a day as often as they are let, at one account or at many, guesses little more than once in the longest delay.
        async fn guessing_all_day_is_bounded(db: Db) {
            const DAY: i64 = 86_400_000;
            for (address, accounts) in [("192.0.2.1", 1_000), ("192.0.2.2", 1)] {
                let (mut at, mut guesses) = (0, 0_u32);
                while at < DAY {
                    match tries(&db, &attempt(&format!("{address} {}", guesses % accounts), address), at).await {
                        None => guesses += 1,
                        Some(until) => at = until.0,
                    }
                }
                assert!((96..=120).contains(&guesses), "{address}: {guesses}");
            }
        }

        /// Refusals that name nobody are recorded so often of a network, and not more often by going through the networks of a site.
        async fn nameless_refusals_of_a_site_have_an_end(db: Db) {
            let recorded = db.write(|tx| Box::pin(async move {
                let mut recorded = [0; 2];
                for number in 0..500_u32 {
                    let address = format!("2001:db8:0:{:x}::1", number * 128).parse().unwrap();
                    recorded[0] += u32::from(is_recorded(tx, Some(address), Millis(1)).await?);
                    let address = format!("192.0.2.{}", number % 4).parse().unwrap();
                    recorded[1] += u32::from(is_recorded(tx, Some(address), Millis(1)).await?);
                }
                Ok::<_, Error>(recorded)
            })).await.unwrap();
            assert_eq!(recorded, [400, 400]);
        }
    }
}
