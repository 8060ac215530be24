//! After a restore: what was seen outside is taken in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::Authority;
use ca::api::{self, CertificateQuery, CertificateState, IssueRequest, Reason, RevokeRequest, SubjectData};
use platform::clock::Millis;
use platform::db::Db;
use platform::db::testing::TestDb;

use crate::world::{World, client, config, fresh_key, hold, listed, prescriber, refusal, server, system};

const REQUEST: RevokeRequest = RevokeRequest { reason: Reason::KeyCompromise, invalidity_date: None };

platform::both_engines! {
    /// A list of our own is taken in without a change; its number is passed by the next.
    async fn our_own_list_changes_nothing(db: Db) {
        let world = World::new(db).await;
        let issued = world.prescriber("known").await;
        world.client.revoke(&issued.serial, &REQUEST).await.unwrap();
        world.authority.make_due_crls().await;
        let before = world.client.crl("remote-signing").await.unwrap();
        let taken = world.authority.take_in_list(&STANDARD.decode(&before.crl).unwrap()).await.unwrap();
        assert_eq!((taken.number, taken.revoked.len(), taken.unknown.len()), (before.number, 0, 0));
        assert_eq!(world.authority.make_due_crls().await, 0);
        assert_eq!(world.authority.skip_crl_numbers("remote-signing", 1000).await.unwrap(), before.number + 1000);
        world.client.revoke(&world.prescriber("next").await.serial, &REQUEST).await.unwrap();
        world.authority.make_due_crls().await;
        assert_eq!(world.client.crl("remote-signing").await.unwrap().number, before.number + 1001);
    }

    /// A restored database learns from a list which serials were given and revoked after the copy was made.
    async fn what_happened_after_the_copy_is_taken_in(db: Db) {
        let engine = db.engine();
        let world = World::new(db).await;
        // The same keys with other rows: what the copy would have become.
        let later = TestDb::new(engine).await;
        hold(&world.hsm, &later.db, &world.clock, &world.high_water).await.unwrap();
        let high_water = world.high_water.clone();
        let then = Authority::open(config(), &world.hsm, later.db.clone(), world.clock.clone(), high_water);
        let then = then.await.unwrap();
        let client = client(&then, &[api::ISSUE, api::REVOKE, api::READ]);
        let (revoked, sound) = (client.issue(&prescriber("a")).await.unwrap(), client.issue(&prescriber("b")).await.unwrap());
        client.revoke(&revoked.serial, &REQUEST).await.unwrap();
        then.make_due_crls().await;
        let list = STANDARD.decode(client.crl("remote-signing").await.unwrap().crl).unwrap();

        let taken = world.authority.take_in_list(&list).await.unwrap();
        assert_eq!((taken.number, &taken.unknown), (2, &vec![revoked.serial.clone()]));
        assert!(world.authority.take_in_list(&list).await.unwrap().unknown.is_empty());
        assert!(world.authority.take_in_certificate(&STANDARD.decode(&sound.certificate).unwrap()).await.unwrap());
        world.authority.make_due_crls().await;
        assert_eq!(world.client.crl("remote-signing").await.unwrap().number, 3);
        assert!(listed(&world.crl("remote-signing").await, &revoked.serial).is_some());
        let state = async |serial: &str| world.client.certificate(serial).await.unwrap().state;
        assert_eq!(state(&revoked.serial).await, CertificateState::Abandoned);
        assert_eq!(state(&sound.serial).await, CertificateState::Issued);
        world.client.revoke(&sound.serial, &REQUEST).await.unwrap();
    }

    /// What was on hold when the copy was made and revoked since, or revoked for less than it turned out to be, is revoked as
    /// the list says; nothing lifts it any more.
    async fn a_hold_of_the_copy_does_not_outlive_the_list(db: Db) {
        let world = World::new(db).await;
        let cases = [(6, Reason::Superseded), (6, Reason::KeyCompromise), (4, Reason::KeyCompromise)];
        let mut serials = Vec::new();
        for (_, reason) in cases {
            let serial = world.prescriber(&format!("case-{}", serials.len())).await.serial;
            let request = RevokeRequest { reason, invalidity_date: None };
            world.client.revoke(&serial, &request).await.unwrap();
            serials.push(serial);
        }
        world.authority.make_due_crls().await;
        let list = STANDARD.decode(world.client.crl("remote-signing").await.unwrap().crl).unwrap();
        for ((before, _), serial) in cases.iter().zip(&serials) {
            as_it_was(&world.db, serial, *before).await;
        }
        let mut taken = world.authority.take_in_list(&list).await.unwrap();
        taken.revoked.sort_unstable();
        let mut expected = serials.clone();
        expected.sort_unstable();
        assert_eq!((taken.revoked, taken.unknown.len()), (expected, 0));
        for ((_, reason), serial) in cases.iter().zip(&serials) {
            let info = world.client.certificate(serial).await.unwrap();
            assert_eq!((info.state, info.revocation.unwrap().reason), (CertificateState::Revoked, *reason));
            assert!(world.client.resume(serial).await.is_err());
        }
        assert!(world.authority.take_in_list(&list).await.unwrap().revoked.is_empty());
    }

    /// A certificate whose serial a list has brought in as compromised is filled in and stays revoked, and its key is refused.
    async fn a_compromised_key_stays_known(db: Db) {
        let engine = db.engine();
        let world = World::new(db).await;
        let later = TestDb::new(engine).await;
        hold(&world.hsm, &later.db, &world.clock, &world.high_water).await.unwrap();
        let high_water = world.high_water.clone();
        let then = Authority::open(config(), &world.hsm, later.db.clone(), world.clock.clone(), high_water);
        let then = then.await.unwrap();
        let client = client(&then, &[api::ISSUE, api::REVOKE, api::READ]);
        let asked = prescriber("compromised");
        let issued = client.issue(&asked).await.unwrap();
        client.revoke(&issued.serial, &REQUEST).await.unwrap();
        then.make_due_crls().await;
        let list = STANDARD.decode(client.crl("remote-signing").await.unwrap().crl).unwrap();
        assert_eq!(world.authority.take_in_list(&list).await.unwrap().unknown, std::slice::from_ref(&issued.serial));
        let der = STANDARD.decode(&issued.certificate).unwrap();
        assert!(world.authority.take_in_certificate(&der).await.unwrap());
        assert!(!world.authority.take_in_certificate(&der).await.unwrap(), "it is here");
        assert!(world.authority.take_in_list(&list).await.unwrap().revoked.is_empty());
        let info = world.client.certificate(&issued.serial).await.unwrap();
        assert_eq!((info.state, info.certificate.as_ref()), (CertificateState::Revoked, Some(&issued.certificate)));
        assert_eq!(info.revocation.unwrap().reason, Reason::KeyCompromise);
        assert_eq!(info.user_id, Some("555021942107".to_owned()));
        let again = IssueRequest { request_id: "again".to_owned(), ..asked };
        assert_eq!(refusal(world.client.issue(&again).await).1, "key-refused");
        world.authority.make_due_crls().await;
        assert!(listed(&world.crl("remote-signing").await, &issued.serial).is_some());
    }

    /// A list gives back an earlier date of suspected compromise, and takes none away that the copy has.
    async fn the_earliest_date_of_compromise_holds(db: Db) {
        let (world, _hand) = World::with_hand(db).await;
        let now = world.clock.now().0;
        let (same, replaced) = (world.prescriber("same").await.serial, world.prescriber("replaced").await.serial);
        // A list tells it without the milliseconds.
        let dated = RevokeRequest { invalidity_date: Some(Millis(now - 9_000_001)), ..REQUEST };
        world.client.revoke(&same, &dated).await.unwrap();
        let undated = RevokeRequest { reason: Reason::Superseded, invalidity_date: None };
        world.client.revoke(&replaced, &undated).await.unwrap();
        world.authority.make_due_crls().await;
        let list = STANDARD.decode(world.client.crl("remote-signing").await.unwrap().crl).unwrap();
        assert!(world.authority.take_in_list(&list).await.unwrap().revoked.is_empty(), "it is our own");
        as_it_was(&world.db, &replaced, 6).await;
        for serial in [&same, &replaced] {
            dated_as_it_was(&world.db, serial, now - 5_000_000).await;
        }
        let mut taken = world.authority.take_in_list(&list).await.unwrap().revoked;
        taken.sort_unstable();
        let mut expected = vec![same.clone(), replaced.clone()];
        expected.sort_unstable();
        assert_eq!(taken, expected);
        for (serial, reason, date) in
            [(&same, Reason::KeyCompromise, now - 9_001_000), (&replaced, Reason::Superseded, now - 5_000_000)]
        {
            let revocation = world.client.certificate(serial).await.unwrap().revocation.unwrap();
            assert_eq!((revocation.reason, revocation.invalidity_date), (reason, Some(Millis(date))));
        }
        assert!(world.authority.take_in_list(&list).await.unwrap().revoked.is_empty());
    }

    /// A certificate that is taken in is known to be the person's whom it names, over whatever key, and ends with that person's others. One that names
    /// nobody is nobody's.
    async fn a_certificate_taken_in_is_its_persons(db: Db) {
        let engine = db.engine();
        let world = World::new(db).await;
        let known = prescriber("known");
        world.client.issue(&known).await.unwrap();
        let later = TestDb::new(engine).await;
        hold(&world.hsm, &later.db, &world.clock, &world.high_water).await.unwrap();
        let high_water = world.high_water.clone();
        let then = Authority::open(config(), &world.hsm, later.db.clone(), world.clock.clone(), high_water);
        let then = client(&then.await.unwrap(), &[api::ISSUE]);
        let renewed = then.issue(&IssueRequest { request_id: "renewed".to_owned(), ..known }).await.unwrap();
        let other_key = then.issue(&prescriber("of-a-key-that-is-not-known")).await.unwrap();
        let request = IssueRequest::new("of-a-system", "system-tls-client", system(), fresh_key());
        let of_a_system = then.issue(&request).await.unwrap();
        for issued in [&renewed, &other_key, &of_a_system] {
            let der = STANDARD.decode(&issued.certificate).unwrap();
            assert!(world.authority.take_in_certificate(&der).await.unwrap());
        }
        let query = CertificateQuery { user_id: Some("555021942107".to_owned()), ..CertificateQuery::default() };
        let page = world.client.certificates(&query).await.unwrap();
        let found: Vec<&str> = page.certificates.iter().map(|info| info.serial.as_str()).collect();
        assert_eq!((found.len(), found.contains(&renewed.serial.as_str())), (3, true), "{found:?}");
        assert!(found.contains(&other_key.serial.as_str()), "{found:?}");
        assert_eq!(world.client.certificate(&of_a_system.serial).await.unwrap().user_id, None);
    }

    /// A certificate that is taken in is known to be the system's that it names, in small letters, and ends with it: at once where the
    /// register has withdrawn the system already. One that names none by its profile is of none.
    async fn a_certificate_taken_in_is_its_systems(db: Db) {
        let engine = db.engine();
        let world = World::new(db).await;
        let later = TestDb::new(engine).await;
        hold(&world.hsm, &later.db, &world.clock, &world.high_water).await.unwrap();
        let high_water = world.high_water.clone();
        let then = Authority::open(config(), &world.hsm, later.db.clone(), world.clock.clone(), high_water);
        let then = client(&then.await.unwrap(), &[api::ISSUE]);
        let named = |id: &str| Some(id.to_owned());
        let asked = [
            ("accredited-system", SubjectData { system_id: named("200000000017"), ..system() }),
            ("message-handling-system", SubjectData { system_id: named("S918999410559"), ip_addresses: Vec::new(), ..server() }),
            ("accredited-system", SubjectData { system_id: named("200000000025"), ..system() }),
            ("system-tls-client", system()),
        ];
        withdraw(&world.db, "200000000025").await;
        let mut serials = Vec::new();
        for (number, (profile, subject)) in asked.into_iter().enumerate() {
            let request = IssueRequest::new(format!("system-{number}"), profile, subject, fresh_key());
            let issued = then.issue(&request).await.unwrap();
            let der = STANDARD.decode(&issued.certificate).unwrap();
            assert!(world.authority.take_in_certificate(&der).await.unwrap());
            assert!(!world.authority.take_in_certificate(&der).await.unwrap(), "it is here");
            serials.push(issued.serial);
        }
        for (serial, system_id) in serials.iter().zip([Some("200000000017"), Some("s918999410559"), Some("200000000025"), None]) {
            let info = world.client.certificate(serial).await.unwrap();
            assert_eq!(info.system_id.as_deref(), system_id);
            let revoked = info.revocation.map(|revocation| revocation.reason);
            let expected = (system_id == Some("200000000025")).then_some(Reason::CessationOfOperation);
            assert_eq!(revoked, expected, "{system_id:?}");
        }
        let query = CertificateQuery { system_id: Some("S918999410559".to_owned()), ..CertificateQuery::default() };
        let page = world.client.certificates(&query).await.unwrap();
        let found: Vec<&str> = page.certificates.iter().map(|info| info.serial.as_str()).collect();
        assert_eq!(found, [serials[1].as_str()]);
    }

    /// What others signed is refused, and what has its row is not taken in again.
    async fn foreign_documents_are_refused(db: Db) {
        let world = World::new(db).await;
        let issued = world.prescriber("ours").await;
        assert!(!world.authority.take_in_certificate(&STANDARD.decode(&issued.certificate).unwrap()).await.unwrap());
        let key = rcgen::KeyPair::generate().unwrap();
        let foreign = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        assert!(world.authority.take_in_certificate(foreign.der()).await.is_err());
        assert!(world.authority.take_in_list(b"nonsense").await.is_err());
        let info = world.client.certificate(&issued.serial).await.unwrap();
        assert_eq!(info.state, CertificateState::Issued);
        assert!(listed(&world.crl("remote-signing").await, &issued.serial).is_none());
    }
}

/// Has the register know a system that was withdrawn.
async fn withdraw(db: &Db, id: &'static str) {
    let written: Result<(), platform::db::Error> = db
        .write(move |tx| {
            Box::pin(async move {
                let sql = "INSERT INTO directory_system (identifier, folded, kind, content, content_sha256, made_at, changed_at, \
                           withdrawn_at, version) VALUES ($1, $1, 'accredited', '{}', '', 1, 1, 1, 2)";
                sqlx::query(sql).bind(id).execute(tx).await?;
                Ok(())
            })
        })
        .await;
    written.unwrap();
}

/// Gives a certificate the reason that it had in the copy.
async fn as_it_was(db: &Db, serial: &str, reason: i64) {
    let serial = serial.to_owned();
    let written: Result<(), platform::db::Error> = db
        .write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE ca_certificate SET reason = $1 WHERE serial = $2";
                sqlx::query(sql).bind(reason).bind(serial).execute(tx).await?;
                Ok(())
            })
        })
        .await;
    written.unwrap();
}

/// Gives a certificate the date of suspected compromise that it had in the copy.
async fn dated_as_it_was(db: &Db, serial: &str, date: i64) {
    let serial = serial.to_owned();
    let written: Result<(), platform::db::Error> = db
        .write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE ca_certificate SET invalidity_at = $1 WHERE serial = $2";
                sqlx::query(sql).bind(date).bind(serial).execute(tx).await?;
                Ok(())
            })
        })
        .await;
    written.unwrap();
}
