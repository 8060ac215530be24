//! Questions in whichever way they are asked, on both engines.

use platform::clock::{Clock, Millis};
use platform::db::Db;

use super::*;
use crate::config::Config;
use crate::person::DocumentKey;
use crate::register::{Parts, Register};
use crate::seed::bulk::{self, Order};

platform::both_engines! {
    /// In whichever way names are asked for, the same people are found, page by page. What few have is gathered, and of two names that many
    /// have the longer one.
    async fn either_way_finds_the_same(db: Db) {
        let (clock, _hand) = Clock::manual(Millis(1_795_540_800_000));
        let document_key = DocumentKey::new(&[7; 32]);
        let parts = Parts { config: Config::default(), db: db.clone(), clock, document_key };
        let register = Register::new(parts).unwrap();
        bulk::fill(&register, Order { people: 700, seed: 7 }, |_| {}).await.unwrap();
        let mut tx = db.read().acquire().await.unwrap();
        let somebody = people(&mut tx, &[], "", 10).await.unwrap().pop().unwrap().to_string();
        let keys: Vec<(String,)> =
            sqlx::query_as("SELECT key FROM directory_person_key ORDER BY key").fetch_all(&mut *tx).await.unwrap();
        let name = |text: &str| Question::Name(text.to_owned());
        let word = |place: usize| name(keys[place].0.split(' ').next().unwrap());
        let letter = |place: usize| name(&keys[place].0.chars().take(1).collect::<String>());
        let (one, other) = (0, keys.len() / 2);
        let all = Span { from: Some(Millis(0)), before: None };
        let long = name(&keys[other].0.chars().take(4).collect::<String>());
        let bounds = |follow, many, stretch| Bounds { follow, many, stretch };
        let mut found = 0;
        for questions in [
            vec![vec![word(one)]],
            vec![vec![long.clone()]],
            vec![vec![long.clone(), letter(one)]],
            vec![vec![long], vec![letter(one)]],
            vec![vec![letter(other)]],
            vec![vec![word(one), letter(other)]],
            vec![vec![letter(one)], vec![letter(other)]],
            vec![vec![letter(one), letter(other)], vec![Question::User(somebody.clone())]],
            vec![vec![Question::UserBegins("5".to_owned())]],
            vec![vec![Question::UserBegins(somebody.clone())]],
            vec![vec![Question::UserBegins(somebody[..11].to_owned())], vec![letter(one)]],
            vec![vec![Question::UserBegins("9".to_owned())]],
            vec![vec![Question::Written(all)]],
            vec![vec![Question::Written(all)], vec![letter(other)]],
            vec![vec![Question::Written(all)], vec![Question::User(somebody)]],
            vec![vec![Question::Written(Span { from: None, before: Some(Millis(1)) })]],
            vec![vec![letter(one)], vec![letter(other)], vec![Question::UserBegins("5".to_owned())]],
        ] {
            let mut after = String::new();
            loop {
                let mut by = async |bounds| people_by(&mut tx, &questions, &after, 7, bounds).await.unwrap();
                let gathered = by(bounds(u32::MAX, u32::MAX, 20_000)).await;
                assert_eq!(gathered, by(bounds(1, u32::MAX, 20_000)).await, "{questions:?} after {after:?}");
                assert_eq!(gathered, by(bounds(u32::MAX, 1, 20_000)).await, "{questions:?} after {after:?}");
                let short = by(bounds(u32::MAX, 1, 3)).await;
                assert_eq!(short, gathered, "of a few people the rest is gathered");
                found += gathered.len();
                let Some(last) = gathered.last() else { break };
                after = last.to_string();
            }
        }
        assert!(found > 20, "{found} say little");
        let both = [vec![letter(one)], vec![word(one)]];
        assert_eq!(ways(&mut tx, &both, 1).await.unwrap(), [Way::Each, Way::Gather]);
        assert_eq!(ways(&mut tx, &both, u32::MAX).await.unwrap(), [Way::Gather; 2]);
        assert_eq!(ways(&mut tx, &both[..1], 1).await.unwrap(), [Way::Each]);
    }
}
