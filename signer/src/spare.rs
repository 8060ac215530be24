//! Keys made in advance, because an RSA key takes a token a good part of a second.

use std::time::Duration;

use hsm::{Alg, Wrapped};
use platform::clock::Millis;
use platform::db::Tx;

use crate::error::Error;
use crate::ids::{CredentialId, KeyId};
use crate::signer::Signer;
use crate::store::keys::{self, KeyRow};

/// How long to wait after the token or the database failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How long to wait at most before looking again: another machine may have used keys up.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

impl Signer {
    /// Keeps the pool of spare keys full, for as long as it is polled.
    pub async fn keep_spare_keys(&self) {
        loop {
            self.destroy_left_keys().await;
            match self.add_spare_key().await {
                Ok(Filled::Added) => {}
                Ok(Filled::Full) => {
                    let _ = tokio::time::timeout(LOOK_AGAIN, self.spare_taken.notified()).await;
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "no spare key could be made: {error}"
                    );
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Makes one RSA-2048 key if the pool wants one.
    pub(crate) async fn add_spare_key(&self) -> Result<Filled, Error> {
        let spares = keys::spares(self.db.read(), Alg::Rsa2048).await?;
        if spares >= i64::from(self.config.key_pool.rsa_2048) {
            return Ok(Filled::Full);
        }
        let now = self.clock.now();
        let key = KeyRow { key_id: KeyId::new(now), wrapped: self.hsm.generate_wrapped(Alg::Rsa2048).await? };
        self.db.write(move |tx| Box::pin(async move { keys::insert(tx, &key, None, now).await })).await?;
        Ok(Filled::Added)
    }

    /// A key for a credential that cannot take one from the pool: RSA when that is empty, all others always. What the token
    /// cannot wrap stays in it, under the id of the key.
    pub(crate) async fn fresh_key(&self, alg: Alg, key: &KeyId) -> Result<Option<Wrapped>, Error> {
        if alg == Alg::Rsa2048 && keys::spares(self.db.read(), alg).await? > 0 {
            return Ok(None);
        }
        Ok(Some(self.hsm.generate_kept(alg, &label(key)).await?))
    }
}

/// The label of a person's key that stays in the token.
fn label(key: &KeyId) -> String {
    format!("person-{key}")
}

/// What became of the wish for one more spare key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Filled {
    /// One more is there.
    Added,
    /// There are enough.
    Full,
}

/// Gives a credential its key, inside a job: the one just made, or a spare one.
///
/// `None` when the last spare key was taken since it was counted: try again with a fresh one.
pub(crate) async fn assign(
    tx: &mut Tx,
    fresh: Option<KeyRow>,
    alg: Alg,
    credential: &CredentialId,
    now: Millis,
) -> Result<Option<KeyRow>, Error> {
    match fresh {
        Some(key) => {
            keys::insert(tx, &key, Some(credential), now).await?;
            Ok(Some(key))
        }
        None => keys::claim_spare(tx, alg, credential, now).await,
    }
}
