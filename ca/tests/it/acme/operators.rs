//! External accounts: who may make them, what they may say, and their end.

use ca::api::{self, NewExternalAccount};
use platform::db::Db;
use platform::problem::Kind;
use sqlx::Row as _;

use super::client::{Acme, csr, names};
use super::site::{Site, local};
use crate::world::{client, refusal, until};

platform::both_engines! {
    /// Only whoever may do ca:acme makes, lists and ends external accounts, and the key is shown once.
    async fn operators_let_machines_register(db: Db) {
        let site = Site::new(db).await;
        let other = client(&site.authority, &[api::ISSUE, api::READ, api::REVOKE]);
        assert_eq!(refusal(other.add_external_account(&local()).await.map(drop)).0, Kind::Forbidden);
        assert_eq!(refusal(other.external_accounts().await).0, Kind::Forbidden);
        let external = site.external(&local()).await;
        let operator = client(&site.authority, &[api::ACME]);
        let listed = operator.external_accounts().await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&external.account));
        assert!(!serde_json::to_string(&listed).unwrap().contains(&external.mac_key));
        assert_eq!(refusal(other.end_external_account(&external.account.id).await).0, Kind::Forbidden);
        let acme = Acme::registered(&site.authority, &external).await;
        operator.end_external_account(&external.account.id).await.unwrap();
        assert_eq!(acme.post("/acme/new-order", &names(&["localhost"])).await.problem(), "unauthorized");
        assert_eq!(Acme::new(&site.authority).register(&external).await.problem(), "unauthorized");
        assert_eq!(refusal(operator.end_external_account(&external.account.id).await).0, Kind::NotFound);
    }

    /// What waits in the queue when an external account ends gets no certificate.
    async fn an_ended_account_gets_nothing_more(db: Db) {
        let site = Site::new(db).await;
        let external = site.external(&local()).await;
        let acme = Acme::registered(&site.authority, &external).await;
        let (order, _) = acme.order(&names(&["localhost"])).await;
        site.validate(&acme, &order).await;
        site.world.move_token_away();
        let waiting = acme.finalize(&order, &csr(&["localhost"])).await;
        assert_eq!(waiting.json()["status"], "processing", "{waiting:?}");
        client(&site.authority, &[api::ACME]).end_external_account(&external.account.id).await.unwrap();
        site.world.move_token_back();
        let state = async || {
            let row = sqlx::query("SELECT state, problem FROM ca_acme_order").fetch_one(site.world.db.read()).await.unwrap();
            (row.get::<String, _>("state"), row.get::<Option<String>, _>("problem").unwrap_or_default())
        };
        until(async || {
            site.hand.advance(std::time::Duration::from_mins(6));
            site.authority.do_due_acme().await;
            state().await.0 != "processing"
        })
        .await;
        let (state, problem) = state().await;
        assert_eq!(state, "invalid");
        assert!(problem.contains("unauthorized"), "{problem}");
        let query = api::CertificateQuery { common_name: Some("localhost".to_owned()), ..Default::default() };
        let made = site.world.client.certificates(&query).await.unwrap().certificates;
        assert!(made.iter().all(|made| made.state != api::CertificateState::Issued), "{made:?}");
    }

    /// Profiles of people, networks and names that make no sense are refused; without the section there is no ACME.
    async fn bounds_must_make_sense(db: Db) {
        let site = Site::new(db).await;
        let operator = client(&site.authority, &[api::ACME]);
        let wrong = [
            NewExternalAccount { profiles: vec!["person-sign-in".to_owned()], ..local() },
            NewExternalAccount { profiles: vec!["prescriber-remote-signing".to_owned()], ..local() },
            // For clients, and its file does not say that ACME issues of it.
            NewExternalAccount {
                profiles: vec!["system-tls-client".to_owned()],
                devices: vec!["*".to_owned()],
                ..local()
            },
            NewExternalAccount { profiles: Vec::new(), ..local() },
            NewExternalAccount { networks: vec!["10.0.0.1/8".to_owned()], ..local() },
            NewExternalAccount { dns_suffixes: vec!["*.example".to_owned()], ..local() },
            NewExternalAccount { devices: vec!["a b".to_owned()], ..local() },
            NewExternalAccount { name: " ".to_owned(), ..local() },
            NewExternalAccount { most_accounts: Some(0), ..local() },
        ];
        for new in wrong {
            let refused = refusal(operator.add_external_account(&new).await.map(drop));
            assert_eq!(refused, (Kind::Invalid, "request-invalid".to_owned()), "{new:?}");
        }
        assert!(operator.external_accounts().await.unwrap().is_empty());
        let without = client(&site.world.authority, &[api::ACME]);
        assert_eq!(refusal(without.external_accounts().await).1, "acme-off");
        assert_eq!(Acme::new(&site.world.authority).get("/acme/directory").await.status, 404);
    }
}
