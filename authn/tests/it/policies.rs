//! What relying parties and organisations ask of those who sign in.

use http::{Method, StatusCode};
use platform::caller::{Act, Caller, CallerKind};
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ANN, Answered, Rig, assign, basic};

const FIRST: &str = "/authn/organisations/Z00001/policy";
const SECOND: &str = "/authn/organisations/Z00002/policy";

fn desk(acts: &[Act]) -> Caller {
    Caller::new(CallerKind::System, "desk", "desk".parse().unwrap(), acts.iter().map(|act| act.0))
}

/// Somebody who looks after policies asks, of this version, or of none where that is empty.
async fn asked(rig: &Rig, method: Method, path: &str, version: &str, body: &Value) -> Answered {
    let name = if version.is_empty() { "if-none-match" } else { "if-match" };
    let value = if version.is_empty() { "*" } else { version };
    rig.operate_with(desk(&[authn::api::POLICIES]), method, path, &[(name, value)], body).await
}

/// What a page of ours offers, if the browser was sent to one.
async fn offered(rig: &Rig, answered: &Answered) -> Vec<String> {
    let here = answered.location().to_owned();
    assert!(here.starts_with("/sign-in/"), "{here}");
    let page = rig.browse(&format!("{here}?choose"), &[&answered.cookie()]).await;
    page.text
        .split("name=\"method\" type=\"radio\" value=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

platform::both_engines! {
    /// A policy is read and written by who may, one version after the other, and each act is in the record.
    async fn policies_are_looked_after(db: Db) {
        let rig = Rig::new(db).await;
        let strong = json!({"authenticators": ["security-key", "smartcard"]});
        assert_eq!(asked(&rig, Method::GET, FIRST, "*", &json!(null)).await.status, StatusCode::NOT_FOUND);
        let made = asked(&rig, Method::PUT, FIRST, "", &strong).await;
        assert_eq!((made.status, made.headers["etag"].to_str().unwrap(), made.json()), (StatusCode::OK, "\"1\"", strong.clone()));
        assert_eq!(asked(&rig, Method::PUT, FIRST, "", &strong).await.status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(asked(&rig, Method::PUT, FIRST, "\"7\"", &strong).await.status, StatusCode::PRECONDITION_FAILED);
        let locked = json!({"authenticators": ["smartcard"], "card_removed": "lock"});
        assert_eq!(asked(&rig, Method::PUT, FIRST, "\"1\"", &locked).await.status, StatusCode::OK);
        assert_eq!(asked(&rig, Method::GET, FIRST, "*", &json!(null)).await.json(), locked);
        for wrong in [json!({"authenticators": ["password"]}), json!({"card_removed": "explode"}), json!({"other": 1})] {
            assert_eq!(asked(&rig, Method::PUT, FIRST, "\"2\"", &wrong).await.status, StatusCode::BAD_REQUEST, "{wrong}");
        }
        let mut of_second = desk(&[authn::api::POLICIES]);
        of_second.organisation = Some("Z00002".parse().unwrap());
        for caller in [desk(&[authn::api::CLIENTS]), of_second] {
            for method in [Method::GET, Method::PUT, Method::DELETE] {
                let refused = rig.operate_with(caller.clone(), method, FIRST, &[("if-match", "*")], &strong).await;
                assert_eq!(refused.status, StatusCode::FORBIDDEN);
            }
        }
        assert_eq!(asked(&rig, Method::DELETE, FIRST, "\"1\"", &json!(null)).await.status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(asked(&rig, Method::DELETE, FIRST, "\"2\"", &json!(null)).await.status, StatusCode::NO_CONTENT);
        assert_eq!(asked(&rig, Method::DELETE, FIRST, "*", &json!(null)).await.status, StatusCode::NOT_FOUND);
        assert_eq!((rig.recorded("policy-set").await, rig.recorded("policy-removed").await), (2, 1));
    }

    /// A relying party takes what it is registered with, of what the class allows, and no more; a session that was opened with
    /// something else does not do.
    async fn relying_parties_say_with_what(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({"authenticators": ["security-key", "totp"]})).await;
        let with_card = rig.sign_in(ANN, "smartcard").await;
        let there = rig.authorise(&[], &[&with_card]).await;
        assert_eq!(offered(&rig, &there).await, ["security-key"]);
        let weak = rig.authorise(&[("acr_values", "AAL2_OR_AAL3_ANY")], &[]).await;
        assert_eq!(offered(&rig, &weak).await, ["security-key", "totp"]);
        let silent = rig.authorise(&[("prompt", "none")], &[&with_card]).await;
        assert_eq!(silent.sent_error().as_deref(), Some("login_required"));
        let nothing = rig.authorise(&[("acr_values", "AAL3_SMARTCARD")], &[&with_card]).await;
        assert_eq!(nothing.sent_error().as_deref(), Some("unmet_authentication_requirements"));
        let with_key = rig.sign_in(ANN, "security-key").await;
        let code = rig.code(&[], &with_key).await;
        assert_eq!(rig.exchange(&secret, &code, &[]).await.status, StatusCode::OK);
    }

    /// What an organisation asks counts for the relying parties that are registered for it.
    async fn organisations_ask_for_their_relying_parties(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({"organisation": "Z00002"})).await;
        rig.register("rp-other", &json!({"organisation": "Z00003"})).await;
        let session = rig.sign_in(ANN, "security-key").await;
        rig.code(&[], &session).await;
        asked(&rig, Method::PUT, SECOND, "", &json!({"authenticators": ["platform-key"]})).await;
        assert_eq!(offered(&rig, &rig.authorise(&[], &[&session]).await).await, ["platform-key"]);
        rig.code(&[("client_id", "rp-other")], &session).await;
    }

    /// In a role of an organisation that asks for more somebody signs in again with that, and is not asked for the role a second time;
    /// a silent request is refused, and so is one that allows nothing that is asked for.
    async fn organisations_ask_for_their_roles(db: Db) {
        let rig = Rig::new(db.clone()).await;
        db.write(|tx| Box::pin(async move { assign(tx, ANN, 2).await })).await.unwrap();
        let secret = rig.register("rp", &json!({})).await;
        asked(&rig, Method::PUT, SECOND, "", &json!({"authenticators": ["security-key"]})).await;
        let session = rig.sign_in(ANN, "platform-key").await;
        let scope = ("scope", "openid selectedrole");
        let page = rig.authorise(&[scope], &[&session]).await;
        let onward = page.text.split("action=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let roles: Vec<(String, bool)> = page.text.split("name=\"role\" value=\"").skip(1)
            .map(|rest| (rest[..12].to_owned(), rest.split("</label>").next().unwrap().contains("(Z00002)"))).collect();
        let of = |second: bool| roles.iter().find(|(_, it)| *it == second).unwrap().0.clone();
        let cookies = format!("{}; {session}", page.cookie());
        let sent = rig.form(&onward, &[("cookie", &cookies)], &[("role", &of(true))]).await;
        let here = sent.location().to_owned();
        assert!(here.starts_with("/sign-in/"), "{here}");
        let choices = rig.browse(&format!("{here}?choose"), &[&cookies]).await;
        assert!(choices.text.contains("value=\"security-key\"") && !choices.text.contains("value=\"platform-key\""), "{}", choices.text);
        let silent = rig.authorise(&[scope, ("prompt", "none")], &[&session]).await;
        assert_eq!(silent.sent_error().as_deref(), Some("interaction_required"), "the role waits with its request");
        let with_app = rig.sign_in(ANN, "totp").await;
        let weak = rig.authorise(&[scope, ("acr_values", "AAL2_TOTP")], &[&with_app]).await;
        let onward = weak.text.split("action=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let of_weak = format!("{}; {with_app}", weak.cookie());
        let unmet = rig.form(&onward, &[("cookie", &of_weak)], &[("role", &of(true))]).await;
        assert_eq!(unmet.sent_error().as_deref(), Some("unmet_authentication_requirements"));
        // With a key the same request goes on, in the role that was chosen.
        let with_key = rig.sign_in_again(&session, "security-key").await;
        let cookies = format!("{}; {with_key}", page.cookie());
        let back = rig.browse(&here.replace("/sign-in/", "/authorize/continue/"), &[&cookies]).await;
        let tokens = rig.exchange(&secret, &back.sent("code").unwrap(), &[]).await.json();
        let told = rig.verified(tokens["id_token"].as_str().unwrap()).await;
        assert_eq!((&told["selected_roleid"], &told["amr"]), (&json!(of(true)), &json!(["FIDO2"])));
        // Now the role is the session's, and what its organisation asks counts for everybody.
        let weaker = rig.sign_in_again(&with_key, "platform-key").await;
        let silent = rig.authorise(&[scope, ("prompt", "none")], &[&weaker]).await;
        assert_eq!(silent.sent_error().as_deref(), Some("login_required"));
    }

    /// Whoever chooses a role for which they cannot sign in, and cancels, has chosen nothing: another relying party asks them anew, and
    /// the role that they choose there is the session's.
    async fn a_role_that_was_cancelled_is_nobodys(db: Db) {
        let rig = Rig::new(db.clone()).await;
        db.write(|tx| Box::pin(async move { assign(tx, ANN, 2).await })).await.unwrap();
        for client in ["rp", "rp-other"] {
            rig.register(client, &json!({})).await;
        }
        asked(&rig, Method::PUT, SECOND, "", &json!({"authenticators": ["security-key"]})).await;
        let session = rig.sign_in(ANN, "platform-key").await;
        let scope = ("scope", "openid selectedrole");
        let role_of = |page: &str, place: &str| {
            let mut roles = page.split("name=\"role\" value=\"").skip(1);
            roles.find(|rest| rest.split("</label>").next().unwrap().contains(place)).unwrap()[..12].to_owned()
        };
        let choose = async |page: &Answered, place: &str| {
            let onward = page.text.split("action=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
            let cookies = format!("{}; {session}", page.cookie());
            rig.form(&onward, &[("cookie", &cookies)], &[("role", &role_of(&page.text, place))]).await
        };
        let page = rig.authorise(&[scope], &[&session]).await;
        let here = choose(&page, "(Z00002)").await.location().to_owned();
        let cancel = format!("{}?cancelled", here.replace("/sign-in/", "/authorize/continue/"));
        let back = rig.browse(&cancel, &[&page.cookie(), &session]).await;
        assert_eq!(back.sent_error().as_deref(), Some("access_denied"));
        let other = rig.authorise(&[scope, ("client_id", "rp-other")], &[&session]).await;
        assert_eq!(other.status, StatusCode::OK, "asked for the role, not for a key: {}", other.text);
        assert!(choose(&other, "(Z00001)").await.sent("code").is_some());
        rig.code(&[scope], &session).await;
    }

    /// A resource that is shown a token of too weak a sign-in asks for a stronger one (RFC 9470): introspection says which it was and
    /// when, and a request with `acr_values` or `max_age` goes on with the same session once somebody has signed in again.
    async fn resources_ask_for_more(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({"default_acr_values": ["AAL2_OR_AAL3_ANY"]})).await;
        let session = rig.sign_in(ANN, "totp").await;
        let code = rig.code(&[], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        let header = basic("rp", &secret);
        let pairs = [("token", tokens["access_token"].as_str().unwrap())];
        let worth = rig.form("/introspect", &[("authorization", &header)], &pairs).await.json();
        assert_eq!((&worth["acr"], &worth["auth_time"]), (&json!("AAL2_ANY"), &json!(rig.now().seconds())));
        let stronger = [("acr_values", "AAL3_ANY")];
        assert_eq!(rig.authorise(&[stronger[0], ("prompt", "none")], &[&session]).await.sent_error().as_deref(), Some("login_required"));
        let there = rig.authorise(&stronger, &[&session]).await;
        assert!(!offered(&rig, &there).await.contains(&"totp".to_owned()));
        rig.pass(60);
        let again = rig.sign_in_again(&session, "security-key").await;
        let code = rig.code(&stronger, &again).await;
        let stepped = rig.exchange(&secret, &code, &[]).await.json();
        let (before, after) = (rig.verified(tokens["id_token"].as_str().unwrap()).await, rig.verified(stepped["id_token"].as_str().unwrap()).await);
        assert_eq!((&before["sid"], &after["acr"], &after["auth_time"]), (&after["sid"], &json!("AAL3_ANY"), &json!(rig.now().seconds())));
    }
}
