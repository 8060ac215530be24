//! What the provider says of itself: OpenID Connect Discovery 1.0, RFC 8414.

use serde_json::{Map, Value, json};

use super::details;
use super::face::{Endpoint, Face};
use super::scope::Scope;
use crate::interaction::Acr;
use crate::pages::LANGUAGE;
use crate::provider::Provider;
use crate::token::dpop;

/// The document of one face.
pub(crate) fn document(provider: &Provider, face: Face) -> Value {
    let url = |endpoint| provider.faces.url(face, endpoint);
    let algorithms = provider.keys.algorithms();
    let methods = ["client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth"];
    let assertions = ["RS256", "RS512", "PS256", "ES256"];
    let mut document = json!({
        "issuer": provider.faces.issuer(face),
        "authorization_endpoint": url(Endpoint::Authorise),
        "token_endpoint": url(Endpoint::Token),
        "userinfo_endpoint": url(Endpoint::Userinfo),
        "jwks_uri": url(Endpoint::Keys),
        "end_session_endpoint": url(Endpoint::EndSession),
        "introspection_endpoint": url(Endpoint::Introspect),
        "revocation_endpoint": url(Endpoint::Revoke),
        "pushed_authorization_request_endpoint": url(Endpoint::Push),
        "scopes_supported": Scope::ALL.map(Scope::word),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post", "fragment"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials",
            "urn:ietf:params:oauth:grant-type:token-exchange"],
        "acr_values_supported": Acr::ALL.map(Acr::word),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "userinfo_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": assertions,
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": assertions,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": assertions,
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": dpop::ALGORITHMS,
        "tls_client_certificate_bound_access_tokens": true,
        "prompt_values_supported": ["none", "login", "select_account"],
        "claim_types_supported": ["normal"],
        "claims_supported": &CLAIMS[..],
        "claims_parameter_supported": true,
        "ui_locales_supported": [LANGUAGE],
        "request_parameter_supported": false,
        // OpenID Connect Discovery 3: what is left out would mean true.
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
    });
    if provider.config.signing_page.is_some() {
        document["authorization_details_types_supported"] = details::TYPES.into();
    }
    if let Some(aliases) = aliases(provider, face) {
        document["mtls_endpoint_aliases"] = aliases;
    }
    document
}

/// `OpenID` Shared Signals Framework 1.0 7.1.
pub(crate) fn security_events(provider: &Provider) -> Value {
    json!({
        "spec_version": "1_0",
        "issuer": provider.faces.issuer(Face::Plain),
        "jwks_uri": provider.faces.url(Face::Plain, Endpoint::Keys),
        "delivery_methods_supported": ["urn:ietf:rfc:8935"],
        // Each receiver is told of the sessions in which it has something, and of no others.
        "default_subjects": "NONE",
    })
}

/// RFC 8705 5: where connections are asked for a certificate.
fn aliases(provider: &Provider, face: Face) -> Option<Value> {
    let named = [
        ("token_endpoint", Endpoint::Token),
        ("userinfo_endpoint", Endpoint::Userinfo),
        ("introspection_endpoint", Endpoint::Introspect),
        ("revocation_endpoint", Endpoint::Revoke),
        ("pushed_authorization_request_endpoint", Endpoint::Push),
    ];
    let url = |(name, endpoint): (&str, Endpoint)| {
        Some((name.to_owned(), Value::from(provider.faces.for_systems(face, endpoint)?)))
    };
    named.into_iter().map(url).collect::<Option<Map<String, Value>>>().map(Value::Object)
}

const CLAIMS: [&str; 38] = [
    "iss",
    "sub",
    "aud",
    "azp",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "sid",
    "at_hash",
    "acr",
    "amr",
    "authentication_assurance_level",
    "id_assurance_level",
    "idassurancelevel",
    "selected_roleid",
    "uid",
    "name",
    "given_name",
    "family_name",
    "middle_names",
    "title",
    "initials",
    "display_name",
    "email",
    "nhsid_useruid",
    "nhsid_nrbac_roles",
    "nhsid_user_orgs",
    "nhsid_org_memberships",
    "nhsid_org_roles",
    "gmc_id",
    "nmc_id",
    "gphc_id",
    "gdc_id",
    "rcn_id",
    "gmp_id",
    "gdp_id",
    "consultant_id",
];
