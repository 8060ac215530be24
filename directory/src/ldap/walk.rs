//! A search on its way through the tree: entry after entry, in one order, so that it can be gone on with later.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use ldap3_proto::proto::{LdapResultCode as Code, LdapSearchScope as Scope};

use super::answer::Refusal;
use super::dn::Dn;
use super::entry::Entry;
use super::filter::{Filter, Truth};
use super::tree::{self, Branch, Where};
use super::who::Viewer;
use crate::register::Register;
use crate::store::reading::Reading;

/// How many units are read at first; an equality mostly has one.
const FIRST: u32 = 20;
/// How many are read at once after that.
const LATER: u32 = 200;
/// How much may be asked of an entry for the price of one: parts of the filter, and values.
const FOR_ONE: usize = 512;
/// After how much of that others have their turn.
const TURN: usize = 4_096;

/// Where a search is asked for.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) base: Dn,
    pub(super) scope: Scope,
}

impl Range {
    /// Whether an entry lies in it. RFC 4511 4.5.1.2.
    pub(super) fn has(&self, dn: &Dn) -> bool {
        match (dn.depth_below(&self.base), &self.scope) {
            (Some(0), Scope::Base | Scope::Subtree) | (Some(1), Scope::OneLevel) => true,
            (Some(depth), Scope::Subtree | Scope::Children) => depth > 0,
            _ => false,
        }
    }

    /// Whether anything of a branch can lie in it.
    pub(super) fn reaches(&self, branch: Branch) -> bool {
        match branch {
            // A naming context of its own: it is asked for by its name.
            Branch::Changelog => self.base.depth_below(branch.dn()).is_some(),
            _ => self.reaches_below(branch.dn()),
        }
    }

    /// Whether anything below this name can lie in it.
    fn reaches_below(&self, dn: &Dn) -> bool {
        if self.base.depth_below(dn).is_some_and(|depth| depth > 0) {
            return true;
        }
        match dn.depth_below(&self.base) {
            Some(0) => self.scope != Scope::Base,
            Some(_) => matches!(self.scope, Scope::Subtree | Scope::Children),
            None => false,
        }
    }
}

/// Gives others their turn: a worker asks many entries one after the other without waiting for anything, and what waits on the same
/// worker, the time limit among it, would wait for all of them.
#[derive(Debug, Default)]
pub(super) struct Turn(usize);

impl Turn {
    /// Counts what was done, and lets others go first when it was much.
    pub(super) async fn pay(&mut self, cost: usize) {
        self.0 += cost;
        if self.0 >= TURN {
            self.0 = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// Up to which entry a search has come: the branch, the id of the unit, and how many of its entries were passed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// 0 for the entries that hold the others, then the branches.
    stage: usize,
    unit: Arc<str>,
    passed: usize,
}

impl Position {
    /// As a client keeps it.
    pub(super) fn text(&self) -> String {
        format!("{}\n{}\n{}", self.stage, self.passed, self.unit)
    }

    /// A place in a list that was put in order.
    pub(super) fn of_a_list(place: usize) -> Self {
        Self { passed: place, ..Self::default() }
    }

    /// The place in a list that was put in order.
    pub(super) fn in_a_list(&self) -> usize {
        self.passed
    }

    /// Reads what [`Position::text`] wrote.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut lines = text.splitn(3, '\n');
        let stage: usize = lines.next()?.parse().ok().filter(|stage| *stage <= Branch::ALL.len())?;
        let passed = lines.next()?.parse().ok()?;
        let unit = lines.next().filter(|unit| !unit.contains('\0'))?;
        let branch = stage.checked_sub(1).and_then(|stage| Branch::ALL.get(stage));
        if !unit.is_empty() && branch.is_some_and(|branch| !branch.may_have(unit)) {
            return None;
        }
        Some(Self { stage, unit: unit.into(), passed })
    }
}

/// Whether what is read may be what it was a moment ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// From the model, where it has it.
    Quick,
    /// For whoever goes on from a place of the change feed.
    Exact,
}

impl Freshness {
    /// How fresh that has to be which a filter is asked of.
    pub(super) fn of(filter: &Filter) -> Self {
        if filter.is_about_times() { Self::Exact } else { Self::Quick }
    }

    fn reading(self, register: &Register) -> Reading<'_> {
        match self {
            Self::Quick => Reading::quick(register),
            Self::Exact => Reading::exact(register),
        }
    }
}

/// An entry that is found; none at the end. Those that hold the others are there once for all.
pub(super) type Found = Option<Cow<'static, Entry>>;

/// A search on its way.
pub(super) struct Walk<'w> {
    register: &'w Register,
    who: &'w Viewer,
    range: &'w Range,
    filter: &'w Filter,
    freshness: Freshness,
    /// How many entries may still be looked at; of a filter that asks for very much each is several.
    left: usize,
    turn: Turn,
    at: Position,
    waiting: VecDeque<(Position, Cow<'static, Entry>)>,
    /// Where in the branch that is read the entries can be; none until it has begun.
    place: Option<Where>,
    /// The last unit that was read.
    read: String,
    size: u32,
    /// The unit that was left in its middle.
    broken_off: Option<(String, usize)>,
    /// How many entries of people were answered.
    pub(super) people: u64,
}

impl<'w> Walk<'w> {
    /// Begins, or goes on after a position.
    pub(super) fn new(
        register: &'w Register,
        who: &'w Viewer,
        range: &'w Range,
        filter: &'w Filter,
        most: usize,
        after: Option<Position>,
    ) -> Self {
        let at = after.unwrap_or_default();
        let broken_off = (at.stage > 0 && !at.unit.is_empty()).then(|| (at.unit.to_string(), at.passed));
        let mut walk = Self {
            register,
            who,
            range,
            filter,
            freshness: Freshness::of(filter),
            left: most,
            turn: Turn::default(),
            waiting: VecDeque::new(),
            place: None,
            read: at.unit.to_string(),
            size: FIRST,
            broken_off,
            people: 0,
            at,
        };
        if walk.at.stage == 0 {
            let passed = walk.at.passed;
            let fixed = tree::fixed().iter().enumerate().skip(passed);
            walk.waiting = fixed
                .filter(|(_, entry)| range.has(&entry.dn))
                .map(|(at, entry)| (Position { passed: at + 1, ..Position::default() }, Cow::Borrowed(entry)))
                .collect();
        }
        walk
    }

    /// The same as it is, and not as it was a moment ago.
    pub(super) fn exact(self) -> Self {
        Self { freshness: Freshness::Exact, ..self }
    }

    /// Whether it ended because enough was looked at. Whoever asks for pages goes on from there.
    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// After which entry to go on.
    pub(super) fn position(&self) -> &Position {
        &self.at
    }

    /// The next entry that is found; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Found, Refusal> {
        loop {
            while let Some((position, entry)) = self.waiting.pop_front() {
                if self.left == 0 {
                    let sentence = "Too many entries would have to be looked through. Ask by an attribute that has an index, or in pages.";
                    return Err(Refusal::new(Code::AdminLimitExceeded, sentence));
                }
                self.at = position;
                let is_in = self.range.has(&entry.dn);
                let (truth, cost) = if is_in { self.filter.of_at_cost(&entry) } else { (Truth::False, 0) };
                self.left = self.left.saturating_sub(1 + cost / FOR_ONE);
                self.turn.pay(1 + cost).await;
                if truth == Truth::True {
                    self.people += u64::from(self.is_of_people(&entry));
                    return Ok(Some(entry));
                }
            }
            if !self.load().await? {
                return Ok(None);
            }
        }
    }

    /// Whether an entry that was read tells of somebody. Asked of every entry that is found, so what is known is not asked again.
    fn is_of_people(&self, entry: &Entry) -> bool {
        match self.at.stage.checked_sub(1).and_then(|stage| Branch::ALL.get(stage)) {
            Some(Branch::People) => true,
            Some(Branch::Changelog) => tree::is_of_people(entry),
            _ => false,
        }
    }

    /// Reads on; `false` when there is nothing more anywhere.
    async fn load(&mut self) -> Result<bool, Refusal> {
        let Some(branch) = self.at.stage.checked_sub(1).and_then(|stage| Branch::ALL.get(stage)).copied()
        else {
            return Ok(self.next_branch());
        };
        let reached = self.range.reaches(branch) && self.who.sees(branch).is_ok();
        if !reached {
            return Ok(self.next_branch());
        }
        let mut read = self.freshness.reading(self.register);
        let place = if let Some(place) = self.place.take() {
            place
        } else {
            let below = branch.unit_below(&self.range.base, &self.range.scope);
            let place = Where::new(branch, self.filter, below);
            // Half of what may be looked at is left, so that every page comes further.
            let (place, cost) = place.settled(self.register, &mut read, self.left / 2).await?;
            self.left = self.left.saturating_sub(cost);
            place
        };
        if let Some((unit, passed)) = self.broken_off.take() {
            let units = place.these(self.register, &mut read, &[unit]).await?;
            self.put(branch, units, passed);
            self.place = Some(place);
            return Ok(true);
        }
        let units = place.page(self.register, &mut read, &self.read, self.size).await?;
        self.size = LATER;
        if units.is_empty() {
            return Ok(self.next_branch());
        }
        self.put(branch, units, 0);
        self.place = Some(place);
        Ok(true)
    }

    fn put(&mut self, branch: Branch, units: Vec<tree::Unit>, passed: usize) {
        let stage = self.at.stage;
        for unit in units {
            let id: Arc<str> = unit.id.as_str().into();
            for (at, entry) in unit.entries.into_iter().enumerate().skip(passed) {
                let position = Position { stage, unit: id.clone(), passed: at + 1 };
                self.waiting.push_back((position, Cow::Owned(tree::seen(self.who, branch, entry))));
            }
            self.read = unit.id;
        }
    }

    /// Goes on to the next branch; `false` after the last.
    fn next_branch(&mut self) -> bool {
        self.place = None;
        self.read = String::new();
        self.size = FIRST;
        if self.at.stage >= Branch::ALL.len() {
            return false;
        }
        self.at = Position { stage: self.at.stage + 1, ..Position::default() };
        true
    }
}

/// The entry with this name, if it is seen.
pub(super) async fn find(
    register: &Register,
    who: &Viewer,
    dn: &Dn,
    freshness: Freshness,
) -> Result<Found, Refusal> {
    let same = |entry: &Entry| entry.dn.depth_below(dn) == Some(0);
    if let Some(entry) = tree::fixed().iter().find(|entry| same(entry)) {
        return Ok(Some(Cow::Borrowed(entry)));
    }
    for branch in Branch::ALL {
        let Some(id) = branch.id_of(dn) else { continue };
        who.sees(branch)?;
        let mut read = freshness.reading(register);
        let place = Where::only(branch, id.clone());
        let units = place.these(register, &mut read, &[id]).await?;
        let entry = units.into_iter().flat_map(|unit| unit.entries).find(same);
        return Ok(entry.map(|entry| Cow::Owned(tree::seen(who, branch, entry))));
    }
    Ok(None)
}

/// The nearest name above one that there is.
pub(super) async fn nearest(register: &Register, who: &Viewer, dn: &Dn) -> Dn {
    let mut above = dn.above();
    while let Some(name) = above {
        if matches!(find(register, who, &name, Freshness::Quick).await, Ok(Some(_))) {
            return name;
        }
        above = name.above();
    }
    Dn::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each scope has what RFC 4511 says, and reaches where something of it can be.
    #[test]
    fn scopes_have_their_entries() {
        let dn = |text: &str| Dn::parse(text).unwrap();
        let has = |scope: Scope| {
            let range = Range { base: dn("ou=People,o=nhs"), scope };
            ["o=nhs", "ou=People,o=nhs", "uid=1,ou=People,o=nhs", "uniqueIdentifier=2,uid=1,ou=People,o=nhs"]
                .map(|text| range.has(&dn(text)))
        };
        assert_eq!(has(Scope::Base), [false, true, false, false]);
        assert_eq!(has(Scope::OneLevel), [false, false, true, false]);
        assert_eq!(has(Scope::Subtree), [false, true, true, true]);
        assert_eq!(has(Scope::Children), [false, false, true, true]);
        let reaches =
            |base: &str, scope: Scope| Range { base: dn(base), scope }.reaches_below(&dn("ou=People,o=nhs"));
        assert!(reaches("o=nhs", Scope::Subtree) && !reaches("o=nhs", Scope::OneLevel));
        assert!(reaches("ou=People,o=nhs", Scope::OneLevel) && !reaches("ou=People,o=nhs", Scope::Base));
        assert!(
            reaches("uid=1,ou=People,o=nhs", Scope::Base) && !reaches("ou=Services,o=nhs", Scope::Subtree)
        );
    }

    /// A position reads back; anything else is none.
    #[test]
    fn positions_read_back() {
        for (stage, unit) in [(3, "a\nb"), (5, "00000000000000000007"), (5, "")] {
            let position = Position { stage, unit: unit.into(), passed: 7 };
            assert_eq!(Position::read(&position.text()), Some(position));
        }
        for bad in [
            "",
            "9\n0\n",
            "1\n",
            "x\n1\n1",
            "1\n0\nx\0",
            "5\n1\nabc",
            "5\n1\n7",
            "5\n1\n99999999999999999999",
        ] {
            assert_eq!(Position::read(bad), None, "{bad}");
        }
    }
}
