//! This very program as another process on the database and the token of a test.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use ca::api::{self, Client};
use ca::{Authority, Config};
use hsm::testing::TestToken;
use hsm::{Config as HsmConfig, Hsm, PinSource, TokenConfig};
use platform::clock::{Clock, HighWater, Millis};
use platform::db::testing::TestDb;
use platform::db::{self, Db};

use crate::world::{client, config};

/// What the child is to do, and with which serial.
const STEP: &str = "LANYARD_TEST_STEP";
const SERIAL: &str = "LANYARD_TEST_SERIAL";
const DATABASE: &str = "LANYARD_TEST_DATABASE";
const TOKEN: &str = "LANYARD_TEST_TOKEN";
/// What the child's clock shows.
const NOW: &str = "LANYARD_TEST_NOW";

/// What this process is to do, when it is a child.
pub(crate) fn step() -> Option<String> {
    std::env::var(STEP).ok()
}

/// With which serial.
pub(crate) fn serial() -> String {
    std::env::var(SERIAL).unwrap_or_default()
}

/// The address of the database.
pub(crate) fn database() -> String {
    std::env::var(DATABASE).unwrap()
}

/// Tells a command that will start this program what to do, and where.
pub(crate) fn told(command: &mut Command, token: &TestToken, database: &TestDb, step: &str, serial: &str) {
    let pin = token.dir().join("pin");
    let token = token.token_config();
    let token = format!("{}\n{}\n{}", token.module.display(), token.label, pin.display());
    command.env(STEP, step).env(SERIAL, serial).env(DATABASE, &database.config.url).env(TOKEN, token);
}

/// Tells it which time it is.
pub(crate) fn told_time(command: &mut Command, now: Millis) {
    command.env(NOW, now.0.to_string());
}

/// Starts the test of this name as a child, which must be killed at the point.
pub(crate) fn killed(
    test: &str,
    token: &TestToken,
    database: &TestDb,
    (step, serial): (&str, &str),
    point: &str,
    now: Option<Millis>,
) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env("LANYARD_FAIL_POINT", point);
    told(&mut command, token, database, step, serial);
    if let Some(now) = now {
        told_time(&mut command, now);
    }
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    // SIGABRT: it reached the point and nothing after it.
    assert_eq!(ended.status.signal(), Some(6), "{step} at {point}: {}: {said}", ended.status);
}

/// What an authority stands on.
pub(crate) struct Ground {
    pub(crate) hsm: Hsm,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) high_water: HighWater,
}

/// The token and the database of the test that started this process.
pub(crate) async fn ground() -> Ground {
    let told = std::env::var(TOKEN).unwrap();
    let [module, label, pin] = told.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let hsm = Hsm::open(HsmConfig::single(TokenConfig {
        module: module.into(),
        label: label.to_owned(),
        pin: PinSource::File(pin.into()),
        sessions: 2,
        live_keys: 16,
        session_copies: true,
    }));
    let hsm = hsm.await.unwrap();
    let now = std::env::var(NOW).ok().and_then(|now| now.parse().ok());
    let clock = now.map_or_else(Clock::system, |now| Clock::manual(Millis(now)).0);
    let db = Db::connect(&db::Config::new(database()), clock.clone()).await.unwrap();
    let high_water = HighWater::open(&db).await.unwrap();
    Ground { hsm, db, clock, high_water }
}

/// The authority of the test that started this process.
pub(crate) async fn as_another_process() -> (Authority, Client) {
    as_another_process_under(config()).await
}

/// The same under another configuration.
pub(crate) async fn as_another_process_under(config: Config) -> (Authority, Client) {
    let Ground { hsm, db, clock, high_water } = ground().await;
    let authority = Authority::open(config, &hsm, db, clock, high_water).await.unwrap();
    let client = client(&authority, &[api::ISSUE, api::REVOKE, api::READ]);
    (authority, client)
}
