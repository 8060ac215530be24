//! Reads out of the journal as the record takes them: those of one caller that came within a moment are one event, so that recording them
//! costs a part of what answering them does.

use std::sync::Arc;

use audit::Actor;
use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::Kept;
use crate::fhir::FhirEvent;
use crate::ldap::LdapEvent;
use crate::showing::Showing;

/// How many reads are one event at most.
const MOST: usize = 100;
/// How many octets of the journal they take at most; one alone may be more.
const LARGEST: usize = 32 * 1024;

/// Several reads by one caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum ReadsEvent {
    /// Questions about people, by the same caller within a moment, that came out of the journal of reads together.
    ReadsTogether {
        /// Each of them in its order.
        reads: Vec<OneRead>,
    },
    /// A question about people that the record refused. It is in a file in the folder of the journal instead, at the time at which it was
    /// asked.
    ReadSetAside {
        /// The journal's file that it came from, by its random name.
        journal: String,
        /// The number of its frame, which is in the name of the file that has it now.
        frame: i64,
    },
}

/// One of several reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OneRead {
    /// When it was asked, in milliseconds since 1970.
    #[schema(value_type = i64)]
    at: Millis,
    /// What was shown, as `people-shown` or `workers-shown` say it alone.
    #[schema(value_type = Object)]
    shown: Showing,
}

impl audit::Event for ReadsEvent {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::ReadsTogether { .. } => "reads-together",
            Self::ReadSetAside { .. } => "read-set-aside",
        }
    }
}

/// What is recorded: a read that came alone, or several. It is borrowed from them.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Act<'k> {
    Alone(&'k Showing),
    Several(Several<'k>),
}

/// [`ReadsEvent::ReadsTogether`] of reads that are held elsewhere.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Several<'k> {
    ReadsTogether { reads: Vec<One<'k>> },
}

/// [`OneRead`] of a read that is held elsewhere.
#[derive(Debug, Serialize)]
pub(super) struct One<'k> {
    at: Millis,
    shown: &'k Showing,
}

impl audit::Event for Act<'_> {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::Alone(showing) => audit::Event::name(*showing),
            Self::Several(Several::ReadsTogether { .. }) => "reads-together",
        }
    }
}

impl PartialSchema for Act<'_> {
    fn schema() -> RefOr<Schema> {
        ReadsEvent::schema()
    }
}

impl ToSchema for Act<'_> {}

/// Reads that are put together, of one caller.
struct Group<'k> {
    actor: &'k Actor,
    octets: usize,
    reads: Vec<&'k Kept>,
}

/// These reads as events, in the order of the first read of each.
pub(super) fn together<'k>(reads: impl Iterator<Item = &'k Arc<Kept>>) -> Vec<(Millis, &'k Actor, Act<'k>)> {
    let mut groups: Vec<Group<'k>> = Vec::new();
    for kept in reads {
        let kept = &**kept;
        // The newest of each caller is nearest the end.
        let room = groups.iter_mut().rev().find(|group| *group.actor == kept.record.actor).filter(|group| {
            let fits = group.reads.len() < MOST && group.octets + kept.octets <= LARGEST;
            fits && joins(&kept.record.showing) && group.reads.iter().all(|one| joins(&one.record.showing))
        });
        match room {
            Some(group) => {
                group.octets += kept.octets;
                group.reads.push(kept);
            }
            None => {
                groups.push(Group { actor: &kept.record.actor, octets: kept.octets, reads: vec![kept] });
            }
        }
    }
    groups.into_iter().filter_map(Group::act).collect()
}

/// Whether something is said together with others: reads are, acts are events of their own.
fn joins(showing: &Showing) -> bool {
    matches!(
        showing,
        Showing::Ldap(LdapEvent::PeopleShown { .. }) | Showing::Fhir(FhirEvent::WorkersShown { .. })
    )
}

impl<'k> Group<'k> {
    fn act(self) -> Option<(Millis, &'k Actor, Act<'k>)> {
        let last = self.reads.last()?;
        let act = if self.reads.len() == 1 {
            Act::Alone(&last.record.showing)
        } else {
            let of = |kept: &&'k Kept| One { at: kept.record.at, shown: &kept.record.showing };
            Act::Several(Several::ReadsTogether { reads: self.reads.iter().map(of).collect() })
        };
        Some((last.record.at, self.actor, act))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::showing::Record;

    fn kept(number: i64, subject: &str, showing: Showing) -> Arc<Kept> {
        let actor = Actor { subject: subject.to_owned(), ..Actor::system("directory") };
        Arc::new(Kept { number, octets: 300, record: Record { at: Millis(number), actor, showing } })
    }

    fn shown(entries: i64) -> Showing {
        let (base, scope) = ("ou=People,o=nhs".to_owned(), "subtree".to_owned());
        Showing::Ldap(LdapEvent::PeopleShown { base, scope, entries })
    }

    /// Each caller's reads are one event in their order, with their times, up to a bound; what came alone, and what is no read, is recorded
    /// as it is. Nothing is lost.
    #[test]
    fn reads_of_one_caller_are_one_event() {
        let begun = Showing::Fhir(FhirEvent::ExportBegun { export: "e".to_owned(), resources: Vec::new() });
        let mut all = vec![
            kept(1, "one", shown(1)),
            kept(2, "two", shown(2)),
            kept(3, "one", shown(3)),
            kept(4, "three", begun.clone()),
            kept(5, "three", begun),
        ];
        let acts = together(all.iter());
        let said: Vec<_> =
            acts.iter().map(|(at, actor, act)| (at.0, &*actor.subject, audit::Event::name(act))).collect();
        assert_eq!(
            said,
            [
                (3, "one", "reads-together"),
                (2, "two", "people-shown"),
                (4, "three", "export-begun"),
                (5, "three", "export-begun")
            ]
        );
        let one = |at, entries| OneRead { at: Millis(at), shown: shown(entries) };
        let event = ReadsEvent::ReadsTogether { reads: vec![one(1, 1), one(3, 3)] };
        assert_eq!(serde_json::to_string(&acts[0].2).unwrap(), serde_json::to_string(&event).unwrap());
        assert_eq!(audit::Event::name(&acts[0].2), audit::Event::name(&event));
        assert_eq!(serde_json::to_string(&acts[1].2).unwrap(), serde_json::to_string(&shown(2)).unwrap());

        all = (0..250).map(|number| kept(number, "one", shown(number))).collect();
        let sizes: Vec<usize> = together(all.iter())
            .iter()
            .map(|(_, _, act)| match act {
                Act::Several(Several::ReadsTogether { reads }) => reads.len(),
                Act::Alone(_) => 1,
            })
            .collect();
        assert_eq!(sizes, [100, 100, 50]);
        all = vec![
            kept(1, "one", shown(1)),
            Arc::new(Kept { octets: LARGEST, ..of(kept(2, "one", shown(2))) }),
        ];
        assert_eq!(together(all.iter()).len(), 2, "what is large is by itself");
    }

    fn of(kept: Arc<Kept>) -> Kept {
        Arc::into_inner(kept).expect("it is alone")
    }
}
