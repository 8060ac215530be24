//! Keys that look like any other and can be taken apart, by every road: none is certified and none leaves a row.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{CertificateQuery, ENROL, ISSUE, IssueRequest, KeySource};
use platform::db::Db;
use serde_json::Value;

use crate::acme::client::{csr, names};
use crate::acme::site::Site;
use crate::cmp::send;
use crate::cmp_client::{Message, failure, sequence, tlv};
use crate::roads::Roads;
use crate::world::{person, system};

/// A modulus made as the faulty library of CVE-2017-15361 made them, in hexadecimal.
const ROCA: &str = "bd85f45da057d37b0de84b93fbabdbc8c8c32161754837f3c16f1d088968d1c7a6a03d7c6a56a84e3c9b4e511015788db7ee\
    9a7eac3a9c5c577b66045c1d04f0ae071c127a40dddbf79696433789c8c400f91c180f06009737e380a0a479344d3242c57a\
    c7e95e23e2d40dfb8d6c75d8bd2a06622df8eed7807eb7892aebb1323ca73e4485cd6c806e2db6ca7b2a39e4a24817b72561\
    41654b3d155617a3c56cdfbc0b642b809d570693069d2422b104d744368dbfef2398c3cd1a25777fb2025d3118ef693da716\
    d94c821319414a3aebb28b5975953177a76ab137b67c53bc814dbdcd3b3168366bb9d1a7f02de4a80479813cfc9244a44025\
    042d74b73ff5";

/// A PKCS#10 request of `larkfield`, in base64, for a key whose modulus is the product of two neighbouring primes
/// (CVE-2022-26320). It is signed with that key, which anybody can compute from it.
const CLOSE: &str = "MIICWTCCAUECAQAwFDESMBAGA1UEAwwJbGFya2ZpZWxkMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA+evGRzg+9FHE\
    +nj8/4eN20ySxneouGWcIs+Mo2hV2hcedcgN/aiLmxMfLo7SBumymuUfb9ryu9+siCgrHgoCpZbh3pJUp0WY4DnVbkSzijQzSXsl\
    Vh6jEOn898tWVNF7RBzzZeCFUkmgyO5yZkOIXVZuanTZVPBP+mjS8paqUsqT8B7Gl9ZbJgZ6f+e4rhJv/MUR5XSixcy98PaLq2T2\
    r73lnYxGHwQM1tfZdsvIkvG3/lTc1PpVYi95xJGHWAyF7Ub9b9a4kMmWqC0anutj6HC1ce1QK3l5RFecAqlRURFSiZxyDqFU/O8V\
    06Aw4nWtjt1IeJ9/tjEzmkMHC3SC0wIDAQABoAAwDQYJKoZIhvcNAQELBQADggEBAGDQTB3wrZJ5lT6FtRoYHXIr4r+38ui8WLgQ\
    SeM2vM1XvjpO74vgW1R+/kU6XtNrOw+ABdUtrxCFihr/ACZGS3cpCyeQ8EepAIlMqAEq4Qi7leeUnmEA1QckQCOTT2oGs5ZQ0H6R\
    IugOfgum9mJE0KJ5UB7MSUEfz9GIjQ/Jqa11CMNQfgjmJlFKdFhW1RaxvRdMBaua18S5HFcD4plinAZcxQqlejCWwbqlgqJJGVE1\
    ScEBtwp5W4iySy8AQ7D40DlMERdPwNklyUhhIxPu4ve8gQEn2nsroDYZ75rHiBbl/59lsuCxbOOBpIFEC/39zqCHtn1psnsBEtGx\
    5YPNeCc=";

/// The same key's request for the host name `localhost`.
const CLOSE_HOST: &str = "MIICbDCCAVQCAQAwADCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAPnrxkc4PvRRxPp4/P+HjdtMksZ3qLhlnCLPjKNo\
    VdoXHnXIDf2oi5sTHy6O0gbpsprlH2/a8rvfrIgoKx4KAqWW4d6SVKdFmOA51W5Es4o0M0l7JVYeoxDp/PfLVlTRe0Qc82XghVJJ\
    oMjucmZDiF1Wbmp02VTwT/po0vKWqlLKk/AexpfWWyYGen/nuK4Sb/zFEeV0osXMvfD2i6tk9q+95Z2MRh8EDNbX2XbLyJLxt/5U\
    3NT6VWIvecSRh1gMhe1G/W/WuJDJlqgtGp7rY+hwtXHtUCt5eURXnAKpUVERUomccg6hVPzvFdOgMOJ1rY7dSHiff7YxM5pDBwt0\
    gtMCAwEAAaAnMCUGCSqGSIb3DQEJDjEYMBYwFAYDVR0RBA0wC4IJbG9jYWxob3N0MA0GCSqGSIb3DQEBCwUAA4IBAQAM9nTTNOe/\
    WVOMr7xuSONQSr67pNEMWMiUfH4nQIhl6NZtx3mkj8BQkUzIdcJX2YNxFggQYwdoFcaUejOsftCihFMy8sxtuBXk+WfqfhuNb0Dp\
    cs22w5Oy1KnV8WYKCmE+gBXW1vkukjwhbA1vqzy9fHoAholNbk3sQD3qBCylyFFKW560ZlPwl/7UZoxzciCKQCCd29aWAduZiESs\
    FjZ4HhWpOGO0uefISO16Gd9X3eClEN4nP91IppoplSG7bQK8bZUFNJHqYRVyaOfI965zsQ0k1pv7Gm9vWuL9piWfxRY/ggBsZmBN\
    0oWKwpX1MFMrQhMrcHWq/1ADPDSeNf9S";

/// A request of `larkfield` for an RSA key of 1024 bits, signed with it.
const SHORT: &str = "MIIBUzCBvQIBADAUMRIwEAYDVQQDDAlsYXJrZmllbGQwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBAKU1RYZ7K1vZ7KE2dCJh\
    6ZHGLooS4Ivis10egRKyLGNughARURO0f/+gitDe5RLBTLC2XwpvJGbAU794tcYOmyxCbAH9x3PyWvbvy21CR66ak1a0x0GuxhI6\
    U/VtZQr+ZFr7xgSq97Eq6b3dzBiTtyVLs4OZeqEiYyFMM7KXalSXAgMBAAGgADANBgkqhkiG9w0BAQsFAAOBgQBTdgXCZdMbap5B\
    QYqARxCj6FxxW3STp4Ak4aRnLoB07jtLJsl6+0viPGb6ozAiggm2xUX6eHEUaN3UUM2TgTBx2TcB4xOdMI/gdjU/5AwBY52nvXFt\
    iGjirLD7six+t3+owZwixYJlK74bkNyPqGmjzrT6OIkE0zd1tNCgxZkiVg==";

/// The RSA key of a modulus as `SubjectPublicKeyInfo`, with the exponent 65537.
fn public_key(modulus: &str) -> Vec<u8> {
    let modulus = [&[0], hex::decode(modulus).unwrap().as_slice()].concat();
    let algorithm = sequence(&[&tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), &[5, 0]]);
    let key = sequence(&[&tlv(2, &modulus), &[2, 3, 1, 0, 1]]);
    sequence(&[&algorithm, &tlv(3, &[&[0], key.as_slice()].concat())])
}

platform::both_engines! {
    /// A key with the mark of ROCA and one with factors close together are refused at the API, by EST and by CMP, with a
    /// reason, though the request is signed with the key or an authority vouches for it.
    async fn weak_keys_are_refused_by_every_road(db: Db) {
        let roads = Roads::new(db).await;
        let desk = roads.system("larkfield", &[ENROL, ISSUE]).await;
        let all = async || {
            let query = CertificateQuery { limit: Some(500), ..CertificateQuery::default() };
            let page = roads.world.client.certificates(&query).await.unwrap();
            // The signer of CMP's answers is made when the first is needed.
            let others = page.certificates.into_iter().filter(|one| one.profile != "cmp-responder");
            others.map(|one| one.serial).collect::<Vec<_>>()
        };
        let before = all().await;
        let (roca, close) = (public_key(ROCA), STANDARD.decode(CLOSE).unwrap());
        let request = KeySource::Csr(pki::to_pem("CERTIFICATE REQUEST", &close));
        for (id, key, told) in
            [("roca", KeySource::public_key(&roca), "CVE-2017-15361"), ("close", request, "too close together")]
        {
            for (profile, subject) in [("card-signing", person()), ("system-tls-client", system())] {
                let asked = IssueRequest::new(format!("{id}-{profile}"), profile, subject, key.clone());
                let problem = roads.world.client.issue(&asked).await.unwrap_err();
                assert!(problem.code == "key-refused" && problem.detail.contains(told), "{id}: {problem:?}");
            }
        }
        let body = STANDARD.encode(&close).into_bytes();
        let (parts, said) =
            roads.post("/.well-known/est/simpleenroll", "application/pkcs10", body, Some(&desk)).await;
        let said: Value = serde_json::from_slice(&said).unwrap();
        assert_eq!((parts.status.as_u16(), said["code"].as_str()), (400, Some("key-refused")), "{said}");
        for message in [Message::vouched(&desk, &roca, "larkfield"), Message::new(&desk, 4, close)] {
            let said = send(&roads, &message).await;
            assert_eq!(said.failure, failure("badCertTemplate"), "{}", said.text);
        }
        assert_eq!(all().await, before, "a refused key left a row");
    }

    /// By ACME the same: the reason is told, no certificate comes of the order, and a good key is certified on it after that.
    async fn weak_keys_are_refused_by_acme(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let (order, _) = acme.order(&names(&["localhost"])).await;
        site.validate(&acme, &order).await;
        for (request, told) in [(CLOSE_HOST, "too close together"), (SHORT, "1024 bits")] {
            let said = acme.finalize(&order, &STANDARD.decode(request).unwrap()).await;
            assert_eq!(said.problem(), "badCSR", "{said:?}");
            assert!(said.json()["detail"].as_str().unwrap().contains(told), "{said:?}");
        }
        let query = CertificateQuery { common_name: Some("localhost".to_owned()), ..CertificateQuery::default() };
        assert!(site.world.client.certificates(&query).await.unwrap().certificates.is_empty());
        assert_eq!(acme.finalize(&order, &csr(&["localhost"])).await.json()["status"], "valid");
    }

    /// Of a short key, whose signature nobody verifies, its size is told and not that it has not signed.
    async fn a_short_key_is_told_its_size(db: Db) {
        let roads = Roads::new(db).await;
        let desk = roads.system("larkfield", &[ENROL]).await;
        let short = STANDARD.decode(SHORT).unwrap();
        let request = KeySource::Csr(pki::to_pem("CERTIFICATE REQUEST", &short));
        let asked = IssueRequest::new("short", "system-tls-client", system(), request);
        let problem = roads.world.client.issue(&asked).await.unwrap_err();
        assert!(problem.code == "key-refused" && problem.detail.contains("1024 bits"), "{problem:?}");
        let body = SHORT.as_bytes().to_vec();
        let (parts, said) =
            roads.post("/.well-known/est/simpleenroll", "application/pkcs10", body, Some(&desk)).await;
        let said: Value = serde_json::from_slice(&said).unwrap();
        assert_eq!((parts.status.as_u16(), said["code"].as_str()), (400, Some("key-refused")), "{said}");
        let said = send(&roads, &Message::new(&desk, 4, short)).await;
        assert!(said.failure == failure("badCertTemplate") && said.text.contains("1024 bits"), "{}", said.text);
        // One that has not signed is told so as before.
        let mut forged = STANDARD.decode(CLOSE).unwrap();
        *forged.last_mut().unwrap() ^= 1;
        let good = rcgen::KeyPair::generate().unwrap();
        let mut unsigned = crate::roads::csr(&good, &[(rcgen::DnType::CommonName, "larkfield")], &[]);
        *unsigned.last_mut().unwrap() ^= 1;
        for (octets, code) in [(forged, "key-refused"), (unsigned, "csr-refused")] {
            let body = STANDARD.encode(&octets).into_bytes();
            let (_, said) =
                roads.post("/.well-known/est/simpleenroll", "application/pkcs10", body, Some(&desk)).await;
            let said: Value = serde_json::from_slice(&said).unwrap();
            assert_eq!(said["code"].as_str(), Some(code), "{said}");
        }
        assert_eq!(roads.count("larkfield").await, 1, "only the one it came with");
    }
}
