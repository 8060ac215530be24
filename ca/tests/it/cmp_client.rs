//! A client of CMP that can do everything wrong, and a reader of answers that is not ours.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use http::Request;
use pki::cmp::SecretProtection;
use platform::clock::{Clock, Millis};
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use tower::ServiceExt as _;

use crate::roads::System;

/// One message before it is encoded.
pub(crate) struct Message<'a> {
    system: &'a System,
    pub(crate) version: u8,
    pub(crate) kind: u8,
    pub(crate) body: Vec<u8>,
    pub(crate) sender: Option<Vec<u8>>,
    pub(crate) sender_key_id: Option<Vec<u8>>,
    pub(crate) algorithm: Option<Vec<u8>>,
    pub(crate) transaction_id: Option<Vec<u8>>,
    pub(crate) sender_nonce: Option<Vec<u8>>,
    pub(crate) recipient_nonce: Option<Vec<u8>>,
    pub(crate) time: Millis,
    pub(crate) implicit_confirm: bool,
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) damage_signature: bool,
    pub(crate) protect: bool,
    /// Protects it instead of the system's key.
    pub(crate) secret: Option<Vec<u8>>,
}

const ECDSA_SHA256: [u8; 12] = [0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

impl<'a> Message<'a> {
    pub(crate) fn new(system: &'a System, kind: u8, body: Vec<u8>) -> Message<'a> {
        let certificate = pki::Certificate::from_der(&system.certificate).unwrap();
        Message {
            system,
            version: 2,
            kind,
            body,
            sender: None,
            sender_key_id: certificate.subject_key_id().map(<[u8]>::to_vec),
            algorithm: Some(ECDSA_SHA256.to_vec()),
            transaction_id: Some(fresh()),
            sender_nonce: Some(fresh()),
            recipient_nonce: None,
            time: system.clock.now(),
            implicit_confirm: false,
            certificates: vec![system.certificate.clone()],
            damage_signature: false,
            protect: true,
            secret: None,
        }
    }

    /// The same message, protected by a shared secret with this algorithm.
    pub(crate) fn by_secret(mut self, reference: &str, secret: &str, algorithm: &[u8]) -> Message<'a> {
        self.sender = Some(vec![0x30, 0]);
        self.sender_key_id = Some(reference.as_bytes().to_vec());
        self.algorithm = Some(algorithm.to_vec());
        self.certificates = Vec::new();
        self.secret = Some(secret.as_bytes().to_vec());
        self
    }

    /// `ir` (0), `cr` (2) or `kur` (7) with a proof of possession.
    pub(crate) fn request(system: &'a System, kind: u8, key: &KeyPair, name: &str) -> Message<'a> {
        Message::request_with(system, kind, key, name, None)
    }

    /// The same with another proof of possession, encoded.
    pub(crate) fn request_with(
        system: &'a System,
        kind: u8,
        key: &KeyPair,
        name: &str,
        possession: Option<Vec<u8>>,
    ) -> Message<'a> {
        let unit = if kind == 7 { ",OU=Systems" } else { "" };
        let request = certificate_request(key, &format!("CN={name}{unit}"), &[]);
        let possession = possession.unwrap_or_else(|| signed(key, &request));
        Message::new(system, kind, sequence(&[&sequence(&[&request, &possession])]))
    }

    /// `ir` with these extensions in its template, each encoded.
    pub(crate) fn request_for(
        system: &'a System,
        key: &KeyPair,
        name: &str,
        extensions: &[Vec<u8>],
    ) -> Message<'a> {
        let request = template(&key.subject_public_key_info(), &format!("CN={name}"), &[], extensions);
        let possession = signed(key, &request);
        Message::new(system, 0, sequence(&[&sequence(&[&request, &possession])]))
    }

    /// `ir` of this number, whose template begins with these fields, each encoded.
    pub(crate) fn request_numbered(
        system: &'a System,
        key: &KeyPair,
        number: u8,
        fields: &[Vec<u8>],
    ) -> Message<'a> {
        let name: pki::Name = "CN=larkfield".parse().unwrap();
        let mut public_key = key.subject_public_key_info();
        public_key[0] = 0xa6;
        let template = sequence(&[&fields.concat(), &tlv(0xa5, name.der()), &public_key]);
        let request = sequence(&[&[2, 1, number], &template]);
        let possession = signed(key, &request);
        Message::new(system, 0, sequence(&[&sequence(&[&request, &possession])]))
    }

    /// `ir` for this key, whose possession the sender vouches for.
    pub(crate) fn vouched(system: &'a System, public_key: &[u8], name: &str) -> Message<'a> {
        let request = template(public_key, &format!("CN={name}"), &[], &[]);
        // raVerified
        Message::new(system, 0, sequence(&[&sequence(&[&request, &[0x80, 0]])]))
    }

    /// A request for one key that another key signed.
    pub(crate) fn request_signed_by(system: &'a System, key: &KeyPair, other: &KeyPair) -> Message<'a> {
        let request = certificate_request(key, "CN=larkfield", &[]);
        let possession = signed(other, &request);
        Message::new(system, 0, sequence(&[&sequence(&[&request, &possession])]))
    }

    /// `kur` that names the certificate of a system as the old one.
    pub(crate) fn update(system: &'a System, key: &KeyPair, old: &System) -> Message<'a> {
        let old = pki::Certificate::from_der(&old.certificate).unwrap();
        let id = sequence(&[&tlv(0xa4, old.issuer().der()), &tlv(2, old.serial().content())]);
        // id-regCtrl-oldCertID
        let control = sequence(&[&tlv(6, &[0x2b, 6, 1, 5, 5, 7, 5, 1, 5]), &id]);
        let request = certificate_request(key, "CN=larkfield,OU=Systems", &sequence(&[&control]));
        let possession = signed(key, &request);
        Message::new(system, 7, sequence(&[&sequence(&[&request, &possession])]))
    }

    /// `rr`.
    pub(crate) fn revocation(system: &'a System, of: &pki::Certificate, reason: u8) -> Message<'a> {
        let template = sequence(&[&tlv(0x81, of.serial().content()), &tlv(0xa3, of.issuer().der())]);
        let extension = sequence(&[&tlv(6, &[0x55, 0x1d, 21]), &tlv(4, &[0x0a, 1, reason])]);
        let details = sequence(&[&template, &sequence(&[&extension])]);
        Message::new(system, 11, sequence(&[&details]))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let certificate = pki::Certificate::from_der(&self.system.certificate).unwrap();
        let sender = self.sender.clone().unwrap_or_else(|| certificate.subject().der().to_vec());
        let optional = |tag: u8, octets: &Option<Vec<u8>>| {
            octets.as_ref().map(|octets| tlv(tag, &tlv(4, octets))).unwrap_or_default()
        };
        let algorithm = self.algorithm.as_ref().map(|it| tlv(0xa1, it)).unwrap_or_default();
        let info = if self.implicit_confirm {
            let implicit = sequence(&[&tlv(6, &[0x2b, 6, 1, 5, 5, 7, 4, 13]), &[5, 0]]);
            tlv(0xa8, &sequence(&[&implicit]))
        } else {
            Vec::new()
        };
        let header = sequence(&[
            &[2, 1, self.version],
            &tlv(0xa4, &sender),
            &tlv(0xa4, &[0x30, 0]),
            &tlv(0xa0, &tlv(0x18, generalized(self.time).as_bytes())),
            &algorithm,
            &optional(0xa2, &self.sender_key_id),
            &optional(0xa4, &self.transaction_id),
            &optional(0xa5, &self.sender_nonce),
            &optional(0xa6, &self.recipient_nonce),
            &info,
        ]);
        let body = tlv(0xa0 | self.kind, &self.body);
        let part = sequence(&[&header, &body]);
        let protection = self.algorithm.as_ref().and_then(|it| SecretProtection::read(it).ok().flatten());
        let mut signature = match (&self.secret, protection) {
            (Some(secret), Some(protection)) => protection.code(secret, &part),
            _ => self.system.key.sign(&part).unwrap(),
        };
        if self.damage_signature {
            *signature.last_mut().unwrap() ^= 1;
        }
        let protection = if self.protect {
            tlv(0xa0, &tlv(3, &[&[0], signature.as_slice()].concat()))
        } else {
            Vec::new()
        };
        let certificates: Vec<&[u8]> = self.certificates.iter().map(Vec::as_slice).collect();
        let certificates =
            if certificates.is_empty() { Vec::new() } else { tlv(0xa1, &sequence(&certificates)) };
        sequence(&[&header, &body, &protection, &certificates])
    }
}

fn certificate_request(key: &KeyPair, name: &str, controls: &[u8]) -> Vec<u8> {
    template(&key.subject_public_key_info(), name, controls, &[])
}

fn template(public_key: &[u8], name: &str, controls: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let name: pki::Name = name.parse().unwrap();
    let mut public_key = public_key.to_vec();
    public_key[0] = 0xa6;
    let extensions = if extensions.is_empty() { Vec::new() } else { tlv(0xa9, &extensions.concat()) };
    let template = sequence(&[&tlv(0xa5, name.der()), &public_key, &extensions]);
    sequence(&[&[2, 1, 0], &template, controls])
}

fn signed(key: &KeyPair, request: &[u8]) -> Vec<u8> {
    let signature = key.sign(request).unwrap();
    tlv(0xa1, &[&ECDSA_SHA256[..], &tlv(3, &[&[0], signature.as_slice()].concat())].concat())
}

/// An answer as this reader sees it, with its signature verified.
pub(crate) struct Answer {
    pub(crate) body: u8,
    pub(crate) failure: Option<Vec<u8>>,
    pub(crate) text: String,
    pub(crate) certificate: Option<pki::Certificate>,
    pub(crate) nonce: Vec<u8>,
    pub(crate) recipient_nonce: Option<Vec<u8>>,
    /// Who signed it; nobody where a secret protects it.
    pub(crate) signer: Option<pki::Certificate>,
    whole: Vec<u8>,
}

impl Answer {
    pub(crate) fn read(der: &[u8]) -> Answer {
        Answer::read_by(der, None)
    }

    /// The same, where a secret may protect it.
    pub(crate) fn read_by(der: &[u8], secret: Option<&[u8]>) -> Answer {
        let message = pki::cmp::Message::from_der(der).unwrap();
        let header = message.header();
        let algorithm = header.protection_algorithm.clone().unwrap();
        let (part, code) = (message.protected_part(), message.protection().unwrap());
        let signer = if let Some(protection) = SecretProtection::read(&algorithm).unwrap() {
            protection.verify(secret.expect("nobody asked by a secret"), part, code).unwrap();
            None
        } else {
            let signer = message.extra_certificates()[0].clone();
            assert_eq!(header.sender_name.as_ref(), Some(signer.subject()));
            pki::verify_signature(signer.spki_der(), &algorithm, part, code).unwrap();
            Some(signer)
        };
        let body = element(&element(der).1[element(element(der).1).2..]);
        let (number, content) = (body.0 & 0x1f, body.1);
        Answer {
            body: number,
            failure: (number == 23).then(|| failure_of(content)),
            text: String::from_utf8_lossy(content).into_owned(),
            certificate: matches!(number, 1 | 3 | 8).then(|| certificate_of(content)),
            nonce: header.sender_nonce.clone().unwrap(),
            recipient_nonce: header.recipient_nonce.clone(),
            signer,
            whole: der.to_vec(),
        }
    }

    /// Whether these octets stand anywhere in it.
    pub(crate) fn holds(&self, octets: &[u8]) -> bool {
        self.whole.windows(octets.len()).any(|part| part == octets)
    }

    /// Whether the header has this piece of information.
    pub(crate) fn has_info(&self, oid: &str) -> bool {
        let message = pki::cmp::Message::from_der(&self.whole).unwrap();
        message.header().general_info.iter().any(|info| info.kind.to_string() == oid)
    }
}

/// Tag, content and length of the whole of the first element.
fn element(der: &[u8]) -> (u8, &[u8], usize) {
    let (header, length) = match der[1] {
        short @ 0..0x80 => (2, usize::from(short)),
        long => {
            let count = usize::from(long & 0x7f);
            let octets = &der[2..2 + count];
            (2 + count, octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)))
        }
    };
    (der[0], &der[header..header + length], header + length)
}

/// The content of the failInfo of an error.
fn failure_of(content: &[u8]) -> Vec<u8> {
    let mut rest = element(element(content).1).1;
    loop {
        let (tag, value, length) = element(rest);
        if tag == 3 {
            return value.to_vec();
        }
        rest = &rest[length..];
    }
}

/// The certificate of a `CertRepMessage`, wherever it stands.
fn certificate_of(content: &[u8]) -> pki::Certificate {
    let mut list = element(content).1;
    // caPubs
    if list[0] == 0xa1 {
        list = &list[element(list).2..];
    }
    let responses = element(list).1;
    let mut rest = element(responses).1;
    loop {
        let (tag, value, length) = element(rest);
        // CertifiedKeyPair is the one sequence that begins with [0].
        if tag == 0x30 && value[0] == 0xa0 {
            return pki::Certificate::from_der(element(value).1).unwrap();
        }
        rest = &rest[length..];
    }
}

/// The content of the bit string with this bit of RFC 9810 5.2.3.
pub(crate) fn failure(name: &str) -> Option<Vec<u8>> {
    const NAMES: [(&str, u8); 19] = [
        ("badAlg", 0),
        ("badMessageCheck", 1),
        ("badRequest", 2),
        ("badTime", 3),
        ("badCertId", 4),
        ("badDataFormat", 5),
        ("badPOP", 9),
        ("certRevoked", 10),
        ("certConfirmed", 11),
        ("wrongIntegrity", 12),
        ("badRecipientNonce", 13),
        ("unacceptedExtension", 16),
        ("badSenderNonce", 18),
        ("badCertTemplate", 19),
        ("signerNotTrusted", 20),
        ("transactionIdInUse", 21),
        ("unsupportedVersion", 22),
        ("notAuthorized", 23),
        ("systemUnavail", 24),
    ];
    let bit = NAMES.iter().find(|row| row.0 == name).map(|row| row.1);
    assert!(bit.is_some(), "no failure is called {name}");
    bit.map(|bit| {
        let mut octets = vec![0; usize::from(bit / 8) + 2];
        octets[0] = 7 - bit % 8;
        *octets.last_mut().unwrap() = 1 << (7 - bit % 8);
        octets
    })
}

pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match length {
        0..0x80 => out.push(length.to_le_bytes()[0]),
        0x80..0x100 => out.extend([0x81, length.to_le_bytes()[0]]),
        _ => out.extend([0x82, length.to_le_bytes()[1], length.to_le_bytes()[0]]),
    }
    out.extend_from_slice(content);
    out
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// Posts and answers the status.
pub(crate) async fn post(router: Router, path: &str, body: Vec<u8>) -> u16 {
    let request =
        Request::post(path).header("content-type", "application/pkixcmp").body(Body::from(body)).unwrap();
    router.oneshot(request).await.unwrap().status().as_u16()
}

/// Sixteen octets that no other message of this process has.
fn fresh() -> Vec<u8> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    [Clock::system().now().0.to_be_bytes(), number.to_be_bytes()].concat()
}

fn generalized(at: Millis) -> String {
    let moment = time::OffsetDateTime::from_unix_timestamp(at.0 / 1000).unwrap();
    let (hour, minute, second) = moment.to_hms();
    let (year, month, day) = (moment.year(), u8::from(moment.month()), moment.day());
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z")
}
