//! Authorizations and challenges: RFC 8555 7.5.

use audit::Actor;
use platform::db::Tx;
use serde::Deserialize;
use serde_json::{Value, json};

use super::orders::SOON;
use super::problem::Problem;
use super::sender::Signed;
use super::work::Entry;
use super::{Acme, Answer, device};
use crate::error::Error;
use crate::events::Event;
use crate::rfc3339;
use crate::store::acme::accounts::Account;
use crate::store::acme::authorizations::{
    self, Authorization, AuthorizationState, Challenge, ChallengeKind, ChallengeState,
};
use crate::store::acme::queue::{self, Claimed};

#[derive(Deserialize)]
struct Update {
    status: Option<String>,
}

impl Acme {
    /// RFC 8555 7.5 and 7.5.2: shows an authorization, or gives it up.
    pub(crate) async fn authorization(&self, id: &str, signed: Signed) -> Result<Answer, Problem> {
        let (account, payload) = signed.account()?;
        let mut authorization = self.own_authorization(id, &account).await?;
        if !payload.is_empty() {
            let update: Update = payload.read()?;
            if update.status.as_deref() != Some("deactivated") {
                return Err(Problem::malformed("an authorization becomes \"deactivated\" and nothing else"));
            }
            self.give_up(&authorization).await?;
            authorization = self.own_authorization(id, &account).await?;
        }
        let challenges = authorizations::challenges(self.desk().db.read(), id).await?;
        let working = challenges.iter().any(|challenge| challenge.state == ChallengeState::Processing);
        let answer = Answer::json(200, self.authorization_body(&authorization, &challenges));
        // RFC 8555 7.5.1
        Ok(if working { answer.with("retry-after", SOON) } else { answer })
    }

    async fn own_authorization(&self, id: &str, account: &Account) -> Result<Authorization, Problem> {
        let authorization = authorizations::by_id(self.desk().db.read(), id).await?;
        authorization.filter(|it| it.account == account.id).ok_or_else(|| Problem::not_found("authorization"))
    }

    async fn give_up(&self, authorization: &Authorization) -> Result<(), Problem> {
        let (now, authorization) = (self.desk().guarded_now()?, authorization.clone());
        let event = Event::AcmeAuthorizationDeactivated {
            authorization: authorization.id.clone(),
            account: authorization.account.clone(),
        };
        let actor = Actor::from(&Acme::caller(&authorization.account));
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if authorizations::deactivate(tx, &authorization).await? {
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(())
    }

    /// RFC 8555 7.5.1: the client is ready for a challenge; or how it stands.
    pub(crate) async fn challenge(&self, id: &str, kind: &str, signed: Signed) -> Result<Answer, Problem> {
        let (account, payload) = signed.account()?;
        let authorization = self.own_authorization(id, &account).await?;
        let kind = ChallengeKind::named(kind).ok_or_else(|| Problem::not_found("challenge"))?;
        if !payload.is_empty() {
            match kind {
                ChallengeKind::DeviceAttest => {
                    let attested: device::Response = payload.read()?;
                    self.attest(&authorization, &account, &attested).await?;
                }
                ChallengeKind::Http | ChallengeKind::TlsAlpn => {
                    // The object is empty; what else it may hold is not looked at (RFC 8555 7.5.1).
                    let _ready: serde_json::Map<String, Value> = payload.read()?;
                    self.enqueue(&authorization, kind).await?;
                }
            }
        }
        let challenges = authorizations::challenges(self.desk().db.read(), id).await?;
        let challenge = challenges.iter().find(|challenge| challenge.kind == kind);
        let challenge = challenge.ok_or_else(|| Problem::not_found("challenge"))?;
        let up = self.url(&format!("/acme/authorizations/{id}"));
        let answer = Answer::json(200, self.challenge_body(&authorization, challenge));
        let answer = answer.with("link", format!("<{up}>;rel=\"up\""));
        let working = challenge.state == ChallengeState::Processing;
        Ok(if working { answer.with("retry-after", SOON) } else { answer })
    }

    async fn enqueue(&self, authorization: &Authorization, kind: ChallengeKind) -> Result<(), Problem> {
        let (now, id) = (self.desk().guarded_now()?, authorization.id.clone());
        let queued = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move { Ok::<_, Error>(queue::enqueue(tx, &id, kind, now).await?) })
            })
            .await?;
        if queued {
            self.setup.work.notify_one();
        }
        Ok(())
    }

    /// draft-acme-device-attest: checks an attestation at once; nothing outside has to be asked.
    async fn attest(
        &self,
        authorization: &Authorization,
        account: &Account,
        response: &device::Response,
    ) -> Result<(), Problem> {
        let now = self.desk().guarded_now()?;
        let order = self.own_order(&authorization.order, account).await?;
        let roots = self.setup.roots.iter().find(|(profile, _)| profile.as_str() == order.profile);
        let roots = roots.map(|(_, roots)| roots.as_slice()).unwrap_or_default();
        let key_authorization = format!("{}.{}", authorization.token, account.key.thumbprint());
        let judged = device::check(response, &authorization.identifier, &key_authorization, roots, now);
        let claimed = Claimed {
            authorization: authorization.id.clone(),
            kind: ChallengeKind::DeviceAttest,
            attempt: 0,
        };
        // In one step with its outcome: no worker of any node finds it in the queue.
        let entry = Entry::Queued(now);
        match judged {
            Ok(key_sha256) => self.passed(authorization, claimed, Some(key_sha256), entry).await?,
            Err(problem) => self.failed(authorization, claimed, problem, entry).await?,
        }
        Ok(())
    }

    /// RFC 8555 7.1.4. Of a valid authorization only the challenge that was met is shown.
    fn authorization_body(&self, authorization: &Authorization, challenges: &[Challenge]) -> Value {
        let expired = authorization.expires_at < self.now();
        let state = match authorization.state {
            AuthorizationState::Pending | AuthorizationState::Valid if expired => "expired",
            state => state.as_str(),
        };
        let met = authorization.state == AuthorizationState::Valid;
        let challenges: Vec<_> = challenges
            .iter()
            .filter(|challenge| !met || challenge.state == ChallengeState::Valid)
            .map(|challenge| self.challenge_body(authorization, challenge))
            .collect();
        json!({
            "status": state,
            "expires": rfc3339::to_text(authorization.expires_at),
            "identifier": authorization.identifier.wire(),
            "challenges": challenges,
        })
    }

    /// RFC 8555 7.1.5, 8.
    fn challenge_body(&self, authorization: &Authorization, challenge: &Challenge) -> Value {
        let kind = challenge.kind.as_str();
        let mut body = json!({
            "type": kind,
            "url": self.url(&format!("/acme/challenges/{}/{kind}", authorization.id)),
            "status": challenge.state.as_str(),
            "token": authorization.token,
        });
        if let Some(at) = challenge.validated_at.and_then(rfc3339::to_text) {
            body["validated"] = at.into();
        }
        if let Some(problem) = &challenge.problem {
            body["error"] = problem.body();
        }
        body
    }
}

/// The same failure as the order tells it: with the name it is about (RFC 8555 7.4).
pub(super) fn in_order(authorization: &Authorization, problem: &Problem) -> Problem {
    Problem::compound(vec![(authorization.identifier.clone(), problem.kind, problem.detail.clone())])
}
