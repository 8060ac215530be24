//! A filter that is asked of an entry. What the entry has is prepared once for each rule, however many parts of the filter ask for it,
//! and it is counted what the answer costs: whoever asks very much of very large entries is to hold nobody else up.

use super::entry::Entry;
use super::filter::{Filter, InName, Truth};
use super::schema::{AttributeType, Rule, attribute};

/// From which question on values are put in order, so that they are looked up and not looked through.
const IN_ORDER_FROM: u32 = 3;

/// A filter that is being asked of an entry.
pub(super) struct Asking<'e> {
    entry: &'e Entry,
    prepared: Vec<Prepared>,
    /// How many parts of filters were asked, and values prepared and looked through.
    cost: usize,
}

/// Which values of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    /// Those of the attribute at this place.
    Of(usize),
    /// Those of every attribute that a rule is for.
    Any,
    /// The one in the part of the name at this place.
    Named(usize),
    /// Those in all parts of the name.
    InName,
}

/// Values as a rule compares them.
struct Prepared {
    of: Values,
    rule: Rule,
    values: Vec<String>,
    asked: u32,
}

impl<'e> Asking<'e> {
    /// Begins to ask of an entry.
    pub(super) fn new(entry: &'e Entry) -> Self {
        Self { entry, prepared: Vec::new(), cost: 0 }
    }

    /// What the answers have cost.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// What a filter is of the entry. RFC 4511 4.5.1.7.
    pub(super) fn truth(&mut self, filter: &Filter) -> Truth {
        self.cost += 1;
        match filter {
            Filter::And(all) => {
                let mut truth = Truth::True;
                for one in all {
                    match self.truth(one) {
                        Truth::False => return Truth::False,
                        Truth::Undefined => truth = Truth::Undefined,
                        Truth::True => {}
                    }
                }
                truth
            }
            Filter::Or(any) => {
                let mut truth = Truth::False;
                for one in any {
                    match self.truth(one) {
                        Truth::True => return Truth::True,
                        Truth::Undefined => truth = Truth::Undefined,
                        Truth::False => {}
                    }
                }
                truth
            }
            Filter::Not(inner) => match self.truth(inner) {
                Truth::True => Truth::False,
                Truth::False => Truth::True,
                Truth::Undefined => Truth::Undefined,
            },
            Filter::Undefined => Truth::Undefined,
            Filter::Present(one) => Truth::of(self.entry.has(one)),
            _ => Truth::of(self.matches(filter)),
        }
    }

    fn matches(&mut self, filter: &Filter) -> bool {
        match filter {
            Filter::Equal(one, rule, asked) => {
                self.entry.place(one).is_some_and(|of| self.has(Values::Of(of), *rule, asked))
            }
            Filter::EqualOrNamed(one, rule, asked) => {
                let entry = self.entry;
                let named = |at: &usize| attribute(&entry.dn.0[*at].attribute) == Some(*one);
                self.entry.place(one).is_some_and(|of| self.has(Values::Of(of), *rule, asked))
                    || (0..entry.dn.0.len()).filter(named).any(|at| self.has(Values::Named(at), *rule, asked))
            }
            // RFC 4511 4.5.1.7.7: all that the rule can compare, whatever rule each has itself.
            Filter::Anywhere(rule, asked, in_name) => {
                self.has(Values::Any, *rule, asked)
                    || *in_name == InName::Counts && self.has(Values::InName, *rule, asked)
            }
            Filter::Parts(one, rule, parts) => self.any(one, *rule, |value| parts.fit(value)),
            Filter::AtLeast(one, rule, asked) => self.any(one, *rule, |value| value >= asked.as_str()),
            Filter::AtMost(one, rule, asked) => self.any(one, *rule, |value| value <= asked.as_str()),
            Filter::And(_) | Filter::Or(_) | Filter::Not(_) | Filter::Present(_) | Filter::Undefined => false,
        }
    }

    /// Whether one of the values is this.
    fn has(&mut self, of: Values, rule: Rule, asked: &str) -> bool {
        let prepared = self.prepared(of, rule);
        if prepared.asked < IN_ORDER_FROM {
            return prepared.values.iter().any(|value| value == asked);
        }
        prepared.values.binary_search_by(|value| value.as_str().cmp(asked)).is_ok()
    }

    /// Whether something holds of one of the values of an attribute.
    fn any(&mut self, one: &AttributeType, rule: Rule, holds: impl Fn(&str) -> bool) -> bool {
        let Some(of) = self.entry.place(one) else { return false };
        let values = &self.prepared(Values::Of(of), rule).values;
        let (many, any) = (values.len(), values.iter().any(|value| holds(value)));
        self.cost += many;
        any
    }

    fn prepared(&mut self, of: Values, rule: Rule) -> &Prepared {
        let found = self.prepared.iter().position(|one| one.of == of && one.rule == rule);
        let at = if let Some(at) = found {
            at
        } else {
            let values = of.of(self.entry, rule);
            self.cost += values.len();
            self.prepared.push(Prepared { of, rule, values, asked: 0 });
            self.prepared.len() - 1
        };
        let one = &mut self.prepared[at];
        one.asked = one.asked.saturating_add(1);
        if one.asked == IN_ORDER_FROM {
            one.values.sort_unstable();
        }
        one
    }
}

impl Values {
    /// These values of an entry as a rule compares them, without those that are none of its syntax.
    fn of(self, entry: &Entry, rule: Rule) -> Vec<String> {
        let prepared = |value: &str| rule.prepared(value);
        match self {
            Self::Of(at) => entry.at(at).filter_map(prepared).collect(),
            Self::Any => {
                let places = entry.types().enumerate().filter(|(_, one)| rule.compares(one));
                places.flat_map(|(at, _)| entry.at(at)).filter_map(prepared).collect()
            }
            Self::Named(at) => prepared(entry.dn.0[at].value()).into_iter().collect(),
            Self::InName => entry.dn.0.iter().filter_map(|part| prepared(part.value())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ldap3_proto::parse_ldap_filter_str;
    use ldap3_proto::proto::{LdapFilter, LdapMatchingRuleAssertion};

    use super::*;
    use crate::ldap::dn::Dn;
    use crate::ldap::filter::Matching;

    /// A system with very many interactions.
    fn large() -> Entry {
        let dn = Dn::parse("uniqueIdentifier=200000000149,ou=Services,o=nhs").unwrap();
        let mut entry = Entry::new(dn, &["nhsAs", "top"], "nhsAs");
        entry.put("nhsAsSvcIA", (0..478).map(|number| format!("urn:nhs:names:services:pds:{number}")));
        entry
    }

    fn anywhere(rule: &str, value: String) -> LdapFilter {
        LdapFilter::Extensible(LdapMatchingRuleAssertion {
            matching_rule: Some(rule.to_owned()),
            type_: None,
            match_value: value,
            dn_attributes: false,
        })
    }

    /// However many parts ask for them, values are prepared once for each rule: what a filter costs is its parts and the values, and
    /// not the one by the other.
    #[test]
    fn values_are_prepared_once() {
        let entry = large();
        let mut parts: Vec<LdapFilter> =
            (0..4_000).map(|number| anywhere("caseIgnoreMatch", format!("a{number}"))).collect();
        let cost = |parts: &[LdapFilter]| {
            let filter = Filter::compile(&LdapFilter::Or(parts.to_vec()), Matching::Strict).unwrap();
            filter.of_at_cost(&entry)
        };
        let (truth, spent) = cost(&parts);
        assert_eq!(truth, Truth::False);
        assert!((4_478..6_000).contains(&spent), "{spent}");
        parts.push(anywhere("2.5.13.2", "URN:nhs:names:services:pds:477".to_owned()));
        assert_eq!(cost(&parts).0, Truth::True);
        parts.pop();
        parts.push(anywhere("caseExactMatch", "urn:nhs:names:services:pds:477".to_owned()));
        assert_eq!(cost(&parts).0, Truth::True, "by another rule they are prepared anew");
    }

    /// The first questions look through values and the later ones look them up; the answers are the same.
    #[test]
    fn looking_up_is_looking_through() {
        let entry = large();
        let mut asking = Asking::new(&entry);
        for (text, truth) in [
            ("(nhsAsSvcIA=urn:nhs:names:services:pds:9)", Truth::True),
            ("(nhsAsSvcIA=urn:nhs:names:services:pds:478)", Truth::False),
            ("(nhsAsSvcIA=urn:nhs:names:services:pds:10)", Truth::True),
            ("(nhsAsSvcIA=urn:nhs:names:services:pds:0)", Truth::True),
            ("(nhsAsSvcIA=urn:nhs:names:services:pds:477)", Truth::True),
            ("(nhsAsSvcIA=urn:nhs:names:services:pds:)", Truth::False),
            ("(nhsAsSvcIA:dn:=urn:nhs:names:services:pds:300)", Truth::True),
            ("(ou:dn:=services)", Truth::True),
            ("(ou:dn:=people)", Truth::False),
        ] {
            let filter = Filter::compile(&parse_ldap_filter_str(text).unwrap(), Matching::Strict).unwrap();
            assert_eq!(asking.truth(&filter), truth, "{text}");
            assert_eq!(filter.of(&entry), truth, "{text}, alone");
        }
    }
}
