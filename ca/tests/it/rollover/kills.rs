//! The process is killed between any two durable steps of a roll-over, and asking again takes it up.

use std::collections::BTreeSet;

use ca::api::GenerationState;
use ca::failpoint;
use platform::db::Engine;

use super::{keeper, roll_over_of};
use crate::kills::{killed, named, with_database};
use crate::world::decoded;

/// The points that the roll-over of an issuing authority passes; a root's passes all.
const ISSUING: usize = 6;

/// Killed at any point, the next who asks ends with one key, one issuer and each certificate once; what may have been
/// signed and was not stored is listed as revoked, and the old key signs until the new one is there.
fn a_roll_over_is_taken_up(engine: Engine) {
    with_database(engine, &async |world, database| {
        for (at, point) in failpoint::ROLLOVER.iter().enumerate() {
            let authority = if at < ISSUING { "card" } else { "root" };
            let generation = if at < ISSUING { at + 2 } else { at + 2 - ISSUING };
            killed(world, database, &format!("rollover-{authority}:{generation}"), "", point, None);
            let (again, client) = world.again(crate::world::config()).await;
            let made = roll_over_of(&again, authority).await.unwrap();
            assert_eq!(made.state, GenerationState::Certified, "{point}");
            assert!(made.transcript.iter().any(|line| line.contains("taken up again")), "{point}: {made:?}");
            let issuers = client.issuers().await.unwrap();
            assert_eq!(issuers.len(), 6 + at, "{point}: one further issuer");
            let keys: BTreeSet<_> =
                issuers.iter().map(|it| decoded(&it.certificate).spki_der().to_vec()).collect();
            assert_eq!(keys.len(), issuers.len(), "{point}: each with its own key");
            let roots: Vec<_> = issuers.iter().filter(|it| it.id.starts_with("root")).collect();
            for root in &roots {
                assert_eq!(root.cross_certificates.len(), roots.len() - 1, "{point}: {}", root.id);
            }
            assert!(client.crl(&made.issuer).await.is_ok(), "{point}: its first list is there");
            assert!(again.issuer_ids().contains(&made.issuer));
            let finished = made.transcript.iter().filter(|line| line.contains("the roll-over is finished"));
            assert_eq!(finished.count(), 1, "{point}: {made:?}");
            let recorded = named(&world.db, "generation-finished").await;
            assert_eq!(recorded, i64::try_from(at).unwrap() + 1, "{point}: the end is in the record once");
        }
        let all = keeper(world).generations().await.unwrap();
        assert_eq!(all.len(), failpoint::ROLLOVER.len());
    });
}

/// On SQLite.
#[test]
fn roll_overs_on_sqlite() {
    a_roll_over_is_taken_up(Engine::Sqlite);
}

/// On `PostgreSQL`.
#[test]
fn roll_overs_on_postgres() {
    a_roll_over_is_taken_up(Engine::Postgres);
}
