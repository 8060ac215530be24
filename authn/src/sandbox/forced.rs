//! Answers that a relying party has to cope with, on demand.

use audit::Actor;
use platform::clock::Millis;

use super::events::SandboxEvent;
use crate::error::Error;
use crate::oidc::answer::Answer;
use crate::oidc::authorise::{Step, refuse};
use crate::oidc::refusal::{Code, Refusal};
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::interactions::{self, Waiting};

/// What a relying party is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forced {
    /// An error in the answer of the authorisation endpoint.
    Error(Code),
    /// A code that the token endpoint refuses.
    DeadCode,
}

impl Forced {
    /// All of them, in the order in which they are offered.
    pub(crate) const ALL: [Self; 8] = [
        Self::Error(Code::AccessDenied),
        Self::Error(Code::LoginRequired),
        Self::Error(Code::InteractionRequired),
        Self::Error(Code::UnmetAuthenticationRequirements),
        Self::Error(Code::InvalidScope),
        Self::Error(Code::ServerError),
        Self::Error(Code::TemporarilyUnavailable),
        Self::DeadCode,
    ];

    /// Its word, which is the error that the relying party reads.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Error(code) => code.word(),
            Self::DeadCode => Code::InvalidGrant.word(),
        }
    }

    /// What it means.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Error(Code::AccessDenied) => "the person did not want to sign in",
            Self::Error(Code::LoginRequired) => "nobody is signed in, and nobody may be asked",
            Self::Error(Code::InteractionRequired) => "something has to be asked, and nobody may be",
            Self::Error(Code::UnmetAuthenticationRequirements) => "no way to sign in is strong enough",
            Self::Error(Code::InvalidScope) => "the client may not have what it asks for",
            Self::Error(Code::TemporarilyUnavailable) => "the provider is not available at the moment",
            Self::Error(_) => "something went wrong at the provider",
            Self::DeadCode => "the browser brings a code, and the token endpoint refuses it",
        }
    }

    /// The one with this word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|forced| forced.word() == word)
    }
}

/// Answers a request that waits as somebody wants it answered.
pub(crate) async fn force(
    provider: &Provider,
    waiting: Waiting,
    forced: Forced,
    now: Millis,
) -> Result<Step, Refusal> {
    let event = SandboxEvent::ErrorForced {
        client: waiting.request.client.to_string(),
        error: forced.word().to_owned(),
    };
    let noted: Result<(), Error> = provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                audit::record(tx, now, &Actor::system("authn"), &event).await?;
                Ok(())
            })
        })
        .await;
    noted?;
    match forced {
        Forced::Error(code) => {
            refuse(provider, waiting, Refusal::new(code, "The sandbox was asked to answer with this error."))
                .await
        }
        Forced::DeadCode => {
            let (id, back) = (waiting.interaction.id, waiting.request.back);
            let settled: Result<bool, Error> = provider
                .db
                .write(move |tx| Box::pin(async move { interactions::settle(tx, &id).await }))
                .await;
            settled?;
            // Nobody has kept it.
            let code = Secret::generate(&provider.random)?;
            Ok(Step::Back(Answer::code(&back, provider.faces.issuer(back.face), &code)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each is found by its own word.
    #[test]
    fn words_read_back() {
        for forced in Forced::ALL {
            assert_eq!(Forced::of(forced.word()), Some(forced));
        }
        assert_eq!(Forced::of("invalid_client"), None);
    }
}
