//! The server: five ports and those of LDAP, what works beside them, and an orderly end.

mod cards;
mod clock;
mod docs;
mod health;
pub mod locked;
pub mod recovery;
mod routes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use directory::ldap::LdapListener;
use platform::telemetry;
use platform::web::{Identity, Listener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{info, warn};

pub use clock::ClockState;
pub use docs::openapi;
pub use locked::{Given, GivenShare};

use crate::wiring::App;
use routes::Port;

/// A running server.
pub struct Server {
    app: App,
    stop: watch::Sender<bool>,
    listeners: JoinSet<anyhow::Result<()>>,
    identities: Vec<Arc<Identity>>,
    background: Background,
    private: SocketAddr,
    /// Dropped last, so that what is logged at the end is still sent.
    _telemetry: telemetry::Guard,
}

/// What works beside the requests. Stopping it anywhere loses nothing.
struct Background {
    log: audit::Running,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Opens every port, then starts to answer. When this returns, all listen.
    pub async fn start(app: App, telemetry: telemetry::Guard) -> anyhow::Result<Self> {
        let clock = ClockState::start(&app.config.time, app.discipline.clone()).await?;
        if let Some(register) = &app.register {
            // What a killed process has shown is in the record before a port answers.
            register.begin_journal().await?;
        }
        let mut ports = Vec::new();
        for port in Port::ALL {
            ports.push((port, Listener::bind(&port.listener(&app.config)).await?));
        }
        let ldap = match app.ldap()? {
            Some(faces) => Some(LdapListener::bind(faces).await?),
            None => None,
        };
        let identities = ports.iter().filter_map(|(_, listener)| listener.identity());
        let identities: Vec<Arc<Identity>> =
            identities.chain(ldap.as_ref().map(LdapListener::identity)).collect();
        let private = private_address(&ports)?;
        let (stop, stopped) = watch::channel(false);
        let numbers = health::Numbers { metrics: telemetry.metrics(), identities: identities.clone() };
        let mut listeners = JoinSet::new();
        for (port, listener) in ports {
            let router = port.router(&app, &clock, &numbers);
            let mut stopped = stopped.clone();
            listeners.spawn(async move {
                let told = async move {
                    // An error says that the sender is gone, which is a stop too.
                    let _ = stopped.wait_for(|stop| *stop).await;
                };
                listener.serve(router, told).await.with_context(|| format!("the {port:?} port ended"))
            });
        }
        if let Some(ldap) = ldap {
            let mut stopped = stopped.clone();
            listeners.spawn(async move {
                let told = async move {
                    let _ = stopped.wait_for(|stop| *stop).await;
                };
                ldap.serve(told).await.context("the ports of LDAP ended")
            });
        }
        let background = Background::start(&app, clock);
        info!(version = env!("CARGO_PKG_VERSION"), "the server listens");
        Ok(Self { app, stop, listeners, identities, background, private, _telemetry: telemetry })
    }

    /// Waits until everything it needs is there.
    pub async fn ready(&self, within: Duration) -> anyhow::Result<()> {
        let url = format!("http://{}/ready", self.private);
        let http = reqwest::Client::builder().no_proxy().build().context("could not prepare a client")?;
        let mut said = String::new();
        let asking = async {
            loop {
                if let Ok(answer) = http.get(&url).send().await {
                    let ready = answer.status().is_success();
                    said = answer.text().await.unwrap_or_default();
                    if ready {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(within, asking).await.is_err() {
            bail!("the server did not become ready within {} s: {said}", within.as_secs());
        }
        Ok(())
    }

    /// Runs until SIGTERM or SIGINT, then stops. On SIGHUP the TLS files are read again.
    pub async fn until_told(mut self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => self.reload(),
                Some(ended) = self.listeners.join_next() => {
                    let why = ended.map_err(anyhow::Error::from).and_then(|ended| ended);
                    self.stop().await?;
                    return why.and_then(|()| bail!("a port ended by itself"));
                }
            }
        }
        self.stop().await
    }

    /// Takes no more, finishes what was accepted, then ends everything in order.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        info!("the server stops; what was accepted is finished");
        self.stop.send_replace(true);
        let mut outcome = Ok(());
        while let Some(ended) = self.listeners.join_next().await {
            outcome = outcome.and(ended.map_err(anyhow::Error::from).and_then(|ended| ended));
        }
        if let Some(register) = &self.app.register {
            register.finish_journal().await;
        }
        self.background.stop().await;
        self.app.authority.leave_schedule().await;
        self.app.db.close().await;
        info!("the server has stopped");
        outcome
    }

    fn reload(&self) {
        for identity in &self.identities {
            match identity.reload() {
                Ok(()) => info!("the TLS certificate was read again"),
                Err(error) => warn!(%error, "the TLS certificate stays as it was: {error}"),
            }
        }
    }
}

fn private_address(ports: &[(Port, Listener)]) -> anyhow::Result<SocketAddr> {
    let private = ports.iter().find(|(port, _)| *port == Port::Private);
    private.map(|(_, listener)| listener.local_addr()).context("there is no private port")
}

impl Background {
    fn start(app: &App, clock: ClockState) -> Self {
        let mut tasks = vec![
            tokio::spawn(app.authority.clone().keep_schedule()),
            tokio::spawn(app.authority.clone().keep_acme()),
            tokio::spawn(app.enrolment.clone().keep_sweeping()),
            tokio::spawn(app.high_water.clone().keep(app.db.clone(), app.clock.clone())),
            tokio::spawn(clock.keep()),
            tokio::spawn(app.messages.clone().keep_sending()),
        ];
        if let Some(signer) = app.signer.clone() {
            let (sweeping, stamping) = (signer.clone(), signer.clone());
            tasks.push(tokio::spawn(async move { signer.keep_spare_keys().await }));
            tasks.push(tokio::spawn(async move { stamping.keep_time_stamping().await }));
            tasks.push(tokio::spawn(async move { sweeping.keep_sweeping().await }));
        }
        if let Some(register) = app.register.clone() {
            tasks.push(tokio::spawn(register.clone().keep_notifying()));
            tasks.push(tokio::spawn(register.clone().keep_model()));
            tasks.push(tokio::spawn(register.clone().keep_journal()));
            tasks.push(tokio::spawn(register.keep_sweeping()));
        }
        if let Some(provider) = app.provider.clone() {
            let (sweeping, following) = (provider.clone(), provider.clone());
            tasks.push(tokio::spawn(async move { provider.keep_telling().await }));
            tasks.push(tokio::spawn(async move { sweeping.keep_sweeping().await }));
            tasks.push(tokio::spawn(async move { following.follow_register().await }));
        }
        if let Some(register) = app.register_for("ca") {
            tasks.push(tokio::spawn(app.authority.clone().follow_register(register)));
        }
        if let (Some(register), Some(signer)) = (app.register_for("signer"), app.signer.clone()) {
            tasks.push(tokio::spawn(async move { signer.follow_register(register).await }));
        }
        Self { log: app.log.start(), tasks }
    }

    async fn stop(self) {
        for task in &self.tasks {
            task.abort();
        }
        // Last: whatever was recorded until here is put into the tree and signed.
        self.log.stop().await;
    }
}
