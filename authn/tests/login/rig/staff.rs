//! People with names and roles, as rows of the register.

use platform::db::{Db, Tx};

use super::{OTHER, Rig, USER};

fn uuid(number: u64) -> String {
    format!("01990000-0000-7000-8000-{number:012}")
}

/// Gives both people their names, and the first a role in each of so many surgeries.
pub(crate) async fn staff(rig: &Rig, surgeries: u64) {
    write(&rig.db, move |tx| {
        Box::pin(async move {
            for (user, given, family, title) in [(USER, "Ada", "Okafor", Some("Dr")), (OTHER, "Ben", "Lark", None)] {
                sqlx::query(
                    "UPDATE directory_person SET standing = 'verified', assurance = 'high', given = $2, family = $3, title = $4 \
                     WHERE user_id = $1",
                )
                .bind(user)
                .bind(given)
                .bind(family)
                .bind(title)
                .execute(&mut *tx)
                .await?;
            }
            for number in 1..=4 {
                surgery(tx, number).await?;
            }
            Ok(())
        })
    })
    .await;
    for number in 1..=surgeries {
        assign(rig, USER, number).await;
    }
}

async fn write<F>(db: &Db, job: F)
where
    F: for<'t> Fn(
            &'t mut Tx,
        )
            -> std::pin::Pin<Box<dyn Future<Output = Result<(), platform::db::Error>> + Send + 't>>
        + Send
        + Sync
        + 'static,
{
    db.write(move |tx| job(tx)).await.unwrap();
}

async fn surgery(tx: &mut Tx, number: u64) -> Result<(), platform::db::Error> {
    let ods = format!("Z{number:05}");
    for (sql, values) in [
        (
            "INSERT INTO directory_organisation (ods, name, status, version) VALUES ($1, $2, 'active', 1)",
            [ods.clone(), format!("NORTHFIELD, LARK & SONS {number}"), String::new()],
        ),
        (
            "INSERT INTO directory_position (position_id, organisation, name, name_key, state, version) \
             VALUES ($2, $1, 'Doctors', 'doctors', 'open', 1)",
            [ods.clone(), uuid(number), String::new()],
        ),
        (
            "INSERT INTO directory_access_profile (access_profile_id, position_id, place, organisation, job_role, areas, activities) \
             VALUES ($3, $2, 0, $1, 'S8000:G8000:R8000', '', 'B0420')",
            [ods.clone(), uuid(number), uuid(1000 + number)],
        ),
    ] {
        let query =
            values.iter().filter(|value| !value.is_empty()).fold(sqlx::query(sql), sqlx::query::Query::bind);
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Puts somebody into the doctors of a surgery.
pub(crate) async fn assign(rig: &Rig, user: &'static str, surgery: u64) {
    write(&rig.db, move |tx| {
        Box::pin(async move {
            sqlx::query(
                "INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, state, via, made_by, \
                 made_at, version) VALUES ($1, $2, $3, $4, '2026-01-01', 'live', 'cim', 'desk', 1, 1)",
            )
            .bind(uuid(10_000 + surgery))
            .bind(user)
            .bind(uuid(surgery))
            .bind(format!("Z{surgery:05}"))
            .execute(&mut *tx)
            .await?;
            Ok(())
        })
    })
    .await;
}

/// Takes the assignment in a surgery away.
pub(crate) async fn dismiss(rig: &Rig, surgery: u64) {
    write(&rig.db, move |tx| {
        Box::pin(async move {
            sqlx::query("UPDATE directory_assignment SET state = 'closed' WHERE assignment_id = $1")
                .bind(uuid(10_000 + surgery))
                .execute(&mut *tx)
                .await?;
            Ok(())
        })
    })
    .await;
}
