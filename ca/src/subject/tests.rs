//! Names of what requests say, with and without templates.

use super::*;

fn rules() -> Naming {
    Naming::Plain(SubjectRules {
        unit: Some("People".to_owned()),
        given_name: Presence::Optional,
        organisation: Presence::Required,
        dns_names: Presence::Optional,
        upn: Presence::Optional,
        ..SubjectRules::default()
    })
}

fn data() -> SubjectData {
    SubjectData {
        common_name: "Aisha Rahman".to_owned(),
        organisation: Some("Larkfield Surgery".to_owned()),
        ..SubjectData::default()
    }
}

/// A name's parts stand from the most general to the common name, whatever the order of the request.
#[test]
fn parts_are_in_order() {
    let names = rules().names(&data()).unwrap();
    let kinds: Vec<_> = names.subject.attributes.iter().map(|attribute| attribute.kind).collect();
    assert_eq!(kinds, [AttributeKind::Organisation, AttributeKind::Unit, AttributeKind::CommonName]);
    assert_eq!(names.subject.common_name(), "Aisha Rahman");
    assert!(names.alternative.is_empty() && names.user_id.is_none());
}

/// What the profile needs must be there, and what it forbids must not.
#[test]
fn presence_is_the_profiles() {
    let field = |data: &SubjectData| rules().names(data).unwrap_err().field;
    assert_eq!(field(&SubjectData { organisation: None, ..data() }), "organisation");
    assert_eq!(field(&SubjectData { family_name: Some("Rahman".to_owned()), ..data() }), "family_name");
    assert_eq!(field(&SubjectData { role_code: Some("R8000".to_owned()), ..data() }), "role_code");
    assert_eq!(field(&SubjectData { dns_names: vec!["a.example".to_owned(); 2], ..data() }), "dns_names");
    assert_eq!(field(&SubjectData { dns_names: vec!["a.example".to_owned(); 101], ..data() }), "dns_names");
    assert_eq!(field(&SubjectData { common_name: String::new(), ..data() }), "common_name");
}

/// Where hosts are named, a common name that is a host's is one of them: nobody is certified for a host that was not looked at.
#[test]
fn hosts_are_not_hidden_in_the_common_name() {
    let named = |common: &str, hosts: &[&str]| {
        let dns_names = hosts.iter().map(|host| (*host).to_owned()).collect();
        rules().names(&SubjectData { common_name: common.to_owned(), dns_names, ..data() })
    };
    for (common, hosts) in [
        ("a.example", &["a.example"][..]),
        ("a.example", &["b.example", "a.example"]),
        ("Dr. A. Rahman", &["b.example"]),
        ("a.example", &[]),
    ] {
        assert!(named(common, hosts).is_ok(), "{common} {hosts:?}");
    }
    for common in ["www.bank.example", "WWW.bank.example"] {
        assert_eq!(named(common, &["y.example"]).unwrap_err().field, "common_name", "{common}");
    }
}

fn templates(text: &str) -> Result<Templates, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

const NHS: &str = r#"
subject = ["C=GB", "O=NHS", "OU={organisation_id}", "title={role_name?}", "CN={given_name} {family_name} {user_id}"]
alternative = [
    "upn={upn?}", "email={email}", "dns={dns_names?}", "uri=urn:nhs:role:{role_profile_id?}", "ip={ip_addresses?}",
]
directory = ["O=nhs", "OU=People", "UID={user_id}"]
"#;

fn clinician() -> SubjectData {
    SubjectData {
        user_id: Some("555021942107".to_owned()),
        given_name: Some("Aisha".to_owned()),
        family_name: Some("Rahman".to_owned()),
        organisation_id: Some("A81001".to_owned()),
        email: Some("aisha.rahman@nhs.example".to_owned()),
        role_profile_id: Some("100334993514".to_owned()),
        ..SubjectData::default()
    }
}

fn made(text: &str, data: &SubjectData) -> Result<Names, SubjectRefused> {
    Naming::Templates(templates(text).unwrap()).names(data)
}

/// Templates make the subject in their order and each alternative name; what is optional and not given is left out.
#[test]
fn templates_make_names() {
    let names = made(NHS, &clinician()).unwrap();
    assert_eq!(names.subject.to_string(), "CN=Aisha Rahman 555021942107,OU=A81001,O=NHS,C=GB");
    assert_eq!(names.user_id.as_deref(), Some("555021942107"));
    let [AlternativeName::Email(email), AlternativeName::Uri(uri), AlternativeName::Directory(entry)] =
        names.alternative.as_slice()
    else {
        panic!("{:?}", names.alternative)
    };
    assert_eq!((email.as_str(), uri.as_str()), ("aisha.rahman@nhs.example", "urn:nhs:role:100334993514"));
    assert_eq!(entry.to_string(), "UID=555021942107,OU=People,O=nhs");
    let more = SubjectData {
        role_name: Some("Nurse".to_owned()),
        upn: Some("aisha@nhs.example".to_owned()),
        dns_names: vec!["a.example".to_owned(), "b.example".to_owned()],
        ip_addresses: vec!["192.0.2.1".to_owned()],
        ..clinician()
    };
    let names = made(NHS, &more).unwrap();
    assert_eq!(names.subject.to_string(), "CN=Aisha Rahman 555021942107,title=Nurse,OU=A81001,O=NHS,C=GB");
    assert_eq!(names.alternative.len(), 7);
}

/// What a field holds never begins another attribute, whatever it looks like.
#[test]
fn values_stay_in_their_attribute() {
    for sly in
        ["Aisha,O=Evil", "Aisha+O=Evil", "Aisha/O=Evil", "{user_id}", "Aisha\\,O=Evil", "A}}O={{", "O=Evil"]
    {
        let names = made(NHS, &SubjectData { given_name: Some(sly.to_owned()), ..clinician() }).unwrap();
        let attributes = &names.subject.attributes;
        assert_eq!(attributes.len(), 4, "{sly}");
        assert_eq!(attributes[3].text, format!("{sly} Rahman 555021942107"));
        let read = pki::Name::from_der(&names.subject.to_der()).unwrap();
        assert_eq!(read.attributes().len(), 4, "{sly}");
        assert_eq!(read.attribute(AttributeKind::Organisation.oid()).as_deref(), Some("NHS"), "{sly}");
    }
    for refused in ["Aisha\nO=Evil", "Aisha\0", "Ai\u{202e}sha"] {
        assert!(made(NHS, &SubjectData { given_name: Some(refused.to_owned()), ..clinician() }).is_err());
    }
}

/// Whatever is missing, wrong, too long or without a place is refused by its name.
#[test]
fn template_refusals_name_the_field() {
    type Change = fn(&mut SubjectData);
    let cases: [(&str, Change); 12] = [
        ("subject.given_name: is needed", |data| data.given_name = None),
        ("subject.email: is needed", |data| data.email = None),
        ("subject.common_name: has no place", |data| data.common_name = "x".to_owned()),
        ("subject.device_serial: has no place", |data| data.device_serial = Some("1".to_owned())),
        ("subject.user_id: not a 12-digit number", |data| data.user_id = Some("5550".to_owned())),
        ("subject.organisation_id: not an ODS code", |data| data.organisation_id = Some("a".to_owned())),
        ("subject.role_profile_id: not a 12-digit", |data| data.role_profile_id = Some("1".to_owned())),
        ("subject.email: \"a\" is not a mailbox", |data| data.email = Some("a".to_owned())),
        ("subject.dns_names: \"xn--.example\"", |data| data.dns_names = vec!["xn--.example".to_owned()]),
        ("subject.ip_addresses: \"1.2.3\"", |data| data.ip_addresses = vec!["1.2.3".to_owned()]),
        ("subject.CN: has 78 characters, 64 at most are allowed; it is made by \"CN=", |data| {
            data.given_name = Some("x".repeat(58));
        }),
        ("subject.family_name: has 65 characters", |data| data.family_name = Some("x".repeat(65))),
    ];
    for (sentence, change) in cases {
        let mut data = clinician();
        change(&mut data);
        let refusal = made(NHS, &data).unwrap_err().to_string();
        assert!(refusal.starts_with(sentence), "{sentence} gave: {refusal}");
    }
}

/// A template that makes no sense is refused with its line and what is wrong.
#[test]
fn senseless_templates_are_refused() {
    let cases = [
        ("\nsubject = [\"CN={persn}\"]", "there is no field \"persn\"; there are common_name"),
        ("\nsubject = [\"XX={user_id}\"]", "there is no attribute \"XX\"; there are C"),
        ("\nsubject = [\"cn\"]", "not of the form KIND=text"),
        ("\nsubject = [\"CN=\"]", "nothing after"),
        ("\nsubject = [\"CN={user_id\"]", "not closed"),
        ("\nsubject = [\"CN=user_id}\"]", "not closed or not opened"),
        ("\nsubject = [\"CN={}\"]", "no field \"\""),
        ("\nsubject = [\"C=gb\"]", "two capital letters"),
        ("\nsubject = [\"CN=a  b\"]", "two together"),
        ("\nsubject = [\"CN={dns_names}\"]", "may have several"),
        ("\nsubject = [\"CN=a\"]\nalternative = [\"dns=x.{dns_names}\"]", "stands alone"),
        ("\nsubject = [\"CN=a\"]\nalternative = [\"dns=A.example\"]", "not a host name"),
        ("\nsubject = [\"CN=a\"]\nalternative = [\"oid=1\"]", "no kind of alternative name \"oid\""),
        ("\nsubject = [\"CN=a\"]\nsubjects = []", "unknown field `subjects`"),
    ];
    for (text, sentence) in cases {
        let refusal = templates(text).unwrap_err();
        let line = format!("line {}", text.matches('\n').count() + 1);
        assert!(refusal.contains(sentence) && refusal.contains(&line), "{text} gave: {refusal}");
    }
    for (text, sentence) in [
        ("subject = [\"CN=a\", \"O=b\", \"CN=c\"]", "CN twice"),
        ("subject = [\"CN={user_id?}\"]", "could be empty"),
        ("subject = [\"CN=a\"]\ndirectory = []", "directory is empty"),
    ] {
        assert!(templates(text).unwrap().fault().unwrap().contains(sentence), "{text}");
    }
    assert_eq!(templates(NHS).unwrap().fault(), None);
}

/// Braces in text are written twice, and a template is kept as it was written.
#[test]
fn braces_are_written_twice() {
    let text = "subject = [\"CN={{{given_name}}} {{x}}\"]";
    let names =
        made(text, &SubjectData { given_name: Some("A".to_owned()), ..SubjectData::default() }).unwrap();
    assert_eq!(names.subject.common_name(), "{A} {x}");
    let content = serde_json::to_value(templates(text).unwrap()).unwrap();
    assert_eq!(content, serde_json::json!({ "subject": ["CN={{{given_name}}} {{x}}"] }));
}
