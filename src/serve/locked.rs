//! The server while the PIN of its token is in the hands of several people: every port listens and says so, and the
//! private port takes their shares. Nothing of the token is touched before enough were given.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use hsm::shares::Share;
use platform::problem::Problem;
use platform::telemetry::Metrics;
use platform::web::{Json, Listener};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::recovery::Waited;
use super::routes::Port;
use crate::config::Config;
use crate::unlocking::{Locks, Standing, Unlocked};

/// The largest share, in octets.
const LARGEST: usize = 8 * 1024;

/// A share as `lanyard unlock` sends it, opened by its holder's passphrase.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GivenShare {
    /// The text of the share.
    pub share: String,
}

/// What a share led to.
#[derive(Debug, Deserialize, Serialize)]
pub struct Given {
    /// What `/ready` says of the locks.
    pub said: String,
    /// Whether the server goes on to open its token.
    pub unlocked: bool,
}

/// How the waiting for shares ended, for the record.
#[derive(Debug, Default)]
pub struct Opening {
    /// What was unlocked; nothing where no PIN is in shares.
    pub unlocked: Vec<Unlocked>,
    /// How many shares were refused.
    pub refused: u32,
}

#[derive(Clone)]
struct Waiting {
    locks: Arc<Mutex<Locks>>,
    /// How many shares were refused.
    refused: Arc<AtomicU32>,
    /// Told when the last share that is needed came.
    open: Arc<Notify>,
}

/// Waits until the PIN of every token is known, answering 503 on every port; at once where it is. `None` when told to stop.
pub async fn wait(config: &mut Config, metrics: &Metrics) -> anyhow::Result<Option<Opening>> {
    let locks = Locks::of(config)?;
    if locks.is_open() {
        return Ok(Some(Opening::default()));
    }
    warn!("{}", locks.said());
    let waiting = Waiting {
        locks: Arc::new(Mutex::new(locks)),
        refused: Arc::default(),
        open: Arc::new(Notify::new()),
    };
    let (stop, stopped) = watch::channel(false);
    let mut listeners = JoinSet::new();
    for port in Port::ALL {
        let listener = Listener::bind(&port.listener(config)).await?;
        let router = router(port, config, &waiting, metrics.clone());
        let mut stopped = stopped.clone();
        listeners.spawn(async move {
            let told = async move {
                // An error says that the sender is gone, which is a stop too.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            listener.serve(router, told).await.with_context(|| format!("the {port:?} port ended"))
        });
    }
    let forgetting = tokio::spawn(forget_old(waiting.clone()));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let waited = tokio::select! {
        _ = terminate.recv() => Waited::Told,
        _ = interrupt.recv() => Waited::Told,
        () = waiting.open.notified() => Waited::Fit,
    };
    forgetting.abort();
    stop.send_replace(true);
    while let Some(ended) = listeners.join_next().await {
        ended??;
    }
    if waited == Waited::Told {
        return Ok(None);
    }
    let mut locks = waiting.locks.lock().unwrap_or_else(PoisonError::into_inner);
    locks.hand_over(config);
    info!("enough shares were given; the token is opened");
    let refused = waiting.refused.load(Ordering::Acquire);
    Ok(Some(Opening { unlocked: locks.unlocked().to_vec(), refused }))
}

fn router(port: Port, config: &Config, waiting: &Waiting, metrics: Metrics) -> Router {
    if port == Port::Private {
        return Router::new()
            .route("/live", get(|| async { "live\n" }))
            .route("/ready", get(ready))
            .route("/unlock", post(unlock))
            .route("/metrics", get(move || async move { metrics.render() }))
            .layer(DefaultBodyLimit::max(LARGEST))
            .with_state(waiting.clone());
    }
    // Strangers learn neither the token's name nor how many shares are missing.
    let refuse = || async {
        let said = "This server is locked: those who hold shares of its PIN have to unlock it first.";
        Problem::unavailable("locked", said, Duration::from_mins(1))
    };
    // Routes and no fallback: the layers around have one of their own.
    let router = Router::new().route("/", any(refuse)).route("/{*path}", any(refuse));
    super::routes::in_their_words(router, &config.limits.anybody(), port.told())
}

/// Forgets shares of those who did not come together, for as long as it is polled.
async fn forget_old(waiting: Waiting) {
    let mut minutes = tokio::time::interval(Duration::from_mins(1));
    loop {
        minutes.tick().await;
        let forgotten = waiting.locks.lock().unwrap_or_else(PoisonError::into_inner).forget(Instant::now());
        if forgotten > 0 {
            warn!(forgotten, "{forgotten} shares were forgotten: not enough came within half an hour");
        }
    }
}

async fn ready(State(waiting): State<Waiting>) -> Response {
    let detail = waiting.locks.lock().unwrap_or_else(PoisonError::into_inner).said();
    let body = json!({ "ready": false, "checks": [{ "name": "token", "ok": false, "detail": detail }] });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

async fn unlock(
    State(waiting): State<Waiting>,
    Json(given): Json<GivenShare>,
) -> Result<Json<Given>, Problem> {
    let text = Zeroizing::new(given.share);
    let share = Share::from_text(&text, None);
    let mut locks = waiting.locks.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = share.and_then(|share| {
        let number = share.number();
        locks.add(share, Instant::now()).map(|standing| (number, standing))
    });
    match taken {
        Ok((number, standing)) => {
            let said = locks.said();
            // Who holds it stands beside its number in the description of the shares; logs have no names.
            info!(number, "share {number} was given; {said}");
            let unlocked = standing == Standing::Open;
            if unlocked {
                waiting.open.notify_one();
            }
            Ok(Json(Given { said, unlocked }))
        }
        Err(error) => {
            waiting.refused.fetch_add(1, Ordering::AcqRel);
            warn!("a share was refused; whoever gave it was told why");
            Err(Problem::conflict("share-refused", error.to_string()))
        }
    }
}
