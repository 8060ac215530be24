//! The role assertion: an unsigned SAML 1.1 response, exactly as its consumers read it.
//!
//! They know it by its prefixes, by the order of its attributes (one takes the first XML attribute of an attribute for its name), and
//! by the element that begins a role. Who shows the ticket gets it from us over TLS; that is all that vouches for it.

use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use directory::api::{NamedRole, PersonClaims};
use platform::clock::Millis;

use super::{Came, Refusal, xml};
use crate::error::Error;
use crate::session::Session;
use crate::store::tickets::Kept;

/// How long before it was made it is good: the clocks of applications are behind.
const BEFORE: Duration = Duration::from_mins(3);
/// How long after.
const AFTER: Duration = Duration::from_mins(1);
/// The namespace of every attribute.
const NAMESPACE: &str = "http://www.syntegra.com";

/// What is told.
pub(super) struct Asserted<'a> {
    /// Of whom.
    pub(super) person: &'a PersonClaims,
    /// The sign-in.
    pub(super) session: &'a Session,
    /// The ticket's row.
    pub(super) kept: &'a Kept,
    /// The ticket as it was shown.
    pub(super) ticket: &'a str,
    /// In which role they act.
    pub(super) role: Option<&'a str>,
}

/// The name as the directory has it: surname, given name, title.
pub(super) fn common_name(person: &PersonClaims) -> String {
    let name = &person.name;
    let parts = [name.family.as_str(), &name.given, name.title.as_deref().unwrap_or_default()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A time as SAML has it, to the second.
fn instant(at: Millis) -> String {
    let text = at.to_string();
    format!("{}Z", text.split('.').next().unwrap_or_default())
}

/// SAML 1.1 2.3.1: an id begins with a letter.
fn id(random: &dyn SecureRandom) -> Result<String, Error> {
    let mut octets = [0; 20];
    random.fill(&mut octets).map_err(|_| Error::NoRandomness)?;
    Ok(format!("s{}", hex::encode(octets)))
}

/// Begins a response with this status.
fn begun(status: &str, came: Came) -> String {
    let mut text = String::from("<samlp:Response");
    for (name, value) in [
        ("xmlns:samlp", "urn:oasis:names:tc:SAML:1.0:protocol"),
        ("ResponseID", "null"),
        ("InResponseTo", "null"),
        ("MajorVersion", "1"),
        ("MinorVersion", "1"),
        ("IssueInstant", &instant(came.now)),
        ("Recipient", &came.address_text().unwrap_or_default()),
    ] {
        xml::attribute(&mut text, name, value);
    }
    text.push_str(">\n<samlp:Status>\n<samlp:StatusCode");
    xml::attribute(&mut text, "Value", status);
    text.push('>');
    text
}

/// A response that tells nothing but why.
pub(crate) fn refused(refusal: &Refusal, came: Came) -> String {
    let status = if refusal.status() >= 500 { "samlp:Responder" } else { "samlp:Requester" };
    let mut text = begun(status, came);
    text.push_str("</samlp:StatusCode>\n<samlp:StatusMessage>");
    xml::content(&mut text, &format!("{}: {}", refusal.word(), refusal.sentence()));
    text.push_str("</samlp:StatusMessage>\n</samlp:Status>\n</samlp:Response>\n");
    text
}

/// The response with the assertion.
pub(super) fn response(
    issuer: &str,
    random: &dyn SecureRandom,
    asserted: &Asserted<'_>,
    came: Came,
) -> Result<String, Error> {
    let mut text = begun("samlp:Success", came);
    text.push_str("</samlp:StatusCode>\n</samlp:Status>\n");
    assertion(&mut text, (issuer, &id(random)?), came.now, Declared::Namespace);
    text.push_str("<saml:AttributeStatement>\n<saml:Subject>\n");
    subject(&mut text, asserted, "\n");
    assertion(&mut text, (issuer, &id(random)?), came.now, Declared::Above);
    authentication(&mut text, asserted);
    text.push_str(
        "</saml:Assertion>\n</saml:SubjectConfirmationData>\n</saml:SubjectConfirmation>\n</saml:Subject>\n",
    );
    attributes(&mut text, asserted);
    text.push_str("</saml:AttributeStatement>\n</saml:Assertion>\n</samlp:Response>\n");
    Ok(text)
}

/// Whether an assertion declares its namespace.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Declared {
    Namespace,
    Above,
}

/// Begins an assertion: SAML 1.1 2.3.2.
fn assertion(text: &mut String, (issuer, id): (&str, &str), now: Millis, declared: Declared) {
    text.push_str("<saml:Assertion");
    if declared == Declared::Namespace {
        xml::attribute(text, "xmlns:saml", "urn:oasis:names:tc:SAML:1.0:assertion");
    }
    for (name, value) in [
        ("MajorVersion", "1"),
        ("MinorVersion", "1"),
        ("AssertionID", id),
        ("Issuer", issuer),
        ("IssueInstant", &instant(now)),
    ] {
        xml::attribute(text, name, value);
    }
    text.push_str(">\n<saml:Conditions");
    xml::attribute(text, "NotBefore", &instant(now.minus(BEFORE)));
    xml::attribute(text, "NotOnOrAfter", &instant(now.plus(AFTER)));
    text.push_str("></saml:Conditions>\n");
}

/// Who it is about, up to the data that confirm it.
fn subject(text: &mut String, asserted: &Asserted<'_>, between: &str) {
    text.push_str("<saml:NameIdentifier NameQualifier=\"o=nhs\">uid=");
    xml::content(text, &asserted.person.person);
    text.push_str(
        ",ou=People,o=nhs</saml:NameIdentifier>\n<saml:SubjectConfirmation>\n<saml:ConfirmationMethod>urn:com:sun:identity\
         </saml:ConfirmationMethod>\n<saml:SubjectConfirmationData>",
    );
    text.push_str(between);
}

/// How and when they signed in. The ticket itself confirms it.
fn authentication(text: &mut String, asserted: &Asserted<'_>) {
    text.push_str("<saml:AuthenticationStatement");
    xml::attribute(text, "AuthenticationInstant", &instant(asserted.session.authenticated_at));
    xml::attribute(text, "AuthenticationMethod", "urn:com:sun:identity:ExtendedLoginModule");
    text.push_str(">\n<saml:Subject>\n");
    subject(text, asserted, "");
    xml::content(text, asserted.ticket);
    text.push_str("</saml:SubjectConfirmationData>\n</saml:SubjectConfirmation>\n</saml:Subject>\n<saml:SubjectLocality");
    xml::attribute(text, "IPAddress", asserted.kept.address.as_deref().unwrap_or_default());
    text.push_str("></saml:SubjectLocality>\n</saml:AuthenticationStatement>\n");
}

/// What is told, flat: the header, the person, then one block for each role, which its organisation begins.
fn attributes(text: &mut String, asserted: &Asserted<'_>) {
    let one = |text: &mut String, name: &str, value: &str| attribute(text, name, &[value.to_owned()]);
    one(text, "ssbAssertionVersion", "1.1");
    one(text, "cn", &common_name(asserted.person));
    one(text, "uid", &asserted.person.person);
    one(text, "ssbSessionRoleUid", asserted.role.unwrap_or_default());
    one(text, "ssbMode", if asserted.kept.mode == "training" { "1" } else { "0" });
    for NamedRole { role, org_name, role_name, activities, aow, workgroups } in &asserted.person.roles {
        one(text, "nhsIdCode", &role.org_code);
        one(text, "o", org_name);
        one(text, "nhsJobRole", role_name);
        one(text, "nhsJobRoleCode", &role.role_code);
        one(text, "uniqueIdentifier", &role.person_roleid);
        attribute(text, "nhsAreaOfWork", aow);
        attribute(text, "nhsAreaOfWorkCodes", &role.aow_codes);
        attribute(text, "nhsBusinessFunctions", activities);
        attribute(text, "nhsBusinessFunctionsCodes", &role.activity_codes);
        attribute(text, "nhsWorkGroups", workgroups);
        attribute(text, "nhsWorkGroupsCodes", &role.workgroups_codes);
    }
}

/// An attribute with its values; nothing where there are none, or none that says anything.
fn attribute(text: &mut String, name: &str, values: &[String]) {
    if values.iter().all(String::is_empty) {
        return;
    }
    text.push_str("<saml:Attribute");
    xml::attribute(text, "AttributeName", name);
    xml::attribute(text, "AttributeNamespace", NAMESPACE);
    text.push_str(">\n");
    for value in values {
        text.push_str("<saml:AttributeValue>");
        xml::content(text, value);
        text.push_str("</saml:AttributeValue>\n");
    }
    text.push_str("</saml:Attribute>\n");
}
