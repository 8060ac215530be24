//! What a new credential is worth, by what its authenticator proved about itself.

use std::collections::BTreeMap;

use platform::clock::Millis;
use uuid::Uuid;
use webauthn_rs::prelude::{AttestationCaList, AttestationCaListBuilder, AttestationMetadata, Credential};

use super::Kind;
use super::metadata::{self, List, Model};
use super::settings::{Keys, Unproven};
use crate::error::Error;

/// The largest list of models that is read: the published one has some ten megabytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Which models are worth what.
pub(crate) struct Policy {
    models: BTreeMap<Uuid, Model>,
    /// When the list is to be replaced, as YYYY-MM-DD.
    next_update: Option<String>,
    roots: AttestationCaList,
    /// None: every model.
    allowed: Option<Vec<Uuid>>,
    believed: Believed,
}

/// What keys are worth that prove nothing.
#[derive(Debug, PartialEq, Eq)]
struct Believed {
    models: BTreeMap<Uuid, Unproven>,
    security_key: Option<Unproven>,
    device: Option<Unproven>,
    others: Unproven,
}

impl Believed {
    fn read(settings: &Keys) -> Result<Self, Error> {
        let mut believed =
            Self { models: BTreeMap::new(), security_key: None, device: None, others: settings.unproven };
        for (name, worth) in &settings.unproven_of {
            match name.as_str() {
                "security-key" => believed.security_key = Some(*worth),
                "device" => believed.device = Some(*worth),
                model => {
                    let model = Uuid::parse_str(model).map_err(|_| Error::Setting {
                        sentence: "authn.webauthn.unproven_of names security-key, device and AAGUIDs, each as 8-4-4-4-12 \
                                   hexadecimal digits",
                    })?;
                    believed.models.insert(model, *worth);
                }
            }
        }
        Ok(believed)
    }

    fn of(&self, model: Uuid, kind: Kind) -> Unproven {
        let of_kind = match kind {
            Kind::SecurityKey => self.security_key,
            Kind::Device => self.device,
        };
        self.models.get(&model).copied().or(of_kind).unwrap_or(self.others)
    }

    /// Whether a model is named, and taken.
    fn takes(&self, model: Uuid) -> bool {
        self.models.get(&model).is_some_and(|worth| *worth != Unproven::Refuse)
    }
}

/// Who sees to it that a key is what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A registration authority, which made the link that the key is enrolled with.
    ByAuthority,
    /// Nobody: its holder enrols it by themselves.
    ByNobody,
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
        let List { models, next_update } = match &settings.metadata {
            None => List::default(),
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
        Ok(Self { models, next_update, roots: roots.build(), allowed, believed: Believed::read(settings)? })
    }

    /// The day on which the list was to be replaced, if that has passed.
    pub(super) fn overdue(&self, now: Millis) -> Option<&str> {
        let today = now.to_string();
        self.next_update.as_deref().filter(|date| today.get(..10).is_some_and(|today| *date < today))
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

    /// What a new credential of this model and kind, as it says, is worth. Any program can say that it is a model: one that is believed is
    /// worth as much as one that proves it only where somebody saw to it.
    pub(crate) fn judge(&self, credential: &Credential, aaguid: Uuid, kind: Kind, seen: Seen) -> Judged {
        if self.models.get(&aaguid).is_some_and(|model| model.withdrawn) {
            return Judged::Refused("model-withdrawn");
        }
        let proven = self.is_proven(credential, aaguid);
        if let Some(allowed) = &self.allowed
            && !((proven || self.believed.takes(aaguid)) && allowed.contains(&aaguid))
        {
            return Judged::Refused("model-not-allowed");
        }
        // Before what it proved: what can be copied is a passkey, also where its first place is hardware.
        if credential.backup_eligible {
            return Judged::Passkey;
        }
        match (proven, self.believed.of(aaguid, kind)) {
            (false, Unproven::Hardware) if seen == Seen::ByNobody => Judged::Refused("model-not-seen"),
            (true, _) | (false, Unproven::Hardware) => Judged::Hardware,
            (false, Unproven::Passkey) => Judged::Passkey,
            (false, Unproven::Refuse) => Judged::Refused("model-not-proven"),
        }
    }

    /// Whether its attestation leads to a root of that very model.
    fn is_proven(&self, credential: &Credential, aaguid: Uuid) -> bool {
        let (AttestationMetadata::Packed { aaguid: attested }
        | AttestationMetadata::Tpm { aaguid: attested, .. }) = &credential.attestation.metadata
        else {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A list is overdue from the day after the one on which it was to be replaced; one that names no day never is.
    #[test]
    fn old_lists_are_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let settings = Keys { metadata: Some(file.path().to_owned()), ..Keys::default() };
        let midnight = Millis(1_796_083_200_000);
        assert!(midnight.to_string().starts_with("2026-12-01T00:00"), "{midnight}");
        for (next, at, expected) in [
            ("\"2026-11-30\"", midnight, Some("2026-11-30")),
            ("\"2026-12-01\"", midnight, None),
            ("\"2026-12-01\"", midnight.plus(Duration::from_hours(24)), Some("2026-12-01")),
            ("\"soon\"", midnight, None),
            ("null", midnight, None),
        ] {
            std::fs::write(file.path(), format!(r#"{{"nextUpdate": {next}, "entries": []}}"#)).unwrap();
            assert_eq!(Policy::open(&settings).unwrap().overdue(at), expected, "{next}");
        }
    }

    /// What is said of a model counts before what is said of its kind, and that before what is said of all; a name that is neither is refused.
    #[test]
    fn what_is_said_of_a_model_counts_first() {
        let model = "08987058-cadc-4b81-b6e1-30de50dcbe96";
        let of = |names: &[(&str, Unproven)]| Keys {
            unproven_of: names.iter().map(|(name, worth)| ((*name).to_owned(), *worth)).collect(),
            ..Keys::default()
        };
        let named = [(model, Unproven::Hardware), ("device", Unproven::Refuse)];
        let believed = Believed::read(&of(&named)).unwrap();
        let (model, other) = (Uuid::parse_str(model).unwrap(), Uuid::nil());
        for (which, kind, expected) in [
            (model, Kind::Device, Unproven::Hardware),
            (model, Kind::SecurityKey, Unproven::Hardware),
            (other, Kind::Device, Unproven::Refuse),
            (other, Kind::SecurityKey, Unproven::Passkey),
        ] {
            assert_eq!(believed.of(which, kind), expected, "{which} {kind:?}");
        }
        assert!(believed.takes(model) && !believed.takes(other));
        assert!(Believed::read(&of(&[("windows", Unproven::Hardware)])).is_err());
    }
}
