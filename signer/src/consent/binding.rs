//! What a person agrees to, as one hash.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::dss::{anchors, outdated};
use crate::error::Error;
use crate::store::consents::ConsentRow;

/// What a person agrees to.
pub(crate) struct Bound<'a> {
    /// The consent's own id.
    pub(crate) request: &'a str,
    /// The application.
    pub(crate) client: &'a str,
    /// The person.
    pub(crate) user: &'a str,
    /// With which credential.
    pub(crate) credential: &'a str,
    /// The documents' hashes in their order, base64.
    pub(crate) hashes: &'a [String],
    /// Hashes of what is shown of each, in hexadecimal.
    pub(crate) shown: &'a [String],
    /// What the application says of all of them, which is shown too.
    pub(crate) description: Option<&'a str>,
    /// The end, in milliseconds since the epoch.
    pub(crate) expires_at: i64,
}

/// SHA-256, in hexadecimal, over all of it. It is over JSON without blanks, so that no two have one text.
pub(crate) fn binding_of(bound: &Bound<'_>) -> String {
    let Bound { request, client, user, credential, hashes, shown, description, expires_at } = bound;
    let said = description.map(sha256);
    hash_of(&json!([
        "lanyard-signing-csc-3",
        request,
        client,
        user,
        credential,
        hashes,
        shown,
        said,
        expires_at
    ]))
}

/// The same as an earlier release made it, which did not bind what the application says of all of them. Nobody agrees to what is bound so any
/// more; what was signed under it stays good.
pub(crate) fn binding_before(bound: &Bound<'_>) -> String {
    let Bound { request, client, user, credential, hashes, shown, description: _, expires_at } = bound;
    hash_of(&json!(["lanyard-signing-csc-2", request, client, user, credential, hashes, shown, expires_at]))
}

fn hash_of(value: &Value) -> String {
    sha256(&value.to_string())
}

fn sha256(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

/// The same of a consent as it is stored.
pub(crate) fn binding(row: &ConsentRow) -> Result<String, Error> {
    bound_by(row, binding_of)
}

fn bound_by(row: &ConsentRow, how: impl Fn(&Bound<'_>) -> String) -> Result<String, Error> {
    Ok(how(&Bound {
        request: row.consent_id.as_str(),
        client: &row.client,
        user: &row.user_id,
        credential: row.credential_id.as_str(),
        hashes: &hashes(row),
        shown: &anchors(&row.shown)?,
        description: row.description.as_deref(),
        expires_at: row.expires_at.0,
    }))
}

/// What the application said of all documents, where that is bound: an earlier release showed it and did not bind it.
pub(crate) fn bound_description(row: &ConsentRow) -> Result<Option<String>, Error> {
    let is_bound = row.binding != bound_by(row, binding_before)?;
    Ok(row.description.clone().filter(|_| is_bound))
}

/// Refuses a consent that was asked for under an earlier release, which did not bind all that is shown: nobody goes on with it.
pub(crate) fn is_current(row: &ConsentRow) -> Result<(), Error> {
    let (id, credential, end) = (row.consent_id.as_str(), row.credential_id.as_str(), row.expires_at.0);
    let text = json!(["lanyard-signing-csc-1", id, row.client, row.user_id, credential, hashes(row), end]);
    let before = [hash_of(&text), bound_by(row, binding_before)?];
    if before.contains(&row.binding) { Err(outdated()) } else { Ok(()) }
}

/// The hashes of its documents, base64, in their order.
pub(crate) fn hashes(row: &ConsentRow) -> Vec<String> {
    row.digests.iter().map(|digest| digest.to_base64()).collect()
}

#[cfg(test)]
mod tests {
    use platform::clock::Millis;

    use super::*;
    use crate::digest::{Authorised, Digest};
    use crate::ids::{ConsentId, CredentialId};
    use crate::store::consents::Road;

    /// Whatever of it is another makes another hash.
    #[test]
    fn everything_is_bound() {
        let digests =
            |bytes: &[u8]| Authorised::new(bytes.iter().map(|byte| Digest([*byte; 32])).collect()).unwrap();
        let row = ConsentRow {
            consent_id: ConsentId::new(Millis(1)),
            road: Road::Token,
            reference: "r".to_owned(),
            client: "practice".to_owned(),
            client_name: "Practice".to_owned(),
            user_id: "555021942107".to_owned(),
            credential_id: CredentialId::new(Millis(1)),
            session: None,
            digests: digests(&[1, 2]),
            shown: "[]".to_owned(),
            description: None,
            binding: String::new(),
            created_at: Millis(1),
            expires_at: Millis(2),
            decision: None,
        };
        let mut all = vec![
            row.clone(),
            ConsentRow { consent_id: ConsentId::new(Millis(1)), ..row.clone() },
            ConsentRow { client: "pharmacy".to_owned(), ..row.clone() },
            ConsentRow { user_id: "555021942115".to_owned(), ..row.clone() },
            ConsentRow { credential_id: CredentialId::new(Millis(1)), ..row.clone() },
            ConsentRow { digests: digests(&[2, 1]), ..row.clone() },
            ConsentRow { digests: digests(&[1]), ..row.clone() },
            ConsentRow { shown: "[{}]".to_owned(), ..row.clone() },
            ConsentRow { description: Some("Ward 4".to_owned()), ..row.clone() },
            ConsentRow { description: Some("Ward 5".to_owned()), ..row.clone() },
            ConsentRow { description: Some(String::new()), ..row.clone() },
            ConsentRow { expires_at: Millis(3), ..row.clone() },
        ];
        let hashes: std::collections::HashSet<String> = all.iter().map(|row| binding(row).unwrap()).collect();
        assert_eq!(hashes.len(), all.len());
        all.truncate(1);
        assert_eq!(binding(&all[0]).unwrap(), binding(&row).unwrap(), "the same is the same");
        // As an earlier release bound it: nobody agrees to it, and what was signed under it says nothing of what was not bound.
        let said = ConsentRow { description: Some("Ward 4".to_owned()), ..row.clone() };
        let now = ConsentRow { binding: binding(&said).unwrap(), ..said.clone() };
        let before = ConsentRow { binding: bound_by(&said, binding_before).unwrap(), ..said };
        assert!(is_current(&now).is_ok() && is_current(&before).is_err());
        assert_eq!(bound_description(&now).unwrap().as_deref(), Some("Ward 4"));
        assert_eq!(bound_description(&before).unwrap(), None);
        let unreadable = ConsentRow { shown: "[".to_owned(), ..row };
        assert!(binding(&unreadable).is_err());
    }
}
