//! Evidence of identity on the wire.

use platform::clock::Millis;
use platform::id::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::day::Day;

words!(
    /// A kind of document that shows who somebody is.
    DocumentKind, "a kind of document" {
        /// A passport, of any country.
        Passport = "passport",
        /// A photocard driving licence.
        DrivingLicence = "driving-licence",
        /// A biometric residence permit.
        ResidencePermit = "residence-permit",
        /// An electronic visa, seen by its share code.
        ElectronicVisa = "electronic-visa",
        /// An identity card of HM Forces.
        ForcesIdentityCard = "forces-identity-card",
        /// A card with the PASS hologram.
        PassCard = "pass-card",
        /// A national identity card.
        IdentityCard = "identity-card",
        /// A bill of a utility.
        UtilityBill = "utility-bill",
        /// A statement of a bank, building society or credit card.
        BankStatement = "bank-statement",
        /// A council tax bill.
        CouncilTax = "council-tax",
        /// A letter of HM Revenue and Customs or the Department for Work and Pensions.
        GovernmentLetter = "government-letter",
        /// A tenancy agreement or a mortgage statement.
        Tenancy = "tenancy",
        /// A certificate of birth.
        BirthCertificate = "birth-certificate",
        /// A certificate of marriage or civil partnership.
        MarriageCertificate = "marriage-certificate",
        /// A decree absolute or final order.
        DivorceOrder = "divorce-order",
        /// A deed poll.
        DeedPoll = "deed-poll",
        /// A gender recognition certificate.
        GenderRecognition = "gender-recognition",
        /// A document of another kind with a photograph, as the national list of last resort allows.
        OtherWithPhoto = "other-with-photo",
        /// A document of another kind.
        Other = "other",
    }
);

words!(
    /// How a document was checked.
    CheckMethod, "a way of checking" {
        /// The person was there with the original.
        FaceToFace = "f2f",
        /// The person showed it in a video meeting.
        Video = "video",
        /// A remote service checked it.
        Remote = "remote",
    }
);

words!(
    /// How sure it is who somebody is.
    IdentityLevel, "a level of identity assurance" {
        /// Nothing was shown.
        None = "none",
        /// Something was shown.
        Low = "low",
        /// A document with a photograph and one more were shown.
        Medium = "medium",
        /// Three documents were shown in person or by video, among them one with a photograph and one with the address.
        High = "high",
    }
);

/// A document that was shown.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEvidence {
    /// What it is.
    pub document: DocumentKind,
    /// Who issued it: a country, an authority, a company.
    pub issuer: String,
    /// Its number. It is not kept: of it there remain the last four characters and a keyed hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// How it was checked.
    pub method: CheckMethod,
    /// Who checked it. A person who calls is the checker; a system names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub checker: Option<UserId>,
    /// On which day; today if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub checked_on: Option<String>,
    /// Until which day it is good, if it says so: what had expired when it was checked is refused. It is asked for and not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub expires_on: Option<String>,
}

/// A document that was shown, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// Its id.
    pub id: String,
    /// What it is.
    pub document: DocumentKind,
    /// Who issued it.
    pub issuer: String,
    /// The end of its number, if it had one and it was not erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_mask: Option<String>,
    /// How it was checked.
    pub method: CheckMethod,
    /// Who checked it.
    pub checker: String,
    /// On which day.
    pub checked_on: Day,
    /// When it was noted, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub noted_at: Millis,
}

/// The identity of somebody who was taken over from another register was checked.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyPerson {
    /// The documents that were shown now; with those noted before they must give the level high.
    pub evidence: Vec<NewEvidence>,
    /// The date of birth as the documents have it, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub birth: Option<String>,
    /// The name as the documents have it, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<super::Name>,
}
