//! SCIM 2.0 to the letter (RFC 7643, RFC 7644): values with their types, filters, versions, shapes and errors.

use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use serde_json::{Value, json};

use crate::people_rig::{assign, documents, execute, staff, texts};
use crate::rig::{Answered, Rig};
use crate::scim::{BASE, EXTENSION, operations, payroll, post, refused, send, user};

/// Somebody new, with their id.
async fn made(rig: &Rig, feed: &Caller, body: &Value) -> String {
    let made = post(rig, feed, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
    made.body["id"].as_str().unwrap().to_owned()
}

/// Somebody of whom little is said, so that nobody is like them.
fn plain(number: u64) -> Value {
    let mut body = user(&number.to_string(), "Ann", "Example", "1984-07-23");
    body["userName"] = json!(format!("Ann.{number}"));
    body["emails"] = json!([]);
    body[EXTENSION] = json!({});
    body
}

async fn get(rig: &Rig, feed: &Caller, path: &str) -> Answered {
    rig.get(feed, &format!("{BASE}/{path}")).await
}

async fn patch(rig: &Rig, feed: &Caller, id: &str, one: Value) -> Answered {
    send(rig, feed, Method::PATCH, id, None, &operations(&json!([one]))).await
}

async fn search(rig: &Rig, feed: &Caller, path: &str, body: &Value) -> Answered {
    let headers = [("content-type", "application/scim+json")];
    rig.file(feed, Method::POST, &format!("{BASE}/{path}"), &headers, body.to_string().as_bytes()).await
}

/// A filter as it stands in an address.
fn encoded(filter: &str) -> String {
    filter
        .bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

platform::both_engines! {
    /// Addresses and telephones come back with their types and which is the primary one, in their order; one at most is primary.
    async fn values_keep_their_types(db: Db) {
        let rig = Rig::new(db.clone());
        let feed = payroll("payroll", "RXX");
        let mut body = plain(1);
        body["emails"] = json!([{"value": "w@trust.example", "type": "work"}, {"value": "A@home.example", "type": "home", "primary": true, "display": "At home"}]);
        body["phoneNumbers"] = json!([{"value": "020 7946 0123", "type": "work"}, {"value": "07700 900123", "type": "mobile", "primary": true}]);
        body["addresses"] = json!([{"type": "work", "streetAddress": "1 High Street\nThe Quarter", "locality": "Leeds", "postalCode": "LS1 4AP", "country": "GB", "primary": true}]);
        let id = made(&rig, &feed, &body).await;
        let read = get(&rig, &feed, &format!("Users/{id}")).await.body;
        assert_eq!(read["emails"], json!([{"value": "w@trust.example", "type": "work"}, {"value": "a@home.example", "type": "home", "primary": true, "display": "At home"}]));
        assert_eq!(read["phoneNumbers"], json!([{"value": "020 7946 0123", "type": "work"}, {"value": "+447700900123", "type": "mobile", "primary": true}]));
        assert_eq!(read["addresses"], body["addresses"]);
        // Only what a code can go to is an address of the register.
        let contacts = texts(&db, "SELECT value FROM directory_contact WHERE user_id = $1 ORDER BY value", &id).await;
        assert_eq!(contacts, ["+447700900123", "a@home.example", "w@trust.example"]);
        assert_eq!(post(&rig, &feed, &body).await.status, StatusCode::OK);

        let moved = patch(&rig, &feed, &id, json!({"op": "replace", "path": "emails[type eq \"work\"].primary", "value": true})).await;
        let primary = |body: &Value| body["emails"].as_array().unwrap().iter().map(|one| one["primary"] == json!(true)).collect::<Vec<_>>();
        assert_eq!(primary(&moved.body), [true, false], "{:?}", moved.body);
        let gone = patch(&rig, &feed, &id, json!({"op": "remove", "path": "phoneNumbers[type eq \"mobile\"]"})).await;
        assert_eq!(gone.body["phoneNumbers"].as_array().map(Vec::len), Some(1), "{:?}", gone.body);
        assert_eq!(texts(&db, "SELECT value FROM directory_contact WHERE user_id = $1 AND channel = 'mobile'", &id).await, Vec::<String>::new());
        assert_eq!(patch(&rig, &feed, &id, json!({"op": "remove", "path": "addresses"})).await.body["addresses"], Value::Null);
        body["emails"] = json!([{"value": "w@trust.example", "primary": true}, {"value": "h@trust.example", "primary": true}]);
        assert_eq!(refused(&send(&rig, &feed, Method::PUT, &id, None, &body).await), (400, "invalidValue"));
        // An address that its holder has verified stays, and is not said to be gone.
        execute(&db, "UPDATE directory_contact SET verified_at = 1 WHERE user_id = $1", vec![id.clone()]).await;
        assert_eq!(refused(&patch(&rig, &feed, &id, json!({"op": "remove", "path": "emails"})).await), (400, "mutability"));
        assert_eq!(get(&rig, &feed, &format!("Users/{id}")).await.body["emails"].as_array().map(Vec::len), Some(2));
        assert_eq!(send(&rig, &feed, Method::DELETE, &id, None, &json!({})).await.status, StatusCode::NO_CONTENT);
        for table in ["SELECT value FROM directory_scim_value WHERE external_id = $1", "SELECT user_name_key FROM directory_scim_user WHERE external_id = $1"] {
            assert_eq!(texts(&db, table, "1").await, Vec::<String>::new(), "{table}");
        }
    }

    /// What only this system says of somebody who left goes when addresses do.
    async fn values_of_who_left_are_erased(db: Db) {
        let rig = Rig::new(db.clone());
        let feed = payroll("payroll", "RXX");
        let mut body = plain(1);
        body["phoneNumbers"] = json!([{"value": "020 7946 0123", "type": "work"}]);
        body["addresses"] = json!([{"locality": "Leeds"}]);
        let id = made(&rig, &feed, &body).await;
        let left = patch(&rig, &feed, &id, json!({"op": "replace", "path": "active", "value": false})).await;
        assert_eq!((&left.body["active"], &left.body["addresses"][0]["locality"]), (&json!(false), &json!("Leeds")), "{:?}", left.body);
        rig.hand.advance(std::time::Duration::from_hours(366 * 24));
        while rig.register.sweep_people().await.unwrap() > 0 {}
        let after = get(&rig, &feed, &format!("Users/{id}")).await.body;
        assert_eq!((&after["addresses"], &after["phoneNumbers"], &after["userName"]), (&Value::Null, &Value::Null, &json!("Ann.1")));
        assert_eq!(texts(&db, "SELECT value FROM directory_scim_value WHERE external_id = $1", "1").await, Vec::<String>::new());
    }

    /// userName is one whatever its letters: it is found so, and no other user has it so. externalId is not.
    async fn user_names_are_compared_without_case(db: Db) {
        let rig = Rig::new(db.clone());
        let feed = payroll("payroll", "RXX");
        let id = made(&rig, &feed, &plain(1)).await;
        let found = async |filter: &str| get(&rig, &feed, &format!("Users?filter={}", encoded(filter))).await.body["totalResults"].clone();
        for filter in ["userName eq \"ann.1\"", "USERNAME Eq \"ANN.1\"", "urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"Ann.1\""] {
            assert_eq!(found(filter).await, 1, "{filter}");
        }
        let mut other = plain(2);
        other["externalId"] = json!("a2");
        other["userName"] = json!("aNN.1");
        assert_eq!(refused(&post(&rig, &feed, &other).await), (409, "uniqueness"));
        other["userName"] = json!("Ann.2");
        let second = made(&rig, &feed, &other).await;
        assert_eq!((found("externalId eq \"A2\"").await, found("externalId eq \"a2\"").await), (json!(0), json!(1)));
        assert_eq!(refused(&patch(&rig, &feed, &second, json!({"op": "replace", "path": "userName", "value": "ANN.1"})).await), (409, "uniqueness"));
        let own = patch(&rig, &feed, &id, json!({"op": "replace", "path": "userName", "value": "ANN.1"})).await;
        assert_eq!(own.body["userName"], "ANN.1", "{:?}", own.body);
        // Another system has names of its own.
        let elsewhere = payroll("other", "RYY");
        assert_eq!(found("userName eq \"ann.2\"").await, 1);
        assert_eq!(get(&rig, &elsewhere, &format!("Users?filter={}", encoded("userName eq \"ann.2\""))).await.body["totalResults"], 0);
    }

    /// Filters are read whole; one that names nobody looks at everybody, if they are few enough.
    async fn filters_find_whom_they_mean(db: Db) {
        let rig = Rig::new(db.clone());
        let feed = payroll("payroll", "RXX");
        for number in 1..=3 {
            let mut body = plain(number);
            body["emails"] = json!([{"value": format!("a{number}@trust.example"), "type": if number == 1 { "home" } else { "work" }}]);
            made(&rig, &feed, &body).await;
        }
        let list = async |query: &str| get(&rig, &feed, &format!("Users?{query}")).await;
        for (filter, many) in [
            ("emails[type eq \"work\" and value co \"2@\"]", 1),
            ("active eq true and not (userName ew \"1\")", 2),
            ("userName eq \"ann.1\" and active eq false", 0),
            ("id eq \"x\"", 0),
            ("meta.created gt \"2020-01-01T00:00:00Z\"", 3),
        ] {
            assert_eq!(list(&format!("filter={}", encoded(filter))).await.body["totalResults"], many, "{filter}");
        }
        for filter in ["userName", "title pr", "active gt true", &"(".repeat(50)] {
            assert_eq!(refused(&list(&format!("filter={}", encoded(filter))).await).0, 400, "{filter}");
        }
        assert_eq!(refused(&list("filter=title%20pr").await), (400, "invalidFilter"));
        execute(&db, "UPDATE directory_link_total SET many = 501 WHERE source = $1", vec!["scim payroll".to_owned()]).await;
        assert_eq!(refused(&list(&format!("filter={}", encoded("active eq true"))).await), (400, "tooMany"));
        assert_eq!(list(&format!("filter={}", encoded("externalId eq \"2\""))).await.body["totalResults"], 1);
    }

    /// Pages begin at 1 and are never less than nothing; what is no number is refused. A search in a body is the same search.
    async fn pages_have_bounds(db: Db) {
        let rig = Rig::new(db.clone());
        let feed = payroll("payroll", "RXX");
        for number in 1..=3 {
            made(&rig, &feed, &plain(number)).await;
        }
        let page = async |query: &str| {
            let body = get(&rig, &feed, &format!("Users?{query}")).await.body;
            (body["totalResults"].as_u64(), body["startIndex"].as_u64(), body["Resources"].as_array().map(Vec::len))
        };
        for (query, start, many) in [("startIndex=-7", 1, 3), ("startIndex=0&count=2", 1, 2), ("startIndex=3&count=2", 3, 1), ("startIndex=4", 4, 0), ("count=-1", 1, 0), ("count=0", 1, 0), ("count=100000", 1, 3)] {
            assert_eq!(page(query).await, (Some(3), Some(start), Some(many)), "{query}");
        }
        for bad in ["startIndex=one", "count=", "count=1.5", "startIndex=99999999999999999999999", "count=1&count=2"] {
            assert_eq!(refused(&get(&rig, &feed, &format!("Users?{bad}")).await), (400, "invalidValue"), "{bad}");
        }
        let schema = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
        for path in ["Users/.search", ".search"] {
            let asked = json!({"schemas": [schema], "filter": "userName sw \"ann\"", "startIndex": 2, "count": 1, "attributes": ["userName"]});
            let found = search(&rig, &feed, path, &asked).await;
            assert_eq!((found.status, &found.body["totalResults"], &found.body["itemsPerPage"]), (StatusCode::OK, &json!(3), &json!(1)), "{:?}", found.body);
            let mut members: Vec<&String> = found.body["Resources"][0].as_object().unwrap().keys().collect();
            members.sort();
            assert_eq!(members, ["id", "schemas", "userName"]);
            assert_eq!(refused(&search(&rig, &feed, path, &json!({"filter": "id pr"})).await), (400, "invalidValue"));
            assert_eq!(refused(&search(&rig, &feed, path, &json!({"schemas": [schema], "count": "x"})).await), (400, "invalidSyntax"));
        }
    }

    /// The entity tag changes with everything that is answered; a change is made to the version that is meant, and what is known is not
    /// sent again.
    async fn versions_follow_every_change(db: Db) {
        let rig = Rig::new(db.clone());
        let feed = payroll("payroll", "RXX");
        let id = made(&rig, &feed, &plain(1)).await;
        let path = format!("{BASE}/Users/{id}");
        let read = rig.get(&feed, &path).await;
        assert_eq!((&read.body["meta"]["version"], &read.body["meta"]["resourceType"]), (&json!(read.etag()), &json!("User")));
        assert_eq!((read.headers["content-location"].to_str().unwrap(), &read.body["meta"]["location"]), (path.as_str(), &json!(path)));
        assert_eq!((&read.body["meta"]["created"], &read.body["meta"]["lastModified"]), (&json!("2026-11-24T17:20:00Z"), &json!("2026-11-24T17:20:00Z")));
        let asked = async |method: Method, field: &str, tag: &str| rig.send(&feed, method, &path, &[(field, tag)], None).await;
        for known in [read.etag(), format!("W/{}", read.etag()), "*".to_owned(), format!("\"0\", {}", read.etag())] {
            let same = asked(Method::GET, "if-none-match", &known).await;
            assert_eq!((same.status, same.etag(), &same.body), (StatusCode::NOT_MODIFIED, read.etag(), &json!("")), "{known}");
        }
        assert_eq!(asked(Method::GET, "if-none-match", "\"0\"").await.status, StatusCode::OK);
        assert_eq!(refused(&asked(Method::GET, "if-match", "\"0\"").await), (412, ""));
        rig.hand.advance(std::time::Duration::from_mins(1));
        // What only this system says changes the version too.
        let login = operations(&json!([{"op": "replace", "path": "userName", "value": "new"}, {"op": "add", "path": "addresses", "value": [{"locality": "Leeds"}]}]));
        let changed = send(&rig, &feed, Method::PATCH, &id, Some(&read.etag()), &login).await;
        assert_eq!(changed.status, StatusCode::OK, "{:?}", changed.body);
        assert_ne!(changed.etag(), read.etag());
        assert_eq!(changed.body["meta"]["lastModified"], "2026-11-24T17:21:00Z");
        let again = send(&rig, &feed, Method::PATCH, &id, None, &operations(&json!([{"op": "replace", "path": "userName", "value": "new"}]))).await;
        assert_eq!(again.etag(), changed.etag(), "nothing changed");
        assert_eq!(refused(&send(&rig, &feed, Method::PATCH, &id, Some(&read.etag()), &login).await), (412, ""));
        assert_eq!(refused(&asked(Method::DELETE, "if-match", &read.etag()).await), (412, ""));
        assert_eq!(refused(&asked(Method::DELETE, "if-none-match", &changed.etag()).await), (412, ""));
        for bad in ["7", "\"7", "\"a\", ", ""] {
            assert_eq!(refused(&asked(Method::DELETE, "if-match", bad).await), (400, "invalidValue"), "{bad}");
        }
        assert_eq!(asked(Method::DELETE, "if-match", &changed.etag()).await.status, StatusCode::NO_CONTENT);
    }

    /// Only what is asked for is answered, wherever a user is.
    async fn answers_have_the_attributes_that_are_asked_for(db: Db) {
        let rig = Rig::new(db.clone());
        let feed = payroll("payroll", "RXX");
        let id = made(&rig, &feed, &plain(1)).await;
        let members = |answered: &Answered| -> Vec<String> {
            let members: std::collections::BTreeSet<String> = answered.body.as_object().unwrap().keys().cloned().collect();
            members.into_iter().collect()
        };
        let only = get(&rig, &feed, &format!("Users/{id}?attributes=userName,name.familyName")).await;
        assert_eq!(members(&only), ["id", "name", "schemas", "userName"]);
        assert_eq!(only.body["name"].as_object().map(serde_json::Map::len), Some(1));
        let without = get(&rig, &feed, &format!("Users/{id}?excludedAttributes=meta,ID,active")).await;
        assert_eq!(members(&without), ["displayName", "externalId", "id", "name", "schemas", "userName"]);
        let list = get(&rig, &feed, "Users?attributes=externalId").await;
        assert_eq!(list.body["Resources"][0].as_object().map(serde_json::Map::len), Some(3));
        assert_eq!(refused(&get(&rig, &feed, &format!("Users/{id}?attributes=name&excludedAttributes=id")).await), (400, "invalidValue"));
        let put = rig.file(&feed, Method::PUT, &format!("{BASE}/Users/{id}?attributes=id"), &[("content-type", "application/scim+json")], plain(1).to_string().as_bytes()).await;
        assert_eq!(members(&put), ["id", "schemas"]);
    }

    /// What is told to be no more is gone of a profile that nobody has verified, and is refused of one that somebody has.
    async fn what_is_taken_away_is_gone(db: Db) {
        let rig = Rig::new(db.clone());
        let feed = payroll("payroll", "RXX");
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let mut body = user("1", "Ann", "Example", "1984-07-23");
        body[EXTENSION]["gender"] = json!("female");
        body[EXTENSION]["registrations"] = json!([{"body": "GMC", "number": "1234567"}, {"body": "NMC", "number": "12A3456B"}]);
        let id = made(&rig, &feed, &body).await;
        for (path, expected) in [
            (format!("{EXTENSION}:gender"), json!({"dateOfBirth": "1984-07-23", "registrations": [{"body": "GMC", "number": "1234567"}, {"body": "NMC", "number": "12A3456B"}]})),
            (format!("{EXTENSION}:registrations[body eq \"NMC\"]"), json!({"dateOfBirth": "1984-07-23", "registrations": [{"body": "GMC", "number": "1234567"}]})),
            (format!("{EXTENSION}:dateOfBirth"), json!({"registrations": [{"body": "GMC", "number": "1234567"}]})),
            (EXTENSION.to_owned(), Value::Null),
        ] {
            let after = patch(&rig, &feed, &id, json!({"op": "remove", "path": path})).await;
            assert_eq!((after.status, &after.body[EXTENSION]), (StatusCode::OK, &expected), "{path}: {:?}", after.body);
        }
        assert_eq!(texts(&db, "SELECT state FROM directory_person WHERE user_id = $1 AND ni_hash IS NULL", &id).await, ["open"]);
        assert_eq!(send(&rig, &feed, Method::PUT, &id, None, &body).await.body[EXTENSION]["gender"], "female");
        assign(&db, &id.parse().unwrap(), None, "RXX", "2026-01-01").await;
        let person = id.parse().unwrap();
        let verified = rig.act(&agent, &person, "verification", &json!({"evidence": documents("123456789")})).await;
        assert_eq!(verified.status, StatusCode::OK, "{:?}", verified.body);
        for path in ["emails".to_owned(), format!("{EXTENSION}:registrations"), format!("{EXTENSION}:dateOfBirth"), EXTENSION.to_owned()] {
            assert_eq!(refused(&patch(&rig, &feed, &id, json!({"op": "remove", "path": path})).await), (400, "mutability"), "{path}");
        }
        // Where the system writes to them is its own business.
        let address = patch(&rig, &feed, &id, json!({"op": "add", "path": "addresses", "value": [{"locality": "Leeds"}]})).await;
        assert_eq!((address.status, &address.body["addresses"][0]["locality"]), (StatusCode::OK, &json!("Leeds")), "{:?}", address.body);
        body["externalId"] = json!("2");
        assert_eq!(refused(&send(&rig, &feed, Method::PUT, &id, None, &body).await), (400, "mutability"));
    }

    /// What is not offered says so; every refusal is in the form of SCIM, those before the routes too.
    async fn every_refusal_is_in_the_form_of_scim(db: Db) {
        let rig = Rig::new(db.clone()).port();
        let feed = payroll("payroll", "RXX");
        let stranger = crate::rig::system("reader", &[directory::api::READ]);
        let nobody = crate::rig::system("nobody", &[]);
        for (method, path, status) in [
            (Method::POST, "Bulk", 501),
            (Method::GET, "Me", 501),
            (Method::PATCH, "Me", 501),
            (Method::GET, "Groups", 404),
            (Method::GET, "Users/nobody", 404),
            (Method::POST, "Schemas", 405),
            (Method::DELETE, "Users", 405),
            (Method::GET, "Users/.search", 405),
            (Method::GET, "Schemas?filter=id%20pr", 403),
            (Method::GET, "ResourceTypes?filter=id%20pr", 403),
            (Method::GET, "ServiceProviderConfig?filter=id%20pr", 403),
            (Method::GET, "Schemas/urn:x", 404),
            (Method::GET, "Users?filter=a%00b", 400),
        ] {
            let answered = rig.file(&feed, method.clone(), &format!("{BASE}/{path}"), &[], b"").await;
            assert_eq!(refused(&answered).0, status, "{method} {path}: {:?}", answered.body);
        }
        for caller in [&stranger, &nobody] {
            for path in ["Bulk", "Me", "Users"] {
                assert_eq!(refused(&get(&rig, caller, path).await).0, 403, "{path}");
            }
        }
        let sent = async |kind: &str, body: &[u8]| rig.file(&feed, Method::POST, &format!("{BASE}/Users"), &[("content-type", kind)], body).await;
        assert_eq!(refused(&sent("text/plain", b"{}").await), (415, ""));
        assert_eq!(refused(&sent("application/scim+json", b"{").await), (400, "invalidSyntax"));
        assert_eq!(refused(&sent("application/scim+json", &vec![b' '; 600 * 1024]).await), (413, ""));
        assert_eq!(refused(&sent("application/scim+json", &vec![b' '; 2 * 1024 * 1024]).await), (413, ""));
        // Elsewhere problems stay problems.
        assert_eq!(rig.get(&feed, "/directory/nothing").await.headers["content-type"], "application/problem+json");
    }
}
