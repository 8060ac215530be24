//! What goes on from an authorisation: its extension, answers that are fetched later, and the API's first version.

use platform::db::Db;
use serde_json::{Value, json};
use signer::api::Algorithm;

use crate::rig::{Answer, PASSPHRASE, Rig, USER, digest_of, unbase64, verify_raw};

const P_256: &str = "1.2.840.10045.4.3.2";

/// Polls until there is an answer.
async fn polled(rig: &Rig, id: &str) -> Answer {
    for _ in 0..10_000 {
        let answer = rig.csc(&rig.system, "signatures/signPolling", &json!({"requestID": id})).await;
        if answer.status != 202 {
            return answer;
        }
        answer.is_csc(
            202,
            "accepted_request",
            "The previous async request has been accepted but not yet completed",
        );
        tokio::task::yield_now().await;
    }
    panic!("it was never signed");
}

async fn certificate(rig: &Rig, id: &str) -> Vec<u8> {
    let body = json!({"credentialID": id, "certificates": "single"});
    let info = rig.csc(&rig.system, "credentials/info", &body).await;
    unbase64(&info.body["cert"]["certificates"][0])
}

platform::both_engines! {
    /// A SAD gets a successor for what is named of what was authorised, the one before is worth nothing also in another process that has it in
    /// memory, and an hour after the holder agreed it is over.
    async fn a_transaction_is_extended(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let (one, two, other) = (digest_of(b"one"), digest_of(b"two"), digest_of(b"other"));
        let three = digest_of(b"three");
        let sad = rig.sad(&id, &[&one, &two, &three]).await;
        let signed = rig.sign_hash(&rig.system, &id, &sad, &[&one]).await;
        assert_eq!(signed.status, 200, "{:?}", signed.body);
        let extend = |sad: &str, hash: &str| json!({"credentialID": id, "SAD": sad, "hashes": [hash]});
        let refused = rig.csc(&rig.system, "credentials/extendTransaction", &extend(&sad, &other)).await;
        refused.is_csc(400, "invalid_request", "Hash is not authorized by the SAD");
        let theirs = rig.csc(&rig.other_system, "credentials/extendTransaction", &extend(&sad, &two)).await;
        theirs.is_csc(400, "invalid_request", "Invalid parameter SAD");
        let twin = rig.twin();
        assert_eq!(twin.sign_hash(&rig.system, &id, &sad, &[&one]).await.body, signed.body, "it is in memory there too");
        rig.pass(250_000);
        let extended = rig.csc(&rig.system, "credentials/extendTransaction", &extend(&sad, &two)).await;
        assert_eq!((extended.status, &extended.body["expiresIn"]), (200, &json!(300)), "{:?}", extended.body);
        let next = extended.body["SAD"].as_str().unwrap().to_owned();
        for process in [&rig, &twin] {
            for hash in [&two, &one] {
                let old = process.sign_hash(&rig.system, &id, &sad, &[hash]).await;
                old.is_csc(400, "invalid_request", "Invalid parameter SAD");
            }
            let unnamed = process.sign_hash(&rig.system, &id, &next, &[&one, &three]).await;
            unnamed.is_csc(400, "invalid_request", "Hash is not authorized by the SAD");
            let later = json!({"credentialID": id, "SAD": next, "hashes": [three], "signAlgo": P_256, "operationMode": "A"});
            let unnamed = process.csc(&rig.system, "signatures/signHash", &later).await;
            unnamed.is_csc(400, "invalid_request", "Hash is not authorized by the SAD");
        }
        assert_eq!(rig.ledger(&id).await.len(), 1, "nothing was signed by a secret that is over, nor what it is not for");
        rig.pass(200_000);
        let again = rig.sign_hash(&rig.system, &id, &next, &[&one]).await;
        assert_eq!(again.body, signed.body, "what was signed before stays");
        assert_eq!(rig.sign_hash(&rig.system, &id, &next, &[&two]).await.status, 200);
        let named = rig.csc(&rig.system, "credentials/extendTransaction", &extend(&next, &three)).await;
        let next = named.body["SAD"].as_str().unwrap().to_owned();
        assert_eq!(rig.sign_hash(&rig.system, &id, &next, &[&three]).await.status, 200, "it was authorised, and is named now");
        let mut last = next;
        for passed in [50_000].into_iter().chain([280_000; 10]) {
            rig.pass(passed);
            let extended = rig.csc(&rig.system, "credentials/extendTransaction", &extend(&last, &two)).await;
            assert_eq!(extended.status, 200, "{:?}", extended.body);
            extended.body["SAD"].as_str().unwrap().clone_into(&mut last);
        }
        rig.pass(310_000);
        let late = rig.csc(&rig.system, "credentials/extendTransaction", &extend(&last, &two)).await;
        late.is_csc(400, "invalid_request", "SAD expired");
        assert_eq!(rig.events("authorisation-extended").await.len(), 13);
    }

    /// What is to be answered later is signed once and answered as often as it is asked, also by another process; a stranger, a wrong name and
    /// a time that is over get nothing.
    async fn answers_are_fetched_later(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let (one, two) = (digest_of(b"one"), digest_of(b"two"));
        let sad = rig.sad(&id, &[&one, &two]).await;
        let body = json!({"credentialID": id, "SAD": sad, "hashes": [one], "signAlgo": P_256, "operationMode": "A",
            "validity_period": 600_000});
        let accepted = rig.csc(&rig.system, "signatures/signHash", &body).await;
        assert_eq!(accepted.status, 200, "{:?}", accepted.body);
        let response = accepted.body["responseID"].as_str().unwrap().to_owned();
        for process in [&rig, &rig.twin()] {
            let again = process.csc(&rig.system, "signatures/signHash", &body).await;
            assert_eq!((again.status, &again.body), (200, &accepted.body), "the same request is one");
        }
        assert_eq!(rig.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_job").await, 1);
        let answered = polled(&rig, &response).await;
        assert_eq!(answered.status, 200, "{:?}", answered.body);
        verify_raw(&certificate(&rig, &id).await, b"one", &unbase64(&answered.body["signatures"][0]));
        assert_eq!(polled(&rig.twin(), &response).await.body, answered.body);
        let at_once = rig.sign_hash(&rig.system, &id, &sad, &[&one]).await;
        assert_eq!(at_once.body, answered.body, "the same request at once");
        rig.authority.make_lists().await;
        let documents = json!({"credentialID": id, "SAD": sad, "operationMode": "A", "returnValidationInfo": true, "documentDigests":
            [{"hashes": [two], "signature_format": "C", "signAlgo": P_256}]});
        let accepted = rig.csc(&rig.system, "signatures/signDoc", &documents).await;
        let made = polled(&rig, accepted.body["responseID"].as_str().unwrap()).await;
        assert_eq!(made.body["SignatureObject"].as_array().unwrap().len(), 1, "{:?}", made.body);
        // The signer's certificate, the authority's and the root's, and a list of each issuer.
        let info = &made.body["validationInfo"];
        let count = |name: &str| info[name].as_array().unwrap().len();
        assert_eq!((count("certificates"), count("ocsp")), (3, 0), "{info}");
        assert!(count("crl") >= 2, "{info}");
        assert_eq!(rig.ledger(&id).await.len(), 2);
        let asked = json!({"requestID": response});
        let stranger = rig.csc(&rig.other_system, "signatures/signPolling", &asked).await;
        stranger.is_csc(400, "invalid_request", "Invalid parameter requestID");
        let wrong = rig.csc(&rig.system, "signatures/signPolling", &json!({"requestID": "nonsense"})).await;
        wrong.is_csc(400, "invalid_request", "Invalid parameter requestID");
        rig.pass(600_000);
        let over = rig.csc(&rig.system, "signatures/signPolling", &asked).await;
        over.is_csc(400, "invalid_request", "Invalid parameter requestID");
    }

    /// What cannot be signed is refused when it comes, and what nobody finished before its process ended is taken up by the sweep, and by whoever
    /// asks for it though another process holds the lease and the authorisation is over; what was ended on purpose is not signed.
    async fn what_was_left_is_taken_up(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let (one, other) = (digest_of(b"one"), digest_of(b"other"));
        let sad = rig.sad(&id, &[&one]).await;
        let body = |hash: &str| json!({"credentialID": id, "SAD": sad, "hashes": [hash], "signAlgo": P_256, "operationMode": "A"});
        let refused = rig.csc(&rig.system, "signatures/signHash", &body(&other)).await;
        refused.is_csc(400, "invalid_request", "Hash is not authorized by the SAD");
        let accepted = rig.csc(&rig.system, "signatures/signHash", &body(&one)).await;
        let response = accepted.body["responseID"].as_str().unwrap().to_owned();
        let first = polled(&rig, &response).await.body;
        // As a process leaves it that ends before it has signed.
        rig.change("UPDATE signer_job SET state = 'waiting'").await;
        for sql in ["DELETE FROM signer_signature", "DELETE FROM signer_signing"] {
            rig.change(sql).await;
        }
        let twin = rig.twin();
        let waiting = rig.csc(&rig.system, "signatures/signPolling", &json!({"requestID": response})).await;
        assert_eq!(waiting.status, 202, "{:?}", waiting.body);
        twin.pass(31_000);
        twin.sweep_jobs().await;
        let taken_up = polled(&rig, &response).await;
        assert_eq!(taken_up.status, 200, "{:?}", taken_up.body);
        assert_ne!(taken_up.body, first, "an ECDSA signature is made anew when none is stored");
        assert_eq!(polled(&rig, &response).await.body, taken_up.body);
        // Left again, while another process, which is gone, holds the leases for long, and the authorisation has ended by itself.
        let left = ["UPDATE signer_job SET state = 'waiting'", "DELETE FROM signer_signature", "DELETE FROM signer_signing"];
        for sql in left {
            rig.change(sql).await;
        }
        let gone = "INSERT INTO platform_lease (name, holder, epoch, expires_at) VALUES ('signer-jobs', 'gone', 1, 9000000000000), \
                    ('signer-sweep', 'gone', 1, 9000000000000)";
        rig.change(gone).await;
        rig.pass(300_000);
        rig.sign_hash(&rig.system, &id, &sad, &[&one]).await.is_csc(400, "invalid_request", "SAD expired");
        let asked = json!({"requestID": response});
        let finished = twin.csc(&rig.system, "signatures/signPolling", &asked).await;
        assert_eq!(finished.status, 200, "{:?}", finished.body);
        assert_eq!(polled(&rig, &response).await.body, finished.body);
        // Another passphrase ends what was authorised with the one before, and what waits of it.
        for sql in left {
            rig.change(sql).await;
        }
        let path = format!("/signer/credentials/{id}/passphrase");
        let new = json!({"new": "another horse battery", "old": PASSPHRASE});
        assert_eq!(rig.put(&rig.holder, &path, &new).await.status, 204);
        let ended = twin.csc(&rig.system, "signatures/signPolling", &asked).await;
        ended.is_csc(400, "invalid_request", "SAD expired");
        assert_eq!(polled(&rig, &response).await.body, ended.body);
        assert_eq!(rig.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature").await, 0);
    }

    /// What was accepted while its certificate is on hold waits until that is lifted, though its authorisation is over by then, and is signed once;
    /// under the hold nothing is.
    async fn a_hold_that_is_lifted_loses_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let one = digest_of(b"one");
        let sad = rig.sad(&id, &[&one]).await;
        let serial = rig.serials(&id).await.remove(0);
        rig.hold_at_authority(&serial).await;
        let body = json!({"credentialID": id, "SAD": sad, "hashes": [one], "signAlgo": P_256, "operationMode": "A"});
        let accepted = rig.csc(&rig.system, "signatures/signHash", &body).await;
        assert_eq!(accepted.status, 200, "{:?}", accepted.body);
        let asked = json!({"requestID": accepted.body["responseID"]});
        let looked_at = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_job WHERE tries > 0 OR state = 'tried'";
        while rig.count(looked_at).await == 0 {
            tokio::task::yield_now().await;
        }
        for passed in [0, 400_000] {
            rig.pass(passed);
            rig.sweep_jobs().await;
            let waiting = rig.csc(&rig.system, "signatures/signPolling", &asked).await;
            assert_eq!(waiting.status, 202, "{:?}", waiting.body);
        }
        assert!(rig.ledger(&id).await.is_empty());
        rig.authority.client().resume(&serial).await.unwrap();
        let signed = rig.csc(&rig.system, "signatures/signPolling", &asked).await;
        assert_eq!(signed.status, 200, "{:?}", signed.body);
        verify_raw(&certificate(&rig, &id).await, b"one", &unbase64(&signed.body["signatures"][0]));
        let twin = rig.twin();
        assert_eq!(twin.csc(&rig.system, "signatures/signPolling", &asked).await.body, signed.body);
        assert_eq!(rig.ledger(&id).await.len(), 1, "once");
    }

    /// What was accepted while its client has as much under way as it may waits for that, and is signed when there is room: nobody has to take it up.
    async fn what_was_accepted_waits_for_its_share(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let narrow = rig.twin_set(|config| config.calls_per_client = 1);
        let (one, two) = (digest_of(b"one"), digest_of(b"two"));
        let sad = narrow.sad(&id, &[&one, &two]).await;
        let busy = narrow.signer.occupy().await;
        let now = async { narrow.sign_hash(&narrow.system, &id, &sad, &[&one]).await };
        let later = async {
            while narrow.signer.waiting() == 0 {
                tokio::task::yield_now().await;
            }
            let body = json!({"credentialID": id, "SAD": sad, "hashes": [two], "signAlgo": P_256, "operationMode": "A"});
            let accepted = narrow.csc(&narrow.system, "signatures/signHash", &body).await;
            let asked = json!({"requestID": accepted.body["responseID"]});
            for _ in 0..50 {
                let waiting = narrow.csc(&narrow.system, "signatures/signPolling", &asked).await;
                assert_eq!(waiting.status, 202, "{:?}", waiting.body);
            }
            let refused = narrow.sign_hash(&narrow.system, &id, &sad, &[&two]).await;
            assert_eq!(refused.status, 429, "whoever wants it at once is told to come again");
            drop(busy);
            polled(&narrow, asked["requestID"].as_str().unwrap()).await
        };
        let (now, later) = tokio::join!(now, later);
        assert_eq!((now.status, later.status), (200, 200), "{:?}", later.body);
        assert_eq!(rig.count("SELECT CAST(SUM(tries) AS BIGINT) FROM signer_job").await, 0);
    }

    /// What was refused while it waited for its share stays refused: what was read of it before is worth nothing.
    async fn what_was_refused_while_it_waited_is_not_signed(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let narrow = rig.twin_set(|config| config.calls_per_client = 1);
        let [one, two, three] = [b"one".as_slice(), b"two", b"three"].map(digest_of);
        let sad = narrow.sad(&id, &[&one, &two, &three]).await;
        let busy = narrow.signer.occupy().await;
        let now = async { narrow.sign_hash(&narrow.system, &id, &sad, &[&one]).await };
        let later = async {
            while narrow.signer.waiting() == 0 {
                tokio::task::yield_now().await;
            }
            let body = json!({"credentialID": id, "SAD": sad, "hashes": [two], "signAlgo": P_256, "operationMode": "A"});
            let accepted = narrow.csc(&narrow.system, "signatures/signHash", &body).await;
            let asked = json!({"requestID": accepted.body["responseID"]});
            for _ in 0..50 {
                let waiting = narrow.csc(&narrow.system, "signatures/signPolling", &asked).await;
                assert_eq!(waiting.status, 202, "{:?}", waiting.body);
            }
            // By another process, which had room.
            let refused = "UPDATE signer_job SET state = 'tried', refusal = '{\"code\":\"author-other\",\"sentence\":\"It is another.\"}'";
            rig.change(refused).await;
            drop(busy);
            asked
        };
        let (now, asked) = tokio::join!(now, later);
        assert_eq!(now.status, 200, "{:?}", now.body);
        let is_refused = async || {
            for _ in 0..50 {
                let answer = narrow.csc(&narrow.system, "signatures/signPolling", &asked).await;
                answer.is_csc(403, "access_denied", "It is another.");
            }
        };
        is_refused().await;
        // Whoever had the room has given it back when there is some.
        let third = async || narrow.sign_hash(&narrow.system, &id, &sad, &[&three]).await.status;
        let mut status = third().await;
        while status == 429 {
            tokio::task::yield_now().await;
            status = third().await;
        }
        assert_eq!(status, 200);
        is_refused().await;
        assert_eq!(rig.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature").await, 2, "one and three");
    }

    /// Clients of the first version find, authorise and sign with the same credential under the names that they know.
    async fn the_first_version_is_spoken(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let v1 = |path: &'static str, body: Value| {
            let rig = &rig;
            async move { rig.post(&rig.system, &format!("/csc/v1/{path}"), &body).await }
        };
        let info = v1("info", json!({})).await;
        assert_eq!((info.status, &info.body["specs"]), (200, &json!("1.0.4.0")), "{:?}", info.body);
        let listed = v1("credentials/list", json!({"userID": USER})).await;
        assert_eq!(listed.body, json!({"credentialIDs": [id]}));
        let shown = v1("credentials/info", json!({"credentialID": id, "certificates": "chain"})).await;
        assert_eq!((&shown.body["authMode"], &shown.body["SCAL"], &shown.body["PIN"]["presence"]),
            (&json!("explicit"), &json!("2"), &json!("true")), "{:?}", shown.body);
        let hash = digest_of(b"one");
        let authorise = |pin: &str| json!({"credentialID": id, "numSignatures": 1, "hash": [hash], "PIN": pin});
        let wrong = v1("credentials/authorize", authorise("not the passphrase")).await;
        wrong.is_csc(400, "invalid_authentication_data", "The authentication data is invalid");
        let granted = v1("credentials/authorize", authorise(PASSPHRASE)).await;
        assert_eq!(granted.status, 200, "{:?}", granted.body);
        let sign = json!({"credentialID": id, "SAD": granted.body["SAD"], "hash": [hash], "hashAlgo":
            "2.16.840.1.101.3.4.2.1", "signAlgo": P_256});
        let signed = v1("signatures/signHash", sign).await;
        verify_raw(&certificate(&rig, &id).await, b"one", &unbase64(&signed.body["signatures"][0]));
        assert_eq!(v1("signatures/signDoc", json!({})).await.status, 501);
    }
}
