//! Of which grant an ID token came. It does not name it; all that it says of the sign-in has to be that grant's.

use std::time::Duration;

use platform::clock::Millis;
use platform::id::{ClientId, UserId};
use serde_json::{Map, Value, json};

use super::claims;
use super::face::{Face, Faces};
use crate::token::{Content, Grant};

/// By how much the clocks of two machines may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5);

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
    }

    /// Whether it names the role of this grant, or none where the grant has none to name.
    pub(super) fn names_role_of(&self, grant: &Grant) -> bool {
        let content = &grant.content;
        let role = content.scope.want_role().then(|| content.role.as_deref().unwrap_or_default());
        self.text("selected_roleid") == role
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
