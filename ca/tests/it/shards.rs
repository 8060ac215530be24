//! Lists of shards and delta lists: which certificate is on which, and how they come together again.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{Client, Issued, Reason, RevokeRequest};
use ca::{Authority, Config, Delta, ListSettings};
use pki::path::{self, Policy, Unknown};
use pki::{Certificate, Crl};
use platform::db::{Db, Tx};

use crate::world::{World, certificate, config, config_of, decoded, listed, prescriber, refusal, until};

const SHARDS: u16 = 3;
const ISSUER: &str = "remote-signing";

/// The configuration with shards of the prescribers' issuer.
fn sharded(config: Config, delta: Delta) -> Config {
    let settings = ListSettings { shards: SHARDS, delta, delta_minutes: 60 };
    Config { lists: BTreeMap::from([(ISSUER.parse().unwrap(), settings)]), ..config }
}

async fn revoke(client: &Client, issued: &Issued, reason: Reason) {
    client.revoke(&issued.serial, &RevokeRequest { reason, invalidity_date: None }).await.unwrap();
}

/// The path of a list's address.
fn place(issued: &Issued) -> String {
    let certificate = certificate(issued);
    let [point] = certificate.crl_distribution_points() else { panic!("not one distribution point") };
    point.uris().next().unwrap().strip_prefix("http://pki.example").unwrap().to_owned()
}

async fn list(world: &World, path: &str) -> Crl {
    let (parts, body) = world.get(path, &[]).await;
    assert_eq!(parts.status, 200, "{path}");
    assert_eq!(parts.headers["content-length"], body.len().to_string());
    Crl::from_der(&body).unwrap()
}

fn number(serial: Option<pki::Serial>) -> i64 {
    i64::from_str_radix(&serial.unwrap().to_string(), 16).unwrap()
}

/// Whether a certificate is good by these lists and the root's.
async fn judged(world: &World, issued: &Issued, lists: &[&Crl]) -> Result<(), path::Error> {
    let mut crls: Vec<Crl> = lists.iter().map(|list| (*list).clone()).collect();
    crls.push(list(world, "/crl/root.crl").await);
    let (leaf, above) = (certificate(issued), [decoded(&issued.chain[0])]);
    let anchors = [decoded(&issued.chain[1])];
    path::check(&leaf, &above, &anchors, &crls, world.clock.now().0, &Policy::default()).map(drop)
}

/// The value of an extension, from the octets.
fn extension(certificate: &Certificate, id: &str) -> Option<Vec<u8>> {
    let found = certificate.extensions().all.iter().find(|extension| extension.oid.to_string() == id);
    found.map(|extension| extension.value.clone())
}

fn list_extension(crl: &Crl, id: &str) -> Option<(bool, Vec<u8>)> {
    let found = crl.extensions().iter().find(|extension| extension.oid.to_string() == id);
    found.map(|extension| (extension.critical, extension.value.clone()))
}

platform::both_engines! {
    /// A certificate names the list of its shard for good; the list names the same place in the same octets, and
    /// says of its own certificates alone whether they are revoked.
    async fn a_certificate_has_its_shard(db: Db) {
        let world = World::new(db).await;
        let (authority, client) = world.again(sharded(config(), Delta::Off)).await;
        assert_eq!(authority.make_due_crls().await, 1 + usize::from(SHARDS), "the narrowed list and the shards'");
        let mut by_place: BTreeMap<String, Vec<Issued>> = BTreeMap::new();
        for round in 0..60 {
            let issued = client.issue(&prescriber(&format!("{round}"))).await.unwrap();
            by_place.entry(place(&issued)).or_default().push(issued);
            if by_place.len() == usize::from(SHARDS) && by_place.values().all(|issued| issued.len() > 1) {
                break;
            }
        }
        let places: Vec<_> = by_place.keys().map(String::as_str).collect();
        assert_eq!(places, ["/crl/remote-signing/1.crl", "/crl/remote-signing/2.crl", "/crl/remote-signing/3.crl"]);
        let [first, second] = [&by_place[places[0]], &by_place[places[1]]];
        let (issued, beside) = (&first[0], &first[1]);
        let points = extension(&certificate(issued), "2.5.29.31").unwrap();
        let before = list(&world, places[0]).await;
        let (critical, point) = list_extension(&before, "2.5.29.28").unwrap();
        assert!(critical && points.windows(point.len()).any(|octets| octets == point));
        judged(&world, issued, &[&before]).await.unwrap();

        revoke(&client, issued, Reason::KeyCompromise).await;
        assert_eq!(authority.make_due_crls().await, 1, "only its own shard is made again");
        let after = list(&world, places[0]).await;
        assert_eq!(number(after.number()), number(before.number()) + 1);
        assert!(matches!(judged(&world, issued, &[&after]).await, Err(path::Error::Revoked { .. })));
        judged(&world, beside, &[&after]).await.unwrap();
        let (other, all) = (list(&world, places[1]).await, list(&world, "/crl/remote-signing.crl").await);
        assert!(listed(&other, &issued.serial).is_none() && listed(&all, &issued.serial).is_none());
        for foreign in [&other, &all] {
            let said = judged(&world, issued, &[foreign]).await;
            assert!(matches!(said, Err(path::Error::RevocationUnknown { why: Unknown::NoCrl, .. })), "{said:?}");
        }
        judged(&world, &second[0], &[&after, &other]).await.unwrap();
    }

    /// Certificates from before the shards keep the one list; it narrows to them and says so, and stays right when the
    /// shards are taken out of the configuration again.
    async fn old_certificates_keep_their_list(db: Db) {
        let world = World::new(db).await;
        let (old, spared) = (world.prescriber("old").await, world.prescriber("spared").await);
        let before = world.crl(ISSUER).await;
        assert!(before.scope().location.is_none());
        let (authority, client) = world.again(sharded(config(), Delta::Off)).await;
        let new = client.issue(&prescriber("new")).await.unwrap();
        revoke(&client, &old, Reason::Superseded).await;
        revoke(&client, &new, Reason::Superseded).await;
        authority.make_due_crls().await;
        let narrowed = world.crl(ISSUER).await;
        assert!(narrowed.scope().location.is_some());
        assert!(listed(&narrowed, &old.serial).is_some() && listed(&narrowed, &new.serial).is_none());
        assert!(matches!(judged(&world, &old, &[&narrowed]).await, Err(path::Error::Revoked { .. })));
        judged(&world, &spared, &[&narrowed]).await.unwrap();

        let (without, client) = world.again(config()).await;
        let unsharded = client.issue(&prescriber("unsharded")).await.unwrap();
        assert_eq!(place(&unsharded), "/crl/remote-signing.crl");
        revoke(&client, &unsharded, Reason::Superseded).await;
        assert_eq!(without.make_due_crls().await, 1);
        let all = world.crl(ISSUER).await;
        assert!(all.scope().location.is_some(), "the shards' certificates are still elsewhere");
        assert!(listed(&all, &unsharded.serial).is_some() && listed(&all, &new.serial).is_none());
        let shard = list(&world, &place(&new)).await;
        assert!(listed(&shard, &new.serial).is_some(), "a shard that gets no more certificates keeps its list");
    }

    /// A delta list brings an old complete list up to date: what was revoked since, what is held, and what is not
    /// held any more. It has the number of the complete list made with it and says the same.
    async fn a_delta_list_brings_a_complete_one_up_to_date(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let (authority, client) = world.again(sharded(config(), Delta::Certificates)).await;
        authority.make_due_crls().await;
        let (held, revoked, good) = three_of_a_shard(&client).await;
        let (complete, delta) = (place(&held), place(&held).replace(".crl", "-delta.crl"));
        let named = extension(&certificate(&held), "2.5.29.46").unwrap();
        assert!(String::from_utf8_lossy(&named).ends_with(&delta), "{named:02x?}");
        revoke(&client, &held, Reason::CertificateHold).await;
        authority.make_due_crls().await;
        let old = list(&world, &complete).await;
        let (critical, freshest) = list_extension(&old, "2.5.29.46").unwrap();
        assert!(!critical && freshest == named);
        let with_hold = list(&world, &delta).await;
        assert_eq!(with_hold.number(), old.number());
        assert!(with_hold.delta_base() < with_hold.number() && with_hold.scope() == old.scope());
        assert!(list_extension(&with_hold, "2.5.29.46").is_none(), "a delta list has none of its own");
        assert!(matches!(judged(&world, &held, &[&old, &with_hold]).await, Err(path::Error::Revoked { .. })));

        hand.advance(Duration::from_mins(1));
        client.resume(&held.serial).await.unwrap();
        revoke(&client, &revoked, Reason::PrivilegeWithdrawn).await;
        assert_eq!(authority.make_due_crls().await, 1);
        let (new, newest) = (list(&world, &complete).await, list(&world, &delta).await);
        assert_eq!((newest.number(), newest.delta_base()), (new.number(), with_hold.delta_base()));
        let reason = |crl: &Crl, issued: &Issued| listed(crl, &issued.serial).map(|entry| entry.reason);
        assert_eq!(reason(&newest, &held), Some(Some(pki::Reason::RemoveFromCrl)));
        assert_eq!(reason(&newest, &revoked), Some(Some(pki::Reason::PrivilegeWithdrawn)));
        assert_eq!((reason(&new, &held), reason(&newest, &good)), (None, None));
        for lists in [&[&old, &newest][..], &[&new], &[&new, &newest]] {
            judged(&world, &held, lists).await.unwrap();
            judged(&world, &good, lists).await.unwrap();
            assert!(matches!(judged(&world, &revoked, lists).await, Err(path::Error::Revoked { .. })));
        }
        assert!(judged(&world, &good, &[&newest]).await.is_err(), "a delta list alone proves nothing");
    }

    /// A delta list is made again in its own time, and goes back to a newer complete list as time goes on.
    async fn delta_lists_move_on(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let (authority, client) = world.again(sharded(config(), Delta::Lists)).await;
        authority.make_due_crls().await;
        let (early, late, _) = three_of_a_shard(&client).await;
        assert!(extension(&certificate(&early), "2.5.29.46").is_none(), "only lists point to delta lists");
        let (complete, delta) = (place(&early), place(&early).replace(".crl", "-delta.crl"));
        revoke(&client, &early, Reason::Superseded).await;
        authority.make_due_crls().await;
        let first = list(&world, &delta).await;
        assert!(listed(&first, &early.serial).is_some());
        assert_eq!(first.next_update_ms(), Some(first.this_update_ms() + 2 * 3_600_000));
        hand.advance(Duration::from_mins(59));
        assert_eq!(authority.make_due_crls().await, 0);
        hand.advance(Duration::from_mins(1));
        assert_eq!(authority.make_due_crls().await, usize::from(SHARDS) + 1);
        let again = list(&world, &delta).await;
        let unchanged = list(&world, &complete).await;
        assert_eq!(number(again.number()), number(first.number()) + 1);
        assert_eq!(number(unchanged.number()), number(first.number()), "the complete list holds on");
        for _ in 0..16 {
            hand.advance(Duration::from_hours(12));
            authority.make_due_crls().await;
        }
        revoke(&client, &late, Reason::Superseded).await;
        authority.make_due_crls().await;
        let (much_later, newest) = (list(&world, &delta).await, list(&world, &complete).await);
        assert!(much_later.delta_base() > unchanged.number(), "{:?}", much_later.delta_base());
        assert!(listed(&much_later, &early.serial).is_none() && listed(&much_later, &late.serial).is_some());
        assert!(listed(&newest, &early.serial).is_some() && listed(&newest, &late.serial).is_some());
    }

    /// Many revocations in a row are on their lists within the minute, and need a few lists, not one each.
    async fn many_revocations_need_few_lists(db: Db) {
        const MANY: usize = 60;
        let world = World::new(db).await;
        let (authority, client) = world.again(sharded(config(), Delta::Lists)).await;
        authority.make_due_crls().await;
        let mut issued = Vec::new();
        for round in 0..MANY {
            issued.push(client.issue(&prescriber(&format!("{round}"))).await.unwrap());
        }
        let schedule = tokio::spawn(authority.clone().keep_schedule());
        let started = std::time::Instant::now();
        for one in &issued {
            revoke(&client, one, Reason::CessationOfOperation).await;
        }
        let mut missing: HashSet<_> = issued.iter().map(|one| one.serial.clone()).collect();
        until(async || {
            for shard in 1..=SHARDS {
                let complete = list(&world, &format!("/crl/remote-signing/{shard}.crl")).await;
                missing.retain(|serial| listed(&complete, serial).is_none());
            }
            missing.is_empty()
        })
        .await;
        assert!(started.elapsed() < Duration::from_mins(1));
        schedule.abort();
        for shard in 1..=SHARDS {
            let made = number(list(&world, &format!("/crl/remote-signing/{shard}.crl")).await.number());
            // One for the first change, then one for each two seconds.
            let most = 3 + i64::try_from(started.elapsed().as_secs() / 2).unwrap();
            assert!(made <= most, "{made} lists of shard {shard}");
        }
    }

    /// Two processes that issue, revoke and make lists at once give no serial and no list number twice.
    async fn two_processes_share_the_shards(db: Db) {
        let world = World::new(db).await;
        let (one, one_client) = world.again(sharded(config(), Delta::Lists)).await;
        let (two, two_client) = world.again(sharded(config_of(2), Delta::Lists)).await;
        let schedules = [&one, &two].map(|authority| tokio::spawn(authority.clone().keep_schedule()));
        let makers = [&one, &two].map(|authority| tokio::spawn(make_lists(authority.clone())));
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let client = if task % 2 == 0 { one_client.clone() } else { two_client.clone() };
                tokio::spawn(async move {
                    let mut serials = Vec::new();
                    for round in 0..6 {
                        let issued = client.issue(&prescriber(&format!("{task}-{round}"))).await.unwrap();
                        revoke(&client, &issued, Reason::Superseded).await;
                        serials.push(issued.serial);
                    }
                    serials
                })
            })
            .collect();
        let mut serials = HashSet::new();
        for task in tasks {
            serials.extend(task.await.unwrap());
        }
        assert_eq!(serials.len(), 48);
        for task in makers.into_iter().chain(schedules) {
            task.abort();
        }
        // One that was stopped on its way may have taken a number, which is not taken twice.
        until(async || {
            one.make_due_crls().await;
            let mut listed_serials = HashSet::new();
            for shard in 1..=SHARDS {
                let complete = list(&world, &format!("/crl/remote-signing/{shard}.crl")).await;
                listed_serials.extend(complete.entries().map(|entry| entry.serial.to_string()));
            }
            listed_serials == serials
        })
        .await;
        let signed = signed_lists(&world.db).await;
        let different: HashSet<_> = signed.iter().collect();
        assert_eq!(different.len(), signed.len(), "a number was used twice: {signed:?}");
        assert!(signed.iter().filter(|(shard, ..)| *shard > 0).count() >= 4 * usize::from(SHARDS));
    }

    /// A list longer than a part is stored and sent in parts, is whole, and signed.
    async fn a_long_list_is_made_in_parts(db: Db) {
        const MANY: usize = 45_000;
        let world = World::new(db).await;
        revoked_rows(&world.db, MANY).await;
        let issued = world.prescriber("last").await;
        revoke(&world.client, &issued, Reason::KeyCompromise).await;
        assert_eq!(world.authority.make_due_crls().await, 1);
        let infos = world.client.lists(ISSUER).await.unwrap();
        assert_eq!((infos.len(), infos[0].entries), (1, i64::try_from(MANY).unwrap() + 1));
        assert!(infos[0].size > 2 * 1024 * 1024, "{}", infos[0].size);
        let crl = list(&world, "/crl/remote-signing.crl").await;
        assert_eq!(crl.len(), MANY + 1);
        crl.verify(&decoded(&issued.chain[0])).unwrap();
        let serials: Vec<_> = crl.entries().map(|entry| entry.serial.to_string()).collect();
        assert!(serials.is_sorted() && serials.contains(&issued.serial));
        assert!(matches!(judged(&world, &issued, &[&crl]).await, Err(path::Error::Revoked { .. })));
        assert_eq!(world.client.crl(ISSUER).await.unwrap().entries, infos[0].entries);
    }

    /// What the API says of lists: which there are, of which shard, complete and delta; what is not there is not found.
    async fn lists_are_told(db: Db) {
        let world = World::new(db).await;
        let (authority, client) = world.again(sharded(config(), Delta::Lists)).await;
        authority.make_due_crls().await;
        let infos = client.lists(ISSUER).await.unwrap();
        assert_eq!(infos.len(), 2 * (1 + usize::from(SHARDS)));
        assert!(infos.iter().any(|info| info.delta && info.url == "http://pki.example/crl/remote-signing/delta.crl"));
        for info in &infos {
            let crl = list(&world, info.url.strip_prefix("http://pki.example").unwrap()).await;
            assert_eq!((number(crl.number()), crl.delta_base().is_some()), (info.number, info.delta));
            assert_eq!(i64::try_from(crl.der().len()).unwrap(), info.size);
        }
        let shard = client.shard_crl(ISSUER, 2).await.unwrap();
        assert_eq!((shard.shard, shard.base), (Some(2), None));
        assert_eq!(refusal(client.shard_crl(ISSUER, 9).await).1, "crl-unknown");
        for missing in ["9.crl", "9-delta.crl", "0.crl", "x.crl", "1"] {
            assert_eq!(world.get(&format!("/crl/remote-signing/{missing}"), &[]).await.0.status, 404, "{missing}");
        }
        assert_eq!(world.get("/crl/card/delta.crl", &[]).await.0.status, 404, "no delta lists are wished there");
    }

    /// After a restore a shard's list and a certificate of it are taken in where they belong; a delta list that lifts
    /// a hold revokes nothing.
    async fn a_shard_is_taken_in(db: Db) {
        let world = World::new(db).await;
        let (authority, client) = world.again(sharded(config(), Delta::Lists)).await;
        authority.make_due_crls().await;
        let (held, revoked, _) = three_of_a_shard(&client).await;
        let place = place(&held);
        revoke(&client, &held, Reason::CertificateHold).await;
        client.resume(&held.serial).await.unwrap();
        revoke(&client, &revoked, Reason::KeyCompromise).await;
        authority.make_due_crls().await;
        let delta = list(&world, &place.replace(".crl", "-delta.crl")).await;
        assert!(listed(&delta, &held.serial).is_some());
        let shard: i64 = place.strip_prefix("/crl/remote-signing/").unwrap().replace(".crl", "").parse().unwrap();
        for crl in [list(&world, &place).await, delta] {
            let taken = authority.take_in_list(crl.der()).await.unwrap();
            assert_eq!((taken.shard, taken.number), (shard, number(crl.number())));
            assert!(taken.revoked.is_empty() && taken.unknown.is_empty(), "{taken:?}");
        }
        assert!(!authority.take_in_certificate(&STANDARD.decode(&held.certificate).unwrap()).await.unwrap());
        let skipped = authority.skip_crl_numbers(ISSUER, 100).await.unwrap();
        authority.make_due_crls().await;
        for info in client.lists(ISSUER).await.unwrap() {
            assert_eq!(info.number, skipped + 1, "{}", info.url);
        }
    }
}

/// Settings that make no sense are refused at start, each with what is wrong.
#[test]
fn senseless_settings_are_refused() {
    platform::db::testing::run(platform::db::Engine::Sqlite, async |db: Db| {
        let world = World::new(db).await;
        let settings = ListSettings { shards: 4, delta: Delta::Off, delta_minutes: 60 };
        let cases = [
            ("nobody", settings, "no such issuer"),
            ("root", settings, "one list"),
            ("card", ListSettings { shards: 1025, ..settings }, "1024"),
            ("card", ListSettings { delta_minutes: 0, ..settings }, "1440"),
        ];
        for (issuer, settings, sentence) in cases {
            let lists = BTreeMap::from([(issuer.parse().unwrap(), settings)]);
            let config = Config { lists, ..config() };
            let (clock, high_water) = (world.clock.clone(), world.high_water.clone());
            let opened = Authority::open(config, &world.hsm, world.db.clone(), clock, high_water).await;
            let said = opened.err().unwrap().to_string();
            assert!(said.contains(sentence) && said.contains(issuer), "{said}");
        }
    });
}

/// Three certificates of one shard.
async fn three_of_a_shard(client: &Client) -> (Issued, Issued, Issued) {
    let mut by_place: BTreeMap<String, Vec<Issued>> = BTreeMap::new();
    for round in 0..60 {
        let issued = client.issue(&prescriber(&format!("of-a-shard-{round}"))).await.unwrap();
        let of_a_shard = by_place.entry(place(&issued)).or_default();
        of_a_shard.push(issued);
        if let [one, two, three] = of_a_shard.as_slice() {
            return (one.clone(), two.clone(), three.clone());
        }
    }
    panic!("no shard got three of sixty certificates");
}

/// Makes lists over and over, as an impatient process would.
async fn make_lists(authority: Authority) {
    loop {
        authority.make_due_crls().await;
        tokio::task::yield_now().await;
    }
}

/// Shard, base and number of every list that the record says was signed for the prescribers' issuer.
async fn signed_lists(db: &Db) -> Vec<(i64, Option<i64>, i64)> {
    use sqlx::Row as _;
    let rows = sqlx::query("SELECT body FROM audit_event WHERE module = 'ca' AND name = 'crl-signed'");
    let rows = rows.fetch_all(db.read()).await.unwrap();
    let bodies = rows.iter().map(|row| serde_json::from_slice(row.try_get("body").unwrap()).unwrap());
    let events = bodies.filter_map(|body: serde_json::Value| find(&body, "issuer").cloned());
    events
        .filter(|event| event["issuer"] == ISSUER)
        .map(|event| {
            let kind = event["base"].as_i64().map(|_| 1);
            (event["shard"].as_i64().unwrap(), kind, event["number"].as_i64().unwrap())
        })
        .collect()
}

/// The object in a record that has this field.
fn find<'a>(value: &'a serde_json::Value, field: &str) -> Option<&'a serde_json::Value> {
    if value.get(field).is_some() {
        return Some(value);
    }
    value.as_object()?.values().find_map(|inside| find(inside, field))
}

/// Writes revoked certificates of the prescribers' issuer without signing any.
async fn revoked_rows(db: &Db, many: usize) {
    for start in (0..many).step_by(500) {
        let values: Vec<_> = (start..(start + 500).min(many))
            .map(|at| {
                format!(
                    "('01{at:034x}', '{ISSUER}', 'card-signing', 'issued', 1, '', '', 0, 4000000000000, 0, 1700000000000, {})",
                    at % 7
                )
            })
            .collect();
        let query = format!(
            "INSERT INTO ca_certificate (serial, issuer, profile, state, instance, subject, common_name, not_before, \
             not_after, reserved_at, revoked_at, reason) VALUES {}",
            values.join(", ")
        );
        let written: Result<(), platform::db::Error> = db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    sqlx::query(sqlx::AssertSqlSafe(query)).execute(tx).await?;
                    Ok(())
                })
            })
            .await;
        written.unwrap();
    }
}
