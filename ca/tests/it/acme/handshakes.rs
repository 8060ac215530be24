//! tls-alpn-01 with a machine of our own: what a handshake must show, and what does not count.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use platform::db::Db;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::client::names;
use super::site::Site;

/// RFC 8737 6.1.
const ACME_IDENTIFIER: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 31];

/// What the machine shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Right,
    OtherDigest,
    NotCritical,
    OtherName,
    TwoNames,
    NoExtension,
    OtherProtocol,
}

const ALL: [Shown; 7] = [
    Shown::OtherDigest,
    Shown::NotCritical,
    Shown::OtherName,
    Shown::TwoNames,
    Shown::NoExtension,
    Shown::OtherProtocol,
    Shown::Right,
];

fn config(shown: Shown, key_authorization: &str) -> ServerConfig {
    let named: &[&str] = match shown {
        Shown::OtherName => &["larkfield.example"],
        Shown::TwoNames => &["localhost", "larkfield.example"],
        _ => &["localhost"],
    };
    let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(named).unwrap();
    let text = if shown == Shown::OtherDigest { "something else" } else { key_authorization };
    let value = [&[4, 32][..], digest(&SHA256, text.as_bytes()).as_ref()].concat();
    let mut extension = CustomExtension::from_oid_content(ACME_IDENTIFIER, value);
    extension.set_criticality(shown != Shown::NotCritical);
    if shown != Shown::NoExtension {
        params.custom_extensions.push(extension);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let private = provider.key_provider.load_private_key(private).unwrap();
    // By a resolver: rustls itself refuses the critical extension.
    let shown_key = SingleCertAndKey::from(CertifiedKey::new(vec![certificate.der().clone()], private));
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown_key));
    let protocol: &[u8] = if shown == Shown::OtherProtocol { b"http/1.1" } else { b"acme-tls/1" };
    config.alpn_protocols = vec![protocol.to_vec()];
    config
}

platform::both_engines! {
    /// Only a handshake in acme-tls/1 with one certificate for exactly this name, whose critical extension holds the digest
    /// of the key authorization, shows the name.
    async fn only_the_right_handshake_counts(db: Db) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let site = Site::with(db, |config| (config.tls_port, config.attempts) = (port, 20)).await;
        let acme = site.client().await;
        let (order, url) = acme.order(&names(&["localhost"])).await;
        let (challenge, key_authorization) = acme.challenges(&order, "tls-alpn-01").await.remove(0);
        let now = Arc::new(Mutex::new(config(ALL[0], &key_authorization)));
        let shown = Arc::clone(&now);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let config = Arc::new(shown.lock().unwrap().clone());
                tokio::spawn(async move {
                    if let Ok(mut stream) = TlsAcceptor::from(config).accept(stream).await {
                        // The other side ends it.
                        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1]).await;
                    }
                });
            }
        });
        let challenge = challenge["url"].as_str().unwrap();
        acme.post(challenge, &json!({})).await;
        for shown in ALL {
            *now.lock().unwrap() = config(shown, &key_authorization);
            assert_eq!(site.authority.do_due_acme().await, 1, "{shown:?}");
            let state = acme.fetch(challenge).await.json();
            let expected = if shown == Shown::Right { "valid" } else { "processing" };
            assert_eq!(state["status"], expected, "{shown:?}: {state}");
            site.hand.advance(Duration::from_mins(2));
        }
        assert_eq!(acme.fetch(&url).await.json()["status"], "ready");
    }
}
