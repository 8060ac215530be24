//! Certificates of the cards of some people.

use std::collections::BTreeMap;

use directory::api::Whose;
use platform::clock::Millis;
use platform::db;
use platform::db::rows::list;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

use super::{millis, reason};
use crate::api::Reason;

/// How a certificate of a card stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Active,
    Held,
    Cancelled,
    Expired,
}

impl Standing {
    const ALL: [Self; 4] = [Self::Active, Self::Held, Self::Cancelled, Self::Expired];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.word() == word)
    }

    /// What is so in the table. What was cancelled stays so after its end.
    fn condition(self, now: Millis) -> String {
        let now = now.0;
        match self {
            Self::Active => format!("revoked_at IS NULL AND not_after >= {now}"),
            Self::Held => format!("revoked_at IS NOT NULL AND reason = 6 AND not_after >= {now}"),
            Self::Cancelled => "revoked_at IS NOT NULL AND reason <> 6".to_owned(),
            Self::Expired => format!("(revoked_at IS NULL OR reason = 6) AND not_after < {now}"),
        }
    }
}

/// Which certificates.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) state: Option<Standing>,
    pub(crate) profile: Option<String>,
    pub(crate) issued_from: Option<Millis>,
    pub(crate) issued_before: Option<Millis>,
    pub(crate) ends_from: Option<Millis>,
    pub(crate) ends_before: Option<Millis>,
    /// Those in force that end until then.
    pub(crate) in_force_until: Option<Millis>,
    pub(crate) now: Millis,
}

impl Wanted {
    /// The conditions, made of our own words and numbers only; `profile` is bound.
    fn conditions(&self) -> String {
        let mut conditions = String::new();
        let mut and = |condition: String| conditions = format!("{conditions} AND {condition}");
        if let Some(state) = self.state {
            and(state.condition(self.now));
        }
        for (column, from, before) in [
            ("reserved_at", self.issued_from, self.issued_before),
            ("not_after", self.ends_from, self.ends_before),
        ] {
            if let Some(from) = from {
                and(format!("{column} >= {}", from.0));
            }
            if let Some(before) = before {
                and(format!("{column} < {}", before.0));
            }
        }
        if let Some(until) = self.in_force_until {
            and(format!("{} AND not_after <= {}", Standing::Active.condition(self.now), until.0));
        }
        conditions
    }
}

/// A certificate of a card.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) user_id: String,
    pub(crate) serial: String,
    pub(crate) profile: String,
    pub(crate) issued_at: Millis,
    pub(crate) not_after: Millis,
    pub(crate) revoked_at: Option<Millis>,
    pub(crate) reason: Option<Reason>,
}

impl Found {
    pub(crate) fn standing(&self, now: Millis) -> Standing {
        match (self.revoked_at, self.reason) {
            (Some(_), Some(Reason::CertificateHold)) if self.not_after >= now => Standing::Held,
            (Some(_), reason) if reason != Some(Reason::CertificateHold) => Standing::Cancelled,
            _ if self.not_after < now => Standing::Expired,
            _ => Standing::Active,
        }
    }
}

/// The certificates that the authority of cards, of whatever generation, has issued to these people: by the ids of people and
/// by serial, of the first of them after a row if one is given.
pub(crate) async fn of_cards(
    read: &AnyPool,
    people: &[&str],
    after: Option<&Whose>,
    wanted: &Wanted,
    limit: u32,
) -> Result<Vec<Found>, db::Error> {
    let text = format!(
        "SELECT user_id, serial, profile, reserved_at, not_after, revoked_at, reason FROM ca_certificate \
         WHERE user_id IN ({}) AND (user_id > $1 OR serial > $2) AND (issuer = 'card' OR issuer LIKE 'card-g%') \
         AND state = 'issued' AND ($3 = '' OR profile = $3){} ORDER BY user_id, serial LIMIT $4",
        list(5, people.len()),
        wanted.conditions()
    );
    let mut query = sqlx::query(AssertSqlSafe(text))
        .bind(after.map(|whose| whose.person.clone()).unwrap_or_default())
        .bind(after.map(|whose| whose.row.clone()).unwrap_or_default())
        .bind(wanted.profile.clone().unwrap_or_default())
        .bind(i64::from(limit));
    for person in people {
        query = query.bind((*person).to_owned());
    }
    let rows = query.fetch_all(read).await?;
    rows.iter()
        .map(|row| {
            Ok(Found {
                user_id: row.try_get("user_id")?,
                serial: row.try_get("serial")?,
                profile: row.try_get("profile")?,
                issued_at: Millis(row.try_get("reserved_at")?),
                not_after: Millis(row.try_get("not_after")?),
                revoked_at: millis(row.try_get("revoked_at")?),
                reason: reason(row.try_get("reason")?)?,
            })
        })
        .collect()
}

/// How many certificates of cards a person has in each state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) active: u64,
    pub(crate) held: u64,
    pub(crate) cancelled: u64,
    pub(crate) expired: u64,
    /// When the first of those in force ends.
    pub(crate) next_end: Option<Millis>,
}

impl Holding {
    /// Whether there is one in force, or on hold.
    pub(crate) fn has_card(&self) -> bool {
        self.active + self.held > 0
    }

    /// How many there are in a state.
    pub(crate) fn many(&self, standing: Standing) -> u64 {
        match standing {
            Standing::Active => self.active,
            Standing::Held => self.held,
            Standing::Cancelled => self.cancelled,
            Standing::Expired => self.expired,
        }
    }
}

/// What these people have of cards; who has nothing is left out.
pub(crate) async fn holdings(
    read: &AnyPool,
    people: &[&str],
    now: Millis,
) -> Result<BTreeMap<String, Holding>, db::Error> {
    let counts = Standing::ALL.map(|standing| {
        format!("CAST(SUM(CASE WHEN {} THEN 1 ELSE 0 END) AS BIGINT)", standing.condition(now))
    });
    let text = format!(
        "SELECT user_id, {}, CAST(MIN(CASE WHEN {} THEN not_after END) AS BIGINT) FROM ca_certificate \
         WHERE user_id IN ({}) AND (issuer = 'card' OR issuer LIKE 'card-g%') AND state = 'issued' GROUP BY user_id",
        counts.join(", "),
        Standing::Active.condition(now),
        list(1, people.len())
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for person in people {
        query = query.bind((*person).to_owned());
    }
    let rows: Vec<(String, i64, i64, i64, i64, Option<i64>)> = query.fetch_all(read).await?;
    let many = |count: i64| u64::try_from(count).unwrap_or(0);
    Ok(rows
        .into_iter()
        .map(|(user, active, held, cancelled, expired, next_end)| {
            let holding = Holding {
                active: many(active),
                held: many(held),
                cancelled: many(cancelled),
                expired: many(expired),
                next_end: next_end.map(Millis),
            };
            (user, holding)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate is one thing at a time; what was cancelled stays cancelled when its time is over.
    #[test]
    fn standings_are_told_apart() {
        let found = |not_after, revoked_at: Option<i64>, reason| Found {
            user_id: String::new(),
            serial: String::new(),
            profile: String::new(),
            issued_at: Millis(0),
            not_after: Millis(not_after),
            revoked_at: revoked_at.map(Millis),
            reason,
        };
        for (found, expected) in [
            (found(10, None, None), Standing::Active),
            (found(9, None, None), Standing::Expired),
            (found(10, Some(1), Some(Reason::CertificateHold)), Standing::Held),
            (found(9, Some(1), Some(Reason::CertificateHold)), Standing::Expired),
            (found(10, Some(1), Some(Reason::Superseded)), Standing::Cancelled),
            (found(9, Some(1), Some(Reason::Superseded)), Standing::Cancelled),
        ] {
            assert_eq!(found.standing(Millis(10)), expected, "{found:?}");
            assert_eq!(Standing::of_word(expected.word()), Some(expected));
        }
    }
}
