//! A prescriber signs with their smartcard: the page brings what the agent had the card sign. The card is a key in software with a certificate of the
//! authority for cards; how an agent and a card come to such an answer, the agent's own tests show.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{IssueRequest, Issued, KeySource, SubjectData, Validity};
use card::wire::signing::{PRESENCE, Signature, Signed, ToSign};
use platform::clock::Millis;
use platform::db::Db;
use serde_json::{Value, json};
use signer::verification::{Code, Verdict};

use super::account::{ACCOUNT, sent};
use super::evidence::{found, judged};
use super::world::{Answered, World};
use super::{APPLICATION, ISSUER, unprepared};
use crate::rig::{USER, verify_raw};

/// Somebody else.
const STRANGER: &str = "555021942115";

/// A card.
pub(super) struct Card {
    key: RsaKeyPair,
    issued: Issued,
}

impl Card {
    /// Issued to somebody by the authority, by a profile.
    pub(super) async fn issued(world: &World, user: &str, profile: &str) -> Self {
        Self::issued_for(world, user, profile, None).await
    }

    /// The same, valid from now for so many milliseconds.
    pub(super) async fn short(world: &World, user: &str, profile: &str, millis: i64) -> Self {
        let now = world.rig.clock.now();
        let validity = Validity { not_before: now, not_after: Millis(now.0 + millis) };
        Self::issued_for(world, user, profile, Some(validity)).await
    }

    async fn issued_for(world: &World, user: &str, profile: &str, validity: Option<Validity>) -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let spki: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
        let subject = SubjectData {
            common_name: format!("{user}_Aisha_Rahman"),
            user_id: Some(user.to_owned()),
            ..SubjectData::default()
        };
        let name = format!("{profile}-{user}");
        let key_of_card = KeySource::public_key(spki.as_ref());
        let request = IssueRequest { validity, ..IssueRequest::new(name, profile, subject, key_of_card) };
        let issued = world.rig.authority.client().issue(&request).await.unwrap();
        Self { key, issued }
    }

    /// What the agent brings of a request.
    pub(super) fn sign(&self, asked: &ToSign) -> Signed {
        let signature = |octets: &[u8]| {
            let mut value = vec![0; self.key.public_modulus_len()];
            self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), octets, &mut value).unwrap();
            STANDARD.encode(value)
        };
        let signatures = asked.payloads.iter().map(|payload| Signature {
            id: payload.id.clone(),
            signature: signature(&STANDARD.decode(&payload.payload).unwrap()),
        });
        Signed {
            certificate: self.issued.certificate.clone(),
            status_code: 0,
            status_string: "OK".to_owned(),
            message: String::new(),
            timestamp: "2026-11-24T12:00:00Z".to_owned(),
            signatures: signatures.collect(),
            failed_signatures: Vec::new(),
        }
    }
}

/// What the page gives the agent.
pub(super) async fn asked(world: &World, request: &str) -> ToSign {
    let path = format!("/signing-service/sign/{request}/card/options");
    let asked = world.browsers[USER].clone().send(world, "POST", &path, Some(&json!({}))).await;
    assert_eq!(asked.status, 200, "{}", asked.body);
    serde_json::from_str(&asked.body).unwrap()
}

pub(super) async fn brought(world: &World, user: &str, request: &str, signed: &Signed) -> Answered {
    let path = format!("/signing-service/sign/{request}/card");
    let body = serde_json::to_value(signed).unwrap();
    world.browsers[user].clone().send(world, "POST", &path, Some(&body)).await
}

/// The revocation lists of now.
pub(super) async fn lists(world: &World) {
    world.rig.authority.make_lists().await;
    world.rig.pass(3_000);
}

async fn rows(world: &World) -> (i64, i64) {
    let signed = world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature").await;
    (signed, world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_authorisation").await)
}

platform::both_engines! {
    /// What somebody's card signed of a request is what the application gets, also after a crash; it is a credential of theirs from then on, stands in the
    /// ledger, and its evidence holds by itself and nowhere else.
    async fn a_card_signs(db: Db) {
        let mut world = World::new(db).await;
        let card = Card::issued(&world, USER, "card-signing").await;
        let request = world.asked(&[("one", &unprepared(1)), ("two", &unprepared(2))]).await;
        let page = world.page(&request).await;
        assert!(page.body.contains("Sign with your smartcard") && page.body.contains("security key"), "{}", page.body);
        assert!(page.header("content-security-policy").contains("connect-src 'self' http://localhost:*;"));
        let question = asked(&world, &request).await;
        assert_eq!((question.algorithm.as_str(), &question.payloads[1].payload), ("RS256", &unprepared(2)));
        let signed = card.sign(&question);
        lists(&world).await;
        let done = brought(&world, USER, &request, &signed).await;
        assert_eq!(done.status, 200, "{}", done.body);
        assert_eq!(done.json()["location"], format!("https://rp.example/signed?from=lanyard&token={request}&state=s%3D1"));
        let fetched = world.fetch(&request, &world.token).await;
        assert_eq!(fetched.status, 200, "{}", fetched.body);
        let told = fetched.json();
        assert_eq!(told["certificate"], signed.certificate);
        // That the prescriber was there is signed too, for this request, and is no signature of a document.
        assert_eq!((question.payloads.len(), signed.signatures.len()), (3, 3));
        let challenge = STANDARD.decode(&question.payloads[2].payload).unwrap();
        assert!(challenge.starts_with(PRESENCE.as_bytes()));
        assert_eq!(told["signatures"], serde_json::to_value(&signed.signatures[..2]).unwrap());
        verify_raw(&STANDARD.decode(&signed.certificate).unwrap(), &STANDARD.decode(unprepared(1)).unwrap(),
            &STANDARD.decode(&signed.signatures[0].signature).unwrap());
        assert_eq!(rows(&world).await, (2, 1));
        // Again, and by another road: nothing is decided twice.
        assert_eq!(brought(&world, USER, &request, &signed).await.body, done.body);
        assert_eq!(world.cancel(&request).await.header("location"), done.json()["location"]);
        assert_eq!(rows(&world).await, (2, 1));

        world.settle().await;
        let lines = found(&world, "user_id=555021942107").await;
        assert_eq!((&lines[0]["method"], &lines[0]["authenticator"]), (&json!("smartcard"), &json!(card.issued.serial)));
        let path = format!("/signer/signatures/{}/evidence", lines[1]["id"].as_str().unwrap());
        let good = world.rig.get(&world.rig.holder, &path).await.body;
        let report = judged(&world, &good).await;
        assert_eq!(report.verdict, Verdict::Valid, "{report:#?}");
        for (place, value) in [
            ("/signature/signature", json!(signed.signatures[0].signature)),
            ("/signature/document", json!("one")),
            ("/signature/method", json!("security-key")),
            ("/consent/presence/assertion/certificate", json!("AAAA")),
            ("/consent/presence/assertion/signatures/1/signature", json!("AAAA")),
            ("/consent/presence/assertion/signatures/2/signature", json!(signed.signatures[0].signature)),
            ("/consent/presence/challenge", json!(format!("{PRESENCE}another\n"))),
            ("/consent/presence/bound", json!("bound by the server's record")),
            ("/consent/presence/authenticator", json!("00")),
        ] {
            let mut changed = good.clone();
            *changed.pointer_mut(place).unwrap() = value;
            let report = judged(&world, &changed).await;
            let why = [Code::ConsentWrong, Code::RecordOther, Code::SignatureWrong];
            assert!(report.verdict == Verdict::Invalid && why.iter().any(|code| report.has(*code)), "{place}: {report:#?}");
        }

        // A crash after the consent: what the card signed is put into the ledger when somebody asks.
        for sql in ["DELETE FROM signer_signature", "DELETE FROM signer_signing"] {
            world.rig.db.write(move |tx| Box::pin(async move {
                sqlx::query(sql).execute(&mut *tx).await?;
                Ok::<_, platform::db::Error>(())
            })).await.unwrap();
        }
        world.rig = world.rig.twin();
        assert_eq!(world.fetch(&request, &world.token).await.body, fetched.body);
        assert_eq!(rows(&world).await, (2, 1));

        // It is one credential, however often it signs, for no client of the other API, and it ends as every other.
        let second = world.asked(&[("three", &unprepared(3))]).await;
        let signed = card.sign(&asked(&world, &second).await);
        assert_eq!(brought(&world, USER, &second, &signed).await.status, 200);
        let listed = world.rig.get(&world.rig.admin, &format!("/signer/credentials?user_id={USER}")).await.body;
        let cards: Vec<&Value> =
            listed["credentials"].as_array().unwrap().iter().filter(|one| one["key"] == "card").collect();
        let [credential] = cards[..] else { panic!("{listed}") };
        let id = credential["credential_id"].as_str().unwrap();
        let hash = crate::rig::digest_of(b"x");
        assert_ne!(world.rig.authorize(&world.rig.system, id, &[&hash], "correct horse battery").await.status, 200);
        for act in ["renew", "rekey"] {
            world.rig.act(&world.rig.admin, id, act, 409).await;
        }
        // From the page, where it stands beside the key that is kept; that one stays.
        let mut mine = world.browsers[USER].clone();
        let end = format!("{ACCOUNT}/credentials/{id}");
        assert!(mine.get(&world, ACCOUNT).await.body.contains(&end));
        assert!(mine.get(&world, &end).await.body.contains("Do you want to end this credential?"));
        assert_eq!(sent(&world, &mine, &format!("{end}/end"), ISSUER).await, (303, ACCOUNT.to_owned()));
        let account = mine.get(&world, ACCOUNT).await.body;
        assert!(!account.contains(&end) && account.contains("RSA-2048: Ended") && account.contains("RSA-2048: Can sign"), "{account}");
        let info = world.rig.authority.client().certificate(&card.issued.serial).await.unwrap();
        assert_eq!(info.state, ca::api::CertificateState::Revoked, "the card's certificate ends with it");
        let third = world.asked(&[("four", &unprepared(4))]).await;
        let signed = card.sign(&asked(&world, &third).await);
        assert_ne!(brought(&world, USER, &third, &signed).await.status, 200);
        assert_eq!(rows(&world).await, (3, 2));
    }

    /// Nothing counts but all the signatures of the person's own card, in force, by whoever is asked, while they are asked.
    async fn other_cards_sign_nothing(db: Db) {
        let world = World::new(db).await;
        let card = Card::issued(&world, USER, "card-signing").await;
        let other = Card::issued(&world, STRANGER, "card-signing").await;
        let kept = Card::issued(&world, USER, "prescriber-remote-signing").await;
        let sign_in = Card::issued(&world, USER, "card-authentication").await;
        let request = world.asked(&[("one", &unprepared(1)), ("two", &unprepared(2))]).await;
        lists(&world).await;
        let question = asked(&world, &request).await;
        let good = card.sign(&question);
        let changed = |change: &dyn Fn(&mut Signed)| {
            let mut signed = good.clone();
            change(&mut signed);
            signed
        };
        let swapped = changed(&|it| {
            let first = it.signatures[0].signature.clone();
            it.signatures[0].signature = std::mem::replace(&mut it.signatures[1].signature, first);
        });
        for (signed, status, code) in [
            (other.sign(&question), 403, "card-other"),
            (kept.sign(&question), 400, "card-certificate"),
            (sign_in.sign(&question), 400, "card-certificate"),
            (changed(&|it| it.certificate.clone_from(&other.issued.certificate)), 403, "card-other"),
            (changed(&|it| it.certificate = "%".into()), 400, "card-certificate"),
            (changed(&|it| it.certificate = "AAAA".into()), 400, "card-certificate"),
            (swapped, 400, "card-signature"),
            (changed(&|it| drop(it.signatures.pop())), 400, "card-signature"),
            (changed(&|it| it.signatures[1].id = "one".into()), 400, "card-signature"),
            (changed(&|it| it.signatures[1].id = "three".into()), 400, "card-signature"),
            (changed(&|it| it.signatures.push(it.signatures[0].clone())), 400, "card-signature"),
            (changed(&|it| it.signatures[2].signature = it.signatures[0].signature.clone()), 400, "card-presence"),
            (changed(&|it| "presence".clone_into(&mut it.signatures[2].id)), 400, "card-presence"),
            (changed(&|it| it.status_code = 0x5349_4703), 400, "card-unsigned"),
            (changed(&|it| it.failed_signatures.push(it.signatures[0].clone())), 400, "card-unsigned"),
        ] {
            let refused = brought(&world, USER, &request, &signed).await;
            assert_eq!(refused.refusal(), (status, code.to_owned()), "{}", refused.body);
        }
        // RSA is deterministic: what the card signed of a document once is good for the same document in another request, and says nothing
        // of anybody's being there now.
        let replayed = world.asked(&[("two", &unprepared(2))]).await;
        let fresh = asked(&world, &replayed).await;
        let mut old = changed(&|it| drop(it.signatures.remove(0)));
        assert_eq!(old.signatures[0].signature, card.sign(&fresh).signatures[0].signature);
        old.signatures[1].id.clone_from(&fresh.payloads[1].id);
        let refused = brought(&world, USER, &replayed, &old).await;
        assert_eq!(refused.refusal(), (400, "card-presence".to_owned()), "{}", refused.body);
        assert_eq!(brought(&world, STRANGER, &request, &good).await.status, 403, "in somebody else's browser");
        let path = format!("/signing-service/sign/{request}/card");
        let mut nobody = super::world::Browser::default();
        let body = serde_json::to_value(&good).unwrap();
        assert_eq!(nobody.send(&world, "POST", &path, Some(&body)).await.status, 401, "in nobody's");
        world.rig.hold_at_authority(&card.issued.serial).await;
        assert_ne!(brought(&world, USER, &request, &good).await.status, 200, "on hold");
        world.rig.revoke_at_authority(&card.issued.serial).await;
        assert_ne!(brought(&world, USER, &request, &good).await.status, 200, "revoked");
        assert_eq!(rows(&world).await, (0, 0));
        assert_eq!(world.rig.events("signing-consented").await.len(), 0);
        world.rig.pass(600_000);
        let late = brought(&world, USER, &request, &good).await;
        assert_eq!(late.refusal(), (410, "request-over".to_owned()));
    }

    /// Where several profiles are named, cards of each sign, and who has nothing but one of the second can be asked; where it is not named, it signs
    /// nothing.
    async fn cards_of_every_named_profile_sign(db: Db) {
        const SECOND: &str = "prescriber-remote-signing";
        let mut world = World::new(db).await;
        world.rig = world.rig.twin_set(|config| config.dss.card_profile = vec!["card-signing".into(), SECOND.into()]);
        let cards = [Card::issued(&world, USER, "card-signing").await, Card::issued(&world, USER, SECOND).await];
        let strangers = world.access(APPLICATION, STRANGER).await;
        let theirs = world.claims(&[("one", &unprepared(1))], &json!({ "sub": STRANGER }));
        let nothing = world.ask(&world.jwt(&theirs), &strangers, "s").await;
        assert_ne!(nothing.status, 200, "who has neither credential nor card: {}", nothing.body);
        Card::issued(&world, STRANGER, SECOND).await;
        let asking = world.ask(&world.jwt(&theirs), &strangers, "s").await;
        assert_eq!(asking.status, 200, "{}", asking.body);
        lists(&world).await;
        for (number, card) in [1, 2].into_iter().zip(&cards) {
            let request = world.asked(&[("one", &unprepared(number))]).await;
            let signed = card.sign(&asked(&world, &request).await);
            let done = brought(&world, USER, &request, &signed).await;
            assert_eq!(done.status, 200, "{}", done.body);
            assert_eq!(world.fetch(&request, &world.token).await.json()["certificate"], card.issued.certificate);
        }
        assert_eq!(rows(&world).await, (2, 2));
        world.rig = world.rig.twin_set(|config| config.dss.card_profile = vec![SECOND.into()]);
        let request = world.asked(&[("one", &unprepared(3))]).await;
        let signed = cards[0].sign(&asked(&world, &request).await);
        let refused = brought(&world, USER, &request, &signed).await;
        assert_eq!(refused.refusal(), (400, "card-certificate".to_owned()), "{}", refused.body);
        assert_eq!(rows(&world).await, (2, 2));
    }
}
