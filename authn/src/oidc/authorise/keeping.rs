//! Keeping a request until its browser comes again. Only one that somebody has to be waited for has a row: where a session answers it at
//! once there is nothing to keep, however many others wait.

use http::HeaderMap;
use platform::clock::Millis;

use super::granting::still_goes;
use super::{Step, told};
use crate::error::Error;
use crate::oidc::answer::Answer;
use crate::oidc::limits;
use crate::oidc::prompt::Prompt;
use crate::oidc::refusal::{Code, Refusal};
use crate::provider::Provider;
use crate::store::interactions::{self, Waiting};

/// As what a browser loads an address, as it says itself. Fetch Metadata 2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// As a page, or it does not say.
    Page,
    /// As a frame of a page.
    Frame,
    /// As a part of a page in which nobody could sign in: an image, a script, what a script asks for.
    Part,
}

impl Loaded {
    /// As its headers say.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let destination = headers.get("sec-fetch-dest").map(|value| value.to_str().unwrap_or_default());
        match destination {
            None | Some("document") => Self::Page,
            Some("frame" | "iframe") => Self::Frame,
            Some(_) => Self::Part,
        }
    }

    /// Whether somebody could be waited for in it. A page of another site can load as many parts and frames as it likes, from the network of
    /// whoever looks at it. In a frame that nobody sees, an application asks whether somebody is signed in.
    fn waits(self, prompt: Prompt) -> bool {
        match self {
            Self::Page => true,
            Self::Frame => prompt == Prompt::Nothing,
            Self::Part => false,
        }
    }
}

/// What the row of a request needs, while it has none.
#[derive(Debug, Clone)]
pub(crate) struct Coming {
    /// SHA-256 of the secret in its address.
    pub(crate) secret_hash: String,
    /// From which network it came.
    pub(crate) network: String,
    /// As what it was loaded.
    pub(crate) loaded: Loaded,
}

/// What is done next where somebody has to be waited for: the request has a row from then on, if it had none.
pub(super) async fn waits(
    provider: &Provider,
    mut waiting: Waiting,
    step: Step,
    now: Millis,
) -> Result<Step, Refusal> {
    let Some(Coming { secret_hash, network, loaded }) = waiting.coming.take() else { return Ok(step) };
    if !loaded.waits(waiting.request.prompt) {
        let sentence =
            "Nobody can sign in here: it was loaded as a part of another page. Open the application itself.";
        return Err(Refusal::new(Code::InvalidRequest, sentence));
    }
    limits::waits(provider, &waiting.interaction.client, &network, now).await?;
    let stored: Result<(), Error> = provider
        .db
        .write(move |tx| {
            Box::pin(async move { interactions::insert(tx, &waiting, &secret_hash, &network).await })
        })
        .await;
    stored?;
    Ok(step)
}

/// Has a request wait until its browser comes again with its cookies. One that may ask nothing goes back with what is in its way: a page that
/// nobody sees helps nobody.
pub(crate) async fn wait(
    provider: &Provider,
    waiting: Waiting,
    now: Millis,
) -> Result<Option<Answer>, Refusal> {
    let silent = waiting.request.prompt == Prompt::Nothing;
    let back = waiting.request.back.clone();
    match waits(provider, waiting, Step::SignIn, now).await {
        Ok(_) => Ok(None),
        Err(refusal) if silent => Ok(Some(told(provider, &back, refusal))),
        Err(refusal) => Err(refusal),
    }
}

/// What a relying party is told where a browser comes to its request that does not show that it began it: from a frame in the page of another site
/// it sends no cookie, and asked silently nobody sees a page there. Whose session it is is not looked at, no code is given, and the request waits
/// as before, so that it does not matter who came. None where somebody is there to see a page, or the address is registered no more.
pub(crate) async fn elsewhere(provider: &Provider, waiting: &Waiting) -> Option<Answer> {
    let request = &waiting.request;
    if request.prompt != Prompt::Nothing || !still_goes(provider, &request.client, &request.back).await {
        return None;
    }
    let sentence =
        "The browser sent no cookie of this sign-in, as in a frame, so that nobody is signed in for it.";
    Some(told(provider, &request.back, Refusal::new(Code::LoginRequired, sentence)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// Nobody is waited for in a part of a page, and in a frame only where nothing may be asked.
    #[test]
    fn parts_of_pages_do_not_wait() {
        for (destination, waits, silently) in [
            (None, true, true),
            (Some("document"), true, true),
            (Some("iframe"), false, true),
            (Some("frame"), false, true),
            (Some("image"), false, false),
            (Some("empty"), false, false),
            (Some("\u{e9}"), false, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(text) = destination {
                headers.insert("sec-fetch-dest", HeaderValue::from_bytes(text.as_bytes()).unwrap());
            }
            let loaded = Loaded::of(&headers);
            assert_eq!(
                (loaded.waits(Prompt::AsNeeded), loaded.waits(Prompt::Nothing)),
                (waits, silently),
                "{destination:?}"
            );
        }
    }
}
