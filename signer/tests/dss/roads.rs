//! Whichever road leads to a signature, the same may be signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::caller::{Caller, CallerKind};
use platform::db::Db;
use serde_json::json;
use signer::api::{Algorithm, SIGN};

use super::oauth::{Application, agreed, credential, details, sign};
use super::proofs::one_time;
use super::{World, author, unprepared};
use crate::rig::{PASSPHRASE, USER, digest_of};

const FHIR: &str = include_str!("../../../fixtures/prescription.json");
const STRANGER: &str = "555021942115";
/// Longer than certificates are dated back.
const LATER_MS: u64 = 120_000;

/// How somebody comes to a signature.
#[derive(Clone, Copy, Debug)]
enum Road {
    /// The Digital Signature Service.
    Service,
    /// A request for an access token.
    Token,
    /// A page that a handle is for.
    Handle,
    /// The passphrase.
    Passphrase,
    /// The passphrase, in the first version.
    First,
}

/// Each, and what it answers when it may go on.
const ROADS: [(Road, u16); 5] = [
    (Road::Service, 200),
    (Road::Token, 303),
    (Road::Handle, 202),
    (Road::Passphrase, 200),
    (Road::First, 200),
];

/// An application that is registered, and comes by every road.
struct Client {
    application: Application,
    caller: Caller,
    token: String,
    credential: String,
}

impl Client {
    async fn new(world: &World, id: &'static str, unseen: &str) -> Self {
        let more = json!({
            "jwks": {"keys": [world.pair.jwk("key-1")]},
            "signing": {"callback_uri": "https://rp.example/signed?from=lanyard", "unseen": unseen},
        });
        let application = Application::with(world, id, &["openid", "service", "credential"], &more).await;
        let token = world.access(id, USER).await;
        let caller = Caller::new(CallerKind::System, id, id.parse().unwrap(), [SIGN.0]);
        Self { application, caller, token, credential: credential(world).await }
    }

    /// What prepare answers it.
    async fn prepared(&self, world: &World) -> String {
        let path = "/signer/prescriptions/prepare";
        let answer = world.rig.post_raw(&self.caller, path, "application/fhir+json", FHIR).await;
        answer.body["parameter"][0]["valueString"].as_str().unwrap().to_owned()
    }

    /// What it is answered when it asks for a signature over a statement.
    async fn asks(&self, world: &World, road: Road, info: &str) -> u16 {
        let (id, caller) = (self.credential.as_str(), &self.caller);
        let hash = digest_of(&STANDARD.decode(info).unwrap());
        match road {
            Road::Service => {
                let claims = world.claims(&[("one", info)], &json!({"iss": self.application.id}));
                world.ask(&world.jwt(&claims), &self.token, "s").await.status
            }
            Road::Token => {
                let details = details(id, &[(&hash, "Prescription")]);
                let mut browser = world.browsers[USER].clone();
                let address = self.application.request(&[("authorization_details", &details)]);
                let page = browser.get(world, &address).await.header("location");
                browser.get(world, &page).await.status
            }
            Road::Handle => {
                let body = json!({"credentialID": id, "numSignatures": 1, "hashes": [hash], "authData": [{"id": "presence"}]});
                world.rig.csc(caller, "credentials/authorize", &body).await.status
            }
            Road::Passphrase => world.rig.authorize(caller, id, &[&hash], PASSPHRASE).await.status,
            Road::First => {
                let body = json!({"credentialID": id, "numSignatures": 1, "hash": [hash], "PIN": PASSPHRASE});
                world.rig.post(caller, "/csc/v1/credentials/authorize", &body).await.status
            }
        }
    }
}

platform::both_engines! {
    /// What was authorised is not signed later, nor extended, in a role that ended meanwhile, also when what was prepared is kept no more; and what was
    /// refused so stays refused, when the role is there again too.
    async fn roles_outlive_what_was_prepared(db: Db) {
        let world = World::new(db).await;
        let client = Client::new(&world, "open-system", "told").await;
        author::has(&world, USER).await;
        let hash = digest_of(&STANDARD.decode(client.prepared(&world).await).unwrap());
        let (id, caller) = (&client.credential, &client.caller);
        let granted = world.rig.authorize(caller, id, &[&hash], PASSPHRASE).await;
        assert_eq!(granted.status, 200, "{:?}", granted.body);
        let mut body = sign(id, &hash);
        body["SAD"] = granted.body["SAD"].clone();
        body["operationMode"] = json!("A");
        let accepted = world.rig.csc(caller, "signatures/signHash", &body).await;
        let asked = json!({"requestID": accepted.body["responseID"]});
        let poll = async || world.rig.csc(caller, "signatures/signPolling", &asked).await.status;
        while poll().await == 202 {
            tokio::task::yield_now().await;
        }
        // As a process leaves it that ends before it has signed; and what was prepared is over.
        for sql in [
            "DELETE FROM signer_signature WHERE position >= $1", "DELETE FROM signer_signing WHERE signed_at >= $1",
            "DELETE FROM signer_prepared WHERE prepared_at >= $1", "UPDATE signer_job SET state = 'waiting' WHERE octets > $1",
        ] {
            world.write(sql, Vec::new(), 0).await;
        }
        author::loses(&world).await;
        let extend = json!({"credentialID": id, "SAD": granted.body["SAD"], "hashes": [hash]});
        let refused = world.rig.csc(caller, "credentials/extendTransaction", &extend).await;
        assert_eq!(refused.status, 403, "{:?}", refused.body);
        world.rig.pass(31_000);
        world.rig.sweep_jobs().await;
        assert_eq!(poll().await, 403);
        author::regains(&world).await;
        assert_eq!(poll().await, 403, "what was refused is not signed by asking again");
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature").await, 0);
        // The authorisation is still good, for whoever shows it.
        body["operationMode"] = json!("S");
        assert_eq!(world.rig.csc(caller, "signatures/signHash", &body).await.status, 200);
    }

    /// No road leads to a signature by a certificate that is younger than what was prepared, nor by one that is made for the batch; what is prepared again
    /// is signed by each. Where the certificate was renewed since it was authorised, nothing is signed, now or later, nor extended.
    async fn no_road_signs_what_is_older_than_its_certificate(db: Db) {
        let world = World::new(db).await;
        let mut client = Client::new(&world, "open-system", "told").await;
        let (older, info) = (client.credential.clone(), client.prepared(&world).await);
        let hash = digest_of(&STANDARD.decode(&info).unwrap());
        world.rig.pass(LATER_MS);
        client.credential = world.rig.ready(Algorithm::Rsa2048).await;
        for (road, fine) in ROADS {
            let expected = match road {
                // It chooses among the person's credentials.
                Road::Service => fine,
                Road::Token => 409,
                Road::Handle | Road::Passphrase | Road::First => 400,
            };
            assert_eq!(client.asks(&world, road, &info).await, expected, "{road:?}");
        }
        let batch = one_time(&world.rig).await;
        for (id, why) in [(&client.credential, "Have it prepared again"), (&batch, "whose key is kept")] {
            let refused = world.rig.authorize(&client.caller, id, &[&hash], PASSPHRASE).await;
            let said = refused.body["error_description"].as_str().unwrap();
            assert!(refused.status == 400 && said.contains(why), "{said}");
        }
        let again = client.prepared(&world).await;
        for (road, fine) in ROADS {
            assert_eq!(client.asks(&world, road, &again).await, fine, "{road:?}");
        }
        let caller = &client.caller;
        let granted = world.rig.authorize(caller, &older, &[&hash], PASSPHRASE).await;
        assert_eq!(granted.status, 200, "{:?}", granted.body);
        world.rig.act(&world.rig.admin, &older, "renew", 200).await;
        let mut body = sign(&older, &hash);
        body["SAD"] = granted.body["SAD"].clone();
        let extend = json!({"credentialID": older, "SAD": granted.body["SAD"], "hashes": [hash]});
        for (method, body) in [("signatures/signHash", &body), ("credentials/extendTransaction", &extend)] {
            let refused = world.rig.csc(caller, method, body).await;
            let said = refused.body["error_description"].as_str().unwrap();
            assert!(refused.status == 400 && said.contains("Have it prepared again"), "{method}: {said}");
        }
        body["operationMode"] = json!("A");
        let accepted = world.rig.csc(caller, "signatures/signHash", &body).await;
        let asked = json!({"requestID": accepted.body["responseID"]});
        let poll = async || world.rig.csc(caller, "signatures/signPolling", &asked).await;
        let mut polled = poll().await;
        while polled.status == 202 {
            tokio::task::yield_now().await;
            polled = poll().await;
        }
        let said = polled.body["error_description"].as_str().unwrap();
        assert!(polled.status == 400 && said.contains("Have it prepared again"), "{said}");
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature").await, 0);
    }

    /// By every road: what nobody was shown is signed for those alone who may ask for it, which is everything where a passphrase is enough, and what
    /// somebody else is the author of, or was written in a role that has ended, for nobody; nor is such a signature put into its form, nor an
    /// authorisation extended or agreed to that was asked for before.
    async fn every_road_asks_the_same(db: Db) {
        let mut world = World::new(db).await;
        let open = Client::new(&world, "open-system", "told").await;
        let careful = Client::new(&world, "careful-system", "refused").await;
        for (client, unseen_is) in [(&open, None), (&careful, Some(400))] {
            let info = client.prepared(&world).await;
            for (road, fine) in ROADS {
                let unseen = client.asks(&world, road, &unprepared(1)).await;
                assert_eq!(unseen, unseen_is.unwrap_or(fine), "unseen, {road:?}, {}", client.application.id);
                // Where nobody is shown anything, what was prepared is as unseen as the rest.
                let blind = unseen_is.filter(|_| matches!(road, Road::Passphrase | Road::First));
                author::has(&world, STRANGER).await;
                let others = client.asks(&world, road, &info).await;
                assert_eq!(others, blind.unwrap_or(403), "another's, {road:?}, {}", client.application.id);
                author::has(&world, USER).await;
                author::loses(&world).await;
                let ended = client.asks(&world, road, &info).await;
                assert_eq!(ended, blind.unwrap_or(403), "ended, {road:?}, {}", client.application.id);
                author::regains(&world).await;
                let own = client.asks(&world, road, &info).await;
                assert_eq!(own, blind.unwrap_or(fine), "their own, {road:?}, {}", client.application.id);
            }
        }
        let hash = digest_of(&STANDARD.decode(careful.prepared(&world).await).unwrap());
        let refused = world.rig.authorize(&careful.caller, &careful.credential, &[&hash], PASSPHRASE).await;
        let why = refused.body["error_description"].as_str().unwrap();
        assert!(why.contains("authorise by presence"), "{why}");
        // Nor is agreed to in a role that ended since it was asked for.
        let by_handle = "SELECT consent_id FROM signer_consent WHERE client = 'careful-system' AND road = 'handle'";
        let consent: String = sqlx::query_scalar(by_handle).fetch_one(world.rig.db.read()).await.unwrap();
        let page = format!("/signing-service/confirm/{consent}");
        let mut browser = world.browsers[USER].clone();
        author::loses(&world).await;
        let refused = agreed(&mut world, &mut browser, &page).await;
        assert_eq!(refused.refusal(), (403, "author-role-ended".to_owned()));
        author::regains(&world).await;
        let answered = agreed(&mut world, &mut browser, &page).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        // What was signed while it was one's own is put together while it is, and not afterwards.
        let info = open.prepared(&world).await;
        let (id, caller) = (&open.credential, &open.caller);
        let hash = digest_of(&STANDARD.decode(&info).unwrap());
        let granted = world.rig.authorize(caller, id, &[&hash], PASSPHRASE).await;
        author::loses(&world).await;
        let extend = json!({"credentialID": id, "SAD": granted.body["SAD"], "hashes": [hash]});
        let refused = world.rig.csc(caller, "credentials/extendTransaction", &extend).await;
        assert_eq!(refused.status, 403, "{:?}", refused.body);
        author::regains(&world).await;
        let mut body = sign(id, &hash);
        body["SAD"] = granted.body["SAD"].clone();
        let signed = world.rig.csc(caller, "signatures/signHash", &body).await;
        assert_eq!(signed.status, 200, "{:?}", signed.body);
        let listed = world.rig.get(&world.rig.admin, &format!("/signer/credentials?user_id={USER}")).await;
        let certificate = &listed.body["credentials"][0]["certificates"][0]["certificate"];
        let body = json!({"digest": info, "signature": signed.body["signatures"][0], "certificate": certificate});
        let path = "/signer/prescriptions/signatures";
        world.rig.authority.make_lists().await;
        world.rig.pass(3_000);
        author::has(&world, STRANGER).await;
        let refused = world.rig.post(caller, path, &body).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (403, Some("author-other")), "{:?}", refused.body);
        author::has(&world, USER).await;
        author::loses(&world).await;
        let refused = world.rig.post(caller, path, &body).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (403, Some("author-role-ended")), "{:?}", refused.body);
        author::regains(&world).await;
        let together = world.rig.post(caller, path, &body).await;
        assert_eq!(together.status, 200, "{:?}", together.body);
        // As after a restore: nobody knows whose the certificate is.
        let nobodys = "UPDATE ca_certificate SET user_id = NULL WHERE user_id = $1 AND not_after > $2";
        world.write(nobodys, vec![USER.to_owned()], 0).await;
        let refused = world.rig.post(caller, path, &body).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (409, Some("author-unknown")), "{:?}", refused.body);
        author::nobody(&world).await;
        assert_eq!(world.rig.post(caller, path, &body).await.status, 200, "nor whose the role is");
    }
}
