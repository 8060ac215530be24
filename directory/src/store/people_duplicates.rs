//! Whom a record may be a second one of.

use std::collections::BTreeSet;

use platform::db::Tx;
use platform::id::UserId;
use sqlx::AssertSqlSafe;

use super::{list, people, people_contacts, people_evidence, people_names, read};
use crate::api::Channel;
use crate::day::Day;
use crate::error::Error;
use crate::person::{Profile, Traits, is_unknown, likeness, plain, swapped};

/// How many records are compared at most for each likeness but that of name and birth.
const MOST: i64 = 500;
/// How many names of one day are read at a time.
const PAGE: usize = 1_000;
/// How many pages of names of one day are read: more than a nation's registers have on the day that is written down for want of another.
const PAGES: usize = 50;

/// The user ids of records that share something with these traits; not those of merged records.
pub(crate) async fn alike(tx: &mut Tx, traits: &Traits) -> Result<Vec<UserId>, Error> {
    let mut found = BTreeSet::new();
    if let Some(hash) = &traits.national_insurance {
        let text = "SELECT user_id FROM directory_person WHERE ni_hash IN ($1) LIMIT $2";
        gather(tx, &mut found, text, std::slice::from_ref(hash)).await?;
    }
    for day in traits.birth.into_iter().flat_map(both_ways) {
        born(tx, &mut found, traits, day).await?;
    }
    let listed = |head: &str, many: usize| format!("{head} IN ({}) LIMIT ${}", list(1, many), many + 1);
    let vectors: [(&str, Vec<String>); 3] = [
        (
            "SELECT user_id FROM directory_evidence WHERE number_hash",
            traits.documents.iter().cloned().collect(),
        ),
        (
            "SELECT user_id FROM directory_registration WHERE number",
            traits
                .registrations
                .iter()
                .filter_map(|text| text.split_once(' '))
                .map(|(_, n)| n.to_owned())
                .collect(),
        ),
        ("SELECT user_id FROM directory_contact WHERE value", traits.emails.iter().cloned().collect()),
    ];
    for (head, values) in vectors {
        if !values.is_empty() {
            gather(tx, &mut found, &listed(head, values.len()), &values).await?;
        }
    }
    Ok(found.into_iter().collect())
}

fn both_ways(day: Day) -> impl Iterator<Item = Day> {
    std::iter::once(day).chain(swapped(day))
}

/// Adds those born on a day whose name, present or former, is like one of these. The names of a day are read in order and page by
/// page, so that nobody is missed on a day that many have, and a record is looked at as a whole only where a name is alike.
async fn born(tx: &mut Tx, found: &mut BTreeSet<UserId>, traits: &Traits, day: Day) -> Result<(), Error> {
    let (mut user, mut number) = (String::new(), 0);
    for _ in 0..PAGES {
        let rows: Vec<(String, i64, String, String)> = sqlx::query_as(
            "SELECT p.user_id, n.number, n.given, n.family FROM directory_person p \
             JOIN directory_person_name n ON n.user_id = p.user_id WHERE p.birth = $1 AND p.user_id >= $2 \
             AND (p.user_id > $2 OR n.number > $3) ORDER BY p.user_id, n.number LIMIT $4",
        )
        .bind(day.to_string())
        .bind(user)
        .bind(number)
        .bind(i64::try_from(PAGE).unwrap_or(i64::MAX))
        .fetch_all(&mut *tx)
        .await?;
        for (user, _, given, family) in &rows {
            let name = BTreeSet::from([(plain(given), plain(family))]);
            if likeness(&traits.names, &name).is_some() {
                found.insert(read("user_id", user)?);
            }
        }
        let Some(last) = rows.last().filter(|_| rows.len() == PAGE) else { break };
        (user, number) = (last.0.clone(), last.1);
    }
    Ok(())
}

async fn gather(
    tx: &mut Tx,
    found: &mut BTreeSet<UserId>,
    text: &str,
    values: &[String],
) -> Result<(), Error> {
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as::<_, (String,)>(AssertSqlSafe(text.to_owned()));
    for value in values {
        query = query.bind(value.clone());
    }
    for (user,) in query.bind(MOST).fetch_all(&mut *tx).await? {
        found.insert(read("user_id", &user)?);
    }
    Ok(())
}

/// By what somebody's record is compared.
pub(crate) async fn traits_of(tx: &mut Tx, user: &UserId) -> Result<Option<(Profile, Traits)>, Error> {
    let Some(profile) = people::find(&mut *tx, user).await? else { return Ok(None) };
    let names = people_names::of(&mut *tx, user).await?;
    let names = names.into_iter().map(|former| (plain(&former.name.given), plain(&former.name.family)));
    let registrations = people_evidence::registrations(&mut *tx, user).await?;
    let addresses = people_contacts::of(&mut *tx, user).await?;
    let emails = addresses.into_iter().filter(|address| address.channel == Channel::Email);
    let traits = Traits {
        names: names.collect(),
        birth: profile.birth.filter(|birth| !is_unknown(*birth)),
        national_insurance: profile.national_insurance.as_ref().map(|kept| kept.hash.clone()),
        documents: people_evidence::hashes(&mut *tx, user).await?.into_iter().collect(),
        registrations: registrations.iter().map(|it| format!("{} {}", it.body, it.number)).collect(),
        emails: emails.map(|address| address.contact.value).collect(),
    };
    Ok(Some((profile, traits)))
}
