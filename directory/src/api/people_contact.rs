//! Addresses, photographs, registrations and custody on the wire.

use platform::clock::Millis;
use platform::id::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::day::Day;

words!(
    /// A way to reach somebody.
    Channel, "a channel" {
        /// An e-mail address.
        Email = "email",
        /// A mobile telephone.
        Mobile = "mobile",
    }
);

/// An address to add.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContact {
    /// An e-mail address, or a mobile number of the United Kingdom or with the code of its country.
    pub value: String,
}

/// An address of somebody's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Contact {
    /// Its id.
    pub id: String,
    /// The address in one form: small letters, or digits after a plus.
    pub value: String,
    /// When its holder showed that it is theirs, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub verified_at: Option<Millis>,
}

/// A code that somebody received.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactCode {
    /// Six digits.
    pub code: String,
}

/// A code is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CodeSent {
    /// To which address.
    pub contact: String,
    /// The message that has it, as `GET …/messages` lists it.
    pub message: String,
    /// Until when it can be used, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub until: Millis,
    /// How many more codes this address can be sent.
    pub sendings_left: u32,
}

words!(
    /// Where a message is in its life.
    MessageState, "a state of a message" {
        /// It waits to be sent.
        Due = "due",
        /// Whoever carries it has taken it.
        Sent = "sent",
        /// It was refused for good, or too often.
        GivenUp = "given-up",
        /// It was of no use any more before it could be sent.
        OutOfDate = "out-of-date",
        /// Another one took its place.
        Withdrawn = "withdrawn",
    }
);

/// What became of a message. What it said is not shown again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SentMessage {
    /// Its id.
    pub id: String,
    /// `contact-code` for a code, `contact-notice` where an address was changed.
    pub kind: String,
    /// How it goes.
    pub channel: Channel,
    /// Where it goes.
    pub address: String,
    /// Where it is in its life.
    pub state: MessageState,
    /// How often it was tried.
    pub attempts: u32,
    /// What came of the last try, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// When it was posted, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub made_at: Millis,
    /// When it was settled, in milliseconds since 1970; none while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub settled_at: Option<Millis>,
}

/// What somebody was told by message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SentMessages {
    /// Latest first, a hundred at most.
    pub items: Vec<SentMessage>,
}

/// An empty body: the path says it all.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// What is known of a photograph without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Photo {
    /// `image/jpeg` or `image/png`.
    pub media: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// SHA-256 of it, hexadecimal.
    pub sha256: String,
}

words!(
    /// A body that registers professionals, or a national list that numbers them.
    ProfessionalBody, "a professional body" {
        /// General Medical Council.
        Gmc = "GMC",
        /// Nursing and Midwifery Council.
        Nmc = "NMC",
        /// General Pharmaceutical Council.
        Gphc = "GPhC",
        /// Pharmaceutical Society of Northern Ireland.
        Psni = "PSNI",
        /// General Dental Council.
        Gdc = "GDC",
        /// Health and Care Professions Council.
        Hcpc = "HCPC",
        /// General Optical Council.
        Goc = "GOC",
        /// Social Work England.
        Swe = "SWE",
        /// General Osteopathic Council.
        Gosc = "GOsC",
        /// General Chiropractic Council.
        Gcc = "GCC",
        /// Royal College of Nursing: membership.
        Rcn = "RCN",
        /// The national list of general medical practitioners.
        Gmp = "GMP",
        /// The national list of general dental practitioners.
        Gdp = "GDP",
        /// The national list of consultants.
        Consultant = "Consultant",
    }
);

/// A registration with a professional body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The body.
    pub body: ProfessionalBody,
    /// The number, as the body writes it.
    pub number: String,
}

/// A temporary access card is handed out.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveCard {
    /// To whom: their user id, since nobody acts unnamed.
    #[schema(value_type = String)]
    pub holder: UserId,
    /// The day on which it is to be back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub due_on: Option<String>,
    /// Anything else worth knowing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// One time that a temporary access card was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Custody {
    /// Its id.
    pub id: String,
    /// The user id of who has or had it.
    pub holder: String,
    /// Who gave it.
    pub given_by: String,
    /// When, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub given_at: Millis,
    /// The day on which it was to be back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_on: Option<Day>,
    /// Who took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<String>,
    /// When it came back, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub back_at: Option<Millis>,
    /// Anything else worth knowing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// The custody log of a card, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CustodyLog {
    /// A page of it.
    pub items: Vec<Custody>,
    /// Where to read on: give it as `after`. Left out on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
