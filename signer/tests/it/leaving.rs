//! Who has left signs no more: at once by the register's row, and for good once the signer has read the change feed.

use directory::api::{CHANGES, Client, FEED};
use directory::{DocumentKey, Parts, Register};
use http::Request;
use platform::caller::{Caller, CallerKind};
use platform::db::Db;
use platform::peer::Peer;
use serde_json::{Value, json};
use signer::api::Algorithm;

use crate::rig::{Answer, PASSPHRASE, Rig, create_request, digest_of, person, request, send};

/// The register on the same database, and a personnel system that tells it who comes and goes.
struct Payroll {
    register: Register,
    caller: Caller,
}

impl Payroll {
    fn of(rig: &Rig) -> Self {
        let parts = Parts {
            config: directory::Config::default(),
            db: rig.db.clone(),
            clock: rig.clock.clone(),
            document_key: DocumentKey::new(&[7; 32]),
        };
        let mut caller = Caller::new(CallerKind::System, "payroll", "payroll".parse().unwrap(), [FEED.0]);
        caller.organisation = Some("RXX".parse().unwrap());
        Self { register: Register::new(parts).unwrap(), caller }
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut asked: Request<_> = request(method, &format!("/directory/scim/v2/{path}"), body);
        asked.extensions_mut().insert(self.caller.clone());
        send(directory::router(self.register.clone()), asked).await
    }

    /// Somebody new, by their user id.
    async fn announce(&self, number: &str, family: &str) -> String {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "externalId": number, "userName": number, "name": {"givenName": "Ann", "familyName": family},
        });
        let made = self.send("POST", "Users", Some(&body)).await;
        assert_eq!(made.status, 201, "{:?}", made.body);
        made.body["id"].as_str().unwrap().to_owned()
    }

    async fn leave(&self, user: &str) {
        assert_eq!(self.send("DELETE", &format!("Users/{user}"), None).await.status, 204);
    }

    /// The register as the signer follows it.
    fn followed(&self) -> Client {
        let caller = Caller::module("signer", &[CHANGES]);
        Client::new(Peer::local(directory::router(self.register.clone()), caller))
    }
}

/// A credential of somebody, ready to sign.
async fn ready(rig: &Rig, user: &str) -> String {
    let made = rig.post(&rig.admin, "/signer/credentials", &request_of(user, "first")).await;
    assert_eq!(made.status, 200, "{:?}", made.body);
    let id = made.body["credential_id"].as_str().unwrap().to_owned();
    let path = format!("/signer/credentials/{id}/passphrase");
    assert_eq!(rig.put(&person(user), &path, &json!({"new": PASSPHRASE})).await.status, 204);
    id
}

/// More credentials of somebody than are read at a time, older than every other and destroyed.
async fn many_destroyed(rig: &Rig, user: &str) {
    let user = user.to_owned();
    let done: Result<(), platform::db::Error> = rig
        .db
        .write(move |tx| {
            Box::pin(async move {
                for number in 0..120 {
                    let sql = "INSERT INTO signer_credential (credential_id, request_id, user_id, state, version, subject, key_id, \
                               created_at, changed_at) VALUES ($1, $1, $2, 'destroyed', 1, '{}', $1, 0, 0)";
                    let id = platform::id::uuid_text(platform::clock::Millis(number));
                    sqlx::query(sql).bind(id).bind(user.as_str()).execute(&mut *tx).await?;
                }
                Ok(())
            })
        })
        .await;
    done.unwrap();
}

fn request_of(user: &str, name: &str) -> Value {
    let mut request = create_request(Algorithm::P256, &format!("{user}-{name}"));
    request["subject"]["user_id"] = json!(user);
    request["subject"]["common_name"] = json!(format!("{user}_Aisha_Rahman"));
    request
}

platform::both_engines! {
    /// Somebody who has left neither authorises, signs nor gets a credential, before the signer has heard of it and after;
    /// then their credential is revoked, however many they had before, and their colleague's is not.
    async fn who_has_left_signs_no_more(db: Db) {
        let rig = Rig::new(db).await;
        let payroll = Payroll::of(&rig);
        let (leaver, colleague) = (payroll.announce("1", "Example").await, payroll.announce("2", "Other").await);
        let (theirs, kept) = (ready(&rig, &leaver).await, ready(&rig, &colleague).await);
        many_destroyed(&rig, &leaver).await;
        let hash = digest_of(b"one");
        let list = json!({"userID": leaver});
        let listed = rig.csc(&rig.system, "credentials/list", &list).await;
        assert_eq!(listed.body["credentialIDs"], json!([theirs]), "what is over hides nothing");
        let sad = rig.sad(&theirs, &[&hash]).await;
        // As a stop leaves it that comes after the credential and before its certificates.
        let half = payroll.announce("3", "Half").await;
        let halfway = ready(&rig, &half).await;
        let stopped = "UPDATE signer_credential SET state = 'revoked' WHERE credential_id = $1";
        let id = halfway.clone();
        let done: Result<(), platform::db::Error> = rig
            .db
            .write(move |tx| Box::pin(async move { Ok(sqlx::query(stopped).bind(id).execute(&mut *tx).await.map(drop)?) }))
            .await;
        done.unwrap();
        payroll.leave(&leaver).await;
        payroll.leave(&half).await;

        let state = async |id: &str| rig.get(&rig.admin, &format!("/signer/credentials/{id}")).await.body["state"].clone();
        let revocation = async |id: &str| {
            let serial = rig.serials(id).await.remove(0);
            let certificate = rig.authority.client().certificate(&serial).await.unwrap();
            certificate.revocation.map(|revocation| revocation.reason)
        };
        for heard in [false, true] {
            if heard {
                let following = rig.follow(payroll.followed());
                let revoked = async {
                    for id in [&theirs, &halfway] {
                        while revocation(id).await.is_none() {
                            tokio::task::yield_now().await;
                        }
                    }
                };
                tokio::select! {
                    () = following => {}
                    () = revoked => {}
                }
            }
            assert_eq!(state(&theirs).await, if heard { "revoked" } else { "active" });
            let authorised = rig.authorize(&rig.system, &theirs, &[&hash], PASSPHRASE).await;
            let signed = rig.sign_hash(&rig.system, &theirs, &sad, &[&hash]).await;
            for refused in [authorised, signed] {
                assert_eq!((refused.status, refused.body["error"].as_str()), (400, Some("invalid_request")), "{:?}", refused.body);
            }
            let another = rig.post(&rig.admin, "/signer/credentials", &request_of(&leaver, "second")).await;
            assert_eq!(another.status, 409, "{:?}", another.body);
        }
        let listed = rig.csc(&rig.system, "credentials/list", &list).await;
        assert_eq!(listed.body["credentialIDs"], json!([]), "one that is revoked is not listed");
        assert!(rig.ledger(&theirs).await.is_empty());
        for id in [&theirs, &halfway] {
            assert_eq!(revocation(id).await, Some(ca::api::Reason::CessationOfOperation));
        }
        assert_eq!(state(&kept).await, "active");
        let sad = rig.sad(&kept, &[&hash]).await;
        assert_eq!(rig.sign_hash(&rig.system, &kept, &sad, &[&hash]).await.status, 200);
    }

    /// Who left and is back before the signer and the authority hear of it keeps what they were given since, and nothing of before.
    async fn who_is_back_keeps_what_is_new(db: Db) {
        let rig = Rig::new(db).await;
        let payroll = Payroll::of(&rig);
        let user = payroll.announce("1", "Example").await;
        let old = ready(&rig, &user).await;
        rig.pass(1_000);
        payroll.leave(&user).await;
        rig.pass(1_000);
        let back = user.clone();
        let reopened: Result<(), platform::db::Error> = rig
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let text = "UPDATE directory_person SET state = 'open', version = version + 1 WHERE user_id = $1";
                    sqlx::query(text).bind(back).execute(&mut *tx).await?;
                    Ok(())
                })
            })
            .await;
        reopened.unwrap();
        let made = rig.post(&rig.admin, "/signer/credentials", &request_of(&user, "second")).await;
        assert_eq!(made.status, 200, "{:?}", made.body);
        let new = made.body["credential_id"].as_str().unwrap().to_owned();
        let path = format!("/signer/credentials/{new}/passphrase");
        assert_eq!(rig.put(&person(&user), &path, &json!({"new": PASSPHRASE})).await.status, 204);

        let register = |name: &'static str| {
            let router = directory::router(payroll.register.clone());
            Client::new(Peer::local(router, Caller::module(name, &[CHANGES])))
        };
        let heard = async {
            let (authority, signer) = (register("ca"), register("signer"));
            let last = authority.changes(0).await.unwrap().last().unwrap().number;
            for (register, name) in [(&authority, "module:ca"), (&signer, "module:signer")] {
                while register.applied(name).await.unwrap() != Some(last) {
                    tokio::task::yield_now().await;
                }
            }
        };
        tokio::select! {
            () = rig.follow(register("signer")) => {}
            () = rig.authority.follow(register("ca")) => {}
            () = heard => {}
        }
        let revocation = async |id: &str| {
            let serial = rig.serials(id).await.remove(0);
            rig.authority.client().certificate(&serial).await.unwrap().revocation.map(|revocation| revocation.reason)
        };
        assert_eq!(revocation(&old).await, Some(ca::api::Reason::CessationOfOperation));
        assert_eq!(revocation(&new).await, None);
        let hash = digest_of(b"back");
        let sad = rig.sad(&new, &[&hash]).await;
        assert_eq!(rig.sign_hash(&rig.system, &new, &sad, &[&hash]).await.status, 200);
        let refused = rig.authorize(&rig.system, &old, &[&hash], PASSPHRASE).await;
        assert_eq!(refused.status, 400, "{:?}", refused.body);
    }
}
