//! An answer about certificates (RFC 6960 4.2), read but not yet believed.

use const_oid::ObjectIdentifier;

use super::request::nonce;
use super::{BASIC, CertId, EXTENDED_REVOKE, MAX_IDS, MAX_RESPONSE, NONCE};
use crate::crl::read_extensions;
use crate::tlv::{self, Reader, Tlv};
use crate::{Certificate, Error, Extension, Name, Reason, times};

const WHAT: &str = "OCSP response";
/// How many certificates an answer brings along at most.
const MAX_CERTIFICATES: usize = 8;
/// The tag of an ENUMERATED.
const ENUMERATED: u8 = 0x0a;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// No answer, and why. It is not signed: anybody on the way can have put it there.
    Refused(Refusal),
    /// An answer.
    Answered(Box<Answer>),
}

/// Why there is no answer (`OCSPResponseStatus`, RFC 6960 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The question cannot be read.
    MalformedRequest,
    /// The responder failed.
    InternalError,
    /// The responder cannot answer now.
    TryLater,
    /// The question must be signed.
    SignatureRequired,
    /// The responder does not answer for this issuer (RFC 5019 2.2.3).
    Unauthorized,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Refusal; 5] = [
        Refusal::MalformedRequest,
        Refusal::InternalError,
        Refusal::TryLater,
        Refusal::SignatureRequired,
        Refusal::Unauthorized,
    ];

    /// The code as it travels; 4 is not used.
    pub fn code(self) -> u8 {
        match self {
            Refusal::MalformedRequest => 1,
            Refusal::InternalError => 2,
            Refusal::TryLater => 3,
            Refusal::SignatureRequired => 5,
            Refusal::Unauthorized => 6,
        }
    }

    /// The whole response that says so.
    pub fn to_der(self) -> [u8; 5] {
        [tlv::SEQUENCE, 3, ENUMERATED, 1, self.code()]
    }
}

/// Who answered, by his own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponderId {
    /// By name.
    Name(Name),
    /// By the SHA-1 hash of the key.
    Key(Vec<u8>),
}

/// The status of one certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Not revoked.
    Good,
    /// Revoked, held, or, by the extended definition of RFC 6960 4.4.8, never issued.
    Revoked {
        /// Since when.
        at_ms: i64,
        /// Why, if the answer says.
        reason: Option<Reason>,
    },
    /// The responder does not know the certificate's issuer.
    Unknown,
}

/// The answer about one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Single {
    /// Which certificate.
    pub id: CertId,
    /// What it is.
    pub status: Status,
    /// Since when this is known.
    pub this_update_ms: i64,
    /// When there is newer knowledge at the latest.
    pub next_update_ms: Option<i64>,
    /// Since when the key is thought to have been unsafe, if the answer says (RFC 6960 4.4.5).
    pub invalidity_date_ms: Option<i64>,
}

/// An answer that was read, not yet believed: [`Answer::check`] says whether it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub(super) data: Vec<u8>,
    pub(super) algorithm: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) certificates: Vec<Certificate>,
    pub(super) responder: ResponderId,
    pub(super) produced_at_ms: i64,
    pub(super) singles: Vec<Single>,
    pub(super) nonce: Option<Vec<u8>>,
    pub(super) extended_revoke: bool,
    pub(super) unknown_critical: bool,
}

impl Response {
    /// Reads what came back.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        if der.len() > MAX_RESPONSE {
            return Err(Error::malformed(WHAT));
        }
        let mut file = Reader::new(der, WHAT);
        let mut outer = file.enter(tlv::SEQUENCE)?;
        file.finish()?;
        let [code] = outer.expect(ENUMERATED)?.value else { return Err(outer.error()) };
        if *code != 0 {
            let refusal = Refusal::ALL.into_iter().find(|refusal| refusal.code() == *code);
            outer.finish()?;
            return refusal.map(Self::Refused).ok_or(Error::malformed(WHAT));
        }
        let mut tagged = outer.enter(tlv::context(0))?;
        outer.finish()?;
        let mut bytes = tagged.enter(tlv::SEQUENCE)?;
        tagged.finish()?;
        let kind = bytes.expect(tlv::OID)?;
        let basic = bytes.expect(tlv::OCTET_STRING)?;
        bytes.finish()?;
        if kind.value != BASIC.as_bytes() {
            return Err(Error::malformed(WHAT));
        }
        Answer::read(basic.value).map(|answer| Self::Answered(Box::new(answer)))
    }
}

impl Answer {
    /// When it was signed, by its own word.
    pub fn produced_at_ms(&self) -> i64 {
        self.produced_at_ms
    }

    /// Who answered, by his own word.
    pub fn responder(&self) -> &ResponderId {
        &self.responder
    }

    /// What it says of each certificate.
    pub fn singles(&self) -> &[Single] {
        &self.singles
    }

    /// The nonce it repeats.
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// Certificates it brings along.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Whether its responder says revoked of certificates that were never issued (RFC 6960 4.4.8).
    pub fn says_extended_revoke(&self) -> bool {
        self.extended_revoke
    }

    /// The signed part.
    pub fn data_der(&self) -> &[u8] {
        &self.data
    }

    /// `BasicOCSPResponse`.
    fn read(der: &[u8]) -> Result<Self, Error> {
        let mut file = Reader::new(der, WHAT);
        let mut outer = file.enter(tlv::SEQUENCE)?;
        file.finish()?;
        let data = outer.expect(tlv::SEQUENCE)?;
        let algorithm = outer.expect(tlv::SEQUENCE)?.whole.to_vec();
        let signature = tlv::bits(outer.expect(tlv::BIT_STRING)?, WHAT)?.to_vec();
        let mut certificates = Vec::new();
        if outer.peek() == Some(tlv::context(0)) {
            let mut tagged = outer.enter(tlv::context(0))?;
            let mut list = tagged.enter(tlv::SEQUENCE)?;
            tagged.finish()?;
            while !list.is_empty() && certificates.len() < MAX_CERTIFICATES {
                certificates.push(Certificate::from_der(list.expect(tlv::SEQUENCE)?.whole)?);
            }
            list.finish()?;
        }
        outer.finish()?;
        let mut answer = Self::read_data(data)?;
        (answer.algorithm, answer.signature, answer.certificates) = (algorithm, signature, certificates);
        Ok(answer)
    }

    /// `ResponseData`. The version is 1 and, being the default, is not written.
    fn read_data(data: Tlv<'_>) -> Result<Self, Error> {
        let mut fields = Reader::new(data.value, WHAT);
        let responder = responder(fields.any()?)?;
        let produced_at_ms = time(fields.any()?)?;
        let mut list = fields.enter(tlv::SEQUENCE)?;
        let extensions =
            fields.optional(tlv::context(1))?.map_or(Ok(Vec::new()), |tlv| read_extensions(tlv.value))?;
        fields.finish()?;
        let (mut singles, mut unknown_critical) = (Vec::new(), false);
        while !list.is_empty() && singles.len() < MAX_IDS {
            let (single, unknown) = single(list.enter(tlv::SEQUENCE)?)?;
            singles.push(single);
            unknown_critical |= unknown;
        }
        list.finish()?;
        unknown_critical |= has_unknown_critical(&extensions, &[NONCE, EXTENDED_REVOKE]);
        Ok(Self {
            data: data.whole.to_vec(),
            algorithm: Vec::new(),
            signature: Vec::new(),
            certificates: Vec::new(),
            responder,
            produced_at_ms,
            singles,
            nonce: nonce(&extensions)?,
            extended_revoke: extensions.iter().any(|extension| extension.oid == EXTENDED_REVOKE),
            unknown_critical,
        })
    }
}

fn has_unknown_critical(extensions: &[Extension], known: &[ObjectIdentifier]) -> bool {
    extensions.iter().any(|extension| extension.critical && !known.contains(&extension.oid))
}

fn responder(tlv: Tlv<'_>) -> Result<ResponderId, Error> {
    let mut inner = Reader::new(tlv.value, WHAT);
    let id = match tlv.tag {
        tag if tag == tlv::context(1) => {
            ResponderId::Name(Name::from_der(inner.expect(tlv::SEQUENCE)?.whole)?)
        }
        tag if tag == tlv::context(2) => ResponderId::Key(inner.expect(tlv::OCTET_STRING)?.value.to_vec()),
        _ => return Err(inner.error()),
    };
    inner.finish().map(|()| id)
}

fn time(tlv: Tlv<'_>) -> Result<i64, Error> {
    if tlv.tag == tlv::GENERALIZED_TIME { times::read(tlv, WHAT) } else { Err(Error::malformed(WHAT)) }
}

/// `SingleResponse`, and whether it has a critical extension that is not known.
fn single(mut fields: Reader<'_>) -> Result<(Single, bool), Error> {
    let id = CertId::read(fields.expect(tlv::SEQUENCE)?, WHAT)?;
    let status = status(fields.any()?)?;
    let this_update_ms = time(fields.any()?)?;
    let mut next_update_ms = None;
    if fields.peek() == Some(tlv::context(0)) {
        let mut tagged = fields.enter(tlv::context(0))?;
        next_update_ms = Some(time(tagged.any()?)?);
        tagged.finish()?;
    }
    let extensions =
        fields.optional(tlv::context(1))?.map_or(Ok(Vec::new()), |tlv| read_extensions(tlv.value))?;
    fields.finish()?;
    let invalidity = const_oid::db::rfc5912::ID_CE_INVALIDITY_DATE;
    let invalidity_date_ms = extensions
        .iter()
        .find(|extension| extension.oid == invalidity)
        .map(|extension| {
            let mut value = Reader::new(&extension.value, WHAT);
            let at_ms = time(value.any()?)?;
            value.finish().map(|()| at_ms)
        })
        .transpose()?;
    let unknown = has_unknown_critical(&extensions, &[invalidity]);
    Ok((Single { id, status, this_update_ms, next_update_ms, invalidity_date_ms }, unknown))
}

/// `CertStatus`: `[0]` and `[2]` are implicit NULLs, `[1]` an implicit sequence.
fn status(tlv: Tlv<'_>) -> Result<Status, Error> {
    match (tlv.tag, tlv.value) {
        (0x80, []) => Ok(Status::Good),
        (0x82, []) => Ok(Status::Unknown),
        (0xa1, value) => {
            let mut fields = Reader::new(value, WHAT);
            let at_ms = time(fields.any()?)?;
            let mut reason = None;
            if fields.peek() == Some(tlv::context(0)) {
                let mut tagged = fields.enter(tlv::context(0))?;
                let [code] = tagged.expect(ENUMERATED)?.value else { return Err(fields.error()) };
                tagged.finish()?;
                reason = Some(Reason::from_code(*code).ok_or_else(|| fields.error())?);
            }
            fields.finish()?;
            Ok(Status::Revoked { at_ms, reason })
        }
        _ => Err(Error::malformed(WHAT)),
    }
}
