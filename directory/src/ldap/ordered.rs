//! Searches in an order: RFC 2891, and list views.
//!
//! What an entry is put in order by is kept, and its name; the part that is answered is read again. Entries of ten thousand systems
//! would be hundreds of megabytes.

use std::cmp::Ordering;

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::LdapResultCode as Code;

use super::answer::{Refusal, success};
use super::bundle::Bundle;
use super::controls::{Key, Sort, Target, View, sorted, viewed};
use super::dn::Dn;
use super::filter::Truth;
use super::search::{Asked, Ended, Stop, as_they_come, begin, cookie, record, too_many};
use super::session::Context;
use super::walk::{self, Freshness, Position, Walk};

/// What an entry is put in order by, and its name.
type Row = (Vec<Option<String>>, Dn);

/// RFC 2891: everything that is found is put in order first, within a bound.
pub(super) async fn in_order(
    context: &Context,
    msgid: i32,
    asked: &Asked,
    sort: &Sort,
    bundle: &mut Bundle<'_>,
) -> Result<Ended, Stop> {
    let keys = match &sort.keys {
        Ok(keys) => keys,
        Err((code, attribute)) => {
            let sentence = format!(
                "{attribute} cannot be sorted by. Name a rule for its order, such as caseIgnoreOrderingMatch."
            );
            let told = sorted(code.clone(), Some(attribute));
            if sort.critical {
                let refusal = Refusal::new(Code::UnavailableCriticalExtension, sentence);
                return Ok(Ended { result: refusal.result(), controls: vec![told] });
            }
            // RFC 2891 2: in any order, and it is said that it is so.
            let mut ended = as_they_come(context, msgid, asked, bundle).await?;
            ended.controls.push(told);
            return Ok(ended);
        }
    };
    let ordering = context.ordering().await?;
    let (all, people) = listed(context, asked, keys).await?;
    // Where an entry stands in an order, and how many there are, tells of all that were put into it.
    record(context, asked, people).await?;
    let Some(all) = all else {
        let told = sorted(Code::AdminLimitExceeded, None);
        let refusal = Refusal::new(Code::AdminLimitExceeded, "There is too much to be sorted. Ask for less.");
        return Ok(Ended { result: refusal.result(), controls: vec![told] });
    };
    let (from, many, controls) = part(asked, keys, &all)?;
    let whole = asked.controls.view.is_some() || asked.controls.paged.is_some() || from + many >= all.len();
    let shown: Vec<Dn> = all.into_iter().skip(from).take(many).map(|(_, dn)| dn).collect();
    drop(ordering);
    // As it was found: what is a moment older may be meant no longer.
    let freshness = Freshness::of(&asked.filter);
    for dn in shown {
        // What has changed meanwhile may be found no more.
        let found = bundle.meanwhile(walk::find(&context.register, &context.who, &dn, freshness)).await?;
        let Some(entry) = found else { continue };
        if asked.filter.of(&entry) == Truth::True {
            bundle.entry(msgid, &asked.shown_in_turn(&entry).await).await?;
        }
    }
    let result = if whole { success() } else { too_many().result() };
    Ok(Ended { result, controls })
}

/// Everything that is found, in order, and how many entries of people there are; nothing where it is too much.
async fn listed(context: &Context, asked: &Asked, keys: &[Key]) -> Result<(Option<Vec<Row>>, u64), Refusal> {
    let limits = context.limits();
    let mut walk =
        Walk::new(&context.register, &context.who, &asked.range, &asked.filter, limits.look_through, None);
    let mut all: Vec<Row> = Vec::new();
    while let Some(entry) = walk.next().await? {
        if all.len() == limits.sort_limit {
            return Ok((None, walk.people));
        }
        // RFC 2891 1.1: by the least value of several.
        let key = |key: &Key| entry.of(key.of).filter_map(|value| key.rule.prepared(value)).min();
        all.push((keys.iter().map(key).collect(), entry.dn.clone()));
    }
    all.sort_by(|(one, _), (other, _)| ordered(keys, one, other));
    Ok((Some(all), walk.people))
}

/// RFC 2891 1.1: what has no value comes last, and first where the order is backward.
fn ordered(keys: &[Key], one: &[Option<String>], other: &[Option<String>]) -> Ordering {
    for ((key, one), other) in keys.iter().zip(one).zip(other) {
        let order = match (one, other) {
            (Some(one), Some(other)) => one.cmp(other),
            (None, None) => Ordering::Equal,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
        };
        let order = if key.backward { order.reverse() } else { order };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Which part of an ordered list is answered, from where on and how many, and what is said with it.
fn part(asked: &Asked, keys: &[Key], all: &[Row]) -> Result<(usize, usize, Vec<LdapControl>), Refusal> {
    let told = sorted(Code::Success, None);
    if let Some(view) = &asked.controls.view {
        let place = place(view, keys, all);
        let from = place.saturating_sub(1).saturating_sub(view.before);
        let many = place.saturating_sub(1) - from + 1 + view.after;
        let many = many.min(asked.most);
        return Ok((from, many, vec![told, viewed(place, all.len(), Code::Success)]));
    }
    let Some(paged) = &asked.controls.paged else { return Ok((0, asked.most, vec![told])) };
    // In an ordered list a position is a number.
    let from = match begin(asked)? {
        None => 0,
        Some(position) => position.in_a_list(),
    };
    let many = paged.size.min(asked.most);
    let next = from + many;
    let after = (next < all.len() && many > 0).then(|| Position::of_a_list(next));
    Ok((from, many, [told].into_iter().chain(cookie(asked, after.as_ref())).collect()))
}

/// The place of the entry that a view is around, the first being 1. Section 6.1 of the draft.
fn place(view: &View, keys: &[Key], all: &[Row]) -> usize {
    let count = all.len();
    match &view.target {
        Target::Place(offset, believed) if *believed == 0 || *believed == count => {
            (*offset).clamp(1, count.max(1))
        }
        Target::Place(0 | 1, _) => 1,
        Target::Place(offset, believed) if offset >= believed => count.max(1),
        // As far along as the client believes it is.
        Target::Place(offset, believed) => (count.saturating_mul(*offset) / believed).clamp(1, count.max(1)),
        Target::Value(value) => {
            let Some(key) = keys.first() else { return 1 };
            let wanted = key.rule.prepared(value).unwrap_or_default();
            let is_before = |(values, _): &Row| {
                // What has no value comes first where the order is backward, and last otherwise.
                values.first().and_then(Option::as_ref).map_or(key.backward, |value| {
                    let order = value.cmp(&wanted);
                    if key.backward { order.is_gt() } else { order.is_lt() }
                })
            };
            all.iter().take_while(|one| is_before(one)).count() + 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::{Rule, attribute};
    use super::*;

    /// A view by value is around the first entry that is not before the value, also where entries without the key come first.
    #[test]
    fn views_by_value_find_their_place() {
        let around = |backward: bool, keys: [Option<&str>; 4], wanted: &str| {
            let key = Key { of: attribute("sn").unwrap(), rule: Rule::CaseIgnore, backward };
            let row = |key: Option<&str>| (vec![key.map(str::to_owned)], Dn::default());
            let all = keys.map(row);
            let view = View { before: 0, after: 0, target: Target::Value(wanted.to_owned()) };
            place(&view, &[key], &all)
        };
        let backward = [None, Some("z"), Some("s"), Some("a")];
        for (wanted, expected) in [("zz", 2), ("z", 2), ("s", 3), ("m", 4), ("a", 4), ("", 5)] {
            assert_eq!(around(true, backward, wanted), expected, "{wanted}");
        }
        let forward = [Some("a"), Some("s"), Some("z"), None];
        for (wanted, expected) in [("", 1), ("a", 1), ("m", 2), ("s", 2), ("zz", 4)] {
            assert_eq!(around(false, forward, wanted), expected, "{wanted}");
        }
    }
}
