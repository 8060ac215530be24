//! Versions of profiles: a content gets a number when a process first starts with it, and keeps it.
//!
//! Nobody numbers by hand, so nothing can be changed under an old number. A content that comes back, as
//! when a change is taken back or two processes start with different files, is the same version again.

use std::sync::Arc;

use audit::Actor;
use platform::clock::Millis;
use platform::db::{Db, Tx};

use super::{Profile, Profiles};
use crate::error::Error;
use crate::events::Event;
use crate::store::profiles::{self, ProfileVersion};

/// How often another process may take the number first.
const TRIES: usize = 20;

/// Finds or makes the version of every profile. When this returns each is durable and in the audit record.
pub(crate) async fn number(db: &Db, profiles: &mut Profiles, now: Millis) -> Result<(), Error> {
    let Profiles { end_entity, root, issuing, cross, own, .. } = profiles;
    for profile in end_entity.iter_mut().chain([root, issuing, cross]).chain(own.values_mut()) {
        let content = unnumbered(profile, now);
        let version =
            db.write(move |tx: &mut Tx| Box::pin(async move { find_or_make(tx, content).await })).await?;
        Arc::make_mut(profile).version = version;
    }
    Ok(())
}

fn unnumbered(profile: &Profile, used_at: Millis) -> ProfileVersion {
    ProfileVersion {
        profile: profile.id.to_string(),
        version: 0,
        content_sha256: profile.content_sha256(),
        content: profile.content.to_string(),
        used_at,
    }
}

async fn find_or_make(tx: &mut Tx, mut content: ProfileVersion) -> Result<i64, Error> {
    for _ in 0..TRIES {
        if let Some(known) = profiles::number(tx, &content.profile, &content.content_sha256).await? {
            return Ok(known);
        }
        content.version = profiles::newest(tx, &content.profile).await? + 1;
        if profiles::insert(tx, &content).await? {
            let event = Event::ProfileVersionMade {
                profile: content.profile,
                version: content.version,
                content_sha256: content.content_sha256,
            };
            audit::record(tx, content.used_at, &Actor::system("ca"), &event).await?;
            return Ok(content.version);
        }
    }
    Err(Error::ProfileNotNumbered(content.profile))
}
