//! What watchers are told of lists and authorities.

use std::collections::BTreeMap;
use std::time::Duration;

use ca::{Delta, ListSettings};
use platform::db::Db;
use platform::telemetry;

use crate::world::{World, config, config_of};

/// The value of a gauge with this label, if it was ever told.
fn told(metrics: &telemetry::Metrics, gauge: &str, labels: &[&str]) -> Option<f64> {
    let text = metrics.render();
    let fits = |line: &&str| {
        line.starts_with(&format!("{gauge}{{")) && labels.iter().all(|label| line.contains(label))
    };
    let line = text.lines().find(fits)?;
    line.rsplit_once(' ').map(|(_, value)| value.parse().unwrap())
}

platform::both_engines! {
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
