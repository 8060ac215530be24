//! The claims, exactly as relying parties of CIS2 read them.
//!
//! Levels are texts, `aud` is one text, arrays stay arrays however few they hold, and the identity level has both spellings.

use std::collections::BTreeMap;

use directory::api::{ClaimsPart, IdentityLevel, NamedRole, PersonClaims, ProfessionalBody};
use platform::clock::Millis;
use platform::id::ClientId;
use serde_json::{Map, Value, json};

use super::id_token::{GRANT, said_of};
use super::scope::{Scope, Scopes};
use crate::interaction::{Acr, Method};
use crate::session::Session;
use crate::token::{Content, GrantId};

/// What an ID token is about.
pub(crate) struct About<'a> {
    /// Whose.
    pub(crate) issuer: &'a str,
    /// For whom.
    pub(crate) client: &'a ClientId,
    /// Under which grant.
    pub(crate) grant: &'a GrantId,
    /// What was granted.
    pub(crate) content: &'a Content,
    /// For which scopes the relying party is registered.
    pub(crate) registered: &'a Scopes,
    /// The sign-in.
    pub(crate) session: &'a Session,
    /// Who signed in.
    pub(crate) person: &'a PersonClaims,
    /// The half hash of the access token.
    pub(crate) at_hash: String,
    /// The half hash of the code.
    pub(crate) c_hash: Option<String>,
    /// The relying party's word for its request.
    pub(crate) nonce: Option<&'a str>,
    /// When.
    pub(crate) issued_at: Millis,
    /// Until when.
    pub(crate) expires_at: Millis,
}

/// What of a person may be told to whoever was granted this, or asked for it by name: the register is asked for nothing else.
pub(crate) fn parts(content: &Content) -> Vec<ClaimsPart> {
    let named = || content.id_token_claims.iter().chain(&content.userinfo_claims);
    let has = |scopes: &[Scope]| {
        let by_name = |name: &String| scopes_of(name).iter().any(|scope| scopes.contains(scope));
        scopes.iter().any(|scope| content.scope.has(*scope)) || named().any(by_name)
    };
    let of_roles = [
        Scope::NationalRbacAccess,
        Scope::AssociatedOrgs,
        Scope::OrganisationalMemberships,
        Scope::SelectedRole,
        Scope::ChangedRole,
    ];
    let wanted = [
        (ClaimsPart::Email, has(&[Scope::Email])),
        (ClaimsPart::Registrations, has(&[Scope::ProfessionalMemberships])),
        // A role that was chosen is looked for among them, to see whether it is still there.
        (ClaimsPart::Roles, has(&of_roles) || content.role.is_some()),
    ];
    wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(part, _)| part).collect()
}

/// The claims of an ID token.
pub(crate) fn id_token(about: &About<'_>) -> Value {
    let About { content, session, person, .. } = about;
    let level = identity(person.assurance);
    let mut claims = json!({
        "iss": about.issuer,
        "sub": session.person.as_str(),
        // Compared with == by relying parties: never a list.
        "aud": about.client.as_str(),
        "azp": about.client.as_str(),
        "exp": about.expires_at.seconds(),
        "iat": about.issued_at.seconds(),
        "auth_time": session.authenticated_at.seconds(),
        "sid": session.sid,
        "at_hash": about.at_hash,
        "acr": class(content, session.method),
        "amr": [session.method.amr()],
        "authentication_assurance_level": session.level.digit(),
        "id_assurance_level": level,
        "idassurancelevel": level,
        "uid": session.person.as_str(),
        GRANT: said_of(about.grant),
    });
    let optional = [
        ("nonce", about.nonce.map(str::to_owned)),
        ("c_hash", about.c_hash.clone()),
        ("s_hash", content.s_hash.clone().filter(|_| about.c_hash.is_some())),
        ("selected_roleid", selected(content)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            claims[name] = value.into();
        }
    }
    let profile = content.scope.has(Scope::Profile);
    let wanted = |name: &str| {
        let is_named = || content.id_token_claims.iter().any(|one| one == name);
        (profile && ["name", "given_name", "family_name"].contains(&name))
            || (is_named() && is_granted(about.registered, name))
    };
    for (name, value) in of_person(person, content, wanted) {
        if claims.get(name).is_none() {
            claims[name] = value;
        }
    }
    claims
}

/// The class of the sign-in: the first of those that had to be named and that it satisfies, and what was reached where none had to.
pub(super) fn class(content: &Content, method: Method) -> &'static str {
    let mut asked = content.acr.iter().filter_map(|word| word.parse::<Acr>().ok());
    let satisfied = asked.find(|class| class.allows(method));
    satisfied.map_or_else(|| Acr::reached(method.level()), Acr::word)
}

/// What a sign-in was, as access tokens and introspection tell it. RFC 9068 2.2.1.
pub(crate) fn of_sign_in(told: &mut Value, session: &Session) {
    told["sid"] = session.sid.clone().into();
    told["auth_time"] = session.authenticated_at.seconds().into();
    told["acr"] = Acr::reached(session.level).into();
    told["amr"] = json!([session.method.amr()]);
}

/// The claims of userinfo: those of the scopes, and those that were asked for by name where the relying party is registered for scopes
/// that give them, whichever of these it asked for. OpenID Connect Core 5.5. A token that is for less than was granted, or another's,
/// tells what its scopes do.
pub(crate) fn userinfo(
    person: &PersonClaims,
    content: &Content,
    scope: &Scopes,
    named: Option<&Scopes>,
) -> Map<String, Value> {
    let wanted = |name: &str| {
        let is_named = || content.userinfo_claims.iter().any(|one| one == name);
        is_granted(scope, name)
            || (is_named() && named.is_some_and(|registered| is_granted(registered, name)))
    };
    let mut claims = Map::from_iter([("sub".to_owned(), Value::from(person.person.clone()))]);
    let told = of_person(person, content, wanted);
    claims.extend(told.into_iter().map(|(name, value)| (name.to_owned(), value)));
    claims
}

/// Always a text where a role was to be chosen; empty for those who have none.
fn selected(content: &Content) -> Option<String> {
    content.scope.want_role().then(|| content.role.clone().unwrap_or_default())
}

/// Which scopes give a claim.
fn scopes_of(name: &str) -> &'static [Scope] {
    match name {
        "name" | "uid" => &[Scope::Profile, Scope::NhsPerson, Scope::NationalRbacAccess],
        "given_name" | "family_name" => &[Scope::Profile, Scope::NhsPerson],
        "email" => &[Scope::Email],
        "nhsid_useruid" => &[
            Scope::NhsPerson,
            Scope::NationalRbacAccess,
            Scope::AssociatedOrgs,
            Scope::ProfessionalMemberships,
            Scope::OrganisationalMemberships,
        ],
        "title" | "initials" | "middle_names" | "display_name" | "idassurancelevel" => &[Scope::NhsPerson],
        "nhsid_nrbac_roles" => &[Scope::NationalRbacAccess],
        "nhsid_user_orgs" => &[Scope::AssociatedOrgs],
        "gmc_id" | "nmc_id" | "gphc_id" | "gdc_id" | "rcn_id" | "gmp_id" | "gdp_id" | "consultant_id" => {
            &[Scope::ProfessionalMemberships]
        }
        "nhsid_org_memberships" | "nhsid_org_roles" => &[Scope::OrganisationalMemberships],
        "selected_roleid" => &[Scope::SelectedRole, Scope::ChangedRole],
        _ => &[],
    }
}

fn is_granted(scope: &Scopes, name: &str) -> bool {
    scopes_of(name).iter().any(|one| scope.has(*one))
}

/// Claims of a person by their names, of which only those are made that are wanted.
struct Told<W> {
    wanted: W,
    claims: BTreeMap<&'static str, Value>,
}

impl<W: Fn(&str) -> bool> Told<W> {
    /// Tells one that is wanted; of several with one name the first.
    fn tell<V: Into<Value>>(&mut self, name: &'static str, value: impl FnOnce() -> V) {
        if (self.wanted)(name) {
            self.claims.entry(name).or_insert_with(|| value().into());
        }
    }
}

/// Everything that may be told of a person and is wanted.
fn of_person(
    person: &PersonClaims,
    content: &Content,
    wanted: impl Fn(&str) -> bool,
) -> BTreeMap<&'static str, Value> {
    let name = &person.name;
    let title = name.title.as_deref().unwrap_or_default();
    let join =
        |parts: &[&str]| parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ");
    let middle = name.middle.as_deref().unwrap_or_default();
    let mut told = Told { wanted, claims: BTreeMap::new() };
    // Surname, given name, title: the order of the national directory.
    told.tell("name", || join(&[&name.family, &name.given, title]));
    told.tell("display_name", || join(&[title, &name.given, &name.family]));
    told.tell("given_name", || name.given.clone());
    told.tell("family_name", || name.family.clone());
    told.tell("uid", || person.person.clone());
    told.tell("nhsid_useruid", || person.person.clone());
    told.tell("idassurancelevel", || identity(person.assurance));
    told.tell("initials", || initials(&join(&[&name.given, middle])));
    for (member, text) in [("title", title), ("middle_names", middle)] {
        if !text.is_empty() {
            told.tell(member, || text);
        }
    }
    if let Some(email) = &person.email {
        told.tell("email", || email.clone());
    }
    told.tell("nhsid_nrbac_roles", || person.roles.iter().map(role).collect::<Value>());
    told.tell("nhsid_user_orgs", || {
        each_once(person, |one| {
            json!({
                "org_name": one.org_name, "org_code": one.role.org_code
            })
        })
    });
    let of_organisation = |one: &NamedRole| json!({"person_orgid": one.role.person_orgid, "org_name": one.org_name, "org_code": one.role.org_code});
    told.tell("nhsid_org_memberships", || each_once(person, of_organisation));
    told.tell("nhsid_org_roles", || each_once(person, of_organisation));
    for registration in &person.registrations {
        let member = match registration.body {
            ProfessionalBody::Gmc => "gmc_id",
            ProfessionalBody::Nmc => "nmc_id",
            ProfessionalBody::Gphc => "gphc_id",
            ProfessionalBody::Gdc => "gdc_id",
            ProfessionalBody::Rcn => "rcn_id",
            ProfessionalBody::Gmp => "gmp_id",
            ProfessionalBody::Gdp => "gdp_id",
            ProfessionalBody::Consultant => "consultant_id",
            _ => continue,
        };
        told.tell(member, || registration.number.clone());
    }
    if let Some(role) = selected(content) {
        told.tell("selected_roleid", || role);
    }
    told.claims
}

fn initials(names: &str) -> String {
    names.split([' ', '-']).filter_map(|name| name.chars().next()).flat_map(char::to_uppercase).collect()
}

fn role(one: &NamedRole) -> Value {
    let role = &one.role;
    let mut value = json!({
        "person_orgid": role.person_orgid,
        "person_roleid": role.person_roleid,
        "org_code": role.org_code,
        "role_name": one.role_name,
        "role_code": role.role_code,
    });
    for (names, name, codes, code) in [
        (&one.activities, "activities", &role.activity_codes, "activity_codes"),
        (&one.workgroups, "workgroups", &role.workgroups_codes, "workgroups_codes"),
        (&one.aow, "aow", &role.aow_codes, "aow_codes"),
    ] {
        if !codes.is_empty() {
            value[name] = names.clone().into();
            value[code] = codes.clone().into();
        }
    }
    value
}

/// One entry for each organisation, in the order of the roles.
fn each_once(person: &PersonClaims, entry: impl Fn(&NamedRole) -> Value) -> Value {
    let mut entries: Vec<Value> = Vec::new();
    for one in &person.roles {
        let value = entry(one);
        if !entries.contains(&value) {
            entries.push(value);
        }
    }
    entries.into()
}

fn identity(level: IdentityLevel) -> &'static str {
    match level {
        IdentityLevel::None => "0",
        IdentityLevel::Low => "1",
        IdentityLevel::Medium => "2",
        IdentityLevel::High => "3",
    }
}
