//! `lanyard serve`: the server, until it is told to stop.

use crate::config::Config;
use crate::serve::recovery::{self, Waited};
use crate::serve::{Server, locked};
use crate::terminal::line;
use crate::wiring::{App, Foundation};

/// Runs the server until SIGTERM or SIGINT, and finishes what was accepted.
pub async fn run(mut config: Config) -> anyhow::Result<()> {
    let telemetry = platform::telemetry::init(&config.telemetry)?;
    if locked::wait(&mut config, &telemetry.metrics()).await? == Waited::Told {
        return Ok(());
    }
    let foundation = Foundation::open(config).await?;
    if recovery::wait(&foundation, &telemetry.metrics()).await? == Waited::Told {
        foundation.close().await;
        return Ok(());
    }
    let app = App::open(foundation).await?;
    let listen = app.config.listen.clone();
    let server = Server::start(app, telemetry).await?;
    for (name, address) in listen.all() {
        line(format_args!("listening: {name:<8} {address}"));
    }
    server.until_told().await
}
