//! Finding certificates, and exporting what was found.

use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{
    CertificateInfo, CertificateQuery, CertificateState, ExportForm, IssueRequest, Reason, RevokeRequest,
};
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::Db;
use tower::ServiceExt as _;

use crate::world::{World, caller, client, fresh_key, parts, person, refusal, router, server, system};

const DAY: i64 = 86_400_000;

/// Three systems, two servers and one person, a day apart each; the first system revoked, the second held.
async fn populated(db: Db) -> (World, Vec<String>) {
    let (world, hand) = World::with_hand(db).await;
    let mut serials = Vec::new();
    for (number, (profile, subject)) in [
        ("system-tls-client", system()),
        ("system-tls-client", system()),
        ("system-tls-client", system()),
        ("system-tls-server", server()),
        ("system-tls-server", server()),
        ("card-signing", person()),
    ]
    .into_iter()
    .enumerate()
    {
        let request = IssueRequest::new(format!("found-{number}"), profile, subject, fresh_key());
        serials.push(world.client.issue(&request).await.unwrap().serial);
        hand.advance(Duration::from_hours(24));
    }
    for (serial, reason) in serials.iter().zip([Reason::KeyCompromise, Reason::CertificateHold]) {
        world.client.revoke(serial, &RevokeRequest { reason, invalidity_date: None }).await.unwrap();
    }
    (world, serials)
}

/// Asks the router as a caller with these acts.
async fn answer(world: &World, path: &str, acts: &[platform::caller::Act]) -> http::Response<Body> {
    let who: Caller = caller(acts);
    let request = http::Request::builder().uri(path).extension(who).body(Body::empty()).unwrap();
    router(&world.authority).oneshot(request).await.unwrap()
}

async fn raw(world: &World, path: &str, acts: &[platform::caller::Act]) -> (u16, Vec<u8>) {
    let (head, body) = parts(answer(world, path, acts).await).await;
    (head.status.as_u16(), body)
}

/// Everything a query finds, two at a time.
async fn all(world: &World, query: CertificateQuery) -> Vec<CertificateInfo> {
    let mut query = CertificateQuery { limit: Some(2), ..query };
    let mut found = Vec::new();
    loop {
        let page = world.client.certificates(&query).await.unwrap();
        assert!(page.certificates.len() <= 2);
        found.extend(page.certificates);
        query.after = page.next;
        if query.after.is_none() {
            return found;
        }
    }
}

fn serials(found: &[CertificateInfo]) -> Vec<&str> {
    found.iter().map(|info| info.serial.as_str()).collect()
}

fn query() -> CertificateQuery {
    CertificateQuery::default()
}

platform::both_engines! {
    /// Each filter finds exactly its own, in a stable order, without a gap between pages.
    async fn every_filter_finds_its_own(db: Db) {
        let (world, made) = populated(db).await;
        let made: Vec<_> = made.iter().map(String::as_str).collect();
        let of = |profile: &str| CertificateQuery { profile: Some(profile.to_owned()), ..query() };
        assert_eq!(serials(&all(&world, of("system-tls-client")).await), made[..3], "by their ends");
        assert_eq!(serials(&all(&world, of("system-tls-server")).await), made[3..5]);
        let issuer = |issuer: &str| CertificateQuery { issuer: Some(issuer.to_owned()), ..query() };
        assert_eq!(serials(&all(&world, issuer("systems")).await), made[..5]);
        let within = |state| CertificateQuery { state: Some(state), ..issuer("systems") };
        assert_eq!(serials(&all(&world, within(CertificateState::Revoked)).await), made[..1]);
        assert_eq!(serials(&all(&world, within(CertificateState::Held)).await), made[1..2]);
        assert_eq!(serials(&all(&world, within(CertificateState::Issued)).await), made[2..5]);
        assert!(all(&world, within(CertificateState::Expired)).await.is_empty());
        let serial = CertificateQuery { serial: Some(made[4].to_owned()), ..query() };
        assert_eq!(serials(&all(&world, serial).await), made[4..5]);
        let one = world.client.certificate(made[5]).await.unwrap();
        let fingerprint = one.sha256.clone().unwrap();
        let colons = fingerprint.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        let colons = colons.collect::<Vec<_>>().join(":").to_uppercase();
        for sha256 in [fingerprint, colons] {
            let found = all(&world, CertificateQuery { sha256: Some(sha256), ..query() }).await;
            assert_eq!(serials(&found), made[5..]);
            assert_eq!(found[0], one);
        }
        let nobody = CertificateQuery { sha256: Some("ab".repeat(32)), ..query() };
        assert!(all(&world, nobody).await.is_empty());
    }

    /// A window of ends holds its first instant and not its last.
    async fn windows_are_half_open(db: Db) {
        let (world, made) = populated(db).await;
        let end = |at: usize| {
            let (world, serial) = (&world, made[at].clone());
            async move { world.client.certificate(&serial).await.unwrap().not_after }
        };
        let window = CertificateQuery {
            expires_from: Some(end(1).await),
            expires_before: Some(end(3).await),
            profile: Some("system-tls-client".to_owned()),
            ..query()
        };
        assert_eq!(serials(&all(&world, window.clone()).await), [&made[1], &made[2]]);
        let wider = CertificateQuery { expires_before: Some(Millis(end(3).await.0 + 1)), profile: None, ..window };
        assert_eq!(serials(&all(&world, wider.clone()).await), [&made[1], &made[2], &made[3]]);
        let empty = CertificateQuery { expires_from: Some(Millis(end(4).await.0 + DAY)), expires_before: Some(Millis(end(4).await.0 + 2 * DAY)), ..query() };
        assert!(all(&world, empty).await.is_empty());
        // A mark of one search is not one of another.
        let page = world.client.certificates(&CertificateQuery { limit: Some(1), ..wider }).await.unwrap();
        let other = CertificateQuery { after: page.next, ..query() };
        assert_eq!(refusal(world.client.certificates(&other).await).1, "cursor-invalid");
    }

    /// An export is the whole search, in both forms, and asks for the same act.
    async fn exports_hold_everything_found(db: Db) {
        let (world, made) = populated(db).await;
        let systems = CertificateQuery { issuer: Some("systems".to_owned()), ..query() };
        let csv = String::from_utf8(world.client.export(&systems, ExportForm::Csv).await.unwrap()).unwrap();
        let lines: Vec<_> = csv.split("\r\n").collect();
        assert!(lines[0].starts_with("serial,issuer,profile,profile_version,state,"), "{csv}");
        assert_eq!(lines.len(), 1 + 5 + 1, "{csv}");
        assert!(lines[1].starts_with(&format!("{},systems,system-tls-client,1,revoked,", made[0])), "{csv}");
        assert!(lines[1].contains(",key_compromise,"), "{csv}");
        let json = world.client.export(&systems, ExportForm::JsonLines).await.unwrap();
        let found: Vec<CertificateInfo> =
            String::from_utf8(json).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(found, all(&world, systems.clone()).await);
        let der = STANDARD.decode(found[0].certificate.as_ref().unwrap()).unwrap();
        let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
        assert_eq!(found[0].sha256, Some(hex::encode(sha256)));
        let nobody = client(&world.authority, &[ca::api::ISSUE]);
        assert_eq!(refusal(nobody.export(&systems, ExportForm::Csv).await).0, platform::problem::Kind::Forbidden);
    }

    /// What a stranger may put into a query is refused with a reason or finds nothing: it is never more than was asked
    /// for, and never an error of ours.
    async fn hostile_queries_find_nothing(db: Db) {
        let (world, made) = populated(db).await;
        let last = format!("state=issued&after=9223372036854775807-{}", made[0]);
        for (query, status, found) in [
            ("limit=0", 400, 0),
            ("limit=501", 400, 0),
            ("limit=4294967295", 400, 0),
            ("limit=500", 200, 6),
            ("limit=4294967296", 400, 0),
            ("limit=-1", 400, 0),
            ("after=%27%20OR%201%3D1--", 400, 0),
            ("after=", 400, 0),
            ("state=issued&after=9223372036854775808-00", 400, 0),
            (last.as_str(), 200, 0),
            ("user_id=%27%20OR%20%271%27%3D%271", 200, 0),
            ("user_id=", 200, 0),
            ("common_name=%25", 200, 0),
            ("common_name=%00", 400, 0),
            ("user_id=555021942107%00", 400, 0),
            ("profile=%00", 400, 0),
            ("issuer=%F0%9F%92%A9", 200, 0),
            ("issuer=%FF%FE", 200, 0),
            ("state=anything", 400, 0),
            ("state=issued&state=revoked", 400, 0),
            ("expires_from=yesterday", 400, 0),
            ("expires_from=9999-12-31T23:59:59Z", 200, 0),
            ("expires_before=0000-01-01T00:00:00Z", 200, 0),
            ("serial=00", 400, 0),
            ("sha256=00", 400, 0),
            ("columns=tbs", 400, 0),
        ] {
            let (got, body) = raw(&world, &format!("/ca/certificates?{query}"), &[ca::api::READ]).await;
            assert_eq!(got, status, "{query}: {}", String::from_utf8_lossy(&body));
            if status == 200 {
                let page: ca::api::CertificatePage = serde_json::from_slice(&body).unwrap();
                let ours = page.certificates.iter().filter(|one| made.contains(&one.serial)).count();
                assert_eq!(ours, found, "{query}");
            }
        }
        // An export is whole, so it takes no limit rather than pass over it.
        for path in ["certificates.csv?limit=3", "certificates.jsonl?limit=3", "renewals?limit=0", "renewals/notices?after=0&limit=501"] {
            let (got, body) = raw(&world, &format!("/ca/{path}"), &[ca::api::READ]).await;
            let said = String::from_utf8_lossy(&body);
            assert!(got == 400 && said.contains("limit"), "{path}: {got} {said}");
        }
        for path in ["/ca/certificates/%00", "/ca/profiles/%00", "/ca/profiles/%27", "/ca/issuers/%00", "/ca/issuers/%2e%2e"] {
            assert_eq!(raw(&world, path, &[ca::api::READ]).await.0, 404, "{path}");
        }
    }

    /// Exports that are not read to their end take turns: as many as may be are open, the next is told to come later, and
    /// when a reader has gone there is a turn again.
    async fn exports_take_turns(db: Db) {
        let (world, _) = populated(db).await;
        let mut open = Vec::new();
        for _ in 0..4 {
            open.push(answer(&world, "/ca/certificates.jsonl", &[ca::api::READ]).await);
        }
        assert!(open.iter().all(|response| response.status() == 200));
        let refused = world.client.export(&query(), ExportForm::Csv).await;
        assert_eq!(refusal(refused), (platform::problem::Kind::Unavailable, "exports-busy".to_owned()));
        drop(open.pop());
        assert!(!world.client.export(&query(), ExportForm::Csv).await.unwrap().is_empty());
        assert!(!world.client.export(&query(), ExportForm::Csv).await.unwrap().is_empty(), "its turn came back");
    }

    /// Rows of before hashes were kept get theirs from the schedule, and are found from then on.
    async fn rows_of_before_get_their_hashes(db: Db) {
        let (world, made) = populated(db).await;
        let sha256 = world.client.certificate(&made[2]).await.unwrap().sha256;
        world
            .db
            .write(|tx: &mut platform::db::Tx| {
                Box::pin(async move {
                    let forget = "UPDATE ca_certificate SET certificate_sha256 = NULL, spki_sha256 = NULL";
                    sqlx::query(forget).execute(tx).await?;
                    Ok::<_, platform::db::Error>(())
                })
            })
            .await
            .unwrap();
        let by_hash = CertificateQuery { sha256, ..query() };
        assert!(all(&world, by_hash.clone()).await.is_empty());
        let schedule = tokio::spawn(world.authority.clone().keep_schedule());
        crate::world::until(async || !all(&world, by_hash.clone()).await.is_empty()).await;
        schedule.abort();
        assert_eq!(serials(&all(&world, by_hash).await), [&made[2]]);
    }
}
