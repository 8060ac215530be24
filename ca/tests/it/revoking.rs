//! Revoking, holding and resuming through the router.

use ca::api::{self, CertificateQuery, CertificateState, IssueRequest, KeySource, Reason, RevokeRequest};
use ca::failpoint;
use platform::clock::Millis;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use platform::problem::Kind;

use crate::world::{World, client, fresh_key, listed, refusal, system, until};

fn because(reason: Reason) -> RevokeRequest {
    RevokeRequest { reason, invalidity_date: None }
}

platform::both_engines! {
    /// Every reason reaches the list as its code, unspecified by its absence; others are not listed.
    async fn every_reason_reaches_the_list(db: Db) {
        let world = World::new(db).await;
        let untouched = world.prescriber("untouched").await;
        let mut revoked = Vec::new();
        for reason in Reason::ALL {
            let issued = world.prescriber(&format!("{}", reason.code())).await;
            let info = world.client.revoke(&issued.serial, &because(reason)).await.unwrap();
            let hold = reason == Reason::CertificateHold;
            assert_eq!(info.state, if hold { CertificateState::Held } else { CertificateState::Revoked });
            revoked.push((issued.serial, reason));
        }
        assert_eq!(world.authority.make_due_crls().await, 1, "one list for many changes, and of one issuer only");
        let crl = world.crl("remote-signing").await;
        for (serial, reason) in revoked {
            let code = listed(&crl, &serial).unwrap().reason.map(pki::Reason::code);
            assert_eq!(code, Some(reason.code()).filter(|code| *code != 0), "{reason:?}");
        }
        assert!(listed(&crl, &untouched.serial).is_none());
    }

    /// A hold is lifted and leaves the list; what is final is not lifted and not changed back.
    async fn only_a_hold_is_lifted(db: Db) {
        let world = World::new(db).await;
        let issued = world.prescriber("held").await;
        assert_eq!(refusal(world.client.resume(&issued.serial).await).1, "not-held");
        world.client.revoke(&issued.serial, &because(Reason::CertificateHold)).await.unwrap();
        world.authority.make_due_crls().await;
        assert!(listed(&world.crl("remote-signing").await, &issued.serial).is_some());
        let resumed = world.client.resume(&issued.serial).await.unwrap();
        assert_eq!((resumed.state, resumed.revocation), (CertificateState::Issued, None));
        world.authority.make_due_crls().await;
        assert!(listed(&world.crl("remote-signing").await, &issued.serial).is_none());

        let first = world.client.revoke(&issued.serial, &because(Reason::Superseded)).await.unwrap();
        assert_eq!(world.client.revoke(&issued.serial, &because(Reason::Superseded)).await.unwrap(), first);
        assert_eq!(refusal(world.client.resume(&issued.serial).await).1, "already-revoked");
        let hold = world.client.revoke(&issued.serial, &because(Reason::CertificateHold)).await;
        assert_eq!(refusal(hold).1, "already-revoked");
        assert_eq!(world.client.certificate(&issued.serial).await.unwrap(), first);
    }

    /// Serials that are nobody's are not found, whatever their form, and nothing is listed for them.
    async fn unknown_serials_are_not_found(db: Db) {
        let world = World::new(db).await;
        for serial in ["00", "zz", "..", &"07".repeat(18), &"07".repeat(40)] {
            let refused = world.client.revoke(serial, &because(Reason::KeyCompromise)).await;
            assert_eq!(refusal(refused).0, Kind::NotFound, "{serial}");
        }
        assert_eq!(world.authority.make_due_crls().await, 0);
    }

    /// An invalidity date is listed; one in the future is refused and revokes nothing.
    async fn an_invalidity_date_is_in_the_past(db: Db) {
        let (world, _hand) = World::with_hand(db).await;
        let issued = world.prescriber("compromised").await;
        let at = |millis| RevokeRequest { reason: Reason::KeyCompromise, invalidity_date: Some(Millis(millis)) };
        let now = world.clock.now().0;
        let refused = world.client.revoke(&issued.serial, &at(now + 1000)).await;
        assert_eq!(refusal(refused).1, "invalidity-date-refused");
        assert_eq!(world.client.certificate(&issued.serial).await.unwrap().revocation, None);
        world.client.revoke(&issued.serial, &at(now - 3_600_000)).await.unwrap();
        world.authority.make_due_crls().await;
        let entry = listed(&world.crl("remote-signing").await, &issued.serial).unwrap();
        assert_eq!(entry.invalidity_date_ms, Some(now - 3_600_000));
    }

    /// The date of a hold is on the list still when the certificate is revoked for good without one, as when its person leaves, and in
    /// the record of both.
    async fn a_hold_that_becomes_final_keeps_its_date(db: Db) {
        let (world, _hand) = World::with_hand(db).await;
        let serial = world.prescriber("held").await.serial;
        let date = world.clock.now().0 - 3_600_000;
        let hold = RevokeRequest { reason: Reason::CertificateHold, invalidity_date: Some(Millis(date)) };
        world.client.revoke(&serial, &hold).await.unwrap();
        world.client.revoke(&serial, &because(Reason::CessationOfOperation)).await.unwrap();
        world.authority.make_due_crls().await;
        let entry = listed(&world.crl("remote-signing").await, &serial).unwrap();
        let code = entry.reason.map(pki::Reason::code);
        assert_eq!((code, entry.invalidity_date_ms), (Some(Reason::CessationOfOperation.code()), Some(date)));
        let events = "SELECT body FROM audit_event WHERE name IN ('certificate-held', 'certificate-revoked')";
        let bodies: Vec<Vec<u8>> = sqlx::query_scalar(events).fetch_all(world.db.read()).await.unwrap();
        let dated = format!("\"invalidity_date\":{date}");
        let told = bodies.iter().filter(|body| String::from_utf8_lossy(body).contains(&dated)).count();
        assert_eq!(told, 2);
    }

    /// One before 1970 is refused; and where a row has one, lists are made and answers are given all the same, with 1970 in its place.
    async fn a_date_of_long_ago_holds_nothing_back(db: Db) {
        let (world, _hand) = World::with_hand(db).await;
        world.authority.renew_responders().await;
        let (old, other) = (world.prescriber("old").await.serial, world.prescriber("other").await.serial);
        let at = |millis| RevokeRequest { reason: Reason::KeyCompromise, invalidity_date: Some(Millis(millis)) };
        for before in [-1, -300_000_000_000] {
            let refused = world.client.revoke(&old, &at(before)).await;
            assert_eq!(refusal(refused).0, Kind::Invalid, "{before}");
        }
        assert_eq!(world.client.certificate(&old).await.unwrap().revocation, None);
        world.client.revoke(&old, &at(0)).await.unwrap();
        let serial = old.clone();
        world
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE ca_certificate SET invalidity_at = -300000000000 WHERE serial = $1";
                    sqlx::query(sql).bind(serial).execute(tx).await?;
                    Ok::<_, platform::db::Error>(())
                })
            })
            .await
            .unwrap();
        world.client.revoke(&other, &because(Reason::Superseded)).await.unwrap();
        world.authority.make_due_crls().await;
        let list = world.crl("remote-signing").await;
        assert!(listed(&list, &other).is_some());
        assert_eq!(listed(&list, &old).unwrap().invalidity_date_ms, Some(0));
        let signer = crate::ocsp::issuer(&world, "remote-signing").await;
        let id = crate::ocsp::id_of(pki::ocsp::Hash::Sha1, &signer, &old);
        let answer = crate::ocsp::ask(&world, &world.authority, &signer, &id).await;
        assert!(matches!(answer.status(), pki::ocsp::Status::Revoked { .. }));
    }

    /// When a key is in other hands, what else was certified of it goes with it, in one act; for another reason, and what has another
    /// key, stays.
    async fn a_compromised_key_ends_its_twins(db: Db) {
        let world = World::new(db).await;
        let (key, own) = (fresh_key(), fresh_key());
        let issue = async |id: &str, key: &ca::api::KeySource| {
            let request = ca::api::IssueRequest::new(id, "system-tls-client", system(), key.clone());
            world.client.issue(&request).await.unwrap().serial
        };
        let (first, twin, held, stranger) =
            (issue("first", &key).await, issue("twin", &key).await, issue("held", &key).await, issue("stranger", &own).await);
        world.client.revoke(&held, &because(Reason::CertificateHold)).await.unwrap();
        let reason = async |serial: &str| {
            world.client.certificate(serial).await.unwrap().revocation.map(|revocation| revocation.reason)
        };
        world.client.revoke(&first, &because(Reason::Superseded)).await.unwrap();
        assert_eq!((reason(&twin).await, reason(&held).await), (None, Some(Reason::CertificateHold)));
        world.client.revoke(&first, &because(Reason::KeyCompromise)).await.unwrap();
        for serial in [&first, &twin, &held] {
            assert_eq!(reason(serial).await, Some(Reason::KeyCompromise), "{serial}");
        }
        assert_eq!(reason(&stranger).await, None);
        world.authority.make_due_crls().await;
        let list = world.crl("systems").await;
        assert!(listed(&list, &twin).is_some() && listed(&list, &stranger).is_none());
        let again = ca::api::IssueRequest::new("again", "system-tls-client", system(), key.clone());
        assert_eq!(refusal(world.client.issue(&again).await).1, "key-refused");
    }

    /// What the token has signed of a key when that is told to be in other hands is given to nobody and listed, and the same request is
    /// refused from then on; what is made of another key meanwhile is given.
    async fn a_compromised_key_ends_what_is_being_made(db: Db) {
        let world = World::new(db).await;
        let key = fresh_key();
        let first = world.client.issue(&of_key("first", &key)).await.unwrap().serial;
        let second = of_key("second", &key);
        let held = failpoint::hold("ca.signed");
        let revoking = async {
            let held = reached(held).await;
            world.client.revoke(&first, &because(Reason::KeyCompromise)).await.unwrap();
            let stranger = world.client.issue(&of_key("stranger", &fresh_key())).await.unwrap().serial;
            drop(held);
            stranger
        };
        let (made, stranger) = tokio::join!(world.client.issue(&second), revoking);
        assert_eq!(refusal(made), (Kind::Unavailable, "request-in-progress".to_owned()));
        let query = CertificateQuery { state: Some(CertificateState::Abandoned), ..CertificateQuery::default() };
        let ended = world.client.certificates(&query).await.unwrap().certificates;
        assert_eq!(ended.len(), 1, "{ended:?}");
        world.authority.make_due_crls().await;
        let list = world.crl("systems").await;
        for serial in [&first, &ended[0].serial] {
            assert!(listed(&list, serial).is_some(), "{serial}");
        }
        assert!(listed(&list, &stranger).is_none());
        assert_eq!(refusal(world.client.issue(&second).await).1, "key-refused");
    }

    /// An issuing authority is revoked on the root's list, and not put on hold.
    async fn an_authority_is_revoked_by_the_root(db: Db) {
        let world = World::new(db).await;
        let query = CertificateQuery { limit: Some(500), ..CertificateQuery::default() };
        let all = world.client.certificates(&query).await.unwrap().certificates;
        let card = all.iter().find(|certificate| certificate.subject.contains("Card CA")).unwrap();
        let desk = world.client.revoke(&card.serial, &because(Reason::CaCompromise)).await;
        assert_eq!(refusal(desk), (Kind::Forbidden, "act-not-granted".to_owned()), "ca:revoke alone is not enough");
        assert!(world.client.certificate(&card.serial).await.unwrap().revocation.is_none());
        let operator = client(&world.authority, &[api::REVOKE, api::REVOKE_AUTHORITIES]);
        let hold = operator.revoke(&card.serial, &because(Reason::CertificateHold)).await;
        assert_eq!(refusal(hold).1, "authority-not-held");
        let alone = client(&world.authority, &[api::REVOKE_AUTHORITIES]);
        assert!(alone.revoke(&card.serial, &because(Reason::CaCompromise)).await.is_err());
        operator.revoke(&card.serial, &because(Reason::CaCompromise)).await.unwrap();
        world.authority.make_due_crls().await;
        assert!(listed(&world.crl("root").await, &card.serial).is_some());
        let held = CertificateQuery { state: Some(CertificateState::Revoked), ..CertificateQuery::default() };
        assert_eq!(world.client.certificates(&held).await.unwrap().certificates.len(), 1);
    }
}

/// A hold on one node does not take the place of a revocation that another node makes at the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn revocations_only_grow_on_two_nodes() {
    let test_db = TestDb::new(Engine::Postgres).await;
    let world = World::new(test_db.db.clone()).await;
    let other = world.elsewhere(&test_db.config).await;
    for round in 0..40 {
        let issued = world.prescriber(&format!("{round}")).await;
        let (for_good, hold) = (because(Reason::KeyCompromise), because(Reason::CertificateHold));
        let (one, two) =
            tokio::join!(world.client.revoke(&issued.serial, &for_good), other.revoke(&issued.serial, &hold));
        one.unwrap();
        if let Err(problem) = two {
            assert_eq!(problem.kind, Kind::Conflict);
        }
        let info = world.client.certificate(&issued.serial).await.unwrap();
        assert_eq!(info.revocation.unwrap().reason, Reason::KeyCompromise, "round {round}");
    }
}

/// A revocation for compromise waits for what another node begins to certify of the key at the same moment, and ends it, whether it was
/// given by then or not.
#[tokio::test(flavor = "multi_thread")]
async fn a_compromised_key_ends_what_another_node_begins() {
    let test_db = TestDb::new(Engine::Postgres).await;
    let world = World::new(test_db.db.clone()).await;
    let other = world.elsewhere(&test_db.config).await;
    let key = fresh_key();
    let first = world.client.issue(&of_key("first", &key)).await.unwrap().serial;
    let second = of_key("second", &key);
    let held = failpoint::hold("ca.reserved");
    let revoking = async {
        let held = reached(held).await;
        let waiting = async {
            until(async || waits_for_a_key(&world.db).await).await;
            drop(held);
        };
        let compromised = because(Reason::KeyCompromise);
        tokio::join!(world.client.revoke(&first, &compromised), waiting).0
    };
    let (made, revoked) = tokio::join!(other.issue(&second), revoking);
    revoked.unwrap();
    let rows = "SELECT state, CAST(COALESCE(reason, -1) AS BIGINT) FROM ca_certificate \
                WHERE profile = 'system-tls-client' AND serial <> $1";
    let rows: Vec<(String, i64)> =
        sqlx::query_as(rows).bind(first.as_str()).fetch_all(world.db.read()).await.unwrap();
    let expected = if made.is_ok() { ("issued".to_owned(), 1) } else { ("abandoned".to_owned(), 0) };
    assert_eq!(rows, [expected]);
    test_db.db.close().await;
}

/// A request of a system for this key.
fn of_key(id: &str, key: &KeySource) -> IssueRequest {
    IssueRequest::new(id, "system-tls-client", system(), key.clone())
}

/// Waits until a task has come to the point at which it is held.
async fn reached(held: failpoint::Held) -> failpoint::Held {
    let wait = move || {
        assert!(held.wait());
        held
    };
    tokio::task::spawn_blocking(wait).await.unwrap()
}

/// Whether somebody waits for what another transaction of this database holds until its end.
async fn waits_for_a_key(db: &Db) -> bool {
    let count = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    sqlx::query_scalar::<_, i64>(count).fetch_one(db.read()).await.unwrap() > 0
}
