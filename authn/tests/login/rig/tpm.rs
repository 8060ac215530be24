//! A TPM in software, as Windows Hello shows it: WebAuthn 8.3, and the structures of TCG's TPM 2.0 Library, part 2. It also does what a good
//! one never does.

use aws_lc_rs::digest::{SHA256, digest};
use ciborium::Value as Cbor;
use rcgen::{
    CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SigningKey as _,
};

use super::{Maker, SoftKey};

/// What is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoil {
    /// It is of another version.
    Version,
    /// What is signed was not made in it.
    Magic,
    /// What is signed is a quote.
    Type,
    /// It is about another registration.
    ExtraData,
    /// Another key is certified.
    Name,
    /// The key in it is another one.
    Key,
    /// Something else was signed.
    Signature,
    /// Nothing is shown to lead to a root.
    NoCertificate,
    /// The certificate names a subject.
    Subject,
    /// It does not name the model of the TPM.
    Alternative,
    /// A reader that knows no such names may pass them by.
    Uncritical,
    /// Its key is for clients of TLS.
    Purpose,
    /// It is an authority's.
    Authority,
    /// It does not say whether it is one.
    Unconstrained,
    /// It is for another model of keys.
    Model,
    /// The key may leave the TPM.
    Movable,
    /// It is signed by SHA-1, or says so.
    Sha1,
}

/// A TPM with its attestation key.
pub(crate) struct SoftTpm {
    model: uuid::Uuid,
    algorithm: i64,
    aik: KeyPair,
    certificate: Vec<u8>,
    spoil: Option<Spoil>,
}

impl SoftTpm {
    /// One whose attestation key is certified by this maker, and signs by ECDSA.
    pub(crate) fn of(maker: &Maker, spoil: Option<Spoil>) -> Self {
        Self::signing(maker, spoil, (-7, KeyPair::generate().unwrap()))
    }

    /// One that signs by RSA.
    pub(crate) fn of_rsa(maker: &Maker) -> Self {
        Self::signing(maker, None, (-257, KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap()))
    }

    fn signing(maker: &Maker, spoil: Option<Spoil>, (algorithm, aik): (i64, KeyPair)) -> Self {
        let certificate = certificate(maker, &aik, spoil);
        Self { model: maker.aaguid, algorithm, aik, certificate, spoil }
    }

    fn is(&self, spoil: Spoil) -> bool {
        self.spoil == Some(spoil)
    }

    /// A key that lies in it.
    pub(crate) fn key(self) -> SoftKey {
        let model = self.model;
        let stating = move |point: &[u8], data: &[u8], client: &[u8]| self.statement(point, data, client);
        SoftKey::inside(model, Box::new(stating))
    }

    /// What it states of the key with this point.
    fn statement(&self, point: &[u8], data: &[u8], client_data: &[u8]) -> Cbor {
        let public = self.public(point);
        let bound = digest(&SHA256, &[data, digest(&SHA256, client_data).as_ref()].concat());
        let certified = self.certified(bound.as_ref(), &public);
        let signed = if self.is(Spoil::Signature) { &public } else { &certified };
        let signature = self.aik.sign(signed).unwrap();
        let chain = if self.is(Spoil::NoCertificate) {
            Vec::new()
        } else {
            vec![Cbor::Bytes(self.certificate.clone())]
        };
        let member = |name: &str, value: Cbor| (Cbor::Text(name.to_owned()), value);
        Cbor::Map(vec![
            member("alg", Cbor::from(if self.is(Spoil::Sha1) { -65_535 } else { self.algorithm })),
            member("sig", Cbor::Bytes(signature)),
            member("ver", Cbor::Text(if self.is(Spoil::Version) { "1.2" } else { "2.0" }.to_owned())),
            member("x5c", Cbor::Array(chain)),
            member("pubArea", Cbor::Bytes(public)),
            member("certInfo", Cbor::Bytes(certified)),
        ])
    }

    /// `TPMT_PUBLIC`.
    fn public(&self, point: &[u8]) -> Vec<u8> {
        let mut point = point.to_vec();
        point[1] ^= u8::from(self.is(Spoil::Key));
        let attributes: u32 = if self.is(Spoil::Movable) { 0x0006_0460 } else { 0x0006_0472 };
        let mut area = vec![0x00, 0x23, 0x00, 0x0b];
        area.extend(attributes.to_be_bytes());
        area.extend(sized(&[]));
        // No symmetric algorithm, ECDSA with SHA-256, P-256, no derivation.
        area.extend([0x00, 0x10, 0x00, 0x18, 0x00, 0x0b, 0x00, 0x03, 0x00, 0x10]);
        area.extend(sized(&point[1..33]));
        area.extend(sized(&point[33..65]));
        area
    }

    /// `TPMS_ATTEST` with a `TPMS_CERTIFY_INFO`.
    fn certified(&self, bound: &[u8], public: &[u8]) -> Vec<u8> {
        let mut bound = bound.to_vec();
        bound[0] ^= u8::from(self.is(Spoil::ExtraData));
        let mut name = [&[0x00, 0x0b][..], digest(&SHA256, public).as_ref()].concat();
        name[33] ^= u8::from(self.is(Spoil::Name));
        let magic: u32 = if self.is(Spoil::Magic) { 0xff54_4348 } else { 0xff54_4347 };
        let kind: u16 = if self.is(Spoil::Type) { 0x8018 } else { 0x8017 };
        let mut info = magic.to_be_bytes().to_vec();
        info.extend(kind.to_be_bytes());
        info.extend(sized(&[0x00, 0x0b, 7, 7]));
        info.extend(sized(&bound));
        // Clock, resets, restarts, safe; the firmware's version.
        info.extend([0; 17]);
        info.extend(7_u64.to_be_bytes());
        info.extend(sized(&name));
        info.extend(sized(&[0x00, 0x0b, 8, 8]));
        info
    }
}

/// `TPM2B`.
fn sized(octets: &[u8]) -> Vec<u8> {
    [&u16::try_from(octets.len()).unwrap().to_be_bytes()[..], octets].concat()
}

/// A certificate as WebAuthn 8.3.1 wants it.
fn certificate(maker: &Maker, aik: &KeyPair, spoil: Option<Spoil>) -> Vec<u8> {
    let is = |one: Spoil| spoil == Some(one);
    let mut leaf = CertificateParams::default();
    leaf.distinguished_name = rcgen::DistinguishedName::new();
    if is(Spoil::Subject) {
        leaf.distinguished_name.push(DnType::CommonName, "AIK");
    }
    leaf.is_ca = match spoil {
        Some(Spoil::Authority) => IsCa::Ca(rcgen::BasicConstraints::Unconstrained),
        Some(Spoil::Unconstrained) => IsCa::NoCa,
        _ => IsCa::ExplicitNoCa,
    };
    leaf.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![if is(Spoil::Purpose) {
        ExtendedKeyUsagePurpose::ClientAuth
    } else {
        ExtendedKeyUsagePurpose::Other(vec![2, 23, 133, 8, 3])
    }];
    let mut names = CustomExtension::from_oid_content(&[2, 5, 29, 17], names(spoil));
    names.set_criticality(!is(Spoil::Uncritical));
    leaf.custom_extensions.push(names);
    let mut model = maker.aaguid.as_bytes().to_vec();
    model[0] ^= u8::from(is(Spoil::Model));
    let model = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4], der(0x04, &model));
    leaf.custom_extensions.push(model);
    leaf.signed_by(aik, &maker.root).unwrap().der().to_vec()
}

/// `GeneralNames` with one directory name: manufacturer, model and version of the TPM.
fn names(spoil: Option<Spoil>) -> Vec<u8> {
    let mut attributes = Vec::new();
    for (last, text) in [(1, "id:494E5443"), (2, "soft"), (3, "id:00020000")] {
        if last == 2 && spoil == Some(Spoil::Alternative) {
            continue;
        }
        let oid = der(0x06, &[0x67, 0x81, 0x05, 0x02, last]);
        attributes.extend(der(0x30, &[oid, der(0x0c, text.as_bytes())].concat()));
    }
    der(0x30, &der(0xa4, &der(0x30, &der(0x31, &attributes))))
}

/// One value with a length below 128.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    assert!(length < 128);
    [&[tag, length][..], content].concat()
}
