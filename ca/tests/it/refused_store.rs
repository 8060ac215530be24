//! A certificate was signed and the database refused to store it.
//!
//! A trigger makes the database refuse, as a full disk or a broken index would. What was signed never leaves; until it is
//! known what became of the serial it is nobody's, and then it counts as revoked.

use std::time::Duration;

use ca::Authority;
use ca::api::{CertificateState, Reason, RevokeRequest};
use pki::ocsp::{Hash, Status};
use platform::db::{self, Db, Engine};
use platform::problem::Kind;

use crate::ocsp::{ask, id_of, issuer};
use crate::world::{World, client, config, listed, prescriber, refusal, until};

const COMPROMISED: RevokeRequest = RevokeRequest { reason: Reason::KeyCompromise, invalidity_date: None };

platform::both_engines! {
    /// While it is open it cannot be read, revoked or found good, is on no list, and the same request is told to wait. The
    /// schedule closes it: from then on answers, list and record say revoked, and the request gets another serial.
    async fn the_schedule_closes_what_was_not_stored(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        world.authority.renew_responders().await;
        let request = prescriber("not-stored");
        let serial = refused(&world, &request).await;
        is_nobodys(&world, &serial).await;
        assert_eq!(refusal(world.client.issue(&request).await).1, "request-in-progress");

        allow(&world.db).await;
        assert_eq!(refusal(world.client.issue(&request).await).1, "request-in-progress");
        hand.advance(Duration::from_mins(11));
        let schedule = tokio::spawn(world.authority.clone().keep_schedule());
        until(async || world.client.certificate(&serial).await.is_ok()).await;
        schedule.abort();
        is_revoked(&world, &world.authority, &serial).await;
        let again = world.client.issue(&request).await.unwrap();
        assert_ne!(again.serial, serial);
    }

    /// The next start closes it at once, also while the database still refuses to store certificates.
    async fn a_start_closes_what_was_not_stored(db: Db) {
        let (world, _hand) = World::with_hand(db).await;
        world.authority.renew_responders().await;
        let request = prescriber("not-stored");
        let serial = refused(&world, &request).await;
        let (authority, _client) = world.again(config()).await;
        is_revoked(&world, &authority, &serial).await;
        allow(&world.db).await;
        assert_ne!(world.client.issue(&request).await.unwrap().serial, serial);
    }

    /// A serial that another process closed while the token was signing stays closed: the certificate is not stored over it
    /// and does not leave.
    async fn a_closed_serial_stays_closed(db: Db) {
        let (world, _hand) = World::with_hand(db).await;
        close_under_way(&world.db).await;
        let (kind, code) = refusal(world.client.issue(&prescriber("closed")).await);
        assert_ne!(kind, Kind::Invalid, "{code}");
        assert_eq!(in_state(&world.db, "abandoned").await.len(), 1);
        assert!(in_state(&world.db, "linted").await.is_empty());
        assert_eq!(recorded(&world.db, "certificate-issued", "prescriber-remote-signing").await, 0);
    }
}

/// Has a certificate signed that is not stored, and says its serial.
async fn refused(world: &World, request: &ca::api::IssueRequest) -> String {
    refuse(&world.db).await;
    let outcome = world.client.issue(request).await;
    assert!(matches!(refusal(outcome).0, Kind::Internal | Kind::Unavailable));
    let open = in_state(&world.db, "linted").await;
    assert_eq!(open.len(), 1, "its bytes were stored before they were signed");
    assert_eq!(recorded(&world.db, "certificate-issued", &open[0]).await, 0);
    open[0].clone()
}

async fn is_nobodys(world: &World, serial: &str) {
    assert_eq!(refusal(world.client.certificate(serial).await.map(drop)).0, Kind::NotFound);
    assert_eq!(refusal(world.client.revoke(serial, &COMPROMISED).await.map(drop)).0, Kind::NotFound);
    assert_ne!(status(world, &world.authority, serial).await, Status::Good);
    world.authority.make_due_crls().await;
    assert!(listed(&world.crl("remote-signing").await, serial).is_none());
}

async fn is_revoked(world: &World, authority: &Authority, serial: &str) {
    let client = client(authority, &[ca::api::READ, ca::api::REVOKE]);
    let found = client.certificate(serial).await.unwrap();
    assert_eq!((found.state, found.certificate), (CertificateState::Abandoned, None));
    assert!(matches!(status(world, authority, serial).await, Status::Revoked { .. }));
    // A schedule that was stopped on its way may have taken a number, which is not taken twice.
    until(async || {
        authority.make_due_crls().await;
        listed(&world.crl("remote-signing").await, serial).is_some()
    })
    .await;
    assert_eq!(refusal(client.revoke(serial, &COMPROMISED).await.map(drop)).0, Kind::Conflict);
    assert_eq!(recorded(&world.db, "certificate-abandoned", serial).await, 1);
    assert_eq!(recorded(&world.db, "certificate-issued", serial).await, 0);
}

async fn status(world: &World, authority: &Authority, serial: &str) -> Status {
    let issuer = issuer(world, "remote-signing").await;
    ask(world, authority, &issuer, &id_of(Hash::Sha1, &issuer, serial)).await.status()
}

async fn in_state(db: &Db, state: &str) -> Vec<String> {
    let sql = "SELECT serial FROM ca_certificate WHERE state = $1";
    sqlx::query_scalar(sql).bind(state.to_owned()).fetch_all(db.read()).await.unwrap()
}

/// How many events of this name speak of this text.
async fn recorded(db: &Db, name: &str, text: &str) -> usize {
    let sql = "SELECT body FROM audit_event WHERE name = $1";
    let bodies: Vec<Vec<u8>> =
        sqlx::query_scalar(sql).bind(name.to_owned()).fetch_all(db.read()).await.unwrap();
    bodies.iter().filter(|body| String::from_utf8_lossy(body).contains(text)).count()
}

/// The database stores no certificate from now on.
async fn refuse(db: &Db) {
    run(
        db,
        match db.engine() {
            Engine::Sqlite => {
                "CREATE TRIGGER refuse BEFORE UPDATE ON ca_certificate WHEN NEW.state = 'issued' \
             BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
            }
            Engine::Postgres => {
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'the disk is full'; END $$; \
             CREATE TRIGGER refuse BEFORE UPDATE ON ca_certificate FOR EACH ROW WHEN (NEW.state = 'issued') \
             EXECUTE FUNCTION refuse()"
            }
        },
    )
    .await;
}

/// It stores them again.
async fn allow(db: &Db) {
    run(
        db,
        match db.engine() {
            Engine::Sqlite => "DROP TRIGGER refuse",
            Engine::Postgres => "DROP TRIGGER refuse ON ca_certificate",
        },
    )
    .await;
}

/// A serial is closed in the moment in which its bytes are stored, as another process's schedule might do it much later.
async fn close_under_way(db: &Db) {
    run(db, match db.engine() {
        Engine::Sqlite => {
            "CREATE TRIGGER close_it AFTER INSERT ON ca_certificate WHEN NEW.state = 'linted' BEGIN \
             UPDATE ca_certificate SET state = 'abandoned', revoked_at = 1, reason = 0 WHERE serial = NEW.serial; END"
        }
        Engine::Postgres => {
            "CREATE FUNCTION close_it() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN NEW.state := 'abandoned'; NEW.revoked_at := 1; NEW.reason := 0; RETURN NEW; END $$; \
             CREATE TRIGGER close_it BEFORE INSERT ON ca_certificate FOR EACH ROW WHEN (NEW.state = 'linted') \
             EXECUTE FUNCTION close_it()"
        }
    })
    .await;
}

async fn run(db: &Db, sql: &'static str) {
    let done: Result<(), db::Error> = db
        .write(move |tx| Box::pin(async move { Ok(sqlx::raw_sql(sql).execute(tx).await.map(drop)?) }))
        .await;
    done.unwrap();
}
