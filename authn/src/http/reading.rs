//! What handlers read of a request beside its form.

use http::Uri;

use crate::oidc::parameters::Parameters;
use crate::oidc::refusal::{Code, Refusal};

/// The parameters in the query.
pub(super) fn query(uri: &Uri) -> Result<Parameters, Refusal> {
    Parameters::parse(uri.query().unwrap_or_default().as_bytes()).map_err(|unreadable| {
        Refusal::new(Code::InvalidRequest, format!("The request is not read: {unreadable}."))
    })
}

/// Whether the query has a word, with a value or without.
pub(super) fn says(uri: &Uri, word: &str) -> bool {
    let query = uri.query().unwrap_or_default();
    query.split('&').any(|part| part.split('=').next() == Some(word))
}
