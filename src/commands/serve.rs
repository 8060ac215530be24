//! `lanyard serve`: the server, until it is told to stop.

use anyhow::Context;
use audit::Actor;
use platform::db::{self, Tx};

use crate::config::Config;
use crate::events::Event;
use crate::serve::Server;
use crate::serve::locked::{self, Opening};
use crate::serve::recovery::{self, Waited};
use crate::terminal::line;
use crate::wiring::{App, Foundation};

/// Runs the server until SIGTERM or SIGINT, and finishes what was accepted.
pub async fn run(mut config: Config) -> anyhow::Result<()> {
    let telemetry = platform::telemetry::init(&config.telemetry)?;
    let Some(opening) = locked::wait(&mut config, &telemetry.metrics()).await? else { return Ok(()) };
    let foundation = Foundation::open(config).await?;
    if recovery::wait(&foundation, &telemetry.metrics()).await? == Waited::Told {
        foundation.close().await;
        return Ok(());
    }
    let app = App::open(foundation).await?;
    app.demand_alone()?;
    record(&app, opening).await.context("who unlocked the token could not be written into the record")?;
    let listen = app.config.listen.clone();
    let server = Server::start(app, telemetry).await?;
    for (name, address) in listen.all() {
        line(format_args!("listening: {name:<8} {address}"));
    }
    server.until_told().await
}

/// Writes down which shares unlocked the token, before anything is served with it. A restored database is written into only
/// once it is fit for use.
async fn record(app: &App, Opening { unlocked, refused }: Opening) -> Result<(), db::Error> {
    if unlocked.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    app.db
        .write(move |tx: &mut Tx| {
            Box::pin(async move {
                for one in unlocked {
                    let event =
                        Event::Unlocked { token: one.token, set: one.set, shares: one.shares, refused };
                    audit::record(tx, now, &Actor::system("unlock"), &event).await?;
                }
                Ok(())
            })
        })
        .await
}
