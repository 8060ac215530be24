//! Somebody is to be asked.

use authn::api::{SigningAuthorisation, SigningQuery};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::problem::Problem;

use super::handle::{self, Handle};
use super::{MOST_WAITING, actor, binding};
use crate::api::SIGN;
use crate::digest::{Authorised, Digest};
use crate::dss::{Authors, Document, Page, SignIn, Token, Wanted, Who, documents, may_have_signed};
use crate::error::{Error, Parameter};
use crate::events::Event;
use crate::ids::{ConsentId, CredentialId};
use crate::signer::Signer;
use crate::store::consents::{self, ConsentRow, Road};

/// What a request for an access token asks to have signed, for the browser that came from it. The same request is the same consent.
pub(crate) async fn of_token(
    signer: &Signer,
    sign_in: &SignIn,
    query: &SigningQuery,
) -> Result<ConsentRow, Error> {
    let asked = sign_in.client.authorisation(query).await.map_err(Error::Dss)?;
    let digests = digests(&asked)?;
    if let Some(row) = consents::by_reference(signer.db.read(), Road::Token, &asked.reference).await? {
        return same(row, &asked, &digests);
    }
    if asked.level < signer.config.dss.level.to_string() {
        let sentence = "You signed in with something that is not worth enough to sign. Sign in again, with something stronger.";
        return Err(Error::Dss(Problem::forbidden("sign-in-too-weak", sentence)));
    }
    if digests.len() > signer.config.max_documents {
        return Err(Error::Dss(Problem::invalid(
            "too-many-documents",
            "The application asks for too many signatures at once.",
        )));
    }
    let unknown = || Error::CredentialUnknown { credential: asked.details.credential.clone() };
    let credential: CredentialId = asked.details.credential.parse().map_err(|_| unknown())?;
    // Refused before anybody agrees in vain; looked at again when they do.
    let rests = signer.ready_for(&asked.user_id, &credential).await?;
    let now = signer.clock.now();
    let named: Vec<Option<String>> = asked.details.documents.iter().map(|one| one.label.clone()).collect();
    let shown = shown(signer, &asked.client_id, &digests, named, now).await?;
    let who =
        Who { client: &asked.client_id, user: &asked.user_id, unseen: Some(asked.unseen), page: Page::Shown };
    may_have_signed(signer, &who, &shown).await?;
    rests.check_times(&Authors::of(&shown))?;
    let new = New {
        road: Road::Token,
        reference: asked.reference.clone(),
        client: asked.client_id.clone(),
        client_name: asked.client_name.clone(),
        user_id: asked.user_id.clone(),
        credential,
        session: Some(asked.sid.clone()),
        description: asked.details.description.clone(),
        expires_at: Millis(asked.expires_at),
    };
    let row = new.row(digests.clone(), &shown, now)?;
    if keep(signer, row.clone(), &shown).await? {
        return Ok(row);
    }
    // It came twice at the same moment, and the other one was first.
    let row = consents::by_reference(signer.db.read(), Road::Token, &asked.reference).await?;
    same(row.ok_or(Error::StoredRow { what: "consent" })?, &asked, &digests)
}

/// The consent of a request, which is still what it was.
fn same(row: ConsentRow, asked: &SigningAuthorisation, digests: &Authorised) -> Result<ConsentRow, Error> {
    let sentence = "Somebody else began this request, or it asks for something else now. Begin again in your application.";
    let holds = row.user_id == asked.user_id && row.client == asked.client_id && row.digests == *digests;
    if holds { Ok(row) } else { Err(Error::Dss(Problem::conflict("request-changed", sentence))) }
}

fn digests(asked: &SigningAuthorisation) -> Result<Authorised, Error> {
    let digest = |hash: &str| {
        let octets = STANDARD.decode(hash).ok().and_then(|octets| <[u8; 32]>::try_from(octets).ok());
        octets.map(Digest).ok_or(Error::StoredRow { what: "request to sign" })
    };
    let all =
        asked.details.documents.iter().map(|document| digest(&document.hash)).collect::<Result<_, _>>()?;
    Authorised::new(all).map_err(|_| Error::StoredRow { what: "request to sign" })
}

/// A request of a client whose person decides elsewhere.
pub(crate) struct Apart {
    pub(crate) credential: CredentialId,
    pub(crate) digests: Authorised,
    pub(crate) description: Option<String>,
}

/// Asks the holder of a credential on our own page; what the client asks again with, the same for the same request.
pub(crate) async fn set_apart(signer: &Signer, caller: &Caller, request: Apart) -> Result<Token, Error> {
    caller.may(SIGN).map_err(Error::Caller)?;
    // Nobody could answer where nobody can sign in.
    signer.sign_in.as_ref().ok_or(Parameter::Invalid("authData"))?;
    let (holder, rests) = signer.ready_by(caller, &request.credential).await?;
    let user = holder.user_id;
    let now = signer.clock.now();
    let named = vec![None; request.digests.len()];
    let shown = shown(signer, caller.client.as_str(), &request.digests, named, now).await?;
    let who = Who { client: caller.client.as_str(), user: &user, unseen: None, page: Page::Shown };
    may_have_signed(signer, &who, &shown).await?;
    rests.check_times(&Authors::of(&shown))?;
    let handle = match handle::of(signer, (caller.client.as_str(), user.as_str()), &request, now).await? {
        Handle::Known(handle) => return Ok(handle),
        Handle::New(handle) => handle,
    };
    let new = New {
        road: Road::Handle,
        reference: handle.stored(),
        client: caller.client.to_string(),
        client_name: caller.client.to_string(),
        user_id: user,
        credential: request.credential,
        session: None,
        description: request.description,
        expires_at: Millis(now.0 + i64::from(signer.config.dss.request_seconds) * 1000),
    };
    let row = new.row(request.digests, &shown, now)?;
    // Where another process was first, it is the same.
    keep(signer, row, &shown).await?;
    Ok(handle)
}

/// A new consent, before it is stored.
struct New {
    road: Road,
    reference: String,
    client: String,
    client_name: String,
    user_id: String,
    credential: CredentialId,
    session: Option<String>,
    description: Option<String>,
    expires_at: Millis,
}

impl New {
    fn row(self, digests: Authorised, shown: &[Document], now: Millis) -> Result<ConsentRow, Error> {
        let mut row = ConsentRow {
            consent_id: ConsentId::new(now),
            road: self.road,
            reference: self.reference,
            client: self.client,
            client_name: self.client_name,
            user_id: self.user_id,
            credential_id: self.credential,
            session: self.session,
            digests,
            shown: serde_json::to_string(shown)
                .map_err(|_| Error::StoredRow { what: "list of documents" })?,
            description: self.description,
            binding: String::new(),
            created_at: now,
            expires_at: self.expires_at,
            decision: None,
        };
        row.binding = binding(&row)?;
        Ok(row)
    }
}

/// What of each document can be shown: what the same application had prepared, or its name and hash.
async fn shown(
    signer: &Signer,
    client: &str,
    digests: &Authorised,
    names: Vec<Option<String>>,
    now: Millis,
) -> Result<Vec<Document>, Error> {
    let wanted = digests.iter().zip(names).enumerate().map(|(number, (digest, name))| Wanted {
        id: name.unwrap_or_else(|| format!("document {}", number + 1)),
        digest: *digest,
        unseen: digest.to_base64(),
    });
    documents(signer, client, wanted.collect(), now).await
}

/// Stores a consent with its event; false if it is there.
async fn keep(signer: &Signer, row: ConsentRow, shown: &[Document]) -> Result<bool, Error> {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let event = Event::AuthorisationRequested {
        request: row.consent_id.to_string(),
        road: row.road.word().to_owned(),
        client: row.client.clone(),
        user: row.user_id.clone(),
        credential: row.credential_id.to_string(),
        documents: count(row.digests.len()),
        seen: count(shown.iter().filter(|document| document.content.is_seen()).count()),
        digests_sha256: hex::encode(Digest::of(&row.digests.to_bytes()).0),
        binding: row.binding.clone(),
        expires_at: row.expires_at.0,
    };
    let (actor, now) = (actor(&row), row.created_at);
    let write = signer.db.write(move |tx| {
        Box::pin(async move {
            if consents::waiting(tx, &row.client, &row.user_id, now).await? >= MOST_WAITING {
                let sentence = "As many requests to this person wait as may. Let them decide, or wait until they are over.";
                let wait = std::time::Duration::from_mins(1);
                return Err(Error::Dss(Problem::too_many("too-many-waiting", sentence, wait)));
            }
            if !consents::insert(tx, &row).await? {
                return Ok(false);
            }
            audit::record(tx, now, &actor, &event).await?;
            Ok(true)
        })
    });
    write.await
}
