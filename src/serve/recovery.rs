//! The server on a restored database that is not yet fit for use: every port listens and says so, nothing else.

use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::routing::{any, get};
use platform::db::restored::Stage;
use platform::problem::Problem;
use platform::telemetry::Metrics;
use platform::web::Listener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::routes::Port;
use crate::config::Config;
use crate::wiring::{self, Foundation};

/// How often the database is asked whether it may be used.
const PAUSE: Duration = Duration::from_secs(1);

/// How the waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The database is fit for use.
    Fit,
    /// The process was told to stop.
    Told,
}

/// Waits until the database is fit for use, answering 503 on every port; at once where it is.
pub async fn wait(foundation: &Foundation, metrics: &Metrics) -> anyhow::Result<Waited> {
    let Some(restored) = foundation.db.restored().await? else { return Ok(Waited::Fit) };
    let said = wiring::in_recovery(&restored);
    if restored.stage == Stage::Restoring {
        anyhow::bail!("{said}");
    }
    warn!("{said}");
    let (stop, stopped) = watch::channel(false);
    let mut listeners = JoinSet::new();
    for port in Port::ALL {
        let listener = Listener::bind(&port.listener(&foundation.config)).await?;
        let router = router(port, &foundation.config, &said, metrics.clone());
        let mut stopped = stopped.clone();
        listeners.spawn(async move {
            let told = async move {
                // An error says that the sender is gone, which is a stop too.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            listener.serve(router, told).await.with_context(|| format!("the {port:?} port ended"))
        });
    }
    let waited = until_fit(foundation).await?;
    stop.send_replace(true);
    while let Some(ended) = listeners.join_next().await {
        ended??;
    }
    info!("recovery has ended: {waited:?}");
    Ok(waited)
}

async fn until_fit(foundation: &Foundation) -> anyhow::Result<Waited> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut again = tokio::time::interval(PAUSE);
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(Waited::Told),
            _ = interrupt.recv() => return Ok(Waited::Told),
            _ = again.tick() => {
                if foundation.db.restored().await?.is_none() {
                    return Ok(Waited::Fit);
                }
            }
        }
    }
}

fn router(port: Port, config: &Config, said: &str, metrics: Metrics) -> Router {
    let said = said.to_owned();
    let refuse = move || {
        let problem = Problem::unavailable("in-recovery", said.clone(), Duration::from_mins(1));
        async move { problem }
    };
    // Routes and no fallback: the layers around have one of their own.
    let router = Router::new().route("/", any(refuse.clone())).route("/{*path}", any(refuse));
    if port == Port::Private {
        return router
            .route("/live", get(|| async { "live\n" }))
            .route("/metrics", get(move || async move { metrics.render() }));
    }
    super::routes::in_their_words(router, &config.limits.anybody(), port.told())
}
