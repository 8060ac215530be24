//! Versions of profiles.

use ca::api::{CertificateQuery, IssueRequest};
use platform::db::Db;

use crate::world::{World, config, config_of, fresh_key, person, refusal};

const BUILT_IN: &str = include_str!("../../profiles.toml");

/// The configuration of a process whose profile file has this change.
fn changed(from: &str, to: &str) -> (tempfile::NamedTempFile, ca::Config) {
    let text = BUILT_IN.replacen(from, to, 1);
    assert_ne!(text, BUILT_IN);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let config = ca::Config { profiles: Some(file.path().to_owned()), ..config_of(2) };
    (file, config)
}

platform::both_engines! {
    /// A changed profile is a new version with its event, taken back it is the old one, and each certificate
    /// names the version it was issued under.
    async fn a_changed_profile_is_a_new_version(db: Db) {
        let world = World::new(db).await;
        let version = |client: ca::api::Client, id: &'static str| async move {
            let request = IssueRequest::new(id, "card-signing", person(), fresh_key());
            let serial = client.issue(&request).await.unwrap().serial;
            client.certificate(&serial).await.unwrap().profile_version
        };
        assert_eq!(version(world.client.clone(), "before").await, Some(1));
        let (_file, config_after) = changed("id = \"card-signing\"\ntitle = \"Signing", "id = \"card-signing\"\ntitle = \"Now signing");
        let (_after, client) = world.again(config_after).await;
        assert_eq!(version(client.clone(), "after").await, Some(2));
        assert_eq!(version(world.client.clone(), "meanwhile").await, Some(1), "both are in force, each in its process");
        let (_back, back) = world.again(config()).await;
        assert_eq!(version(back, "taken-back").await, Some(1));
        let history = client.profile("card-signing").await.unwrap();
        assert_eq!((history.version, history.versions.len()), (Some(2), 2));
        assert_eq!(history.versions[0].content["title"], "Signing with a smartcard");
        assert_eq!(history.versions[1].content["title"], "Now signing with a smartcard");
        let untouched = client.profile("card-authentication").await.unwrap();
        assert_eq!(untouched.versions.len(), 1, "only what changed has a new version");
        assert_eq!(refusal(client.profile("no-such").await).1, "profile-unknown");
        let info = client.profiles().await.unwrap().into_iter().find(|profile| profile.id == "card-signing");
        assert_eq!(info.unwrap().version, 2);
    }

    /// The authorities' own profiles have versions too, and their certificates name them.
    async fn the_ceremony_names_versions(db: Db) {
        let world = World::new(db).await;
        let query = CertificateQuery { profile: Some("authority-issuing".to_owned()), ..CertificateQuery::default() };
        let authorities = world.client.certificates(&query).await.unwrap().certificates;
        assert_eq!(authorities.len(), 4);
        assert!(authorities.iter().all(|authority| authority.profile_version == Some(1)), "{authorities:?}");
        assert_eq!(world.client.profile("authority-root").await.unwrap().versions.len(), 1);
    }
}
