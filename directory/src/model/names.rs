//! The names of organisations, to be found by what is in them: as they are searched, one behind the other in the order of their codes, so that
//! a word is looked for in 300,000 of them in some milliseconds. The database would go through as many rows.

use crate::api::OrganisationStatus;

/// A code of an organisation, with zeros behind it.
pub(super) type Code = [u8; 12];

/// How many names are in a block at most. What is put into one moves what is behind it there.
const MOST: usize = 512;
/// What parts a name from the next: none has it.
const END: char = '\n';

/// The names of organisations.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// In the order of the codes in them, none of them empty.
    blocks: Vec<Block>,
    octets: usize,
}

/// Names that lie together.
#[derive(Debug, Default)]
struct Block {
    text: String,
    entries: Vec<Entry>,
}

/// An organisation, and where its name ends in the text of its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) code: Code,
    pub(super) status: OrganisationStatus,
    end: usize,
}

impl Names {
    /// What a name takes.
    pub(super) fn size(key: &str) -> usize {
        size_of::<Entry>() + key.len() + 1
    }

    /// What all of them take.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    /// Puts an organisation in, with its name as it is searched.
    pub(super) fn put(&mut self, code: Code, key: &str, status: OrganisationStatus) {
        self.take_out(&code);
        if self.blocks.is_empty() {
            self.blocks.push(Block::default());
        }
        let mut place = self.place(&code);
        if place + 1 == self.blocks.len() && self.blocks[place].ends_full_before(code) {
            // They come in the order of their codes when everything is filled: those before stay together, in no more room than they take.
            self.blocks[place].fit();
            self.blocks.push(Block::default());
            place += 1;
        }
        let block = &mut self.blocks[place];
        block.insert(code, key, status);
        self.octets += Self::size(key);
        if block.entries.len() > MOST {
            let rest = block.split();
            self.blocks.insert(place + 1, rest);
        }
    }

    /// Takes an organisation out.
    pub(super) fn take_out(&mut self, code: &Code) {
        let place = self.place(code);
        let Some(block) = self.blocks.get_mut(place) else { return };
        if let Some(key) = block.remove(code) {
            self.octets = self.octets.saturating_sub(Self::size(&key));
        }
        if block.entries.is_empty() {
            self.blocks.remove(place);
        }
    }

    /// Those in whose names a key is, in the order of their codes.
    pub(super) fn containing<'n>(&'n self, key: &'n str) -> impl Iterator<Item = &'n Entry> {
        self.blocks.iter().flat_map(move |block| block.containing(key))
    }

    /// The block in which a code is, or would be.
    fn place(&self, code: &Code) -> usize {
        let begins = |block: &Block| block.entries.first().is_some_and(|first| first.code <= *code);
        self.blocks.partition_point(begins).saturating_sub(1)
    }
}

impl Block {
    /// Where the name of an entry begins.
    fn begin(&self, place: usize) -> usize {
        place.checked_sub(1).map_or(0, |before| self.entries[before].end)
    }

    fn insert(&mut self, code: Code, key: &str, status: OrganisationStatus) {
        let place = self.entries.partition_point(|one| one.code < code);
        let begin = self.begin(place);
        self.text.insert(begin, END);
        self.text.insert_str(begin, key);
        let room = key.len() + END.len_utf8();
        for later in &mut self.entries[place..] {
            later.end += room;
        }
        self.entries.insert(place, Entry { code, status, end: begin + room });
    }

    /// Takes an entry out; its name.
    fn remove(&mut self, code: &Code) -> Option<String> {
        let place = self.entries.binary_search_by(|one| one.code.cmp(code)).ok()?;
        let (begin, end) = (self.begin(place), self.entries[place].end);
        let mut key: String = self.text.drain(begin..end).collect();
        key.pop();
        self.entries.remove(place);
        for later in &mut self.entries[place..] {
            later.end -= end - begin;
        }
        Some(key)
    }

    /// Takes the second half out.
    fn split(&mut self) -> Self {
        let half = self.entries.len() / 2;
        let begin = self.begin(half);
        let text = self.text.split_off(begin);
        let mut entries = self.entries.split_off(half);
        for one in &mut entries {
            one.end -= begin;
        }
        self.fit();
        Self { text, entries }
    }

    /// Whether it is full and everything in it comes before a code.
    fn ends_full_before(&self, code: Code) -> bool {
        self.entries.len() == MOST && self.entries.last().is_some_and(|last| last.code < code)
    }

    /// Takes no more room than it needs.
    fn fit(&mut self) {
        self.text.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    fn containing<'n>(&'n self, key: &'n str) -> impl Iterator<Item = &'n Entry> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let at = from + self.text.get(from..)?.find(key)?;
            let found = self.entries.get(self.entries.partition_point(|one| one.end <= at))?;
            // However often it is in one name, that is found once.
            from = found.end;
            Some(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn code(number: u16) -> Code {
        let mut code = [0; 12];
        code[..5].copy_from_slice(format!("{number:05}").as_bytes());
        code
    }

    /// A word is found wherever it stands in a name, once in each, and not across two of them.
    #[test]
    fn words_are_found_in_names() {
        let mut names = Names::default();
        for (number, key) in [(3, "corner pharmacy"), (1, "pharmacy pharmacy"), (2, "surgery"), (4, "café p")]
        {
            names.put(code(number), key, OrganisationStatus::Active);
        }
        let found = |key: &str| names.containing(key).map(|one| one.code).collect::<Vec<_>>();
        assert_eq!(found("harm"), [code(1), code(3)]);
        assert_eq!(found("é p"), [code(4)]);
        assert!(found("pharmacysurgery").is_empty() && found("macysur").is_empty() && found("x").is_empty());
    }

    proptest! {
        /// Whatever is put in and taken out, in whatever order and however much: what is found is what is there, and it takes what that takes.
        #[test]
        fn names_come_and_go(acts in proptest::collection::vec((0u16..900, "[ab ]{1,4}", 0u8..4), 1..2_000)) {
            let (mut names, mut known) = (Names::default(), BTreeMap::new());
            for (number, key, what) in acts {
                if what == 0 {
                    names.take_out(&code(number));
                    known.remove(&code(number));
                } else {
                    names.put(code(number), &key, OrganisationStatus::Active);
                    known.insert(code(number), key);
                }
            }
            for wanted in ["a", "ab", "b a", "aaaa"] {
                let found: Vec<Code> = names.containing(wanted).map(|one| one.code).collect();
                let expected: Vec<Code> =
                    known.iter().filter(|(_, key)| key.contains(wanted)).map(|(code, _)| *code).collect();
                prop_assert_eq!(found, expected);
            }
            prop_assert_eq!(names.octets(), known.values().map(|key| Names::size(key)).sum::<usize>());
            prop_assert!(names.blocks.iter().all(|block| (1..=MOST).contains(&block.entries.len())));
        }
    }
}
