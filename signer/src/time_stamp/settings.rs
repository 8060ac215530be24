//! The `[signer.time_stamps]` section of the configuration file.

use pki::ObjectIdentifier;
use platform::clock::Accuracy;
use serde::Deserialize;

use crate::api::Algorithm;
use crate::error::Error;

/// How time-stamps are given. Every key has a default; without the section none are given here.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The kind of key: `p-256`, `p-384`, `rsa-2048` or `rsa-3072`. Another one here makes a new key and certificate.
    pub algorithm: Algorithm,
    /// The policy under which they are given, as an object identifier.
    pub policy: String,
    /// The policy while nobody but the host vouches for the clock; such time-stamps tell no accuracy.
    pub host_trusted_policy: String,
    /// The common name in the certificate.
    pub name: String,
    /// The certificate profile.
    pub profile: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::P256,
            policy: "1.3.6.1.4.1.32473.1.3.1".to_owned(),
            host_trusted_policy: "1.3.6.1.4.1.32473.1.3.2".to_owned(),
            name: "Time-stamping unit".to_owned(),
            profile: "time-stamp".to_owned(),
        }
    }
}

impl Settings {
    /// Refuses what no reader of time-stamps would understand.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let known = [Algorithm::P256, Algorithm::P384, Algorithm::Rsa2048, Algorithm::Rsa3072];
        if !known.contains(&self.algorithm) {
            let sentence = "signer.time_stamps.algorithm is p-256, p-384, rsa-2048 or rsa-3072";
            return Err(Error::Setting { sentence });
        }
        for policy in [&self.policy, &self.host_trusted_policy] {
            ObjectIdentifier::new(policy).map_err(|_| Error::Setting {
                sentence: "the policies of signer.time_stamps are object identifiers such as 1.3.6.1",
            })?;
        }
        Ok(())
    }

    /// The policy for a clock that is known so well. Nobody who reads it takes the host's word for a kept clock.
    pub(super) fn policy_for(&self, accuracy: Accuracy) -> Option<ObjectIdentifier> {
        let policy = if accuracy.bound.is_some() { &self.policy } else { &self.host_trusted_policy };
        ObjectIdentifier::new(policy).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands there by default is taken; a key that few can check, and a policy that is no number, are not.
    #[test]
    fn settings_are_checked() {
        let good = Settings::default();
        good.check().unwrap();
        assert!(Settings { algorithm: Algorithm::MlDsa44, ..good.clone() }.check().is_err());
        assert!(Settings { policy: "ours".to_owned(), ..good.clone() }.check().is_err());
        assert!(Settings { host_trusted_policy: String::new(), ..good.clone() }.check().is_err());
        let of = |bound| good.policy_for(Accuracy { bound }).map(|policy| policy.to_string());
        assert_ne!(of(None), of(Some(std::time::Duration::from_millis(1))));
    }
}
