//! Issuing authorities with profiles of their own.

use ca::api::{IssueRequest, SubjectData};
use ca::ceremony::Specification;
use platform::db::Db;
use platform::problem::Kind;

use crate::rollover::roll_over;
use crate::world::{World, decoded, fresh_key, prescriber, refusal, server};

/// The built-in profiles, with one authority under constraints of its own and one under others.
const OWN: &str = r#"
[authority.own.systems]
validity_days = 1825
keys = ["p-256"]
[authority.own.systems.name_constraints]
permitted = { dns = ["larkfield.example"] }
[authority.own.sign-in]
validity_days = 1825
keys = ["p-256"]
[authority.own.sign-in.name_constraints]
excluded = { dns = ["larkfield.example"] }
"#;

fn host(name: &str) -> IssueRequest {
    let subject = SubjectData { dns_names: vec![name.to_owned()], ip_addresses: Vec::new(), ..server() };
    IssueRequest::new(name, "system-tls-server", subject, fresh_key())
}

platform::both_engines! {
    /// Each authority is certified under its own constraints and life, whatever its generation, and one without under none; what
    /// is outside of an issuer's is refused before a serial is taken, and other authorities issue as before.
    async fn each_authority_is_under_its_own_constraints(db: Db) {
        let profiles = format!("{}\n{OWN}", include_str!("../../profiles.toml"));
        let world = World::under(db, &profiles, Specification::STANDARD).await;
        let certificate = async |id: &str| decoded(&world.client.issuer(id).await.unwrap().certificate);
        let constraints = async |id: &str| certificate(id).await.extensions().name_constraints.clone();
        let systems = constraints("systems").await.unwrap();
        assert!(!systems.permitted.is_empty() && systems.excluded.is_empty());
        let sign_in = constraints("sign-in").await.unwrap();
        assert!(sign_in.permitted.is_empty() && !sign_in.excluded.is_empty());
        assert_eq!(constraints("card").await, None);
        assert_eq!(constraints("root").await, None);
        let days = |certificate: &pki::Certificate| (certificate.not_after_ms() - certificate.not_before_ms()) / 86_400_000;
        assert!(days(&certificate("systems").await) <= 1825 && days(&certificate("card").await) > 1825);

        world.client.issue(&host("larkfield.example")).await.unwrap();
        let outside = refusal(world.client.issue(&host("bank.example")).await);
        assert_eq!(outside, (Kind::Invalid, "name-not-permitted".to_owned()));
        world.client.issue(&prescriber("unconstrained")).await.unwrap();

        assert_eq!(roll_over(&world, "systems").await.issuer, "systems-g2");
        assert_eq!(constraints("systems-g2").await, Some(systems));
        let outside = refusal(world.client.issue(&host("another.example")).await);
        assert_eq!(outside.1, "name-not-permitted");
        world.client.issue(&host("ward.larkfield.example")).await.unwrap();
        roll_over(&world, "card").await;
        assert_eq!(constraints("card-g2").await, None);
    }
}
