//! Migrated databases to copy, so that not every test runs every migration.
//!
//! Where `LANYARD_TEST_TEMPLATES` names a folder, which `tools/with-postgres` makes and removes, the first test that needs a
//! database migrates one there, or in the cluster, and the others copy it. Its name holds what the migrations are, so one
//! of other migrations is never copied. It appears under that name only when it is whole.

use std::path::{Path, PathBuf};

use sqlx::{AssertSqlSafe, raw_sql};

use super::cluster;
use crate::clock::Clock;
use crate::db::{Config, Db, Engine, Tx, migrations};

/// The lock under which the template of a cluster is made; any number that nothing else takes in that database.
const LOCK: i64 = 7_011_983;

/// The folder of templates, where there is one.
pub(super) fn folder() -> Option<PathBuf> {
    std::env::var_os("LANYARD_TEST_TEMPLATES").map(PathBuf::from)
}

/// Lays a migrated database at `target`.
pub(super) async fn copy_sqlite(folder: &Path, target: &Path) {
    let template = folder.join(format!("{}.db", name(Engine::Sqlite)));
    if !template.exists() {
        let making =
            tempfile::Builder::new().prefix("making.").tempdir_in(folder).expect("a place to make it");
        let made = making.path().join("template.db");
        migrated(format!("sqlite:{}", made.display())).await;
        // Whoever was quicker made the same.
        std::fs::rename(&made, &template).expect("the template is laid in its place");
    }
    std::fs::copy(&template, target).expect("the template is copied");
}

/// The name of a migrated database of this cluster that nobody is connected to.
pub(super) async fn in_cluster(server: &str, admin: &mut Tx) -> String {
    let name = name(Engine::Postgres);
    if exists(admin, &name).await {
        return name;
    }
    let lock = sqlx::query("SELECT CAST(pg_advisory_lock($1) AS TEXT)").bind(LOCK);
    lock.execute(&mut *admin).await.expect("one makes the template at a time");
    if !exists(admin, &name).await {
        let making = format!("{name}_in_the_making");
        for statement in [format!("DROP DATABASE IF EXISTS {making}"), format!("CREATE DATABASE {making}")] {
            raw_sql(AssertSqlSafe(statement))
                .execute(&mut *admin)
                .await
                .expect("a database for the template");
        }
        migrated(cluster::url(server, &making)).await;
        let rename = AssertSqlSafe(format!("ALTER DATABASE {making} RENAME TO {name}"));
        raw_sql(rename).execute(&mut *admin).await.expect("the template is given its name");
    }
    let unlock = sqlx::query("SELECT CAST(pg_advisory_unlock($1) AS TEXT)").bind(LOCK);
    unlock.execute(&mut *admin).await.expect("the next may look");
    name
}

async fn exists(admin: &mut Tx, name: &str) -> bool {
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM pg_database WHERE datname = $1").bind(name);
    let count: i64 = count.fetch_one(&mut *admin).await.expect("the cluster lists its databases");
    count > 0
}

async fn migrated(url: String) {
    let db = Db::connect(&Config::new(url), Clock::system()).await.expect("the template opens");
    db.migrate().await.expect("the migrations run");
    db.close().await;
}

/// Of the template of these very migrations.
fn name(engine: Engine) -> String {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};

    let mut hasher = DefaultHasher::new();
    for checksum in migrations::checksums(engine) {
        checksum.hash(&mut hasher);
    }
    format!("template_{:016x}", hasher.finish())
}
