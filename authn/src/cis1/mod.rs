//! The broker of CIS1, for workstations and applications that have not moved yet. It is off unless `[authn.cis1]` is there.
//!
//! An agent asks for a challenge ([`activation`]), the card signs it, and the agent gets a ticket for the signature ([`validation`]).
//! With the ticket the agent fixes a role ([`role`]), asks how long it lives ([`keeping`]) and signs out ([`logout`]); applications
//! show it and are told who it is ([`assertion`]). A ticket is a name of a session of the same store as every other sign-in: it ends
//! with that, wherever it is ended.

pub(crate) mod activation;
pub(crate) mod assertion;
mod events;
pub(crate) mod keeping;
pub(crate) mod logout;
mod message;
mod refusal;
pub(crate) mod response;
pub(crate) mod role;
mod saml;
mod settings;
mod sha1;
mod standing;
pub(crate) mod ticket;
pub(crate) mod validation;
mod xml;

pub use events::Cis1Event;
pub(crate) use message::{Answer, Message};
pub(crate) use refusal::Refusal;
pub(crate) use saml::refused as refused_in_saml;
pub use settings::{Cis1, KeepAlive, Sha1};

use std::net::IpAddr;

use platform::clock::Millis;

/// Where a request came from, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Came {
    /// The address of the connection, whatever the request says.
    pub address: Option<IpAddr>,
    /// When.
    pub now: Millis,
}

impl Came {
    /// The address as it is written into rows and answers.
    pub(crate) fn address_text(&self) -> Option<String> {
        self.address.map(|address| address.to_canonical().to_string())
    }
}

/// What the document type of messages says: agents name it, and nobody has to fetch it.
pub(crate) const DOCUMENT_TYPE: &str = "<!ELEMENT gpOBJECT (gpPARAM*)>\n<!ELEMENT gpPARAM (#PCDATA)>\n<!ATTLIST gpPARAM\n  name CDATA \
                                        #REQUIRED\n  encoding CDATA #IMPLIED\n  id CDATA #IMPLIED\n  orgcode CDATA #IMPLIED>\n";
