//! Sign-in per second: tokens for clients, codes against ID tokens, whole sign-ins with a smartcard and with a passkey, and userinfo;
//! against `oidc-provider` of npm on its in-memory store in the same run, and against the token alone. What has a goal is told with it.
//!
//! `cargo bench --bench sign_in`. Ours is durable on `SQLite`, the other keeps nothing.

#[path = "../rig/mod.rs"]
mod rig;

mod browser;
mod card;
mod drive;
mod passkeys;
mod peer;
mod place;
mod provider;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hsm::Alg;
use hsm::testing::RawKey;

use drive::{Done, Driven, drive};
use peer::Peer;
use place::Place;
use provider::Provider;
use rig::{line, machine, percent, raw};

/// How many clients ask for tokens at the same time.
const TOKENS: usize = 16;
/// How many people sign in at the same time.
const PEOPLE: usize = 16;
/// How many ask for userinfo at the same time.
const USERINFO: usize = 64;
/// How many codes are made before they are exchanged.
const CODES: usize = 20_000;
/// How many whole sign-ins a second are the goal.
const WHOLE: f64 = 500.0;

fn main() -> anyhow::Result<()> {
    if raw::in_role()? {
        return Ok(());
    }
    platform::tls::install_crypto_provider();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

/// What both sides did.
struct Rates {
    credentials: f64,
    es256: f64,
    rs256: f64,
}

async fn run() -> anyhow::Result<()> {
    line(machine()?);
    let place = Place::make()?;
    let ours = ours(&place).await?;
    let (alone, _) = raw::rate(place.site(), Alg::Rsa2048, RawKey::Token)?;
    let (copied, _) = raw::rate(place.site(), Alg::Rsa2048, RawKey::Copied)?;
    line(format_args!(
        "RSA-2048 in the token        {alone:>8.0}/s  alone; {copied:.0}/s with the key in the session"
    ));
    let theirs = theirs().await?;
    times("client_credentials", ours.credentials / theirs.credentials, Some(5.0));
    times("code with PKCE, es256", ours.es256 / theirs.es256, Some(4.0));
    times("code with PKCE, rs256", ours.rs256 / theirs.rs256, None);
    let (part, goal) = (ours.rs256 / alone, 0.6);
    line(format_args!(
        "{:<34}{:>8}    of the token alone; goal 60 % {}",
        "code with PKCE, rs256",
        percent(ours.rs256, alone),
        verdict(part, goal)
    ));
    line(format_args!("load at the end: {}", std::fs::read_to_string("/proc/loadavg")?.trim()));
    // Last, so that every number is there.
    anyhow::ensure!(!MISSED.load(Ordering::Relaxed), "a goal was missed");
    Ok(())
}

async fn ours(place: &Place) -> anyhow::Result<Rates> {
    let server = place.serve().await?;
    let provider = place.provider()?;
    let people = place.cards(&server).await?;
    let id = server.id();
    let credentials = drive(id, TOKENS, credentials(&provider, "es256")).await?;
    report("client_credentials", &credentials, None);
    let mut rates = [0.0; 2];
    for (rate, client) in rates.iter_mut().zip(["es256", "rs256"]) {
        let codes = card::codes(&provider, &people, client, CODES).await?;
        let driven = drive(id, TOKENS, exchanges(&provider, client, codes)).await?;
        report(&format!("code with PKCE, {client}"), &driven, None);
        *rate = driven.measured.rate;
    }
    let access = people[0].access_token(&provider, "es256").await?;
    let whole = drive(id, PEOPLE, by_card(&provider, people)).await?;
    report("whole sign-in by smartcard", &whole, Some(WHOLE));
    let people = place.passkeys(&provider).await?;
    let cost = people[0].cost(&provider, "es256").await?;
    let whole = drive(id, PEOPLE, by_passkey(&provider, people)).await?;
    report("whole sign-in by passkey", &whole, Some(WHOLE));
    line(format_args!(
        "  of which the authenticator and its browser {cost:.0} us of the client; without them {:.0}/s at the same processor time",
        without(&whole, cost)
    ));
    let userinfo = drive(id, USERINFO, userinfo(&provider, access)).await?;
    report("userinfo", &userinfo, Some(10_000.0));
    Ok(Rates { credentials: credentials.measured.rate, es256: rates[0], rs256: rates[1] })
}

/// What the rate would be if the client had not spent this much on each, in microseconds: everybody shares the cores.
fn without(driven: &Driven, cost: f64) -> f64 {
    let all = driven.measured.server_cpu + driven.measured.client_cpu;
    driven.measured.rate * all / (all - cost).max(1.0)
}

async fn theirs() -> anyhow::Result<Rates> {
    let peer = Peer::start().await?;
    let provider = peer.provider()?;
    let credentials = drive(peer.id(), TOKENS, credentials(&provider, "es256")).await?;
    report("oidc-provider: client_credentials", &credentials, None);
    let mut rates = [0.0; 2];
    for (rate, client) in rates.iter_mut().zip(["es256", "rs256"]) {
        let codes = peer.codes(client, CODES).await?;
        let driven = drive(peer.id(), TOKENS, exchanges(&provider, client, codes)).await?;
        report(&format!("oidc-provider: code, {client}"), &driven, None);
        *rate = driven.measured.rate;
    }
    Ok(Rates { credentials: credentials.measured.rate, es256: rates[0], rs256: rates[1] })
}

fn credentials(provider: &Provider, client: &'static str) -> drive::Act {
    let provider = provider.clone();
    Arc::new(move |_| {
        let provider = provider.clone();
        Box::pin(async move { provider.credentials(client).await.map(|()| Done::One) })
    })
}

fn exchanges(provider: &Provider, client: &'static str, codes: Vec<String>) -> drive::Act {
    let (provider, codes) = (provider.clone(), Arc::new(codes));
    Arc::new(move |turn| {
        let (provider, codes) = (provider.clone(), Arc::clone(&codes));
        Box::pin(async move {
            let Some(code) = codes.get(turn) else { return Ok(Done::NothingLeft) };
            provider.exchange(client, code).await?;
            Ok(Done::One)
        })
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

fn userinfo(provider: &Provider, access: String) -> drive::Act {
    let provider = provider.clone();
    Arc::new(move |_| {
        let (provider, access) = (provider.clone(), access.clone());
        Box::pin(async move { provider.userinfo(&access).await.map(|()| Done::One) })
    })
}

/// Whether a goal was missed.
static MISSED: AtomicBool = AtomicBool::new(false);

fn verdict(value: f64, goal: f64) -> &'static str {
    if value >= goal {
        return "ok";
    }
    MISSED.store(true, Ordering::Relaxed);
    "MISSED"
}

/// How many times the other's rate ours is.
fn times(what: &str, value: f64, goal: Option<f64>) {
    let held = goal.map_or_else(String::new, |goal| format!("; goal {goal} {}", verdict(value, goal)));
    line(format_args!("{what:<34}{value:>8.1}    times oidc-provider{held}"));
}

fn report(what: &str, Driven { measured, waits }: &Driven, goal: Option<f64>) {
    let held =
        goal.map_or_else(String::new, |goal| format!("goal {goal}/s {}; ", verdict(measured.rate, goal)));
    line(format_args!(
        "{what:<34}{:>8.0}/s  {held}processor {:.0} us server, {:.0} us client; {waits:.1} waits each; p50 {:.2} ms, p99 {:.2} ms",
        measured.rate,
        measured.server_cpu,
        measured.client_cpu,
        measured.quantile(500).as_secs_f64() * 1e3,
        measured.quantile(990).as_secs_f64() * 1e3,
    ));
}
