//! What watchers are told of lists and authorities.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ca::api::{IssueRequest, KeySource, Reason, RevokeRequest};
use ca::{Delta, ListSettings};
use platform::db::Db;
use platform::telemetry;

use crate::world::{World, config, config_of, fresh_key, person, prescriber, system};

/// The value of a gauge with this label, if it was ever told.
fn told(metrics: &telemetry::Metrics, gauge: &str, labels: &[&str]) -> Option<f64> {
    let text = metrics.render();
    let fits = |line: &&str| {
        line.starts_with(&format!("{gauge}{{")) && labels.iter().all(|label| line.contains(label))
    };
    let line = text.lines().find(fits)?;
    line.rsplit_once(' ').map(|(_, value)| value.parse().unwrap())
}

/// Every count of this name: its labels in their order, and how many.
fn counts(metrics: &telemetry::Metrics, counter: &str) -> BTreeSet<String> {
    let text = metrics.render();
    let lines =
        text.lines().filter_map(|line| line.strip_prefix(counter)?.strip_prefix('{')?.split_once("} "));
    lines
        .map(|(labels, count)| {
            let mut labels: Vec<&str> = labels.split(',').collect();
            labels.sort_unstable();
            format!("{} {count}", labels.join(","))
        })
        .collect()
}

fn told_as(lines: &[&str]) -> BTreeSet<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

platform::both_engines! {
    /// What is issued, refused, held or revoked is counted once, under its own profile and authority or reason and under no
    /// other; asking for what is done already counts for nothing. A certificate takes one signature of its token.
    async fn what_is_done_is_counted(db: Db) {
        let world = World::new(db).await;
        let watching = telemetry::init(&telemetry::Config::default()).unwrap();
        let metrics = watching.metrics();
        let request = prescriber("first");
        let issued = world.client.issue(&request).await.unwrap();
        let signed = counts(&metrics, "hsm_signatures_total");
        let token = &world.hsm.health().tokens[0].label;
        assert_eq!(signed, told_as(&[&format!("alg=\"p-256\",token=\"{token}\" 1")]));
        world.client.issue(&request).await.unwrap();
        let other = IssueRequest::new("second", "system-tls-client", system(), fresh_key());
        let other = world.client.issue(&other).await.unwrap();
        let one_each = told_as(&[
            r#"issuer="remote-signing",profile="prescriber-remote-signing" 1"#,
            r#"issuer="systems",profile="system-tls-client" 1"#,
        ]);
        assert_eq!(counts(&metrics, "ca_certificates_issued_total"), one_each);
        assert_eq!(counts(&metrics, "ca_issue_failures_total"), BTreeSet::new());
        assert_eq!(counts(&metrics, "ca_certificates_revoked_total"), BTreeSet::new());

        let key = KeySource::public_key(b"nonsense");
        world.client.issue(&IssueRequest::new("weak", "card-signing", person(), key)).await.unwrap_err();
        let strange = IssueRequest::new("strange", "made-up-by-a-caller", person(), fresh_key());
        world.client.issue(&strange).await.unwrap_err();
        let failures = [r#"profile="card-signing",reason="key" 1"#, r#"profile="unknown",reason="profile" 1"#];
        assert_eq!(counts(&metrics, "ca_issue_failures_total"), told_as(&failures));

        let because = |reason| RevokeRequest { reason, invalidity_date: None };
        for _ in 0..3 {
            world.client.revoke(&issued.serial, &because(Reason::CertificateHold)).await.unwrap();
            world.client.revoke(&other.serial, &because(Reason::Superseded)).await.unwrap();
        }
        world.client.resume(&other.serial).await.unwrap_err();
        assert_eq!(counts(&metrics, "ca_certificates_revoked_total"), one_each);
        assert_eq!(counts(&metrics, "ca_certificates_issued_total"), one_each);
        world.client.resume(&issued.serial).await.unwrap();
        world.client.revoke(&issued.serial, &because(Reason::KeyCompromise)).await.unwrap();
        let again = told_as(&[
            r#"issuer="remote-signing",profile="prescriber-remote-signing" 2"#,
            r#"issuer="systems",profile="system-tls-client" 1"#,
        ]);
        assert_eq!(counts(&metrics, "ca_certificates_revoked_total"), again);
    }

    /// Every process tells until when every list holds, also one that another has made, and nothing any more of an authority
    /// whose certificate has ended: no alarm may stay on for ever.
    async fn every_list_is_told_until_its_authority_ends(db: Db) {
        const ENDS: &str = "ca_crl_next_update_seconds";
        let (world, hand) = World::with_hand(db).await;
        // The lists there are were made before this process watched.
        let watching = telemetry::init(&telemetry::Config::default()).unwrap();
        let metrics = watching.metrics();
        let (other, _) = world.again(config_of(2)).await;
        let card = ["issuer=\"card\"", "shard=\"0\"", "kind=\"complete\""];
        assert_eq!(told(&metrics, ENDS, &card), None);
        other.tell_ages().await;
        let seconds = |millis: i64| Some(f64::from(i32::try_from(millis / 1000).unwrap()));
        let until = world.crl("card").await.next_update_ms().unwrap();
        assert_eq!(told(&metrics, ENDS, &card), seconds(until));
        hand.advance(Duration::from_hours(12));
        world.authority.make_due_crls().await;
        other.tell_ages().await;
        let later = world.crl("card").await.next_update_ms().unwrap();
        assert!(later > until && told(&metrics, ENDS, &card) == seconds(later));
        let left = told(&metrics, "ca_issuer_days_left", &card[..1]).unwrap();
        assert!(left > 3_000.0, "{left}");

        hand.advance(Duration::from_hours(24 * 3655));
        other.tell_ages().await;
        for gauge in [ENDS, "ca_issuer_days_left", "ca_crl_age_seconds"] {
            assert!(told(&metrics, gauge, &card[..1]).unwrap().is_nan(), "{gauge}");
            assert!(!told(&metrics, gauge, &["issuer=\"root\""]).unwrap().is_nan(), "{gauge} of the root, which lasts");
        }
    }

    /// Where delta lists are wished no more, the last one is neither told nor counted among those that must be current.
    async fn a_delta_list_of_before_is_no_concern(db: Db) {
        let world = World::new(db).await;
        let watching = telemetry::init(&telemetry::Config::default()).unwrap();
        let with = |delta| {
            let settings = ListSettings { shards: 0, delta, delta_minutes: 60 };
            ca::Config { lists: BTreeMap::from([("card".parse().unwrap(), settings)]), ..config() }
        };
        let (authority, client) = world.again(with(Delta::Lists)).await;
        authority.make_due_crls().await;
        assert_eq!(client.lists("card").await.unwrap().len(), 2);
        authority.tell_ages().await;
        let delta = ["issuer=\"card\"", "kind=\"delta\""];
        assert!(!told(&watching.metrics(), "ca_crl_next_update_seconds", &delta).unwrap().is_nan());
        let (authority, client) = world.again(with(Delta::Off)).await;
        let lists = client.lists("card").await.unwrap();
        assert!(lists.len() == 1 && !lists[0].delta);
        authority.tell_ages().await;
        assert!(told(&watching.metrics(), "ca_crl_next_update_seconds", &delta).unwrap().is_nan());
        let (parts, _) = world.get("/crl/card/delta.crl", &[]).await;
        assert_eq!(parts.status, 200, "who was told of it finds it until it has run out");
    }
}
