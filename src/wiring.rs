//! How the modules are put together: opened in their order, each with a client to those below it.

use std::sync::{Arc, Mutex};

use anyhow::Context;
use authn::Provider;
use axum::Router;
use axum::middleware::from_fn_with_state;
use ca::{Authority, CallerSource, Enrolment};
use directory::Register;
use directory::ldap::{Account, Identify, LdapParts, Rates};
use hsm::Hsm;
use platform::caller::Caller;
use platform::clock::{Accuracy, Clock, Discipline, HighWater};
use platform::db::Db;
use platform::db::exclusive::Exclusive;
use platform::db::restored::{Restored, Stage};
use platform::id::ClientId;
use platform::message::{self, Carriers};
use platform::peer::Peer;
use platform::problem::Problem;
use platform::web::{ClientCertificates, Protocols, Resumption, TlsConfig};
use signer::Signer;

use crate::callers::{self, Callers};
use crate::config::Config;
use crate::{document_key, message_keys, secrets};

/// How long the lock of a process that has just ended is waited for.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// What everything stands on: the database at its newest schema and the token, opened.
pub struct Foundation {
    /// The configuration.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// The durable mark of the latest act.
    pub high_water: HighWater,
    /// The database.
    pub db: Db,
    /// The token.
    pub hsm: Hsm,
}

impl Foundation {
    /// Opens the database, brings it to the newest schema, and opens the token.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        platform::tls::install_crypto_provider();
        let (config, clock) = (Arc::new(config), Clock::system());
        let db = database(&config, &clock).await?;
        db.migrate().await.context("the database could not be brought to this version's schema")?;
        Self::on(config, clock, db).await
    }

    /// The same for what only looks, such as the copy before an update: a database of another version is refused and left as it is.
    pub async fn open_as_is(config: Config) -> anyhow::Result<Self> {
        platform::tls::install_crypto_provider();
        let (config, clock) = (Arc::new(config), Clock::system());
        let db = database(&config, &clock).await?;
        let missing =
            db.pending_migrations().await.context("the database is not of this version's schema")?;
        anyhow::ensure!(
            missing == 0,
            "{missing} migrations are missing in the database, and nothing was done: a backup is taken with the version that \
             migrated it last; afterwards run `lanyard migrate`"
        );
        Self::on(config, clock, db).await
    }

    async fn on(config: Arc<Config>, clock: Clock, db: Db) -> anyhow::Result<Self> {
        let high_water = HighWater::open(&db).await.context("the clock's mark could not be read")?;
        let hsm = Hsm::open(config.hsm.clone())
            .await
            .context("the token could not be opened; `lanyard check` says more")?;
        Ok(Self { config, clock, high_water, db, hsm })
    }

    /// The log of acts, whose key a ceremony made.
    pub async fn log(&self) -> anyhow::Result<audit::Log> {
        let label = &self.config.audit.key;
        let key = self.hsm.key(label).await.with_context(|| {
            format!("the key {label} of the audit record is not in the token; `lanyard ceremony` makes it")
        })?;
        audit::Log::open(self.db.clone(), key, self.config.audit.clone(), self.clock.clone())
            .await
            .context("the audit record could not be opened")
    }

    /// The certificate authority, which a ceremony made; with the lock of its number in this database, unless a process that
    /// runs has it.
    pub async fn authority(&self) -> anyhow::Result<(Authority, Option<Exclusive>)> {
        let alone =
            self.alone().await.context("whether another process has this number could not be seen")?;
        let (db, clock, high_water) = (self.db.clone(), self.clock.clone(), self.high_water.clone());
        let (config, hsm) = (self.config.ca.clone(), &self.hsm);
        let opened = match alone {
            Some(_) => Authority::open(config, hsm, db, clock, high_water).await,
            None => Authority::open_beside(config, hsm, db, clock, high_water).await,
        };
        Ok((opened.context("the certificate authority could not be opened")?, alone))
    }

    /// The lock of `[ca] instance`. That of a process that was killed goes a moment after it.
    pub async fn alone(&self) -> Result<Option<Exclusive>, platform::db::Error> {
        let name = format!("instance-{}", self.config.ca.instance.number());
        for _ in 0..LOCK_TRIES {
            if let Some(alone) = self.db.exclusively(&name).await? {
                return Ok(Some(alone));
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        Ok(None)
    }

    /// Finishes what was accepted and closes the database.
    pub async fn close(self) {
        self.db.close().await;
    }
}

/// A restored copy is not used before what happened since is accounted for.
async fn demand_fit(db: &Db) -> anyhow::Result<()> {
    match db.restored().await.context("whether the database is a restored copy could not be read")? {
        None => Ok(()),
        Some(restored) => anyhow::bail!("{}", in_recovery(&restored)),
    }
}

/// What a client is granted exists, or whoever wrote its name meant another.
pub fn demand_profiles(config: &Config) -> anyhow::Result<()> {
    let profiles = config.ca.read_profiles()?;
    for (id, client) in config.clients.all() {
        let unknown = client.profiles.iter().find(|profile| profiles.find(profile.as_str()).is_none());
        if let Some(profile) = unknown {
            anyhow::bail!("[clients.{id}] names the profile {profile}, which does not exist");
        }
    }
    Ok(())
}

/// Says that a database is a restored copy, and what to do.
pub fn in_recovery(restored: &Restored) -> String {
    match restored.stage {
        Stage::Restoring => {
            "a restore into this database did not come to its end: it holds half a copy; empty it \
             and run `lanyard restore` again"
                .to_owned()
        }
        Stage::Recovering => format!(
            "the database is a copy of {}, restored at {}, and stays out of use until `lanyard recover` has been given \
             the newest checkpoint or revocation list seen outside",
            restored.taken_at, restored.restored_at
        ),
    }
}

/// Connects to the database as the configuration says.
pub async fn database(config: &Config, clock: &Clock) -> anyhow::Result<Db> {
    Db::connect(&config.database, clock.clone()).await.with_context(|| {
        format!("the database {} could not be opened; see [database]", shown(&config.database.url))
    })
}

/// A database address without what must not be shown: who logs in with which password, before the host or as a parameter.
pub fn shown(url: &str) -> String {
    let address = match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(host)) if scheme < host => format!("{}://…{}", &url[..scheme], &url[host..]),
        _ => url.to_owned(),
    };
    let Some((place, parameters)) = address.split_once('?') else { return address };
    let parameters: Vec<&str> = parameters
        .split('&')
        .map(|parameter| if parameter.starts_with("password=") { "password=…" } else { parameter })
        .collect();
    format!("{place}?{}", parameters.join("&"))
}

/// Every module, opened. Clones are handles on the same ones.
#[derive(Clone)]
pub struct App {
    /// The configuration.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// Whether it can be believed, as whoever serves finds out.
    pub discipline: Discipline,
    /// The durable mark of the latest act.
    pub high_water: HighWater,
    /// The database.
    pub db: Db,
    /// The token.
    pub hsm: Hsm,
    /// The log of acts.
    pub log: audit::Log,
    /// The certificate authority.
    pub authority: Authority,
    /// The roads of EST and CMP.
    pub enrolment: Enrolment,
    /// Prescription signing, where the configuration has it.
    pub signer: Option<Signer>,
    /// The register of people, organisations and roles, where the configuration has it.
    pub register: Option<Register>,
    /// Sign-in for relying parties, where the configuration has it.
    pub provider: Option<Provider>,
    /// What sends messages to people.
    pub messages: message::Sender,
    /// Who calls.
    pub callers: Callers,
    /// The lock of this process's number, held and never looked at; nothing where another process runs under it.
    alone: Option<Arc<Mutex<Exclusive>>>,
}

impl App {
    /// Opens every module on a foundation.
    pub async fn open(foundation: Foundation) -> anyhow::Result<Self> {
        demand_fit(&foundation.db).await?;
        demand_profiles(&foundation.config)?;
        let log = foundation.log().await?;
        let (authority, alone) = foundation.authority().await?;
        let Foundation { config, clock, high_water, db, hsm } = foundation;
        let reading = client(ca::router(authority.clone()), "callers", &[ca::api::READ]);
        let callers = Callers::new(
            reading,
            config.clients.clone(),
            config.directory.clone().unwrap_or_default().sign_in_certificate,
            clock.clone(),
            config.limits.per_address,
        );
        let enrolment = Enrolment::new(authority.clone(), hsm.clone(), caller_source(&callers))
            .context("the roads in [ca.enrol] cannot be used")?;
        let carriers = Carriers::open(&config.messages).context("messages cannot be sent")?;
        let unseal = message_keys::ready(&db, &hsm, &clock).await?;
        let messages = message::Sender::opening(db.clone(), clock.clone(), carriers, unseal);
        let mut app = Self {
            config,
            clock,
            discipline: Discipline::unknown(),
            high_water,
            db,
            hsm,
            log,
            authority,
            enrolment,
            signer: None,
            register: None,
            provider: None,
            messages,
            callers,
            alone: alone.map(Mutex::new).map(Arc::new),
        };
        if let Some(section) = app.config.directory.clone() {
            app.register = Some(app.open_register(section).await?);
        }
        if let Some(section) = app.config.authn.clone() {
            app.provider = Some(app.open_provider(section).await?);
        }
        if let Some(register) = &app.register {
            register.ask_grants(app.grants());
        }
        app.signer = app.config.signer.clone().map(|section| app.open_signer(section)).transpose()?;
        Ok(app)
    }

    /// What programs are granted: those of the configuration, and those that are registered where people sign in.
    fn grants(&self) -> directory::Grants {
        // The provider has a way to the register: one from the register to it would be a circle, which nobody lets go of.
        let registered = self.provider.as_ref().map(|_| self.db.clone());
        let clients = self.config.clients.clone();
        Arc::new(move |id: ClientId| {
            let own = clients.find(&id).map(|client| &client.acts);
            let granted: Option<Vec<String>> =
                own.map(|acts| acts.iter().map(|act| act.0.to_owned()).collect());
            let registered = registered.clone();
            Box::pin(async move {
                match (granted, registered) {
                    (Some(granted), _) => Ok(granted),
                    (None, Some(db)) => Provider::acts_of(&db, &id).await.map_err(Problem::from),
                    (None, None) => Ok(Vec::new()),
                }
            })
        })
    }

    /// Refuses to go on beside a process of the same number: what one starts with, the other has in flight.
    pub fn demand_alone(&self) -> anyhow::Result<()> {
        if self.alone.is_some() {
            return Ok(());
        }
        let number = self.config.ca.instance.number();
        anyhow::bail!(
            "another process serves this database as [ca] instance {number}; stop it first, or give this one another number"
        )
    }

    fn open_signer(&self, config: signer::Config) -> anyhow::Result<Signer> {
        let acts = [ca::api::ISSUE, ca::api::REVOKE, ca::api::READ];
        Signer::new(signer::Parts {
            config,
            db: self.db.clone(),
            hsm: self.hsm.clone(),
            ca: client(self.authority_router(), "signer", &acts),
            clock: self.clock.clone(),
            sign_in: self.sign_in(),
            record: Some(self.record()),
            discipline: self.discipline.clone(),
            high_water: self.high_water.clone(),
        })
        .context("the signer could not be opened")
    }

    /// The audit record, as the signer shows what it recorded.
    fn record(&self) -> Peer {
        Peer::local(audit::router(self.log.clone()), Caller::module("signer", &[audit::api::READ]))
    }

    /// Where people sign in, as the signer sees it; none where they do not sign in here.
    fn sign_in(&self) -> Option<signer::SignIn> {
        let (provider, config) = (self.provider.clone()?, self.config.authn.as_ref()?);
        let peer = Peer::local(authn::router(provider), Caller::module("signer", &[authn::api::SIGNING]));
        let client = authn::api::SigningClient::new(peer);
        Some(signer::SignIn { client, origin: config.issuer.clone(), name: config.name.clone() })
    }

    async fn open_register(&self, config: directory::Config) -> anyhow::Result<Register> {
        let document_key = document_key::ready(&config, &self.db).await?;
        let (db, clock) = (self.db.clone(), self.clock.clone());
        let parts = directory::Parts { config, db, clock, document_key };
        Register::new(parts).context("the register could not be opened")
    }

    /// What the ports of LDAP are made of, where the configuration has them.
    pub fn ldap(&self) -> anyhow::Result<Option<LdapParts>> {
        let section = self.config.directory.as_ref().and_then(|directory| directory.ldap.clone());
        let (Some(config), Some(register)) = (section, self.register.clone()) else { return Ok(None) };
        let accounts = config.accounts.iter().map(|(name, account)| {
            let dn = account.dn.clone().unwrap_or_else(|| format!("cn={name},o=nhs"));
            let secret = *secrets::read_key(&account.password)?;
            Ok(Account {
                name: name.clone(),
                dn,
                secret,
                people: account.people,
                hidden: account.hidden.clone(),
            })
        });
        let accounts = accounts.collect::<anyhow::Result<Vec<Account>>>()?;
        let callers = self.callers.clone();
        let identify: Identify = Arc::new(move |chain, address| {
            let callers = callers.clone();
            Box::pin(async move { callers.of_connection(&chain, address).await })
        });
        let tls = TlsConfig {
            certificate: self.config.tls.certificate.clone(),
            key: self.config.tls.key.clone(),
            client_certificates: ClientCertificates::AcceptAny,
            resumption: Resumption::Allowed,
            protocols: Protocols::Other,
        };
        let limits = &self.config.limits;
        let rates = Rates { known: limits.per_client, strangers: limits.per_address };
        Ok(Some(LdapParts { config, register, tls, accounts, identify, rates }))
    }

    async fn open_provider(&self, mut config: authn::Config) -> anyhow::Result<Provider> {
        config.systems = self.config.clients.all().map(|(id, _)| id.clone()).collect();
        config.signing_page = self.config.signer.as_ref().map(|_| signer::api::AUTHORISE_PAGE.to_owned());
        let register = self.register.clone().context(
            "[authn] needs [directory] in the same configuration: whoever signs in is a person of the register",
        )?;
        let acts = [directory::api::CLAIMS, directory::api::CHANGES, directory::api::ASK];
        let caller = Caller::module("authn", &acts);
        let authority = self.authority_router().merge(self.cards_router(register.clone()));
        let parts = authn::Parts {
            config,
            db: self.db.clone(),
            clock: self.clock.clone(),
            hsm: self.hsm.clone(),
            directory: directory::api::Client::new(Peer::local(directory::router(register), caller)),
            ca: client(authority, "authn", &[ca::api::READ, ca::api::HOLDERS]),
            holders: caller_source(&self.callers).identify,
        };
        Provider::open(parts).await.context("sign-in could not be opened")
    }

    /// The register as a module that follows its changes calls it; none where it is not kept here.
    pub fn register_for(&self, module: &'static str) -> Option<directory::api::Client> {
        self.register_as(module, directory::api::CHANGES)
    }

    /// The register as a module calls it that does one thing there.
    fn register_as(
        &self,
        module: &'static str,
        act: platform::caller::Act,
    ) -> Option<directory::api::Client> {
        let router = directory::router(self.register.clone()?);
        Some(directory::api::Client::new(Peer::local(router, Caller::module(module, &[act]))))
    }

    /// The authority as an operator of this machine calls it, who holds the token's PIN.
    pub fn operator(&self) -> ca::api::Client {
        client(self.authority_router(), "operator", &[ca::api::ISSUE, ca::api::READ, ca::api::ACME])
    }

    /// The authority's routes; whatever changes a certificate there is known to [`Callers`] at once.
    pub fn authority_router(&self) -> Router {
        let forget = from_fn_with_state(self.callers.clone(), callers::forget_after_changes);
        ca::router(self.authority.clone()).layer(forget)
    }

    /// The routes of card management, which asks this register.
    fn cards_router(&self, register: Register) -> Router {
        let caller = Caller::module("ca", &[directory::api::ASK, directory::api::CLAIMS]);
        let peer = Peer::local(directory::router(register), caller);
        let cards = ca::Cards::new(self.authority.clone(), directory::api::Client::new(peer));
        let forget = from_fn_with_state(self.callers.clone(), callers::forget_after_changes);
        ca::cards_router(cards).layer(forget)
    }

    /// The routes of every module that runs here.
    pub fn modules(&self) -> Router {
        let forget = from_fn_with_state(self.callers.clone(), callers::forget_after_revocation);
        let acme = ca::acme_router(self.authority.clone()).layer(forget);
        // These forget callers themselves, when they revoke: anybody can post to them.
        let enrolment = ca::enrolment_router(self.enrolment.clone());
        let router = self.authority_router().merge(acme).merge(enrolment);
        let router = router.merge(audit::router(self.log.clone()));
        let router = match &self.register {
            Some(register) => router.merge(directory::router(register.clone())),
            None => router,
        };
        let router = match self.register_as("ca", directory::api::ASK) {
            Some(register) => router.merge(ca::reports_router(self.authority.clone(), register)),
            None => router,
        };
        let router = match &self.register {
            Some(register) => router.merge(self.cards_router(register.clone())),
            None => router,
        };
        let router = match &self.provider {
            Some(provider) => router.merge(authn::router(provider.clone())),
            None => router,
        };
        match &self.signer {
            Some(signer) => router.merge(signer::router(signer.clone())),
            None => router,
        }
    }
}

/// Certificates that come in a message of CMP make callers as those of a TLS connection do.
fn caller_source(callers: &Callers) -> CallerSource {
    let (knowing, forgetting) = (callers.clone(), callers.clone());
    CallerSource {
        identify: Arc::new(move |chain| {
            let callers = knowing.clone();
            Box::pin(async move { callers.of_message(&chain).await })
        }),
        forget: Arc::new(move || forgetting.forget()),
    }
}

fn client(router: Router, name: &'static str, acts: &[platform::caller::Act]) -> ca::api::Client {
    ca::api::Client::new(Peer::local(router, Caller::module(name, acts)))
}

/// How well the clock is kept, in words.
pub fn told(accuracy: Accuracy) -> String {
    match accuracy.bound {
        Some(bound) => format!("right within {} ms", bound.as_millis()),
        None => "trusted because the configuration says so (host-trusted)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A password in a database address is not shown.
    #[test]
    fn passwords_are_not_shown() {
        for (url, expected) in [
            ("postgres://me:secret@host/name", "postgres://…@host/name"),
            ("postgres://me:sec@ret?@host/name", "postgres://…@host/name"),
            ("postgres://host/name?user=me&password=secret", "postgres://host/name?user=me&password=…"),
            (
                "postgres://me@host/name?password=secret&sslmode=require",
                "postgres://…@host/name?password=…&sslmode=require",
            ),
        ] {
            assert_eq!(shown(url), expected);
        }
        assert_eq!(shown("sqlite:/var/lib/lanyard.db"), "sqlite:/var/lib/lanyard.db");
    }
}
