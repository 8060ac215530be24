//! Who hosts the registration authority of whom.

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::OdsCode;

use super::events::Event;
use crate::api::{ChangeKind, OrganisationStatus};
use crate::authority::Lineage;
use crate::changes;
use crate::error::Error;
use crate::store::{lineages, organisations};
use crate::version::{Expected, Version};

/// How many hosts may stand one above the other over an organisation.
const MOST_HOSTS: usize = lineages::DEEPEST;

/// Refuses a host that lies below the organisation, and chains that become too long.
///
/// `line` is the host with the hosts above it, `below` how many hosted ones lie below the organisation, one below the other.
fn check_host(organisation: &OdsCode, line: &Lineage, below: usize) -> Result<(), Error> {
    if line.is_within(organisation) {
        let through = line.0.iter().take_while(|code| *code != organisation);
        let path: Vec<&str> = through.map(OdsCode::as_str).chain([organisation.as_str()]).collect();
        return Err(Error::conflict(
            "hosts-in-a-circle",
            format!(
                "{organisation} would host itself, through {}. Take one of these hosts away first.",
                path.join(", which is hosted by ")
            ),
        ));
    }
    if line.0.len() + below > MOST_HOSTS {
        return Err(Error::conflict(
            "hosts-too-deep",
            format!(
                "{} hosts would stand one above the other; at most {MOST_HOSTS} may. Choose a host nearer to the top.",
                line.0.len() + below
            ),
        ));
    }
    Ok(())
}

/// Gives an organisation a host of its registration authority, or takes it away.
pub(crate) async fn set_host(
    tx: &mut Tx,
    now: Millis,
    actor: &Actor,
    organisation: &OdsCode,
    host: Option<&OdsCode>,
    expected: Expected,
) -> Result<Version, Error> {
    // The number of the change is taken first: until this commits, no other process can move a host, so that two moves
    // that are each right cannot make a circle together.
    changes::tell(tx, now, ChangeKind::OrganisationChanged, organisation.as_str(), None).await?;
    let present = organisations::standing(&mut *tx, organisation).await?;
    let present = present.ok_or_else(|| Error::unknown("organisation", organisation))?;
    if !expected.holds(present.version) {
        return Err(Error::Changed { what: "organisation", present: present.version });
    }
    if let Some(host) = host {
        demand_host(tx, organisation, host).await?;
    }
    let version = organisations::set_host(tx, organisation, host, now).await?;
    let event = Event::OrganisationHosted {
        organisation: organisation.to_string(),
        host: host.map(ToString::to_string),
        before: present.ra_host.map(|before| before.to_string()),
    };
    audit::record(tx, now, actor, &event).await?;
    Ok(version)
}

/// Refuses what cannot host an organisation.
async fn demand_host(tx: &mut Tx, organisation: &OdsCode, host: &OdsCode) -> Result<(), Error> {
    let standing = organisations::standing(&mut *tx, host).await?;
    match standing.map(|standing| standing.status) {
        None => return Err(Error::field("host", format!("there is no organisation {host}"))),
        Some(OrganisationStatus::Inactive) => {
            return Err(Error::conflict(
                "host-closed",
                format!("{host} is closed, and a closed organisation hosts nobody. Choose an open one."),
            ));
        }
        Some(OrganisationStatus::Active) => {}
    }
    let line = lineages::of_any(tx, host).await?;
    let below = lineages::height(&mut *tx, organisation).await?;
    check_host(organisation, &line, below)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn ods(number: usize) -> OdsCode {
        format!("X{number:02}").parse().unwrap()
    }

    /// Hosts by hosted, with the same answers as the tables give.
    #[derive(Default)]
    struct World(BTreeMap<OdsCode, OdsCode>);

    impl World {
        fn line(&self, of: &OdsCode) -> Lineage {
            let mut line = vec![of.clone()];
            while let Some(host) = line.last().and_then(|last| self.0.get(last)) {
                line.push(host.clone());
            }
            Lineage(line)
        }

        fn below(&self, of: &OdsCode) -> usize {
            let hosted = self.0.iter().filter(|(_, host)| *host == of);
            hosted.map(|(hosted, _)| 1 + self.below(hosted)).max().unwrap_or(0)
        }
    }

    proptest! {
        /// Whatever hosts are set in whatever order: nobody hosts themselves and no chain is too long; and what is refused
        /// would have made one or the other.
        #[test]
        fn hosts_make_no_circle(moves in proptest::collection::vec((0..14usize, 0..14usize), 1..80)) {
            let mut world = World::default();
            for (hosted, host) in moves.into_iter().map(|(hosted, host)| (ods(hosted), ods(host))) {
                let (line, below) = (world.line(&host), world.below(&hosted));
                match check_host(&hosted, &line, below) {
                    Ok(()) => {
                        world.0.insert(hosted, host);
                        for number in 0..14 {
                            // Would not end in a circle.
                            prop_assert!(world.line(&ods(number)).0.len() <= MOST_HOSTS + 1);
                        }
                    }
                    Err(_) => {
                        prop_assert!(line.is_within(&hosted) || line.0.len() + below > MOST_HOSTS);
                    }
                }
            }
        }
    }

    /// A circle is refused with the way around it.
    #[test]
    fn circle_is_told() {
        let line = Lineage(vec![ods(3), ods(2), ods(1)]);
        let said = check_host(&ods(1), &line, 2).unwrap_err().to_string();
        assert!(said.contains("X01 would host itself, through X03, which is hosted by X02"), "{said}");
    }
}
