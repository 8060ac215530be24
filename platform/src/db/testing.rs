//! A database of its own for each test, on both engines.
//!
//! [`both_engines!`](crate::both_engines) makes two tests of one: `name::sqlite` and `name::postgres`. `PostgreSQL` is
//! the running cluster whose socket directory or URL is in `LANYARD_TEST_POSTGRES`, with one new database for each
//! test; without it a throw-away cluster is started and removed again.

use std::future::Future;
use std::path::Path;

use sqlx::{AssertSqlSafe, Connection as _, raw_sql};
use tempfile::TempDir;

use super::{Config, Db, Engine, Tx};
use crate::clock::Clock;

mod cluster;
mod template;

pub use cluster::Cluster;

/// A migrated database that is gone when this is dropped.
pub struct TestDb {
    /// The database.
    pub db: Db,
    /// How to open it once more.
    pub config: Config,
    _folder: TempDir,
    _cluster: Option<Cluster>,
    /// Where it is removed from: a cluster that others use goes on.
    _shared: Option<Box<Shared>>,
}

/// A database in a cluster that others use, removed when this is dropped.
struct Shared {
    server: String,
    name: String,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let (url, name) = (cluster::url(&self.server, "postgres"), self.name.clone());
        // The runtime of the test is about to end, or is this very thread's.
        let removing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut admin = Tx::connect(&url).await?;
                let drop = AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
                raw_sql(drop).execute(&mut admin).await?;
                admin.close().await
            })?;
            Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
        });
        if !matches!(removing.join(), Ok(Ok(()))) {
            // Its cluster is removed when all tests have run.
            tracing::warn!(name = self.name, "a database of a test was not removed");
        }
    }
}

impl TestDb {
    /// A new database on this engine, with the machine's clock.
    pub async fn new(engine: Engine) -> Self {
        Self::with_clock(engine, Clock::system()).await
    }

    /// A new database that keeps what it has said is kept, as one in earnest does: for measuring. On `PostgreSQL` it has a
    /// cluster of its own, with that server's own settings.
    ///
    /// # Panics
    ///
    /// If there is none to be had; nothing can be measured.
    pub async fn durable(engine: Engine) -> Self {
        super::connection::install_drivers();
        let folder = tempfile::Builder::new().prefix("lanyard-db.").tempdir().expect("a temporary folder");
        let (url, cluster) = match engine {
            Engine::Sqlite => (sqlite_url(folder.path()), None),
            Engine::Postgres => {
                let cluster = Cluster::durable();
                (cluster::url(&cluster.socket_folder().display().to_string(), "postgres"), Some(cluster))
            }
        };
        let config = Config::new(url);
        let db = Db::connect(&config, Clock::system()).await.expect("the database opens");
        db.migrate().await.expect("the migrations run");
        Self { db, config, _folder: folder, _cluster: cluster, _shared: None }
    }

    /// A new database on this engine.
    ///
    /// # Panics
    ///
    /// If there is none to be had; the test cannot go on.
    pub async fn with_clock(engine: Engine, clock: Clock) -> Self {
        super::connection::install_drivers();
        let folder = tempfile::Builder::new().prefix("lanyard-db.").tempdir().expect("a temporary folder");
        let (url, cluster, shared) = match engine {
            Engine::Sqlite => {
                if let Some(templates) = template::folder() {
                    template::copy_sqlite(&templates, &folder.path().join("test.db")).await;
                }
                (sqlite_url(folder.path()), None, None)
            }
            Engine::Postgres => postgres_url(None).await,
        };
        let config = Config::new(url);
        let db = Db::connect(&config, clock).await.expect("the test database opens");
        db.migrate().await.expect("the migrations run");
        Self { db, config, _folder: folder, _cluster: cluster, _shared: shared }
    }

    /// A new database on `PostgreSQL` that orders texts as a language does, such as `en`, wherever a column does not say otherwise.
    ///
    /// # Panics
    ///
    /// If there is none to be had; the test cannot go on.
    pub async fn in_language(language: &str) -> Self {
        super::connection::install_drivers();
        let folder = tempfile::Builder::new().prefix("lanyard-db.").tempdir().expect("a temporary folder");
        let (url, cluster, shared) = postgres_url(Some(language)).await;
        let config = Config::new(url);
        let db = Db::connect(&config, Clock::system()).await.expect("the test database opens");
        db.migrate().await.expect("the migrations run");
        Self { db, config, _folder: folder, _cluster: cluster, _shared: shared }
    }
}

fn sqlite_url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("test.db").display())
}

async fn postgres_url(language: Option<&str>) -> (String, Option<Cluster>, Option<Box<Shared>>) {
    let (server, cluster) = if let Ok(given) = std::env::var("LANYARD_TEST_POSTGRES") {
        (given, None)
    } else {
        let cluster = Cluster::start();
        (cluster.socket_folder().display().to_string(), Some(cluster))
    };
    let name = format!("test_{}", uuid::Uuid::now_v7().simple());
    let mut admin = Tx::connect(&cluster::url(&server, "postgres")).await.expect("the test cluster answers");
    // The name is made of our own letters and digits.
    let create = match (language, template::folder()) {
        (Some(language), _) => {
            format!("CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE '{language}'")
        }
        (None, Some(_)) => {
            let template = template::in_cluster(&server, &mut admin).await;
            // A thousand small files: copied in half the time that it takes to write each page to the log.
            format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        }
        (None, None) => format!("CREATE DATABASE {name}"),
    };
    raw_sql(AssertSqlSafe(create)).execute(&mut admin).await.expect("a database for the test");
    admin.close().await.expect("the connection closes");
    let url = cluster::url(&server, &name);
    let shared = if cluster.is_none() { Some(Box::new(Shared { server, name })) } else { None };
    (url, cluster, shared)
}

/// Runs a test against a new database of one engine. What [`both_engines!`](crate::both_engines) expands to.
///
/// # Panics
///
/// If the runtime does not start.
pub fn run<F, Fut>(engine: Engine, test: F)
where
    F: FnOnce(Db) -> Fut,
    Fut: Future<Output = ()>,
{
    super::connection::install_drivers();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the test");
    runtime.block_on(async {
        let test_db = TestDb::new(engine).await;
        test(test_db.db.clone()).await;
        test_db.db.close().await;
    });
}

/// Makes a test for each engine of one asynchronous function that takes a [`Db`].
///
/// ```text
/// platform::both_engines! {
///     /// What holds on both engines.
///     async fn rows_stay(db: Db) { … }
/// }
/// ```
#[macro_export]
macro_rules! both_engines {
    ($($(#[$attribute:meta])* async fn $name:ident($db:ident : $type:ty) $body:block)+) => {
        $(
            // A function and a module may share a name, so the body stays in the file around it.
            $(#[$attribute])*
            async fn $name($db: $type) $body

            mod $name {
                /// What the body says, on SQLite.
                #[test]
                fn sqlite() {
                    $crate::db::testing::run($crate::db::Engine::Sqlite, super::$name);
                }

                /// What the body says, on PostgreSQL.
                #[test]
                fn postgres() {
                    $crate::db::testing::run($crate::db::Engine::Postgres, super::$name);
                }
            }
        )+
    };
}
