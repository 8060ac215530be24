//! What a restored copy brings back of sign-in, and is not to be: it is ended before anybody is let in.
//!
//! In the copy sessions go on that had ended, tokens and links can be used that were used, and authenticators sign in that were
//! taken away. Nobody can say which, so all sessions and grants end and every link is taken back; the authenticators are told, for
//! whoever knows what happened since.

use audit::Actor;
use platform::clock::Millis;
use platform::db::Db;

use crate::authenticator::app;
use crate::error::Error;
use crate::events::Event;
use crate::session::{EndCause, end_in};
use crate::store::{authenticators, restored, sessions};

pub use crate::store::authenticators::Enrolled;

/// How many sessions one transaction ends.
const SESSIONS: u32 = 64;
/// How many authenticators are read at once.
const PAGE: i64 = 500;

/// What was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered {
    /// Sessions.
    pub sessions: u64,
    /// Grants beside those of the sessions.
    pub grants: u64,
    /// Links for new authenticators.
    pub links: u64,
    /// Authenticators that sign in, each of which was told.
    pub authenticators: u64,
}

/// Ends what a restored copy brought back, and tells each authenticator that signs in after it. It can be done again: what was ended
/// when it fails stays ended.
pub async fn recover(
    db: &Db,
    now: Millis,
    tell: &mut (dyn FnMut(&Enrolled) + Send),
) -> Result<Recovered, Error> {
    let mut ended = 0;
    loop {
        let page = end_page(db, now).await?;
        ended += page;
        if page < u64::from(SESSIONS) {
            break;
        }
    }
    let (mut told, mut after) = (0, String::new());
    loop {
        let page = authenticators::enrolled(db.read(), &after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.authenticator);
        told += page.len() as u64;
        page.iter().for_each(&mut *tell);
    }
    let (grants, links) = rest(db, ended, told, now).await?;
    Ok(Recovered { sessions: ended, grants, links, authenticators: told })
}

async fn end_page(db: &Db, now: Millis) -> Result<u64, Error> {
    db.write(move |tx| {
        Box::pin(async move {
            let open = sessions::open(tx, SESSIONS).await?;
            for id in &open {
                end_in(tx, id, EndCause::Restored, &Actor::system("authn"), now).await?;
            }
            Ok(open.len() as u64)
        })
    })
    .await
}

/// Everything that is no session, in one transaction with the event that says so.
async fn rest(db: &Db, sessions: u64, authenticators: u64, now: Millis) -> Result<(u64, u64), Error> {
    db.write(move |tx| {
        Box::pin(async move {
            let grants = restored::end_grants(tx, now).await?;
            let links = restored::cancel_links(tx, now).await?;
            restored::forget_what_is_under_way(tx, now).await?;
            // Codes of apps of up to now were perhaps used, those of a clock that is a step ahead among them.
            // So may assertions and proofs have been, which are remembered for as long as they are good.
            restored::mark(tx, now).await?;
            restored::spend_steps(tx, app::step(now) + 1).await?;
            let event = Event::SignInRecovered { sessions, grants, links, authenticators };
            audit::record(tx, now, &Actor::system("authn"), &event).await?;
            Ok((grants, links))
        })
    })
    .await
}
