//! Choosing a role: one silently, a few from a list, many by a search, once in a session or anew.

use http::StatusCode;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ANN, Rig, assign, basic};

/// Gives the first person the roles of the first so many organisations.
async fn with_roles(db: &Db, many: u64) {
    db.write(move |tx| {
        Box::pin(async move {
            for organisation in 2..=many {
                assign(tx, ANN, organisation).await?;
            }
            Ok::<_, platform::db::Error>(())
        })
    })
    .await
    .unwrap();
}

/// The ids on a page, in their order.
fn offered(page: &str) -> Vec<String> {
    page.split("name=\"role\" value=\"").skip(1).map(|rest| rest[..12].to_owned()).collect()
}

async fn selected(rig: &Rig, secret: &str, code: &str) -> Value {
    let tokens = rig.exchange(secret, code, &[]).await.json();
    rig.verified(tokens["id_token"].as_str().unwrap()).await["selected_roleid"].clone()
}

platform::both_engines! {
    /// Of three roles one is chosen from a list, counts for the session, and is chosen anew where that is asked for.
    async fn a_role_is_chosen_once(db: Db) {
        let rig = Rig::new(db.clone()).await;
        with_roles(&db, 3).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let scope = ("scope", "openid selectedrole");
        let page = rig.authorise(&[scope], &[&session]).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let ids = offered(&page.text);
        assert!(ids.len() == 3 && !page.text.contains("type=\"search\""), "{}", page.text);
        let onward = page.text.split("action=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let browser = page.cookie();
        let cookies = format!("{browser}; {session}");
        let nothing = rig.form(&onward, &[("cookie", &cookies)], &[]).await;
        assert_eq!((nothing.status.as_u16(), offered(&nothing.text).len()), (400, 3));
        assert!(nothing.text.contains("There is a problem"));
        let first = format!("role-{}", ids[0]);
        assert!(nothing.text.contains(&format!("<a href=\"#{first}\">Choose a role.</a>")), "{}", nothing.text);
        assert!(nothing.text.contains(&format!("id=\"{first}\"")), "the summary leads to the first choice");
        let foreign = rig.form(&onward, &[("cookie", &cookies)], &[("role", "999999999999")]).await;
        assert_eq!(foreign.status.as_u16(), 400, "not theirs");
        assert_eq!(rig.form(&onward, &[("cookie", &session)], &[("role", &ids[1])]).await.status.as_u16(), 400, "another browser");
        let back = rig.form(&onward, &[("cookie", &cookies)], &[("role", &ids[1])]).await;
        assert_eq!(selected(&rig, &secret, &back.sent("code").unwrap()).await, ids[1]);
        let again = rig.code(&[scope], &session).await;
        assert_eq!(selected(&rig, &secret, &again).await, ids[1], "no second question");
        let anew = rig.authorise(&[("scope", "openid changedrole")], &[&session]).await;
        assert_eq!(offered(&anew.text).len(), 3);
        let silent = rig.authorise(&[("scope", "openid changedrole"), ("prompt", "none")], &[&session]).await;
        assert_eq!(silent.sent_error().as_deref(), Some("interaction_required"));
        let other = rig.sign_in(ANN, "smartcard").await;
        assert_eq!(offered(&rig.authorise(&[scope], &[&other]).await.text).len(), 3, "another session");
    }

    /// Of twelve roles the page searches; whatever is typed is text and nothing else.
    async fn many_roles_are_searched(db: Db) {
        let rig = Rig::new(db.clone()).await;
        with_roles(&db, 12).await;
        rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let page = rig.authorise(&[("scope", "openid selectedrole")], &[&session]).await;
        assert!(page.text.contains("type=\"search\"") && offered(&page.text).len() == 12);
        let onward = page.text.split("action=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let browser = page.cookie();
        let found = rig.browse(&format!("{onward}?q=surgery+z00007"), &[&browser, &session]).await;
        assert!(offered(&found.text).len() == 1 && found.text.contains("NORTHFIELD SURGERY 7 (Z00007)"), "{}", found.text);
        let none = rig.browse(&format!("{onward}?q=%22%3E%3Cscript%3E"), &[&browser, &session]).await;
        assert!(offered(&none.text).is_empty() && !none.text.contains("<script>"), "{}", none.text);
    }

    /// A role that was taken away is told no more, at refresh, userinfo and introspection, as long as the session may live.
    async fn a_lost_role_is_told_no_more(db: Db) {
        let rig = Rig::new(db.clone()).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[("scope", "openid selectedrole")], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        let access = tokens["access_token"].as_str().unwrap();
        let header = basic("rp", &secret);
        let asked = async || {
            let pairs = [("token", access)];
            rig.form("/introspect", &[("authorization", &header)], &pairs).await.json()["selected_roleid"].clone()
        };
        let told = async || rig.userinfo(access).await.json()["selected_roleid"].clone();
        let role = rig.verified(tokens["id_token"].as_str().unwrap()).await["selected_roleid"].clone();
        assert_eq!((role.as_str().unwrap().len(), asked().await, told().await), (12, role.clone(), role.clone()));
        db.write(|tx| Box::pin(async move {
            sqlx::query("DELETE FROM directory_assignment").execute(&mut *tx).await?;
            Ok::<_, platform::db::Error>(())
        })).await.unwrap();
        assert_eq!((asked().await, told().await), (json!(""), json!("")));
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
        let refreshed = rig.form("/token", &[("authorization", &header)], &pairs).await.json();
        assert_eq!(rig.verified(refreshed["id_token"].as_str().unwrap()).await["selected_roleid"], "");
    }
}
