//! `lanyard seed`: an empty register is filled with invented people, for tests and for measuring.
//!
//! It writes into the database itself, with no server between and without an event for each row, so it is no way to bring
//! in anything real. Two things keep it away from real registers: it fills an empty one only, and only where
//! `[time] source` is `host-trusted`, which is for trying out. Killed, it goes on when it is started again in the same way.

use std::time::Duration;

use anyhow::{Context, bail};
use directory::seed::bulk::{self, Order, Progress};
use directory::{Parts, Register};
use platform::clock::Clock;

use crate::cli::Seed;
use crate::config::{Config, Source};
use crate::document_key;
use crate::terminal::{line, seconds};
use crate::wiring;

/// Fills the register of this configuration.
pub async fn run(config: Config, options: &Seed) -> anyhow::Result<()> {
    if config.time.source != Source::HostTrusted {
        bail!(
            "this configuration has [time] source = {:?}, as registers for real work have; `lanyard seed` fills only those that \
             are for trying out, with source = \"host-trusted\"",
            config.time.source
        );
    }
    let section =
        config.directory.clone().context("this configuration has no [directory]: it keeps no register")?;
    let clock = Clock::system();
    let db = wiring::database(&config, &clock).await?;
    db.migrate().await.context("the database could not be brought to this version's schema")?;
    let document_key = document_key::ready(&section, &db).await?;
    let parts = Parts { config: section, db: db.clone(), clock, document_key };
    let register = Register::new(parts).context("the register could not be opened")?;
    let order = Order { people: options.people, seed: options.seed };
    let mut told = Told::default();
    let done = bulk::fill(&register, order, |progress| told.tell(progress)).await;
    db.close().await;
    let done = done.context("the register could not be filled")?;
    line(format_args!(
        "{} people, {} organisations and {} assignments are in {}{}",
        done.people,
        done.organisations,
        done.assignments,
        wiring::shown(&config.database.url),
        if done.elapsed.is_zero() { " already".to_owned() } else { format!(" ({})", seconds(done.elapsed)) }
    ));
    Ok(())
}

/// How much of it was told: when, and for how many people.
#[derive(Debug, Default)]
struct Told(Option<(Duration, u64)>);

/// How often it is told, at most.
const OFTEN: Duration = Duration::from_secs(1);

impl Told {
    /// Tells how far it is, the first time and then once a second while it moves.
    fn tell(&mut self, progress: &Progress) {
        let is_news =
            |(at, people): (Duration, u64)| progress.elapsed >= at + OFTEN && progress.people > people;
        if !self.0.is_none_or(is_news) {
            return;
        }
        self.0 = Some((progress.elapsed, progress.people));
        let left = progress.remaining().map_or_else(String::new, |left| format!(", {} left", seconds(left)));
        line(format_args!(
            "{} of {} people, {} organisations, {} assignments{left}",
            progress.people, progress.of, progress.organisations, progress.assignments
        ));
    }
}
