//! Time-stamps in a signature: which times they prove (RFC 3161, ETSI EN 319 122-1 5.3 and 5.5).
//!
//! A time-stamp that does not hold proves nothing, and is told: unsigned attributes are not the signer's, so the signature is then of
//! unknown age and not broken.

use aws_lc_rs::digest;
use der::asn1::ObjectIdentifier;
use pki::path::{self, OcspAnswer};
use pki::{Certificate, Crl, eku};
use time::{Date, Month, PrimitiveDateTime, Time};

use super::Trust;
use super::attributes;
use super::certificate;
use super::cms::{self, Document, Inner, Signed};
use super::hash_index::HashIndex;
use super::report::{Code, Findings, Verdict, Weight};
use crate::cades::{ARCHIVE_TIME_STAMP, SIGNATURE_TIME_STAMP, Unsigned};
use crate::cms::der::{
    Element, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, elements,
};
use crate::time_stamp::TST_INFO;

/// How many time-stamps of a signature are looked at, and put around one. Each costs the verification of a signature and of a path.
pub(crate) const MOST_STAMPS: usize = 16;
/// How many of all signatures of a structure.
pub(super) const MOST_OF_ALL: usize = 64;
/// `[1]`, constructed: extensions of `TSTInfo`.
const EXTENSIONS: u8 = 0xA1;
/// BOOLEAN TRUE.
const CRITICAL: [u8; 3] = [1, 1, 0xFF];

/// A time-stamp, read but not believed.
#[derive(Debug)]
pub(super) struct Stamp {
    kind: Kind,
    /// The value of its attribute, in DER.
    value: Vec<u8>,
    read: Option<Token>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Over the signature value.
    Signature,
    /// Over all that is there.
    Archive,
}

/// A token that reads.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) signed: Signed,
    /// The hash of its imprint.
    pub(super) hash: &'static digest::Algorithm,
    pub(super) imprint: Vec<u8>,
    pub(super) at_ms: i64,
}

/// The time-stamps of a signature that are looked at, the newest first, and how many more there are.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    pub(super) judged: Vec<Stamp>,
    left_out: usize,
}

impl Stamps {
    /// Leaves the newest of them.
    pub(super) fn keep(&mut self, most: usize) {
        self.left_out += self.judged.len().saturating_sub(most);
        self.judged.truncate(most);
    }
}

/// Reads the time-stamps among unsigned attributes.
pub(super) fn read(unsigned: &[Vec<u8>]) -> Stamps {
    let mut found: Vec<Stamp> = Vec::new();
    for attribute in unsigned.iter().filter_map(|attribute| Unsigned::read(attribute)) {
        let kind = match attribute.kind {
            kind if kind == SIGNATURE_TIME_STAMP => Kind::Signature,
            kind if kind == ARCHIVE_TIME_STAMP => Kind::Archive,
            _ => continue,
        };
        let values = attribute.values.iter();
        found.extend(values.map(|value| Stamp { kind, value: value.to_vec(), read: token(value) }));
    }
    // The newest keep the others alive; of two of one time any will do, as long as it is always the same.
    found.sort_by_key(|stamp| std::cmp::Reverse(stamp.at_ms()));
    let mut stamps = Stamps { judged: found, left_out: 0 };
    stamps.keep(MOST_STAMPS);
    stamps
}

impl Stamp {
    /// The time that it says; that of one that does not read is before all others.
    fn at_ms(&self) -> i64 {
        self.read.as_ref().map_or(i64::MIN, |token| token.at_ms)
    }

    /// The certificate of whoever gave it.
    pub(super) fn signer(&self) -> Option<&Certificate> {
        self.read.as_ref().and_then(Token::signature).map(|signature| &signature.signer)
    }
}

/// Reads a token in DER.
pub(super) fn token(value: &[u8]) -> Option<Token> {
    let signed = cms::read_inner(value, Document::Inside, Inner::TimeStamp).ok()?;
    if signed.content_type.as_bytes() != TST_INFO {
        return None;
    }
    let [info] = elements(&signed.content)?[..] else { return None };
    let fields = elements(expect(info, SEQUENCE)?)?;
    let [version, policy, imprint, serial, at, rest @ ..] = &fields[..] else { return None };
    if version.whole != [INTEGER, 1, 1] {
        return None;
    }
    expect(*policy, OBJECT_IDENTIFIER)?;
    expect(*serial, INTEGER)?;
    let at_ms = moment(expect(*at, GENERALIZED_TIME)?)?;
    // An extension that must be understood, and none is.
    let critical = |it: &Element<'_>| it.content.windows(3).any(|part| part == CRITICAL);
    if rest.iter().any(|it| it.tag == EXTENSIONS && critical(it)) {
        return None;
    }
    let [algorithm, hashed] = elements(expect(*imprint, SEQUENCE)?)?[..] else { return None };
    let oid = elements(expect(algorithm, SEQUENCE)?)?.first().copied()?;
    let oid = ObjectIdentifier::from_bytes(expect(oid, OBJECT_IDENTIFIER)?).ok()?;
    let hash = attributes::hash(oid).ok()?;
    let imprint = expect(hashed, OCTET_STRING)?.to_vec();
    Some(Token { signed, hash, imprint, at_ms })
}

fn expect(element: Element<'_>, tag: u8) -> Option<&[u8]> {
    (element.tag == tag).then_some(element.content)
}

/// `YYYYMMDDhhmmss`, a fraction if there is one, and Z: RFC 3161 2.4.2.
fn moment(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.len() != 14 || !text.bytes().all(|it| it.is_ascii_digit() || it == b'.') || fraction.len() > 9 {
        return None;
    }
    let number = |from: usize, to: usize| whole[from..to].parse::<u16>().ok();
    let small = |from: usize| number(from, from + 2).and_then(|it| u8::try_from(it).ok());
    let month = Month::try_from(small(4)?).ok()?;
    let date = Date::from_calendar_date(i32::from(number(0, 4)?), month, small(6)?).ok()?;
    let time = Time::from_hms(small(8)?, small(10)?, small(12)?).ok()?;
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp() * 1000 + millis)
}

/// A signature with all that came around it.
pub(super) struct Around<'a> {
    pub(super) signed: &'a Signed,
    pub(super) signature: &'a cms::Signature,
}

impl Around<'_> {
    /// The time that is proven: the earliest of the signature's time-stamps that hold. Archive time-stamps are looked at first, the
    /// newest of them first of all: each proves that those in its index were there while their certificates were good.
    pub(super) fn proven_ms(&self, trust: &Trust<'_>, findings: &mut Findings) -> Option<i64> {
        let Stamps { judged, left_out } = &self.signature.stamps;
        if *left_out > 0 {
            let (all, looked_at) = (judged.len() + left_out, judged.len());
            let sentence =
                format!("there are {all} time-stamps, and the newest {looked_at} of them are looked at");
            findings.add(Code::TimeStampsMany, Weight::Note, sentence);
        }
        let mut stamps: Vec<&Stamp> = judged.iter().collect();
        stamps.sort_by_key(|stamp| (stamp.kind == Kind::Signature, std::cmp::Reverse(stamp.at_ms())));
        let mut archives: Vec<Holds> = Vec::new();
        let mut proven = None;
        for stamp in stamps {
            // Of those that cover it the oldest. What none covers may have been put there since.
            let seen =
                archives.iter().rev().find(|archive| archive.covers(stamp)).map(|archive| archive.at_ms);
            let Some(found) = self.holds(stamp, seen, trust, findings) else { continue };
            match stamp.kind {
                Kind::Archive => archives.push(found),
                Kind::Signature => proven = [Some(found.at_ms), proven].into_iter().flatten().min(),
            }
        }
        // What was archived was there then, also without a time-stamp of its own.
        proven.or_else(|| archives.last().map(|oldest| oldest.at_ms))
    }

    fn holds(
        &self,
        stamp: &Stamp,
        seen: Option<i64>,
        trust: &Trust<'_>,
        findings: &mut Findings,
    ) -> Option<Holds> {
        let mut wrong = |sentence: &str| {
            findings.open(Code::TimeStampWrong, format!("a time-stamp proves nothing: {sentence}"));
            None
        };
        let Some(token) = &stamp.read else { return wrong("it cannot be read") };
        let Some(signature) = token.signature() else { return wrong("it has not one good signer") };
        if !is_signed(signature) {
            return wrong("its own signature does not hold");
        }
        let covers = match stamp.kind {
            Kind::Signature => Some((self.signature.value.clone(), Vec::new())),
            Kind::Archive => self.archived(token, signature),
        };
        let Some((covers, attributes)) = covers else { return wrong("what it lists is not what is there") };
        if digest::digest(token.hash, &covers).as_ref() != token.imprint {
            return wrong("it is about something else");
        }
        let mut about = Findings::default();
        token.authority(signature, self.signed, seen, trust, &mut about);
        let trusted = about.verdict() == Verdict::Valid;
        for finding in about.into_sorted().iter().filter(|finding| finding.weight > Weight::Note) {
            let sentence = format!("of who gave a time-stamp: {}", finding.sentence);
            findings.open(Code::TimeStampNotTrusted, sentence);
        }
        trusted.then_some(Holds { at_ms: token.at_ms, attributes })
    }

    /// What an archive time-stamp is about, and which unsigned attributes it covers, if its index lists nothing that is not there, and all that
    /// it has to protect.
    fn archived(&self, token: &Token, signature: &cms::Signature) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
        // EN 319 122-1 5.5.2: of the same hash as the imprint.
        let index = HashIndex::of(signature, token.hash)?;
        let covered = index.covered(self.signed, self.signature)?;
        // Each earlier time-stamp that it is to keep alive.
        let mut earlier = self.signature.stamps.judged.iter().filter(|it| {
            it.kind == Kind::Signature && it.read.as_ref().is_some_and(|earlier| earlier.at_ms <= token.at_ms)
        });
        if !earlier.all(|stamp| is_among(stamp, &covered)) {
            return None;
        }
        let content = digest::digest(token.hash, &self.signed.content);
        let parts =
            [&self.signed.content_type_der, content.as_ref(), &self.signature.fields_der, index.whole];
        Some((parts.concat(), covered))
    }
}

/// A time-stamp that holds.
struct Holds {
    at_ms: i64,
    /// The unsigned attributes that it covers, each as it is hashed.
    attributes: Vec<Vec<u8>>,
}

impl Holds {
    fn covers(&self, stamp: &Stamp) -> bool {
        is_among(stamp, &self.attributes)
    }
}

/// Whether a time-stamp is the value of one of these attributes, each as it is hashed: type and value.
fn is_among(stamp: &Stamp, attributes: &[Vec<u8>]) -> bool {
    attributes.iter().any(|it| it.ends_with(&stamp.value))
}

/// Whether the signature of a token is right, whoever made it.
fn is_signed(signature: &cms::Signature) -> bool {
    let cms::Signature { signer, algorithm_der, attributes_der, value, .. } = signature;
    signature.signed_digest == signature.document_digest
        && signature.names_its_certificate()
        && pki::verify_signature(signer.spki_der(), algorithm_der, attributes_der, value).is_ok()
}

impl Token {
    /// Whether its signature is right, whoever made it.
    pub(super) fn is_signed(&self) -> bool {
        self.signature().is_some_and(is_signed)
    }

    /// The signature, where there is one.
    pub(super) fn signature(&self) -> Option<&cms::Signature> {
        match &self.signed.signatures[..] {
            // RFC 3161 2.4.2: of no other signer than the authority.
            [Ok(signature)] => Some(signature),
            _ => None,
        }
    }

    /// Whether whoever gave it may: with what is known here, what came in it, and what came around the signature.
    pub(super) fn authority(
        &self,
        signature: &cms::Signature,
        around: &Signed,
        seen: Option<i64>,
        trust: &Trust<'_>,
        findings: &mut Findings,
    ) {
        let unit = &signature.signer;
        // RFC 3161 2.3: for nothing else, and who does not know that must refuse.
        let purposes = unit.extended_key_usage().unwrap_or_default();
        let usage = unit.extensions().get(EXTENDED_KEY_USAGE);
        if purposes != [eku::TIME_STAMPING] || !usage.is_some_and(|usage| usage.critical) {
            findings.fails(Code::CertificateUsage, "its certificate is not for time-stamps alone");
        }
        if unit.private_key_usage_period().is_some_and(|period| !period.contains(self.at_ms)) {
            findings.fails(Code::KeyPeriod, "its key was not to be used at that time");
        }
        if self.at_ms > trust.now_ms.saturating_add(certificate::AHEAD_MS) {
            findings.fails(Code::TimeFuture, "its time lies in the future");
        }
        let inner = &self.signed;
        let all = || [inner, around].into_iter();
        let came = all().flat_map(|it| &it.certificates);
        let extra: Vec<Certificate> = trust.extra.iter().chain(came).cloned().collect();
        // What is known here comes before what came: it is among what is looked at, whatever that is.
        let crls: Vec<Crl> = trust.known.crls.iter().chain(all().flat_map(|it| &it.crls)).cloned().collect();
        let answers = trust.known.answers.iter().chain(all().flat_map(|it| &it.answers));
        let answers: Vec<OcspAnswer> = answers.cloned().collect();
        let known = path::Known { crls: &crls, answers: &answers };
        // Policies are asked of signers.
        let trust = Trust { extra: &extra, known, policies: &[], ..*trust };
        // It was there at a later time that is proven; or nothing says so but itself.
        certificate::judge_time_stamper(unit, &extra, (self.at_ms, seen), &trust, findings);
    }
}

/// RFC 5280 4.2.1.12
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");

#[cfg(test)]
mod tests {
    use super::*;

    /// Times are read with and without fractions, and what is no time is not.
    #[test]
    fn times_are_read() {
        assert_eq!(moment(b"20231114221320Z"), Some(1_700_000_000_000));
        assert_eq!(moment(b"20231114221320.12Z"), Some(1_700_000_000_120));
        assert_eq!(moment(b"20231114221320.123456Z"), Some(1_700_000_000_123));
        for bad in [
            &b"20231114221320"[..],
            b"20231314221320Z",
            b"2023111422132Z",
            b"20231114221320+01",
            b"",
            b"Z",
            "2023111422132\u{e9}Z".as_bytes(),
        ] {
            assert_eq!(moment(bad), None, "{bad:?}");
        }
    }
}
