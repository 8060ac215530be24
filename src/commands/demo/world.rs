//! The invented world: organisations and national roles brought in as an operator does it, people and everything else said
//! over HTTPS, each thing by whoever may do it.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::time::Duration;

use anyhow::{Context, bail};
use directory::seed::{self, Answer, Body, Planted, Saying, Somebody, Speaker, Voice, World};
use directory::{Day, Register, organisation, rbac};
use platform::clock::{Clock, Millis};
use platform::id::UserId;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::people::Callers;
use super::places::{OPERATOR, Places};
use crate::client::{Sent, Server};
use crate::config::Listen;
use crate::terminal::{Outcome, line};
use crate::wiring::App;

/// What the world follows from.
const SEED: u64 = 1;
/// For how long an import that was killed may hold the next one off, and a little more.
const IMPORT_HELD: Duration = Duration::from_secs(70);
/// How long to wait before asking again.
const IMPORT_PAUSE: Duration = Duration::from_secs(2);

/// Whether this installation is one for an invented world: one that an earlier version made is not.
pub(super) fn has_room(app: &App) -> anyhow::Result<bool> {
    let operator = OPERATOR.parse().context("the name of the operator is a client id")?;
    Ok(app.register.is_some() && app.config.clients.find(&operator).is_some())
}

/// Organisations and national roles, from the project's own releases.
pub(super) async fn bring_in(app: &App) -> anyhow::Result<Outcome> {
    let register = app.register.as_ref().context("the register is not kept here")?;
    let world = World::new(SEED);
    let actor = audit::Actor::system("demo");
    let report = organisations(register, &seed::release(world.places), &actor).await?;
    if let Some(refused) = report.refused.first() {
        bail!("the organisation {} was refused: {}", refused.code, refused.sentence);
    }
    let roles = seed::national_roles().context("the national roles do not read")?;
    let roles = rbac::import(register, roles, rbac::Mode::Apply, &actor)
        .await
        .context("the national roles could not be brought in")?;
    let what = format!("{} organisations, national roles", world.places.len());
    let new = report.progress.created > 0 || matches!(roles, rbac::Imported::New { .. });
    Ok(if new { Outcome::Done(what) } else { Outcome::InPlace(what) })
}

/// Brings the organisations in. One who was killed at it holds the next one off for a minute.
async fn organisations(
    register: &Register,
    release: &str,
    actor: &audit::Actor,
) -> anyhow::Result<organisation::Report> {
    let given_up = Instant::now() + IMPORT_HELD;
    loop {
        let reader = Cursor::new(release.as_bytes().to_vec());
        let done = organisation::import(register, reader, organisation::Mode::Apply, |_| {}, actor).await;
        match done {
            Err(directory::Error::Conflict { code: "import-running", .. }) if Instant::now() < given_up => {
                tokio::time::sleep(IMPORT_PAUSE).await;
            }
            done => return done.context("the organisations could not be brought in"),
        }
    }
}

/// People, positions, assignments, requests, by their own acts.
pub(super) async fn plant(callers: &Callers, clock: &Clock) -> anyhow::Result<(Planted, Outcome)> {
    let now = clock.now();
    let carrier =
        Carrier { callers, operator: callers.operator()?, people: Mutex::new(BTreeMap::new()), now };
    let planted = seed::plant(&World::new(SEED), Day::of(now), &carrier).await?;
    let what = format!("{} people, {} positions", planted.people.len(), World::new(SEED).seats.len());
    let outcome = if planted.made > 0 { Outcome::Done(what) } else { Outcome::InPlace(what) };
    Ok((planted, outcome))
}

/// Carries what is said to the server, as whoever says it.
struct Carrier<'c> {
    callers: &'c Callers,
    operator: Server,
    /// Those who have spoken; each has a sign-in certificate of their own.
    people: Mutex<BTreeMap<UserId, Server>>,
    now: Millis,
}

impl Carrier<'_> {
    async fn server(&self, voice: &Voice) -> anyhow::Result<Server> {
        let Voice::Person { user_id, name } = voice else { return Ok(self.operator.clone()) };
        let mut people = self.people.lock().await;
        if let Some(server) = people.get(user_id) {
            return Ok(server.clone());
        }
        let server = self.callers.somebody(user_id, name, self.now).await?;
        people.insert(user_id.clone(), server.clone());
        Ok(server)
    }
}

impl Speaker for Carrier<'_> {
    type Error = anyhow::Error;

    async fn say(&self, saying: Saying) -> anyhow::Result<Answer> {
        let server = self.server(&saying.voice).await?;
        let sent = match saying.body {
            Body::Nothing => Sent::Nothing,
            Body::Json(value) => Sent::Json(value),
            Body::Csv(text) => Sent::Csv(text),
        };
        let (status, text) = server.change(saying.method, &saying.path, sent).await?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { status, body })
    }
}

/// Whom to be, and what to try as them. Only those who have spoken have a sign-in certificate.
pub(super) fn show(planted: &Planted, places: &Places, listen: &Listen) {
    let find = |seat: &str| planted.people.iter().find(|one| one.seat == seat);
    let tell = |one: &Somebody, what: &str| {
        line(format_args!(
            "  {:<12}  {:<28} {:<8} {what}",
            one.user_id,
            one.display_name(),
            one.organisation
        ));
    };
    line("\nSome of the people of the register");
    for (seat, what) in [
        ("managers", "RA manager: everything here"),
        ("advanced", "RA agent, advanced"),
        ("agents", "RA agent"),
        ("checkers", "ID checker"),
        ("administrators", "local smartcard administrator"),
        ("ward-sponsor", "sponsor: assigns nurses of ward 7, asks for the rest"),
        ("practice-sponsor", "sponsor of the surgery"),
        ("partners", "prescriber"),
        ("superintendent", "sponsor of the pharmacies"),
    ] {
        if let Some(one) = find(seat) {
            tell(one, what);
        }
    }
    let (Some(manager), Some(sponsor)) = (find("managers"), find("ward-sponsor")) else { return };
    let base = format!("https://{}:{}/directory", super::HOST, listen.systems.port());
    line("\nTry, as the RA manager and as the sponsor");
    line(format_args!("  cd {}", places.root.display()));
    for (one, path) in [
        (manager, "/people?organisation=Z9902"),
        (manager, "/requests"),
        (manager, "/positions?organisation=Z99&below=yes"),
        (sponsor, "/actor"),
        (sponsor, "/requests?view=mine"),
    ] {
        line(format_args!("  {}", command(one, &base, path)));
    }
}

/// A command that can be pasted in the folder of the demonstration.
fn command(one: &Somebody, base: &str, path: &str) -> String {
    let id = &one.user_id;
    format!("curl --cacert clients/root.pem --cert people/{id}.pem --key people/{id}.key '{base}{path}'")
}
