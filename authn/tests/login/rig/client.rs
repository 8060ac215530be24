//! A relying party that is registered, and what it does with what it gets.

use serde_json::{Value, json};

use super::{Answered, Rig, system};

/// A relying party with a secret.
pub(crate) struct Client {
    id: String,
    secret: String,
}

impl Rig {
    /// Registers a relying party that wants to be told of sessions that end.
    pub(crate) async fn client(&self, id: &str) -> Client {
        let made = self.registering(id, &json!({})).await;
        assert_eq!(made.status, 201, "{}", made.body);
        Client { id: id.to_owned(), secret: made.json()["client_secret"].as_str().unwrap().to_owned() }
    }

    /// What is answered where one is registered with this beside.
    pub(crate) async fn registering(&self, id: &str, beside: &Value) -> Answered {
        let mut registrar = system("desk", &[authn::api::CLIENTS]);
        registrar.acts.insert(authn::api::clients_of("larkfield"));
        let mut config = json!({
            "client_name": "Shared records", "redirect_uris": ["https://rp.example/callback"],
            "backchannel_logout_uri": "https://rp.example/logout", "token_endpoint_auth_method": "client_secret_post",
            "scopes": ["openid"], "grant_types": ["authorization_code"]
        });
        for (name, value) in beside.as_object().unwrap() {
            config[name] = value.clone();
        }
        let body = json!({"config_name": id, "client_config": config});
        self.browser().call(&registrar, "POST", "/authn/configs/larkfield", Some(&body)).await
    }

    /// The claims of a token of ours, verified with the published keys.
    pub(crate) async fn verified(&self, token: &str) -> Value {
        let keys = self.browser().get("/jwks").await.json();
        let head = jsonwebtoken::decode_header(token).unwrap();
        let kid = head.kid.unwrap();
        let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid.as_str()).unwrap();
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.clone()).unwrap();
        let mut validation = jsonwebtoken::Validation::new(head.alg);
        validation.validate_aud = false;
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims
    }
}

impl Client {
    /// Exchanges a code.
    pub(crate) async fn exchange(&self, rig: &Rig, code: &str) -> Answered {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", "https://rp.example/callback"),
            ("client_id", &self.id),
            ("client_secret", &self.secret),
        ];
        rig.browser().form("/token", &fields).await
    }
}
