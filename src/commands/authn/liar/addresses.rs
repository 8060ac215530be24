//! Where the provider for tests is reached: by plain paths, or below the path of its issuer by the names of CIS2.

use anyhow::Context;
use reqwest::Url;
use serde_json::{Value, json};

/// What a client or a browser calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// What there is.
    Discovery,
    /// The published key.
    Keys,
    /// Where browsers are sent.
    Authorise,
    /// Where codes become tokens.
    Token,
    /// Where tokens become claims.
    Userinfo,
    /// Where authorisation requests are pushed.
    Push,
    /// Where browsers sign out.
    EndSession,
}

impl Endpoint {
    /// Its plain path, and that of CIS2 below the realm.
    fn paths(self) -> (&'static str, &'static str) {
        match self {
            Self::Discovery => ("/.well-known/openid-configuration", "/.well-known/openid-configuration"),
            Self::Keys => ("/jwks", "/connect/jwk_uri"),
            Self::Authorise => ("/authorize", "/authorize"),
            Self::Token => ("/token", "/access_token"),
            Self::Userinfo => ("/userinfo", "/userinfo"),
            Self::Push => ("/par", "/par"),
            Self::EndSession => ("/end-session", "/connect/endSession"),
        }
    }
}

/// The addresses of a provider.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    /// As it stands in tokens.
    pub(super) issuer: String,
    /// The path of the issuer; empty where it has none.
    path: String,
}

impl Addresses {
    /// Those of an issuer.
    pub(super) fn of(issuer: &str, url: &Url) -> Self {
        Self { issuer: issuer.to_owned(), path: url.path().trim_end_matches('/').to_owned() }
    }

    fn name(&self, endpoint: Endpoint) -> &'static str {
        let (plain, cis2) = endpoint.paths();
        if self.path.is_empty() { plain } else { cis2 }
    }

    /// The path of an endpoint.
    pub(super) fn route(&self, endpoint: Endpoint) -> String {
        format!("{}{}", self.path, self.name(endpoint))
    }

    /// The address of an endpoint, with the port as the issuer has it.
    pub(super) fn text(&self, endpoint: Endpoint) -> String {
        format!("{}{}", self.issuer, self.name(endpoint))
    }

    /// The same, to be gone to.
    pub(super) fn url(&self, endpoint: Endpoint) -> anyhow::Result<Url> {
        Url::parse(&self.text(endpoint)).context("provider.issuer is no address")
    }

    /// Whether an assertion with this `aud` is for this provider: its issuer or one of its endpoints, with the port or without.
    pub(super) fn is_audience(&self, audience: &str) -> bool {
        let ours = [Endpoint::Token, Endpoint::Push].map(|endpoint| self.text(endpoint));
        let same =
            |one: &str| Url::parse(one).is_ok_and(|one| Url::parse(audience).is_ok_and(|given| given == one));
        ours.iter().any(|one| same(one)) || same(&self.issuer)
    }

    /// What there is.
    pub(super) fn discovery(&self) -> Value {
        json!({
            "issuer": self.issuer, "authorization_endpoint": self.text(Endpoint::Authorise),
            "token_endpoint": self.text(Endpoint::Token), "userinfo_endpoint": self.text(Endpoint::Userinfo),
            "jwks_uri": self.text(Endpoint::Keys), "end_session_endpoint": self.text(Endpoint::EndSession),
            "pushed_authorization_request_endpoint": self.text(Endpoint::Push), "response_types_supported": ["code"],
            "response_modes_supported": ["query", "form_post"], "subject_types_supported": ["public"],
            "acr_values_supported": ["AAL3_ANY", "AAL2_OR_AAL3_ANY"],
            "id_token_signing_alg_values_supported": ["RS256"], "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS512", "PS256", "ES256"],
            "authorization_response_iss_parameter_supported": true, "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REALM: &str =
        "https://id.example:443/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare";

    fn addresses(issuer: &str) -> Addresses {
        Addresses::of(issuer, &Url::parse(issuer).unwrap())
    }

    /// An issuer with a path has the names of CIS2 below it, each with the port that it says; one without has plain ones.
    #[test]
    fn faces_have_their_names() {
        let cis2 = addresses(REALM);
        assert_eq!(cis2.text(Endpoint::Token), format!("{REALM}/access_token"));
        assert_eq!(
            cis2.route(Endpoint::Keys),
            REALM.replace("https://id.example:443", "") + "/connect/jwk_uri"
        );
        assert_eq!(cis2.url(Endpoint::Authorise).unwrap().port(), None);
        let plain = addresses("https://localhost:9443");
        assert_eq!(plain.text(Endpoint::Token), "https://localhost:9443/token");
        assert_eq!(plain.route(Endpoint::EndSession), "/end-session");
    }

    /// An audience is ours with the port and without, and another's is not.
    #[test]
    fn audiences_are_known() {
        let cis2 = addresses(REALM);
        let bare = REALM.replace(":443", "");
        for ours in [
            REALM,
            &bare,
            &format!("{REALM}/access_token"),
            &format!("{bare}/access_token"),
            &format!("{bare}/par"),
        ] {
            assert!(cis2.is_audience(ours), "{ours}");
        }
        for other in
            ["", "records", "https://id.example", "https://evil.example/token", &format!("{bare}/userinfo")]
        {
            assert!(!cis2.is_audience(other), "{other}");
        }
        assert!(addresses("https://id.example").is_audience("https://id.example/"));
    }
}
