//! Messages that go through an intermediary of the Spine: their endpoint is told with its address.

use super::config::SpineConfig;
use crate::api::SystemContent;

/// Services of the Spine of which messages go through intermediaries.
const SERVICES: [&str; 17] = [
    "cc", "ebs", "ebsepr", "ebsnpr", "gp2gp", "pat", "itk", "dis", "ed", "op", "caf", "adm", "ooh", "am",
    "mh", "nd", "dir",
];

/// The interaction of the reliable intermediary.
const RELIABLE: &str = "urn:nhs:names:services:tms:ReliableIntermediary";
/// The interaction of the express intermediary.
const EXPRESS: &str = "urn:nhs:names:services:tms:ExpressIntermediary";

/// Through which intermediary messages of an interaction go, by the intermediary's own interaction; `None`: through none.
pub(crate) fn forwarded(config: &SpineConfig, interaction: &str) -> Option<&'static str> {
    config.core_organisation.as_ref()?;
    let mut parts = interaction.rsplit(':');
    let (name, service) = (parts.next()?, parts.next()?);
    let is_in = |names: &[String]| names.iter().any(|one| one == name);
    if !SERVICES.contains(&service) {
        return None;
    }
    if is_in(&config.forward_reliable) {
        return Some(RELIABLE);
    }
    is_in(&config.forward_express).then_some(EXPRESS)
}

/// Which intermediary a system is, by the intermediary's interaction; `None`: none.
pub(crate) fn intermediary_of(config: &SpineConfig, content: &SystemContent) -> Option<&'static str> {
    let SystemContent::MessageHandling(system) = content else { return None };
    let core = config.core_organisation.as_ref()?;
    let is_core = core.eq_ignore_ascii_case(&system.organisation);
    [RELIABLE, EXPRESS].into_iter().find(|one| is_core && system.interaction.eq_ignore_ascii_case(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system of the core organisation with the interaction of an intermediary is one, and no other is.
    #[test]
    fn intermediaries_are_known() {
        let config = SpineConfig {
            core_organisation: Some("YES".to_owned()),
            forward_reliable: Vec::new(),
            forward_express: Vec::new(),
        };
        let of = |organisation: &str, interaction: &str| {
            let content = serde_json::json!({"kind": "message-handling", "organisation": organisation,
                "party_key": "YES-0000001", "interaction": interaction, "endpoints": ["https://core.example/"]});
            intermediary_of(&config, &serde_json::from_value(content).unwrap())
        };
        assert_eq!(of("yes", EXPRESS), Some(EXPRESS));
        assert_eq!((of("RXX", EXPRESS), of("YES", "urn:a:b")), (None, None));
    }

    /// Interactions that are named, of services that are listed, go through an intermediary, and no others.
    #[test]
    fn named_interactions_are_forwarded() {
        let mut config = SpineConfig {
            core_organisation: Some("YES".to_owned()),
            forward_reliable: vec!["RCMR_IN010000UK05".to_owned()],
            forward_express: vec!["COPC_IN000001UK01".to_owned()],
        };
        let of = |config: &SpineConfig, text: &str| forwarded(config, text);
        assert_eq!(of(&config, "urn:nhs:names:services:gp2gp:RCMR_IN010000UK05"), Some(RELIABLE));
        assert_eq!(of(&config, "urn:nhs:names:services:gp2gp:COPC_IN000001UK01"), Some(EXPRESS));
        assert_eq!(of(&config, "urn:nhs:names:services:gp2gp:other"), None);
        assert_eq!(of(&config, "urn:nhs:names:services:pds:RCMR_IN010000UK05"), None);
        assert_eq!(of(&config, "RCMR_IN010000UK05"), None);
        config.core_organisation = None;
        assert_eq!(of(&config, "urn:nhs:names:services:gp2gp:RCMR_IN010000UK05"), None);
    }
}
