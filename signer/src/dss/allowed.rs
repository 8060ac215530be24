//! Whether an application may have documents signed by a person. Every road to a signature asks this and nothing else.

use std::collections::HashSet;

use authn::api::{PolicyQuery, Unseen};
use platform::problem::Problem;

use super::seen::{Content, Document};
use crate::error::Error;
use crate::signer::Signer;

/// Who is to sign, for whom.
pub(crate) struct Who<'a> {
    /// The application.
    pub(crate) client: &'a str,
    /// The person.
    pub(crate) user: &'a str,
    /// What becomes of what nobody can be shown, where the road says so; the registration is asked otherwise.
    pub(crate) unseen: Option<Unseen>,
}

/// Refuses what the application has not shown before, where it may not ask for that, and what somebody else is the author of.
pub(crate) async fn may_have_signed(
    signer: &Signer,
    who: &Who<'_>,
    documents: &[Document],
) -> Result<(), Error> {
    check_seen(signer, who, documents).await?;
    check_authors(signer, documents, who.user).await
}

async fn check_seen(signer: &Signer, who: &Who<'_>, documents: &[Document]) -> Result<(), Error> {
    let unseen = documents.iter().position(|document| !document.content.is_seen());
    let Some(place) = unseen else { return Ok(()) };
    let policy = match who.unseen {
        Some(policy) => policy,
        None => registered(signer, who.client).await?,
    };
    if policy == Unseen::Told {
        return Ok(());
    }
    let sentence = format!(
        "Nobody could be shown document {}: have it prepared by /signer/prescriptions/prepare first.",
        place + 1
    );
    Err(Error::Dss(Problem::invalid("content-unseen", sentence)))
}

/// What the registration of an application says. Where nobody signs in, none is registered.
async fn registered(signer: &Signer, client: &str) -> Result<Unseen, Error> {
    let Some(sign_in) = &signer.sign_in else { return Ok(Unseen::Told) };
    let query = PolicyQuery { client_id: client.to_owned() };
    let policy = sign_in.client.policy(&query).await.map_err(Error::Dss)?;
    Ok(policy.unseen)
}

/// Nobody signs in another's name: where the register knows the author's role profile, it has to be the signer's own.
pub(crate) async fn check_authors(signer: &Signer, documents: &[Document], user: &str) -> Result<(), Error> {
    let mut known = HashSet::new();
    for (place, document) in documents.iter().enumerate() {
        let Content::Seen(told) = &document.content else { continue };
        let role = told.author.role_profile.as_str();
        if role.is_empty() || !known.insert(role) {
            continue;
        }
        let holder = directory::api::role_holder(signer.db.read(), role).await?;
        if holder.is_some_and(|holder| holder != user) {
            let sentence = format!(
                "The author of document {} is somebody else than whoever signs: its role profile is another person's.",
                place + 1
            );
            return Err(Error::Dss(Problem::forbidden("author-other", sentence)));
        }
    }
    Ok(())
}
