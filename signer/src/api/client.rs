//! The typed client of `/signer/…`.

use ca::api::Reason;
use http::Method;
use platform::peer::Peer;
use platform::problem::Problem;

use super::{CreateCredential, Credential, Credentials, LedgerPage, LedgerQuery, Revoke};

/// The signer as seen by another module. Signing itself is spoken in the CSC API.
#[derive(Clone, Debug)]
pub struct Client {
    peer: Peer,
}

impl Client {
    /// Talks to the signer behind `peer`.
    pub fn new(peer: Peer) -> Self {
        Self { peer }
    }

    /// Creates a credential. The same request again finds the same credential.
    pub async fn create(&self, request: &CreateCredential) -> Result<Credential, Problem> {
        self.peer.call(Method::POST, "/signer/credentials", Some(request)).await
    }

    /// A person's credentials.
    pub async fn credentials(&self, user: &str) -> Result<Credentials, Problem> {
        self.peer.call(Method::GET, &format!("/signer/credentials?user_id={user}"), None::<&()>).await
    }

    /// One credential.
    pub async fn credential(&self, credential: &str) -> Result<Credential, Problem> {
        self.peer.call(Method::GET, &format!("/signer/credentials/{credential}"), None::<&()>).await
    }

    /// A new certificate over the same key.
    pub async fn renew(&self, credential: &str) -> Result<Credential, Problem> {
        self.act(credential, "renew").await
    }

    /// A new key with a new certificate.
    pub async fn rekey(&self, credential: &str) -> Result<Credential, Problem> {
        self.act(credential, "rekey").await
    }

    /// Puts a credential on hold.
    pub async fn suspend(&self, credential: &str) -> Result<Credential, Problem> {
        self.act(credential, "suspend").await
    }

    /// Lifts a hold.
    pub async fn resume(&self, credential: &str) -> Result<Credential, Problem> {
        self.act(credential, "resume").await
    }

    /// Revokes a credential for good.
    pub async fn revoke(&self, credential: &str, reason: Reason) -> Result<Credential, Problem> {
        let path = format!("/signer/credentials/{credential}/revoke");
        self.peer.call(Method::POST, &path, Some(&Revoke { reason })).await
    }

    /// Deletes the wrapped key.
    pub async fn destroy(&self, credential: &str) -> Result<Credential, Problem> {
        self.peer.call(Method::DELETE, &format!("/signer/credentials/{credential}"), None::<&()>).await
    }

    /// A page of the ledger.
    pub async fn signatures(&self, query: &LedgerQuery) -> Result<LedgerPage, Problem> {
        let number = |number: Option<i64>| number.map(|number| number.to_string());
        let members = [
            ("credential", query.credential.clone()),
            ("user_id", query.user_id.clone()),
            ("client", query.client.clone()),
            ("from", number(query.from)),
            ("until", number(query.until)),
            ("after", query.after.clone()),
            ("limit", number(query.limit.map(i64::from))),
        ];
        let given: Vec<String> = members
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| format!("{name}={value}")))
            .collect();
        self.peer.call(Method::GET, &format!("/signer/signatures?{}", given.join("&")), None::<&()>).await
    }

    async fn act(&self, credential: &str, act: &str) -> Result<Credential, Problem> {
        let path = format!("/signer/credentials/{credential}/{act}");
        self.peer.call(Method::POST, &path, None::<&()>).await
    }
}
