//! From a filter to where its entries can be: what is read is a superset of what is found, and small where an index knows.

use std::collections::BTreeSet;

use super::filter::Filter;
use super::schema::{AttributeType, Rule};

/// The most ids that a question is taken apart into; with more, everything is read and asked.
const MOST: usize = 1_000;

/// The most places that an entry may be in any of; each is asked for by itself, and with more everything is read.
const MOST_PLACES: usize = 50;

/// How many words are asked for together; what of more is not of all of them, the filter keeps out.
const MOST_WORDS: usize = 4;

/// What a branch of the tree makes of one comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pick<W> {
    /// It is this entry of the branch, or one below it.
    Id(String),
    /// An index knows which.
    Word(W),
    /// None of the branch can be meant.
    Nothing,
    /// Nothing is known without looking.
    Anything,
}

/// Where in a branch the entries can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chosen<W> {
    Nothing,
    These(BTreeSet<String>),
    /// Under every one of these words.
    Words(Vec<W>),
    /// In any of these.
    Either(Vec<Chosen<W>>),
    Everything,
}

/// What a branch makes of comparisons by the attribute's own rule: an index has values as that rule compares them.
pub(super) struct Picks<W> {
    /// With a value.
    pub(super) is: fn(&AttributeType, &str) -> Pick<W>,
    /// With the beginning of one.
    pub(super) begins: fn(&AttributeType, &str) -> Pick<W>,
}

/// Whether it is the rule by which values of an attribute are compared where none is named.
fn is_own(one: &AttributeType, rule: Rule) -> bool {
    one.lenient() == rule
}

impl<W> From<Pick<W>> for Chosen<W> {
    fn from(pick: Pick<W>) -> Self {
        match pick {
            Pick::Id(id) => Self::These(BTreeSet::from([id])),
            Pick::Word(word) => Self::Words(vec![word]),
            Pick::Nothing => Self::Nothing,
            Pick::Anything => Self::Everything,
        }
    }
}

impl<W: Clone + PartialEq> Chosen<W> {
    /// What a filter chooses.
    pub(super) fn by(filter: &Filter, picks: &Picks<W>) -> Self {
        match filter {
            Filter::And(all) => {
                all.iter().fold(Self::Everything, |chosen, one| chosen.and(Self::by(one, picks)))
            }
            Filter::Or(any) => any.iter().fold(Self::Nothing, |chosen, one| chosen.or(Self::by(one, picks))),
            // No text of the register has it, and PostgreSQL takes none that does.
            Filter::Equal(_, _, value) if value.contains('\0') => Self::Nothing,
            Filter::Equal(one, rule, value) if is_own(one, *rule) => (picks.is)(one, value).into(),
            Filter::Parts(one, rule, parts) if is_own(one, *rule) => match &parts.first {
                Some(first) if first.contains('\0') => Self::Nothing,
                Some(first) if !first.is_empty() => (picks.begins)(one, first).into(),
                _ => Self::Everything,
            },
            // It is true of no entry, and below a combination of all it keeps that from being true.
            Filter::Undefined => Self::Nothing,
            _ => Self::Everything,
        }
    }

    /// What both choose.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, _) | (_, Self::Nothing) => Self::Nothing,
            (Self::Everything, other) | (other, Self::Everything) => other,
            (Self::These(one), Self::These(other)) => {
                let both: BTreeSet<String> = one.intersection(&other).cloned().collect();
                if both.is_empty() { Self::Nothing } else { Self::These(both) }
            }
            (Self::These(ids), _) | (_, Self::These(ids)) => Self::These(ids),
            (Self::Words(mut one), Self::Words(other)) => {
                for word in other {
                    if one.len() < MOST_WORDS && !one.contains(&word) {
                        one.push(word);
                    }
                }
                Self::Words(one)
            }
            // What one of several chooses is looked through.
            (Self::Words(words), Self::Either(_)) | (Self::Either(_), Self::Words(words)) => {
                Self::Words(words)
            }
            (either @ Self::Either(_), Self::Either(_)) => either,
        }
    }

    /// What either chooses. Ids are put together, and what is the same counts once.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Everything, _) | (_, Self::Everything) => Self::Everything,
            (Self::Nothing, other) | (other, Self::Nothing) => other,
            (one, other) => {
                let mut some = one.places();
                for place in other.places() {
                    if !put_together(&mut some, place) {
                        return Self::Everything;
                    }
                }
                match some.len() {
                    1 => some.swap_remove(0),
                    2..=MOST_PLACES => Self::Either(some),
                    _ => Self::Everything,
                }
            }
        }
    }

    /// The places that it is one of.
    fn places(self) -> Vec<Self> {
        match self {
            Self::Either(some) => some,
            one => vec![one],
        }
    }
}

/// Puts one place more to others; `false` when there are too many ids then.
fn put_together<W: PartialEq>(some: &mut Vec<Chosen<W>>, place: Chosen<W>) -> bool {
    if let Chosen::These(more) = place {
        let known =
            some.iter_mut().find_map(|one| if let Chosen::These(ids) = one { Some(ids) } else { None });
        if let Some(ids) = known {
            ids.extend(more);
            return ids.len() <= MOST;
        }
        some.push(Chosen::These(more));
        return true;
    }
    if !some.contains(&place) {
        some.push(place);
    }
    true
}

#[cfg(test)]
mod tests {
    use ldap3_proto::parse_ldap_filter_str;

    use super::*;
    use crate::ldap::filter::Matching;

    fn chosen(text: &str) -> Chosen<String> {
        let parsed = parse_ldap_filter_str(text).unwrap();
        let filter = Filter::compile(&parsed, Matching::Strict).unwrap();
        let is = |one: &AttributeType, value: &str| match one.name() {
            "uid" => Pick::Id(value.to_owned()),
            "o" => Pick::Word(value.to_owned()),
            "l" => Pick::Nothing,
            _ => Pick::Anything,
        };
        let begins = |one: &AttributeType, value: &str| match one.name() {
            "o" => Pick::Word(format!("{value}*")),
            _ => Pick::Anything,
        };
        Chosen::by(&filter, &Picks { is, begins })
    }

    fn these(ids: &[&str]) -> Chosen<String> {
        Chosen::These(ids.iter().map(|&id| id.to_owned()).collect())
    }

    /// Combinations choose what both or either can have; what nobody knows is looked for everywhere.
    #[test]
    fn combinations_choose() {
        let words = |some: &[&str]| Chosen::Words(some.iter().map(|&word| word.to_owned()).collect());
        assert_eq!(chosen("(uid=1)"), these(&["1"]));
        assert_eq!(chosen("(&(objectClass=*)(uid=1)(o=a))"), these(&["1"]));
        assert_eq!(chosen("(&(uid=1)(uid=2))"), Chosen::Nothing);
        assert_eq!(chosen("(|(uid=1)(uid=2)(l=x))"), these(&["1", "2"]));
        assert_eq!(chosen("(&(o=a)(o=b))"), words(&["a", "b"]));
        assert_eq!(chosen("(|(uid=1)(o=a))"), Chosen::Either(vec![these(&["1"]), words(&["a"])]));
        assert_eq!(
            chosen("(|(uid=1)(o=a)(uid=2)(|(o=b)(o=a)))"),
            Chosen::Either(vec![these(&["1", "2"]), words(&["a"]), words(&["b"])])
        );
        assert_eq!(chosen("(|(uid=1)(cn=a))"), Chosen::Everything);
        assert_eq!(chosen("(!(uid=1))"), Chosen::Everything);
        assert_eq!(chosen("(&(o=a)(nhsProductKey=1))"), Chosen::Nothing, "undefined of every entry");
        assert_eq!(chosen("(|(o=a)(nhsProductKey=1))"), words(&["a"]));
    }

    /// An index has values as the attribute's own rule compares them: it is not asked by another one. It knows beginnings.
    #[test]
    fn an_index_is_asked_by_its_own_rule() {
        let words = |some: &[&str]| Chosen::Words(some.iter().map(|&word| word.to_owned()).collect());
        assert_eq!(chosen("(o:caseIgnoreMatch:=a)"), words(&["a"]));
        assert_eq!(chosen("(o:caseExactMatch:=a)"), Chosen::Everything);
        assert_eq!(chosen("(&(o:caseExactMatch:=A)(uid=1))"), these(&["1"]));
        assert_eq!(chosen("(o:dn:=a)"), Chosen::Everything);
        assert_eq!(chosen("(o=ab*c)"), words(&["ab*"]));
        assert_eq!(chosen("(o=*ab)"), Chosen::Everything);
        assert_eq!((chosen("(o=a\0b)"), chosen("(o=a\0*)")), (Chosen::Nothing, Chosen::Nothing));
    }

    /// Of very many words the first few are enough, and each counts once.
    #[test]
    fn few_words_are_enough() {
        let many: Vec<String> = (0..100).map(|number| format!("(o=a)(o=w{number})")).collect();
        let many = many.concat();
        let Chosen::Words(words) = chosen(&format!("(&{many})")) else { panic!() };
        assert_eq!(words, ["a", "w0", "w1", "w2"]);
    }

    /// Of many alternatives each counts once, and with too many everything is read.
    #[test]
    fn many_places_are_everything() {
        let any = |parts: Vec<String>| chosen(&format!("(|{})", parts.concat()));
        let again = vec!["(o=a)".to_owned(); 2_000];
        assert_eq!(any(again.clone()), Chosen::Words(vec!["a".to_owned()]));
        let many = |many: usize| (0..many).map(|number| format!("(o=w{number})")).collect::<Vec<_>>();
        let Chosen::Either(some) = any([many(MOST_PLACES - 1), again, many(MOST_PLACES - 1)].concat()) else {
            panic!()
        };
        assert_eq!(some.len(), MOST_PLACES);
        assert_eq!(any(many(MOST_PLACES + 1)), Chosen::Everything);
        let ids = |many: usize| (0..many).map(|number| format!("(uid={number})(o=a)")).collect::<Vec<_>>();
        assert!(matches!(any(ids(MOST)), Chosen::Either(some) if some.len() == 2));
        assert_eq!(any(ids(MOST + 1)), Chosen::Everything);
    }
}
