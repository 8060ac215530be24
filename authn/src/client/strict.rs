//! What a registration says about keys, exchanges and acts, and what the strict profile asks of it.

use platform::id::{ClientId, OdsCode};
use url::Url;

use crate::api::{
    AssertionAlg, AuthMethod, ClientConfig, GrantType, SecurityProfile, TokenAlg, TokenBinding, TokenExchange,
};
use crate::error::Error;

/// How many entries a list may have.
const MOST: usize = 50;
/// The longest entry.
const LONGEST: usize = 500;

/// Checks these parts of a registration.
pub(super) fn check(config: &ClientConfig) -> Result<(), Error> {
    resources("resources", &config.resources)?;
    binding(config)?;
    exchanges(config)?;
    acts(config)?;
    if config.security_profile == SecurityProfile::Fapi2 { fapi(config) } else { Ok(()) }
}

/// RFC 8707 2: an absolute address without fragment.
fn resources(field: &'static str, named: &[String]) -> Result<(), Error> {
    let is_one = |text: &String| {
        text.len() <= LONGEST
            && !text.contains(|letter: char| letter.is_control() || letter.is_whitespace())
            && Url::parse(text).is_ok_and(|url| url.fragment().is_none())
    };
    if named.len() <= MOST && named.iter().all(is_one) {
        return Ok(());
    }
    Err(Error::field(field, format!("At most {MOST} absolute addresses without fragment.")))
}

fn binding(config: &ClientConfig) -> Result<(), Error> {
    let by_header = matches!(
        config.token_endpoint_auth_method,
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost
    );
    if config.access_token_binding == TokenBinding::Tls && by_header {
        return Err(Error::field(
            "access_token_binding",
            "tls is for clients that prove who they are by private_key_jwt or tls_client_auth.",
        ));
    }
    Ok(())
}

fn exchanges(config: &ClientConfig) -> Result<(), Error> {
    let bad = |sentence: &str| Err(Error::field("token_exchanges", sentence));
    let may = config.grant_types.contains(&GrantType::TokenExchange);
    if may == config.token_exchanges.is_empty() {
        return bad("Say which exchanges, exactly where grant_types has the exchange of tokens.");
    }
    if config.token_exchanges.len() > MOST {
        return bad("At most 50.");
    }
    for exchange in &config.token_exchanges {
        let TokenExchange { subject_clients, subject_token_types, scopes, .. } = exchange;
        let named = !subject_clients.is_empty() && !subject_token_types.is_empty() && !scopes.is_empty();
        if !named || subject_clients.len() > MOST || subject_token_types.len() > MOST || scopes.len() > MOST {
            return bad(
                "Name the clients whose tokens are shown, the kinds of token, and the scopes; at most 50 of each.",
            );
        }
        if subject_clients.iter().any(|client| client.parse::<ClientId>().is_err()) {
            return bad("subject_clients are client ids.");
        }
        if !scopes.iter().all(|scope| config.scopes.contains(scope)) {
            return bad("Only scopes that stand in scopes too.");
        }
        resources("token_exchanges", &exchange.audiences)?;
        resources("token_exchanges", &exchange.subject_audiences)?;
    }
    Ok(())
}

fn acts(config: &ClientConfig) -> Result<(), Error> {
    if config.organisation.as_deref().is_some_and(|code| code.parse::<OdsCode>().is_err()) {
        return Err(Error::field("organisation", "An ODS code."));
    }
    if config.acts.is_empty() {
        return Ok(());
    }
    if !config.grant_types.contains(&GrantType::ClientCredentials) {
        return Err(Error::field("acts", "Acts are for clients that are registered for client_credentials."));
    }
    let word = |act: &String| {
        act.len() <= 100
            && act.contains(':')
            && act
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b":-._".contains(&byte))
    };
    if config.acts.len() > MOST || !config.acts.iter().all(word) {
        return Err(Error::field("acts", "At most 50, as docs/api.md has them."));
    }
    Ok(())
}

/// FAPI 2.0 Security Profile 5.3.2 and 5.4.
fn fapi(config: &ClientConfig) -> Result<(), Error> {
    match config.token_endpoint_auth_method {
        AuthMethod::TlsClientAuth => {}
        AuthMethod::PrivateKeyJwt
            if matches!(
                config.jwks_uri_signing_algorithm,
                Some(AssertionAlg::Ps256 | AssertionAlg::Es256)
            ) => {}
        AuthMethod::PrivateKeyJwt => {
            return Err(Error::field(
                "jwks_uri_signing_algorithm",
                "With fapi2 assertions are signed PS256 or ES256.",
            ));
        }
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => {
            return Err(Error::field(
                "token_endpoint_auth_method",
                "With fapi2 it is private_key_jwt or tls_client_auth.",
            ));
        }
    }
    if config.access_token_binding == TokenBinding::Offered {
        return Err(Error::field("access_token_binding", "With fapi2 it is dpop or tls."));
    }
    let weak = |alg: Option<TokenAlg>| alg == Some(TokenAlg::Rs256);
    for (field, alg) in [
        ("id_token_signed_response_alg", Some(config.id_token_signed_response_alg)),
        ("userinfo_signed_response_alg", config.userinfo_signed_response_alg),
        ("access_token_signed_response_alg", config.access_token_signed_response_alg),
    ] {
        if weak(alg) {
            return Err(Error::field(field, "With fapi2 it is PS256, ES256 or EdDSA."));
        }
    }
    Ok(())
}
