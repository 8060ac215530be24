//! tls-alpn-01: RFC 8737, and RFC 8738 6 for addresses.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use const_oid::ObjectIdentifier;
use der::{Decode as _, Encode as _};
use pki::{AlternativeName, Certificate};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::super::identifier::Identifier;
use super::super::problem::Kind;
use super::{Failed, Target, later};
use crate::digest::sha256;

/// RFC 8737 6.2.
const PROTOCOL: &[u8] = b"acme-tls/1";
/// id-pe-acmeIdentifier, RFC 8737 6.1.
const ACME_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.31");

/// Asks this very address.
pub(super) async fn check(target: &Target, address: SocketAddr) -> Result<(), Failed> {
    let refused = |_| later(Kind::Connection, format!("{address} did not take the connection"));
    let stream = TcpStream::connect(address).await.map_err(refused)?;
    let strange = |_| later(Kind::Tls, "the name cannot be asked for in TLS");
    let name = ServerName::try_from(asked_for(&target.identifier)).map_err(strange)?;
    let config = config().map_err(|error| later(Kind::ServerInternal, error.to_string()))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream =
        connected.map_err(|_| later(Kind::Tls, format!("{address} did not answer in TLS as it must")))?;
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() != Some(PROTOCOL) {
        return Err(later(Kind::Tls, "it did not choose the protocol acme-tls/1"));
    }
    let shown = session.peer_certificates().unwrap_or_default();
    let [certificate] = shown else {
        return Err(later(Kind::IncorrectResponse, "it showed no certificate, or several"));
    };
    match fault(certificate, target) {
        None => Ok(()),
        Some(fault) => Err(later(Kind::IncorrectResponse, fault)),
    }
}

/// RFC 8737 3: one name, and the digest of the key authorization in a critical extension.
fn fault(certificate: &[u8], target: &Target) -> Option<&'static str> {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return Some("its certificate cannot be read");
    };
    let expected = match &target.identifier {
        Identifier::Ip(IpAddr::V4(address)) => AlternativeName::Ip(address.octets().to_vec()),
        Identifier::Ip(IpAddr::V6(address)) => AlternativeName::Ip(address.octets().to_vec()),
        other => AlternativeName::Dns(other.value()),
    };
    let [named] = certificate.subject_alternative_names() else {
        return Some("its certificate does not have exactly one name");
    };
    let same = match (named, &expected) {
        (AlternativeName::Dns(named), AlternativeName::Dns(expected)) => named.eq_ignore_ascii_case(expected),
        (named, expected) => named == expected,
    };
    if !same {
        return Some("its certificate is for another name");
    }
    let extension = certificate.extensions().all.iter().find(|extension| extension.oid == ACME_IDENTIFIER);
    let Some(extension) = extension.filter(|extension| extension.critical) else {
        return Some("its certificate has no critical acmeIdentifier extension");
    };
    let digest = <&der::asn1::OctetStringRef>::from_der(&extension.value).ok();
    let right = digest.is_some_and(|digest| digest.as_bytes() == sha256(target.key_authorization.as_bytes()));
    if right { None } else { Some("its certificate does not hold the digest of the key authorization") }
}

/// RFC 8738 6: an address is asked for by its name in the reverse tree.
fn asked_for(identifier: &Identifier) -> String {
    match identifier {
        Identifier::Ip(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        Identifier::Ip(IpAddr::V6(address)) => {
            let mut name = String::new();
            for octet in address.octets().iter().rev() {
                // Writing to a String does not fail.
                let _ = write!(name, "{:x}.{:x}.", octet & 0x0f, octet >> 4);
            }
            name + "ip6.arpa"
        }
        other => other.value(),
    }
}

fn config() -> Result<ClientConfig, rustls::Error> {
    let provider: CryptoProvider = aws_lc_rs::default_provider();
    let algorithms = provider.signature_verification_algorithms;
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Shown { algorithms }))
        .with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// Takes whatever certificate is shown: it is made for this and signed by itself, and its content is the proof. That
/// whoever shows it has its key is checked in the handshake.
#[derive(Debug)]
struct Shown {
    algorithms: WebPkiSupportedAlgorithms,
}

impl Shown {
    /// webpki refuses the critical extension of RFC 8737, so the key is taken out by us.
    fn signed(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let bad = || rustls::Error::InvalidCertificate(rustls::CertificateError::BadSignature);
        let certificate = Certificate::from_der(certificate).map_err(|_| bad())?;
        let key = spki::SubjectPublicKeyInfoRef::from_der(certificate.spki_der()).map_err(|_| bad())?;
        // As rustls has it: the content of the AlgorithmIdentifier.
        let mut algorithm = key.algorithm.oid.to_der().map_err(|_| bad())?;
        if let Some(parameters) = key.algorithm.parameters {
            algorithm.extend(parameters.to_der().map_err(|_| bad())?);
        }
        let bits = key.subject_public_key.as_bytes().ok_or_else(bad)?;
        let candidates = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
        let (_, candidates) = candidates.ok_or_else(bad)?;
        for candidate in *candidates {
            if candidate.public_key_alg_id().as_ref() == algorithm.as_slice()
                && candidate.verify_signature(bits, message, signed.signature()).is_ok()
            {
                return Ok(HandshakeSignatureValid::assertion());
            }
        }
        Err(bad())
    }
}

impl ServerCertVerifier for Shown {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses are asked for by their names in the reverse tree, as RFC 8738 6 shows.
    #[test]
    fn addresses_have_reverse_names() {
        let name = |text: &str| asked_for(&Identifier::Ip(text.parse().unwrap()));
        assert_eq!(name("192.0.2.1"), "1.2.0.192.in-addr.arpa");
        assert_eq!(
            name("2001:db8::1"),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
    }
}
