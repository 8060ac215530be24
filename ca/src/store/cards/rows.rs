//! `ca_card`.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

use crate::cards::{CancelReason, CardState, ManagementName, PukName};

/// A card as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the name of the column")]
pub(crate) struct Card {
    pub(crate) card_id: String,
    /// What the card says itself.
    pub(crate) serial: String,
    pub(crate) location_id: String,
    pub(crate) organisation: String,
    pub(crate) state: CardState,
    /// What it was before it was suspended.
    pub(crate) earlier: Option<CardState>,
    pub(crate) user_id: Option<String>,
    pub(crate) reason: Option<CancelReason>,
    pub(crate) management: ManagementName,
    /// The key that it is being given: it may have either.
    pub(crate) management_next: Option<ManagementName>,
    pub(crate) puk: PukName,
    pub(crate) puk_next: Option<PukName>,
    /// When its unblocking key was told to somebody.
    pub(crate) puk_exposed_at: Option<Millis>,
    /// When its unblocking key went to a workstation in an errand that was not done.
    pub(crate) puk_seen_at: Option<Millis>,
    /// Since when its keys may be others than those of its certificates.
    pub(crate) keys_changed_at: Option<Millis>,
    /// The identifier in the certificate by which it showed secure messaging first: it is not spoken to without from then on.
    pub(crate) secure_identifier: Option<String>,
    /// Keys that it has refused.
    pub(crate) refused: Vec<String>,
    pub(crate) authentication: Option<String>,
    pub(crate) signature: Option<String>,
    pub(crate) version: i64,
    pub(crate) made_at: Millis,
    pub(crate) changed_at: Millis,
}

impl Card {
    /// The serials of its certificates: for signing in, and for signing.
    pub(crate) fn serials(&self) -> Serials {
        [self.authentication.clone(), self.signature.clone()]
    }

    /// Whether its unblocking key must go before anything else is done with it: somebody was told it, or it went by a workstation.
    pub(crate) fn puk_must_go(&self) -> bool {
        self.puk_exposed_at.is_some() || self.puk_seen_at.is_some()
    }
}

/// The serials of a card's certificates.
pub(crate) type Serials = [Option<String>; 2];

/// Which cards.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) organisation: Option<String>,
    pub(crate) state: Option<CardState>,
    pub(crate) user_id: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) location_id: Option<String>,
}

pub(super) const COLUMNS: &str = "card_id, serial, location_id, organisation, state, earlier, user_id, reason, management, \
     management_next, puk, puk_next, puk_exposed_at, puk_seen_at, keys_changed_at, secure_identifier, refused, authentication, \
     signature, version, made_at, changed_at";

/// Stores a new card; false if one with its serial number is there.
pub(crate) async fn insert(tx: &mut Tx, card: &Card) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_card (card_id, serial, location_id, organisation, state, management, puk, refused, version, made_at, \
         changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (serial) DO NOTHING",
    )
    .bind(card.card_id.as_str())
    .bind(card.serial.as_str())
    .bind(card.location_id.as_str())
    .bind(card.organisation.as_str())
    .bind(card.state.word())
    .bind(card.management.to_string())
    .bind(card.puk.to_string())
    .bind(card.refused.join(","))
    .bind(card.version)
    .bind(card.made_at.0)
    .bind(card.changed_at.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes what moves change, as the next version; false if somebody else wrote since `card` was read. What is on the card is
/// [`set_keys`]'s.
pub(crate) async fn keep(tx: &mut Tx, card: &Card, now: Millis) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_card SET location_id = $1, organisation = $2, state = $3, earlier = $4, user_id = $5, reason = $6, \
         authentication = $7, signature = $8, version = version + 1, changed_at = $9 WHERE card_id = $10 AND version = $11",
    )
    .bind(card.location_id.as_str())
    .bind(card.organisation.as_str())
    .bind(card.state.word())
    .bind(card.earlier.map(CardState::word))
    .bind(card.user_id.as_deref())
    .bind(card.reason.map(CancelReason::word))
    .bind(card.authentication.as_deref())
    .bind(card.signature.as_deref())
    .bind(now.0)
    .bind(card.card_id.as_str())
    .bind(card.version)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes which keys the card has, or may have. Whoever holds the errand of a card is the only one to do so.
pub(crate) async fn set_keys(tx: &mut Tx, card: &Card, now: Millis) -> Result<(), db::Error> {
    sqlx::query(
        "UPDATE ca_card SET management = $1, management_next = $2, puk = $3, puk_next = $4, puk_exposed_at = $5, \
         puk_seen_at = $6, keys_changed_at = $7, refused = $8, secure_identifier = $9, changed_at = $10 WHERE card_id = $11",
    )
    .bind(card.management.to_string())
    .bind(card.management_next.map(|name| name.to_string()))
    .bind(card.puk.to_string())
    .bind(card.puk_next.map(|name| name.to_string()))
    .bind(card.puk_exposed_at.map(|at| at.0))
    .bind(card.puk_seen_at.map(|at| at.0))
    .bind(card.keys_changed_at.map(|at| at.0))
    .bind(card.refused.join(","))
    .bind(card.secure_identifier.as_deref())
    .bind(now.0)
    .bind(card.card_id.as_str())
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes that the unblocking key of a card was told, as the next version; false if somebody else wrote since `card` was read.
pub(crate) async fn expose_puk(tx: &mut Tx, card: &Card, now: Millis) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_card SET puk_exposed_at = $1, version = version + 1, changed_at = $1 WHERE card_id = $2 AND version = $3 \
         AND puk_exposed_at IS NULL",
    )
    .bind(now.0)
    .bind(card.card_id.as_str())
    .bind(card.version)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One card.
pub(crate) async fn by_id(read: &AnyPool, id: &str) -> Result<Option<Card>, db::Error> {
    let sql = format!("SELECT {COLUMNS} FROM ca_card WHERE card_id = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_optional(read).await?;
    row.as_ref().map(read_row).transpose()
}

/// The same in a transaction that changes it.
pub(crate) async fn by_id_in(tx: &mut Tx, id: &str) -> Result<Option<Card>, db::Error> {
    let sql = format!("SELECT {COLUMNS} FROM ca_card WHERE card_id = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_optional(tx).await?;
    row.as_ref().map(read_row).transpose()
}

/// The card with a serial number.
pub(crate) async fn by_serial_in(tx: &mut Tx, serial: &str) -> Result<Option<Card>, db::Error> {
    let sql = format!("SELECT {COLUMNS} FROM ca_card WHERE serial = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(serial).fetch_optional(tx).await?;
    row.as_ref().map(read_row).transpose()
}

/// Cards behind a mark, by their ids, which are in the order in which they were registered.
pub(crate) async fn page(
    read: &AnyPool,
    filter: &Filter,
    after: &str,
    limit: i64,
) -> Result<Vec<Card>, db::Error> {
    let fields = [
        ("organisation", filter.organisation.as_deref()),
        ("state", filter.state.map(CardState::word)),
        ("user_id", filter.user_id.as_deref()),
        ("serial", filter.serial.as_deref()),
        ("location_id", filter.location_id.as_deref()),
    ];
    let mut sql = format!("SELECT {COLUMNS} FROM ca_card WHERE card_id > $1");
    let set: Vec<(&str, &str)> =
        fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    for (at, (name, _)) in set.iter().enumerate() {
        sql = format!("{sql} AND {name} = ${}", at + 2);
    }
    sql = format!("{sql} ORDER BY card_id LIMIT ${}", set.len() + 2);
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(after);
    for (_, value) in set {
        query = query.bind(value);
    }
    let rows = query.bind(limit).fetch_all(read).await?;
    rows.iter().map(read_row).collect()
}

/// The cards that somebody has and that have certificates, in the order in which they were registered.
pub(crate) async fn held_by(read: &AnyPool, user_id: &str, most: i64) -> Result<Vec<Card>, db::Error> {
    let held: Vec<String> =
        CardState::ALL.iter().filter(|one| one.is_held()).map(|one| format!("'{}'", one.word())).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM ca_card WHERE user_id = $1 AND state IN ({}) ORDER BY card_id LIMIT $2",
        held.join(", ")
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(user_id).bind(most).fetch_all(read).await?;
    rows.iter().map(read_row).collect()
}

pub(super) fn read_row(row: &AnyRow) -> Result<Card, db::Error> {
    let state = parsed(row, "state")?.ok_or_else(|| db::Error::corrupt("ca_card.state", "nothing"))?;
    let management = parsed(row, "management")?;
    let puk = parsed(row, "puk")?;
    let nothing = |what| move || db::Error::corrupt(what, "nothing");
    let refused: String = row.try_get("refused")?;
    Ok(Card {
        card_id: row.try_get("card_id")?,
        serial: row.try_get("serial")?,
        location_id: row.try_get("location_id")?,
        organisation: row.try_get("organisation")?,
        state,
        earlier: parsed(row, "earlier")?,
        user_id: row.try_get("user_id")?,
        reason: parsed(row, "reason")?,
        management: management.ok_or_else(nothing("ca_card.management"))?,
        management_next: parsed(row, "management_next")?,
        puk: puk.ok_or_else(nothing("ca_card.puk"))?,
        puk_next: parsed(row, "puk_next")?,
        puk_exposed_at: row.try_get::<Option<i64>, _>("puk_exposed_at")?.map(Millis),
        puk_seen_at: row.try_get::<Option<i64>, _>("puk_seen_at")?.map(Millis),
        keys_changed_at: row.try_get::<Option<i64>, _>("keys_changed_at")?.map(Millis),
        secure_identifier: row.try_get("secure_identifier")?,
        refused: refused.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        authentication: row.try_get("authentication")?,
        signature: row.try_get("signature")?,
        version: row.try_get("version")?,
        made_at: Millis(row.try_get("made_at")?),
        changed_at: Millis(row.try_get("changed_at")?),
    })
}

fn parsed<T: std::str::FromStr>(row: &AnyRow, column: &str) -> Result<Option<T>, db::Error>
where
    T::Err: std::fmt::Display,
{
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| {
        text.parse::<T>().map_err(|error| db::Error::corrupt("ca_card", format!("{column}: {error}")))
    })
    .transpose()
}
