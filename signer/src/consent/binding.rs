//! What a person agrees to, as one hash.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;

use crate::store::consents::ConsentRow;

/// SHA-256, in hexadecimal, over the consent's own id, application, person, credential, the documents' hashes in their order, and the end. It
/// is over JSON without blanks, so that no two have one text.
pub(crate) fn binding(row: &ConsentRow) -> String {
    let documents: Vec<String> = row.digests.iter().map(|digest| digest.to_base64()).collect();
    let text = json!([
        "lanyard-signing-csc-1",
        row.consent_id.as_str(),
        row.client,
        row.user_id,
        row.credential_id.as_str(),
        documents,
        row.expires_at.0,
    ]);
    hex::encode(digest(&SHA256, text.to_string().as_bytes()))
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
            ConsentRow { expires_at: Millis(3), ..row.clone() },
        ];
        let hashes: std::collections::HashSet<String> = all.iter().map(binding).collect();
        assert_eq!(hashes.len(), all.len());
        all.truncate(1);
        assert_eq!(binding(&all[0]), binding(&row), "the same is the same");
    }
}
