//! Filters: RFC 4511 4.5.1.7, compiled once and asked of every entry.
//!
//! A filter is true, false or undefined of an entry. What the schema gives no rule for is undefined, as it is for servers of the
//! national directory; with [`Matching::Lenient`] such values are compared as text without case.

use ldap3_proto::proto::{LdapFilter, LdapMatchingRuleAssertion, LdapSubstringFilter};

use super::asking::Asking;
use super::entry::Entry;
use super::schema::{AttributeType, Rule, attribute, attributes};

/// How many parts a filter has at most.
const MOST_PARTS: usize = 4_096;
/// How many of them look into every value of an attribute: for parts of it, or for what is before or behind.
const MOST_LOOKING: usize = 256;

/// Whether attributes without a rule are compared all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matching {
    /// They are not: what is asked of them is undefined.
    Strict,
    /// They are, as text without case.
    Lenient,
}

/// What a filter is of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    Undefined,
}

impl Truth {
    /// True or false.
    pub(super) fn of(is: bool) -> Self {
        if is { Self::True } else { Self::False }
    }
}

type Type = &'static AttributeType;

/// A compiled filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Present(Type),
    /// The values of this attribute by this rule, the prepared value.
    Equal(Type, Rule, String),
    Parts(Type, Rule, Parts),
    AtLeast(Type, Rule, String),
    AtMost(Type, Rule, String),
    /// Any attribute whose own rule this is, and those of the name too if it says so.
    Anywhere(Rule, String, InName),
    /// Of one attribute, and of the name too.
    EqualOrNamed(Type, Rule, String),
    /// Nobody can say.
    Undefined,
}

impl Filter {
    /// Whether it is about when entries were written: whoever asks so comes again from that moment on.
    pub(super) fn is_about_times(&self) -> bool {
        let is_time = |one: &AttributeType| matches!(one.name(), "modifyTimestamp" | "createTimestamp");
        match self {
            Self::And(all) | Self::Or(all) => all.iter().any(Self::is_about_times),
            Self::Not(one) => one.is_about_times(),
            Self::Present(one)
            | Self::Equal(one, ..)
            | Self::Parts(one, ..)
            | Self::AtLeast(one, ..)
            | Self::AtMost(one, ..)
            | Self::EqualOrNamed(one, ..) => is_time(one),
            Self::Anywhere(..) | Self::Undefined => false,
        }
    }
}

/// Whether the attributes of an entry's name count too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InName {
    Counts,
    DoesNot,
}

/// Parts that a value has in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) first: Option<String>,
    any: Vec<String>,
    last: Option<String>,
}

/// A filter with too many parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a filter has more than {MOST_PARTS} parts, or more than {MOST_LOOKING} that look for parts of values or by their order"
)]
pub(super) struct TooLarge;

/// How many parts a filter may still have.
struct Left {
    parts: usize,
    looking: usize,
}

impl Filter {
    /// Compiles a filter.
    pub(super) fn compile(filter: &LdapFilter, matching: Matching) -> Result<Self, TooLarge> {
        let mut left = Left { parts: MOST_PARTS, looking: MOST_LOOKING };
        compiled(filter, matching, &mut left)
    }

    /// What it is of an entry. RFC 4511 4.5.1.7.
    pub(super) fn of(&self, entry: &Entry) -> Truth {
        Asking::new(entry).truth(self)
    }

    /// The same, and what it cost to find out.
    pub(super) fn of_at_cost(&self, entry: &Entry) -> (Truth, usize) {
        let mut asking = Asking::new(entry);
        (asking.truth(self), asking.cost())
    }

    /// Whether one value of an attribute is what this asks for; RFC 3876 asks for that, of filters that are no combination.
    pub(super) fn keeps(&self, of: &AttributeType, value: &str) -> bool {
        match self {
            Self::Present(one) => *one == of,
            Self::Equal(one, rule, asked) | Self::EqualOrNamed(one, rule, asked) => {
                *one == of && equal(*rule, asked, value)
            }
            Self::Parts(one, rule, parts) => *one == of && holds(*rule, value, |value| parts.fit(value)),
            Self::AtLeast(one, rule, asked) => {
                *one == of && holds(*rule, value, |value| value >= asked.as_str())
            }
            Self::AtMost(one, rule, asked) => {
                *one == of && holds(*rule, value, |value| value <= asked.as_str())
            }
            Self::Anywhere(rule, asked, _) => rule.compares(of) && equal(*rule, asked, value),
            Self::And(_) | Self::Or(_) | Self::Not(_) | Self::Undefined => false,
        }
    }
}

fn equal(rule: Rule, asked: &str, value: &str) -> bool {
    holds(rule, value, |value| value == asked)
}

/// Whether something is true of a value as a rule compares it.
fn holds(rule: Rule, value: &str, is: impl Fn(&str) -> bool) -> bool {
    rule.prepared(value).is_some_and(|value| is(&value))
}

impl Parts {
    fn new(rule: Rule, asked: &LdapSubstringFilter) -> Self {
        let part = |text: &String| rule.part(text);
        Self {
            // At the ends of a value no blank is left to be compared.
            first: asked.initial.as_ref().map(|text| part(text).trim_start().to_owned()),
            any: asked.any.iter().map(part).filter(|text| !text.is_empty()).collect(),
            last: asked.final_.as_ref().map(|text| part(text).trim_end().to_owned()),
        }
    }

    /// Whether a prepared value has them: each is looked for once, behind the one before it.
    pub(super) fn fit(&self, value: &str) -> bool {
        let Some(mut rest) = value.strip_prefix(self.first.as_deref().unwrap_or_default()) else {
            return false;
        };
        for part in &self.any {
            // Whoever looks for a text reads all of it first, however little there is to be found in.
            if part.len() > rest.len() {
                return false;
            }
            let Some(at) = rest.find(part.as_str()) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(self.last.as_deref().unwrap_or_default())
    }
}

fn compiled(filter: &LdapFilter, matching: Matching, left: &mut Left) -> Result<Filter, TooLarge> {
    left.parts = left.parts.checked_sub(1).ok_or(TooLarge)?;
    if matches!(
        filter,
        LdapFilter::Substring(..) | LdapFilter::GreaterOrEqual(..) | LdapFilter::LessOrEqual(..)
    ) {
        left.looking = left.looking.checked_sub(1).ok_or(TooLarge)?;
    }
    let mut all = |list: &[LdapFilter]| -> Result<Vec<Filter>, TooLarge> {
        list.iter().map(|one| compiled(one, matching, left)).collect()
    };
    Ok(match filter {
        LdapFilter::And(list) => Filter::And(all(list)?),
        LdapFilter::Or(list) => Filter::Or(all(list)?),
        LdapFilter::Not(inner) => Filter::Not(Box::new(compiled(inner, matching, left)?)),
        LdapFilter::Present(name) => attribute(name).map_or(Filter::Undefined, Filter::Present),
        // RFC 4511 4.5.1.7.6: where a server knows nothing near, it is equality.
        LdapFilter::Equality(name, value) | LdapFilter::Approx(name, value) => {
            asked(name, value, matching, |one| one.equality, Filter::Equal)
        }
        LdapFilter::GreaterOrEqual(name, value) => asked(name, value, matching, ordering, Filter::AtLeast),
        LdapFilter::LessOrEqual(name, value) => asked(name, value, matching, ordering, Filter::AtMost),
        LdapFilter::Substring(name, parts) => {
            let rule = |one: Type| one.equality.filter(|_| one.substrings);
            match rule_for(name, matching, rule) {
                Some((one, rule)) => Filter::Parts(one, rule, Parts::new(rule, parts)),
                None => Filter::Undefined,
            }
        }
        LdapFilter::Extensible(assertion) => extensible(assertion, matching),
    })
}

fn ordering(one: Type) -> Option<Rule> {
    one.equality.filter(|_| one.ordered)
}

/// The attribute with the rule for what is asked of it.
fn rule_for(name: &str, matching: Matching, rule: impl Fn(Type) -> Option<Rule>) -> Option<(Type, Rule)> {
    let one = attribute(name)?;
    let rule = rule(one).or_else(|| (matching == Matching::Lenient).then(|| one.lenient()))?;
    Some((one, rule))
}

fn asked(
    name: &str,
    value: &str,
    matching: Matching,
    rule: impl Fn(Type) -> Option<Rule>,
    make: impl Fn(Type, Rule, String) -> Filter,
) -> Filter {
    let Some((one, rule)) = rule_for(name, matching, rule) else { return Filter::Undefined };
    rule.prepared(value).map_or(Filter::Undefined, |value| make(one, rule, value))
}

/// RFC 4511 4.5.1.7.7.
fn extensible(assertion: &LdapMatchingRuleAssertion, matching: Matching) -> Filter {
    let one = match assertion.type_.as_deref().map(attribute) {
        Some(None) => return Filter::Undefined,
        Some(found) => found,
        None => None,
    };
    let rule = match (&assertion.matching_rule, one) {
        (Some(name), _) => Rule::named(name.trim()),
        (None, Some(one)) => one.equality.or_else(|| (matching == Matching::Lenient).then(|| one.lenient())),
        (None, None) => None,
    };
    // A rule compares values of its own syntax.
    let is_lenient = matching == Matching::Lenient;
    let fits = |rule: &Rule| {
        one.is_none_or(|one| {
            one.equality == Some(*rule) || rule.compares(one) || is_lenient && one.lenient() == *rule
        })
    };
    let Some(rule) = rule.filter(fits) else { return Filter::Undefined };
    let Some(value) = rule.prepared(&assertion.match_value) else { return Filter::Undefined };
    match one {
        Some(one) if assertion.dn_attributes => Filter::EqualOrNamed(one, rule, value),
        Some(one) => Filter::Equal(one, rule, value),
        None => {
            let used = attributes().any(|one| rule.compares(one));
            let in_name = if assertion.dn_attributes { InName::Counts } else { InName::DoesNot };
            if used { Filter::Anywhere(rule, value, in_name) } else { Filter::Undefined }
        }
    }
}

#[cfg(test)]
mod tests {
    use ldap3_proto::parse_ldap_filter_str;

    use super::*;
    use crate::ldap::dn::Dn;

    fn system() -> Entry {
        let dn = Dn::parse("uniqueIdentifier=200000000149,ou=Services,o=nhs").unwrap();
        let mut entry = Entry::new(dn, &["nhsAs", "top"], "nhsAs");
        for (name, value) in [
            ("uniqueIdentifier", "200000000149"),
            ("nhsIDCode", "M85019"),
            ("nhsMHSPartyKey", "M85019-0000806"),
            ("nhsAsSvcIA", "urn:a:b"),
            ("nhsAsSvcIA", "urn:a:c"),
            ("nhsProductKey", "10894"),
            ("o", "Larkfield Group  Practice"),
            ("modifyTimestamp", "20261130070000Z"),
        ] {
            entry.put(name, [value]);
        }
        entry
    }

    fn truth(text: &str, matching: Matching) -> Truth {
        let parsed = parse_ldap_filter_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        Filter::compile(&parsed, matching).unwrap().of(&system())
    }

    /// Each kind of filter, with blanks and letters as clients send them.
    #[test]
    fn filters_are_true_of_what_they_ask_for() {
        for text in [
            "(nhsIDCode=M85019)",
            "(NHSIDCODE= M85019)",
            "(&(nhsIDCode=M85019)(objectClass=nhsAS)(nhsAsSvcIA=urn:a:c))",
            "(|(nhsIDCode=X)(nhsMhsPartyKey=m85019-0000806))",
            "(!(nhsIDCode=X))",
            "(objectClass=*)",
            "(objectClass=1.2.826.0.1285.0.2.0.107)",
            "(o=lark*gr*ce)",
            "(o=*practice)",
            "(modifyTimestamp>=20261130000000Z)",
            "(modifyTimestamp<=20261130070000Z)",
            "(nhsIDCode:caseIgnoreMatch:=m85019)",
            "(:caseExactMatch:=urn:a:b)",
            "(ou:dn:=services)",
        ] {
            assert_eq!(truth(text, Matching::Strict), Truth::True, "{text}");
        }
        // The reader of texts takes no blanks here.
        let like = LdapFilter::Approx("o".to_owned(), "LARKFIELD GROUP PRACTICE".to_owned());
        assert_eq!(Filter::compile(&like, Matching::Strict).map(|one| one.of(&system())), Ok(Truth::True));
        for text in [
            "(nhsIDCode=m85019)",
            "(nhsIDCode=X)",
            "(&(nhsIDCode=M85019)(nhsAsSvcIA=urn:a:d))",
            "(!(objectClass=top))",
            "(o=*larkfield)",
            "(o=lark*lark*)",
            "(modifyTimestamp>=20270101000000Z)",
            "(ou=services)",
            "(mail=*)",
        ] {
            assert_eq!(truth(text, Matching::Strict), Truth::False, "{text}");
        }
    }

    /// What the schema has no rule for is undefined, in every combination, unless matching is lenient.
    #[test]
    fn what_has_no_rule_is_undefined() {
        for text in [
            "(nhsProductKey=10894)",
            "(!(nhsProductKey=10894))",
            "(nhsIDCode=M85*)",
            "(&(objectClass=*)(nhsProductKey=10894))",
            "(|(mail=a)(nhsProductKey=10894))",
            "(o>=a)",
            "(nhsNothing=1)",
            "(nhsNothing=*)",
            "(o:noSuchMatch:=a)",
            "(o:booleanMatch:=TRUE)",
            "(!(modifyTimestamp:caseIgnoreMatch:=20261130070000Z))",
            "(!(facsimileTelephoneNumber:caseIgnoreMatch:=1))",
            "(modifyTimestamp>=soon)",
        ] {
            assert_eq!(truth(text, Matching::Strict), Truth::Undefined, "{text}");
        }
        for text in ["(nhsProductKey=10894)", "(nhsIDCode=M85*)", "(nhsIDCode=M*19)", "(o>=a)"] {
            assert_eq!(truth(text, Matching::Lenient), Truth::True, "{text}");
        }
        assert_eq!(truth("(nhsNothing=1)", Matching::Lenient), Truth::Undefined);
    }

    /// RFC 4526: the combination of nothing is true, its counterpart false. One of too many parts is refused.
    #[test]
    fn combinations_have_bounds() {
        let of = |filter: &LdapFilter| Filter::compile(filter, Matching::Strict).map(|one| one.of(&system()));
        assert_eq!(of(&LdapFilter::And(Vec::new())), Ok(Truth::True));
        assert_eq!(of(&LdapFilter::Or(Vec::new())), Ok(Truth::False));
        let many = vec![LdapFilter::Present("o".to_owned()); MOST_PARTS];
        assert_eq!(of(&LdapFilter::Or(many)), Err(TooLarge));
        let looking = |many| vec![LdapFilter::GreaterOrEqual("o".to_owned(), "a".to_owned()); many];
        assert_eq!(of(&LdapFilter::And(looking(MOST_LOOKING))), Ok(Truth::Undefined));
        assert_eq!(of(&LdapFilter::And(looking(MOST_LOOKING + 1))), Err(TooLarge));
    }
}
