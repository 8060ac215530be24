//! What is read from certificates and CRLs, value by value.

use der::asn1::{GeneralizedTime, Ia5String, ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Encode};
use pki::{AlternativeName, Certificate, CertificatePolicy, Crl, KeyUsage, Name, Reason, Serial};
use rcgen::{
    CertificateParams, CertificateRevocationListParams, CustomExtension, DnType, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevocationReason, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use x509_cert::ext::pkix::certpolicy::{CertificatePolicies, PolicyInformation, PolicyQualifierInfo};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AccessDescription, AuthorityInfoAccessSyntax, PrivateKeyUsagePeriod};

/// 1 June 2028 and 1 January 2027 in milliseconds.
const JUNE_2028: i64 = 1_843_430_400_000;
const JANUARY_2027: i64 = 1_798_761_600_000;

fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new(text).unwrap()
}

fn extension(arcs: &[u64], value: &impl Encode) -> CustomExtension {
    CustomExtension::from_oid_content(arcs, value.to_der().unwrap())
}

fn policy() -> CustomExtension {
    let cps = Any::encode_from(&Ia5String::new("https://pki.example/cps").unwrap()).unwrap();
    let qualifier =
        PolicyQualifierInfo { policy_qualifier_id: oid("1.3.6.1.5.5.7.2.1"), qualifier: Some(cps) };
    let information = PolicyInformation {
        policy_identifier: oid("1.2.826.0.1.99.1"),
        policy_qualifiers: Some(vec![qualifier]),
    };
    let mut extension = extension(&[2, 5, 29, 32], &CertificatePolicies(vec![information]));
    extension.set_criticality(true);
    extension
}

fn access() -> CustomExtension {
    let uri = |text: &str| GeneralName::UniformResourceIdentifier(Ia5String::new(text).unwrap());
    let access = |method: &str, text: &str| AccessDescription {
        access_method: oid(method),
        access_location: uri(text),
    };
    let list = vec![
        access("1.3.6.1.5.5.7.48.1", "http://ocsp.example/"),
        access("1.3.6.1.5.5.7.48.2", "http://pki.example/remote.cer"),
    ];
    extension(&[1, 3, 6, 1, 5, 5, 7, 1, 1], &AuthorityInfoAccessSyntax(list))
}

fn usage_period() -> CustomExtension {
    let end = GeneralizedTime::from_unix_duration(std::time::Duration::from_millis(JUNE_2028.unsigned_abs()))
        .unwrap();
    extension(&[2, 5, 29, 16], &PrivateKeyUsagePeriod { not_before: None, not_after: Some(end) })
}

/// A certificate of the shape a prescriber gets for remote signing.
fn prescriber() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Sample Trust");
    params.distinguished_name.push(DnType::CommonName, "555000000001_Ada_Byron");
    params.serial_number = Some(SerialNumber::from_slice(&[0x9f, 0, 1]));
    params.not_before = date_time_ymd(2027, 1, 1);
    params.not_after = date_time_ymd(2029, 1, 1);
    params.key_usages = vec![KeyUsagePurpose::ContentCommitment];
    let upn = rcgen::string::Ia5String::try_from("mail@example.org").unwrap();
    params.subject_alt_names = vec![
        SanType::OtherName((vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3], "ada@example.org".into())),
        SanType::Rfc822Name(upn),
    ];
    params.crl_distribution_points =
        vec![rcgen::CrlDistributionPoint { uris: vec!["http://crl.example/remote.crl".to_owned()] }];
    let statements = extension(&[1, 3, 6, 1, 5, 5, 7, 1, 3], &SetOfVec::<OctetString>::new());
    params.custom_extensions = vec![policy(), access(), usage_period(), statements];
    params
}

/// Every field and extension of a prescriber's certificate reads as what was written.
#[test]
fn a_prescribers_certificate_reads_as_written() {
    let der = prescriber().self_signed(&KeyPair::generate().unwrap()).unwrap();
    let certificate = Certificate::from_der(der.der()).unwrap();
    assert_eq!(certificate.serial().to_string(), "9f0001");
    assert_eq!(certificate.subject(), &"CN=555000000001_Ada_Byron,O=Sample Trust".parse::<Name>().unwrap());
    assert_eq!(certificate.common_name().as_deref(), Some("555000000001_Ada_Byron"));
    assert_eq!(certificate.not_before_ms(), JANUARY_2027);
    assert_eq!(certificate.key_usage(), Some(KeyUsage::NON_REPUDIATION));
    assert_eq!(certificate.extended_key_usage(), None);
    let cps = vec!["https://pki.example/cps".to_owned()];
    assert_eq!(certificate.policies(), [CertificatePolicy { oid: oid("1.2.826.0.1.99.1"), cps }]);
    let period = certificate.private_key_usage_period().unwrap();
    assert_eq!((period.not_before_ms, period.not_after_ms), (None, Some(JUNE_2028)));
    assert!(period.contains(JUNE_2028) && !period.contains(JUNE_2028 + 1));
    let uris: Vec<&str> =
        certificate.crl_distribution_points().iter().flat_map(pki::DistributionPoint::uris).collect();
    assert_eq!(uris, ["http://crl.example/remote.crl"]);
    assert_eq!(certificate.ocsp(), ["http://ocsp.example/"]);
    assert_eq!(certificate.ca_issuers(), ["http://pki.example/remote.cer"]);
    let upn = AlternativeName::Upn("ada@example.org".to_owned());
    assert_eq!(
        certificate.subject_alternative_names(),
        [upn, AlternativeName::Email("mail@example.org".to_owned())]
    );
    assert_eq!(certificate.extensions().qc_statements.as_deref(), Some(&[0x31, 0][..]));
    assert_eq!(certificate.extensions().unknown_critical(), []);
    assert!(!certificate.is_ca());
}

/// A certificate reads back from PEM, with others and text around it.
#[test]
fn chains_read_from_pem() {
    let make = || {
        Certificate::from_der(prescriber().self_signed(&KeyPair::generate().unwrap()).unwrap().der()).unwrap()
    };
    let chain = [make(), make()];
    let text = format!("the leaf\n{}and its issuer\n{}", chain[0].to_pem(), chain[1].to_pem());
    assert_eq!(Certificate::chain_from_pem(&text).unwrap(), chain);
    assert_eq!(Certificate::from_pem(&text).unwrap(), chain[0]);
    assert_ne!(chain[0].fingerprint_sha256(), chain[1].fingerprint_sha256());
    assert!(Certificate::from_pem("no certificate").is_err());
}

/// A critical extension nobody knows is reported; the same extension twice, and a broken one, are refused.
#[test]
fn odd_extensions_are_seen() {
    let read = |extensions: Vec<CustomExtension>| {
        let mut params = prescriber();
        params.custom_extensions = extensions;
        Certificate::from_der(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
    };
    let mut unknown = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    unknown.set_criticality(true);
    assert_eq!(read(vec![unknown]).unwrap().extensions().unknown_critical(), [oid("1.2.3.4")]);
    let twice = Err(pki::Error::DuplicateExtension { oid: oid("2.5.29.32") });
    assert_eq!(read(vec![policy(), policy()]), twice);
    let broken = CustomExtension::from_oid_content(&[2, 5, 29, 32], vec![0x30, 1]);
    assert_eq!(read(vec![broken]), Err(pki::Error::MalformedExtension { oid: oid("2.5.29.32") }));
}

/// In a CRL of 5,000 entries each one is found, with its values, and nothing that is not there.
#[test]
fn every_entry_of_a_large_crl_is_found() {
    // An odd multiplier scatters the serial numbers, so the list is not in their order.
    let serial = |n: u32| n.wrapping_mul(2_654_435_761).to_be_bytes();
    let entry = |n: u32| RevokedCertParams {
        serial_number: SerialNumber::from_slice(&serial(n)),
        revocation_time: date_time_ymd(2027, 1, 1),
        reason_code: n.is_multiple_of(2).then_some(RevocationReason::Superseded),
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2027, 1, 1),
        next_update: date_time_ymd(2027, 1, 8),
        crl_number: SerialNumber::from_slice(&[1, 0]),
        issuing_distribution_point: None,
        revoked_certs: (0..5000).map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let mut issuer = prescriber();
    issuer.key_usages.push(KeyUsagePurpose::CrlSign);
    let issuer = rcgen::Issuer::new(issuer, KeyPair::generate().unwrap());
    let crl = Crl::from_der(params.signed_by(&issuer).unwrap().der()).unwrap();
    assert_eq!((crl.len(), crl.number().and_then(|number| number.to_u64())), (5000, Some(256)));
    for n in 0..5000 {
        let found = crl.entry(&Serial::from_magnitude(&serial(n)).unwrap()).unwrap();
        assert_eq!(found.revoked_at_ms, JANUARY_2027);
        assert_eq!(found.reason, n.is_multiple_of(2).then_some(Reason::Superseded));
        let absent = Serial::from_magnitude(&serial(n + 5000)).unwrap();
        assert_eq!(crl.entry(&absent), None);
    }
    let other: Name = "CN=other".parse().unwrap();
    assert_eq!(crl.entry_of(&other, &Serial::from_magnitude(&serial(7)).unwrap()), None);
    assert_eq!(Crl::from_pem(&crl.to_pem()).unwrap(), crl);
}

/// Values may be handed to other threads.
#[test]
fn values_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Certificate>();
    crosses::<Crl>();
    crosses::<pki::Csr>();
    crosses::<pki::path::Proof>();
    crosses::<pki::path::Error>();
}
