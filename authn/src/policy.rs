//! What relying parties and organisations ask of those who sign in: with which authenticators. Each narrows what a request allows,
//! and none widens it.
//!
//! A relying party says it in its registration. An organisation's policy counts for the relying parties that are registered for it,
//! and for whoever signs in to act in a role that is there.

use crate::api::{ClientConfig, Policy};
use crate::error::Error;
use crate::interaction::{Acceptable, Method};
use crate::provider::Provider;
use crate::store::policies;

/// Reads words for methods; all of them where there are none.
pub(crate) fn methods(field: &'static str, words: &[String]) -> Result<Acceptable, Error> {
    if words.is_empty() {
        return Ok(Acceptable::of(Method::ALL));
    }
    let read: Option<Vec<Method>> = words.iter().map(|word| word.parse().ok()).collect();
    match read.filter(|_| words.len() <= Method::ALL.len()) {
        Some(methods) => Ok(Acceptable::of(methods)),
        None => Err(Error::field(field, format!("Of {}.", Method::ALL.map(Method::word).join(", ")))),
    }
}

/// Refuses a policy that makes no sense.
pub(crate) fn check(policy: &Policy) -> Result<(), Error> {
    methods("authenticators", &policy.authenticators).map(drop)
}

/// What is left of what a request allows when its relying party, and the organisation that is for, are asked.
pub(crate) async fn of_client(
    provider: &Provider,
    config: &ClientConfig,
    acceptable: &Acceptable,
) -> Result<Acceptable, Error> {
    let own = acceptable.and(&methods("authenticators", &config.authenticators)?);
    match &config.organisation {
        Some(organisation) => of_organisation(provider, organisation, &own).await,
        None => Ok(own),
    }
}

/// What is left of it when an organisation is asked.
pub(crate) async fn of_organisation(
    provider: &Provider,
    organisation: &str,
    acceptable: &Acceptable,
) -> Result<Acceptable, Error> {
    match policies::find(provider.db.read(), organisation).await? {
        Some(kept) => Ok(acceptable.and(&methods("authenticators", &kept.policy.authenticators)?)),
        None => Ok(acceptable.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words are methods, no words are all of them, and anything else is refused.
    #[test]
    fn words_are_methods() {
        let read = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            methods("authenticators", &words).map(|read| read.methods().collect::<Vec<_>>()).ok()
        };
        assert_eq!(read(&[]).as_deref(), Some(&Method::ALL[..]));
        assert_eq!(read(&["passkey", "smartcard"]), Some(vec![Method::Smartcard, Method::Passkey]));
        assert_eq!(read(&["password"]), None);
        assert_eq!(read(&["totp"; 6]), None);
    }
}
