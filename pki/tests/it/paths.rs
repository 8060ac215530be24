//! Paths through certificates and CRLs made for the purpose.

use pki::path::{self, Error, Policy, Revocation, Unknown};
use pki::{Certificate, Crl, KeyUsage, Reason, eku};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, CrlScope, CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, NameConstraints, RevocationReason,
    RevokedCertParams, SerialNumber, date_time_ymd,
};

/// Noon of 1 June 2027, when everything below is valid unless it says otherwise.
const NOON: i64 = 1_811_851_200_000;
const DAY: i64 = 86_400_000;

/// A CA made for a test.
struct Ca {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    fn root(name: &str) -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let params = authority(name);
        let certificate = Certificate::from_der(params.self_signed(&key).unwrap().der()).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    fn below(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = Certificate::from_der(params.signed_by(&key, &self.issuer).unwrap().der()).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    fn leaf(&self, params: &CertificateParams) -> Certificate {
        let key = KeyPair::generate().unwrap();
        Certificate::from_der(params.signed_by(&key, &self.issuer).unwrap().der()).unwrap()
    }

    fn crl(&self, revoked: &[(u8, RevocationReason)]) -> Crl {
        self.crl_of(revoked, None)
    }

    fn crl_of(&self, revoked: &[(u8, RevocationReason)], place: Option<CrlIssuingDistributionPoint>) -> Crl {
        self.crl_from(31, revoked, place)
    }

    /// A list of this day of May.
    fn crl_from(
        &self,
        day: u8,
        revoked: &[(u8, RevocationReason)],
        place: Option<CrlIssuingDistributionPoint>,
    ) -> Crl {
        let entry = |(serial, reason): &(u8, RevocationReason)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[*serial]),
            revocation_time: date_time_ymd(2027, 5, 1),
            reason_code: Some(*reason),
            invalidity_date: Some(date_time_ymd(2027, 4, 1)),
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2027, 5, day),
            next_update: date_time_ymd(2027, 6, 3),
            crl_number: SerialNumber::from_slice(&[day]),
            issuing_distribution_point: place,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Crl::from_der(params.signed_by(&self.issuer).unwrap().der()).unwrap()
    }
}

fn named(name: &str, serial: u8) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Sample Trust");
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from_slice(&[serial]));
    params.not_before = date_time_ymd(2027, 1, 1);
    params.not_after = date_time_ymd(2028, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = named(name, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn person(serial: u8) -> CertificateParams {
    let mut params = named("555000000001_Ada_Byron", serial);
    params.key_usages = vec![KeyUsagePurpose::ContentCommitment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// Root, issuing CA, one leaf, and CRLs that revoke none of them.
struct House {
    root: Ca,
    issuing: Ca,
    leaf: Certificate,
    crls: Vec<Crl>,
}

impl House {
    fn build() -> Self {
        let root = Ca::root("Root");
        let issuing = root.below(authority("Issuing"));
        let leaf = issuing.leaf(&person(40));
        let crls = vec![root.crl(&[]), issuing.crl(&[(41, RevocationReason::KeyCompromise)])];
        Self { root, issuing, leaf, crls }
    }

    fn check(&self, leaf: &Certificate, at_ms: i64, policy: &Policy) -> Result<path::Proof, Error> {
        let (extra, anchors) = ([self.issuing.certificate.clone()], [self.root.certificate.clone()]);
        path::check(leaf, &extra, &anchors, &self.crls, at_ms, policy)
    }
}

fn off() -> Policy {
    Policy { revocation: Revocation::Off, ..Policy::default() }
}

/// A critical extension that says where CRLs are found is understood by whoever asks for revocation, also later, and not where nobody does.
#[test]
fn critical_places_of_lists_are_understood_where_lists_are_asked() {
    let house = House::build();
    let mut params = person(42);
    // One place, http://x/.
    let places = [&[0x30, 17, 0x30, 15, 0xA0, 13, 0xA0, 11, 0x86, 9][..], b"http://x/"].concat();
    let mut places = CustomExtension::from_oid_content(&[2, 5, 29, 31], places);
    places.set_criticality(true);
    params.custom_extensions = vec![places];
    let leaf = house.issuing.leaf(&params);
    let check =
        |revocation| house.check(&leaf, NOON, &Policy { revocation, ..Policy::default() }).map(|_| ());
    for revocation in [Revocation::Required, Revocation::RequiredAsOf(NOON), Revocation::Later] {
        assert_eq!(check(revocation), Ok(()), "{revocation:?}");
    }
    assert_eq!(check(Revocation::Off), Err(Error::UnknownCriticalExtension { serial: leaf.serial() }));
    let later = Policy { revocation: Revocation::Later, ..Policy::default() };
    let proof = house.check(&leaf, NOON, &later).unwrap();
    assert!(path::statuses(&proof, &[], &house.crls, Revocation::Later).is_empty());
}

/// A good path gives a proof that holds it from leaf to anchor, and gives it again.
#[test]
fn a_good_path_is_proven() {
    let house = House::build();
    let policy =
        Policy { purpose: Some(eku::CLIENT_AUTH), key_usage: KeyUsage::NON_REPUDIATION, ..Policy::default() };
    let proof = house.check(&house.leaf, NOON, &policy).unwrap();
    assert_eq!(
        proof.chain(),
        [&house.leaf, &house.issuing.certificate, &house.root.certificate].map(Clone::clone)
    );
    assert_eq!((proof.checked_at_ms(), proof.revocation()), (NOON, Revocation::Required));
    assert_eq!(house.check(&house.leaf, NOON, &policy), Ok(proof));
}

/// Without the anchor or the CA between there is no path; a stranger's CA of the same name does not help.
#[test]
fn strangers_are_untrusted() {
    let (house, stranger) = (House::build(), House::build());
    let anchors = [house.root.certificate.clone()];
    let check = |leaf, extra: &[Certificate]| path::check(leaf, extra, &anchors, &[], NOON, &off());
    assert_eq!(check(&house.leaf, &[]), Err(Error::Untrusted));
    let extra = [house.issuing.certificate.clone(), stranger.issuing.certificate.clone()];
    assert!(matches!(check(&stranger.leaf, &extra), Err(Error::BadSignature { .. })));
    assert!(check(&house.leaf, &extra).is_ok());
}

/// A certificate is good in its first and its last second, and not a second before or after.
#[test]
fn validity_includes_both_ends() {
    let house = House::build();
    let (from, to) = (house.leaf.not_before_ms(), house.leaf.not_after_ms());
    assert!(house.check(&house.leaf, from, &off()).is_ok());
    assert!(house.check(&house.leaf, to + 999, &off()).is_ok());
    let serial = house.leaf.serial();
    assert_eq!(
        house.check(&house.leaf, from - 1, &off()),
        Err(Error::NotYetValid { serial, not_before_ms: from })
    );
    assert_eq!(house.check(&house.leaf, to + 1000, &off()), Err(Error::Expired { serial, not_after_ms: to }));
}

/// A revoked leaf is refused with time and reason; a held one says so.
#[test]
fn revoked_and_held_are_refused() {
    for (reason, expected) in [
        (RevocationReason::KeyCompromise, Reason::KeyCompromise),
        (RevocationReason::CertificateHold, Reason::CertificateHold),
    ] {
        let mut house = House::build();
        house.crls[1] = house.issuing.crl(&[(40, reason)]);
        let serial = house.leaf.serial();
        assert_eq!(
            house.check(&house.leaf, NOON, &Policy::default()),
            Err(Error::Revoked {
                serial,
                at_ms: 1_809_129_600_000,
                reason: Some(expected),
                invalidity_date_ms: Some(1_806_537_600_000)
            })
        );
        assert!(house.check(&house.leaf, NOON, &off()).is_ok());
    }
}

/// A revoked CA takes its leaf with it.
#[test]
fn a_revoked_authority_is_refused() {
    let mut house = House::build();
    house.crls[0] = house.root.crl(&[(1, RevocationReason::CaCompromise)]);
    let error = house.check(&house.leaf, NOON, &Policy::default()).unwrap_err();
    assert!(matches!(error, Error::Revoked { reason: Some(Reason::CaCompromise), .. }), "{error:?}");
}

/// Each certificate of a path is asked about by itself: what is not known of the authority hides nothing of the leaf, nor does one that is revoked.
#[test]
fn each_certificate_has_its_own_status() {
    let mut house = House::build();
    let proof = house.check(&house.leaf, NOON, &off()).unwrap();
    let asked = |crls: &[Crl], revocation| path::statuses(&proof, &[], crls, revocation);
    assert_eq!(asked(&house.crls, Revocation::Required), [Ok(()), Ok(())]);
    assert!(asked(&house.crls, Revocation::Off).is_empty());
    let anchors = [proof.anchor().clone()];
    let whole = |crls: &[Crl], revocation| path::unrevoked(&proof, &[], &anchors, crls, revocation);
    assert_eq!((whole(&house.crls, Revocation::Required), whole(&[], Revocation::Off)), (Ok(()), Ok(())));
    assert!(matches!(whole(&[], Revocation::Required), Err(Error::RevocationUnknown { .. })));
    house.crls[1] = house.issuing.crl(&[(40, RevocationReason::Superseded)]);
    let revoked = |status: &Result<(), Error>| matches!(status, Err(Error::Revoked { .. }));
    assert!(revoked(&whole(&house.crls, Revocation::RequiredAsOf(NOON))), "the path as a whole");
    let statuses = asked(&house.crls[1..], Revocation::Required);
    assert!(revoked(&statuses[0]), "{statuses:?}");
    assert!(matches!(statuses[1], Err(Error::RevocationUnknown { why: Unknown::NoCrl, .. })), "{statuses:?}");
    house.crls[0] = house.root.crl(&[(1, RevocationReason::CaCompromise)]);
    assert!(asked(&house.crls, Revocation::RequiredAsOf(NOON)).iter().all(revoked));
}

/// A path that was good is so when it is asked again, and not for that when something else is asked of it, nor with another certificate in it.
#[test]
fn a_good_path_is_good_for_what_was_asked() {
    let house = House::build();
    let foreign = Policy { required_policies: vec![eku::TIME_STAMPING], ..off() };
    for _ in 0..2 {
        assert!(house.check(&house.leaf, NOON, &off()).is_ok());
        assert!(house.check(&house.leaf, NOON, &Policy::default()).is_ok());
        assert_eq!(house.check(&house.leaf, NOON, &foreign), Err(Error::PolicyNotAllowed));
        assert!(matches!(house.check(&house.leaf, NOON + 9999 * DAY, &off()), Err(Error::Expired { .. })));
    }
}

/// No CRL, one that ran out, one not issued yet and one signed by a stranger are no answer.
#[test]
fn without_a_good_crl_the_answer_is_no() {
    let mut house = House::build();
    let serial = house.leaf.serial();
    let unknown = |why| Err(Error::RevocationUnknown { serial, why });
    let crl = house.crls.pop().unwrap();
    assert_eq!(house.check(&house.leaf, NOON, &Policy::default()), unknown(Unknown::NoCrl));
    let stranger = House::build();
    house.crls.push(stranger.crls[1].clone());
    assert_eq!(house.check(&house.leaf, NOON, &Policy::default()), unknown(Unknown::Unsigned));
    house.crls.push(crl.clone());
    assert!(house.check(&house.leaf, NOON, &Policy::default()).is_ok());
    let ends = [crl.this_update_ms() - 1000, crl.next_update_ms().unwrap() + 1];
    for at_ms in ends {
        let error = house.check(&house.leaf, at_ms, &Policy::default()).unwrap_err();
        assert!(matches!(error, Error::RevocationUnknown { why: Unknown::Stale, .. }), "{error:?}");
    }
    assert!(crl.is_current(NOON) && !crl.is_current(NOON + 3 * DAY));
}

/// A path used in the past is checked by what is known later; not after its certificate expired.
#[test]
fn the_past_is_judged_by_what_is_known_later() {
    let mut house = House::build();
    let as_of = |later_ms| Policy { revocation: Revocation::RequiredAsOf(later_ms), ..Policy::default() };
    let january = NOON - 120 * DAY;
    assert!(house.check(&house.leaf, january, &Policy::default()).is_err());
    assert!(house.check(&house.leaf, january, &as_of(NOON)).is_ok());
    let mut params = person(44);
    params.not_after = date_time_ymd(2027, 3, 1);
    let short = house.issuing.leaf(&params);
    let unknown = Err(Error::RevocationUnknown { serial: short.serial(), why: Unknown::Expired });
    assert_eq!(house.check(&short, january, &as_of(NOON)), unknown);
    // What still lists it is believed, and what leaves it out since it ended takes nothing back, not even a hold.
    for reason in [RevocationReason::KeyCompromise, RevocationReason::CertificateHold] {
        let older = house.issuing.crl_from(29, &[(44, reason)], None);
        let kept = std::mem::replace(&mut house.crls[1], older);
        house.crls.push(kept);
        let error = house.check(&short, january, &as_of(NOON)).unwrap_err();
        assert!(matches!(error, Error::Revoked { at_ms: 1_809_129_600_000, .. }), "{error:?}");
        house.crls.swap_remove(1);
    }
    assert_eq!(house.check(&short, january, &as_of(NOON)), unknown);
    house.crls[1] = house.issuing.crl(&[(40, RevocationReason::Superseded)]);
    let error = house.check(&house.leaf, january, &as_of(NOON)).unwrap_err();
    assert!(matches!(error, Error::Revoked { at_ms: 1_809_129_600_000, .. }), "{error:?}");
}

/// Of several lists one that has the certificate is enough, whichever is older and wherever it stands; only a hold is over when a newer list of
/// the same scope leaves it out, and one that nobody may sign takes no part.
#[test]
fn a_revocation_counts_in_whichever_list_it_stands() {
    use RevocationReason::{CertificateHold, KeyCompromise, Superseded};
    let house = House::build();
    let (extra, anchors) = ([house.issuing.certificate.clone()], [house.root.certificate.clone()]);
    let list = |day, reason: Option<RevocationReason>| {
        let entries: Vec<(u8, RevocationReason)> = reason.map(|reason| (40, reason)).into_iter().collect();
        house.issuing.crl_from(day, &entries, None)
    };
    for (older, newer, expected) in [
        (None, None, None),
        (None, Some(KeyCompromise), Some(Reason::KeyCompromise)),
        (None, Some(CertificateHold), Some(Reason::CertificateHold)),
        (Some(Superseded), None, Some(Reason::Superseded)),
        (Some(KeyCompromise), Some(Superseded), Some(Reason::KeyCompromise)),
        (Some(CertificateHold), Some(Superseded), Some(Reason::Superseded)),
        (Some(CertificateHold), None, None),
    ] {
        let (older, newer) = (list(29, older), list(31, newer));
        let stranger = House::build().issuing.crl_from(31, &[(40, KeyCompromise)], None);
        for lists in [[&older, &newer, &stranger], [&newer, &older, &stranger], [&stranger, &newer, &older]] {
            let crls: Vec<Crl> = [&house.crls[0]].into_iter().chain(lists).cloned().collect();
            let found = match path::check(&house.leaf, &extra, &anchors, &crls, NOON, &Policy::default()) {
                Ok(_) => None,
                Err(Error::Revoked { reason, .. }) => reason,
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(found, expected, "{crls:?}");
        }
    }
}

/// A CRL that says where it appears counts only for certificates that point there, and only for its kind.
#[test]
fn a_partitioned_crl_covers_only_its_part() {
    let mut house = House::build();
    let place = |uri: &str, scope| {
        let distribution_point = CrlDistributionPoint { uris: vec![uri.to_owned()] };
        Some(CrlIssuingDistributionPoint { distribution_point, scope })
    };
    let mut params = person(42);
    params.crl_distribution_points =
        vec![CrlDistributionPoint { uris: vec!["http://crl.example/c1.crl".to_owned()] }];
    let leaf = house.issuing.leaf(&params);
    assert_eq!(leaf.crl_distribution_points()[0].uris().collect::<Vec<_>>(), ["http://crl.example/c1.crl"]);
    let mut check = |uri, scope| {
        house.crls[1] = house.issuing.crl_of(&[], place(uri, scope));
        house.check(&leaf, NOON, &Policy::default()).is_ok()
    };
    assert!(check("http://crl.example/c1.crl", Some(CrlScope::UserCertsOnly)));
    assert!(check("http://crl.example/c1.crl", None));
    assert!(!check("http://crl.example/c2.crl", Some(CrlScope::UserCertsOnly)));
    assert!(!check("http://crl.example/c1.crl", Some(CrlScope::CaCertsOnly)));
}

/// Purpose and key usage must be in the leaf; their absence is a refusal.
#[test]
fn purpose_and_usage_must_be_named() {
    let house = House::build();
    let purpose = |purpose| Policy { purpose: Some(purpose), ..off() };
    let usage = |key_usage| Policy { key_usage, ..off() };
    let serial = house.leaf.serial();
    let refused = Err(Error::PurposeNotAllowed { serial, purpose: eku::SERVER_AUTH });
    assert_eq!(house.check(&house.leaf, NOON, &purpose(eku::SERVER_AUTH)), refused);
    let refused = Err(Error::KeyUsageNotAllowed { serial });
    assert_eq!(house.check(&house.leaf, NOON, &usage(KeyUsage::DIGITAL_SIGNATURE)), refused);
    let bare = house.issuing.leaf(&named("bare", 43));
    assert!(house.check(&bare, NOON, &off()).is_ok());
    assert!(house.check(&bare, NOON, &purpose(eku::CLIENT_AUTH)).is_err());
    assert!(house.check(&bare, NOON, &usage(KeyUsage::NON_REPUDIATION)).is_err());
}

/// A leaf cannot issue, and a CA cannot go beyond its path length or its name constraints.
#[test]
fn authorities_keep_within_their_limits() {
    let root = Ca::root("Root");
    let anchors = [root.certificate.clone()];
    let check = |leaf: &Certificate, extra: &[&Ca]| {
        let extra: Vec<Certificate> = extra.iter().map(|ca| ca.certificate.clone()).collect();
        path::check(leaf, &extra, &anchors, &[], NOON, &off()).map(|_| ())
    };
    let mut params = named("Not a CA", 3);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let pretender = root.below(params);
    let serial = pretender.certificate.serial();
    assert_eq!(check(&pretender.leaf(&person(1)), &[&pretender]), Err(Error::NotAuthority { serial }));

    let mut params = authority("Short");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let short = root.below(params);
    let beyond = short.below(authority("Beyond"));
    assert!(matches!(check(&beyond.leaf(&person(1)), &[&short, &beyond]), Err(Error::TooLong { .. })));
    assert!(check(&short.leaf(&person(1)), &[&short]).is_ok());

    let mut params = authority("Narrow");
    let permitted_subtrees = vec![GeneralSubtree::DnsName("example.org".to_owned())];
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    let narrow = root.below(params);
    let host = |name: &str| {
        let mut params = person(1);
        params.subject_alt_names = vec![rcgen::SanType::DnsName(name.try_into().unwrap())];
        narrow.leaf(&params)
    };
    assert!(check(&host("a.example.org"), &[&narrow]).is_ok());
    assert!(matches!(check(&host("a.example.com"), &[&narrow]), Err(Error::NameNotAllowed { .. })));
}

/// Forty CAs that could each have issued the other and lead nowhere are refused within the bounds of the search.
#[test]
fn many_candidates_are_bounded() {
    let root = Ca::root("Root");
    let loops: Vec<Ca> = (0..40).map(|_| Ca::root("Loop")).collect();
    let leaf = loops[0].leaf(&person(1));
    let extra: Vec<Certificate> = loops.iter().map(|ca| ca.certificate.clone()).collect();
    let result = path::check(&leaf, &extra, &[root.certificate], &[], NOON, &off());
    assert!(matches!(result, Err(Error::Untrusted | Error::BadSignature { .. })), "{result:?}");
}
