//! Tokens of systems for themselves: client credentials, RFC 6749 4.4.

use platform::clock::Millis;

use super::exchange::Asked;
use super::giving::{By, Given};
use super::making::{For, Issued, Making, Refresh};
use super::refusal::{Code, Refusal};
use super::scope::{Scope, Scopes};
use crate::provider::Provider;
use crate::token::{Content, Grant, GrantId};

/// A system asks for itself: for scopes that are not a person's, and for its acts.
pub(super) async fn itself(provider: &Provider, asked: &Asked<'_>, now: Millis) -> Result<Issued, Refusal> {
    let allowed = asked.client.scopes_of_its_own();
    let wanted = asked.parameters.list("scope");
    let scope = if wanted.is_empty() { allowed.clone() } else { Scopes::of(wanted) };
    if !scope.is_within(&allowed) || scope.words().any(Scope::is_personal) {
        let sentence =
            "The client may not have that scope for itself; those of people need somebody who signs in.";
        return Err(Refusal::new(Code::InvalidScope, sentence));
    }
    let expires_at = now.plus(provider.config.access_token());
    let grant = Grant {
        id: GrantId::new(now),
        client: asked.client.id.clone(),
        person: None,
        sid: None,
        content: Content::of_system(scope.clone(), asked.face),
        created_at: now,
        expires_at,
        ended_at: None,
    };
    let for_whom = For {
        client: asked.client,
        grant: &grant,
        session: None,
        scope,
        binding: asked.binding.clone(),
        audience: asked.audience()?,
        actors: Vec::new(),
        until: expires_at,
    };
    let coming = provider.given.coming();
    let mut making = Making::begin(provider, for_whom, Refresh::None, now).await?;
    let rows = std::mem::take(&mut making.rows);
    coming.write(Given { grant, rows, by: By::Itself, at: now }).await?;
    Ok(making.issued(None))
}
