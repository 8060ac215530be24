//! The tree of the national directory over the register: which branches there are, and how each is read.

mod changelog;
mod organisations;
mod people;
mod systems;
mod workgroups;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::Bound;
use std::sync::LazyLock;

use ldap3_proto::proto::LdapSearchScope as Scope;
use platform::clock::Millis;
use platform::db::Tx;
use tokio::task::yield_now;

pub(crate) use systems::system_entry;

use super::dn::Dn;
use super::entry::Entry;
use super::filter::Filter;
use super::plan::Chosen;
use super::who::Viewer;
use crate::day::Day;
use crate::error::Error;
use crate::register::Register;
use crate::store::faces::Question;
use crate::store::reading::Reading;

/// How many ids are read with one statement.
const AT_ONCE: usize = 50;
/// How many ids of one word are gathered where any of several can be meant; with more, everything is read.
const GATHERED: usize = 1_000;
/// How many of several words together, one that is found twice counted twice.
const GATHERED_ALL: usize = 20_000;

/// The root of everything that the directory holds.
pub(super) fn root() -> Dn {
    Dn::default().below("o", "nhs")
}

/// The name of a branch.
fn branch(name: &'static str) -> Dn {
    root().below("ou", name)
}

/// A branch of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Branch {
    Services,
    Organisations,
    People,
    Workgroups,
    /// A naming context of its own: searches from above do not reach into it.
    Changelog,
}

impl Branch {
    /// Those that hold the register, in the order in which they are read.
    pub(super) const REGISTER: [Self; 4] =
        [Self::Services, Self::Organisations, Self::People, Self::Workgroups];
    /// Every branch, in the order in which they are read.
    pub(super) const ALL: [Self; 5] =
        [Self::Services, Self::Organisations, Self::People, Self::Workgroups, Self::Changelog];

    /// Its name.
    pub(super) fn dn(self) -> &'static Dn {
        static NAMES: LazyLock<[Dn; 5]> = LazyLock::new(|| {
            [
                branch("Services"),
                branch("Organisations"),
                branch("People"),
                branch("workgroups"),
                changelog::dn(),
            ]
        });
        let [services, organisations, people, workgroups, changelog] = &*NAMES;
        match self {
            Self::Services => services,
            Self::Organisations => organisations,
            Self::People => people,
            Self::Workgroups => workgroups,
            Self::Changelog => changelog,
        }
    }

    /// The unit that a search of a branch is kept to by its base alone, if it is.
    pub(super) fn unit_below(self, base: &Dn, scope: &Scope) -> Option<String> {
        let is_above_all = self == Self::Changelog && base.depth_below(self.dn()) == Some(0);
        if is_above_all && *scope != Scope::Base {
            return None;
        }
        self.id_of(base)
    }

    /// Whether a text can be the id of one of its units. Clients keep these in cookies, and may send anything.
    pub(super) fn may_have(self, unit: &str) -> bool {
        self != Self::Changelog || changelog::is_unit(unit)
    }

    /// The id of the unit that an entry below the branch belongs to, as units are read by it.
    pub(super) fn id_of(self, dn: &Dn) -> Option<String> {
        let depth = dn.depth_below(self.dn())?;
        if depth == 0 {
            // The entry above the changes tells of them, so it is made of the register as they are.
            return (self == Self::Changelog).then(changelog::own_unit);
        }
        let value = dn.0[depth - 1].value();
        if value.contains('\0') {
            return None;
        }
        Some(match self {
            Self::Services => crate::system::folded(value),
            Self::Organisations => value.to_ascii_uppercase(),
            Self::People => value.to_owned(),
            Self::Workgroups => value.to_ascii_lowercase(),
            Self::Changelog => changelog::id_of(value)?,
        })
    }
}

/// What is read together: an entry, with those below it.
#[derive(Debug)]
pub(super) struct Unit {
    /// By what units of a branch are in order.
    pub(super) id: String,
    /// When it was made, where that is known of the unit itself.
    pub(super) made: Option<Millis>,
    pub(super) entries: Vec<Entry>,
}

/// Where in a branch the entries of a search can be.
#[derive(Debug, Clone)]
pub(super) enum Where {
    Services(Chosen<systems::Word>),
    Organisations(Chosen<organisations::Word>),
    People(Chosen<Question>),
    Workgroups(Chosen<workgroups::Word>),
    Changelog(Chosen<Infallible>),
}

impl Where {
    /// By a filter, and below one entry of the branch if the search begins there.
    pub(super) fn new(branch: Branch, filter: &Filter, below: Option<String>) -> Self {
        let ids = below.map(|id| BTreeSet::from([id]));
        match branch {
            Branch::Services => Self::Services(within(Chosen::by(filter, &systems::PICKS), ids)),
            Branch::Organisations => {
                Self::Organisations(within(Chosen::by(filter, &organisations::PICKS), ids))
            }
            Branch::People => Self::People(within(Chosen::by(filter, &people::PICKS), ids)),
            Branch::Workgroups => Self::Workgroups(within(Chosen::by(filter, &workgroups::PICKS), ids)),
            Branch::Changelog => Self::Changelog(within(Chosen::by(filter, &changelog::PICKS), ids)),
        }
    }

    /// One entry of a branch, whatever a filter says.
    pub(super) fn only(branch: Branch, id: String) -> Self {
        let ids = BTreeSet::from([id]);
        match branch {
            Branch::Services => Self::Services(Chosen::These(ids)),
            Branch::Organisations => Self::Organisations(Chosen::These(ids)),
            Branch::People => Self::People(Chosen::These(ids)),
            Branch::Workgroups => Self::Workgroups(Chosen::These(ids)),
            Branch::Changelog => Self::Changelog(Chosen::These(ids)),
        }
    }

    /// The next units after one, in order; none when there are no more.
    pub(super) async fn page(
        &self,
        register: &Register,
        reading: &mut Reading<'_>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Unit>, Error> {
        let words = match self {
            Self::Services(chosen) => plain(chosen),
            Self::Organisations(chosen) => plain(chosen),
            Self::People(chosen) => plain(chosen),
            Self::Workgroups(chosen) => plain(chosen),
            Self::Changelog(chosen) => plain(chosen),
        };
        match words {
            Plain::Nothing => return Ok(Vec::new()),
            Plain::These(ids) => {
                let mut rest = ids.range::<str, _>((Bound::Excluded(after), Bound::Unbounded));
                loop {
                    let some: Vec<String> = rest.by_ref().take(AT_ONCE).cloned().collect();
                    if some.is_empty() {
                        return Ok(Vec::new());
                    }
                    let units = self.these(register, reading, &some).await?;
                    if !units.is_empty() {
                        return Ok(units);
                    }
                }
            }
            Plain::Words => {}
        }
        if let Self::People(chosen) = self {
            let questions = if let Chosen::Words(words) = chosen { words.as_slice() } else { &[] };
            return people::page(register, reading, questions, after, limit).await;
        }
        let tx = reading.tx().await?;
        match self {
            Self::Services(Chosen::Words(words)) => systems::page(tx, words, after, limit).await,
            Self::Services(_) => systems::page(tx, &[], after, limit).await,
            Self::Organisations(Chosen::Words(words)) => organisations::page(tx, words, after, limit).await,
            Self::Organisations(_) => organisations::page(tx, &[], after, limit).await,
            Self::People(_) => Ok(Vec::new()),
            Self::Workgroups(Chosen::Words(words)) => workgroups::page(tx, words, after, limit).await,
            Self::Workgroups(_) => workgroups::page(tx, &[], after, limit).await,
            Self::Changelog(_) => changelog::page(register, tx, after, limit).await,
        }
    }

    /// Units by their ids.
    pub(super) async fn these(
        &self,
        register: &Register,
        reading: &mut Reading<'_>,
        ids: &[String],
    ) -> Result<Vec<Unit>, Error> {
        let known = reading.model().and_then(|model| match self {
            Self::Organisations(_) => organisations::known(model, ids),
            Self::People(_) => people::known(register, model, ids),
            Self::Services(_) | Self::Workgroups(_) | Self::Changelog(_) => None,
        });
        if let Some(known) = known {
            return Ok(known);
        }
        let tx = reading.tx().await?;
        match self {
            Self::Services(_) => systems::these(tx, ids).await,
            Self::Organisations(_) => organisations::these(tx, ids).await,
            Self::People(_) => people::these(register, tx, ids).await,
            Self::Workgroups(_) => workgroups::these(tx, ids).await,
            Self::Changelog(_) => changelog::these(register, tx, ids).await,
        }
    }

    /// The same without choices between words: their ids are gathered, or everything is read where they would be more than these. How
    /// many ids that took is said.
    pub(super) async fn settled(
        self,
        register: &Register,
        reading: &mut Reading<'_>,
        most: usize,
    ) -> Result<(Self, usize), Error> {
        Ok(match self {
            Self::Services(Chosen::Either(some)) => {
                let some = some.into_iter().map(Self::Services).collect();
                let (chosen, read) = gathered(register, reading, some, most).await?;
                (Self::Services(chosen), read)
            }
            Self::Organisations(Chosen::Either(some)) => {
                let some = some.into_iter().map(Self::Organisations).collect();
                let (chosen, read) = gathered(register, reading, some, most).await?;
                (Self::Organisations(chosen), read)
            }
            Self::People(Chosen::Either(some)) => {
                let some = some.into_iter().map(Self::People).collect();
                let (chosen, read) = gathered(register, reading, some, most).await?;
                (Self::People(chosen), read)
            }
            Self::Workgroups(Chosen::Either(some)) => {
                let some = some.into_iter().map(Self::Workgroups).collect();
                let (chosen, read) = gathered(register, reading, some, most).await?;
                (Self::Workgroups(chosen), read)
            }
            // Several numbers are numbers; anything else is looked through.
            Self::Changelog(Chosen::Either(_)) => (Self::Changelog(Chosen::Everything), 0),
            other => (other, 0),
        })
    }

    /// The ids that are known without reading.
    fn named(&self) -> Option<&BTreeSet<String>> {
        let words = match self {
            Self::Services(chosen) => plain(chosen),
            Self::Organisations(chosen) => plain(chosen),
            Self::People(chosen) => plain(chosen),
            Self::Workgroups(chosen) => plain(chosen),
            Self::Changelog(chosen) => plain(chosen),
        };
        if let Plain::These(ids) = words { Some(ids) } else { None }
    }

    /// The first ids under the words, so many at most; `None` where no index knows them.
    async fn ids(
        &self,
        register: &Register,
        reading: &mut Reading<'_>,
        limit: u32,
    ) -> Result<Option<Vec<String>>, Error> {
        Ok(Some(match self {
            Self::Services(Chosen::Words(words)) => systems::ids(reading.tx().await?, words, limit).await?,
            Self::Organisations(Chosen::Words(words)) => {
                organisations::ids(reading.tx().await?, words, limit).await?
            }
            Self::People(Chosen::Words(questions)) => {
                people::ids(register, reading, questions, limit).await?
            }
            Self::Workgroups(Chosen::Words(words)) => {
                workgroups::ids(reading.tx().await?, words, limit).await?
            }
            _ => return Ok(None),
        }))
    }
}

/// Everything in any of these places by its ids, with how many were read for that; where they are too many, everything there is.
async fn gathered<W>(
    register: &Register,
    reading: &mut Reading<'_>,
    some: Vec<Where>,
    most: usize,
) -> Result<(Chosen<W>, usize), Error> {
    let most = most.min(GATHERED_ALL);
    let (mut ids, mut read) = (BTreeSet::new(), 0);
    for one in some {
        if let Some(named) = one.named() {
            ids.extend(named.iter().cloned());
            continue;
        }
        let room = most.saturating_sub(read).min(GATHERED);
        let limit = u32::try_from(room).unwrap_or(0);
        let found = if limit == 0 { None } else { one.ids(register, reading, limit).await? };
        let Some(found) = found else { return Ok((Chosen::Everything, read)) };
        read += found.len();
        if found.len() >= room {
            return Ok((Chosen::Everything, read));
        }
        ids.extend(found);
        // Each is a statement of its own.
        yield_now().await;
    }
    Ok((Chosen::These(ids), read))
}

fn within<W: Clone + PartialEq>(chosen: Chosen<W>, ids: Option<BTreeSet<String>>) -> Chosen<W> {
    match ids {
        Some(ids) => chosen.and(Chosen::These(ids)),
        None => chosen,
    }
}

/// How a place is read.
enum Plain<'c> {
    Nothing,
    These(&'c BTreeSet<String>),
    Words,
}

fn plain<W>(chosen: &Chosen<W>) -> Plain<'_> {
    match chosen {
        Chosen::Nothing => Plain::Nothing,
        Chosen::These(ids) => Plain::These(ids),
        Chosen::Words(_) | Chosen::Either(_) | Chosen::Everything => Plain::Words,
    }
}

/// The names that entries of a unit have, or have had: what was told of and may be there no more.
pub(super) async fn names_of(tx: &mut Tx, branch: Branch, id: &str) -> Result<Vec<Dn>, Error> {
    Ok(match branch {
        Branch::Services | Branch::Organisations | Branch::Workgroups => {
            vec![branch.dn().below("uniqueIdentifier", id)]
        }
        Branch::People => people::names_of(tx, id).await?,
        Branch::Changelog => Vec::new(),
    })
}

/// Whether an entry tells of somebody: of a person, or of a change to one.
pub(super) fn is_of_people(entry: &Entry) -> bool {
    names_people(&entry.dn) || changelog::target(entry).is_some_and(|target| names_people(&target))
}

/// Whether a name is that of somebody's entry, or of one below it, there or not.
pub(super) fn names_people(dn: &Dn) -> bool {
    Branch::People.id_of(dn).is_some()
}

/// Whether a filter asks of somebody by an id or a number of theirs, and could find them.
pub(super) fn names_somebody(filter: &Filter) -> bool {
    people::names_somebody(filter) && Chosen::by(filter, &people::PICKS) != Chosen::Nothing
}

/// An entry of a branch as somebody sees it.
pub(super) fn seen(who: &Viewer, branch: Branch, entry: Entry) -> Entry {
    if branch == Branch::Changelog {
        if is_of_people(&entry) && who.sees(Branch::People).is_err() {
            return changelog::without_person(entry);
        }
        // What an entry has is told whole or not at all.
        return if who.sees_all_attributes() { entry } else { entry.without("changes") };
    }
    who.without_hidden(entry)
}

/// The entries that hold the others: the root and its branches.
pub(super) fn fixed() -> &'static [Entry] {
    static FIXED: LazyLock<Vec<Entry>> = LazyLock::new(made_fixed);
    &FIXED
}

fn made_fixed() -> Vec<Entry> {
    let mut top = Entry::new(root(), &["organization", "top"], "organization");
    top.put("o", ["nhs"]);
    top.put("hasSubordinates", ["TRUE"]);
    let branches = Branch::REGISTER.into_iter().map(|branch| {
        let dn = branch.dn();
        let mut entry = Entry::new(dn.clone(), &["organizationalUnit", "top"], "organizationalUnit");
        entry.put("ou", dn.0.first().map(|part| part.value()));
        entry.put("hasSubordinates", ["TRUE"]);
        entry
    });
    std::iter::once(top).chain(branches).collect()
}

/// When an entry was made and changed, where that is known, as RFC 4512 3.4 has it.
fn times(entry: &mut Entry, made: Option<Millis>, changed: Option<Millis>) {
    entry.put("createTimestamp", made.map(generalized));
    entry.put("modifyTimestamp", changed.map(generalized));
}

/// A time as RFC 4517 3.3.13 writes it, to the second.
fn generalized(at: Millis) -> String {
    let seconds = at.0.div_euclid(1000).rem_euclid(86_400);
    format!("{}{:02}{:02}{:02}Z", day(Day::of(at)), seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A day as the national directory writes it.
fn day(day: Day) -> String {
    let mut text = day.to_string();
    text.retain(|character| character != '-');
    text
}

#[cfg(test)]
mod tests {
    use ldap3_proto::parse_ldap_filter_str;

    use super::*;
    use crate::ldap::filter::Matching;

    /// Times and days are written as LDAP and the national directory write them.
    #[test]
    fn times_are_written() {
        // 17:20, and 1:02:03 more.
        assert_eq!(generalized(Millis(1_795_540_800_000 + 3_723_000)), "20261124182203Z");
        assert_eq!(day("2026-11-24".parse().unwrap()), "20261124");
    }

    /// What systems never have is not looked for among them, and what they may have is.
    #[test]
    fn systems_are_left_out() {
        let place = |text: &str| {
            let parsed = parse_ldap_filter_str(text).unwrap();
            Where::new(Branch::Services, &Filter::compile(&parsed, Matching::Strict).unwrap(), None)
        };
        for text in ["(uid=555021942107)", "(sn=a)", "(&(description=a)(postalCode=a))"] {
            assert!(matches!(place(text), Where::Services(Chosen::Nothing)), "{text}");
        }
        for text in ["(description=a)", "(|(uid=555021942107)(description=a))", "(!(uid=555021942107))"] {
            assert!(matches!(place(text), Where::Services(Chosen::Everything)), "{text}");
        }
    }

    /// The unit of an entry is what is read of the branch.
    #[test]
    fn entries_belong_to_units() {
        let id = |branch: Branch, text: &str| branch.id_of(&Dn::parse(text).unwrap());
        assert_eq!(id(Branch::People, "uniqueIdentifier=2,uid=1,ou=people,o=nhs").as_deref(), Some("1"));
        assert_eq!(
            id(Branch::Organisations, "uniqueIdentifier=rxx,ou=Organisations,o=nhs").as_deref(),
            Some("RXX")
        );
        assert_eq!(id(Branch::Services, "ou=Services,o=nhs"), None);
        assert_eq!(id(Branch::Services, "uniqueIdentifier=rxx,ou=Organisations,o=nhs"), None);
        let change = id(Branch::Changelog, "changenumber=12,CN=changelog,o=nhs");
        assert!(change > id(Branch::Changelog, "changenumber=3,cn=Changelog,o=nhs"));
        assert!(id(Branch::Changelog, "cn=Changelog,o=nhs") < change);
        assert_eq!(id(Branch::Changelog, "changenumber=x,cn=Changelog,o=nhs"), None);
        let above = Dn::parse("cn=Changelog,o=nhs").unwrap();
        assert_eq!(Branch::Changelog.unit_below(&above, &Scope::OneLevel), None);
        assert!(Branch::Changelog.unit_below(&above, &Scope::Base).is_some());
        assert_eq!(fixed().len(), 5);
    }
}
