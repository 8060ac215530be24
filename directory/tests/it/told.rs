//! Whom letters reach, with the tables before them.

use directory::api::{Channel, Letter, Told, Way, address, tell_at, tell_by_message, ways_to};
use platform::clock::Millis;
use platform::db::{self, Db};
use platform::id::UserId;
use platform::message::{MOST_WAITING, RESERVED, URGENT_WITHIN};

const NOW: Millis = Millis(1_795_540_800_000);

fn letter(until: Millis) -> Letter {
    let text = |text: &str| text.to_owned();
    Letter {
        kind: "certificate-notice",
        subject: text("Soon"),
        text: text("long"),
        short: text("short"),
        until,
    }
}

/// Somebody in some state, with these addresses.
async fn known(
    db: &Db,
    user: &'static str,
    state: &'static str,
    addresses: &'static [(&'static str, &'static str, bool)],
) {
    let done: Result<(), db::Error> = db
        .write(move |tx| {
            Box::pin(async move {
                sqlx::query("INSERT INTO directory_person (user_id, kind, state, version) VALUES ($1, 'person', $2, 1)")
                    .bind(user)
                    .bind(state)
                    .execute(&mut *tx)
                    .await?;
                for (number, (channel, value, shown)) in addresses.iter().enumerate() {
                    sqlx::query(
                        "INSERT INTO directory_contact (contact_id, user_id, channel, value, verified_at, tries, made_at) \
                         VALUES ($1, $2, $3, $4, $5, 0, 0)",
                    )
                    .bind(format!("{user}-{number}"))
                    .bind(user)
                    .bind(*channel)
                    .bind(*value)
                    .bind(shown.then_some(1_i64))
                    .execute(&mut *tx)
                    .await?;
                }
                Ok(())
            })
        })
        .await;
    done.unwrap();
}

async fn told(db: &Db, user: &'static str, until: Millis) -> Told {
    let user: UserId = user.parse().unwrap();
    db.write(move |tx| Box::pin(async move { tell_by_message(tx, &user, &letter(until), NOW).await }))
        .await
        .unwrap()
}

async fn posted(db: &Db) -> Vec<(String, String)> {
    sqlx::query_as(
        "SELECT address, body FROM platform_message WHERE kind = 'certificate-notice' ORDER BY address",
    )
    .fetch_all(db.read())
    .await
    .unwrap()
}

platform::both_engines! {
    /// People are told at addresses that were shown to be theirs and at no other; whoever has left is told nothing; and where
    /// too much waits, only what is urgent is taken.
    async fn people_are_told_at_their_own_addresses(db: Db) {
        let later = NOW.plus(std::time::Duration::from_hours(72));
        known(&db, "555021942107", "open", &[("email", "a@x.example", true), ("email", "b@x.example", false),
            ("email", "c@x.example", true), ("mobile", "+447700900123", true)]).await;
        known(&db, "555021942115", "open", &[("email", "d@x.example", false), ("mobile", "+447700900124", true)]).await;
        known(&db, "555021942123", "closed", &[("email", "e@x.example", true)]).await;
        assert_eq!(told(&db, "555021942107", later).await, Told::Posted(2));
        assert_eq!(told(&db, "555021942115", later).await, Told::Posted(1));
        assert_eq!(told(&db, "555021942123", later).await, Told::Nowhere);
        assert_eq!(told(&db, "555021942131", later).await, Told::Nowhere);
        let text = |address: &str, body: &str| (address.to_owned(), body.to_owned());
        let expected = vec![text("+447700900124", "short"), text("a@x.example", "long"), text("c@x.example", "long")];
        assert_eq!(posted(&db).await, expected);
        let flood: Result<(), db::Error> = db.write(move |tx| Box::pin(async move {
            let text = "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
                        INSERT INTO platform_message (message_id, module, kind, about, channel, address, subject, body, state, \
                        attempts, due_at, until, made_at) SELECT 'm' || CAST(i AS TEXT), 'other', 'x', 'y', 'email', 'z', '', '', 'due', 0, 0, 0, 0 FROM n";
            sqlx::query(text).bind(MOST_WAITING - RESERVED - 4).execute(&mut *tx).await?;
            Ok(())
        })).await;
        flood.unwrap();
        assert_eq!(told(&db, "555021942107", later).await, Told::Posted(1), "one place was left");
        assert_eq!(told(&db, "555021942107", later).await, Told::Full);
        assert_eq!(told(&db, "555021942107", NOW.plus(URGENT_WITHIN)).await, Told::Posted(2));
    }

    /// Whoever chooses among somebody's addresses knows those that were shown to be theirs, with when that was, and tells at each what
    /// fits it; of somebody who has left there are none.
    async fn addresses_are_chosen_one_by_one(db: Db) {
        known(&db, "555021942107", "open", &[("email", "a@x.example", true), ("email", "b@x.example", false),
            ("mobile", "+447700900123", true)]).await;
        known(&db, "555021942123", "closed", &[("email", "e@x.example", true)]).await;
        let of = async |user: &'static str| -> Vec<Way> {
            let user: UserId = user.parse().unwrap();
            let ways: Result<_, db::Error> = db.write(move |tx| Box::pin(async move { ways_to(tx, &user).await })).await;
            ways.unwrap()
        };
        let way = |channel, address: &str| Way { channel, address: address.to_owned(), verified_at: Millis(1) };
        let ways = of("555021942107").await;
        assert_eq!(ways, [way(Channel::Email, "a@x.example"), way(Channel::Mobile, "+447700900123")]);
        assert!(of("555021942123").await.is_empty());
        let told: Result<_, db::Error> = db.write(move |tx| Box::pin(async move {
            let (user, later) = ("555021942107".parse().unwrap(), NOW.plus(URGENT_WITHIN));
            let nowhere = tell_at(tx, &user, &[], &letter(later), NOW).await?;
            Ok((nowhere, tell_at(tx, &user, &ways, &letter(later), NOW).await?))
        })).await;
        assert_eq!(told.unwrap(), (Told::Nowhere, Told::Posted(2)));
        let text = |address: &str, body: &str| (address.to_owned(), body.to_owned());
        assert_eq!(posted(&db).await, [text("+447700900123", "short"), text("a@x.example", "long")]);
        assert_eq!(address(Channel::Mobile, "07700 900123").as_deref(), Some("+447700900123"));
        assert_eq!((address(Channel::Email, " A@X.example").as_deref(), address(Channel::Email, "x")), (Some("a@x.example"), None));
    }
}
