//! The register as other modules call it.

use http::Method;
use platform::peer::Peer;
use platform::problem::Problem;

use super::{Change, Changes, Consumer, Progress};

/// How many changes are read at once.
const PAGE: u32 = 100;

/// The register as seen by another module.
#[derive(Clone, Debug)]
pub struct Client {
    peer: Peer,
}

impl Client {
    /// Talks to the register behind `peer`.
    pub fn new(peer: Peer) -> Self {
        Self { peer }
    }

    /// The changes after a number, oldest first; none when there is nothing new.
    pub async fn changes(&self, after: u64) -> Result<Vec<Change>, Problem> {
        let path = format!("/directory/changes?after={after}&limit={PAGE}");
        let page: Changes = self.peer.call(Method::GET, &path, None::<&()>).await?;
        Ok(page.changes)
    }

    /// How far a consumer has come; `None` of one that has never said so.
    pub async fn applied(&self, consumer: &str) -> Result<Option<u64>, Problem> {
        let all: Vec<Consumer> = self.peer.call(Method::GET, "/directory/consumers", None::<&()>).await?;
        Ok(all.into_iter().find(|one| one.name == consumer).map(|one| one.applied))
    }

    /// Says how far a consumer has come, which must be the name this client calls by.
    pub async fn advance(&self, consumer: &str, applied: u64) -> Result<(), Problem> {
        let path = format!("/directory/consumers/{consumer}");
        self.peer.call(Method::PUT, &path, Some(&Progress { applied })).await
    }
}
