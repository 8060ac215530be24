//! Sign-in per second: tokens for clients, codes against ID tokens, whole sign-ins with a smartcard and with a passkey, and userinfo;
//! against `oidc-provider` of npm on its in-memory store in the same run, and against the token alone. What has a goal is told with it.
//!
//! `cargo bench --bench sign_in -- [CASE…]`: all cases without a name. Ours is durable on `SQLite`, the other keeps nothing. It ends with 1
//! when a goal was missed.

#[path = "../rig/goals.rs"]
mod goals;
#[path = "../rig/mod.rs"]
mod rig;

#[expect(dead_code, reason = "the bench of products opens pages")]
mod browser;
mod card;
mod drive;
mod passkeys;
mod peer;
#[expect(dead_code, reason = "the bench of products takes roles away")]
mod place;
mod provider;
mod questions;

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicUsize};

use hsm::Alg;
use hsm::testing::RawKey;

use drive::{Driven, ask, drive};
use goals::{Goal, Goals};
use peer::Peer;
use place::Place;
use provider::Provider;
use questions::{Question, has_access_token, has_id_token, has_subject};
use rig::load::Done;
use rig::secure::{Target, trusting};
use rig::site::Running;
use rig::{line, machine, number, percent, raw};

/// How many clients ask for tokens at the same time; of each side the best counts.
const TOKENS: [usize; 2] = [16, 64];
/// How many people sign in at the same time.
const PEOPLE: usize = 16;
/// How many ask for userinfo at the same time.
const USERINFO: usize = 64;
/// How many codes are made before they are exchanged.
const CODES: usize = 40_000;
/// How many whole sign-ins a second are the goal.
const WHOLE: f64 = 500.0;
/// What can be asked for alone.
const CASES: [&str; 6] =
    [CREDENTIALS, CODES_ES256, CODES_RS256, "sign-in-by-card", "sign-in-by-passkey", "userinfo"];
const CREDENTIALS: &str = "client-credentials";
const CODES_ES256: &str = "code-es256";
const CODES_RS256: &str = "code-rs256";
/// Codes, by the client that exchanges them.
const EXCHANGES: [(&str, &str); 2] = [("es256", CODES_ES256), ("rs256", CODES_RS256)];

fn main() -> anyhow::Result<()> {
    if raw::in_role()? {
        return Ok(());
    }
    platform::tls::install_crypto_provider();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

/// Ours, and everybody who is there.
struct Ours {
    place: Place,
    server: Running,
    provider: Provider,
    /// The same for connections that cost little.
    target: Target,
    people: Vec<card::Holder>,
    goals: Goals,
}

/// Tokens per second of one side, where they were asked for.
#[derive(Default)]
struct Rates {
    credentials: Option<f64>,
    /// By client, as in [`EXCHANGES`].
    codes: [Option<f64>; 2],
    /// RSA signatures of the token alone, before.
    token: Option<f64>,
}

async fn run() -> anyhow::Result<()> {
    // Cargo says `--bench` to every bench.
    let named = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let goals = Goals::new(&CASES, named)?;
    line(machine()?);
    let place = Place::make()?;
    let server = place.serve().await?;
    let provider = place.provider()?;
    let port = place.site().config()?.listen.public.port();
    let target = Target { process: server.id(), port, tls: trusting(&place.site().root(), None)? };
    let people = place.cards(&server).await?;
    let mut ours = Ours { place, server, provider, target, people, goals };
    let mut rates = Rates::default();
    let done = ours.tokens(&mut rates).await;
    ours.goals.after("tokens", done);
    let done = ours.people_sign_in().await;
    ours.goals.after("people who sign in", done);
    let Ours { place, server, mut goals, .. } = ours;
    // Whatever is measured now has the cores for itself.
    drop(server);
    let done = against_the_token(&place, &mut goals, &rates);
    goals.after("the token alone", done);
    let done = against_the_other(&mut goals, &rates).await;
    goals.after("oidc-provider", done);
    goals.tell()
}

impl Ours {
    /// What clients are given at the token endpoint.
    async fn tokens(&self, rates: &mut Rates) -> anyhow::Result<()> {
        if self.goals.want(&[CREDENTIALS]) {
            let asked = |at_once| credentials(&self.provider, &self.target, "es256", at_once);
            rates.credentials = Some(best_of("client_credentials", asked)?);
        }
        if self.goals.want(&[CODES_RS256]) {
            rates.token = Some(raw::rate(self.place.site(), Alg::Rsa2048, RawKey::Token)?.0);
        }
        for (rate, (client, case)) in rates.codes.iter_mut().zip(EXCHANGES) {
            if self.goals.want(&[case]) {
                let codes = card::codes(&self.provider, &self.people, client, CODES).await?;
                let unused = AtomicUsize::new(0);
                let asked =
                    |at_once| exchanges(&self.provider, &self.target, client, (&codes, &unused), at_once);
                *rate = Some(best_of(&format!("code with PKCE, {client}"), asked)?);
            }
        }
        Ok(())
    }

    /// Whole sign-ins, and what relying parties are told afterwards.
    async fn people_sign_in(&mut self) -> anyhow::Result<()> {
        let id = self.server.id();
        if self.goals.want(&["sign-in-by-card"]) {
            let whole = drive(id, PEOPLE, by_card(&self.provider, self.people.clone())).await?;
            report("whole sign-in by smartcard", &whole);
            self.goals.row(
                "whole sign-in by smartcard, ES256",
                "/s",
                whole.measured.rate,
                Some(at_least(WHOLE)),
            );
        }
        if self.goals.want(&["sign-in-by-passkey"]) {
            self.by_passkey().await?;
        }
        if self.goals.want(&["userinfo"]) {
            let access = self.people[0].access_token(&self.provider, "es256").await?;
            let driven = userinfo(&self.provider, &self.target, &access)?;
            report("userinfo", &driven);
            self.goals.row("userinfo", "/s", driven.measured.rate, Some(at_least(10_000.0)));
        }
        Ok(())
    }

    async fn by_passkey(&mut self) -> anyhow::Result<()> {
        let people = self.place.passkeys(&self.provider).await?;
        let cost = people[0].cost(&self.provider, "es256").await?;
        let whole = drive(self.server.id(), PEOPLE, by_passkey(&self.provider, people)).await?;
        report("whole sign-in by passkey", &whole);
        line(format_args!(
            "  of which the authenticator and its browser {cost:.0} us of the client; without them {:.0}/s at the same processor time",
            without(&whole, cost)
        ));
        self.goals.row("whole sign-in by passkey, ES256", "/s", whole.measured.rate, Some(at_least(WHOLE)));
        Ok(())
    }
}

/// Codes against ID tokens by RSA, and what the token does alone.
fn against_the_token(place: &Place, goals: &mut Goals, rates: &Rates) -> anyhow::Result<()> {
    let (Some(rate), Some(before)) = (rates.codes[1], rates.token) else { return Ok(()) };
    let (after, _) = raw::rate(place.site(), Alg::Rsa2048, RawKey::Token)?;
    let (copied, _) = raw::rate(place.site(), Alg::Rsa2048, RawKey::Copied)?;
    let alone = f64::midpoint(before, after);
    line(format_args!(
        "RSA-2048 in the token        {alone:>8.0}/s  alone (before {before:.0}, after {after:.0}), of which codes come to {}; {copied:.0}/s with the key in the session",
        percent(rate, alone)
    ));
    goals.row("code with PKCE, RS256, of the token alone", "%", 100.0 * rate / alone, Some(at_least(60.0)));
    Ok(())
}

/// The same tokens by the other, which is started for what ours has been asked.
async fn against_the_other(goals: &mut Goals, ours: &Rates) -> anyhow::Result<()> {
    if ours.credentials.is_none() && ours.codes.iter().all(Option::is_none) {
        return Ok(());
    }
    let peer = Peer::start().await?;
    let (provider, target) = (peer.provider()?, peer.target()?);
    if let Some(rate) = ours.credentials {
        let asked = |at_once| credentials(&provider, &target, "es256", at_once);
        let times = rate / best_of("oidc-provider: client_credentials", asked)?;
        goals.row("client_credentials against oidc-provider", "times", times, Some(at_least(5.0)));
    }
    for (rate, (client, _)) in ours.codes.iter().zip(EXCHANGES) {
        let Some(rate) = rate else { continue };
        let codes = peer.codes(client, CODES).await?;
        anyhow::ensure!(codes.len() == CODES, "oidc-provider made {} codes", codes.len());
        let unused = AtomicUsize::new(0);
        let asked = |at_once| exchanges(&provider, &target, client, (&codes, &unused), at_once);
        let theirs = best_of(&format!("oidc-provider: code, {client}"), asked)?;
        let goal = if client == "es256" { Some(at_least(4.0)) } else { None };
        let what = format!("code with PKCE, {client}, against oidc-provider");
        goals.row(&what, "times", rate / theirs, goal);
    }
    Ok(())
}

/// So much, or more.
fn at_least(value: f64) -> Goal {
    (Ordering::Greater, value)
}

/// What the rate would be if the client had not spent this much on each, in microseconds: everybody shares the cores.
fn without(driven: &Driven, cost: f64) -> f64 {
    let all = driven.measured.server_cpu + driven.measured.client_cpu;
    driven.measured.rate * all / (all - cost).max(1.0)
}

/// The best rate with few and with many at once.
fn best_of(what: &str, asked: impl Fn(usize) -> anyhow::Result<Driven>) -> anyhow::Result<f64> {
    let mut best: f64 = 0.0;
    for at_once in TOKENS {
        let driven = asked(at_once)?;
        report(&format!("{what}, {at_once} at once"), &driven);
        best = best.max(driven.measured.rate);
    }
    Ok(best)
}

fn credentials(provider: &Provider, target: &Target, client: &str, at_once: usize) -> anyhow::Result<Driven> {
    let question = Question::credentials(provider, client)?.alone();
    ask(target, at_once, |connection, _| {
        has_access_token(connection.ask(&question)?)?;
        Ok(Done::One)
    })
}

fn exchanges(
    provider: &Provider,
    target: &Target,
    client: &str,
    (codes, unused): (&[String], &AtomicUsize),
    at_once: usize,
) -> anyhow::Result<Driven> {
    let question = Question::exchange(provider, client)?;
    ask(target, at_once, |connection, _| {
        let next = unused.fetch_add(1, atomic::Ordering::Relaxed);
        let Some(code) = codes.get(next) else { return Ok(Done::NothingLeft) };
        has_id_token(connection.ask(&question.with_code(code))?)?;
        Ok(Done::One)
    })
}

fn by_card(provider: &Provider, people: Vec<card::Holder>) -> drive::Act {
    let (provider, people) = (provider.clone(), Arc::new(people));
    Arc::new(move |turn| {
        let (provider, people) = (provider.clone(), Arc::clone(&people));
        Box::pin(async move {
            people[turn % people.len()].signs_in(&provider, "es256").await?;
            Ok(Done::One)
        })
    })
}

fn by_passkey(provider: &Provider, people: Vec<passkeys::Holder>) -> drive::Act {
    let (provider, people) = (provider.clone(), Arc::new(people));
    Arc::new(move |turn| {
        let (provider, people) = (provider.clone(), Arc::clone(&people));
        Box::pin(async move {
            people[turn % people.len()].signs_in(&provider, "es256").await?;
            Ok(Done::One)
        })
    })
}

fn userinfo(provider: &Provider, target: &Target, access: &str) -> anyhow::Result<Driven> {
    let question = questions::userinfo(provider, access);
    ask(target, USERINFO, |connection, _| {
        has_subject(connection.ask(&question)?)?;
        Ok(Done::One)
    })
}

fn report(what: &str, Driven { measured, waits }: &Driven) {
    line(format_args!(
        "{what:<48}{:>8.0}/s  {} in all; processor {:.0} us server, {:.0} us client; {waits:.1} waits each; p50 {:.2} ms, p99 {:.2} ms",
        measured.rate,
        number(measured.latencies.len()),
        measured.server_cpu,
        measured.client_cpu,
        measured.quantile(500).as_secs_f64() * 1e3,
        measured.quantile(990).as_secs_f64() * 1e3,
    ));
}
