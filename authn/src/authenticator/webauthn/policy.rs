//! What a new credential is worth, by what its authenticator proved about itself.

use std::collections::BTreeMap;

use uuid::Uuid;
use webauthn_rs::prelude::{AttestationCaList, AttestationCaListBuilder, AttestationMetadata, Credential};

use super::Kind;
use super::metadata::{self, Model};
use super::settings::{Keys, Unproven};
use crate::error::Error;

/// The largest list of models that is read: the published one has some ten megabytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Which models are worth what.
pub(crate) struct Policy {
    models: BTreeMap<Uuid, Model>,
    roots: AttestationCaList,
    /// None: every model.
    allowed: Option<Vec<Uuid>>,
    unproven: Unproven,
}

/// What a new credential is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Its key cannot leave the device.
    Hardware,
    /// Its key may lie in several places, or may not and did not prove it.
    Passkey,
    /// It may not be enrolled, for this reason.
    Refused(&'static str),
}

impl Policy {
    /// Reads the list that the settings name.
    pub(crate) fn open(settings: &Keys) -> Result<Self, Error> {
        let models = match &settings.metadata {
            None => BTreeMap::new(),
            Some(path) => metadata::read(&text(path)?)?,
        };
        let mut roots = AttestationCaListBuilder::new();
        for (aaguid, model) in models.iter().filter(|(_, model)| model.in_hardware && !model.withdrawn) {
            for root in &model.roots {
                let description = model.description.clone();
                if roots.insert_device_der(root, *aaguid, description, BTreeMap::new()).is_err() {
                    tracing::warn!(%aaguid, "a root certificate of the model {aaguid} cannot be read and is left out");
                }
            }
        }
        let allowed = settings.models.iter().map(|text| Uuid::parse_str(text)).collect::<Result<Vec<_>, _>>();
        let allowed = allowed.map_err(|_| Error::Setting {
            sentence: "authn.webauthn.models holds AAGUIDs, each as 8-4-4-4-12 hexadecimal digits",
        })?;
        let allowed = (!allowed.is_empty()).then_some(allowed);
        Ok(Self { models, roots: roots.build(), allowed, unproven: settings.unproven })
    }

    /// Whether a model was found to be unsafe.
    pub(crate) fn is_withdrawn(&self, aaguid: Option<&str>) -> bool {
        let model = aaguid.and_then(|text| Uuid::parse_str(text).ok()).and_then(|id| self.models.get(&id));
        model.is_some_and(|model| model.withdrawn)
    }

    /// Whether a model is carried or part of a machine, by what its maker says.
    pub(crate) fn attached(&self, aaguid: Uuid) -> Option<Kind> {
        self.models.get(&aaguid).and_then(|model| model.attached)
    }

    /// What a new credential of this model, as it says, is worth.
    pub(crate) fn judge(&self, credential: &Credential, aaguid: Uuid) -> Judged {
        if self.models.get(&aaguid).is_some_and(|model| model.withdrawn) {
            return Judged::Refused("model-withdrawn");
        }
        let proven = self.is_proven(credential, aaguid);
        if let Some(allowed) = &self.allowed
            && !(proven && allowed.contains(&aaguid))
        {
            return Judged::Refused("model-not-allowed");
        }
        // Before what it proved: what can be copied is a passkey, also where its first place is hardware.
        if credential.backup_eligible {
            return Judged::Passkey;
        }
        match (proven, self.unproven) {
            (true, _) | (false, Unproven::Hardware) => Judged::Hardware,
            (false, Unproven::Passkey) => Judged::Passkey,
            (false, Unproven::Refuse) => Judged::Refused("model-not-proven"),
        }
    }

    /// Whether its attestation leads to a root of that very model.
    fn is_proven(&self, credential: &Credential, aaguid: Uuid) -> bool {
        // The statement of a TPM is taken out before it comes here.
        let AttestationMetadata::Packed { aaguid: attested } = &credential.attestation.metadata else {
            return false;
        };
        if *attested != aaguid || self.roots.is_empty() {
            return false;
        }
        let authority = credential.verify_attestation(&self.roots);
        authority.is_ok_and(|authority| authority.is_some_and(|it| it.aaguids().contains_key(&aaguid)))
    }
}

fn text(path: &std::path::Path) -> Result<String, Error> {
    let unreadable =
        |source| Error::File { what: "authn.webauthn.metadata", path: path.display().to_string(), source };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > LARGEST {
        return Err(Error::Setting { sentence: "authn.webauthn.metadata is larger than 64 MiB" });
    }
    std::fs::read_to_string(path).map_err(unreadable)
}
