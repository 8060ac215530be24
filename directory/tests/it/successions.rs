//! Organisations that the nation closes and opens again, and those that take their place.

use std::time::Duration;

use directory::api::{LOOK_UP, READ};
use directory::organisation::Mode;
use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::json;

use crate::organisation_import::{bring_text, organisation, release};
use crate::rig::system;
use crate::world::{AGENT, NURSE, World, who};

/// What the ward says of itself: who operates it, and who took its place.
fn ward(succession: &str) -> String {
    format!(
        "<Rels><Rel id=\"RE6\" uniqueRelId=\"21\"><Status value=\"Active\"/><Target><OrgId extension=\"RXX\"/></Target></Rel></Rels>{succession}"
    )
}

fn succession(kind: &str, target: &str) -> String {
    format!(
        "<Succs><Succ uniqueSuccId=\"31\"><Date><Type value=\"Legal\"/><Start value=\"2026-08-01\"/></Date><Type>{kind}</Type>\
         <Target><OrgId extension=\"{target}\"/><PrimaryRoleId id=\"RO198\"/></Target></Succ></Succs>"
    )
}

platform::both_engines! {
    /// A release that closes an organisation says what is open there, before it is brought in and after; whoever assigns there is told
    /// who took its place, whichever side says so; and when the nation opens it again, it is as before.
    async fn the_nation_closes_and_opens_again(db: Db) {
        let world = World::new(db).await;
        let agent = who(AGENT);
        world.assign(&agent, NURSE, &world.ward).await;
        world.assign(&agent, NURSE + 1, &world.ward).await;
        let rest = [
            organisation("RXX", "TRUST", "Active", ""),
            organisation("RXX02", "NEW WARDS", "Active", &succession("Predecessor", "RXX01")),
            organisation("RXX03", "OTHER WARDS", "Active", ""),
        ].concat();
        let closing = organisation("RXX01", "OLD WARDS", "Inactive", &ward(&succession("Successor", "RXX03")));
        let closing = release("2026-08-28", &format!("{rest}{closing}"));
        let dry = bring_text(&world.rig, &closing, Mode::DryRun).await.unwrap();
        let told = |closed: &directory::organisation::Closed| {
            let after: Vec<&str> = closed.successors.iter().map(platform::id::OdsCode::as_str).collect();
            format!("{} {}: {} {} {}", closed.organisation, closed.name, closed.positions, closed.assignments, after.join("+"))
        };
        assert_eq!(dry.closed.iter().map(told).collect::<Vec<_>>(), ["RXX01 RXX01: 1 2 RXX03"], "nothing is written yet");
        world.assign(&agent, NURSE + 2, &world.ward).await;

        // What others say of an organisation is shown of it, so it is another version when they say something else.
        let seen = async |code: &str| {
            let shown = world.rig.get(&world.operator, &format!("/directory/organisations/{code}")).await;
            (shown.etag(), shown.body["predecessors"].clone())
        };
        let before = seen("RXX").await;
        let done = bring_text(&world.rig, &closing, Mode::Apply).await.unwrap();
        assert_eq!(done.closed.iter().map(told).collect::<Vec<_>>(), ["RXX01 OLD WARDS: 1 3 RXX02+RXX03"]);
        let shown = async |code: &str| world.rig.get(&world.operator, &format!("/directory/organisations/{code}")).await.body;
        let old = shown("RXX01").await;
        assert_eq!((&old["status"], &old["successors"], old.get("predecessors")), (&json!("inactive"), &json!(["RXX02", "RXX03"]), None));
        let kept = json!([{"instance": "31", "kind": "successor", "target": "RXX03", "target_role": "RO198", "legal_day": "2026-08-01"}]);
        assert_eq!(old["successions"], kept);
        for new in ["RXX02", "RXX03"] {
            assert_eq!(shown(new).await["predecessors"], json!(["RXX01"]), "{new}");
        }
        let new = seen("RXX03").await;
        let refused = world.try_assign(&agent, NURSE + 3, &world.ward).await;
        assert_eq!(refused.code(), "organisation-closed");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains("RXX02 or RXX03, which took its place"), "{detail}");
        assert_eq!(world.roles(NURSE).await.len(), 1, "what is there stays until somebody ends it");

        world.rig.hand.advance(Duration::from_mins(1));
        let open = organisation("RXX01", "OLD WARDS", "Active", &ward(""));
        let open = release("2026-09-28", &format!("{rest}{open}"));
        let done = bring_text(&world.rig, &open, Mode::Apply).await.unwrap();
        assert_eq!((done.progress.changed, done.closed.len()), (1, 0));
        let (after, spared) = (seen("RXX03").await, seen("RXX").await);
        assert_eq!((after.1, spared.1), (json!(null), before.1));
        assert_ne!(after.0, new.0, "RXX01 alone was written, and RXX03 follows nobody any more");
        let past = "/organisation-data-terminology-api/fhir/Organization/RXX03/_history";
        let past = world.rig.send(&system("pas", &[LOOK_UP, READ]), Method::GET, past, &[("host", "directory.example")], None).await;
        assert_eq!((past.status, &past.body["total"]), (StatusCode::OK, &json!(2)), "{}", past.body);
        assert_eq!(past.body["entry"][0]["resource"]["meta"]["lastUpdated"], world.rig.now().to_string());
        let again = shown("RXX01").await;
        assert_eq!((&again["status"], &again["successors"], &again["ra_host"]), (&json!("active"), &json!(["RXX02"]), &json!("RXX")));
        world.assign(&agent, NURSE + 3, &world.ward).await;
        assert_eq!(world.roles(NURSE + 3).await.len(), 1);
    }
}
