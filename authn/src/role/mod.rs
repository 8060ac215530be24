//! Which role somebody acts in: one silently, a few from a list, many by a search.

use directory::api::NamedRole;

/// Up to how many roles are a plain list.
pub(crate) const LISTED: usize = 5;

/// Whether the choice of before counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// One choice for the session.
    Once,
    /// A new choice.
    Anew,
}

/// What is to be done about the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is this one, or none where it is empty.
    Role(String),
    /// One of these is to be chosen.
    Choose(Vec<NamedRole>),
}

/// Decides what can be decided without asking.
pub(crate) fn decide(mut roles: Vec<NamedRole>, kept: Option<&str>, asked: Asked) -> Decision {
    match (roles.as_slice(), kept) {
        ([], _) => return Decision::Role(String::new()),
        ([only], _) => return Decision::Role(only.role.person_roleid.clone()),
        (several, Some(kept)) if asked == Asked::Once && holds(several, kept) => {
            return Decision::Role(kept.to_owned());
        }
        _ => {}
    }
    roles.sort_by(|one, other| {
        (&one.org_name, &one.role_name, &one.role.person_roleid).cmp(&(
            &other.org_name,
            &other.role_name,
            &other.role.person_roleid,
        ))
    });
    Decision::Choose(roles)
}

/// Whether a role is among them.
pub(crate) fn holds(roles: &[NamedRole], id: &str) -> bool {
    roles.iter().any(|one| one.role.person_roleid == id)
}

/// Empties a choice that the person does not hold any more: what relying parties are told of it is asked of the register each time.
pub(crate) fn forget_lost(chosen: &mut Option<String>, roles: &[NamedRole]) {
    if let Some(role) = chosen.as_mut().filter(|role| !holds(roles, role)) {
        role.clear();
    }
}

/// Those in which every word that was typed occurs: in the name of organisation or role, or in the code of the organisation.
pub(crate) fn matching<'r>(roles: &'r [NamedRole], typed: &str) -> Vec<&'r NamedRole> {
    let words: Vec<String> = typed.split_whitespace().take(10).map(str::to_lowercase).collect();
    let found = |one: &&NamedRole| {
        let text = format!("{} {} {}", one.org_name, one.role.org_code, one.role_name).to_lowercase();
        words.iter().all(|word| text.contains(word))
    };
    roles.iter().filter(found).collect()
}

/// The name of the job role alone, as people call it.
pub(crate) fn short_name(role_name: &str) -> &str {
    role_name.rsplit("\":\"").next().unwrap_or(role_name).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use directory::api::PersonRole;

    use super::*;

    fn role(id: &str, org: &str) -> NamedRole {
        NamedRole {
            role: PersonRole {
                person_orgid: "1".to_owned(),
                person_roleid: id.to_owned(),
                org_code: "Z00001".to_owned(),
                role_code: "S8000:G8000:R8000".to_owned(),
                added_activity_codes: vec![],
                activity_codes: vec![],
                aow_codes: vec![],
                workgroups_codes: vec![],
                position: String::new(),
                until: None,
            },
            org_name: org.to_owned(),
            role_name: r#""Clinical":"Clinical Provision":"Clinical Practitioner Access Role""#.to_owned(),
            activities: vec![],
            aow: vec![],
            workgroups: vec![],
        }
    }

    /// None and one are decided silently; of several the choice of before counts while it is theirs and no new one is wanted.
    #[test]
    fn what_can_be_decided_is() {
        let two = || vec![role("2", "Southfield"), role("1", "Northfield")];
        let decided = |decision: Decision| match decision {
            Decision::Role(id) => Some(id),
            Decision::Choose(_) => None,
        };
        assert_eq!(decided(decide(vec![], None, Asked::Anew)).as_deref(), Some(""));
        assert_eq!(decided(decide(vec![role("1", "a")], None, Asked::Anew)).as_deref(), Some("1"));
        assert_eq!(decided(decide(two(), Some("2"), Asked::Once)).as_deref(), Some("2"));
        assert_eq!(decided(decide(two(), Some("2"), Asked::Anew)), None);
        assert_eq!(decided(decide(two(), Some("3"), Asked::Once)), None);
        let Decision::Choose(list) = decide(two(), None, Asked::Once) else { panic!("nobody was asked") };
        assert_eq!(list[0].org_name, "Northfield");
    }

    /// Words are looked for in organisation, code and role, in any order.
    #[test]
    fn roles_are_found() {
        let roles = [role("1", "Northfield Surgery"), role("2", "Southfield Surgery")];
        assert_eq!(matching(&roles, "practitioner NORTH").len(), 1);
        assert_eq!(matching(&roles, "surgery z00001").len(), 2);
        assert_eq!(matching(&roles, "pharmacy").len(), 0);
        assert_eq!(matching(&roles, "").len(), 2);
        assert_eq!(short_name(&roles[0].role_name), "Clinical Practitioner Access Role");
    }
}
