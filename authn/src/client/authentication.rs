//! How relying parties prove who they are.

use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::caller::{CallerKind, Certified};
use platform::clock::Millis;
use platform::id::ClientId;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::assertion::{self, Claimed};
use super::failure::{Came, Failure, note, refuse};
use super::{Client, State, key_set, remembered};
use crate::api::AuthMethod;
use crate::error::Error;
use crate::oidc::parameters::Parameters;
use crate::oidc::refusal::{Code, Refusal};
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::clients;
use crate::token::jws::Jws;

/// The one type of assertion that is read. RFC 7523 2.2.
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a request has that may prove who the client is.
pub(crate) struct Presented<'r> {
    /// The header `Authorization`.
    pub(crate) authorization: Option<&'r str>,
    /// The form.
    pub(crate) parameters: &'r Parameters,
    /// Whose certificate the connection showed, if it was checked and is good.
    pub(crate) certificate: Option<&'r Certified>,
    /// From where it came.
    pub(crate) address: Option<IpAddr>,
}

/// A relying party that has proved who it is: there is no other way to one of these.
pub(crate) struct Authenticated(Client);

impl Authenticated {
    /// The relying party.
    pub(crate) fn client(&self) -> &Client {
        &self.0
    }
}

/// What was presented, before anything is known of the client.
enum Proof<'r> {
    Secret { client: String, secret: Zeroizing<String>, method: AuthMethod },
    Assertion(&'r str),
    Certificate(&'r str),
}

/// Checks who the client is, in the one way that was registered for it.
pub(crate) async fn authenticate(
    provider: &Provider,
    presented: &Presented<'_>,
    now: Millis,
) -> Result<Authenticated, Refusal> {
    let proof = match proof(presented) {
        Ok(proof) => proof,
        Err(unproved) => return Err(unproved.refused(provider, presented, now).await),
    };
    match proof {
        Proof::Assertion(text) => by_assertion(provider, presented, text, now).await,
        Proof::Secret { client, secret, method } => {
            let found = known(provider, &client).await?;
            // What is none of our making is nobody's.
            let secret = Secret::parse(&secret).map(|secret| secret.stored()).unwrap_or_default();
            let checked = match &found {
                None => Err(Failure::alike("client", "There is no such client.")),
                Some(found) => is_registered(found, method).and_then(|()| is_secret(found, &secret)),
            };
            settle(provider, found, checked, (presented.address, now)).await
        }
        Proof::Certificate(client) => {
            let found = known(provider, client).await?;
            let checked = match &found {
                None => Err(Failure::alike("client", "There is no such client.")),
                Some(found) => is_registered(found, AuthMethod::TlsClientAuth)
                    .and_then(|()| is_certificate(found, presented.certificate)),
            };
            settle(provider, found, checked, (presented.address, now)).await
        }
    }
}

async fn settle(
    provider: &Provider,
    client: Option<Client>,
    checked: Result<(), Failure>,
    came: Came,
) -> Result<Authenticated, Refusal> {
    match (client, checked) {
        (Some(client), Ok(())) => Ok(Authenticated(client)),
        (client, Err(failure)) => {
            Err(refuse(provider, client.as_ref().map(|client| &client.id), failure, came).await)
        }
        (None, Ok(())) => Err(Error::Stored { what: "client" }.into()),
    }
}

/// A request that proves nothing, whoever sent it: what is wrong with it is about nothing but what was sent.
pub(crate) struct Unproved {
    code: Code,
    failure: Failure,
}

impl Unproved {
    fn new(code: Code, failed: &'static str, sentence: impl Into<String>) -> Self {
        Self { code, failure: Failure::told(failed, sentence) }
    }

    /// With two headers, neither of which counts.
    pub(crate) fn two_headers() -> Self {
        Self::new(Code::InvalidRequest, "two-ways", "There are two headers Authorization. Send one.")
    }

    fn missing() -> Self {
        Self::new(Code::InvalidClient, "missing", "Nothing in the request proves who the client is.")
    }

    /// The refusal; the owner of the client that the request names finds it in the list.
    pub(crate) async fn refused(
        self,
        provider: &Provider,
        presented: &Presented<'_>,
        now: Millis,
    ) -> Refusal {
        let owner = match named(provider, presented).await {
            Ok(owner) => owner,
            Err(refusal) => return refusal,
        };
        let told = self.failure.sentence.clone();
        let id = note(provider, owner.as_ref(), self.failure, (presented.address, now)).await;
        Refusal::new(self.code, told).correlated(id.as_str())
    }
}

/// The client that a request names, by its id, in its header or as the subject of its assertion, if there is such a one. It has proved
/// nothing.
async fn named(provider: &Provider, presented: &Presented<'_>) -> Result<Option<ClientId>, Refusal> {
    let parameters = presented.parameters;
    let in_header = || presented.authorization.and_then(basic).map(|(client, _)| client);
    let subject = || {
        let jws = Jws::parse(parameters.get("client_assertion")?).ok()?;
        jws.text("sub").map(str::to_owned)
    };
    let named = parameters.get("client_id").map(str::to_owned).or_else(in_header).or_else(subject);
    match named {
        Some(named) => Ok(known(provider, &named).await?.map(|client| client.id)),
        None => Ok(None),
    }
}

/// RFC 6749 2.3: exactly one way in a request.
fn proof<'r>(presented: &Presented<'r>) -> Result<Proof<'r>, Unproved> {
    let parameters = presented.parameters;
    let assertion = parameters.get("client_assertion");
    let posted = parameters.get("client_secret");
    let ways = [presented.authorization.is_some(), assertion.is_some(), posted.is_some()];
    if ways.iter().filter(|way| **way).count() > 1 {
        let sentence = "Prove who the client is in one way: the header Authorization, client_secret, or client_assertion.";
        return Err(Unproved::new(Code::InvalidRequest, "two-ways", sentence));
    }
    if let Some(header) = presented.authorization {
        let (client, secret) = basic(header).ok_or_else(|| {
            let sentence = "The header Authorization is not Basic with client id and secret.";
            Unproved::new(Code::InvalidClient, "malformed", sentence)
        })?;
        if parameters.get("client_id").is_some_and(|given| given != client) {
            let sentence = "client_id and the header Authorization name two clients.";
            return Err(Unproved::new(Code::InvalidRequest, "two-clients", sentence));
        }
        return Ok(Proof::Secret { client, secret, method: AuthMethod::ClientSecretBasic });
    }
    if let Some(assertion) = assertion {
        if parameters.get("client_assertion_type") != Some(ASSERTION) {
            let sentence = format!("client_assertion_type is {ASSERTION}.");
            return Err(Unproved::new(Code::InvalidRequest, "assertion-type", sentence));
        }
        return Ok(Proof::Assertion(assertion));
    }
    let client = parameters.get("client_id").ok_or_else(Unproved::missing)?;
    if let Some(secret) = posted {
        let secret = Zeroizing::new(secret.to_owned());
        return Ok(Proof::Secret { client: client.to_owned(), secret, method: AuthMethod::ClientSecretPost });
    }
    if presented.certificate.is_some() { Ok(Proof::Certificate(client)) } else { Err(Unproved::missing()) }
}

/// RFC 6749 2.3.1: both parts are encoded as in a form before they are joined.
fn basic(header: &str) -> Option<(String, Zeroizing<String>)> {
    let (scheme, rest) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let joined = Zeroizing::new(String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?);
    let (client, secret) = joined.split_once(':')?;
    Some((decoded(client)?, Zeroizing::new(decoded(secret)?)))
}

fn decoded(text: &str) -> Option<String> {
    if text.contains(['&', '=']) {
        // What was not encoded, as many programs do it.
        return Some(text.to_owned());
    }
    form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned())
}

async fn known(provider: &Provider, client: &str) -> Result<Option<Client>, Refusal> {
    let Ok(id) = client.parse::<ClientId>() else { return Ok(None) };
    Ok(remembered::find(provider, id).await?)
}

fn is_registered(client: &Client, method: AuthMethod) -> Result<(), Failure> {
    if client.state == State::Closed {
        return Err(Failure::alike("closed", "The client was taken out of use."));
    }
    if client.method() == method {
        return Ok(());
    }
    let word = |method: AuthMethod| serde_json::to_string(&method).unwrap_or_default();
    let sentence = format!(
        "The client is registered with {} and used {}. Change one of them.",
        word(client.method()),
        word(method)
    );
    Err(Failure::alike("method", sentence))
}

fn is_secret(client: &Client, presented: &str) -> Result<(), Failure> {
    let right = client
        .secret
        .as_ref()
        .is_some_and(|stored| verify_slices_are_equal(stored.as_bytes(), presented.as_bytes()).is_ok());
    if right {
        return Ok(());
    }
    Err(Failure::alike(
        "secret",
        "The secret is not that of the client. Where it was lost, have a new one made.",
    ))
}

/// RFC 8705 2.1: the subject that was registered, in a certificate that was checked before the request came here.
fn is_certificate(client: &Client, certificate: Option<&Certified>) -> Result<(), Failure> {
    let expected =
        client.config().tls_client_auth_subject_dn.as_deref().and_then(|dn| dn.strip_prefix("CN="));
    let system =
        certificate.map(|Certified(caller)| caller).filter(|caller| caller.kind == CallerKind::System);
    let shown = system.map(|caller| caller.client.as_str());
    if shown.is_some() && shown == expected {
        return Ok(());
    }
    let sentence = format!(
        "The certificate of the connection is that of {}, not that of {}.",
        shown.unwrap_or("no system"),
        expected.unwrap_or("any")
    );
    Err(Failure::alike("certificate", sentence))
}

async fn by_assertion(
    provider: &Provider,
    presented: &Presented<'_>,
    text: &str,
    now: Millis,
) -> Result<Authenticated, Refusal> {
    let given = presented.parameters.get("client_id");
    let claimed = match assertion::claimed(text, given, &provider.faces, (provider.restored, now)) {
        Ok(claimed) => claimed,
        Err((named, failure)) => {
            let owner = match named {
                Some(id) => clients::find(provider.db.read(), &id).await?.map(|client| client.id),
                None => None,
            };
            return Err(refuse(provider, owner.as_ref(), failure, (presented.address, now)).await);
        }
    };
    let found = known(provider, claimed.client.as_str()).await?;
    let checked = match &found {
        None => Err(Failure::alike("client", "There is no such client.")),
        Some(found) => signed(provider, found, &claimed, now).await?,
    };
    let checked = match (&found, checked) {
        (Some(found), Ok(())) => spent(provider, found, &claimed).await?,
        (_, checked) => checked,
    };
    settle(provider, found, checked, (presented.address, now)).await
}

async fn signed(
    provider: &Provider,
    client: &Client,
    claimed: &Claimed<'_>,
    now: Millis,
) -> Result<Result<(), Failure>, Error> {
    if let Err(failure) = is_registered(client, AuthMethod::PrivateKeyJwt) {
        return Ok(Err(failure));
    }
    let expected = client.config().jwks_uri_signing_algorithm.map(crate::api::AssertionAlg::word);
    if expected != Some(claimed.jws.alg.as_str()) {
        let sentence = format!(
            "The assertion is signed in {}; the client is registered with {}.",
            claimed.jws.alg,
            expected.unwrap_or("no algorithm")
        );
        return Ok(Err(Failure::alike("registered-algorithm", sentence)));
    }
    // FAPI 2.0 Security Profile 5.3.2.1: for the issuer, as a text.
    let audience = claimed.jws.text("aud");
    if client.is_strict() && !audience.is_some_and(|audience| provider.faces.is_issuer(audience)) {
        let sentence = "With fapi2 the aud of the assertion is the issuer, as one text.";
        return Ok(Err(Failure::alike("audience", sentence)));
    }
    let keys = match key_set::find(provider, client, &claimed.kid, now).await? {
        Ok(keys) => keys,
        Err(failure) => return Ok(Err(failure)),
    };
    if keys.iter().any(|key| claimed.jws.is_by(key)) {
        return Ok(Ok(()));
    }
    Ok(Err(Failure::alike(
        "signature",
        "The signature of the assertion is not by the key that its kid names.",
    )))
}

/// Each assertion is good once, on every machine.
async fn spent(
    provider: &Provider,
    client: &Client,
    claimed: &Claimed<'_>,
) -> Result<Result<(), Failure>, Error> {
    let (client, jti, until) = (client.id.clone(), claimed.jti_hash.clone(), claimed.expires_at);
    let first = provider
        .db
        .write(move |tx| Box::pin(async move { clients::spend_assertion(tx, &client, &jti, until).await }))
        .await?;
    if first {
        return Ok(Ok(()));
    }
    Ok(Err(Failure::told(
        "replay",
        "The jti of the client assertion came before. Make a new one for each request.",
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header is read with both parts encoded, and nothing else is.
    #[test]
    fn basic_is_read() {
        let encoded = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let read = |header: &str| basic(header).map(|(client, secret)| (client, secret.to_string()));
        let pair = |client: &str, secret: &str| Some((client.to_owned(), secret.to_owned()));
        assert_eq!(read(&encoded("rp:abc")), pair("rp", "abc"));
        assert_eq!(read(&encoded("a%3Ab:c%2Bd+e")), pair("a:b", "c+d e"));
        assert_eq!(read(&encoded("rp:a=b")), pair("rp", "a=b"));
        assert_eq!(read("basic cnA6YWJj"), pair("rp", "abc"));
        for wrong in ["Bearer abc", "Basic !", "Basic", "Basic cnA="] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
