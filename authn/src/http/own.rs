//! What our own pages send. Anything that another site's page makes a browser send is refused before it is read: sign-in by
//! somebody else's wish is as bad as any other act by it.

use axum::extract::{FromRequest, Request};
use http::{HeaderMap, StatusCode, header};
use platform::problem::Problem;
use platform::web::{Json, Raw};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::page::Failed;
use crate::pages::Told;
use crate::provider::Provider;
use crate::session::stranger;

/// A form of one of our pages.
pub(super) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// A field; empty where it was left out.
    pub(super) fn field(&self, name: &str) -> &str {
        self.0.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value.as_str())
    }

    /// A field that nobody is to see.
    pub(super) fn secret(&self, name: &str) -> Zeroizing<String> {
        Zeroizing::new(self.field(name).to_owned())
    }
}

fn ours(provider: &Provider, headers: &HeaderMap) -> bool {
    !stranger(headers, &[provider.config.issuer.as_str()])
}

impl FromRequest<Provider> for Form {
    type Rejection = Failed;

    async fn from_request(request: Request, provider: &Provider) -> Result<Self, Failed> {
        if !ours(provider, request.headers()) {
            let told = Told {
                title: "This did not come from our page".to_owned(),
                sentence: "Another website tried to do something here in your name, and it was not done. Go back to the \
                           service that you want to use, and sign in from there."
                    .to_owned(),
                field: None,
            };
            return Err(Failed::told(&provider.config.name, StatusCode::FORBIDDEN, &told, None));
        }
        let form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_none_or(|value| value.starts_with("application/x-www-form-urlencoded"));
        if !form {
            return Err(Problem::invalid("form-expected", "Send the fields of the form.").into());
        }
        let Raw(bytes) = Raw::from_request(request, provider).await?;
        let pairs = url::form_urlencoded::parse(&bytes).take(32);
        let pairs: Vec<_> =
            pairs.map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned()))).collect();
        // No text of ours may hold it, and PostgreSQL takes none that does.
        if pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            let detail = "The form holds a character that no text may hold, U+0000. Type it again.";
            return Err(Problem::invalid("form-unreadable", detail).into());
        }
        Ok(Self(pairs))
    }
}

/// JSON from the script of one of our pages.
pub(super) struct Script<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Provider> for Script<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, provider: &Provider) -> Result<Self, Problem> {
        if !ours(provider, request.headers()) {
            let detail = "Another website tried to do something here, and it was not done.";
            return Err(Problem::forbidden("not-our-page", detail));
        }
        let Json(body) = Json::from_request(request, provider).await?;
        Ok(Self(body))
    }
}
