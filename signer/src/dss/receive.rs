//! A request of an application comes.

use audit::Actor;
use authn::api::{Bearer, KeysQuery, ShownToken};
use platform::clock::Millis;
use platform::problem::{Kind, Problem};
use serde_json::Value;

use super::seen::Document;
use super::smartcard::Cards;
use super::{
    Page, SignIn, Statement, Token, Wanted, Who, anchors, binding, documents, may_have_signed, sign,
    smartcard,
};
use crate::eps::Algorithm;
use crate::error::Error;
use crate::events::Event;
use crate::ids::RequestId;
use crate::signer::Signer;
use crate::store::requests::{self, Decision, RequestRow};

/// The longest word that an application may have given back.
const LONGEST_STATE: usize = 2000;
/// How often one request may be repeated, itself among them: each gives a token that is kept.
const MOST_TOKENS: i64 = 10;
/// How many requests of one application to one person may wait.
const MOST_WAITING: i64 = 20;

/// A request as it came.
pub(crate) struct Came {
    /// The access token.
    pub(crate) shown: ShownToken,
    /// The application's word for itself.
    pub(crate) state: String,
    /// The signed request.
    pub(crate) text: String,
}

/// Takes a request; where the browser is to be sent, and the token under which the signatures will be.
///
/// The same request again is the same request: it gets another token for it, and nobody signs twice. One that was not agreed to is not
/// asked again: the application makes a new one.
pub(crate) async fn receive(signer: &Signer, sign_in: &SignIn, came: Came) -> Result<Token, Error> {
    let now = signer.clock.now();
    let (state, bearer) = (checked_state(&came.state)?, who(signer, sign_in, &came.shown).await?);
    let signing = bearer.signing.clone().ok_or_else(|| {
        Problem::forbidden(
            "signing-not-registered",
            "The application is not registered to have anything signed.",
        )
    });
    let signing = signing.map_err(Error::Dss)?;
    let statement = Statement::read(&came.text).map_err(Error::Dss)?;
    statement.check(&sign_in.audience(), now).map_err(Error::Dss)?;
    same_people(&statement, &bearer).map_err(Error::Dss)?;
    let key = key_of(sign_in, &statement).await?;
    let known = requests::by_hash(signer.db.read(), &statement.issuer, &statement.hash).await?;
    if let Some(known) = known {
        return again(signer, &known, state, &bearer, now).await;
    }
    may_use(signer, &statement)?;
    let wanted = statement.payloads.iter().map(|payload| Wanted {
        id: payload.id.clone(),
        digest: payload.digest,
        unseen: payload.info.digest().to_owned(),
    });
    let shown = documents(signer, &statement.issuer, wanted.collect(), now).await?;
    // Refused before anybody is asked in vain; looked at again when they agree.
    can_sign(signer, &statement, &shown).await?;
    let who = Who {
        client: &statement.issuer,
        user: &statement.subject,
        unseen: Some(signing.unseen),
        page: Page::Shown,
    };
    may_have_signed(signer, &who, &shown).await?;
    let expires_at = Millis(now.0 + i64::from(signer.config.dss.request_seconds) * 1000);
    let text = serde_json::to_string(&shown).map_err(|_| Error::StoredRow { what: "list of documents" })?;
    let row = RequestRow {
        request_id: RequestId::new(now),
        client: statement.issuer.clone(),
        client_name: bearer.client_name.clone(),
        request_hash: statement.hash.clone(),
        user_id: statement.subject.clone(),
        session: bearer.sid.clone(),
        state: state.to_owned(),
        callback: signing.callback_uri,
        statement: came.text.trim().to_owned(),
        statement_key: key.to_string(),
        binding: binding(&statement, &anchors(&text)?, expires_at),
        shown: text,
        created_at: now,
        expires_at,
        decision: None,
    };
    let seen = shown.iter().filter(|document| document.content.is_seen()).count();
    keep(signer, row, &statement, &bearer, seen).await
}

fn checked_state(state: &str) -> Result<&str, Error> {
    let fits = (1..=LONGEST_STATE).contains(&state.len()) && !state.chars().any(char::is_control);
    let sentence = "Give a state of 1 to 2000 characters in the address: it comes back with the browser.";
    if fits { Ok(state) } else { Err(Error::Dss(Problem::invalid("state-invalid", sentence))) }
}

/// Who stands behind the access token, when that is enough to sign.
pub(super) async fn who(signer: &Signer, sign_in: &SignIn, shown: &ShownToken) -> Result<Bearer, Error> {
    let bearer = sign_in.client.bearer(shown).await.map_err(|problem| {
        Error::Dss(match problem.kind {
            Kind::NotFound => Problem::unauthenticated(problem.code, problem.detail),
            _ => problem,
        })
    })?;
    if bearer.level < signer.config.dss.level.to_string() {
        let sentence = "The person signed in with something that is not worth enough to sign. They sign in again, stronger.";
        return Err(Error::Dss(Problem::forbidden("sign-in-too-weak", sentence)));
    }
    Ok(bearer)
}

/// The application and the person of the request are those of the access token.
fn same_people(statement: &Statement, bearer: &Bearer) -> Result<(), Problem> {
    if statement.issuer != bearer.client_id {
        let sentence = "iss of the JWT is not the application to which the access token was given.";
        return Err(Problem::forbidden("jwt-issuer", sentence));
    }
    if statement.subject != bearer.user_id {
        let sentence = "sub of the JWT is not the person who signed in for the access token.";
        return Err(Problem::forbidden("jwt-subject", sentence));
    }
    Ok(())
}

/// The key of the application that signed the request.
async fn key_of(sign_in: &SignIn, statement: &Statement) -> Result<Value, Error> {
    let query = KeysQuery { client_id: statement.issuer.clone(), kid: statement.kid.clone() };
    let found = sign_in.client.keys(&query).await.map_err(|problem| {
        Error::Dss(match problem.kind {
            Kind::NotFound => Problem::unauthenticated("jwt-kid", problem.detail),
            _ => problem,
        })
    })?;
    let key = found.keys.into_iter().find(|key| statement.is_by(key));
    key.ok_or_else(|| {
        let sentence = "The signature of the JWT is not by the registered key that its kid names.";
        Error::Dss(Problem::unauthenticated("jwt-signature", sentence))
    })
}

/// Whether the person has anything to sign with: a key that is kept for them, or a card.
async fn can_sign(signer: &Signer, statement: &Statement, documents: &[Document]) -> Result<(), Error> {
    match sign::credential_of(signer, &statement.subject, documents).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_refusal() && statement.algorithm == Algorithm::Rs256 => {
            match smartcard::cards_of(signer, &statement.subject, documents).await? {
                Cards::Good => Ok(()),
                Cards::Younger => Err(sign::prepare_again()),
                Cards::None => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// SHA-1 only for those whom the operator allows it, and never unseen.
fn may_use(signer: &Signer, statement: &Statement) -> Result<(), Error> {
    if statement.algorithm == Algorithm::Rs256 {
        return Ok(());
    }
    let client = &statement.issuer;
    if !signer.config.sha1_clients.iter().any(|allowed| allowed.as_str() == client) {
        let sentence = "RS1 is for applications alone that the operator allows it. Prepare for RS256.";
        return Err(Error::Dss(Problem::forbidden("algorithm-not-allowed", sentence)));
    }
    tracing::warn!(client, "{client} asks for signatures with SHA-1, as [signer] sha1_clients says");
    metrics::counter!("signer_sha1_requested_total").increment(1);
    Ok(())
}

/// The same request came again.
async fn again(
    signer: &Signer,
    known: &RequestRow,
    state: &str,
    bearer: &Bearer,
    now: Millis,
) -> Result<Token, Error> {
    let goes_on = match &known.decision {
        None => now < known.expires_at,
        Some(Decision::Consented { .. }) => true,
        Some(Decision::Cancelled { .. }) => false,
    };
    if !goes_on || known.state != state || known.user_id != bearer.user_id {
        let sentence =
            "This JWT came before, with another state or without the person's consent. Make a new one.";
        return Err(Error::Dss(Problem::conflict("request-repeated", sentence)));
    }
    let token = Token::generate(&signer.random)?;
    let (request, stored) = (known.clone(), token.stored());
    let added: Result<bool, Error> = signer
        .db
        .write(move |tx| {
            Box::pin(async move { requests::add_token(tx, &request, &stored, MOST_TOKENS).await })
        })
        .await;
    if added? {
        return Ok(token);
    }
    let sentence =
        "This JWT came ten times. Use the token and the address of an earlier answer, or make a new JWT.";
    let wait = std::time::Duration::from_mins(10);
    Err(Error::Dss(Problem::too_many("request-repeated-often", sentence, wait)))
}

async fn keep(
    signer: &Signer,
    row: RequestRow,
    statement: &Statement,
    bearer: &Bearer,
    seen: usize,
) -> Result<Token, Error> {
    let token = Token::generate(&signer.random)?;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let event = Event::SigningRequested {
        request: row.request_id.to_string(),
        client: row.client.clone(),
        user: row.user_id.clone(),
        algorithm: statement.algorithm.as_str().to_owned(),
        documents: count(statement.payloads.len()),
        seen: count(seen),
        request_sha256: row.request_hash.clone(),
        binding: row.binding.clone(),
        expires_at: row.expires_at.0,
    };
    let actor = actor(&row);
    let (stored, state, now) = (token.stored(), row.state.clone(), row.created_at);
    let (client, hash) = (row.client.clone(), row.request_hash.clone());
    let is_new = signer.db.write(move |tx| {
        Box::pin(async move {
            if requests::waiting(tx, &row.client, &row.user_id, now).await? >= MOST_WAITING {
                let sentence = "As many requests to this person wait as may. Let them decide, or wait until they are over.";
                let wait = std::time::Duration::from_mins(1);
                return Err(Error::Dss(Problem::too_many("too-many-waiting", sentence, wait)));
            }
            if !requests::insert(tx, &row).await? {
                return Ok(false);
            }
            requests::add_token(tx, &row, &stored, MOST_TOKENS).await?;
            audit::record(tx, now, &actor, &event).await?;
            Ok(true)
        })
    });
    if is_new.await? {
        metrics::counter!("signer_requests_total").increment(1);
        return Ok(token);
    }
    // It came twice at the same moment, and the other one was first.
    let known = requests::by_hash(signer.db.read(), &client, &hash).await?;
    let known = known.ok_or(Error::StoredRow { what: "request" })?;
    again(signer, &known, &state, bearer, now).await
}

/// Who acts in a request: its person, through its application, in their session.
pub(super) fn actor(row: &RequestRow) -> Actor {
    Actor {
        kind: "person".to_owned(),
        subject: row.user_id.clone(),
        client: Some(row.client.clone()),
        organisation: None,
        role_profile: None,
        session: Some(row.session.clone()),
    }
}
