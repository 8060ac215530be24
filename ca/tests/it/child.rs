//! This very program as another process on the database and the token of a test.

use std::process::Command;

use ca::Authority;
use ca::api::{self, Client};
use hsm::{Config as HsmConfig, Hsm, PinSource, TokenConfig};
use platform::clock::{Clock, HighWater, Millis};
use platform::db::testing::TestDb;
use platform::db::{self, Db};

use crate::world::{World, client, config};

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
pub(crate) fn told(command: &mut Command, world: &World, database: &TestDb, step: &str, serial: &str) {
    let token = world.token.token_config();
    let pin = world.token.dir().join("pin");
    let token = format!("{}\n{}\n{}", token.module.display(), token.label, pin.display());
    command.env(STEP, step).env(SERIAL, serial).env(DATABASE, &database.config.url).env(TOKEN, token);
}

/// Tells it which time it is.
pub(crate) fn told_time(command: &mut Command, now: Millis) {
    command.env(NOW, now.0.to_string());
}

/// The authority of the test that started this process.
pub(crate) async fn as_another_process() -> (Authority, Client) {
    let told = std::env::var(TOKEN).unwrap();
    let [module, label, pin] = told.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let hsm = Hsm::open(HsmConfig::single(TokenConfig {
        module: module.into(),
        label: label.to_owned(),
        pin: PinSource::File(pin.into()),
        sessions: 2,
        live_keys: 16,
    }));
    let hsm = hsm.await.unwrap();
    let now = std::env::var(NOW).ok().and_then(|now| now.parse().ok());
    let clock = now.map_or_else(Clock::system, |now| Clock::manual(Millis(now)).0);
    let db = Db::connect(&db::Config::new(database()), clock.clone()).await.unwrap();
    let high_water = HighWater::open(&db).await.unwrap();
    let authority = Authority::open(config(), &hsm, db, clock, high_water).await.unwrap();
    let client = client(&authority, &[api::ISSUE, api::REVOKE, api::READ]);
    (authority, client)
}
