//! Ends of validity: spread over days, counted, told in time, and taken care of.

use std::time::Duration;

use ca::Authority;
use ca::api::{
    self, AcknowledgeRequest, Acknowledged, Client, ExpiryQuery, IssueRequest, Issued, Reason, RenewalQuery,
    RevokeRequest, Validity,
};
use platform::clock::{ManualClock, Millis};
use platform::db::Db;
use platform::message::MOST_WAITING;
use platform::problem::Kind;

use crate::world::{World, certificate, client, config_of, fresh_key, prescriber, refusal, system};

const BUILT_IN: &str = include_str!("../../profiles.toml");
const DAY: i64 = 86_400_000;
pub(crate) const PROFILE: &str = "system-tls-client";

/// Profiles under which systems' certificates end on five days, two on each at most.
pub(crate) fn spread_profiles() -> tempfile::NamedTempFile {
    let place = format!("id = \"{PROFILE}\"\n");
    let spread = format!("{place}spread = {{ days = 4, most_per_day = 2 }}\n");
    let text = BUILT_IN.replacen(&place, &spread, 1);
    assert_ne!(text, BUILT_IN);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

/// A process with these profiles.
async fn spreading(world: &World, instance: u8) -> (tempfile::NamedTempFile, Authority, Client) {
    let file = spread_profiles();
    let config = ca::Config { profiles: Some(file.path().to_owned()), ..config_of(instance) };
    let (authority, client) = world.again(config).await;
    (file, authority, client)
}

fn request(name: impl Into<String>) -> IssueRequest {
    IssueRequest::new(name, PROFILE, system(), fresh_key())
}

/// Days, and how many systems' certificates end on each.
async fn days(client: &Client) -> Vec<(String, i64)> {
    let query = ExpiryQuery {
        expires_from: Some(Millis(1_800_000_000_000 + 380 * DAY)),
        expires_before: Some(Millis(1_800_000_000_000 + 405 * DAY)),
        profile: Some(PROFILE.to_owned()),
    };
    let found = client.expiries(&query).await.unwrap().days;
    found.into_iter().map(|day| (day.day, day.certificates)).collect()
}

fn end(issued: &Issued) -> i64 {
    certificate(issued).not_after_ms()
}

platform::both_engines! {
    /// Two processes that issue at the same time fill every day up to its share and none above it; what comes then is
    /// refused with a time, leaves nothing, and is issued when the window has moved on.
    async fn no_day_has_more_than_its_share(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let (_one, _, first) = spreading(&world, 2).await;
        let (_two, _, second) = spreading(&world, 3).await;
        let requests: Vec<_> = (0..10).map(|number| request(format!("share-{number}"))).collect();
        let asked = requests.iter().zip([&first, &second].into_iter().cycle()).map(|(request, client)| {
            let (client, request) = (client.clone(), request.clone());
            tokio::spawn(async move { client.issue(&request).await.unwrap() })
        });
        let asked: Vec<_> = asked.collect();
        let mut made = Vec::new();
        for issuing in asked {
            made.push(issuing.await.unwrap());
        }
        let longest = made.iter().map(end).max().unwrap();
        assert!(longest <= 1_800_000_000_000 + 397 * DAY, "longer than the profile allows");
        let full = days(&first).await;
        assert_eq!(full.iter().map(|(_, due)| *due).collect::<Vec<_>>(), [2; 5], "{full:?}");

        let late = request("late");
        for client in [&first, &second] {
            let problem = client.issue(&late).await.unwrap_err();
            assert_eq!((problem.kind, problem.code), (Kind::Unavailable, "expiry-days-full"));
            assert!(problem.retry_after.is_some());
        }
        let mut named = request("named");
        let now = Millis(1_800_000_000_000);
        named.validity = Some(Validity { not_before: now, not_after: Millis(longest) });
        assert_eq!(refusal(first.issue(&named).await).1, "expiry-days-full", "an end that is asked for is counted too");
        assert_eq!(days(&second).await, full);
        assert_eq!(second.issue(&requests[0]).await.unwrap(), made[0], "the same request has the same end");

        hand.advance(Duration::from_hours(24));
        let issued = first.issue(&late).await.unwrap();
        assert_eq!(end(&issued), longest + DAY, "on the day that has come");
        "named-again".clone_into(&mut named.request_id);
        named.validity = Some(Validity { not_before: now.max(Millis(now.0 + DAY)), not_after: Millis(longest + DAY) });
        assert_eq!(end(&second.issue(&named).await.unwrap()), longest + DAY);
    }

    /// A serial that never was takes no place. One that may have been signed keeps its place, and its request gets the same
    /// end again.
    async fn places_are_given_back(db: Db) {
        let (world, _hand) = World::with_hand(db).await;
        let (_file, _, before) = spreading(&world, 2).await;
        for number in 0..3 {
            before.issue(&request(format!("before-{number}"))).await.unwrap();
        }
        let counted = async || {
            let counted = sqlx::query_scalar::<_, i64>("SELECT CAST(SUM(due) AS BIGINT) FROM ca_expiry_day");
            counted.fetch_one(world.db.read()).await.unwrap()
        };
        let stopped = request("stopped");
        for (point, places) in [("ca.written", 3), ("ca.reserved", 3), ("ca.linted", 4)] {
            ca::failpoint::arm(point);
            assert_eq!(refusal(before.issue(&stopped).await).0, Kind::Internal);
            assert_eq!(counted().await, places, "{point}");
        }
        // The next start of the same instance closes what was left open: it may have been signed.
        let (_file, _, after) = spreading(&world, 2).await;
        assert_eq!(counted().await, 4);
        let abandoned = "SELECT not_after FROM ca_certificate WHERE state = 'abandoned' AND profile = $1";
        let abandoned = sqlx::query_scalar::<_, i64>(abandoned).bind(PROFILE);
        let abandoned = abandoned.fetch_one(world.db.read()).await.unwrap();
        after.issue(&request("others")).await.unwrap();
        assert_eq!(end(&after.issue(&stopped).await.unwrap()), abandoned);
        assert_eq!(counted().await, 6);
    }

    /// Certificates from before a profile was spread count, and an unspread profile ends as it did.
    async fn ends_of_before_are_counted(db: Db) {
        let (world, _hand) = World::with_hand(db).await;
        let mut plain = Vec::new();
        for number in 0..3 {
            plain.push(end(&world.client.issue(&request(format!("plain-{number}"))).await.unwrap()));
        }
        assert!(plain.iter().all(|end| *end == plain[0]));
        let (_file, _, spread) = spreading(&world, 2).await;
        let issued = spread.issue(&request("spread")).await.unwrap();
        assert_eq!(end(&issued), plain[0] - DAY, "the longest end's day has more than its share already");
        let profiles = spread.profiles().await.unwrap();
        let told = profiles.iter().find(|profile| profile.id == PROFILE).unwrap();
        assert_eq!((told.spread_days, told.most_per_day), (Some(4), Some(2)));
        let other = profiles.iter().find(|profile| profile.id == "system-tls-server").unwrap();
        assert_eq!((other.spread_days, other.most_per_day), (None, None));
    }

    /// Counts need the act, and a window that is none is refused.
    async fn windows_of_counts_are_checked(db: Db) {
        let (world, _hand) = World::with_hand(db).await;
        let nobody = client(&world.authority, &[api::ISSUE, api::REVOKE, api::RENEW]);
        assert_eq!(refusal(nobody.expiries(&ExpiryQuery::default()).await).0, Kind::Forbidden);
        assert_eq!(refusal(nobody.renewals(&RenewalQuery::default()).await).0, Kind::Forbidden);
        assert_eq!(refusal(nobody.notices(0, 10).await).0, Kind::Forbidden);
        let (from, before) = (Millis(0), Millis(401 * DAY));
        let long = ExpiryQuery { expires_from: Some(from), expires_before: Some(before), profile: None };
        assert_eq!(refusal(world.client.expiries(&long).await).1, "request-invalid");
        let long = RenewalQuery { expires_from: Some(from), expires_before: Some(before), ..RenewalQuery::default() };
        assert_eq!(refusal(world.client.renewals(&long).await).1, "request-invalid");
        let mark = RenewalQuery { after: Some("../0".to_owned()), ..RenewalQuery::default() };
        assert_eq!(refusal(world.client.renewals(&mark).await).1, "cursor-invalid");
    }

    /// Each certificate in force gets one notice at each distance, whoever gives it: two processes at once give none
    /// twice, a revoked certificate gets none, and each notice is in the record and keeps its number.
    async fn notices_are_given_once(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let (other, reader) = world.again(config_of(2)).await;
        let mut serials = Vec::new();
        for number in 0..5 {
            serials.push(world.client.issue(&request(format!("noticed-{number}"))).await.unwrap().serial);
        }
        assert_eq!(both_give(&world.authority, &other).await, 0);
        days_pass(&hand, 336);
        assert_eq!(both_give(&world.authority, &other).await, 0, "61 days are left");
        days_pass(&hand, 2);
        assert_eq!(both_give(&world.authority, &other).await, 5);
        assert_eq!(both_give(&world.authority, &other).await, 0);
        let gone = RevokeRequest { reason: Reason::Superseded, invalidity_date: None };
        world.client.revoke(&serials[0], &gone).await.unwrap();
        days_pass(&hand, 53);
        assert_eq!(both_give(&world.authority, &other).await, 8, "at 30 and 7 days");
        let notices = reader.notices(0, 500).await.unwrap().notices;
        assert_eq!(notices.iter().map(|notice| notice.number).collect::<Vec<_>>(), (1..=13).collect::<Vec<_>>());
        assert_eq!(recorded(&world.db).await, 13);
        let of_first: Vec<_> = notices.iter().filter(|n| n.renewal.serial == serials[0]).map(|n| n.days).collect();
        assert_eq!(of_first, [60]);
        let read_on = reader.notices(notices[2].number, 2).await.unwrap().notices;
        assert_eq!(read_on, notices[3..5]);
        let due = reader.renewals(&RenewalQuery::default()).await.unwrap().renewals;
        assert_eq!(due.len(), 4);
        assert!(due.iter().all(|one| one.noticed_days == Some(7)), "{due:?}");
    }

    /// A certificate that is on hold when its turn comes gets its notice too: once the hold is lifted nobody would give it.
    async fn who_is_on_hold_gets_notice(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let issued = world.client.issue(&request("held")).await.unwrap();
        let hold = RevokeRequest { reason: Reason::CertificateHold, invalidity_date: None };
        assert_eq!(world.authority.give_renewal_notices().await, 0);
        days_pass(&hand, 338);
        world.client.revoke(&issued.serial, &hold).await.unwrap();
        assert_eq!(world.authority.give_renewal_notices().await, 1);
        world.client.resume(&issued.serial).await.unwrap();
        assert_eq!(world.authority.give_renewal_notices().await, 0, "it was given");
        let given = world.client.notices(0, 10).await.unwrap().notices;
        assert_eq!((given[0].days, &given[0].renewal.serial), (60, &issued.serial));
    }

    /// Whose certificate ends soon is told by message at an address that was shown to be theirs, once for each notice; where too
    /// much waits it is told later; and of what somebody took care of, or was revoked, nothing is said.
    async fn people_are_told_that_their_certificates_end(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let told = async || -> Vec<(String, String)> {
            let text = "SELECT address, body FROM platform_message WHERE kind = 'certificate-notice' ORDER BY message_id";
            sqlx::query_as(text).fetch_all(world.db.read()).await.unwrap()
        };
        let mut other = prescriber("told-other");
        other.subject.user_id = Some(BOB.to_owned());
        let bobs = world.client.issue(&other).await.unwrap();
        drop(world.prescriber("told-1").await);
        let revoked = world.prescriber("told-2").await;
        let gone = RevokeRequest { reason: Reason::CessationOfOperation, invalidity_date: None };
        world.client.revoke(&revoked.serial, &gone).await.unwrap();
        known(&world.db, ANN, "ann@trust.example").await;
        known(&world.db, BOB, "bob@trust.example").await;
        assert_eq!(world.authority.tell_of_renewals().await, 0, "before the first notice there is nothing to tell");
        days_pass(&hand, 705);
        assert_eq!(world.authority.give_renewal_notices().await, 2);
        flood(&world.db, MOST_WAITING).await;
        assert_eq!(world.authority.tell_of_renewals().await, 0, "it is told later");
        assert_eq!(told().await, []);
        flood(&world.db, 0).await;
        let taken = AcknowledgeRequest { note: "a new card lies ready".to_owned() };
        client(&world.authority, &[api::RENEW]).acknowledge(&bobs.serial, &taken).await.unwrap();
        assert_eq!(world.authority.tell_of_renewals().await, 1);
        assert_eq!(world.authority.tell_of_renewals().await, 0, "once");
        let letters = told().await;
        assert_eq!(letters.len(), 1, "{letters:?}");
        assert!(letters[0].0 == "ann@trust.example" && letters[0].1.contains("prescriber-remote-signing, on "), "{letters:?}");
        // Nearer to its end it is told again, unless there is another in its place.
        days_pass(&hand, 20);
        drop(world.prescriber("told-3").await);
        assert_eq!(world.authority.give_renewal_notices().await, 2);
        assert_eq!(world.authority.tell_of_renewals().await, 0);
        assert_eq!(told().await.len(), 1);
    }

    /// Who switches notices on late gives each certificate one, at the distance it is in.
    async fn first_notices_are_not_repeated(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let early = world.client.issue(&request("early")).await.unwrap();
        days_pass(&hand, 20);
        let late = world.client.issue(&request("late")).await.unwrap();
        days_pass(&hand, 373);
        assert_eq!(world.authority.give_renewal_notices().await, 2);
        let given = world.client.notices(0, 10).await.unwrap().notices;
        let told: Vec<_> = given.iter().map(|notice| (notice.days, notice.renewal.serial.clone())).collect();
        assert_eq!(told, [(7, early.serial), (30, late.serial)]);
    }

    /// A renewal is acknowledged by whoever may, once, and the list tells it from others; it can be taken back.
    async fn renewals_are_acknowledged(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let mut serials = Vec::new();
        for number in 0..3 {
            serials.push(world.client.issue(&request(format!("due-{number}"))).await.unwrap().serial);
        }
        serials.sort();
        days_pass(&hand, 370);
        let desk = client(&world.authority, &[api::RENEW, api::READ]);
        let note = AcknowledgeRequest { note: "new key ordered".to_owned() };
        assert_eq!(refusal(world.client.acknowledge(&serials[1], &note).await).0, Kind::Forbidden);
        assert_eq!(refusal(desk.acknowledge("00", &note).await).1, "certificate-unknown");
        for bad in ["x".repeat(201), "two\nlines".to_owned()] {
            let note = AcknowledgeRequest { note: bad };
            assert_eq!(refusal(desk.acknowledge(&serials[1], &note).await).1, "request-invalid");
        }
        let done = desk.acknowledge(&serials[1], &note).await.unwrap();
        assert_eq!(done.acknowledgement.as_ref().unwrap().client, "tests");
        let again = AcknowledgeRequest { note: "me too".to_owned() };
        assert_eq!(desk.acknowledge(&serials[1], &again).await.unwrap(), done, "the first is kept");
        assert_eq!(listed(&desk, Some(Acknowledged::Yes)).await, serials[1..2]);
        assert_eq!(listed(&desk, Some(Acknowledged::No)).await, [&serials[..1], &serials[2..]].concat());
        assert_eq!(listed(&desk, None).await, serials, "ends of one instant are in the order of their serials");
        assert_eq!(desk.withdraw_acknowledgement(&serials[1]).await.unwrap().acknowledgement, None);
        assert!(listed(&desk, Some(Acknowledged::Yes)).await.is_empty());
    }
}

/// Two people.
const ANN: &str = "555021942107";
const BOB: &str = "555021942115";

/// Somebody whom the register knows, with an address that was shown to be theirs.
async fn known(db: &Db, user: &'static str, address: &'static str) {
    let done: Result<(), platform::db::Error> = db
        .write(move |tx| {
            Box::pin(async move {
                sqlx::query("INSERT INTO directory_person (user_id, kind, state, version) VALUES ($1, 'person', 'open', 1)")
                    .bind(user)
                    .execute(&mut *tx)
                    .await?;
                sqlx::query(
                    "INSERT INTO directory_contact (contact_id, user_id, channel, value, verified_at, tries, made_at) \
                     VALUES ($1, $1, 'email', $2, 1, 0, 0)",
                )
                .bind(user)
                .bind(address)
                .execute(&mut *tx)
                .await?;
                Ok(())
            })
        })
        .await;
    done.unwrap();
}

/// Has this many messages of somebody else's wait, and no others of theirs.
async fn flood(db: &Db, many: i64) {
    let done: Result<(), platform::db::Error> = db
        .write(move |tx| {
            Box::pin(async move {
                platform::message::erase(tx, "other", "y").await?;
                let text = "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
                            INSERT INTO platform_message (message_id, module, kind, about, channel, address, subject, body, \
                            state, attempts, due_at, until, made_at) SELECT 'm' || CAST(i AS TEXT), 'other', 'x', 'y', \
                            'email', 'z', '', '', 'due', 0, 0, 0, 0 FROM n WHERE i > 0";
                sqlx::query(text).bind(many).execute(&mut *tx).await?;
                Ok(())
            })
        })
        .await;
    done.unwrap();
}

fn days_pass(hand: &ManualClock, days: u64) {
    hand.advance(Duration::from_hours(24 * days));
}

/// Both processes give what is due at the same time.
async fn both_give(one: &Authority, other: &Authority) -> usize {
    let (one, other) = (one.clone(), other.clone());
    let first = tokio::spawn(async move { one.give_renewal_notices().await });
    let second = tokio::spawn(async move { other.give_renewal_notices().await });
    first.await.unwrap() + second.await.unwrap()
}

/// How many notices the record has.
async fn recorded(db: &Db) -> i64 {
    let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = 'renewal-noticed'";
    sqlx::query_scalar(count).fetch_one(db.read()).await.unwrap()
}

/// Every page, one certificate each.
async fn listed(client: &Client, acknowledged: Option<Acknowledged>) -> Vec<String> {
    let mut query = RenewalQuery { acknowledged, limit: Some(1), ..RenewalQuery::default() };
    let mut found = Vec::new();
    loop {
        let page = client.renewals(&query).await.unwrap();
        found.extend(page.renewals.into_iter().map(|renewal| renewal.serial));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return found,
        }
    }
}
