//! The register as other modules call it.

use http::Method;
use platform::caller::{Caller, CallerKind};
use platform::id::UserId;
use platform::peer::Peer;
use platform::problem::{Kind, Problem};

use super::{
    ACT, CardAct, Change, Changes, ClaimsPart, Consumer, OPERATE, Page, PeopleThere, PersonClaims, Progress,
    READ, ReportPermission,
};

/// How many changes are read at once.
const PAGE: u32 = 100;
/// How many people are read at once.
const PEOPLE: u32 = 200;

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
        let by = caller.subject.parse::<UserId>().map_err(Problem::internal)?;
        let path = format!(
            "/directory/permissions/issue-authenticator?by={by}&person={person}{}",
            of_session(caller)
        );
        self.peer.call(Method::GET, &path, None::<&()>).await
    }

    /// Demands that whoever calls may do something with the card of a person, or with cards that an organisation has in stock.
    pub async fn may_card(
        &self,
        caller: &Caller,
        act: CardAct,
        person: Option<&str>,
        organisation: Option<&str>,
    ) -> Result<(), Problem> {
        let by = caller.subject.parse::<UserId>().map_err(Problem::internal)?;
        let mut path =
            format!("/directory/permissions/card?act={}&by={by}{}", act.word(), of_session(caller));
        for (name, value) in [("person", person), ("organisation", organisation)] {
            if let Some(value) = value {
                path = format!("{path}&{name}={}", percent_encoded(value));
            }
        }
        self.peer.call(Method::GET, &path, None::<&()>).await
    }

    /// Demands that whoever calls may read a report of an organisation, and says how its code is written.
    pub async fn may_read_report(
        &self,
        caller: &Caller,
        report: &str,
        organisation: &str,
    ) -> Result<String, Problem> {
        let mut path = format!(
            "/directory/permissions/report?report={report}&organisation={}",
            percent_encoded(organisation)
        );
        if caller.kind == CallerKind::Person {
            caller.may(ACT)?;
            let by = caller.subject.parse::<UserId>().map_err(Problem::internal)?;
            path = format!("{path}&by={by}{}", of_session(caller));
        } else {
            // What the matrix gives to an operator, and what the register's own reports give to whoever reads everything.
            caller.may(OPERATE).or_else(|_| caller.may(READ))?;
        }
        let permission: ReportPermission = self.peer.call(Method::GET, &path, None::<&()>).await?;
        Ok(permission.organisation)
    }

    /// Who holds something in an organisation, or below it too, from a user id on.
    pub async fn people_there(
        &self,
        organisation: &str,
        below: &str,
        from: &str,
    ) -> Result<PeopleThere, Problem> {
        let path = format!(
            "/directory/organisations/{}/people?below={}&from={}&limit={PEOPLE}",
            percent_encoded(organisation),
            percent_encoded(below),
            percent_encoded(from)
        );
        self.peer.call(Method::GET, &path, None::<&()>).await
    }

    /// How far a consumer has come; `None` of one that has never said so.
    pub async fn applied(&self, consumer: &str) -> Result<Option<u64>, Problem> {
        let mut path = "/directory/consumers?limit=500".to_owned();
        loop {
            let page: Page<Consumer> = self.peer.call(Method::GET, &path, None::<&()>).await?;
            if let Some(found) = page.items.into_iter().find(|one| one.name == consumer) {
                return Ok(Some(found.applied));
            }
            let Some(next) = page.next else { return Ok(None) };
            path = format!("/directory/consumers?limit=500&after={}", percent_encoded(&next));
        }
    }

    /// Says how far a consumer has come, which must be the name this client calls by.
    pub async fn advance(&self, consumer: &str, applied: u64) -> Result<(), Problem> {
        let path = format!("/directory/consumers/{consumer}");
        self.peer.call(Method::PUT, &path, Some(&Progress { applied })).await
    }

    /// What relying parties are told of a person: name, identity level and these parts; whoever is closed is not found.
    pub async fn claims(&self, person: &UserId, parts: &[ClaimsPart]) -> Result<PersonClaims, Problem> {
        let words: Vec<&str> = parts.iter().map(|part| part.word()).collect();
        let path = format!("/directory/people/{person}/claims?parts={}", words.join(","));
        self.peer.call(Method::GET, &path, None::<&()>).await
    }

    /// The photograph of a person, JPEG or PNG; none where there is none, and of whoever is closed.
    pub async fn photo(&self, person: &UserId) -> Result<Option<Vec<u8>>, Problem> {
        match self.peer.fetch(&format!("/directory/people/{person}/claims/photo")).await {
            Ok(octets) => Ok(Some(octets.to_vec())),
            Err(problem) if problem.kind == Kind::NotFound => Ok(None),
            Err(problem) => Err(problem),
        }
    }
}

/// What a session is worth and in which role somebody acts, as members of a query.
fn of_session(caller: &Caller) -> String {
    let mut members = String::new();
    // Both are words of ours, or come from one that was parsed: digits and letters.
    for (name, value) in [("assurance", &caller.assurance), ("role_profile", &caller.role_profile)] {
        if let Some(value) = value.as_ref().filter(|it| it.bytes().all(|b| b.is_ascii_alphanumeric())) {
            members = format!("{members}&{name}={value}");
        }
    }
    members
}

/// A value as it stands in a query or a path (RFC 3986 2.1).
fn percent_encoded(text: &str) -> String {
    let octet = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(octet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What somebody typed stays one value, whatever it is.
    #[test]
    fn values_are_encoded() {
        assert_eq!(percent_encoded("rxx 01&by=1/é"), "rxx%2001%26by%3D1%2F%C3%A9");
    }
}
