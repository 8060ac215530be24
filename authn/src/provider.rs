//! The provider: what every request shares.

use std::pin::Pin;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use hsm::Hsm;
use platform::caller::Caller;
use platform::clock::{Clock, Millis};
use platform::db::Db;
use platform::db::looking::Looking;
use platform::db::together::Together;
use platform::id::ClientId;
use platform::problem::Problem;
use tokio::sync::Semaphore;

use crate::client::{Fetching, Remembered};
use crate::config::Config;
use crate::error::Error;
use crate::login::Login;
use crate::oidc::crowds::Crowds;
use crate::oidc::face::Faces;
use crate::oidc::giving::Given;
use crate::oidc::possession::Proofs;
use crate::outward::Outward;
use crate::sandbox;
use crate::store::{clients, codes, restored, tokens};
use crate::token::Keys;

/// How many reports are written as files at the same time.
const REPORTS: usize = 4;

/// Makes a caller of the certificates of a card that has just signed, its own first: path, purpose and revocation are looked at. The
/// server has one place that does this.
pub type Holders =
    Arc<dyn Fn(Vec<Vec<u8>>) -> Pin<Box<dyn Future<Output = Result<Caller, Problem>> + Send>> + Send + Sync>;

/// What the provider is made of.
pub struct Parts {
    /// Its section of the configuration.
    pub config: Config,
    /// The database, migrated: the register's own, because whoever opens a session looks there whether its person has left.
    pub db: Db,
    /// What time it is.
    pub clock: Clock,
    /// The tokens, opened.
    pub hsm: Hsm,
    /// The register, spoken to as sign-in: it needs the acts to read claims and to follow changes.
    pub directory: directory::api::Client,
    /// The certificate authority, spoken to as sign-in: it needs the act to read.
    pub ca: ca::api::Client,
    /// Who holds a card.
    pub holders: Holders,
}

/// Sign-in, ready for requests. Clones share everything.
#[derive(Clone)]
pub struct Provider(Arc<Shared>);

/// What the clones share.
pub struct Shared {
    pub(crate) config: Config,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) hsm: Hsm,
    pub(crate) directory: directory::api::Client,
    pub(crate) ca: ca::api::Client,
    pub(crate) holders: Holders,
    pub(crate) random: SystemRandom,
    /// The issuers and their addresses.
    pub(crate) faces: Faces,
    /// When the database was last put back from a copy: whether something was used before that is not known.
    pub(crate) restored: Option<Millis>,
    /// The keys that sign tokens.
    pub(crate) keys: Keys,
    /// What calls relying parties.
    pub(crate) outward: Outward,
    /// Who fetches key sets, and who waits for them.
    pub(crate) fetching: Fetching,
    /// How many requests wait.
    pub(crate) crowds: Crowds,
    /// What is known of proofs of keys.
    pub(crate) proofs: Proofs,
    /// What stores tokens, those of requests that come together at once.
    pub(crate) given: Together<Given>,
    /// What finds relying parties, codes and tokens, those of requests that come together at once.
    pub(crate) lookups: Lookups,
    /// Relying parties that were read a moment ago.
    pub(crate) remembered: Remembered,
    /// What the sign-in pages share.
    pub(crate) login: Login,
    /// Places for reports that are written as files at the same time.
    pub(crate) reports: Arc<Semaphore>,
}

/// What is found by a key for nearly every request.
pub(crate) struct Lookups {
    pub(crate) clients: Looking<clients::ById>,
    pub(crate) codes: Looking<codes::ByHash>,
    pub(crate) tokens: Looking<tokens::ByHash>,
}

impl Lookups {
    fn start(db: &Db) -> Self {
        Self { clients: Looking::start(db), codes: Looking::start(db), tokens: Looking::start(db) }
    }
}

impl std::ops::Deref for Provider {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Provider {
    /// The acts that a relying party is registered with; none where there is no such one, or it was closed.
    ///
    /// It needs the database alone: whoever keeps a way to ask keeps no provider, and so none of the token's handles.
    pub async fn acts_of(db: &Db, id: &ClientId) -> Result<Vec<String>, Error> {
        let found = clients::find_open(db.read(), id).await?;
        Ok(found.map(|client| client.config().acts.clone()).unwrap_or_default())
    }

    /// Takes requests from then on. Token keys that are missing are made.
    ///
    /// Run [`Provider::keep_telling`] and [`Provider::keep_sweeping`] beside it, or nobody hears of ended sessions and nothing goes.
    pub async fn open(parts: Parts) -> Result<Self, Error> {
        let Parts { mut config, db, clock, hsm, directory, ca, holders } = parts;
        config.check()?;
        if let Some(settings) = &config.sandbox {
            sandbox::open(settings, &ca, &db, clock.now()).await?;
            config.name = sandbox::named(&config.name);
        }
        let keys = Keys::open(&hsm, &config.keys).await?;
        keys.record(&db, clock.now()).await?;
        let restored = restored::last(db.read()).await?;
        let shared = Shared {
            outward: Outward::open(&config)?,
            faces: Faces::of(&config),
            restored,
            keys,
            login: Login::open(&config)?,
            random: SystemRandom::new(),
            fetching: Fetching::default(),
            crowds: Crowds::default(),
            proofs: Proofs::default(),
            given: Together::start(&db),
            lookups: Lookups::start(&db),
            remembered: Remembered::default(),
            config,
            db,
            clock,
            hsm,
            directory,
            ca,
            reports: Arc::new(Semaphore::new(REPORTS)),
            holders,
        };
        Ok(Self(Arc::new(shared)))
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }
}
