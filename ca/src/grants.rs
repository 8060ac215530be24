//! Who may have certificates of which profile, and revoke whose: decided here and nowhere else.
//!
//! [`ISSUE`] opens the door, and each profile is granted by its name. A module of this server is its own code: it asks
//! for what it was written to ask for, and for it the act is enough.

use platform::caller::{Caller, CallerKind};
use platform::problem::Problem;

use crate::api::{ISSUE, REMOTE_SIGNING, REVOKE_AUTHORITIES};

/// The name under which a profile is granted to a caller, such as `ca:issue:person-sign-in`.
pub fn issue_of(profile: &str) -> String {
    format!("{ISSUE}:{profile}")
}

/// Whether certificates of this profile can be granted to somebody outside this server.
///
/// The keys of remote signing are made in our token and used by their holder alone: nobody outside has one certified of
/// their own.
pub fn is_grantable(profile: &str) -> bool {
    profile != REMOTE_SIGNING
}

/// Decides whether this caller may have a certificate of this profile.
pub(crate) fn may_issue(caller: &Caller, profile: &str) -> Result<(), Problem> {
    caller.may(ISSUE)?;
    if caller.kind == CallerKind::Module {
        return Ok(());
    }
    if !is_grantable(profile) {
        return Err(Problem::forbidden(
            "profile-not-allowed",
            "A remote signing certificate comes with its credential. Create one at /signer/credentials.",
        ));
    }
    if caller.acts.contains(&issue_of(profile)) {
        return Ok(());
    }
    let detail = format!(
        "{} may not have certificates of this profile. Ask the operator to name it in the client's profiles.",
        caller.client
    );
    Err(Problem::forbidden("profile-not-granted", detail))
}

/// Whose certificates a caller may revoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those of people, systems and services.
    Subjects,
    /// Those of issuing authorities too.
    Authorities,
}

impl Reach {
    /// What this caller's acts reach. A registration desk has no business with an authority's certificate, whose end is
    /// everybody's.
    pub(crate) fn of(caller: &Caller) -> Reach {
        if caller.may(REVOKE_AUTHORITIES).is_ok() { Reach::Authorities } else { Reach::Subjects }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profiles;

    fn caller(kind: CallerKind, acts: &[String]) -> Caller {
        Caller::new(kind, "desk", "desk".parse().unwrap(), acts)
    }

    fn codes(caller: &Caller) -> Vec<(String, &'static str)> {
        let profiles = Profiles::built_in().unwrap();
        let ids = profiles.end_entity.iter().map(|profile| profile.id.to_string());
        let ids = ids.chain(["no-such-profile".to_owned(), String::new()]);
        ids.map(|id| {
            let code = may_issue(caller, &id).map_or_else(|problem| problem.code, |()| "may");
            (id, code)
        })
        .collect()
    }

    /// Every profile against every kind of grant: a caller from outside gets exactly what is named, and never the
    /// profile of our own keys, whatever its acts say.
    #[test]
    fn profiles_open_to_those_who_are_granted_them() {
        let (act, one) = ("ca:issue".to_owned(), issue_of("person-sign-in"));
        for kind in [CallerKind::System, CallerKind::Person] {
            for (_, code) in codes(&caller(kind, &[])) {
                assert_eq!(code, "act-not-granted");
            }
            for (_, code) in codes(&caller(kind, std::slice::from_ref(&one))) {
                assert_eq!(code, "act-not-granted", "a profile alone opens no door");
            }
            for (profile, code) in codes(&caller(kind, &[act.clone(), one.clone(), issue_of(REMOTE_SIGNING)]))
            {
                let expected = match profile.as_str() {
                    REMOTE_SIGNING => "profile-not-allowed",
                    "person-sign-in" => "may",
                    _ => "profile-not-granted",
                };
                assert_eq!(code, expected, "{kind} asks for {profile:?}");
            }
        }
        for (_, code) in codes(&caller(CallerKind::Module, &[])) {
            assert_eq!(code, "act-not-granted");
        }
        for (profile, code) in codes(&caller(CallerKind::Module, std::slice::from_ref(&act))) {
            assert_eq!(code, "may", "{profile:?}");
        }
    }
}
