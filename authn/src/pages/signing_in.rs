//! The pages of signing in.

use askama::Template;

use super::Frame;
use crate::interaction::Method;

/// A way to sign in that is offered.
pub(crate) struct Offered {
    /// Its word.
    pub word: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// What one needs for it.
    pub hint: &'static str,
    /// Checked when the page opens.
    pub checked: bool,
}

/// What people call a method, and what they need for it.
pub(crate) fn label(method: Method) -> (&'static str, &'static str) {
    match method {
        Method::Smartcard => ("Smartcard", "You need your card, its passcode and a card reader."),
        Method::SecurityKey => ("Security key", "You need the key and its PIN or your fingerprint."),
        Method::PlatformKey => {
            ("Windows Hello or this device", "You use your face, your fingerprint or the PIN of this device.")
        }
        Method::Passkey => ("Passkey", "You use the phone or the password manager that keeps your passkey."),
        Method::Totp => (
            "Authenticator app",
            "You need your e-mail address, your password and the code that your app shows.",
        ),
    }
}

/// Choosing a way to sign in.
#[derive(Template)]
#[template(path = "choose.html")]
pub(crate) struct Choose<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// The secret of the request, for the addresses of its pages.
    pub secret: &'a str,
    /// For what one signs in.
    pub client: &'a str,
    /// What is offered.
    pub offers: Vec<Offered>,
    /// Whether one may say who one is without proving it.
    pub sandbox: bool,
}

/// Signing in with a key.
#[derive(Template)]
#[template(path = "key.html")]
pub(crate) struct Key<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// The secret of the request, for the addresses of its pages.
    pub secret: &'a str,
    /// For what one signs in.
    pub client: &'a str,
    /// What one needs for it.
    pub hint: &'a str,
}

/// Signing in with an app.
#[derive(Template)]
#[template(path = "app.html")]
pub(crate) struct App<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// The secret of the request, for the addresses of its pages.
    pub secret: &'a str,
    /// For what one signs in.
    pub client: &'a str,
    /// The address that was typed before, or that is expected.
    pub email: &'a str,
}

/// Signing in with a card.
#[derive(Template)]
#[template(path = "card.html")]
pub(crate) struct Card<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// The secret of the request, for the addresses of its pages.
    pub secret: &'a str,
    /// For what one signs in.
    pub client: &'a str,
    /// Where the card is shown: an address on the port for cards, if there is one.
    pub port: Option<String>,
    /// Where the agent of the workstation is, if there are agents.
    pub agent: Option<&'a str>,
}

/// The holder of a card unlocks it.
#[derive(Template)]
#[template(path = "unlock_card.html")]
pub(crate) struct UnlockCard<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// Where the agent of the workstation is.
    pub agent: &'a str,
}

/// Somebody is signed in with a card that the agent has not seen, and is to watch.
#[derive(Template)]
#[template(path = "card_watched.html")]
pub(crate) struct CardWatched<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// Where the browser goes on.
    pub onward: &'a str,
    /// Where the agent of the workstation would be.
    pub agent: &'a str,
    /// Where it tells that the card was taken out.
    pub address: &'a str,
    /// With which secret.
    pub secret: &'a str,
    /// By what it knows the card: SHA-256 of its certificate, in hexadecimal.
    pub certificate: &'a str,
}
