//! Why somebody is not signed in, in the words of the pages: what happened, and what to do.

use platform::clock::Millis;

use crate::interaction::Method;
use crate::session::Refusal;

/// Why somebody is not signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// Address, password or code is wrong; which, is nobody's business.
    WrongDetails,
    /// The code was used before.
    CodeUsed,
    /// Too many attempts; when the next one is looked at, and now.
    Slowed(Millis, Millis),
    /// The server has no room for another password at the moment.
    Busy,
    /// The key is not known here.
    KeyUnknown,
    /// What the key answered does not hold.
    KeyRefused,
    /// The key did not make sure who used it.
    KeyUnverified,
    /// The key counted backwards.
    KeySuspected,
    /// The key counted backwards before, and is suspended.
    KeySuspended,
    /// The model of the key was withdrawn by those who certify.
    KeyWithdrawn,
    /// The request of the browser is over, or was answered before.
    CeremonyOver,
    /// What was shown is worth less than what is asked for.
    NotEnough(Method),
    /// No card was shown.
    CardMissing,
    /// The card does not hold, with a sentence that says why.
    CardRefused(String),
    /// Certificates of people are not known to lie on cards here.
    CardsUnproven,
    /// It cannot be found out now whether the card holds.
    CardUnknowable,
    /// The hand-over from the card's page is over, or was used before.
    CardTicketOver,
    /// They proved who they are and are not signed in all the same.
    Session(Refusal),
}

impl From<Refusal> for Why {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Replayed => Self::CodeUsed,
            other => Self::Session(other),
        }
    }
}

impl Why {
    /// The heading.
    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::WrongDetails => "Those details are not right",
            Self::CodeUsed => "That code was used already",
            Self::Slowed(..) => "Wait before you try again",
            Self::Busy => "Many people are signing in",
            Self::KeyUnknown => "We do not know this key",
            Self::KeyRefused | Self::KeyUnverified => "Your key did not sign you in",
            Self::KeySuspected => "There may be a copy of your key",
            Self::KeySuspended => "Your key is suspended",
            Self::KeyWithdrawn => "This kind of key is no longer accepted",
            Self::CeremonyOver | Self::CardTicketOver => "That took too long",
            Self::NotEnough(_) => "This service needs a stronger way to sign in",
            Self::CardMissing => "We did not see a smartcard",
            Self::CardRefused(_) | Self::CardsUnproven => "Your smartcard did not sign you in",
            Self::CardUnknowable => "Smartcards cannot be checked at the moment",
            Self::Session(Refusal::Left) => "Your profile is closed",
            Self::Session(Refusal::AuthenticatorGone) => "This was taken off your profile",
            Self::Session(Refusal::Elsewhere) => "You are signed in somewhere else",
            Self::Session(Refusal::Replayed) => "That was used already",
        }
    }

    /// What happened, and what to do.
    pub(crate) fn sentence(&self) -> String {
        let text = match self {
            Self::WrongDetails => {
                "The e-mail address, the password or the code does not match what we know. Check all three and try again."
            }
            Self::CodeUsed => "Each code works once. Wait until your app shows the next one, and use that.",
            Self::Slowed(until, now) => return slowed(*until, *now),
            Self::Busy => {
                "We could not check your password in time. Nothing was counted against you. Try again."
            }
            Self::KeyUnknown => {
                "Use the key or the device that you registered, or choose another way to sign in. If you have lost it, ask \
                 your registration authority."
            }
            Self::KeyRefused => {
                "What your key answered could not be confirmed. Try again on this page. If it happens again, choose another \
                 way and tell your registration authority."
            }
            Self::KeyUnverified => {
                "Your key did not check that it was you. Set a PIN, a fingerprint or your face on it, and try again."
            }
            Self::KeySuspected => {
                "Your key has counted backwards, which a single key does not do. You are not signed in, this was recorded, \
                 and the key signs nobody in from now on. Choose another way to sign in, and tell your registration authority."
            }
            Self::KeySuspended => {
                "It counted backwards before, so there may be a copy of it, and it signs nobody in. Choose another way to \
                 sign in, and ask your registration authority to let you use it again or to give you another."
            }
            Self::KeyWithdrawn => {
                "Those who certify keys have withdrawn this model because it is not safe. Choose another way to sign in, \
                 and ask your registration authority for a new key."
            }
            Self::CeremonyOver => {
                "The page waited too long for your key, was used before, or your key was used elsewhere meanwhile. Try again."
            }
            Self::NotEnough(method) => return not_enough(*method),
            Self::CardMissing => {
                "Put your smartcard into the reader, try again, and choose its certificate when your browser asks."
            }
            Self::CardRefused(sentence) => return sentence.clone(),
            Self::CardsUnproven => {
                "This service does not know that certificates lie on smartcards here. Choose another way to sign in, and \
                 tell your service desk: directory.sign_in_certificate says what a certificate is worth."
            }
            Self::CardUnknowable => {
                "We cannot find out whether your smartcard is still valid, so nobody can sign in with one. Your card is \
                 most likely fine. Choose another way to sign in, or try again in a few minutes."
            }
            Self::CardTicketOver => {
                "The way back from your smartcard was used before or took too long. Try again."
            }
            Self::Session(Refusal::Left) => {
                "You proved who you are, but your profile is closed. Ask your registration authority to open it again."
            }
            Self::Session(Refusal::AuthenticatorGone) => {
                "What you used is no longer on your profile. Choose another way to sign in, or ask your registration \
                 authority."
            }
            Self::Session(Refusal::Elsewhere) => {
                "You may be signed in on one device at a time. Sign out there, or wait until that session ends."
            }
            Self::Session(Refusal::Replayed) => "It works once. Start again.",
        };
        text.to_owned()
    }
}

fn slowed(until: Millis, now: Millis) -> String {
    let seconds = until.since(now).as_secs().max(1);
    let wait =
        if seconds < 90 { format!("{seconds} seconds") } else { format!("{} minutes", seconds.div_ceil(60)) };
    format!(
        "There were several wrong attempts. Wait {wait} and try again, or choose another way to sign in, which works at \
         once."
    )
}

fn not_enough(method: Method) -> String {
    let what = match method {
        Method::Passkey => {
            "A passkey that can be copied between devices, or whose device did not prove what it is,"
        }
        Method::Totp => "An authenticator app",
        Method::Smartcard | Method::SecurityKey | Method::PlatformKey => "What you used",
    };
    format!("{what} is not enough for this service. Choose one of the other ways to sign in.")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waiting is told in seconds, then in minutes, with the way around it.
    #[test]
    fn waiting_is_told() {
        let told = |seconds: i64| Why::Slowed(Millis(seconds * 1000), Millis(0)).sentence();
        assert!(told(0).contains("Wait 1 seconds") && told(60).contains("Wait 60 seconds"));
        insta::assert_snapshot!(told(91), @"There were several wrong attempts. Wait 2 minutes and try again, or choose another way to sign in, which works at once.");
    }
}
