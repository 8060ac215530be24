//! Who waits after how many attempts, on both engines.

use platform::db::Db;

use super::*;

fn settings() -> Throttle {
    Throttle { free: 2, strangers_free: 4, network_free: 6, newcomers_free: 10, ..Throttle::default() }
}

/// When an attempt is looked at, if it is not at once.
async fn tries(db: &Db, attempt: &Attempt, at: i64) -> Option<Millis> {
    let attempt = attempt.clone();
    let turn = db
        .write(move |tx| Box::pin(async move { attempt.begin(tx, &settings(), Millis(at)).await }))
        .await
        .unwrap();
    match turn {
        Turn::Now(_) => None,
        Turn::Later(until) => Some(until),
    }
}

/// Whether an attempt is looked at that is right then.
async fn comes_in(db: &Db, attempt: &Attempt, at: i64) -> bool {
    let attempt = attempt.clone();
    db.write(move |tx| {
        Box::pin(async move {
            let Turn::Now(counted) = attempt.begin(tx, &settings(), Millis(at)).await? else {
                return Ok::<_, Error>(false);
            };
            attempt.was_right(tx, &counted, &[9; 32], Millis(at)).await?;
            Ok(true)
        })
    })
    .await
    .unwrap()
}

fn attempt(account: &str, address: &str) -> Attempt {
    let person = (account == "a").then(|| "555021942107".parse().unwrap());
    Attempt::new(account, person, Some(address.parse().unwrap()), None)
}

/// The same in the browser in which the last right one was.
fn known(account: &str, address: &str) -> Attempt {
    Attempt { browser: Some(vec![9; 32]), ..attempt(account, address) }
}

platform::both_engines! {
    /// Guessing slows down whoever guesses, then all strangers; the holder goes on from a network of their own.
    async fn guessing_slows_down_who_guesses(db: Db) {
        let home = attempt("a", "198.51.100.1");
        assert!(comes_in(&db, &home, 1).await);
        let thief = attempt("a", "192.0.2.1");
        for at in 2..5 {
            assert_eq!(tries(&db, &thief, at).await, None, "{at}");
        }
        assert_eq!(tries(&db, &thief, 5).await, Some(Millis(2_004)));
        assert_eq!(tries(&db, &attempt("a", "192.0.2.2"), 6).await, None);
        assert_eq!(tries(&db, &attempt("a", "192.0.2.3"), 7).await, None, "the fifth slows strangers down");
        assert!(tries(&db, &attempt("a", "192.0.2.2"), 8).await.is_some(), "who has failed waits");
        let third = attempt("a", "192.0.2.4");
        assert_eq!(tries(&db, &third, 8).await, None, "who has not has one attempt");
        assert!(tries(&db, &third, 9).await.is_some(), "and no second one");
        let away = attempt("a", "203.0.113.9");
        assert!(comes_in(&db, &away, 9).await, "the holder comes in from a network that nobody knew");
        assert!(tries(&db, &attempt("a", "192.0.2.2"), 9).await.is_some(), "which lets in nobody else");
        assert_eq!(tries(&db, &home, 9).await, None, "the holder is not locked out");
        assert_eq!(tries(&db, &attempt("b", "192.0.2.4"), 9).await, None, "nor is anybody else");
    }

    /// Whoever guesses from the very address of somebody slows down everybody there who is not known, and not the browser in
    /// which its holder has signed in; guessing in that browser slows down that browser, for that person.
    async fn known_browsers_are_counted_alone(db: Db) {
        let address = "192.0.2.1";
        assert!(comes_in(&db, &attempt("a", address), 1).await);
        for at in 2..5 {
            assert_eq!(tries(&db, &attempt("a", address), at).await, None, "{at}");
        }
        assert!(tries(&db, &attempt("a", address), 5).await.is_some(), "the same address");
        for at in 6..8 {
            assert_eq!(tries(&db, &known("a", address), at).await, None, "the holder is not slowed down: {at}");
        }
        assert_eq!(tries(&db, &known("a", address), 8).await, None, "the third costs the next");
        assert!(tries(&db, &known("a", address), 9).await.is_some(), "guessing there is slowed down too");
        assert!(tries(&db, &known("a", "198.51.100.1"), 9).await.is_some(), "wherever it is");
        let stranger = Attempt { browser: Some(vec![8; 32]), ..attempt("a", address) };
        assert!(tries(&db, &stranger, 9).await.is_some(), "another browser is none of theirs");
        assert!(tries(&db, &stranger, 2_003).await.is_some(), "and waits as before");
    }

    /// Many accounts from one network are slowed down together, and so is what is typed that is nobody's account.
    async fn a_network_is_slowed_down(db: Db) {
        for (at, account) in ["c", "d", "e", "f", "g", "h", "i"].iter().enumerate() {
            let at = i64::try_from(at).unwrap();
            assert_eq!(tries(&db, &attempt(account, "2001:db8::1"), at).await, None, "{account}");
        }
        assert!(tries(&db, &attempt("j", "2001:db8::ffff"), 8).await.is_some(), "the same /64");
        assert_eq!(tries(&db, &attempt("j", "2001:db8:0:1::1"), 8).await, None);
    }

    /// Whoever has a /48 of IPv6 has no more of it by going through its networks: the /56 and the /48 are counted too. Others go on.
    async fn a_site_is_slowed_down(db: Db) {
        // 12 are free in a /56, 24 in a /48, and the first beyond costs the next.
        let household: Vec<String> = (0..13).map(|number| format!("2001:db8:0:{number:x}::1")).collect();
        let site: Vec<String> = (1..26).map(|number| format!("2001:db8:1:{number:x}00::1")).collect();
        for (networks, next) in [(household, "2001:db8:0:ff::1"), (site, "2001:db8:1:ff00::1")] {
            for network in &networks {
                assert_eq!(tries(&db, &attempt(network, network), 1).await, None, "{network}");
            }
            assert!(tries(&db, &attempt("next", next), 2).await.is_some(), "{next}");
        }
        assert_eq!(tries(&db, &attempt("next", "2001:db8:2::1"), 2).await, None, "another site");
    }

    /// While strangers are slowed down each new network has one attempt, and beyond so many of them new ones wait too. The holder
    /// comes in from where they are known, and in a browser that is known, and guessing at others is nothing to it.
    async fn newcomers_have_an_end(db: Db) {
        let home = attempt("a", "198.51.100.1");
        assert!(comes_in(&db, &home, 1).await);
        for number in 0..6 {
            assert_eq!(tries(&db, &attempt("a", &format!("192.0.2.{number}")), 2).await, None, "{number}");
            if number == 4 {
                // The fifth slowed strangers down: from here on those that come are new.
                assert!(tries(&db, &attempt("a", "192.0.2.0"), 2).await.is_some());
            }
        }
        // One of the ten that are free has come.
        for number in 1..=10 {
            assert_eq!(tries(&db, &attempt("a", &format!("203.0.113.{number}")), 3).await, None, "{number}");
        }
        for number in 11..20 {
            let new = attempt("a", &format!("203.0.113.{number}"));
            assert!(tries(&db, &new, 4).await.is_some(), "{number} waits");
        }
        let new = attempt("a", "2001:db8::1");
        assert!(tries(&db, &new, 4).await.is_some(), "wherever it is");
        assert_eq!(tries(&db, &home, 4).await, None, "the holder's network is known");
        let away = known("a", "203.0.113.200");
        assert!(comes_in(&db, &away, 4).await, "and so is their browser");
        assert_eq!(tries(&db, &attempt("b", "203.0.113.201"), 4).await, None, "nobody else waits");
        assert!(tries(&db, &new, 4).await.is_some(), "that the holder came lets in nobody");
    }

    /// A site of IPv6 is new once, whichever of its networks comes: whoever has one uses up nothing of what is there for those that
    /// are new, and the holder comes in from wherever they are.
    async fn a_site_is_new_once(db: Db) {
        for number in 0..5 {
            assert_eq!(tries(&db, &attempt("a", &format!("192.0.2.{number}")), 1).await, None, "{number}");
        }
        assert_eq!(tries(&db, &attempt("a", "2001:db8:0:0::1"), 2).await, None, "the site is new");
        for number in 1..12 {
            let again = attempt("a", &format!("2001:db8:0:{number:x}::1"));
            assert!(tries(&db, &again, 2).await.is_some(), "{number}: the same site");
        }
        assert!(tries(&db, &attempt("a", "2001:db8:0:ff00::1"), 2).await.is_some(), "the same /48");
        assert_eq!(tries(&db, &attempt("b", "2001:db8:0:1::1"), 2).await, None, "at nobody else's account");
        assert_eq!(tries(&db, &attempt("a", "2001:db8:1::1"), 2).await, None, "another site");
        assert!(comes_in(&db, &attempt("a", "203.0.113.9"), 3).await, "the holder comes in from a network that nobody knew");
    }

    /// A right attempt is taken back from what it was counted in: one that slowed strangers down slows them down no more, and makes no
    /// room for those that are new.
    async fn what_was_counted_is_taken_back(db: Db) {
        for number in 1..=4 {
            assert_eq!(tries(&db, &attempt("a", &format!("192.0.2.{number}")), 1).await, None, "{number}");
        }
        assert!(comes_in(&db, &attempt("a", "203.0.113.9"), 2).await, "the fifth, which is right");
        assert_eq!(tries(&db, &attempt("a", "192.0.2.1"), 2).await, None, "strangers are not slowed down");
        assert!(tries(&db, &attempt("a", "192.0.2.2"), 2).await.is_some(), "and by the fifth wrong one");
    }

    /// What many people behind one address mistype in a month, between right sign-ins, keeps nobody out there, and what strangers
    /// mistype at one account keeps nobody out elsewhere. A burst of guesses is slowed down all the same.
    async fn mistakes_of_many_keep_nobody_out(db: Db) {
        const APART: i64 = 12_960_000;
        let address = "192.0.2.1";
        for number in 0..200 {
            let at = number * APART;
            let colleague = attempt(&format!("colleague {}", number % 40), address);
            assert_eq!(tries(&db, &colleague, at).await, None, "{number}");
            assert!(comes_in(&db, &attempt("a", address), at + 1).await, "{number}");
            let away = attempt("a", &format!("203.0.113.{number}"));
            for at in [at + 2, at + 3] {
                assert_eq!(tries(&db, &away, at).await, None, "{number}: strangers are not slowed down");
            }
        }
        let mut guesses = 0;
        for number in 0..50 {
            let victim = attempt(&format!("victim {number}"), address);
            guesses += u32::from(tries(&db, &victim, 200 * APART + number).await.is_none());
        }
        assert_eq!(guesses, 7, "six are free, and the one beyond costs the next");
        assert!(comes_in(&db, &known("a", address), 200 * APART + 50).await, "the holder's browser is not slowed down");
    }

    /// Whoever guesses for a day as often as they are let, at one account or at many, guesses little more than once in the longest delay.
    async fn guessing_all_day_is_bounded(db: Db) {
        const DAY: i64 = 86_400_000;
        for (address, accounts) in [("192.0.2.1", 1_000), ("192.0.2.2", 1)] {
            let (mut at, mut guesses) = (0, 0_u32);
            while at < DAY {
                match tries(&db, &attempt(&format!("{address} {}", guesses % accounts), address), at).await {
                    None => guesses += 1,
                    Some(until) => at = until.0,
                }
            }
            assert!((96..=120).contains(&guesses), "{address}: {guesses}");
        }
    }

    /// Refusals that name nobody are recorded so often of a network, and not more often by going through the networks of a site.
    async fn nameless_refusals_of_a_site_have_an_end(db: Db) {
        let recorded = db.write(|tx| Box::pin(async move {
            let mut recorded = [0; 2];
            for number in 0..500_u32 {
                let address = format!("2001:db8:0:{:x}::1", number * 128).parse().unwrap();
                recorded[0] += u32::from(is_recorded(tx, Some(address), Millis(1)).await?);
                let address = format!("192.0.2.{}", number % 4).parse().unwrap();
                recorded[1] += u32::from(is_recorded(tx, Some(address), Millis(1)).await?);
            }
            Ok::<_, Error>(recorded)
        })).await.unwrap();
        assert_eq!(recorded, [400, 400]);
    }
}
