//! The directory over LDAP as a program in Rust asks it, with the crate `ldap3`.

use std::collections::HashSet;
use std::sync::Arc;

use directory::ldap::LdapConfig;
use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::exop::{WhoAmI, WhoAmIResp};
use ldap3::{LdapConnAsync, LdapConnSettings, Scope, SearchEntry, SearchOptions};
use platform::db::Db;

use crate::ldap_rig::{Ldap, SECRET};
use crate::systems::{accredited, register};

const SERVICES: &str = "ou=Services,o=nhs";

/// A connection to one of the ports, with the client certificate.
async fn connected(ldap: &Ldap, start_tls: bool) -> ldap3::Ldap {
    let files = ["server.pem", "client.pem", "client.key"].map(|name| ldap.folder.path().join(name));
    let config = platform::tls::client(&files[0], &files[1], &files[2]).unwrap();
    let settings = LdapConnSettings::new().set_config(Arc::new(config)).set_starttls(start_tls);
    let (scheme, port) = if start_tls { ("ldap", ldap.start_tls.port()) } else { ("ldaps", ldap.tls.port()) };
    let url = format!("{scheme}://localhost:{port}");
    let (connection, client) = LdapConnAsync::with_settings(settings, &url).await.unwrap();
    tokio::spawn(async move {
        // It ends with the test.
        let _ended = connection.drive().await;
    });
    client
}

platform::both_engines! {
    /// Pages, limits, comparing, who one is, giving a search up, `StartTLS`, binds, and refusals with their reason.
    async fn the_crate_takes_the_directory(db: Db) {
        let ldap = Ldap::with(db, LdapConfig::default()).await;
        let mut asids = HashSet::new();
        for _ in 0..12 {
            asids.insert(register(&ldap.rig, &accredited("RXX")).await);
        }
        let mut client = connected(&ldap, false).await;
        client.sasl_external_bind().await.unwrap().success().unwrap();
        let (exop, _) = client.extended(WhoAmI).await.unwrap().success().unwrap();
        assert_eq!(exop.parse::<WhoAmIResp>().authzid, "u:pas");

        let (entries, result) =
            client.search("", Scope::Base, "(objectClass=*)", ["namingContexts"]).await.unwrap().success().unwrap();
        let root = SearchEntry::construct(entries.into_iter().next().unwrap());
        assert_eq!((result.rc, root.attrs["namingContexts"].as_slice()), (0, ["o=nhs", "cn=Changelog,o=nhs"].map(str::to_owned).as_slice()));

        let adapters: Vec<Box<dyn Adapter<_, _>>> = vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(5))];
        let filter = "(&(nhsIDCode=RXX)(objectClass=nhsAs))";
        let mut stream =
            client.streaming_search_with(adapters, SERVICES, Scope::Subtree, filter, vec!["uniqueIdentifier"]).await.unwrap();
        let (mut found, mut first) = (HashSet::new(), None);
        while let Some(entry) = stream.next().await.unwrap() {
            let entry = SearchEntry::construct(entry);
            found.insert(entry.attrs["uniqueIdentifier"][0].clone());
            first.get_or_insert(entry.dn);
        }
        stream.finish().await.success().unwrap();
        assert_eq!(found, asids, "page by page, each once");

        let options = SearchOptions::new().sizelimit(3);
        let limited = client.with_search_options(options).search(SERVICES, Scope::Subtree, filter, ["1.1"]).await.unwrap();
        assert_eq!((limited.0.len(), limited.1.rc), (3, 4), "sizeLimitExceeded, with as many as were asked for");

        let dn = first.unwrap();
        assert!(client.compare(&dn, "nhsIDCode", "RXX").await.unwrap().equal().unwrap());
        assert!(!client.compare(&dn, "nhsIDCode", "RXY").await.unwrap().equal().unwrap());
        let refused = client.delete(&dn).await.unwrap();
        assert_eq!(refused.rc, 53, "unwillingToPerform: {refused:?}");
        assert!(refused.text.contains("/directory/systems"), "it names what does it: {refused:?}");
        let nowhere = client.search("ou=Nowhere,o=nhs", Scope::Base, "(objectClass=*)", ["1.1"]).await.unwrap();
        assert_eq!(nowhere.1.rc, 32, "noSuchObject");

        let mut given_up = client.streaming_search(SERVICES, Scope::Subtree, filter, vec!["*"]).await.unwrap();
        assert!(given_up.next().await.unwrap().is_some());
        let number = given_up.ldap_handle().last_id();
        client.abandon(number).await.unwrap();
        assert!(client.compare(&dn, "nhsIDCode", "RXX").await.unwrap().equal().unwrap(), "the connection goes on");
        client.unbind().await.unwrap();

        let mut account = connected(&ldap, true).await;
        let wrong = account.simple_bind("cn=reader,o=nhs", "wrong").await.unwrap();
        assert_eq!(wrong.rc, 49, "invalidCredentials");
        account.simple_bind("cn=reader,o=nhs", SECRET).await.unwrap().success().unwrap();
        let people = account.search("ou=People,o=nhs", Scope::Base, "(objectClass=*)", ["*"]).await.unwrap();
        assert_eq!(people.success().unwrap().0.len(), 1);
        account.unbind().await.unwrap();
        ldap.stop().await;
    }
}
