//! National roles: releases brought in, read, compared, and the rights of a role profile over HTTP.

use std::path::Path;

use audit::Actor;
use directory::api::READ;
use directory::rbac::{Content, Imported, Mode, from_folder, import};
use directory::{Config, DocumentKey, Error, Parts, Register, router};
use http::StatusCode;
use http_body_util::BodyExt as _;
use platform::clock::Clock;
use platform::db::Db;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::rig::{Answered, Rig, START, person, system};

pub(crate) const BASELINES: &str =
    "job_role,area,restriction_set,activity\nR8008,,EPS Pharmacy,B0572\nR8000,T0640,,B0820\nR8000,,,B0825\n";
const OTHER_BASELINES: &str = "job_role,area,restriction_set,activity\nR8008,,,B1300\nR8000,,,B0825\n";

/// A release from files in a folder.
pub(crate) fn release(name: &str, baselines: &str) -> Content {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
    write(
        "job-roles.csv",
        "category,category_name,group,group_name,code,name\nS8000,Clinical,G8000,Clinical Provision,R8000,Clinical Practitioner\n\
         S8001,Support,G8002,Support,R8008,Admin/Clinical Support\n",
    );
    write(
        "areas.csv",
        "category,category_name,group,group_name,code,name\nP0020,Diagnostics,Q0300,Pathology,T0640,Phlebotomy\n",
    );
    write(
        "activities.csv",
        "code,name\nB0570,Perform Pharmacy Activities\nB0572,Manage Pharmacy Activities\nB0820,View Patient Demographics\n\
         B0825,Amend Patient Demographics\nB1300,Approve RA Requests\n",
    );
    write("inclusions.csv", "activity,includes\nB0825,B0820\nB0572,B0570\n");
    write("baselines.csv", baselines);
    from_folder(name, folder.path()).unwrap()
}

pub(crate) async fn bring(rig: &Rig, content: Content, mode: Mode) -> Result<Imported, Error> {
    import(&rig.register, content, mode, &Actor::system("directory")).await
}

fn codes(answer: &Answered) -> Vec<&str> {
    let items = answer.body["items"].as_array().unwrap();
    items.iter().map(|item| item["code"].as_str().unwrap()).collect()
}

/// What another process on the same database says.
async fn elsewhere(other: &Register, path: &str) -> Value {
    let mut request = http::Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
    request.extensions_mut().insert(system("reader", &[READ]));
    let response = router(other.clone()).oneshot(request).await.unwrap();
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

platform::both_engines! {
    /// A release is counted first, brought in once, in force at once in every process, and read page by page.
    async fn release_is_in_force_at_once(db: Db) {
        let other = Register::new(Parts { config: Config::default(), db: db.clone(), clock: Clock::manual(START).0, document_key: DocumentKey::new(&[7; 32]) }).unwrap();
        let rig = Rig::new(db);
        let reader = system("reader", &[READ]);
        let empty = elsewhere(&other, "/directory/rbac/activities").await;
        assert_eq!(empty, json!({"release": 0, "items": []}));

        let Imported::New { number: 1, difference } = bring(&rig, release("27.1", BASELINES), Mode::DryRun).await.unwrap() else {
            unreachable!("there was no release before")
        };
        assert_eq!((difference.activities.came.len(), difference.baselines.len()), (5, 3));
        assert_eq!(rig.get(&reader, "/directory/rbac/releases").await.body, json!({"items": []}));

        bring(&rig, release("27.1", BASELINES), Mode::Apply).await.unwrap();
        let again = bring(&rig, release("27.1", BASELINES), Mode::Apply).await.unwrap();
        assert_eq!(again, Imported::Same { number: 1 });
        bring(&rig, release("27.2", OTHER_BASELINES), Mode::Apply).await.unwrap();
        let there = elsewhere(&other, "/directory/rbac/activities?limit=2").await;
        assert_eq!((there["release"].as_u64(), there["next"].as_str()), (Some(2), Some("B0572")));

        let releases = rig.get(&reader, "/directory/rbac/releases?limit=1").await;
        assert_eq!((releases.body["items"][0]["name"].as_str(), releases.body["next"].as_str()), (Some("27.2"), Some("2")));
        let rest = rig.get(&reader, "/directory/rbac/releases?after=2").await;
        assert_eq!((rest.body["items"][0]["number"].as_u64(), rest.body["next"].as_str()), (Some(1), None));
        assert_eq!(codes(&rig.get(&reader, "/directory/rbac/activities?after=B0572&limit=2").await), ["B0820", "B0825"]);
        let amend = rig.get(&reader, "/directory/rbac/activities?name=amend").await;
        assert_eq!(amend.body["items"], json!([{"code": "B0825", "name": "Amend Patient Demographics", "includes": ["B0820"]}]));
        let roles = rig.get(&reader, "/directory/rbac/job-roles").await;
        assert_eq!(roles.body["items"][0]["path"], "S8000:G8000:R8000");
        assert_eq!(codes(&rig.get(&reader, "/directory/rbac/areas").await), ["T0640"]);
        let kinds: Vec<(String, String)> =
            sqlx::query_as("SELECT kind, subject FROM directory_change ORDER BY number").fetch_all(rig.db.read()).await.unwrap();
        assert_eq!(kinds, [("roles-released".to_owned(), "1".to_owned()), ("roles-released".to_owned(), "2".to_owned())]);
        let events: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM audit_event WHERE name = 'rbac-release-imported'")
            .fetch_one(rig.db.read()).await.unwrap();
        assert_eq!(events, 2);
    }

    /// A release that was looked at before another came in between is not stored over it.
    async fn releases_do_not_pass_each_other(db: Db) {
        let rig = Rig::new(db);
        let (one, two) = (release("27.1", BASELINES), release("27.2", OTHER_BASELINES));
        let (first, second) = tokio::join!(bring(&rig, one, Mode::Apply), bring(&rig, two, Mode::Apply));
        let results = [first, second];
        let refused = results.iter().filter(|result| matches!(result, Err(Error::Conflict { code: "release-meanwhile", .. })));
        let stored: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM directory_rbac_release").fetch_one(rig.db.read()).await.unwrap();
        // Either one saw the other in force, or it was refused.
        assert_eq!(i64::try_from(refused.count()).unwrap() + stored, 2, "{results:?}");
    }

    /// The rights of a role profile are answered by the release in force or an older one, each with its reasons.
    async fn rights_are_simulated(db: Db) {
        let rig = Rig::new(db);
        bring(&rig, release("27.1", BASELINES), Mode::Apply).await.unwrap();
        bring(&rig, release("27.2", OTHER_BASELINES), Mode::Apply).await.unwrap();
        let reader = system("reader", &[READ]);
        let path = "/directory/rbac/effective";
        let asked = json!({"job_role": "S8001:G8002:R8008", "activities": ["B0825", "B9999"], "restriction_sets": ["EPS Pharmacy"], "release": 1});
        let old = rig.post(&reader, path, &asked).await;
        assert_eq!(old.body, json!({
            "release": 1,
            "rights": [
                {"activity": "B0570", "name": "Perform Pharmacy Activities", "reasons": [{"why": "included", "by": ["B0572"]}]},
                {"activity": "B0572", "name": "Manage Pharmacy Activities", "reasons": [
                    {"why": "baseline", "release": "27.1", "restriction_set": "EPS Pharmacy"}]},
                {"activity": "B0820", "name": "View Patient Demographics", "reasons": [{"why": "included", "by": ["B0825"]}]},
                {"activity": "B0825", "name": "Amend Patient Demographics", "reasons": [{"why": "added"}]}
            ],
            "unknown": ["B9999"]
        }));
        let now = rig.post(&reader, path, &json!({"job_role": "R8008"})).await;
        assert_eq!((now.body["release"].as_u64(), now.body["rights"][0]["activity"].as_str()), (Some(2), Some("B1300")));
        let compared = rig.get(&reader, "/directory/rbac/releases/2/difference").await;
        assert_eq!(compared.body["baselines"], json!([
            {"job_role": "R8000", "area": "T0640", "gained": [], "lost": ["B0820"]},
            {"job_role": "R8008", "gained": ["B1300"], "lost": []},
            {"job_role": "R8008", "restriction_set": "EPS Pharmacy", "gained": [], "lost": ["B0572"]}
        ]));
        let back = rig.get(&reader, "/directory/rbac/releases/1/difference?from=2").await;
        assert_eq!(back.body["baselines"][1], json!({"job_role": "R8008", "gained": [], "lost": ["B1300"]}));
        for missing in ["releases/3/difference", "releases/0/difference", "releases/2/difference?from=9", "job-roles?release=7"] {
            assert_eq!(rig.get(&reader, &format!("/directory/rbac/{missing}")).await.status, StatusCode::NOT_FOUND, "{missing}");
        }
        for bad in ["job-roles?after=B0825", "areas?limit=0", "releases?after=x", "activities?colour=red"] {
            assert_eq!(rig.get(&reader, &format!("/directory/rbac/{bad}")).await.status, StatusCode::BAD_REQUEST, "{bad}");
        }
        assert_eq!(rig.post(&reader, path, &json!({"job_role": "clerk"})).await.code(), "json-invalid");
        let many = vec!["B0825"; 501];
        assert_eq!(rig.post(&reader, path, &json!({"job_role": "R8008", "activities": many})).await.code(), "field-invalid");
        let stranger = system("stranger", &[]);
        assert_eq!(rig.post(&stranger, path, &json!({"job_role": "R8008"})).await.status, StatusCode::FORBIDDEN);
        for route in ["releases", "releases/1/difference", "job-roles", "areas", "activities"] {
            assert_eq!(rig.get(&stranger, &format!("/directory/rbac/{route}")).await.status, StatusCode::FORBIDDEN, "{route}");
        }
        assert_eq!(rig.get(&person("555021942107"), "/directory/rbac/releases").await.status, StatusCode::OK);
    }
}

/// A folder that lacks a file says which.
#[test]
fn missing_file_is_named() {
    let said = from_folder("27.2", Path::new("no/such/folder")).unwrap_err().to_string();
    assert!(said.contains("job-roles.csv: it cannot be opened"), "{said}");
}
