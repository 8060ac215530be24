//! Keys that stayed in the token after their row was destroyed.
//!
//! Of a wrapped key nothing is left when its row is emptied. One that the token could not wrap is destroyed there after
//! the row says so: the row keeps its label until that is done, so that a process that ends in between, or a token that
//! is away, leaves a row that says what is still to do.

use crate::error::Error;
use crate::signer::Signer;
use crate::store::keys;

impl Signer {
    /// Destroys what is left in the token. Failures are logged and tried again with the next key that is destroyed, and
    /// whenever the pool of spare keys is looked after.
    pub(crate) async fn destroy_left_keys(&self) {
        if let Err(error) = self.try_destroy_left_keys().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a destroyed key is still in the token: {error}"
            );
        }
    }

    async fn try_destroy_left_keys(&self) -> Result<(), Error> {
        for (key, label) in keys::left_in_token(self.db.read()).await? {
            match self.hsm.destroy(&label).await {
                Ok(()) | Err(hsm::Error::KeyNotFound { .. }) => {}
                // Somebody signs with it at this moment; what comes of it is refused, for the row is gone.
                Err(hsm::Error::KeyInUse { .. }) => continue,
                Err(error) => return Err(error.into()),
            }
            self.db.write(move |tx| Box::pin(async move { keys::forget_label(tx, &key).await })).await?;
        }
        Ok(())
    }
}
