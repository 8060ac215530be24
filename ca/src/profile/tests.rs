//! What a profile file may say, and what it may not.

use super::*;

const TAIL: &str = r#"
    [crl]
    id = "crl"
    issuing = { hold_hours = 24, every_hours = 6 }
    root = { hold_hours = 24, every_hours = 6 }
    [authority.root]
    validity_days = 7305
    keys = ["p-384"]
    [authority.issuing]
    validity_days = 3652
    keys = ["p-256"]
"#;

const GOOD: &[(&str, &str)] = &[
    ("id", r#""x""#),
    ("title", r#""X""#),
    ("issuers", r#"["systems"]"#),
    ("validity_days", "365"),
    ("key_usage", r#"["digital-signature"]"#),
    ("policy", r#""1.2.3.4""#),
    ("keys", r#"["p-256"]"#),
];

fn file(changes: &[(&str, &str)]) -> String {
    let kept = GOOD.iter().filter(|(key, _)| changes.iter().all(|(changed, _)| changed != key));
    let lines = kept.chain(changes).map(|(key, value)| format!("{key} = {value}\n"));
    format!("[[profile]]\n{}{TAIL}", lines.collect::<String>())
}

/// The profiles that come with the program make sense.
#[test]
fn built_in_profiles_are_accepted() {
    let profiles = Profiles::built_in().unwrap();
    assert_eq!(profiles.end_entity.len(), 13);
    assert!(profiles.find("authority-root").is_none(), "nobody can ask for an authority by id");
}

/// Each combination that makes no sense is refused with its own sentence, and the base is accepted.
#[test]
fn senseless_combinations_are_refused() {
    assert!(Profiles::parse(&file(&[])).is_ok());
    for (changes, sentence) in SENSELESS {
        let refusal = Profiles::parse(&file(changes)).unwrap_err().to_string();
        assert!(refusal.contains(sentence), "{changes:?} gave: {refusal}");
    }
}

/// The built-in profiles' contents hash as they did before options came that they do not use, so that databases of
/// before keep their versions.
#[test]
fn contents_of_before_keep_their_hashes() {
    let profiles = Profiles::built_in().unwrap();
    let hash = |id: &str| profiles.any(id).unwrap().content_sha256();
    assert_eq!(hash("card-signing"), "f3ad3aebf8dd416fad8cf2afbbaa5025ca4b78ee3cc26da341b1b64a706774e9");
    assert_eq!(hash("system-tls-client"), "7f4e9148b0259e5572f48f69b832edcec20be605190025c86b20911d69f3d337");
    assert_eq!(hash("authority-issuing"), "d1619430a942c9a64987602c6acf8da0e6ff1264d7dfe6b3b2348f8ba0fba449");
}

/// Where a certificate names a system or a person is known by its policies and its authority: by the plain attribute, or by a template that is
/// the field and nothing else. A profile that names none, or writes it into other text, says nothing.
#[test]
fn systems_and_people_are_read_where_profiles_name_them() {
    let place_of = |field: Field, profiles: &Profiles, line: &str, policy: &str| {
        let policies = [ObjectIdentifier::new_unwrap(policy)];
        profiles.place_of(field, &line.parse().unwrap(), &policies)
    };
    let place =
        |profiles: &Profiles, line: &str, policy: &str| place_of(Field::SystemId, profiles, line, policy);
    let built_in = Profiles::built_in().unwrap();
    let own = "1.3.6.1.4.1.32473.1.2.11";
    assert_eq!(place(&built_in, "systems", own), Some(AttributeKind::SerialNumber));
    assert_eq!(place(&built_in, "card", own), None);
    assert_eq!(place(&built_in, "systems", "1.3.6.1.4.1.32473.1.2.5"), None);
    let remote = "1.3.6.1.4.1.32473.1.2.1";
    let person = |line: &str, policy: &str| place_of(Field::UserId, &built_in, line, policy);
    assert_eq!(person("remote-signing", remote), Some(AttributeKind::SerialNumber));
    assert_eq!((person("card", remote), person("systems", own)), (None, None));
    for (template, expected) in
        [("UID={system_id}", Some(AttributeKind::UserIdentifier)), ("UID=S-{system_id}", None)]
    {
        let names = format!("{{ subject = [\"{template}\", \"CN={{common_name}}\"] }}");
        let profiles = Profiles::parse(&file(&[("names", names.as_str())])).unwrap();
        assert_eq!(place(&profiles, "systems", "1.2.3.4"), expected, "{template}");
    }
}

/// An authority's name constraints are read, and refused where they make no sense.
#[test]
fn name_constraints_are_the_issuing_authorities() {
    let with = |authority: &str, constraints: &str| {
        let section = format!("[authority.{authority}.name_constraints]\n{constraints}");
        Profiles::parse(&format!("{}{section}", file(&[])))
    };
    let profiles = with("issuing", "permitted = { dns = [\"a.example\"] }").unwrap();
    assert!(profiles.issuing.name_constraints.is_some() && profiles.root.name_constraints.is_none());
    for (authority, constraints, sentence) in [
        ("root", "permitted = { dns = [\"a.example\"] }", "bind nobody"),
        ("issuing", "", "permits and excludes nothing"),
        ("issuing", "permitted = { dns = [\".a.example\"] }", "without a dot"),
        ("issuing", "permit = {}", "unknown field `permit`"),
    ] {
        let refusal = with(authority, constraints).unwrap_err().to_string();
        assert!(refusal.contains(sentence), "{constraints} gave: {refusal}");
    }
}

/// An issuing authority has the profile of all of them or its own, whatever its generation; a root, a generation and a name that is
/// taken have none.
#[test]
fn authorities_have_profiles_of_their_own() {
    let own = |authority: &str, rest: &str| {
        let section =
            format!("[authority.own.{authority}]\nvalidity_days = 1825\nkeys = [\"p-256\"]\n{rest}");
        Profiles::parse(&format!("{}{section}", file(&[])))
    };
    let constraints = "[authority.own.card.name_constraints]\npermitted = { dns = [\"a.example\"] }";
    let profiles = own("card", constraints).unwrap();
    let of = |id: &str| profiles.issuing_of(&id.parse().unwrap());
    for id in ["card", "card-g2"] {
        assert_eq!(
            (of(id).id.as_str(), of(id).keys.as_slice()),
            ("authority-card", &[Alg::P256][..]),
            "{id}"
        );
        assert!(of(id).name_constraints.is_some());
    }
    assert_eq!(of("systems").id.as_str(), "authority-issuing");
    assert!(of("systems").name_constraints.is_none());
    assert!(profiles.any("authority-card").is_some() && profiles.any("authority-systems").is_none());
    assert!(profiles.find("authority-card").is_none(), "nobody asks for one by its id");
    for (authority, rest, sentence) in [
        ("root", "", "for issuing authorities"),
        ("card-g2", "", "without a generation"),
        ("cross", "", "used twice"),
        ("issuing", "", "for issuing authorities"),
        ("card", "[authority.own.card.name_constraints]\n", "permits and excludes nothing"),
        ("card", "subject = {}", "unknown field `subject`"),
    ] {
        let refusal = own(authority, rest).unwrap_err().to_string();
        assert!(refusal.contains(sentence), "{authority} gave: {refusal}");
    }
}

/// A list that would lapse when one run fails is refused.
#[test]
fn a_list_must_outlast_a_failed_run() {
    let text = file(&[]).replace("hold_hours = 24, every_hours = 6", "hold_hours = 24, every_hours = 13");
    assert!(Profiles::parse(&text).unwrap_err().to_string().contains("twice as long"));
}

/// ACME issues of those profiles that say so and of no others: none that names a person or signs for others.
#[test]
fn acme_issues_of_profiles_that_say_so() {
    let profiles = Profiles::built_in().unwrap();
    for profile in &profiles.end_entity {
        let expected = match profile.id.as_str() {
            "acme-tls-server" | "system-tls-server" => Some(AcmeUse::Server),
            "device-tls-client" => Some(AcmeUse::Device),
            _ => None,
        };
        assert_eq!(profile.acme, expected, "{}", profile.id);
    }
    let client = ("extended_key_usage", r#"["client-auth"]"#);
    assert!(Profiles::parse(&file(&[client, ("acme", r#""device""#)])).is_ok());
}

/// Changes of the base, and what is said of them.
const SENSELESS: &[(&[(&str, &str)], &str)] = &[
    (
        &[("extended_key_usage", r#"["client-auth"]"#), ("acme", r#""server""#)],
        "for the purpose server-auth alone",
    ),
    (&[("acme", r#""device""#)], "for client-auth alone"),
    (&[("key_origin", r#""cloud""#)], "unknown variant `cloud`"),
    (
        &[
            ("extended_key_usage", r#"["client-auth"]"#),
            ("acme", r#""device""#),
            ("subject", r#"{ unit = "People", user_id = "required" }"#),
        ],
        "ACME names no person",
    ),
    (&[("acme", r#""yes""#)], "unknown variant `yes`"),
    (
        &[("subject", r#"{ user_id = "optional", system_id = "optional" }"#)],
        "a certificate names a person or a system",
    ),
    (&[("issuers", "[]")], "name at least one issuer"),
    (&[("issuers", r#"["root"]"#)], "the root issues only authorities"),
    (&[("validity_days", "0")], "1 or more"),
    (&[("validity_days", "4000")], "five years"),
    (&[("key_usage", "[]")], "at least one use"),
    (&[("key_usage", r#"["digital-signature", "digital-signature"]"#)], "a use twice"),
    (&[("key_usage", r#"["key-cert-sign"]"#)], "only an authority"),
    (&[("key_usage", r#"["content-commitment", "digital-signature"]"#)], "stands alone"),
    (
        &[("key_usage", r#"["content-commitment"]"#), ("extended_key_usage", r#"["client-auth"]"#)],
        "no extended key usage",
    ),
    (&[("extended_key_usage_critical", "true")], "needs an extended_key_usage"),
    (&[("extended_key_usage", r#"["client-auth", "client-auth"]"#)], "a purpose twice"),
    (&[("extended_key_usage", r#"["time-stamping"]"#)], "must be critical"),
    (
        &[
            ("extended_key_usage", r#"["time-stamping", "client-auth"]"#),
            ("extended_key_usage_critical", "true"),
        ],
        "does nothing else",
    ),
    (&[("extended_key_usage", r#"["ocsp-signing", "client-auth"]"#)], "does nothing else"),
    (&[("ocsp_no_check", "true")], "OCSP responders only"),
    (&[("ocsp_no_check", "true"), ("extended_key_usage", r#"["ocsp-signing"]"#)], "90 days"),
    (
        &[("key_usage", r#"["key-encipherment"]"#), ("extended_key_usage", r#"["client-auth"]"#)],
        "need digital-signature",
    ),
    (&[("extended_key_usage", r#"["server-auth"]"#)], "host names"),
    (&[("subject", r#"{ dns_names = "optional" }"#)], "TLS certificates only"),
    (&[("subject", r#"{ upn = "optional" }"#)], "user principal name"),
    (&[("private_key_usage_percent", "100")], "between 1 and 99"),
    (&[("keys", "[]")], "kind of key"),
    (&[("keys", r#"["ed25519"]"#)], "not certified here"),
    (&[("key_usage", r#"["key-encipherment"]"#)], "RSA keys only"),
    (&[("key_usage", r#"["key-agreement"]"#), ("keys", r#"["rsa-2048"]"#)], "elliptic-curve"),
    (&[("policy", r#""none""#)], "not an object identifier"),
    (&[("kye_usage", "[]")], "unknown field"),
    (&[("names", r#"{ subject = ["CN={user_id}"] }"#), ("subject", r#"{ unit = "X" }"#)], "two ways"),
    (&[("names", r#"{ subject = ["CN={persn}"] }"#)], "line 9"),
    (&[("names", r#"{ subject = ["CN={user_id?}"] }"#)], "could be empty"),
    (&[("names", r#"{ subject = ["CN=a"], alternative = ["dns={dns_names}"] }"#)], "TLS certificates only"),
    (&[("names", r#"{ subject = ["CN=a"], alternative = ["upn={upn}"] }"#)], "user principal name"),
    (&[("policies", r#"[{ id = "1.2.3.4" }]"#)], "a policy is named twice"),
    (&[("policies", r#"[{ id = "2.5.29.32.0" }]"#)], "anyPolicy"),
    (&[("policies", r#"[{ id = "1.2.3", notice = "" }]"#)], "1 to 200 characters"),
    (&[("policies", r#"[{ id = "1.2.3", practice_statement = "cps" }]"#)], "not an address"),
    (&[("policies", r#"[{ id = "1.2.3", cps = "https://a.example" }]"#)], "unknown field `cps`"),
    (&[("qualified", "{}")], "states nothing"),
    (&[("qualified", "{ legislation = [\"GB\"] }")], "under whose law"),
    (&[("qualified", "{ legislation = [\"gb\"], compliance = true }")], "two capital letters"),
    (&[("qualified", "{ compliance = true }")], "needs a type"),
    (&[("qualified", "{ compliance = true, type = \"esign\" }")], "needs disclosures"),
    (&[("qualified", "{ type = \"web\" }")], "TLS servers"),
    (&[("qualified", r#"{ disclosures = [{ url = "http://a.example", language = "en" }] }"#)], "by https"),
    (&[("qualified", r#"{ disclosures = [{ url = "https://a.example", language = "cy" }] }"#)], "in English"),
    (&[("qualified", r#"{ limit = { currency = "GBP", amount = 0 } }"#)], "amount above 0"),
    (&[("qualified", r#"{ semantics = "natural" }"#)], "what an identifier means"),
    (&[("qualified", r#"{ registration_authorities = ["https://a.example"] }"#)], "beside semantics"),
    (&[("qualified", r#"{ registration_authorities = ["a"] }"#)], "absolute URIs"),
    (
        &[
            ("qualified", r#"{ semantics = "natural" }"#),
            ("names", r#"{ subject = ["serialNumber=SD:GB-{user_id}", "CN=a"] }"#),
        ],
        "needs qualified.registration_authorities",
    ),
    (
        &[
            ("qualified", r#"{ semantics = "natural" }"#),
            ("names", r#"{ subject = ["serialNumber={user_id}", "CN=a"] }"#),
        ],
        "what an identifier means",
    ),
    (&[("id", r#""crl""#)], "used twice"),
];
