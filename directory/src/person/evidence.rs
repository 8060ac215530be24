//! What documents show of somebody's identity.

use std::collections::BTreeSet;

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

/// What is said of a number on its way that is none under this key.
pub(super) const KEY_LOST: &str =
    "This request was made under a key that is lost: reject it, and make it anew.";

/// Whether a number is on its way from where it was given, as no document has one.
pub(super) fn on_its_way(text: &str) -> bool {
    text.starts_with("kept:")
}

/// What is said to whoever checked their own.
pub(super) const OWN: &str = "Nobody checks their own documents. A colleague does it.";

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
    let number =
        new.number.as_deref().map(|number| numbered(key, new.document, &issuer, number)).transpose()?;
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
    if let Some(text) = &new.expires_on
        && super::day("expires_on", text)? < checked_on
    {
        return Err(Error::field(
            "expires_on",
            "The document had expired when it was checked. Another one is to be shown.",
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
        return Err(Error::field("checker", OWN));
    }
    Ok(Shown {
        document: new.document,
        number_hash: number.as_ref().map(|(_, hash)| hash.clone()),
        number_mask: number.map(|(mask, _)| mask),
        issuer,
        method: new.method,
        checker,
        checked_on,
    })
}

/// The number of a document on its way to where it is kept: see [`DocumentKey::carry`].
pub(crate) fn carry(key: &DocumentKey, new: &NewEvidence) -> Result<Option<String>, Error> {
    let issuer = line("issuer", &new.issuer, 100)?;
    let carry = |number: &String| {
        let (mask, hash) = numbered(key, new.document, &issuer, number)?;
        Ok(key.carry(&[new.document.word(), &super::text::plain(&issuer)], &mask, &hash))
    };
    new.number.as_ref().map(carry).transpose()
}

/// Mask and hash of a number.
fn numbered(
    key: &DocumentKey,
    document: DocumentKind,
    issuer: &str,
    text: &str,
) -> Result<(String, String), Error> {
    if let Some((mask, hash)) = key.carried(&[document.word(), &super::text::plain(issuer)], text) {
        return Ok((mask.to_owned(), hash.to_owned()));
    }
    if on_its_way(text) {
        return Err(Error::field("number", KEY_LOST));
    }
    let number: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    if (4..=40).contains(&number.len()) {
        let number = number.to_ascii_uppercase();
        return Ok((mask(&number), hash(key, document, issuer, &number)));
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

/// A document that was shown, as far as it counts for who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) document: DocumentKind,
    pub(crate) method: CheckMethod,
    /// What tells it from others of its kind: the hash of its number, or who issued it. It counts once, however often it was shown.
    pub(crate) which: String,
    pub(crate) checker: String,
    pub(crate) checked_on: Day,
}

impl Proof {
    /// What is kept of a document.
    pub(crate) fn new(
        (document, method): (DocumentKind, CheckMethod),
        number_hash: Option<&str>,
        issuer: &str,
        checker: &str,
        checked_on: Day,
    ) -> Self {
        let which = number_hash.map_or_else(|| super::text::plain(issuer), str::to_owned);
        Self { document, method, which, checker: checker.to_owned(), checked_on }
    }

    /// Whether it was checked lately enough to verify somebody by it.
    pub(crate) fn is_recent(&self, today: Day) -> bool {
        today.days_since(self.checked_on) <= OLDEST_CHECK_DAYS
    }
}

impl From<&Shown> for Proof {
    fn from(shown: &Shown) -> Self {
        Self::new(
            (shown.document, shown.method),
            shown.number_hash.as_deref(),
            &shown.issuer,
            &shown.checker,
            shown.checked_on,
        )
    }
}

/// How sure these documents make it who somebody is. One document counts for one thing, and once.
pub(crate) fn level(shown: &[Proof]) -> IdentityLevel {
    let distinct = |among: Vec<&Proof>| -> Vec<DocumentKind> {
        let once: BTreeSet<(DocumentKind, &str)> =
            among.into_iter().map(|proof| (proof.document, proof.which.as_str())).collect();
        once.into_iter().map(|(document, _)| document).collect()
    };
    let in_sight = distinct(shown.iter().filter(|proof| proof.method != CheckMethod::Remote).collect());
    // A certificate shows neither a face nor where somebody lives.
    let in_sight: Vec<DocumentKind> =
        in_sight.into_iter().filter(|document| has_photo(*document) || has_address(*document)).collect();
    let photo_and_address = in_sight.iter().enumerate().any(|(at, photo)| {
        has_photo(*photo)
            && in_sight.iter().enumerate().any(|(other, address)| other != at && has_address(*address))
    });
    let numbered = in_sight.iter().any(|document| needs_number(*document));
    if in_sight.len() >= 3 && photo_and_address && numbered {
        return IdentityLevel::High;
    }
    let all = distinct(shown.iter().collect());
    let photo = all.iter().any(|document| has_photo(*document));
    match all.len() {
        0 => IdentityLevel::None,
        1 => IdentityLevel::Low,
        _ if photo => IdentityLevel::Medium,
        _ => IdentityLevel::Low,
    }
}

/// Goes on if the documents make it sure enough for a profile without restriction.
pub(crate) fn demand_high(shown: &[Proof]) -> Result<(), Error> {
    if level(shown) == IdentityLevel::High {
        return Ok(());
    }
    Err(Error::field(
        "evidence",
        "Three documents are to be seen in person or by video: one with a photograph and a number, one with the address, \
         and one more of either kind. The same document counts once, and a check for a year.",
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
            expires_on: None,
        }
    }

    fn proof(document: DocumentKind, method: CheckMethod, which: &str) -> Proof {
        Proof::new((document, method), Some(which), "", "", day("2026-11-29"))
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
        let expires = |on: &str| NewEvidence { expires_on: Some(on.to_owned()), ..with("2026-11-01") };
        assert!(take(&expires("2026-10-31")).is_err() && take(&expires("soon")).is_err());
        assert!(take(&expires("2026-11-01")).is_ok());
        let other = NewEvidence { checker: Some(holder.clone()), ..passport(Some("123456789")) };
        assert!(take(&other).is_err());
        let own = shown(&key, &passport(Some("123456789")), Checker::Caller(&caller), Some(&caller), today);
        assert!(own.is_err());
    }

    /// A number that a request carries is taken under the key it was carried under; under another whoever decides is told what to do.
    #[test]
    fn numbers_of_a_lost_key_are_told() {
        let (key, other) = (DocumentKey::new(&[3; 32]), DocumentKey::new(&[4; 32]));
        let carried = carry(&key, &passport(Some("123 456 789"))).unwrap();
        let (new, caller) = (passport(carried.as_deref()), UserId::from_number(7).unwrap());
        let take = |key: &DocumentKey| shown(key, &new, Checker::Caller(&caller), None, day("2026-11-29"));
        assert_eq!(take(&key).unwrap().number_mask.as_deref(), Some("*****6789"));
        let Err(Error::Field { field, sentence }) = take(&other) else { panic!("it was taken") };
        assert!(field == "number" && sentence.contains("reject it, and make it anew"), "{sentence}");
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
            let proofs: Vec<Proof> =
                documents.iter().map(|(document, method)| proof(*document, *method, "1")).collect();
            assert_eq!(level(&proofs), expected, "{documents:?}");
            assert_eq!(demand_high(&proofs).is_ok(), expected == IdentityLevel::High);
        }
    }

    /// The same document shown again is no second one, and a certificate is neither of a face nor of an address.
    #[test]
    fn a_document_counts_once_and_for_what_it_shows() {
        use CheckMethod::{FaceToFace, Remote, Video};
        use DocumentKind::{BirthCertificate, MarriageCertificate, Passport, UtilityBill};
        let (passport, bill) = (proof(Passport, FaceToFace, "1"), proof(UtilityBill, FaceToFace, "water"));
        let with = |third: Proof| level(&[passport.clone(), bill.clone(), third]);
        assert_eq!(with(proof(Passport, FaceToFace, "1")), IdentityLevel::Medium);
        assert_eq!(with(proof(Passport, Video, "1")), IdentityLevel::Medium);
        assert_eq!(with(proof(UtilityBill, Video, "water")), IdentityLevel::Medium);
        assert_eq!(with(proof(MarriageCertificate, FaceToFace, "1")), IdentityLevel::Medium);
        assert_eq!(with(proof(BirthCertificate, FaceToFace, "1")), IdentityLevel::Medium);
        assert_eq!(with(proof(UtilityBill, Remote, "power")), IdentityLevel::Medium);
        assert_eq!(with(proof(Passport, FaceToFace, "2")), IdentityLevel::High);
        assert_eq!(with(proof(UtilityBill, FaceToFace, "power")), IdentityLevel::High);
        assert!(passport.is_recent(day("2027-11-30")) && !passport.is_recent(day("2027-12-01")));
    }

    proptest! {
        /// One more document never makes it less sure who somebody is.
        #[test]
        fn more_documents_never_make_it_less_sure(
            documents in proptest::collection::vec((0..DocumentKind::ALL.len(), 0..3usize, 0..2usize), 0..6),
        ) {
            let documents: Vec<_> = documents
                .into_iter()
                .map(|(document, method, which)| proof(DocumentKind::ALL[document], CheckMethod::ALL[method], ["1", "2"][which]))
                .collect();
            for length in 1..=documents.len() {
                prop_assert!(level(&documents[..length]) >= level(&documents[..length - 1]));
            }
        }
    }
}
