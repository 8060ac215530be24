//! Of which grant an ID token came: it says so without telling the grant, and all else that it says of the sign-in has to be that grant's.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::clock::Millis;
use platform::id::{ClientId, UserId};
use serde_json::{Map, Value, json};

use super::claims;
use super::face::{Face, Faces};
use super::scope::{Scope, Scopes};
use crate::token::{Content, Grant, GrantId};

/// The claim by which an ID token says of which grant it came. It is ours alone; whoever does not know it leaves it (OpenID Connect Core
/// 3.1.3.7).
pub(super) const GRANT: &str = "gid";
/// What stands before the id of the grant where that is hashed, so that the same hash means nothing anywhere else.
const LABEL: &str = "lanyard/id-token/grant/1/";

/// By how much the clocks of two machines may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5);

/// As ID tokens say of which grant they came: the same in all of one grant, and no way to the grant.
pub(super) fn said_of(grant: &GrantId) -> String {
    let whole = digest(&SHA256, format!("{LABEL}{grant}").as_bytes());
    URL_SAFE_NO_PAD.encode(&whole.as_ref()[..16])
}

/// An ID token of ours that somebody shows.
pub(super) struct IdToken {
    /// For whom it was made.
    pub(super) client: ClientId,
    /// The session in it.
    pub(super) sid: String,
    /// Until when it is good.
    pub(super) until: Millis,
    face: Face,
    claims: Map<String, Value>,
}

impl IdToken {
    /// Reads the claims of one that was verified; none where it is not as we make them.
    pub(super) fn of(claims: Map<String, Value>, faces: &Faces) -> Option<Self> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let client: ClientId = text("aud")?.parse().ok()?;
        let (sid, face) = (text("sid")?.to_owned(), faces.face_of(text("iss")?)?);
        let until = Millis(claims.get("exp").and_then(Value::as_i64)?.saturating_mul(1000));
        Some(Self { client, sid, until, face, claims })
    }

    /// Whether it can be of this grant: of its person, issuer and sign-in, and not older than the grant. Which role it names
    /// [`Self::names_role_of`] says: an empty one may have been lost meanwhile.
    pub(super) fn may_be_of(&self, grant: &Grant) -> bool {
        let content = &grant.content;
        let person = grant.person.as_ref().map(UserId::as_str);
        let made = self.seconds("iat");
        person.is_some()
            && person == self.text("sub")
            && content.face == self.face
            && made.is_some_and(|made| grant.created_at.minus(CLOCKS_DIFFER).seconds() <= made)
            && self.is_of_sign_in(content)
            && self.is_of_request(content)
            && (self.names_role_of(grant) || self.text("selected_roleid") == Some(""))
            && self.text(GRANT).is_none_or(|said| said == said_of(&grant.id))
    }

    /// Whether it names the role of this grant, or none where the grant has none to name. One that says of which grant it came may leave the
    /// role out: it was made for less.
    pub(super) fn names_role_of(&self, grant: &Grant) -> bool {
        let content = &grant.content;
        let role = content.scope.want_role().then(|| content.role.as_deref().unwrap_or_default());
        let named = self.text("selected_roleid");
        named == role || (named.is_none() && self.text(GRANT).is_some())
    }

    /// For which of what was granted it stands: for no role where it names none.
    pub(super) fn stands_for(&self, granted: &Scopes) -> Scopes {
        let names_one = self.text("selected_roleid").is_some();
        let of_roles = [Scope::SelectedRole, Scope::ChangedRole].map(Scope::word);
        granted.filtered(|word| names_one || !of_roles.contains(&word))
    }

    /// Grants of long ago say nothing of their sign-in.
    fn is_of_sign_in(&self, content: &Content) -> bool {
        let at = content.authenticated_at.is_none_or(|at| self.seconds("auth_time") == Some(at.seconds()));
        let by = content.method.is_none_or(|method| {
            self.claims.get("amr") == Some(&json!([method.amr()]))
                && self.text("acr") == Some(claims::class(content, method))
        });
        at && by
    }

    /// What only the first ID token of a grant says need not stand there; where it does, it is the grant's.
    fn is_of_request(&self, content: &Content) -> bool {
        let agrees =
            |name: &str, granted: Option<&str>| self.text(name).is_none_or(|said| granted == Some(said));
        agrees("nonce", content.nonce.as_deref()) && agrees("s_hash", content.s_hash.as_deref())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    fn seconds(&self, name: &str) -> Option<i64> {
        self.claims.get(name).and_then(Value::as_i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::store::grants::tests::sample;

    /// What tokens that are out say stays what is looked for.
    #[test]
    fn a_grant_is_said_alike() {
        let grant = "018f3c2e-7a10-7c55-9d2b-0a1b2c3d4e5f".parse().unwrap();
        assert_eq!(said_of(&grant), "NWrdXfWAC_8NSZjO_ZAm9g");
    }

    /// The grant that is said decides where one is; a token of before says none, and is told by all else.
    #[test]
    fn the_grant_that_is_said_decides() {
        let faces = Faces::of(&Config::new("https://id.example.org"));
        let (first, second) = (sample("rp", "sid-1", 1000), sample("rp", "sid-1", 1000));
        assert_ne!(said_of(&first.id), said_of(&second.id));
        let says = |grant: Option<&Grant>| {
            let mut claims = json!({
                "iss": faces.issuer(Face::Cis2), "aud": "rp", "sid": "sid-1", "sub": "555021942107", "iat": 1, "exp": 9,
                "auth_time": 1, "amr": ["CIS2_SMARTCARD"], "acr": "AAL3_ANY"
            });
            if let Some(grant) = grant {
                claims[GRANT] = said_of(&grant.id).into();
            }
            let Value::Object(claims) = claims else { panic!("no claims") };
            IdToken::of(claims, &faces).unwrap()
        };
        for (said, expected) in
            [(Some(&first), [true, false]), (Some(&second), [false, true]), (None, [true, true])]
        {
            let token = says(said);
            assert_eq!([&first, &second].map(|grant| token.may_be_of(grant)), expected, "{said:?}");
        }
    }

    /// One that leaves out the role agrees with its grant where it says which that is, and stands for no role; another role agrees never.
    #[test]
    fn a_narrowed_token_stands_for_no_role() {
        let mut grant = sample("rp", "sid-1", 1000);
        grant.content.scope = Scopes::of(["openid", "profile", "selectedrole"]);
        grant.content.role = Some("500999888777".to_owned());
        let token = |claims: Value| IdToken {
            client: "rp".parse().unwrap(),
            sid: "sid-1".to_owned(),
            until: Millis(9000),
            face: Face::Cis2,
            claims: claims.as_object().unwrap().clone(),
        };
        let said = said_of(&grant.id);
        for (claims, expected) in [
            (json!({GRANT: said}), true),
            (json!({}), false),
            (json!({GRANT: said, "selected_roleid": "500999888777"}), true),
            (json!({GRANT: said, "selected_roleid": "500999888778"}), false),
        ] {
            assert_eq!(token(claims.clone()).names_role_of(&grant), expected, "{claims}");
        }
        let narrowed = token(json!({GRANT: said})).stands_for(&grant.content.scope);
        assert_eq!(narrowed, Scopes::of(["openid", "profile"]));
        let whole = token(json!({GRANT: said, "selected_roleid": ""})).stands_for(&grant.content.scope);
        assert_eq!(whole, grant.content.scope);
    }
}
