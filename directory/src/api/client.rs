//! The register as other modules call it.

use http::Method;
use platform::caller::Caller;
use platform::id::UserId;
use platform::peer::Peer;
use platform::problem::Problem;

use super::{Change, Changes, Consumer, PersonClaims, Progress};

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

    /// Demands that whoever calls may issue or take away authenticators of a person now.
    pub async fn may_issue_authenticator(&self, caller: &Caller, person: &UserId) -> Result<(), Problem> {
        let mut path = format!(
            "/directory/permissions/issue-authenticator?by={}&person={person}",
            caller.subject.parse::<UserId>().map_err(Problem::internal)?
        );
        // Both are words of ours, or come from one that was parsed: digits and letters.
        for (name, value) in [("assurance", &caller.assurance), ("role_profile", &caller.role_profile)] {
            if let Some(value) = value.as_ref().filter(|it| it.bytes().all(|b| b.is_ascii_alphanumeric())) {
                path = format!("{path}&{name}={value}");
            }
        }
        self.peer.call(Method::GET, &path, None::<&()>).await
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

    /// What relying parties are told of a person; whoever is closed is not found.
    pub async fn claims(&self, person: &UserId) -> Result<PersonClaims, Problem> {
        let path = format!("/directory/people/{person}/claims");
        self.peer.call(Method::GET, &path, None::<&()>).await
    }
}
