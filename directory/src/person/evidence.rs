//! What documents show of somebody's identity.

use platform::id::UserId;

use super::keyed::{DocumentKey, mask};
use super::text::line;
use crate::api::{CheckMethod, DocumentKind, IdentityLevel, NewEvidence};
use crate::day::Day;
use crate::error::Error;

/// How long ago a document may have been checked.
const OLDEST_CHECK_DAYS: i64 = 366;

/// A document as it is kept, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) document: DocumentKind,
    pub(crate) issuer: String,
    pub(crate) number_mask: Option<String>,
    pub(crate) number_hash: Option<String>,
    pub(crate) method: CheckMethod,
    pub(crate) checker: String,
    pub(crate) checked_on: Day,
}

/// Who checks documents in this request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Checker<'a> {
    /// The person who calls, and nobody else.
    Caller(&'a UserId),
    /// Whoever the calling system names; `subject` where it names nobody.
    Named { subject: &'a str },
}

/// Takes a document; its number goes no further than its hash.
pub(crate) fn shown(
    key: &DocumentKey,
    new: &NewEvidence,
    checker: Checker<'_>,
    holder: Option<&UserId>,
    today: Day,
) -> Result<Shown, Error> {
    let issuer = line("issuer", &new.issuer, 100)?;
    let number = new.number.as_deref().map(numbered).transpose()?;
    if number.is_none() && needs_number(new.document) {
        return Err(Error::field("number", "Such a document has a number. It is asked for and not kept."));
    }
    let checked_on = match &new.checked_on {
        None => today,
        Some(text) => super::day("checked_on", text)?,
    };
    if checked_on > today || today.days_since(checked_on) > OLDEST_CHECK_DAYS {
        return Err(Error::field(
            "checked_on",
            "A check is of today or of the last year. Check the document again.",
        ));
    }
    let checker = match (checker, &new.checker) {
        (Checker::Caller(caller), None) => caller.to_string(),
        (Checker::Caller(caller), Some(named)) if named == caller => caller.to_string(),
        (Checker::Caller(_), Some(_)) => {
            return Err(Error::field(
                "checker",
                "Who notes a document has checked it: leave the checker out.",
            ));
        }
        (Checker::Named { .. }, Some(named)) => named.to_string(),
        (Checker::Named { subject }, None) => subject.to_owned(),
    };
    if holder.is_some_and(|holder| holder.as_str() == checker) {
        return Err(Error::field("checker", "Nobody checks their own documents. A colleague does it."));
    }
    Ok(Shown {
        document: new.document,
        number_hash: number.as_deref().map(|number| hash(key, new.document, &issuer, number)),
        number_mask: number.as_deref().map(mask),
        issuer,
        method: new.method,
        checker,
        checked_on,
    })
}

fn numbered(number: &str) -> Result<String, Error> {
    let number: String = number.chars().filter(char::is_ascii_alphanumeric).collect();
    if (4..=40).contains(&number.len()) {
        return Ok(number.to_ascii_uppercase());
    }
    Err(Error::field("number", "Write the number as the document has it: 4 to 40 letters and digits."))
}

/// Of a driving licence the last two characters count its re-issues, and who issued it is told in many ways.
fn hash(key: &DocumentKey, document: DocumentKind, issuer: &str, number: &str) -> String {
    let issuer = super::text::plain(issuer);
    match document {
        DocumentKind::DrivingLicence if number.len() == 18 => {
            key.hash("document", &[document.word(), &number[..16]])
        }
        DocumentKind::DrivingLicence => key.hash("document", &[document.word(), number]),
        _ => key.hash("document", &[document.word(), &issuer, number]),
    }
}

fn needs_number(document: DocumentKind) -> bool {
    matches!(
        document,
        DocumentKind::Passport
            | DocumentKind::DrivingLicence
            | DocumentKind::ResidencePermit
            | DocumentKind::ElectronicVisa
            | DocumentKind::IdentityCard
    )
}

/// Whether it has a photograph.
fn has_photo(document: DocumentKind) -> bool {
    needs_number(document)
        || matches!(
            document,
            DocumentKind::ForcesIdentityCard | DocumentKind::PassCard | DocumentKind::OtherWithPhoto
        )
}

/// Whether it shows where somebody lives.
fn has_address(document: DocumentKind) -> bool {
    matches!(
        document,
        DocumentKind::UtilityBill
            | DocumentKind::BankStatement
            | DocumentKind::CouncilTax
            | DocumentKind::GovernmentLetter
            | DocumentKind::Tenancy
            // A photocard licence bears the address; it counts once.
            | DocumentKind::DrivingLicence
    )
}

/// How sure these documents make it who somebody is. One document counts for one thing.
pub(crate) fn level(documents: &[(DocumentKind, CheckMethod)]) -> IdentityLevel {
    let seen = |method: &CheckMethod| *method != CheckMethod::Remote;
    let in_sight: Vec<DocumentKind> =
        documents.iter().filter(|(_, method)| seen(method)).map(|(document, _)| *document).collect();
    let photo_and_address = in_sight.iter().enumerate().any(|(at, photo)| {
        has_photo(*photo)
            && in_sight.iter().enumerate().any(|(other, address)| other != at && has_address(*address))
    });
    let numbered = in_sight.iter().any(|document| needs_number(*document));
    if in_sight.len() >= 3 && photo_and_address && numbered {
        return IdentityLevel::High;
    }
    let photo = documents.iter().any(|(document, _)| has_photo(*document));
    match documents.len() {
        0 => IdentityLevel::None,
        1 => IdentityLevel::Low,
        _ if photo => IdentityLevel::Medium,
        _ => IdentityLevel::Low,
    }
}

/// Goes on if the documents make it sure enough for a profile without restriction.
pub(crate) fn demand_high(documents: &[(DocumentKind, CheckMethod)]) -> Result<(), Error> {
    if level(documents) == IdentityLevel::High {
        return Ok(());
    }
    Err(Error::field(
        "evidence",
        "Three documents are to be seen in person or by video: one with a photograph and a number, one with the address, \
         and one more of either kind.",
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn passport(number: Option<&str>) -> NewEvidence {
        NewEvidence {
            document: DocumentKind::Passport,
            issuer: "United Kingdom".to_owned(),
            number: number.map(str::to_owned),
            method: CheckMethod::FaceToFace,
            checker: None,
            checked_on: None,
        }
    }

    /// Of a number a mask and a hash are kept; a check by somebody else, in the future or long ago is refused.
    #[test]
    fn documents_are_taken_without_their_number() {
        let key = DocumentKey::new(&[3; 32]);
        let caller = UserId::from_number(7).unwrap();
        let holder = UserId::from_number(8).unwrap();
        let today = day("2026-11-29");
        let take = |new: &NewEvidence| shown(&key, new, Checker::Caller(&caller), Some(&holder), today);
        let kept = take(&passport(Some("123 456 789"))).unwrap();
        assert_eq!(
            (kept.number_mask.as_deref(), kept.checker.as_str()),
            (Some("*****6789"), caller.as_str())
        );
        assert!(!format!("{kept:?}").contains("123456789"));
        assert_eq!(kept.number_hash, take(&passport(Some("123456789"))).unwrap().number_hash);
        assert!(take(&passport(None)).is_err());
        let with = |on: &str| NewEvidence { checked_on: Some(on.to_owned()), ..passport(Some("123456789")) };
        assert!(
            take(&with("2026-11-30")).is_err()
                && take(&with("2024-01-01")).is_err()
                && take(&with("29/11/2026")).is_err()
        );
        assert!(take(&with("2026-11-01")).is_ok());
        let other = NewEvidence { checker: Some(holder.clone()), ..passport(Some("123456789")) };
        assert!(take(&other).is_err());
        let own = shown(&key, &passport(Some("123456789")), Checker::Caller(&caller), Some(&caller), today);
        assert!(own.is_err());
    }

    /// Three documents with photograph, number and address give the highest level; one document is not two things.
    #[test]
    fn three_documents_give_the_highest_level() {
        use CheckMethod::{FaceToFace, Remote, Video};
        use DocumentKind::{BankStatement, DrivingLicence, Passport, UtilityBill};
        let cases = [
            (
                vec![(Passport, FaceToFace), (UtilityBill, Video), (BankStatement, FaceToFace)],
                IdentityLevel::High,
            ),
            (
                vec![(Passport, FaceToFace), (DrivingLicence, FaceToFace), (BankStatement, Video)],
                IdentityLevel::High,
            ),
            (vec![(Passport, Remote), (UtilityBill, Remote), (BankStatement, Remote)], IdentityLevel::Medium),
            (vec![(DrivingLicence, FaceToFace), (UtilityBill, FaceToFace)], IdentityLevel::Medium),
            (vec![(UtilityBill, FaceToFace), (BankStatement, FaceToFace)], IdentityLevel::Low),
            (vec![(Passport, FaceToFace)], IdentityLevel::Low),
            (vec![], IdentityLevel::None),
        ];
        for (documents, expected) in cases {
            assert_eq!(level(&documents), expected, "{documents:?}");
            assert_eq!(demand_high(&documents).is_ok(), expected == IdentityLevel::High);
        }
    }

    proptest! {
        /// One more document never makes it less sure who somebody is.
        #[test]
        fn more_documents_never_make_it_less_sure(
            documents in proptest::collection::vec((0..DocumentKind::ALL.len(), 0..3usize), 0..6),
        ) {
            let documents: Vec<_> = documents
                .into_iter()
                .map(|(document, method)| (DocumentKind::ALL[document], CheckMethod::ALL[method]))
                .collect();
            for length in 1..=documents.len() {
                prop_assert!(level(&documents[..length]) >= level(&documents[..length - 1]));
            }
        }
    }
}
