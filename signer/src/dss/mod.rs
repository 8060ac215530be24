//! The Digital Signature Service: an application asks a person to sign, the person proves to be there, the application fetches the
//! signatures.
//!
//! A request waits until its person decides. What they are shown is found among what the same application had prepared; what they
//! agree to is bound to their answer by one hash over application, person, documents and end ([`binding`]). Consent is one
//! transaction, which gives an authorisation for these documents; signatures are made from then on, by whoever asks first, and
//! the same ones whenever it is asked again.

mod allowed;
mod anchor;
mod binding;
mod consent;
mod receive;
mod result;
mod seen;
mod sign;
pub(crate) mod smartcard;
mod statement;
mod token;

use authn::api::SigningClient;

pub(crate) use allowed::{
    Authors, Page, Refused, Who, authorship, check_authors, check_roles, check_signed, may_have_signed,
};
pub(crate) use anchor::{anchor, anchors, shown_anchor};
pub(crate) use binding::{binding, binding_before, card_challenge, card_challenge_id};
pub(crate) use consent::{answer, ask, cancel, ended, find, outdated, waiting};
pub(crate) use receive::{Came, receive};
pub(crate) use result::fetch;
pub(crate) use seen::{Content, Document, Wanted, documents};
#[cfg(test)]
pub(crate) use sign::prepare_again;
pub(crate) use sign::{check_times, remote_of};
pub(crate) use statement::{MOST, Statement};
pub(crate) use token::Token;

/// Where people sign in, and where browsers reach us.
#[derive(Clone)]
pub struct SignIn {
    /// Sign-in, spoken to as the signer: it needs [`authn::api::SIGNING`].
    pub client: SigningClient,
    /// The origin of the public port, as browsers reach it.
    pub origin: String,
    /// What people read where they sign in.
    pub name: String,
}

impl SignIn {
    /// What applications name as `aud`.
    pub(crate) fn audience(&self) -> String {
        format!("{}/signing-service", self.origin)
    }

    /// The page on which somebody is asked to sign.
    pub(crate) fn page(&self, token: &Token) -> String {
        format!("{}/sign/{}", self.audience(), token.text())
    }
}
