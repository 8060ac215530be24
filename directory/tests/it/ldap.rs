//! The directory over LDAP, asked by programs of other people: Debian's ldap-utils and Python's ldap3 with its check of the schema.

use std::time::Duration;

use directory::ldap::LdapConfig;
use http::StatusCode;
use platform::db::Db;
use serde_json::json;
use tokio::time::timeout;

use crate::ldap_rig::{As, Ldap, SECRET, names, tool, values};
use crate::people_rig;
use crate::systems::{accredited, handling, register};
use crate::world::{self, AGENT, NURSE, user, who};

/// A register with two systems of one organisation; gives the identifiers of both.
async fn systems(ldap: &Ldap) -> [String; 2] {
    [
        register(&ldap.rig, &accredited("RXX")).await,
        register(&ldap.rig, &handling("RXX", "https://mhs.example.nhs.uk/")).await,
    ]
}

platform::both_engines! {
    /// Systems are found as clients of the national directory ask for them: blanks and letters anywhere, names in the schema's spelling.
    async fn systems_are_found(db: Db) {
        let ldap = Ldap::new(db).await;
        let [asid, mhs] = systems(&ldap).await;
        register(&ldap.rig, &accredited("RYY")).await;
        let interaction = "urn:nhs:names:services:pds:QUPA_IN000006UK02";
        let filter = format!("(&(nhsIDCode=RXX) (objectClass=nhsAS)(nhsAsSvcIA={interaction}))");
        let asked = ["-b", "ou=services, o=nhs", &filter, "uniqueidentifier", "nhsMhsPartyKey"];
        let (code, text) = ldap.search(As::Certificate, &asked).await;
        assert_eq!((code, names(&text)), (0, vec![format!("uniqueIdentifier={asid},ou=Services,o=nhs")]), "{text}");
        assert_eq!(values(&text, "nhsMHSPartyKey"), ["RXX-0000001"]);
        assert_eq!(values(&text, "uniqueIdentifier"), std::slice::from_ref(&asid));
        let filter = format!("(&(nhsMhsPartyKey=rxx-0000001) (objectClass=nhsMhs) (nhsMhsSvcIA={interaction}))");
        let (_, text) = ldap.search(As::External, &["-b", "ou=services,o=nhs", &filter, "nhsMhsEndPoint"]).await;
        assert_eq!(values(&text, "nhsMHSEndPoint"), ["https://mhs.example.nhs.uk/"], "{text}");
        for (filter, many) in [
            ("(objectClass=nhsAs)", 2),
            ("(|(nhsIDCode=RXX)(nhsIDCode=RYY))", 3),
            ("(nhsIDCode=rxx)", 0),
            ("(nhsAsClient=rxx01)", 2),
            ("(&(nhsIDCode=RXX)(!(objectClass=nhsMhs)))", 1),
            ("(nhsIDCode=R*)", 0),
            ("(nhsProductKey=123)", 0),
            ("(nhsProductName=larkfield epr)", 2),
            ("(objectClass=nhsPerson&nhsPersonStatus=1)", 0),
            ("(entryDN=uniqueIdentifier=nobody,ou=services,o=nhs)", 0),
            ("(objectClass=organizationalUnit)", 4),
        ] {
            assert_eq!(ldap.found(filter).await.len(), many, "{filter}");
        }
        assert_eq!(ldap.found(&format!("(uniqueIdentifier={})", mhs.to_uppercase())).await.len(), 1);
    }

    /// Each scope has its entries; what is not there is told with the nearest that is.
    async fn scopes_and_bases(db: Db) {
        let ldap = Ldap::new(db).await;
        let [asid, _] = systems(&ldap).await;
        let of = |base: String, scope: &'static str| {
            let ldap = &ldap;
            async move {
                let (code, text) = ldap.search(As::Certificate, &["-b", &base, "-s", scope, "(objectClass=*)", "1.1"]).await;
                (code, names(&text).len())
            }
        };
        assert_eq!(of("o=nhs".to_owned(), "base").await, (0, 1));
        assert_eq!(of("o=nhs".to_owned(), "one").await, (0, 4));
        assert_eq!(of("o=nhs".to_owned(), "sub").await, (0, 7));
        assert_eq!(of("ou=Services,o=nhs".to_owned(), "one").await, (0, 2));
        assert_eq!(of("ou=Services,o=nhs".to_owned(), "children").await, (0, 2));
        assert_eq!(of(format!("uniqueIdentifier={asid} , OU=services,o=NHS"), "base").await, (0, 1));
        assert_eq!(of(format!("uniqueIdentifier={asid},ou=Services,o=nhs"), "one").await, (0, 0));
        for nothing in ["o=other", "uniqueIdentifier=1,ou=Services,o=nhs", "ou=Nowhere,o=nhs"] {
            assert_eq!(of(nothing.to_owned(), "sub").await.0, 32, "{nothing}");
        }
        assert_eq!(of("nonsense".to_owned(), "sub").await.0, 34);
        let (_, text) = ldap.search(As::Certificate, &["-b", "cn=x,ou=Services,o=nhs", "-s", "base"]).await;
        assert!(text.contains("ou=Services,o=nhs"), "the nearest entry is named: {text}");
    }

    /// A withdrawn system is gone at once; a system with very many interactions comes whole.
    async fn entries_are_those_of_the_register(db: Db) {
        let ldap = Ldap::new(db).await;
        let mut large = accredited("RXX");
        let interactions: Vec<String> = (0..478).map(|number| format!("urn:nhs:names:services:gpconnect:fhir:rest:read:number-{number}")).collect();
        large["interactions"] = json!(interactions);
        let asid = register(&ldap.rig, &large).await;
        let (code, text) = ldap.search(As::Certificate, &["-b", "ou=Services,o=nhs", "(nhsAsSvcIA=*)"]).await;
        assert_eq!((code, values(&text, "nhsAsSvcIA").len()), (0, 478));
        let path = format!("/directory/systems/{asid}");
        let gone = ldap.rig.send(&crate::systems::keeper(), http::Method::DELETE, &path, &[("if-match", "*")], None).await;
        assert_eq!(gone.status, http::StatusCode::NO_CONTENT);
        assert!(ldap.found("(nhsAsSvcIA=*)").await.is_empty());
    }

    /// People are found with their organisations and roles below them, by whoever may read the register; and it is recorded.
    async fn people_have_their_tree(db: Db) {
        let world = world::World::new(db.clone()).await;
        let ward = world.ward.clone();
        world.assign(&who(AGENT), NURSE, &ward).await;
        let before = world.recorded("people-shown").await;
        let ldap = Ldap::new(db).await;
        let base = format!("uid={},ou=people,o=nhs", user(NURSE));
        let (code, text) = ldap.search(As::Account, &["-b", &base, "(objectclass=*)"]).await;
        let found = names(&text);
        assert_eq!((code, found.len()), (0, 3), "{text}");
        assert!(found[0].starts_with("uid=") && found[1].contains(&found[0]) && found[2].contains(&found[1]), "{found:?}");
        assert_eq!(values(&text, "nhsPersonStatus"), ["1"]);
        assert_eq!(values(&text, "nhsJobRoleCode"), ["S0010:G0020:R8000"]);
        assert_eq!(values(&text, "nhsOrgOpenDate"), [world::day(0).replace('-', "")], "as FHIR tells it");
        let role = values(&text, "uniqueIdentifier").pop().unwrap();
        assert_eq!(ldap.found(&format!("(&(objectClass=nhsOrgPersonRole)(uniqueIdentifier={role}))")).await, [found[2].clone()]);
        assert_eq!(ldap.found("(&(objectClass=nhsOrgPerson)(nhsIDCode=RXX01))").await, [found[1].clone()]);
        assert_eq!(world.recorded("people-shown").await, before + 3);
        *ldap.acts.lock().unwrap() = vec!["directory:look-up"];
        assert!(ldap.found(&format!("(uid={})", user(NURSE))).await.is_empty(), "not seen from above");
        assert_eq!(ldap.search(As::Certificate, &["-b", &base]).await.0, 50, "and refused where they are asked for");
        assert_eq!(world.recorded("people-shown").await, before + 3);
        assert_eq!(ldap.found("(&(objectClass=nhsOrg)(uniqueIdentifier=rxx))").await.len(), 1, "organisations are");
    }

    /// Names of several words are found whole, and by their beginning, however their letters are written.
    async fn names_of_several_words_are_found(db: Db) {
        let world = world::World::new(db.clone()).await;
        let mut made = Vec::new();
        for (number, (given, family)) in
            [("Omar", "Al-Hassan"), ("Ed", "Alison"), ("A-Jay", "Ó Briain"), ("Nikos", "ΠΑΠΑΔΟΠΟΥΛΟΣ"), ("Jo", "M\u{fc}ller")].into_iter().enumerate()
        {
            let person = people_rig::new_person(given, family, &format!("1984-07-2{number}"), &format!("11122233{number}"));
            made.push(format!("uid={},ou=people,o=nhs", world.rig.make(&who(world::MANAGER), &person).await));
        }
        let ldap = Ldap::new(db).await;
        for (filter, whose) in [
            ("(sn=al-hassan)", 0), ("(sn=Al-H*)", 0), ("(cn=Al-Hassan Omar)", 0), ("(sn=Ó Briain)", 2), ("(cn=Ó Briain A-Jay)", 2),
            ("(cn=Ó*)", 2), ("(sn=ΠΑΠΑΔΟΠΟΥΛΟΣ)", 3), ("(sn=παπαδοπουλος)", 3),
            ("(sn=M\u{fc}ller)", 4), ("(sn=Mu\u{308}ller)", 4), ("(cn=MU\u{308}LLER*)", 4),
        ] {
            let found = ldap.found(&format!("(&(objectClass=nhsPerson){filter})")).await;
            assert_eq!(found.iter().map(|dn| dn.to_lowercase()).collect::<Vec<_>>(), [made[whose].to_lowercase()], "{filter}");
        }
        assert!(ldap.found("(&(objectClass=nhsPerson)(sn=al))").await.is_empty(), "a beginning is not the name");
        assert!(ldap.found("(&(objectClass=nhsPerson)(sn=Muller))").await.is_empty(), "it is another name");
    }

    /// Pages, order, filters for values, assertions: each as its RFC has it.
    async fn controls_do_what_they_say(db: Db) {
        let ldap = Ldap::with(db, LdapConfig { size_limit: 10, ..LdapConfig::default() }).await;
        let mut asids = Vec::new();
        for _ in 0..25 {
            asids.push(register(&ldap.rig, &accredited("RXX")).await);
        }
        let all = ["-b", "ou=Services,o=nhs", "(objectClass=nhsAs)", "uniqueIdentifier"];
        let with = |more: &[&'static str]| [more, &all].concat();
        let (code, text) = ldap.search(As::Certificate, &all).await;
        assert_eq!((code, names(&text).len()), (4, 10), "more than are answered at once");
        let (code, text) = ldap.search(As::Certificate, &with(&["-z", "3"])).await;
        assert_eq!((code, names(&text).len()), (4, 3));
        for size in ["pr=7/noprompt", "pr=10/noprompt", "pr=1000/noprompt"] {
            let (code, text) = ldap.search(As::Certificate, &with(&["-E", size])).await;
            assert_eq!((code, values(&text, "uniqueIdentifier")), (0, asids.clone()), "{size}");
        }
        let (code, text) = ldap.search(As::Certificate, &with(&["-E", "pr=7/noprompt", "-E", "sss=-uniqueIdentifier:caseIgnoreOrderingMatch"])).await;
        let mut backward = asids.clone();
        backward.reverse();
        assert_eq!((code, values(&text, "uniqueIdentifier")), (0, backward), "{text}");
        let (code, text) = ldap.search(As::Certificate, &with(&["-E", "!sss=uniqueIdentifier"])).await;
        assert_eq!(code, 12, "without a rule there is no order: {text}");
        let (code, text) = ldap.search(As::Certificate, &["-E", "mv=(nhsAsSvcIA=urn:nhs:names:services:pds:QUPA_IN000006UK02)", "-z", "1", "-b", "ou=Services,o=nhs", "(objectClass=nhsAs)"]).await;
        assert_eq!((code, values(&text, "nhsAsSvcIA").len(), values(&text, "nhsIDCode").len()), (4, 1, 0), "{text}");
        let asserted = |filter: &'static str| ["-e", filter, "-b", "o=nhs", "-s", "base"];
        assert_eq!(ldap.search(As::Certificate, &asserted("!assert=(o=nhs)")).await.0, 0);
        assert_eq!(ldap.search(As::Certificate, &asserted("!assert=(o=other)")).await.0, 122);
        assert_eq!(ldap.search(As::Certificate, &["-M", "-b", "o=nhs", "-s", "base"]).await.0, 0);
        assert_eq!(ldap.search(As::Certificate, &["-MM", "-b", "o=nhs", "-s", "base"]).await.0, 0);
        assert_eq!(ldap.search(As::Certificate, &asserted("!authzid=dn:cn=other")).await.0, 12, "not known, and critical");
        assert_eq!(ldap.search(As::Certificate, &["-A", "-z", "1", "-b", "o=nhs", "-s", "base", "o"]).await.1.trim(), "dn: o=nhs\no:");
    }

    /// A search by times in an order finds what the database has, as one without an order does, also where the model is behind.
    async fn searches_by_times_in_an_order_are_exact(db: Db) {
        let world = world::World::new(db.clone()).await;
        let new = json!({"ods": "XV1", "name": "Locum pharmacy", "primary_role": "RO182", "ra_host": "RXX"});
        let made = world.rig.post(&world.operator, "/directory/organisations", &new).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        let ldap = Ldap::new(db.clone()).await;
        let written = async |options: &[&str], filter: &str| {
            let arguments = [options, &["-b", "ou=Organisations,o=nhs", filter, "modifyTimestamp"]].concat();
            let (code, text) = ldap.search(As::Certificate, &arguments).await;
            assert_eq!(code, 0, "{filter}: {text}");
            values(&text, "modifyTimestamp")
        };
        let own = "(uniqueIdentifier=XV1)";
        // Of what is written past the acts of the register the model does not hear: as soon as it has the organisation, it is behind.
        let behind = async {
            let mut before = written(&[], own).await;
            loop {
                let later = "UPDATE directory_organisation SET changed_at = changed_at + 3600000 WHERE ods = 'XV1'";
                people_rig::execute(&db, later, Vec::new()).await;
                let now = written(&[], own).await;
                if now == before {
                    return now;
                }
                before = now;
            }
        };
        let behind = timeout(Duration::from_mins(1), behind).await.expect("the model has the organisation");
        let later = format!("(&{own}(!(modifyTimestamp<={})))", behind[0]);
        let found = written(&[], &later).await;
        assert!(found.len() == 1 && found[0] > behind[0], "{found:?} {behind:?}");
        let order = ["-E", "sss=uniqueIdentifier:caseIgnoreOrderingMatch"];
        assert_eq!(written(&order, &later).await, found);
        assert_eq!(written(&order, own).await, behind, "what is not about times may be a moment old");
        let not_later = format!("(&{own}(modifyTimestamp<={}))", behind[0]);
        assert!(written(&order, &not_later).await.is_empty());
    }

    /// Who somebody is, they are told; what they may not is refused with a reason; nothing is written.
    async fn binds_and_refusals(db: Db) {
        let ldap = Ldap::new(db).await;
        let [asid, _] = systems(&ldap).await;
        let who_am_i = |who| {
            let ldap = &ldap;
            async move {
                let output = ldap.run("ldapwhoami", who, &[]).await;
                String::from_utf8(output.stdout).unwrap().trim().to_owned()
            }
        };
        assert_eq!(who_am_i(As::Certificate).await, "anonymous");
        assert_eq!(who_am_i(As::Nobody).await, "anonymous");
        assert_eq!(who_am_i(As::External).await, "u:pas");
        assert_eq!(who_am_i(As::Account).await, "dn:cn=reader,o=nhs");
        assert_eq!(ldap.search(As::Nobody, &["-b", "o=nhs"]).await.0, 50);
        assert_eq!(ldap.search(As::Nobody, &["-b", "", "-s", "base", "+"]).await.0, 0, "the server tells of itself");
        let system = format!("uniqueIdentifier={asid},ou=Services,o=nhs");
        let compared = |assertion: &'static str| {
            let (ldap, system) = (&ldap, system.as_str());
            async move { ldap.run("ldapcompare", As::Certificate, &[system, assertion]).await.status.code().unwrap() }
        };
        assert_eq!((compared("nhsIDCode:RXX").await, compared("nhsIDCode:rxx").await), (6, 5));
        assert_eq!((compared("nhsProductKey:123").await, compared("mail:x").await, compared("nothing:x").await), (18, 16, 17));
        let deleted = ldap.run("ldapdelete", As::Account, &[&system]).await;
        let said = String::from_utf8_lossy(&deleted.stderr).into_owned();
        assert!(deleted.status.code() == Some(53) && said.contains("/directory/systems"), "{said}");
        let wrong = ldap.run("ldapwhoami", As::Nobody, &["-D", "cn=reader,o=nhs", "-w", "wrong"]).await;
        assert_eq!(wrong.status.code(), Some(49));
        let stranger = ldap.run("ldapwhoami", As::Nobody, &["-D", "cn=nobody,o=nhs", "-w", SECRET]).await;
        assert_eq!(stranger.status.code(), Some(49));
        *ldap.acts.lock().unwrap() = Vec::new();
        let (code, text) = ldap.search(As::Certificate, &["-b", "o=nhs"]).await;
        assert!(code == 50 && text.contains("directory:look-up"), "{text}");
    }

    /// On the other port nothing is told in clear but the root DSE; after `StartTLS` it is as on the first.
    async fn nothing_is_told_in_clear(db: Db) {
        let ldap = Ldap::new(db).await;
        systems(&ldap).await;
        let address = format!("ldap://127.0.0.1:{}", ldap.start_tls.port());
        let search = |options: &'static [&'static str], base: &'static str| {
            let (ldap, address) = (&ldap, address.clone());
            async move {
                let mut command = tool("ldapsearch", ldap.file("server.pem"));
                command.env("LDAPTLS_CERT", ldap.file("client.pem")).env("LDAPTLS_KEY", ldap.file("client.key"));
                let output = command.args(["-x", "-LLL", "-H", &address]).args(options).args(["-b", base, "-s", "base"]).output();
                output.await.unwrap().status.code().unwrap()
            }
        };
        assert_eq!(search(&[], "").await, 13, "ldapsearch binds first, and is told to ask for TLS");
        assert_eq!(search(&["-ZZ"], "").await, 0);
        assert_eq!(search(&["-ZZ"], "o=nhs").await, 0);
    }

    /// Python's ldap3 reads the schema, and with its check on asks for every attribute of systems; pages and extended operations work.
    async fn ldap3_takes_the_schema(db: Db) {
        let ldap = Ldap::new(db).await;
        for _ in 0..12 {
            register(&ldap.rig, &accredited("RXX")).await;
        }
        let python = std::env::var("LANYARD_PYTHON").expect("tools/env says where Python is");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/ldap.py");
        let mut command = tokio::process::Command::new(python);
        command.arg(script).arg(ldap.tls.port().to_string()).arg(ldap.folder.path()).arg(SECRET).kill_on_drop(true);
        let output = command.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "taken", "{said}");
    }
}
