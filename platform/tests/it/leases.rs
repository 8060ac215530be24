//! Work that must be done once, and the mark of the past.

use std::time::Duration;

use platform::clock::HighWater;
use platform::db::{self, Db, lease};
use platform::{Clock, Kind, Millis, both_engines};

const START: Millis = Millis(1_700_000_000_000);
const TIME: Duration = Duration::from_secs(10);

both_engines! {
    /// One holder at a time; the next one after expiry or release gets a higher epoch, and a paused one is out.
    async fn a_lease_has_one_holder(db: Db) {
        let first = lease::acquire(&db, "crl", "node-1", START, TIME).await.unwrap().unwrap();
        assert_eq!(first.epoch, 1);
        assert_eq!(lease::acquire(&db, "crl", "node-2", START, TIME).await.unwrap(), None);
        assert!(lease::acquire(&db, "other", "node-2", START, TIME).await.unwrap().is_some());

        let again = lease::acquire(&db, "crl", "node-1", START.plus(TIME / 2), TIME).await.unwrap().unwrap();
        assert_eq!(again.epoch, 1, "a live lease is kept");
        let renewed = lease::renew(&db, &again, START.plus(TIME), TIME).await.unwrap().unwrap();
        assert_eq!(renewed.expires_at, START.plus(TIME * 2));

        let late = START.plus(TIME * 2);
        let second = lease::acquire(&db, "crl", "node-2", late, TIME).await.unwrap().unwrap();
        assert_eq!(second.epoch, 2);
        assert_eq!(lease::renew(&db, &renewed, late, TIME).await.unwrap(), None, "a paused holder is out");
        lease::release(&db, renewed.clone()).await.unwrap();
        let held = db.write({
            let second = second.clone();
            move |tx| Box::pin(async move {
                let paused = lease::is_held_in(tx, &renewed, late).await?;
                let present = lease::is_held_in(tx, &second, late).await?;
                Ok::<_, db::Error>((paused, present))
            })
        }).await.unwrap();
        assert_eq!(held, (false, true), "the paused holder's release took nothing");

        lease::release(&db, second).await.unwrap();
        let third = lease::acquire(&db, "crl", "node-1", late, TIME).await.unwrap().unwrap();
        assert_eq!(third.epoch, 3);
    }

    /// What was done at a time stays known over a restart: five seconds behind is refused, with both times.
    async fn the_clock_cannot_fall_behind(db: Db) {
        let mark = HighWater::open(&db).await.unwrap();
        assert_eq!(mark.mark(), None);
        mark.guard(START).unwrap();
        let job = mark.clone();
        db.write(move |tx| Box::pin(async move { job.record_in(tx, START).await })).await.unwrap();

        let reopened = HighWater::open(&db).await.unwrap();
        assert_eq!(reopened.mark(), Some(START));
        reopened.guard(START.minus(Duration::from_secs(5))).unwrap();
        let problem = reopened.guard(START.minus(Duration::from_millis(5001))).unwrap_err();
        assert_eq!((problem.kind, problem.code), (Kind::Unavailable, "clock-behind"));
        assert!(problem.detail.contains("2023-11-14T22:13:14.999Z"), "{}", problem.detail);
        assert!(problem.detail.contains("2023-11-14T22:13:20.000Z"), "{}", problem.detail);

        // A machine that is a little behind does not pull the mark down.
        let job = reopened.clone();
        let earlier = START.minus(Duration::from_secs(3));
        db.write(move |tx| Box::pin(async move { job.record_in(tx, earlier).await })).await.unwrap();
        assert_eq!(HighWater::open(&db).await.unwrap().mark(), Some(START));
    }

    /// The keeper writes the mark by itself and ends with the database.
    async fn the_mark_is_kept(db: Db) {
        let (clock, _hand) = Clock::manual(START);
        let keeper = tokio::spawn(HighWater::open(&db).await.unwrap().keep(db.clone(), clock));
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while HighWater::open(&db).await.unwrap().mark() != Some(START) {
            assert!(tokio::time::Instant::now() < deadline, "the mark was not written");
            tokio::task::yield_now().await;
        }
        db.close().await;
        tokio::time::timeout(Duration::from_secs(10), keeper).await.unwrap().unwrap();
    }
}

both_engines! {
    /// What one process at a time may do is refused to a second, under another name it is not, and whoever lets go, or is gone, is
    /// followed by the next.
    async fn one_at_a_time(db: Db) {
        let first = db.exclusively("ceremony").await.unwrap().expect("nobody has it");
        assert!(db.exclusively("ceremony").await.unwrap().is_none(), "two at once");
        let other = db.exclusively("something-else").await.unwrap();
        assert!(other.is_some(), "the names are one");
        drop(first);
        // A server sees a moment later that the connection is gone.
        let taking = async {
            while db.exclusively("ceremony").await.unwrap().is_none() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), taking).await.expect("it is never free again");
    }
}
