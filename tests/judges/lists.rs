//! Lists of shards, delta lists and the root's list of authorities, put before every judge.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::http::Method;
use base64::{Engine, engine::general_purpose::STANDARD};
use ca::api::{
    CertificateInfo, IssueRequest, Issued, IssuerInfo, KeySource, ListInfo, Reason, RevokeRequest,
    SubjectData,
};
use lanyard::client::Server;
use lanyard::keypair::Pair;
use rcgen::PublicKeyData;

use crate::evidence::Path;
use crate::server::Running;
use crate::{CRL, bouncy, entries, openssl, pkilint};

/// Systems' certificates in two shards, with delta lists that certificates name too.
const SETTINGS: &str = "\n[ca.lists.systems]\nshards = 2\ndelta = \"certificates\"\n";
/// How long a list may take after a revocation, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(1);

/// The lists of an issuer by the path of their address.
type Lists = BTreeMap<String, (ListInfo, Vec<u8>)>;

async fn lists(server: &Running, desk: &Server, issuer: &str) -> Lists {
    let infos: Vec<ListInfo> = desk.get(&format!("/ca/issuers/{issuer}/lists")).await.expect("they are told");
    let mut lists = Lists::new();
    for info in infos {
        let path = info.url[info.url.find("/crl/").expect("lists lie below /crl/")..].to_owned();
        let der = server.plain(&path).await;
        lists.insert(path, (info, der));
    }
    lists
}

/// Has a system's certificate issued, and says where its list is found.
async fn issue(desk: &Server, name: &str) -> (Issued, Path, String) {
    let key = rcgen::KeyPair::generate().expect("a key can be made");
    let key = KeySource::public_key(&key.subject_public_key_info());
    let subject = SubjectData { common_name: "200000000017".to_owned(), ..SubjectData::default() };
    let request = IssueRequest::new(name, "system-tls-client", subject, key);
    let issued: Issued = desk.post("/ca/certificates", &request).await.expect("it is issued");
    let decode = |text: &String| STANDARD.decode(text).expect("certificates travel as base64");
    let leaf = decode(&issued.certificate);
    let read = pki::Certificate::from_der(&leaf).expect("it can be read");
    let place = read.crl_distribution_points()[0].uris().next().expect("it names a list").to_owned();
    let place = place[place.find("/crl/").expect("lists lie below /crl/")..].to_owned();
    let path = Path {
        root: decode(&issued.chain[1]),
        intermediates: vec![decode(&issued.chain[0])],
        leaf,
        crls: Vec::new(),
    };
    (issued, path, place)
}

/// Three certificates of one shard, which is the place they name.
async fn three_of_a_shard(desk: &Server) -> ([(Issued, Path); 3], String) {
    let mut by_place = BTreeMap::<String, Vec<(Issued, Path)>>::new();
    for round in 0..30 {
        let (issued, path, place) = issue(desk, &format!("judged-shard-{round}")).await;
        let of_a_shard = by_place.entry(place.clone()).or_default();
        of_a_shard.push((issued, path));
        if let Ok(three) = of_a_shard.clone().try_into() {
            return (three, place);
        }
    }
    panic!("no shard got three certificates");
}

async fn revoke(desk: &Server, issued: &Issued, reason: Reason) {
    let path = format!("/ca/certificates/{}/revocation", issued.serial);
    let request = RevokeRequest { reason, invalidity_date: None };
    let _: CertificateInfo = desk.post(&path, &request).await.expect("it is revoked");
}

/// The lists of three scopes, each with a delta list, once the schedule has made the first of them.
async fn all_lists(server: &Running, desk: &Server) -> Lists {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let lists = lists(server, desk, "systems").await;
        if lists.len() == 6 {
            return lists;
        }
        assert!(Instant::now() < deadline, "not every scope has its lists: {:?}", lists.keys());
    }
}

/// Fetches the lists until the one at this place is a newer one.
async fn newer(server: &Running, desk: &Server, place: &str, than: &Lists) -> Lists {
    let deadline = Instant::now() + PATIENCE;
    let delta = place.replace(".crl", "-delta.crl");
    loop {
        let now = lists(server, desk, "systems").await;
        let numbers = |lists: &Lists| (lists[place].0.number, lists[&delta].0.number);
        let (before, after) = (numbers(than), numbers(&now));
        if after.0 > before.0 && after.0 == after.1 {
            return now;
        }
        assert!(Instant::now() < deadline, "no newer list within a minute");
    }
}

/// Every judge verifies every list and reads in it what we read, entry by entry, and pkilint finds nothing in any: of a shard, of no shard, delta lists, the
/// root's. Judges of paths take the list of the certificate's own shard and no other; with a delta list OpenSSL sees what
/// changed after the complete list. A caller whose certificate is in a shard is let in, and not once it is revoked.
#[tokio::test(flavor = "multi_thread")]
async fn lists_of_every_form_are_accepted() {
    platform::tls::install_crypto_provider();
    let server = Running::start_with(SETTINGS);
    // Certificates from before the shards: the desk's own is one.
    let desk = server.as_client("clients", "registration-desk");
    let root = lists(&server, &desk, "root").await.remove("/crl/root.crl").expect("the root has a list").1;
    let ([held, revoked, good], place) = three_of_a_shard(&desk).await;
    let first = all_lists(&server, &desk).await;
    revoke(&desk, &held.0, Reason::CertificateHold).await;
    let old = newer(&server, &desk, &place, &first).await;
    let path = format!("/ca/certificates/{}/revocation", held.0.serial);
    desk.tell(Method::DELETE, &path, &serde_json::Value::Null).await.expect("the hold is lifted");
    revoke(&desk, &revoked.0, Reason::KeyCompromise).await;
    let mut new = newer(&server, &desk, &place, &old).await;
    // Two changes may have needed two lists.
    while pki::Crl::from_der(&new[&place].1).expect("it can be read").len() != 1 {
        new = newer(&server, &desk, &place, &new).await;
    }
    let issuer: IssuerInfo = desk.get("/ca/issuers/systems").await.expect("it is told");
    let issuer = STANDARD.decode(issuer.certificate).expect("certificates travel as base64");
    let mut refusals = Vec::new();
    let mut of_all: Vec<(&str, &Vec<u8>, &Vec<u8>)> =
        new.iter().chain(&old).map(|(place, (_, der))| (place.as_str(), der, &issuer)).collect();
    of_all.push(("root.crl", &root, &good.1.root));
    for (name, der, signer) in of_all {
        for (judge, accepts) in CRL {
            refusals.extend(accepts(der, signer).err().map(|reason| format!("{judge} on {name}: {reason}")));
        }
        let lints = if name == "root.crl" { pkilint::accepts_arl(der) } else { pkilint::accepts_crl(der) };
        refusals.extend(lints.err().map(|reason| format!("pkilint on {name}: {reason}")));
        let list = pki::Crl::from_der(der).expect("it can be read");
        refusals
            .extend(entries::read_alike(&list, signer).into_iter().map(|wrong| format!("{name}: {wrong}")));
    }
    assert!(refusals.is_empty(), "{}", refusals.join("\n"));
    let delta = pki::Crl::from_der(&new[&place.replace(".crl", "-delta.crl")].1).expect("it can be read");
    let lifted = entries::read_by_us(&delta).get(&entries::serial(&held.0.serial)).copied();
    assert_eq!(lifted, Some(Some(8)), "the delta list takes the hold away, which every judge has read");
    paths(&[&held.1, &revoked.1, &good.1], &root, &place, &old, &new);
    callers(&server, &desk).await;
}

fn paths([held, revoked, good]: &[&Path; 3], root: &[u8], place: &str, old: &Lists, new: &Lists) {
    let with = |path: &Path, lists: &[&Vec<u8>]| {
        let crls = std::iter::once(root.to_vec()).chain(lists.iter().map(|list| (*list).clone())).collect();
        Path { crls, ..path.clone() }
    };
    let (before, after) = (&old[place].1, &new[place].1);
    let delta = &new[&place.replace(".crl", "-delta.crl")].1;
    let other =
        new.keys().find(|other| *other != place && !other.contains("delta") && other.contains("systems/"));
    let other = &new[other.expect("there are two shards")].1;
    for (judge, accepts) in
        [("openssl", openssl::accepts_path as fn(&Path) -> _), ("bouncy castle", bouncy::accepts_path)]
    {
        for path in [held, good] {
            accepts(&with(path, &[after])).unwrap_or_else(|reason| panic!("{judge}: {reason}"));
        }
        for (what, lists) in [("a revoked one", [after]), ("the list of another shard", [other])] {
            let said = accepts(&with(revoked, &lists));
            assert!(said.is_err(), "{judge} accepted a certificate with {what}");
        }
        assert!(accepts(&with(held, &[before])).is_err(), "{judge} accepted a held one");
    }
    // The old complete list with the new delta list says what the new complete list says.
    openssl::accepts_path_with_deltas(&with(held, &[before, delta])).expect("the hold was lifted");
    openssl::accepts_path_with_deltas(&with(good, &[before, delta])).expect("nothing happened to it");
    let said = openssl::accepts_path_with_deltas(&with(revoked, &[before, delta]));
    assert!(said.is_err_and(|reason| reason.contains("revoked")), "openssl passed over the delta list");
    openssl::accepts_path_with_deltas(&with(revoked, &[before])).expect("the old list alone did not know");
}

/// A caller whose certificate is in a shard.
async fn callers(server: &Running, desk: &Server) {
    let pair = Pair::in_folder(&server.folder().join("clients"), "sharded");
    let request = IssueRequest {
        request_id: "judged-caller".to_owned(),
        profile: "system-tls-client".to_owned(),
        subject: SubjectData { common_name: "registration-desk".to_owned(), ..SubjectData::default() },
        key: KeySource::Csr(pair.request("registration-desk").expect("a request can be made")),
        issuer: None,
        validity: None,
    };
    let issued: Issued = desk.post("/ca/certificates", &request).await.expect("it is issued");
    pair.store(&issued).expect("it can be stored");
    let caller = server.as_client("clients", "sharded");
    caller.text("/ca/issuers").await.expect("a caller of a shard is let in");
    revoke(desk, &issued, Reason::KeyCompromise).await;
    let said = caller.text("/ca/issuers").await.expect_err("it is revoked").to_string();
    assert!(said.contains("401") && said.contains("certificate-revoked"), "{said}");
}
