//! A security key in software, written from the standard (WebAuthn level 2), so that it can also do what a good one never does.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ciborium::Value as Cbor;
use serde_json::{Value, json};

use super::ISSUER;

/// A maker of keys, who certifies them.
pub(crate) struct Maker {
    pub(super) root: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
    pub(crate) aaguid: uuid::Uuid,
    /// Whether its keys are `external` or `internal`.
    pub(crate) hint: &'static str,
}

impl Maker {
    pub(crate) fn new() -> Self {
        let mut root = rcgen::CertificateParams::default();
        root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        root.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
        root.distinguished_name.push(rcgen::DnType::CommonName, "Blue keys root");
        let key = rcgen::KeyPair::generate().unwrap();
        let root = rcgen::CertifiedIssuer::self_signed(root, key).unwrap();
        Self { root, aaguid: uuid::Uuid::now_v7(), hint: "external" }
    }

    /// An entry of the FIDO metadata about its model.
    pub(crate) fn entry(&self, status: &str) -> Value {
        json!({
            "aaguid": self.aaguid.to_string(),
            "metadataStatement": {
                "description": "Blue key", "keyProtection": ["hardware", "secure_element"], "attachmentHint": [self.hint],
                "attestationRootCertificates": [STANDARD.encode(self.root.der())],
            },
            "statusReports": [{"status": status, "effectiveDate": "2026-01-01"}],
        })
    }

    /// A certificate as WebAuthn 8.2.1 wants it, and its key.
    fn certificate(&self) -> (Vec<u8>, EcdsaKeyPair) {
        let mut leaf = rcgen::CertificateParams::default();
        for (kind, text) in [
            (rcgen::DnType::CountryName, "GB"),
            (rcgen::DnType::OrganizationName, "Blue keys"),
            (rcgen::DnType::OrganizationalUnitName, "Authenticator Attestation"),
            (rcgen::DnType::CommonName, "Blue key"),
        ] {
            leaf.distinguished_name.push(kind, text);
        }
        leaf.is_ca = rcgen::IsCa::ExplicitNoCa;
        let octets = [&[0x04, 16], self.aaguid.as_bytes().as_slice()].concat();
        let model = rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4], octets);
        leaf.custom_extensions.push(model);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = leaf.signed_by(&key, &self.root).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.serialized_der()).unwrap();
        (certificate.der().to_vec(), pair)
    }
}

/// States something of a key, by its point, its authenticator data and the client data.
pub(crate) type Stating = Box<dyn Fn(&[u8], &[u8], &[u8]) -> Cbor + Send + Sync>;

/// A key. What it is and does can be changed between two uses.
pub(crate) struct SoftKey {
    pair: EcdsaKeyPair,
    pub(crate) id: Vec<u8>,
    pub(crate) handle: Vec<u8>,
    /// What it counts; none for one that does not count.
    pub(crate) counter: Option<u32>,
    /// Whether it verifies its user.
    pub(crate) verifies: bool,
    /// Whether its key may be copied.
    pub(crate) copyable: bool,
    /// The site it believes to be on, where it is not told.
    pub(crate) rp_id: Option<&'static str>,
    /// The page it believes to be on.
    pub(crate) origin: &'static str,
    attestation: Option<(uuid::Uuid, Vec<u8>, EcdsaKeyPair)>,
    /// Whether it states that in the form of a TPM that signs by SHA-1, as Windows has it.
    pub(crate) tpm: bool,
    /// What states something of it in the form of a TPM, and its model.
    stated: Option<(uuid::Uuid, Stating)>,
}

impl SoftKey {
    /// A key that counts, verifies and does not prove what it is.
    pub(crate) fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let mut id = vec![0; 32];
        aws_lc_rs::rand::fill(&mut id).unwrap();
        Self {
            pair,
            id,
            handle: Vec::new(),
            counter: Some(0),
            verifies: true,
            copyable: false,
            rp_id: None,
            origin: ISSUER,
            attestation: None,
            tpm: false,
            stated: None,
        }
    }

    /// A passkey of a phone.
    pub(crate) fn synced() -> Self {
        Self { copyable: true, counter: None, ..Self::new() }
    }

    /// A key that proves its maker.
    pub(crate) fn of(maker: &Maker) -> Self {
        let (certificate, pair) = maker.certificate();
        Self { attestation: Some((maker.aaguid, certificate, pair)), ..Self::new() }
    }

    /// A key in a TPM, as Windows Hello makes it, of which the TPM states this.
    pub(crate) fn inside(model: uuid::Uuid, stating: Stating) -> Self {
        Self { stated: Some((model, stating)), ..Self::new() }
    }

    /// WebAuthn 6.1.
    fn data(&self, rp_id: &str, attested: Option<&[u8]>) -> Vec<u8> {
        let mut flags = 0x01;
        for (set, flag) in [(self.verifies, 0x04), (self.copyable, 0x08 | 0x10), (attested.is_some(), 0x40)] {
            flags |= if set { flag } else { 0 };
        }
        let mut data = digest(&SHA256, self.rp_id.unwrap_or(rp_id).as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend(self.counter.unwrap_or(0).to_be_bytes());
        data.extend(attested.unwrap_or_default());
        data
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false})
            .to_string()
            .into_bytes()
    }

    /// Makes its credential. WebAuthn 6.3.2
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        let options = &options["publicKey"];
        assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
        assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(options["attestation"], "direct");
        self.handle = URL_SAFE_NO_PAD.decode(options["user"]["id"].as_str().unwrap()).unwrap();
        let point = self.pair.public_key().as_ref();
        let int = |number: i64| Cbor::from(number);
        let public = Cbor::Map(vec![
            (int(1), int(2)),
            (int(3), int(-7)),
            (int(-1), int(1)),
            (int(-2), Cbor::Bytes(point[1..33].to_vec())),
            (int(-3), Cbor::Bytes(point[33..65].to_vec())),
        ]);
        let attested = self.attestation.as_ref().map(|it| it.0);
        let aaguid = self.stated.as_ref().map(|it| it.0).or(attested).unwrap_or_default();
        let mut attested = aaguid.as_bytes().to_vec();
        attested.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        attested.extend(&self.id);
        ciborium::into_writer(&public, &mut attested).unwrap();
        let data = self.data(options["rp"]["id"].as_str().unwrap(), Some(&attested));
        let client = self.client_data("webauthn.create", &options["challenge"]);
        let text = |text: &str| Cbor::Text(text.to_owned());
        let (format, statement) = match (&self.stated, &self.attestation) {
            (Some((_, stating)), _) => ("tpm", stating(point, &data, &client)),
            (None, None) => ("none", Cbor::Map(Vec::new())),
            // WebAuthn 8.3, with SHA-1 as Windows has it; what it certifies nobody here looks at.
            (None, Some((_, certificate, _))) if self.tpm => {
                let octets = || Cbor::Bytes(vec![0xff; 64]);
                let statement = vec![
                    (text("ver"), text("2.0")),
                    (text("alg"), int(-65535)),
                    (text("x5c"), Cbor::Array(vec![Cbor::Bytes(certificate.clone())])),
                    (text("sig"), octets()),
                    (text("certInfo"), octets()),
                    (text("pubArea"), octets()),
                ];
                ("tpm", Cbor::Map(statement))
            }
            (None, Some((_, certificate, pair))) => {
                let signature = sign(pair, &data, &client);
                let chain = Cbor::Array(vec![Cbor::Bytes(certificate.clone())]);
                let statement =
                    vec![(text("alg"), int(-7)), (text("sig"), Cbor::Bytes(signature)), (text("x5c"), chain)];
                ("packed", Cbor::Map(statement))
            }
        };
        let object = Cbor::Map(vec![
            (text("fmt"), text(format)),
            (text("attStmt"), statement),
            (text("authData"), Cbor::Bytes(data)),
        ]);
        let mut bytes = Vec::new();
        ciborium::into_writer(&object, &mut bytes).unwrap();
        json!({
            "id": encoded(&self.id), "rawId": encoded(&self.id), "type": "public-key", "extensions": {},
            "response": {"attestationObject": encoded(&bytes), "clientDataJSON": encoded(&client), "transports": ["usb"]},
        })
    }

    /// Signs in. WebAuthn 6.3.3
    pub(crate) fn get(&mut self, options: &Value) -> Value {
        let options = &options["publicKey"];
        assert_eq!(options["userVerification"], "required");
        self.counter = self.counter.map(|counter| counter + 1);
        let data = self.data(options["rpId"].as_str().unwrap(), None);
        let client = self.client_data("webauthn.get", &options["challenge"]);
        json!({
            "id": encoded(&self.id), "rawId": encoded(&self.id), "type": "public-key", "extensions": {},
            "response": {
                "authenticatorData": encoded(&data), "clientDataJSON": encoded(&client),
                "signature": encoded(&sign(&self.pair, &data, &client)), "userHandle": encoded(&self.handle),
            },
        })
    }
}

fn sign(pair: &EcdsaKeyPair, data: &[u8], client: &[u8]) -> Vec<u8> {
    let signed = [data, digest(&SHA256, client).as_ref()].concat();
    pair.sign(&SystemRandom::new(), &signed).unwrap().as_ref().to_vec()
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
