//! Who may do what on a road.
//!
//! `ca:enrol` opens the road. With it alone a system has certificates in its own name only: its client id as common
//! name, its own organisation's code, and the host names that the operator gave it on this road. With `ca:issue`
//! for the road's profile it is a registration authority and may ask for others, as it may through `POST /ca/certificates`.

use platform::caller::Caller;

use super::Refused;
use super::config::{Road, RoadAct};
use crate::api::{ENROL, SubjectData};
use crate::error::Error;
use crate::grants::may_issue;

/// Evidence that a caller may do this on a road. Only [`enter`] makes one.
#[derive(Debug)]
pub(super) struct Entered<'a> {
    pub(super) caller: &'a Caller,
    pub(super) road: Road<'a>,
}

/// Lets a caller onto a road for an act.
pub(super) fn enter<'a>(caller: &'a Caller, road: Road<'a>, act: RoadAct) -> Result<Entered<'a>, Error> {
    caller.may(ENROL).map_err(Error::Platform)?;
    if road.config.acts.contains(&act) {
        Ok(Entered { caller, road })
    } else {
        Err(Refused::ActNotOnRoad(act).into())
    }
}

/// Whether the one who entered is a registration authority for the road's profile.
pub(super) fn is_authority(entered: &Entered<'_>) -> bool {
    may_issue(entered.caller, entered.road.config.profile.as_str()).is_ok()
}

/// Whether the one who entered may have this subject certified.
pub(super) fn may_name(entered: &Entered<'_>, subject: &SubjectData) -> Result<(), Refused> {
    let Entered { caller, road } = entered;
    if is_authority(entered) {
        return Ok(());
    }
    let refused = |sentence: &str| Err(Refused::NameNotYours(sentence.to_owned()));
    if subject.common_name != caller.client.as_str() {
        return Err(Refused::NameNotYours(format!("the common name must be {}", caller.client)));
    }
    let own_organisation = caller.organisation.as_ref().map(ToString::to_string);
    if subject.organisation_id.is_some() && subject.organisation_id != own_organisation {
        return refused("the organisation's code must be the one registered for this client");
    }
    let foreign = [
        ("user id", subject.user_id.is_some()),
        ("system id", subject.system_id.is_some()),
        ("given name", subject.given_name.is_some()),
        ("family name", subject.family_name.is_some()),
        ("organisation's name", subject.organisation.is_some()),
        ("user principal name", subject.upn.is_some()),
        ("IP address", !subject.ip_addresses.is_empty()),
    ];
    if let Some((what, _)) = foreign.iter().find(|(_, present)| *present) {
        return Err(Refused::NameNotYours(format!("the {what} must be left out")));
    }
    match subject.dns_names.iter().find(|host| !road.config.gives_host(&caller.client, host)) {
        Some(host) => {
            let host: String = host.chars().filter(|c| !c.is_control()).take(80).collect();
            Err(Refused::NameNotYours(format!(
                "the host name {host} is not among those of {}",
                caller.client
            )))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use platform::caller::{Act, CallerKind};

    use super::*;
    use crate::api::ISSUE;
    use crate::enrol::config::{EnrolConfig, Protocol};

    fn decided(acts: &[Act], change: impl FnOnce(&mut SubjectData)) -> Result<(), Refused> {
        let config: EnrolConfig = toml::from_str(
            "[roads.r]\nprofile = \"p\"\nhosts = { larkfield = [\"a.example\"] }\nacts = [\"enrol\"]",
        )
        .unwrap();
        let names = acts.iter().map(|act| act.0);
        let mut caller = Caller::new(CallerKind::System, "larkfield", "larkfield".parse().unwrap(), names);
        caller.organisation = Some("A81001".parse().unwrap());
        let road = config.road(Some("r"), Protocol::Est).unwrap();
        let mut subject = SubjectData { common_name: "larkfield".to_owned(), ..SubjectData::default() };
        change(&mut subject);
        may_name(&enter(&caller, road, RoadAct::Enrol).unwrap(), &subject)
    }

    /// A system has its own name, code and hosts certified and nothing else; a registration authority has more.
    #[test]
    fn a_system_names_itself_only() {
        type Change = fn(&mut SubjectData);
        let own: [Change; 3] = [
            |_| {},
            |subject| subject.organisation_id = Some("A81001".to_owned()),
            |subject| subject.dns_names = vec!["a.example".to_owned()],
        ];
        let foreign: [Change; 9] = [
            |subject| subject.common_name = "registration-desk".to_owned(),
            |subject| subject.organisation_id = Some("A81002".to_owned()),
            |subject| subject.dns_names = vec!["a.example".to_owned(), "b.example".to_owned()],
            |subject| subject.user_id = Some("555021942107".to_owned()),
            |subject| subject.system_id = Some("200000000017".to_owned()),
            |subject| subject.given_name = Some("A".to_owned()),
            |subject| subject.organisation = Some("Larkfield".to_owned()),
            |subject| subject.upn = Some("a@a.example".to_owned()),
            |subject| subject.ip_addresses = vec!["127.0.0.1".to_owned()],
        ];
        for change in own {
            assert_eq!(decided(&[ENROL], change), Ok(()));
        }
        for change in foreign {
            assert!(matches!(decided(&[ENROL], change), Err(Refused::NameNotYours(_))));
            let authority = [ENROL, ISSUE, Act("ca:issue:p")];
            assert_eq!(decided(&authority, change), Ok(()));
            assert!(decided(&[ENROL, ISSUE, Act("ca:issue:q")], change).is_err(), "another profile");
        }
    }

    /// Without the act nobody enters, whatever else they may do; and a road closed for an act is closed to all.
    #[test]
    fn a_road_opens_to_its_act() {
        let config: EnrolConfig = toml::from_str("[roads.r]\nprofile = \"p\"\nacts = [\"enrol\"]").unwrap();
        let road = config.road(Some("r"), Protocol::Cmp).unwrap();
        let caller = |acts: &[Act]| {
            let names = acts.iter().map(|act| act.0);
            Caller::new(CallerKind::System, "a", "a".parse().unwrap(), names)
        };
        assert!(enter(&caller(&[ISSUE]), road, RoadAct::Enrol).is_err());
        assert!(enter(&caller(&[ENROL]), road, RoadAct::Enrol).is_ok());
        assert!(enter(&caller(&[ENROL, ISSUE]), road, RoadAct::Revoke).is_err());
    }
}
