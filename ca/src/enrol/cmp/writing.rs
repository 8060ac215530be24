//! Answers of CMP in DER (RFC 9810 5).

use const_oid::ObjectIdentifier;
use pki::cmp::Failure;
use platform::clock::Millis;

use crate::asn1::{
    BIT_STRING, GENERALIZED_TIME, INTEGER, NULL, OCTET_STRING, SEQUENCE, UTF8_STRING, context_constructed,
    generalized_time, oid, tlv, unsigned,
};

/// Numbers of bodies (RFC 9810 5.1.2).
pub(super) mod body {
    pub(crate) const INITIAL: u8 = 1;
    pub(crate) const FURTHER: u8 = 3;
    pub(crate) const UPDATE: u8 = 8;
    pub(crate) const REVOCATION: u8 = 12;
    pub(crate) const CONFIRMED: u8 = 19;
    pub(crate) const GENERAL: u8 = 22;
    pub(crate) const ERROR: u8 = 23;
}

/// id-it-implicitConfirm (RFC 9810 5.1.1.1).
const IMPLICIT_CONFIRM: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.4.13");
/// id-it-confirmWaitTime (RFC 9810 5.1.1.2).
const CONFIRM_WAIT_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.4.14");
/// id-it-caCerts (RFC 9810 5.3.19.14).
pub(super) const CA_CERTIFICATES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.4.17");

/// id-it-rootCaKeyUpdate and id-it-rootCaCert (RFC 9810 5.3.19.15).
const ROOT_UPDATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.4.18");
pub(super) const ROOT_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.4.20");

/// What the header of an answer says.
pub(super) struct AnswerHeader<'a> {
    pub(super) version: u8,
    /// The signer's name, in DER.
    pub(super) sender: &'a [u8],
    /// A `GeneralName`, in DER.
    pub(super) recipient: &'a [u8],
    pub(super) time: Millis,
    pub(super) protection: &'a [u8],
    pub(super) sender_key_id: &'a [u8],
    pub(super) transaction_id: &'a [u8],
    pub(super) nonce: &'a [u8],
    /// The nonce of the message that is answered.
    pub(super) recipient_nonce: Option<&'a [u8]>,
    pub(super) confirmation: Confirmation,
}

/// What becomes of a certificate that is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confirmation {
    /// None is given.
    None,
    /// It need not be confirmed.
    Implicit,
    /// It must be confirmed by then.
    Until(Millis),
}

/// `PKIHeader`.
pub(super) fn header(header: &AnswerHeader<'_>) -> Vec<u8> {
    let explicit = |number: u8, content: &[u8]| tlv(context_constructed(number), &[content]);
    let octets = |number: u8, content: &[u8]| explicit(number, &tlv(OCTET_STRING, &[content]));
    let optional =
        |number: u8, content: Option<&[u8]>| content.map(|it| octets(number, it)).unwrap_or_default();
    let info = match header.confirmation {
        Confirmation::None => Vec::new(),
        Confirmation::Implicit => tlv(SEQUENCE, &[&oid(&IMPLICIT_CONFIRM), &tlv(NULL, &[])]),
        Confirmation::Until(at) => {
            tlv(SEQUENCE, &[&oid(&CONFIRM_WAIT_TIME), &generalized_time(GENERALIZED_TIME, at)])
        }
    };
    let info = if info.is_empty() { info } else { explicit(8, &tlv(SEQUENCE, &[&info])) };
    tlv(
        SEQUENCE,
        &[
            &unsigned(INTEGER, &[header.version]),
            // directoryName [4]
            &explicit(4, header.sender),
            header.recipient,
            &explicit(0, &generalized_time(GENERALIZED_TIME, header.time)),
            &explicit(1, header.protection),
            &octets(2, header.sender_key_id),
            &octets(4, header.transaction_id),
            &octets(5, header.nonce),
            &optional(6, header.recipient_nonce),
            &info,
        ],
    )
}

/// `PKIBody` of this number.
pub(super) fn numbered(number: u8, content: &[u8]) -> Vec<u8> {
    tlv(context_constructed(number), &[content])
}

/// `ProtectedPart` (RFC 9810 5.1.3): what is signed.
pub(super) fn protected_part(header: &[u8], body: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[header, body])
}

/// `PKIMessage`, protected and with the signer's certificates.
pub(super) fn message(header: &[u8], body: &[u8], protection: &[u8], certificates: &[&[u8]]) -> Vec<u8> {
    let protection = tlv(context_constructed(0), &[&tlv(BIT_STRING, &[&[0], protection])]);
    // RFC 9810 5.1: one or more, or no field at all.
    let certificates = match certificates {
        [] => Vec::new(),
        some => tlv(context_constructed(1), &[&tlv(SEQUENCE, some)]),
    };
    tlv(SEQUENCE, &[header, body, &protection, &certificates])
}

/// `PKIStatus` of what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Granted {
    /// As asked.
    AsAsked,
    /// With changes that the requester should look at.
    Changed,
}

/// `PKIStatusInfo` of success.
pub(super) fn status(granted: Granted) -> Vec<u8> {
    tlv(SEQUENCE, &[&unsigned(INTEGER, &[u8::from(granted == Granted::Changed)])])
}

/// `PKIStatusInfo` of a rejection (2), with the reason as a bit and a sentence.
pub(super) fn rejection(failure: Failure, sentence: &str) -> Vec<u8> {
    let text = tlv(SEQUENCE, &[&tlv(UTF8_STRING, &[sentence.as_bytes()])]);
    tlv(SEQUENCE, &[&unsigned(INTEGER, &[2]), &text, &named_bit(failure.bit())])
}

/// A BIT STRING with one bit set and no zero bits after it (X.690 11.2.2).
fn named_bit(bit: u8) -> Vec<u8> {
    let mut octets = vec![0; usize::from(bit / 8) + 1];
    let last = octets.len() - 1;
    octets[last] = 0x80 >> (bit % 8);
    tlv(BIT_STRING, &[&[7 - bit % 8], &octets])
}

/// `CertRepMessage` with one certificate (RFC 9810 5.3.4).
pub(super) fn certificate_response(
    request_id: i64,
    granted: Granted,
    certificate: &[u8],
    authorities: &[&[u8]],
) -> Vec<u8> {
    let pair = tlv(SEQUENCE, &[&tlv(context_constructed(0), &[certificate])]);
    let response = tlv(SEQUENCE, &[&signed(request_id), &status(granted), &pair]);
    let responses = tlv(SEQUENCE, &[&response]);
    if authorities.is_empty() {
        return tlv(SEQUENCE, &[&responses]);
    }
    let authorities = tlv(context_constructed(1), &[&tlv(SEQUENCE, authorities)]);
    tlv(SEQUENCE, &[&authorities, &responses])
}

/// `RevRepContent` with one status (RFC 9810 5.3.10).
pub(super) fn revocation_response() -> Vec<u8> {
    tlv(SEQUENCE, &[&tlv(SEQUENCE, &[&status(Granted::AsAsked)])])
}

/// `PKIConfirmContent`.
pub(super) fn confirmed() -> Vec<u8> {
    tlv(NULL, &[])
}

/// `GenRepContent` with the authorities' certificates (RFC 9483 4.3.1).
pub(super) fn authorities_info(certificates: &[&[u8]]) -> Vec<u8> {
    let value = tlv(SEQUENCE, certificates);
    tlv(SEQUENCE, &[&tlv(SEQUENCE, &[&oid(&CA_CERTIFICATES), &value])])
}

/// A root that follows another: itself, and what each certified of the other, where it did.
pub(super) struct RootUpdate<'a> {
    pub(super) new_with_new: &'a [u8],
    pub(super) new_with_old: Option<&'a [u8]>,
    pub(super) old_with_new: Option<&'a [u8]>,
}

/// `GenRepContent` with a `RootCaKeyUpdateContent`, whose tags are explicit (RFC 9810 5.3.19.15), or without where no
/// root follows (RFC 9483 4.3.2).
pub(super) fn root_update_info(update: Option<&RootUpdate<'_>>) -> Vec<u8> {
    let tagged = |number: u8, certificate: Option<&[u8]>| {
        certificate.map(|der| tlv(context_constructed(number), &[der])).unwrap_or_default()
    };
    let value = update.map(|update| {
        let (new_with_old, old_with_new) = (tagged(0, update.new_with_old), tagged(1, update.old_with_new));
        tlv(SEQUENCE, &[update.new_with_new, &new_with_old, &old_with_new])
    });
    tlv(SEQUENCE, &[&tlv(SEQUENCE, &[&oid(&ROOT_UPDATE), &value.unwrap_or_default()])])
}

/// `ErrorMsgContent`.
pub(super) fn error(failure: Failure, sentence: &str) -> Vec<u8> {
    tlv(SEQUENCE, &[&rejection(failure, sentence)])
}

/// An INTEGER that may be negative: -1 answers a PKCS#10 request (RFC 9483 4.1.4).
fn signed(number: i64) -> Vec<u8> {
    let octets = number.to_be_bytes();
    let sign = if number < 0 { 0xff } else { 0 };
    let mut at = 0;
    while at < 7 && octets[at] == sign && (octets[at + 1] ^ sign) & 0x80 == 0 {
        at += 1;
    }
    tlv(INTEGER, &[&octets[at..]])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bit string ends with its last set bit, and integers are as short as they can be.
    #[test]
    fn numbers_are_minimal() {
        assert_eq!(named_bit(0), [3, 2, 7, 0x80]);
        assert_eq!(named_bit(9), [3, 3, 6, 0, 0x40]);
        assert_eq!(named_bit(23), [3, 4, 0, 0, 0, 1]);
        for (number, octets) in
            [(0, vec![0]), (-1, vec![0xff]), (127, vec![127]), (128, vec![0, 128]), (-129, vec![0xff, 0x7f])]
        {
            assert_eq!(signed(number)[2..], octets, "{number}");
        }
    }
}
