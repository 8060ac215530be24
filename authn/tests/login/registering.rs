//! Registrations that hang on how the provider is set up.

use platform::db::Db;
use serde_json::json;

use crate::rig::Rig;

platform::both_engines! {
    /// An algorithm for which the provider has no key is refused when a client is registered, whatever is to be signed with it: the first
    /// sign-in would fail otherwise, and every one after it.
    async fn algorithms_without_a_key_are_refused(db: Db) {
        let rig = Rig::new(db).await;
        for field in ["id_token_signed_response_alg", "userinfo_signed_response_alg", "access_token_signed_response_alg"] {
            let refused = rig.registering("keyless", &json!({field: "EdDSA"})).await;
            assert!(refused.status == 400 && refused.body.contains(field) && refused.body.contains("has keys for"), "{}", refused.body);
            let taken = rig.registering(&field.replace('_', "-"), &json!({field: "ES256"})).await;
            assert_eq!(taken.status, 201, "{}", taken.body);
        }
    }
}
