//! People of the register with roles, and sessions as the sign-in pages open them.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::clock::Millis;
use platform::db::{Db, Tx};
use platform::id::UserId;

/// Somebody with one role.
pub(crate) const ANN: u64 = 1;
/// Somebody with none.
pub(crate) const BEN: u64 = 2;

/// The user id of somebody.
pub(crate) fn user(number: u64) -> String {
    UserId::from_number(number).unwrap().to_string()
}

/// A uuid by a number.
fn uuid(number: u64) -> String {
    format!("01990000-0000-7000-8000-{number:012}")
}

/// Twelve organisations and two people; the first works in the first of them.
pub(super) async fn seed(db: &Db) {
    db.write(|tx| {
        Box::pin(async move {
            for number in 1..=12_u64 {
                organisation(tx, number).await?;
            }
            person(tx, ANN, ("Ada", "Okafor", Some("Dr"))).await?;
            person(tx, BEN, ("Ben", "Lark", None)).await?;
            contact(tx).await?;
            assign(tx, ANN, 1).await
        })
    })
    .await
    .unwrap();
}

/// An organisation with doctors.
pub(crate) async fn organisation(tx: &mut Tx, number: u64) -> Result<(), platform::db::Error> {
    let ods = format!("Z{number:05}");
    sqlx::query(
        "INSERT INTO directory_organisation (ods, name, status, version) VALUES ($1, $2, 'active', 1)",
    )
    .bind(ods.clone())
    .bind(format!("NORTHFIELD SURGERY {number}"))
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO directory_position (position_id, organisation, name, name_key, state, version) \
         VALUES ($1, $2, 'Doctors', 'doctors', 'open', 1)",
    )
    .bind(uuid(number))
    .bind(ods.clone())
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO directory_access_profile (access_profile_id, position_id, place, organisation, job_role, areas, \
         activities) VALUES ($1, $2, 0, $3, 'S8000:G8000:R8000', '', 'B0420')",
    )
    .bind(uuid(1000 + number))
    .bind(uuid(number))
    .bind(ods)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

async fn person(
    tx: &mut Tx,
    number: u64,
    name: (&str, &str, Option<&str>),
) -> Result<(), platform::db::Error> {
    let (given, family, title) = name;
    sqlx::query(
        "INSERT INTO directory_person (user_id, kind, state, version, standing, assurance, title, given, family) \
         VALUES ($1, 'person', 'open', 1, 'verified', 'high', $2, $3, $4)",
    )
    .bind(user(number))
    .bind(title.map(str::to_owned))
    .bind(given.to_owned())
    .bind(family.to_owned())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// An address and the registrations of the first person: one of a body that has no claim among them.
async fn contact(tx: &mut Tx) -> Result<(), platform::db::Error> {
    sqlx::query(
        "INSERT INTO directory_contact (contact_id, user_id, channel, value, verified_at, tries, made_at) \
         VALUES ($1, $2, 'email', 'ada@example.test', 1, 0, 1)",
    )
    .bind(uuid(9001))
    .bind(user(ANN))
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO directory_registration (body, number, user_id, at) VALUES ('GMC', '1234567', $1, 1), \
         ('NMC', '99I1234E', $1, 1), ('GPhC', '2012345', $1, 1), ('GDC', '123456', $1, 1), ('RCN', '7654321', $1, 1), \
         ('GMP', 'G1234567', $1, 1), ('GDP', 'D123456', $1, 1), ('Consultant', 'C1234567', $1, 1), ('HCPC', 'PH123456', $1, 1)",
    )
    .bind(user(ANN))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Puts somebody into the doctors of an organisation.
pub(crate) async fn assign(tx: &mut Tx, number: u64, organisation: u64) -> Result<(), platform::db::Error> {
    sqlx::query(
        "INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, state, via, made_by, \
         made_at, version) VALUES ($1, $2, $3, $4, '2026-01-01', 'live', 'cim', 'desk', 1, 1)",
    )
    .bind(uuid(10_000 * number + organisation))
    .bind(user(number))
    .bind(uuid(organisation))
    .bind(format!("Z{organisation:05}"))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Closes a profile, as the part that keeps people does.
pub(crate) async fn close(db: &Db, number: u64) {
    db.write(move |tx| {
        Box::pin(async move {
            sqlx::query("UPDATE directory_person SET state = 'closed' WHERE user_id = $1")
                .bind(user(number))
                .execute(&mut *tx)
                .await?;
            Ok::<_, platform::db::Error>(())
        })
    })
    .await
    .unwrap();
}

/// A session as the contract has it: the row holds the hash of what the browser holds.
pub(super) async fn open_session(db: &Db, number: u64, method: &str, now: Millis) -> String {
    let mut secret = [0; 32];
    aws_lc_rs::rand::fill(&mut secret).unwrap();
    let (hash, method) = (digest(&SHA256, &secret).as_ref().to_vec(), method.to_owned());
    db.write(move |tx| {
        Box::pin(async move {
            let name = URL_SAFE_NO_PAD.encode(&hash[..16]);
            let opener = uuid(u64::from_be_bytes(hash[8..16].try_into().unwrap()) % 1_000_000_000_000);
            sqlx::query(
                "INSERT INTO authn_authenticator (authenticator_id, user_id, method, name, version, created_at, created_by) \
                 VALUES ($1, $2, $3, 'what opened it', 1, $4, 'the test')",
            )
            .bind(opener.clone())
            .bind(user(number))
            .bind(method.clone())
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
            sqlx::query(
                "INSERT INTO authn_session (session_id, sid, secret, user_id, method, authenticator, authenticated_at, \
                 last_used_at, expires_at) VALUES ($1, $2, $3, $4, $5, $8, $6, $6, $7)",
            )
            .bind(uuid(u64::from_be_bytes(hash[..8].try_into().unwrap()) % 1_000_000_000_000))
            .bind(name)
            .bind(hash)
            .bind(user(number))
            .bind(method)
            .bind(now.0)
            .bind(now.0 + 12 * 3_600_000)
            .bind(opener)
            .execute(&mut *tx)
            .await?;
            Ok::<_, platform::db::Error>(())
        })
    })
    .await
    .unwrap();
    format!("__Host-lanyard-session={}", URL_SAFE_NO_PAD.encode(secret))
}

/// A session as it goes on: its row has another secret, method and time.
pub(super) async fn go_on(db: &Db, session: &str, method: &str, now: Millis) -> String {
    let hash = |secret: &[u8]| digest(&SHA256, secret).as_ref().to_vec();
    let was = session.split_once('=').map(|(_, secret)| URL_SAFE_NO_PAD.decode(secret).unwrap()).unwrap();
    let mut secret = [0; 32];
    aws_lc_rs::rand::fill(&mut secret).unwrap();
    let (was, is, method) = (hash(&was), hash(&secret), method.to_owned());
    db.write(move |tx| {
        Box::pin(async move {
            let done = sqlx::query(
                "UPDATE authn_session SET secret = $2, method = $3, authenticated_at = $4, last_used_at = $4 WHERE secret = $1",
            )
            .bind(was)
            .bind(is)
            .bind(method)
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
            assert_eq!(done.rows_affected(), 1, "there is no such session");
            Ok::<_, platform::db::Error>(())
        })
    })
    .await
    .unwrap();
    format!("__Host-lanyard-session={}", URL_SAFE_NO_PAD.encode(secret))
}
