//! Personnel systems over SCIM 2.0.

use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use platform::id::UserId;
use serde_json::{Value, json};

use crate::people_rig::{assign, documents, new_person, staff, texts};
use crate::rig::{Answered, Rig, person, system};

pub(crate) const BASE: &str = "/directory/scim/v2";
pub(crate) const EXTENSION: &str = "urn:lanyard:params:scim:schemas:extension:register:2.0:User";

pub(crate) fn payroll(name: &str, organisation: &str) -> Caller {
    let mut caller = system(name, &[directory::api::FEED]);
    caller.organisation = Some(organisation.parse().unwrap());
    caller
}

pub(crate) fn user(external_id: &str, given: &str, family: &str, birth: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "externalId": external_id, "userName": format!("{given}.{family}.{external_id}"),
        "name": {"givenName": given, "familyName": family},
        "emails": [{"value": format!("{given}@trust.example"), "type": "work", "primary": true}],
        EXTENSION: {"dateOfBirth": birth, "nationalInsuranceNumber": "AB123456C"},
    })
}

/// The keyword and status of an error in the shape of the standard.
pub(crate) fn refused(answered: &Answered) -> (u16, &str) {
    assert_eq!(answered.headers["content-type"], "application/scim+json");
    assert_eq!(answered.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(answered.body["status"], json!(answered.status.as_str()));
    (answered.status.as_u16(), answered.body["scimType"].as_str().unwrap_or_default())
}

pub(crate) async fn post(rig: &Rig, who: &Caller, body: &Value) -> Answered {
    let headers = [("content-type", "application/scim+json")];
    rig.file(who, Method::POST, &format!("{BASE}/Users"), &headers, body.to_string().as_bytes()).await
}

pub(crate) async fn send(
    rig: &Rig,
    who: &Caller,
    method: Method,
    id: &str,
    tag: Option<&str>,
    body: &Value,
) -> Answered {
    let mut headers = vec![("content-type", "application/scim+json")];
    headers.extend(tag.map(|tag| ("if-match", tag)));
    rig.file(who, method, &format!("{BASE}/Users/{id}"), &headers, body.to_string().as_bytes()).await
}

pub(crate) fn operations(operations: &Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

platform::both_engines! {
    /// Somebody is announced once, found by both names, and is unverified: the feed gives nobody anything.
    async fn announced_people_are_unverified(db: Db) {
        let rig = Rig::new(db.clone());
        let feed = payroll("payroll", "RXX");
        let ann = user("4711", "Ann", "Example", "1984-07-23");
        let made = post(&rig, &feed, &ann).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        let id = made.body["id"].as_str().unwrap().to_owned();
        assert_eq!(made.headers["location"], format!("{BASE}/Users/{id}"));
        assert_eq!(made.body["meta"]["version"], json!(made.etag()));
        assert_eq!(made.body[EXTENSION], json!({"dateOfBirth": "1984-07-23"}));
        assert_eq!(texts(&db, "SELECT standing FROM directory_person WHERE user_id = $1", &id).await, ["unverified"]);
        let again = post(&rig, &feed, &ann).await;
        assert_eq!((again.status, &again.body["id"]), (StatusCode::OK, &json!(id)));
        let other = post(&rig, &feed, &user("4711", "Ann", "Sample", "1984-07-23")).await;
        assert_eq!(refused(&other), (409, "uniqueness"));
        assert_eq!(refused(&post(&rig, &feed, &user("4712", "Ann", "Example", "1984-07-23")).await), (409, "uniqueness"));
        for filter in ["externalId%20eq%20%224711%22", "userName%20eq%20%22Ann.Example.4711%22"] {
            let list = rig.get(&feed, &format!("{BASE}/Users?filter={filter}")).await;
            assert_eq!((&list.body["totalResults"], &list.body["Resources"][0]["id"]), (&json!(1), &json!(id)), "{:?}", list.body);
        }
        let none = rig.get(&feed, &format!("{BASE}/Users?filter=externalId%20eq%20%221%22")).await;
        assert_eq!(none.body["totalResults"], json!(0));
        assert_eq!(refused(&rig.get(&feed, &format!("{BASE}/Users?filter=title%20eq%20%22x%22")).await), (400, "invalidFilter"));
        // Another system learns nothing of them, and a system without the act or an organisation nothing at all.
        let other = payroll("other", "RXX");
        assert_eq!(refused(&rig.get(&other, &format!("{BASE}/Users/{id}")).await), (404, ""));
        assert_eq!(rig.get(&other, &format!("{BASE}/Users")).await.body["totalResults"], json!(0));
        assert_eq!(refused(&send(&rig, &other, Method::DELETE, &id, None, &json!({})).await), (404, ""));
        for stranger in [system("reader", &[directory::api::READ]), system("nowhere", &[directory::api::FEED])] {
            assert_eq!(refused(&post(&rig, &stranger, &ann).await), (403, ""));
            for path in ["Users", "Schemas", "ResourceTypes", "ServiceProviderConfig"] {
                assert_eq!(refused(&rig.get(&stranger, &format!("{BASE}/{path}")).await), (403, ""));
            }
        }
    }

    /// Changes come by PUT and PATCH at a version; what was checked with documents they do not change.
    async fn announced_people_are_changed(db: Db) {
        let rig = Rig::new(db.clone());
        let feed = payroll("payroll", "RXX");
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let mut ann = user("4711", "Ann", "Example", "1984-07-23");
        let made = post(&rig, &feed, &ann).await;
        let id = made.body["id"].as_str().unwrap().to_owned();
        ann["name"]["familyName"] = json!("Sample");
        let put = send(&rig, &feed, Method::PUT, &id, Some(&made.etag()), &ann).await;
        assert_eq!((put.status, &put.body["name"]["familyName"]), (StatusCode::OK, &json!("Sample")), "{:?}", put.body);
        let lost = send(&rig, &feed, Method::PUT, &id, Some(&made.etag()), &ann).await;
        assert_eq!(refused(&lost), (412, ""));
        let weak = format!("W/{}", put.etag());
        let patch = operations(&json!([
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@trust.example"},
            {"op": "add", "path": "phoneNumbers", "value": [{"value": "07700 900123", "type": "mobile"}]},
            {"op": "add", "path": format!("{EXTENSION}:registrations"), "value": [{"body": "GMC", "number": "1234567"}]},
        ]));
        let patched = send(&rig, &feed, Method::PATCH, &id, Some(&weak), &patch).await;
        assert_eq!(patched.status, StatusCode::OK, "{:?}", patched.body);
        assert_eq!(patched.body["emails"], json!([{"value": "new@trust.example", "type": "work", "primary": true}]));
        assert_eq!(patched.body["phoneNumbers"][0]["value"], "+447700900123");
        assert_eq!(patched.body[EXTENSION]["registrations"][0]["number"], "1234567");
        let half = operations(&json!([
            {"op": "replace", "path": "name.givenName", "value": "Eve"},
            {"op": "replace", "path": "name..x", "value": "y"},
        ]));
        assert_eq!(refused(&send(&rig, &feed, Method::PATCH, &id, None, &half).await), (400, "invalidPath"));
        assert_eq!(rig.get(&feed, &format!("{BASE}/Users/{id}")).await.body["name"]["givenName"], "Ann");
        let bad = operations(&json!([{"op": "replace", "path": format!("{EXTENSION}:dateOfBirth"), "value": "2027-01-01"}]));
        assert_eq!(refused(&send(&rig, &feed, Method::PATCH, &id, None, &bad).await), (400, "invalidValue"));
        let person: UserId = id.parse().unwrap();
        assign(&db, &person, None, "RXX", "2026-01-01").await;
        let verified = rig.act(&agent, &person, "verification", &json!({"evidence": documents("123456789")})).await;
        assert_eq!(verified.status, StatusCode::OK, "{:?}", verified.body);
        let rename = operations(&json!([{"op": "replace", "path": "name.familyName", "value": "Third"}]));
        assert_eq!(refused(&send(&rig, &feed, Method::PATCH, &id, None, &rename).await), (400, "mutability"));
        let mail = operations(&json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "third@trust.example"}]));
        assert_eq!(refused(&send(&rig, &feed, Method::PATCH, &id, None, &mail).await), (400, "mutability"));
        let number = operations(&json!([{"op": "add", "path": format!("{EXTENSION}:registrations"), "value": [{"body": "GMC", "number": "7654321"}]}]));
        assert_eq!(refused(&send(&rig, &feed, Method::PATCH, &id, None, &number).await), (400, "mutability"));
        let login = operations(&json!([{"op": "replace", "path": "userName", "value": "ann.sample"}]));
        assert_eq!(send(&rig, &feed, Method::PATCH, &id, None, &login).await.body["userName"], "ann.sample");
        let taken = post(&rig, &feed, &user("4712", "Bea", "Other", "1990-01-02")).await;
        assert_eq!(refused(&taken), (409, "uniqueness"), "the same national insurance number");
        let user = "urn:ietf:params:scim:schemas:core:2.0:User";
        for (body, kind) in [
            (json!([]), "invalidSyntax"),
            (json!({"schemas": [user], "userName": 7}), "invalidSyntax"),
            (json!({"schemas": [user], "userName": "x"}), "invalidValue"),
            (json!({"userName": "x"}), "invalidValue"),
        ] {
            assert_eq!(refused(&send(&rig, &feed, Method::PUT, &id, None, &body).await), (400, kind), "{body}");
        }
    }

    /// A leaver closes as one act where the system speaks for everywhere they work; elsewhere nothing is done.
    async fn leavers_close(db: Db) {
        let rig = Rig::new(db.clone());
        let feed = payroll("payroll", "RXX");
        let mut ids = Vec::new();
        for (at, family) in ["One", "Two", "Three"].iter().enumerate() {
            let mut body = user(&at.to_string(), "Ann", family, &format!("198{at}-01-15"));
            body[EXTENSION] = json!({"dateOfBirth": format!("198{at}-01-15")});
            let made = post(&rig, &feed, &body).await;
            assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
            let id = made.body["id"].as_str().unwrap().to_owned();
            assign(&db, &id.parse().unwrap(), None, "RXX", "2026-01-01").await;
            ids.push(id);
        }
        assign(&db, &ids[2].parse().unwrap(), None, "RYY", "2027-01-01").await;
        assert_eq!(refused(&send(&rig, &feed, Method::DELETE, &ids[2], None, &json!({})).await), (403, ""));
        assert_eq!(refused(&send(&rig, &feed, Method::DELETE, &ids[0], Some("\"7\""), &json!({})).await), (412, ""));
        let gone = send(&rig, &feed, Method::DELETE, &ids[0], None, &json!({})).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        assert_eq!(refused(&rig.get(&feed, &format!("{BASE}/Users/{}", ids[0])).await), (404, ""));
        let inactive = operations(&json!([{"op": "Replace", "path": "active", "value": "False"}]));
        let left = send(&rig, &feed, Method::PATCH, &ids[1], None, &inactive).await;
        assert_eq!((left.status, &left.body["active"]), (StatusCode::OK, &json!(false)), "{:?}", left.body);
        let again = send(&rig, &feed, Method::PATCH, &ids[1], None, &inactive).await;
        assert_eq!(again.etag(), left.etag());
        let active = operations(&json!([{"op": "replace", "path": "active", "value": true}]));
        assert_eq!(refused(&send(&rig, &feed, Method::PATCH, &ids[1], None, &active).await).0, 409);
        for id in &ids[..2] {
            let told = texts(&db, "SELECT kind FROM directory_change WHERE person = $1 ORDER BY number", id).await;
            assert_eq!(told, ["person-changed", "assignment-ended", "person-closed"]);
            assert_eq!(texts(&db, "SELECT close_reason FROM directory_person WHERE user_id = $1", id).await, ["left"]);
        }
        assert_eq!(texts(&db, "SELECT state FROM directory_person WHERE user_id = $1", &ids[2]).await, ["open"]);
        let list = rig.get(&feed, &format!("{BASE}/Users?startIndex=2&count=1")).await;
        assert_eq!((&list.body["totalResults"], &list.body["itemsPerPage"], &list.body["Resources"][0]["id"]), (&json!(2), &json!(1), &json!(ids[2])));
    }

    /// Somebody verified is linked only by the employer they work for now or later, and nothing of them changes with it: neither
    /// the addresses that codes go to, nor the registrations.
    async fn verified_people_are_not_taken_over(db: Db) {
        let rig = Rig::new(db.clone());
        let feed = payroll("payroll", "RXX");
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let mut known = new_person("Ann", "Example", "1984-07-23", "123456789");
        known["emails"] = json!(["ann@home.example"]);
        let id = rig.make(&agent, &known).await;
        let mut claim = user("66", "Ann", "Example", "1984-07-23");
        claim[EXTENSION] = json!({"dateOfBirth": "1984-07-23", "linkTo": id.as_str(),
            "registrations": [{"body": "GMC", "number": "1234567"}]});
        let contacts = "SELECT value FROM directory_contact WHERE user_id = $1";
        let registrations = "SELECT number FROM directory_registration WHERE user_id = $1";
        let links = "SELECT user_name FROM directory_person_link WHERE user_id = $1";
        assert_eq!(refused(&post(&rig, &feed, &claim).await), (403, ""), "they hold nothing");
        assign(&db, &id, None, "RYY", "2027-01-01").await;
        assert_eq!(refused(&post(&rig, &feed, &claim).await), (403, ""), "they are to begin elsewhere");
        assert!(texts(&db, links, id.as_str()).await.is_empty());
        let other = payroll("other", "RYY");
        let linked = post(&rig, &other, &claim).await;
        assert_eq!(linked.status, StatusCode::CREATED, "{:?}", linked.body);
        assert_eq!(texts(&db, contacts, id.as_str()).await, ["ann@home.example"]);
        assert!(texts(&db, registrations, id.as_str()).await.is_empty());
        assert_eq!(texts(&db, "SELECT state FROM directory_person WHERE user_id = $1", id.as_str()).await, ["open"]);
        assert_eq!(send(&rig, &other, Method::DELETE, id.as_str(), None, &json!({})).await.status, StatusCode::NO_CONTENT);
    }

    /// Whoever holds a rank in the registration authority is neither changed nor closed over SCIM.
    async fn ranks_are_not_closed_over_scim(db: Db) {
        let rig = Rig::new(db.clone());
        let feed = payroll("payroll", "RXX");
        let mut ids = Vec::new();
        for (at, rank) in ["ra-manager", "sponsor"].into_iter().enumerate() {
            let mut body = user(&at.to_string(), "Ann", &format!("Family{}", ["a", "b"][at]), &format!("198{at}-01-15"));
            body[EXTENSION] = json!({"dateOfBirth": format!("198{at}-01-15")});
            let made = post(&rig, &feed, &body).await;
            assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
            let id = made.body["id"].as_str().unwrap().to_owned();
            // One that is still to come counts too.
            assign(&db, &id.parse().unwrap(), Some(rank), "RXX", ["2026-01-01", "2027-01-01"][at]).await;
            ids.push(id);
        }
        let mail = operations(&json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "x@trust.example"}]));
        let inactive = operations(&json!([{"op": "replace", "path": "active", "value": false}]));
        for id in &ids {
            assert_eq!(refused(&send(&rig, &feed, Method::DELETE, id, None, &json!({})).await), (403, ""));
            for patch in [&mail, &inactive] {
                assert_eq!(refused(&send(&rig, &feed, Method::PATCH, id, None, patch).await), (403, ""));
            }
            assert_eq!(texts(&db, "SELECT state FROM directory_person WHERE user_id = $1", id).await, ["open"]);
        }
    }

    /// Somebody who is known here is linked, not made again; and the face says of itself what it can do.
    async fn known_people_are_linked(db: Db) {
        let rig = Rig::new(db.clone());
        let (feed, other) = (payroll("payroll", "RXX"), payroll("other", "RYY"));
        let made = post(&rig, &feed, &user("1", "Ann", "Example", "1984-07-23")).await;
        let id = made.body["id"].as_str().unwrap().to_owned();
        // Somebody else's record is not told apart from none.
        let mut else_where = user("76", "Bob", "Other", "1971-01-02");
        else_where[EXTENSION]["nationalInsuranceNumber"] = json!("AB123456D");
        for somebody in [id.as_str(), "555021942107"] {
            else_where[EXTENSION]["linkTo"] = json!(somebody);
            assert_eq!(refused(&post(&rig, &other, &else_where).await), (404, ""));
        }
        let mut same = user("77", "Ann", "Example", "1984-07-23");
        same[EXTENSION]["linkTo"] = json!(id);
        let linked = post(&rig, &other, &same).await;
        assert_eq!((linked.status, &linked.body["id"], &linked.body["externalId"]), (StatusCode::CREATED, &json!(id), &json!("77")), "{:?}", linked.body);
        assign(&db, &id.parse().unwrap(), None, "RXX", "2026-01-01").await;
        let third = payroll("third", "RZZ");
        assert_eq!(refused(&post(&rig, &third, &same).await), (403, ""));
        let config = rig.get(&feed, &format!("{BASE}/ServiceProviderConfig")).await;
        assert_eq!((&config.body["patch"]["supported"], &config.body["bulk"]["supported"], &config.body["etag"]["supported"]), (&json!(true), &json!(false), &json!(true)));
        let schemas = rig.get(&feed, &format!("{BASE}/Schemas")).await;
        assert_eq!(schemas.body["totalResults"], json!(2));
        let schema = rig.get(&feed, &format!("{BASE}/Schemas/{EXTENSION}")).await;
        assert_eq!((schema.status, &schema.body["id"]), (StatusCode::OK, &json!(EXTENSION)));
        let kind = rig.get(&feed, &format!("{BASE}/ResourceTypes/User")).await;
        assert_eq!(kind.body["endpoint"], "/Users");
        assert_eq!(refused(&rig.get(&feed, &format!("{BASE}/ResourceTypes/Group")).await), (404, ""));
    }

    /// Whom another organisation employs now is inactive to the personnel system of the former one, which sees what it told and nothing that
    /// became of them; of whom both employ it sees what it told, and the name.
    async fn former_employers_see_nothing_new(db: Db) {
        let rig = Rig::new(db.clone());
        let feed = payroll("payroll", "RXX");
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let elsewhere = staff(&db, 901, Some("ra-manager"), "RYY").await;
        let made = post(&rig, &feed, &user("4711", "Ann", "Example", "1984-07-23")).await;
        let id: UserId = made.body["id"].as_str().unwrap().parse().unwrap();
        let (path, told) = (format!("{BASE}/Users/{id}"), made.body["emails"].clone());
        assign(&db, &id, None, "RXX", "2026-01-01").await;
        let verified = rig.act(&agent, &id, "verification", &json!({"evidence": documents("123456789")})).await;
        assert_eq!(verified.status, StatusCode::OK, "{:?}", verified.body);
        let adds = async |address: &str| {
            let emails = format!("/directory/people/{id}/emails");
            let added = rig.post(&person(id.as_str()), &emails, &json!({"value": address})).await;
            assert!(added.status.is_success(), "{:?}", added.body);
        };
        adds("ann@first.example").await;
        let theirs = rig.get(&feed, &path).await;
        assert_eq!(theirs.body["emails"], json!([told[0], {"value": "ann@first.example"}]));
        let inactive = operations(&json!([{"op": "replace", "path": "active", "value": false}]));
        assert_eq!(send(&rig, &feed, Method::PATCH, id.as_str(), None, &inactive).await.status, StatusCode::OK);

        let (reopen, returned) = (format!("/directory/people/{id}/reopen"), json!({"reason": "returned"}));
        let opened = rig.send(&elsewhere, Method::POST, &reopen, &[("if-match", "*")], Some(&returned)).await;
        assert_eq!(opened.status, StatusCode::OK, "{:?}", opened.body);
        assign(&db, &id, None, "RYY", "2026-01-01").await;
        adds("ann@home.example").await;
        let renamed = rig.act(&elsewhere, &id, "names", &json!({"name": {"given": "Ann", "family": "Sample"}, "reason": "marriage",
            "evidence": {"document": "marriage-certificate", "issuer": "Leeds", "method": "f2f"}})).await;
        assert_eq!(renamed.status, StatusCode::OK, "{:?}", renamed.body);
        let left = rig.get(&feed, &path).await;
        assert_eq!((&left.body["active"], &left.body["userName"], &left.body["emails"]), (&json!(false), &json!("Ann.Example.4711"), &told));
        for hidden in ["name", "displayName", EXTENSION] {
            assert!(left.body[hidden].is_null(), "{:?}", left.body);
        }
        let found = async |filter: &str| {
            let list = rig.get(&feed, &format!("{BASE}/Users?filter={}", filter.replace(' ', "%20").replace('"', "%22"))).await;
            let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter}).to_string();
            let headers = [("content-type", "application/scim+json")];
            let search = rig.file(&feed, Method::POST, &format!("{BASE}/.search"), &headers, body.as_bytes()).await;
            assert_eq!(list.body["totalResults"], search.body["totalResults"], "{filter}");
            list.body["totalResults"].as_u64()
        };
        let new = ["emails.value eq \"ann@home.example\"", "emails.value eq \"ann@first.example\"", "name.familyName eq \"Sample\""];
        for filter in new {
            assert_eq!(found(filter).await, Some(0), "{filter}");
        }
        assert_eq!(found("emails.value eq \"ann@trust.example\"").await, Some(1));
        // Nor is it told that something changes, and what is written is refused as it was.
        adds("ann@second.example").await;
        assert_eq!(rig.get(&feed, &path).await.etag(), left.etag());
        let mail = operations(&json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "x@trust.example"}]));
        assert_eq!(refused(&send(&rig, &feed, Method::PATCH, id.as_str(), None, &mail).await), (403, ""));

        assign(&db, &id, None, "RXX", "2026-01-01").await;
        let both = rig.get(&feed, &path).await;
        assert_eq!((&both.body["active"], &both.body["name"]["familyName"], &both.body["emails"]), (&json!(true), &json!("Sample"), &told));
        assert_eq!((found(new[0]).await, found(new[2]).await), (Some(0), Some(1)));
        assert_eq!(refused(&send(&rig, &feed, Method::PATCH, id.as_str(), None, &mail).await), (403, ""));
    }
}
