//! Systems in the model, and the words under which they are found.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use platform::clock::Millis;

use super::held::AROUND;
use crate::api::SystemKind;
use crate::store::systems::Wanted;
use crate::system::{Several, System, SystemId, folded, keys};
use crate::version::Version;

/// What a system takes under one word, roughly.
const UNDER: usize = 32;

/// The name of a key, and a folded value.
type Word = (&'static str, String);

/// A system as it is held: what it is, as JSON.
#[derive(Debug)]
pub(super) struct HeldSystem {
    id: SystemId,
    kind: SystemKind,
    content: Box<[u8]>,
    made_at: Millis,
    changed_at: Millis,
    version: Version,
    several: Option<Several>,
}

impl HeldSystem {
    fn new(system: &System) -> Option<Self> {
        Some(Self {
            id: system.id.clone(),
            kind: system.content.kind(),
            content: serde_json::to_vec(&system.content).ok()?.into_boxed_slice(),
            made_at: system.made_at,
            changed_at: system.changed_at,
            version: system.version,
            several: system.several.clone(),
        })
    }

    /// The system. `None`: ask the database.
    pub(super) fn read(&self) -> Option<System> {
        Some(System {
            id: self.id.clone(),
            content: serde_json::from_slice(&self.content).ok()?,
            made_at: self.made_at,
            changed_at: self.changed_at,
            withdrawn_at: None,
            version: self.version,
            several: self.several.clone(),
        })
    }
}

/// Systems that are not withdrawn.
#[derive(Debug)]
pub(super) struct Systems {
    /// By their folded identifiers.
    all: HashMap<Arc<str>, Arc<HeldSystem>>,
    /// Folded identifiers by every word, in the order in which the database has them.
    by_word: HashMap<Word, BTreeSet<Arc<str>>>,
    octets: usize,
    /// Whether every system found room: of a word it has to be known that no other system has it.
    is_whole: bool,
}

impl Default for Systems {
    fn default() -> Self {
        Self { all: HashMap::new(), by_word: HashMap::new(), octets: 0, is_whole: true }
    }
}

impl Systems {
    /// How much they take.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    /// How many they are.
    pub(super) fn many(&self) -> usize {
        self.all.len()
    }

    /// Whether every one of them found room, so that they are found by their words.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The one with this identifier, folded.
    pub(super) fn one(&self, folded: &str) -> Option<Arc<HeldSystem>> {
        self.all.get(folded).cloned()
    }

    /// Those under every one of these words, in the order of their folded identifiers, at most so many. `None`: ask the database, which also
    /// says that there is none.
    pub(super) fn found(&self, wanted: &Wanted, limit: usize) -> Option<Vec<Arc<HeldSystem>>> {
        if !self.is_whole {
            return None;
        }
        let mut under: Vec<&BTreeSet<Arc<str>>> =
            wanted.keys.iter().map(|word| self.by_word.get(word)).collect::<Option<_>>()?;
        under.sort_by_key(|names| names.len());
        let (fewest, others) = under.split_first()?;
        let found: Vec<Arc<HeldSystem>> = fewest
            .iter()
            .filter(|name| others.iter().all(|names| names.contains(*name)))
            .filter_map(|name| self.all.get(name))
            .filter(|one| wanted.kind.is_none_or(|kind| one.kind == kind))
            .take(limit)
            .cloned()
            .collect();
        (!found.is_empty()).then_some(found)
    }

    /// Puts a system in as it is now, or takes it out where it was withdrawn. All of them take at most so many octets.
    pub(super) fn put(&mut self, system: &System, most: usize) {
        let name = folded(system.id.as_str());
        self.take_out(&name);
        if system.withdrawn_at.is_some() {
            return;
        }
        let Some(held) = HeldSystem::new(system) else {
            self.is_whole = false;
            return;
        };
        let words = keys(&system.content);
        let new: usize =
            words.iter().filter(|word| !self.by_word.contains_key(*word)).map(size_of_word).sum();
        let size = size_of(&name, &held, words.len());
        if self.octets + size + new > most {
            self.is_whole = false;
            return;
        }
        self.octets += size + new;
        let name: Arc<str> = name.into();
        for word in words {
            self.by_word.entry(word).or_default().insert(name.clone());
        }
        self.all.insert(name, Arc::new(held));
    }

    fn take_out(&mut self, name: &str) {
        let Some(held) = self.all.remove(name) else { return };
        // What was written as JSON is read again.
        let words = held.read().map(|system| keys(&system.content)).unwrap_or_default();
        self.octets = self.octets.saturating_sub(size_of(name, &held, words.len()));
        for word in words {
            let Some(names) = self.by_word.get_mut(&word) else { continue };
            names.remove(name);
            if names.is_empty() {
                self.octets = self.octets.saturating_sub(size_of_word(&word));
                self.by_word.remove(&word);
            }
        }
    }
}

/// What a system takes with its places under words.
fn size_of(name: &str, held: &HeldSystem, words: usize) -> usize {
    held.content.len() + 2 * name.len() + 2 * AROUND + UNDER * words
}

/// What a word takes, however many systems are under it.
fn size_of_word((_, value): &Word) -> usize {
    value.len() + 2 * AROUND
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{MessageHandlingSystem, SystemContent};

    fn handling(id: &str, interaction: &str) -> System {
        let content = SystemContent::MessageHandling(MessageHandlingSystem {
            organisation: "RXX".to_owned(),
            party_key: "RXX-0000001".to_owned(),
            interaction: interaction.to_owned(),
            ..MessageHandlingSystem::default()
        });
        System::new(id.parse().unwrap(), content, Millis(1))
    }

    fn found(systems: &Systems, words: &[(&'static str, &str)]) -> Option<Vec<String>> {
        let keys = words.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let wanted = Wanted { kind: Some(SystemKind::MessageHandling), keys };
        let found = systems.found(&wanted, 10)?;
        Some(found.iter().map(|one| one.id.to_string()).collect())
    }

    /// Systems are found under all of their words, in the order of their identifiers in small letters; of another kind, and under words that
    /// nobody has, the database is asked. What is taken out leaves nothing behind.
    #[test]
    fn systems_are_held_under_their_words() {
        let mut systems = Systems::default();
        let (one, two) = (handling("b1", "urn:a:b"), handling("A2", "urn:a:c"));
        systems.put(&one, usize::MAX);
        let alone = systems.octets();
        systems.put(&two, usize::MAX);
        let organisation = ("organisation", "rxx");
        let both = vec!["A2".to_owned(), "b1".to_owned()];
        assert_eq!(found(&systems, &[organisation]), Some(both));
        assert_eq!(found(&systems, &[organisation, ("interaction", "urn:a:b")]), Some(vec!["b1".to_owned()]));
        assert_eq!(found(&systems, &[organisation, ("interaction", "urn:a:d")]), None);
        assert_eq!(found(&systems, &[]), None, "everything is the database's to tell");
        let kind = Some(SystemKind::Accredited);
        let other = Wanted { kind, keys: vec![("organisation", "rxx".to_owned())] };
        assert!(systems.found(&other, 10).is_none());
        assert_eq!(systems.one("a2").and_then(|held| held.read()), Some(two.clone()));

        systems.put(&System { withdrawn_at: Some(Millis(2)), ..two }, usize::MAX);
        assert_eq!((systems.octets(), systems.many()), (alone, 1));
        assert!(systems.one("a2").is_none() && found(&systems, &[("interaction", "urn:a:c")]).is_none());
        systems.put(&handling("b1", "urn:a:e"), usize::MAX);
        assert_eq!(systems.octets(), alone, "it was put in the place of what it was");
        assert!(found(&systems, &[("interaction", "urn:a:b")]).is_none());
    }

    /// Where one found no room, those that are there are read by their identifiers, and none is found by its words: another may have them.
    #[test]
    fn systems_without_room_are_asked_of_the_database() {
        let mut systems = Systems::default();
        systems.put(&handling("b1", "urn:a:b"), usize::MAX);
        let most = systems.octets() + 10;
        systems.put(&handling("b2", "urn:a:b"), most);
        assert!(systems.octets() <= most && systems.many() == 1 && !systems.is_whole());
        assert!(systems.one("b1").is_some() && systems.one("b2").is_none());
        assert_eq!(found(&systems, &[("organisation", "rxx")]), None);
    }
}
