//! National data brought in through the router: organisations as they come, roles in one piece.

use directory::api::{IMPORT, READ};
use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use crate::organisation_import::{organisation, release};
use crate::release::Release;
use crate::rig::{Answered, Rig, system};

const ORGANISATIONS: &str = "/directory/organisations/import";
const ROLES: &str = "/directory/rbac/import";

fn xml(release: Release) -> Vec<u8> {
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut release.reader(), &mut text).unwrap();
    text
}

async fn send(rig: &Rig, path: &str, body: &[u8]) -> Answered {
    rig.file(
        &system("desk", &[IMPORT, READ]),
        Method::POST,
        path,
        &[("content-type", "application/xml")],
        body,
    )
    .await
}

/// The lines of an answer.
fn lines(answered: &Answered) -> Vec<Value> {
    assert_eq!(answered.status, StatusCode::OK, "{:?}", answered.body);
    if answered.body.is_object() {
        return vec![answered.body.clone()];
    }
    // Several lines are no JSON as a whole, and the rig shows them in hexadecimal.
    let text = hex::decode(answered.body.as_str().unwrap()).unwrap();
    String::from_utf8(text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

platform::both_engines! {
    /// A release is tried, brought in while it is sent, and listed; the same again changes nothing.
    async fn organisations_come_as_a_stream(db: Db) {
        let rig = Rig::new(db);
        let body = xml(Release { records: 1_200, edition: 1 });
        let tried = lines(&send(&rig, &format!("{ORGANISATIONS}?dry_run=yes"), &body).await);
        let report = &tried.last().unwrap()["report"];
        assert_eq!((report["progress"]["created"].as_u64(), report["changes"].as_array().map(Vec::len)), (Some(1_200), Some(100)));
        // All of them, each in a line of its own, whoever asks for all.
        let all = lines(&send(&rig, &format!("{ORGANISATIONS}?dry_run=yes&changes=all"), &body).await);
        let codes: Vec<&str> = all.iter().filter_map(|line| line["change"]["organisation"].as_str()).collect();
        assert_eq!((codes.len(), codes[0], codes[1_199]), (1_200, "G0000001", "G0001200"));
        assert_eq!(&all.last().unwrap()["report"]["changes"], &report["changes"]);
        assert!(tried.iter().all(|line| line.get("change").is_none()));
        let reader = system("desk", &[IMPORT, READ]);
        assert_eq!(rig.get(&reader, "/directory/organisations/G0000001").await.status, StatusCode::NOT_FOUND);
        assert_eq!(rig.get(&reader, ORGANISATIONS).await.body, json!({"imports": []}));

        let done = lines(&send(&rig, ORGANISATIONS, &body).await);
        let reads: Vec<u64> = done.iter().filter_map(|line| line["progress"]["read"].as_u64()).collect();
        assert_eq!(reads, [500, 1_000, 1_200]);
        let report = &done.last().unwrap()["report"];
        assert_eq!((report["progress"]["created"].as_u64(), report["published"].as_str()), (Some(1_200), Some("2026-01-28")));
        assert_eq!(rig.get(&reader, "/directory/organisations/G0001200").await.status, StatusCode::OK);
        let listed = rig.get(&reader, ORGANISATIONS).await.body["imports"].clone();
        assert_eq!((listed[0]["created"].as_u64(), listed[0]["parts"].as_u64()), (Some(1_200), Some(0)));
        assert!(listed[0]["finished_at"].is_i64() && listed[0]["release"] == report["release"], "{listed}");
        let again = lines(&send(&rig, ORGANISATIONS, &body).await);
        assert_eq!(again.last().unwrap()["report"]["progress"]["unchanged"], 1_200);
    }

    /// What is refused before the first part has a status; what stops it later is the last line, and what was in stays.
    async fn what_stops_an_import_is_told(db: Db) {
        let rig = Rig::new(db);
        let none = send(&rig, ORGANISATIONS, b"code,name\nRXX,GOOD TRUST\n").await;
        assert_eq!((none.status, none.code()), (StatusCode::BAD_REQUEST, "file-invalid"));
        let nobody = system("reader", &[READ]);
        let good = release("2026-07-28", &organisation("RXX", "GOOD TRUST", "Active", ""));
        for (method, body) in [(Method::POST, good.as_bytes()), (Method::GET, b"")] {
            let refused = rig.file(&nobody, method, ORGANISATIONS, &[], body).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN);
        }
        let whole = xml(Release { records: 1_200, edition: 1 });
        let broken = lines(&send(&rig, ORGANISATIONS, &whole[..whole.len() / 2 + 1_000]).await);
        let problem = &broken.last().unwrap()["problem"];
        assert_eq!((problem["status"].as_u64(), problem["code"].as_str()), (Some(400), Some("file-invalid")), "{broken:?}");
        let listed = rig.get(&system("desk", &[IMPORT]), ORGANISATIONS).await.body["imports"].clone();
        assert_eq!((listed[0]["parts"].as_u64(), listed[0].get("finished_at")), (Some(1), None), "{listed}");
        let rest = lines(&send(&rig, ORGANISATIONS, &whole).await);
        let progress = &rest.last().unwrap()["report"]["progress"];
        assert_eq!((progress["passed"].as_u64(), progress["created"].as_u64()), (Some(500), Some(700)));
    }

    /// Roles are tried, brought in once, and refused with the file and the line of what is wrong.
    async fn roles_come_in_one_piece(db: Db) {
        let rig = Rig::new(db);
        let desk = system("desk", &[IMPORT, READ]);
        let head = "category,category_name,group,group_name,code,name\n";
        let files = json!({
            "job-roles.csv": format!("{head}S8000,Clinical,G8000,Clinical Provision,R8000,Clinical Practitioner\n"),
            "areas.csv": head, "activities.csv": "code,name\nB0820,View\nB0825,Amend\n",
            "inclusions.csv": "activity,includes\nB0825,B0820\n",
            "baselines.csv": "job_role,area,restriction_set,activity\nR8000,,,B0820\n",
        });
        let body = json!({"name": "27.2", "files": files, "dry_run": "yes"});
        let tried = rig.post(&desk, ROLES, &body).await;
        assert_eq!((tried.body["outcome"].as_str(), tried.body["number"].as_u64()), (Some("new"), Some(1)), "{:?}", tried.body);
        assert_eq!(rig.get(&desk, "/directory/rbac/releases").await.body["items"], json!([]));
        let body = json!({"name": "27.2", "files": files});
        let done = rig.post(&desk, ROLES, &body).await;
        assert_eq!(done.body["difference"]["job_roles"]["came"], json!(["R8000"]));
        assert_eq!(rig.get(&desk, "/directory/rbac/releases").await.body["items"][0]["name"], "27.2");
        assert_eq!(rig.post(&desk, ROLES, &body).await.body["outcome"], "same");

        let mut wrong = body.clone();
        wrong["files"]["inclusions.csv"] = json!("activity,includes\nB0825,B9999\n");
        let refused = rig.post(&desk, ROLES, &wrong).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::BAD_REQUEST, "file-invalid"));
        assert!(refused.body["detail"].as_str().unwrap().contains("inclusions.csv"), "{:?}", refused.body);
        let mut missing = body.clone();
        missing["files"].as_object_mut().unwrap().remove("areas.csv");
        assert_eq!(rig.post(&desk, ROLES, &missing).await.code(), "file-invalid");
        let mut more = body.clone();
        more["files"]["notes.txt"] = json!("");
        assert_eq!(rig.post(&desk, ROLES, &more).await.code(), "field-invalid");
        assert_eq!(rig.post(&desk, ROLES, &json!({"name": "27.3"})).await.code(), "file-invalid");
        assert_eq!(rig.post(&desk, ROLES, &json!({})).await.code(), "field-invalid");
        assert_eq!(rig.post(&system("reader", &[READ]), ROLES, &body).await.status, StatusCode::FORBIDDEN);
    }
}
