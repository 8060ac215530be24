//! The directory: RFC 8555 7.1.1.

use serde_json::{Map, Value, json};

use super::{Acme, Answer};

impl Acme {
    /// Where everything is.
    pub(crate) fn directory(&self) -> Answer {
        let profiles = self.desk().profiles.end_entity.iter().filter(|profile| profile.acme.is_some());
        let profiles: Map<String, Value> =
            profiles.map(|profile| (profile.id.to_string(), json!(profile.title))).collect();
        let mut meta = json!({"externalAccountRequired": true, "profiles": profiles});
        if let Some(terms) = &self.setup.config.terms_of_service {
            meta["termsOfService"] = json!(terms);
        }
        Answer::json(
            200,
            json!({
                "newNonce": self.url("/acme/new-nonce"),
                "newAccount": self.url("/acme/new-account"),
                "newOrder": self.url("/acme/new-order"),
                "revokeCert": self.url("/acme/revoke-cert"),
                "keyChange": self.url("/acme/key-change"),
                // RFC 9773 4.1
                "renewalInfo": self.url("/acme/renewal-info"),
                "meta": meta,
            }),
        )
    }
}
