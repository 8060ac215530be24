//! What may be a system, and under which words it is found.

use std::collections::BTreeSet;

use crate::api::{
    AccreditedSystem, MessageHandlingSystem, SystemApproval, SystemContent, SystemProduct, SystemReliability,
};
use crate::error::Error;
use crate::ods;
use crate::person::composed;

/// The longest value of anything.
const LONGEST: usize = 1_000;
/// The longest interaction or party key: what is looked for stands in an index.
const LONGEST_KEY: usize = 255;
/// How many values of one kind a system has at most; the largest one seen has 478 interactions.
const MOST: usize = 5_000;

type Refused = (&'static str, String);

/// A value as it is compared where case and blanks do not count: small composed letters, single blanks.
pub(crate) fn folded(text: &str) -> String {
    let text = composed(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// SHA-256 over what a system is, in hexadecimal.
pub(crate) fn digest(json: &str) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, json.as_bytes()).as_ref())
}

/// Takes what a system is said to be: blanks around values go, codes become capital letters, doubled values become one, and
/// what is empty is left out. Anything that can be no system is refused with the member and what is wrong.
pub(crate) fn checked(content: SystemContent) -> Result<SystemContent, Error> {
    let done = match content {
        SystemContent::Accredited(system) => accredited(system).map(SystemContent::Accredited),
        SystemContent::MessageHandling(system) => handling(system).map(SystemContent::MessageHandling),
    };
    done.map_err(|(field, sentence)| Error::field(field, sentence))
}

/// Under which words a system is found: the name of the key, the folded value.
pub(crate) fn keys(content: &SystemContent) -> BTreeSet<(&'static str, String)> {
    let mut keys = BTreeSet::new();
    let mut key = |name, value: &String| {
        keys.insert((name, folded(value)));
    };
    match content {
        SystemContent::Accredited(system) => {
            key("organisation", &system.organisation);
            key("party-key", &system.party_key);
            system.interactions.iter().for_each(|value| key("interaction", value));
            system.clients.iter().for_each(|value| key("client", value));
            system.manufacturer.iter().for_each(|value| key("manufacturer", value));
        }
        SystemContent::MessageHandling(system) => {
            key("organisation", &system.organisation);
            key("party-key", &system.party_key);
            key("interaction", &system.interaction);
            system.manufacturer.iter().for_each(|value| key("manufacturer", value));
        }
    }
    keys
}

fn accredited(system: AccreditedSystem) -> Result<AccreditedSystem, Refused> {
    let interactions = values("interactions", system.interactions, LONGEST_KEY)?;
    if interactions.is_empty() {
        return Err((
            "interactions",
            "Name at least one interaction that the system may take part in.".to_owned(),
        ));
    }
    Ok(AccreditedSystem {
        organisation: organisation("organisation", &system.organisation)?,
        party_key: needed("party_key", &system.party_key)?,
        interactions,
        clients: organisations("clients", &system.clients)?,
        manufacturer: system
            .manufacturer
            .filter(|text| said(text))
            .map(|code| organisation("manufacturer", &code))
            .transpose()?,
        description: maybe("description", system.description)?,
        categories: values("categories", system.categories, LONGEST)?,
        access_control: values("access_control", system.access_control, LONGEST)?,
        product: product(system.product)?,
        approval: approval(system.approval)?,
        temporary_id: maybe("temporary_id", system.temporary_id)?,
    })
}

fn handling(system: MessageHandlingSystem) -> Result<MessageHandlingSystem, Refused> {
    let interaction = needed("interaction", &system.interaction)?;
    let parts = interaction.rsplit_once(':').map(|(service, name)| (service.to_owned(), name.to_owned()));
    let (service, name) = parts.unzip();
    Ok(MessageHandlingSystem {
        organisation: organisation("organisation", &system.organisation)?,
        party_key: needed("party_key", &system.party_key)?,
        service: maybe("service", system.service)?.or(service),
        interaction_name: maybe("interaction_name", system.interaction_name)?.or(name),
        interaction,
        endpoints: values("endpoints", system.endpoints, LONGEST)?,
        cpa_id: maybe("cpa_id", system.cpa_id)?,
        fqdn: maybe("fqdn", system.fqdn)?,
        authenticated: maybe("authenticated", system.authenticated)?,
        interaction_type: maybe("interaction_type", system.interaction_type)?,
        contract_template: maybe("contract_template", system.contract_template)?,
        manufacturer: system
            .manufacturer
            .filter(|text| said(text))
            .map(|code| organisation("manufacturer", &code))
            .transpose()?,
        ip_address: maybe("ip_address", system.ip_address)?,
        network: maybe("network", system.network)?,
        service_instance: maybe("service_instance", system.service_instance)?,
        service_description: maybe("service_description", system.service_description)?,
        reliability: reliability(system.reliability)?,
        product: product(system.product)?,
        approval: approval(system.approval)?,
        temporary_id: maybe("temporary_id", system.temporary_id)?,
    })
}

fn reliability(reliability: SystemReliability) -> Result<SystemReliability, Refused> {
    let retries = maybe("retries", reliability.retries)?;
    if retries.as_ref().is_some_and(|text| text.parse::<u32>().is_err()) {
        return Err(("retries", "Write a whole number, or leave it out.".to_owned()));
    }
    Ok(SystemReliability {
        sync_reply_mode: maybe("sync_reply_mode", reliability.sync_reply_mode)?,
        retry_interval: maybe("retry_interval", reliability.retry_interval)?,
        retries,
        persist_duration: maybe("persist_duration", reliability.persist_duration)?,
        duplicate_elimination: maybe("duplicate_elimination", reliability.duplicate_elimination)?,
        ack_requested: maybe("ack_requested", reliability.ack_requested)?,
        actors: values("actors", reliability.actors, LONGEST)?,
    })
}

fn product(product: SystemProduct) -> Result<SystemProduct, Refused> {
    Ok(SystemProduct {
        key: maybe("product.key", product.key)?,
        name: maybe("product.name", product.name)?,
        version: maybe("product.version", product.version)?,
    })
}

fn approval(approval: SystemApproval) -> Result<SystemApproval, Refused> {
    Ok(SystemApproval {
        requested_by: maybe("requested_by", approval.requested_by)?,
        requested_at: maybe("requested_at", approval.requested_at)?,
        approved_by: maybe("approved_by", approval.approved_by)?,
        approved_at: maybe("approved_at", approval.approved_at)?,
        host_approved_by: maybe("host_approved_by", approval.host_approved_by)?,
        host_approved_at: maybe("host_approved_at", approval.host_approved_at)?,
    })
}

fn said(text: &str) -> bool {
    !text.trim().is_empty()
}

fn organisation(field: &'static str, text: &str) -> Result<String, Refused> {
    let code = ods::normalised(text);
    code.map(String::from)
        .map_err(|_| (field, "It is no ODS code of three to twelve letters and digits.".to_owned()))
}

fn organisations(field: &'static str, texts: &[String]) -> Result<Vec<String>, Refused> {
    let texts: Vec<&String> = texts.iter().filter(|text| said(text)).collect();
    few(field, texts.len())?;
    let mut codes = Vec::with_capacity(texts.len());
    for text in texts {
        let code = organisation(field, text)?;
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    Ok(codes)
}

fn needed(field: &'static str, text: &str) -> Result<String, Refused> {
    match plain(field, text, LONGEST_KEY)? {
        Some(text) => Ok(text),
        None => Err((field, "It must not be empty.".to_owned())),
    }
}

fn maybe(field: &'static str, text: Option<String>) -> Result<Option<String>, Refused> {
    text.map_or(Ok(None), |text| plain(field, &text, LONGEST))
}

fn values(field: &'static str, texts: Vec<String>, longest: usize) -> Result<Vec<String>, Refused> {
    few(field, texts.len())?;
    let mut seen = BTreeSet::new();
    let mut values = Vec::with_capacity(texts.len());
    for text in texts {
        if let Some(value) = plain(field, &text, longest)?
            && seen.insert(value.clone())
        {
            values.push(value);
        }
    }
    Ok(values)
}

fn few(field: &'static str, many: usize) -> Result<(), Refused> {
    if many <= MOST {
        Ok(())
    } else {
        Err((field, format!("It has {many} values, and {MOST} at most are taken.")))
    }
}

/// A value without blanks around it; none if nothing is left.
fn plain(field: &'static str, text: &str, longest: usize) -> Result<Option<String>, Refused> {
    let text = text.trim();
    if text.len() > longest {
        return Err((field, format!("It is longer than {longest} bytes.")));
    }
    if text.chars().any(char::is_control) {
        return Err((field, "It holds characters that cannot be seen.".to_owned()));
    }
    Ok(Some(text.to_owned()).filter(|text| said(text)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An accredited system with nothing but what it needs.
    pub(crate) fn accredited_sample() -> AccreditedSystem {
        AccreditedSystem {
            organisation: "RXX".to_owned(),
            party_key: "RXX-0000001".to_owned(),
            interactions: vec!["urn:nhs:names:services:pds:QUPA_IN000006UK02".to_owned()],
            ..AccreditedSystem::default()
        }
    }

    fn refused(system: AccreditedSystem) -> String {
        checked(SystemContent::Accredited(system)).unwrap_err().to_string()
    }

    /// Blanks go, codes are capital, doubled values are one, empty ones are none.
    #[test]
    fn values_are_taken_as_they_are_meant() {
        let mut system = accredited_sample();
        system.organisation = " rxx ".to_owned();
        system.clients = vec!["rxx01".to_owned(), "RXX01 ".to_owned(), String::new()];
        system.description = Some("  ".to_owned());
        system.interactions.push(format!(" {}", system.interactions[0]));
        let SystemContent::Accredited(taken) = checked(SystemContent::Accredited(system)).unwrap() else {
            panic!()
        };
        assert_eq!(
            (taken.organisation.as_str(), taken.clients, taken.description),
            ("RXX", vec!["RXX01".to_owned()], None)
        );
        assert_eq!(taken.interactions.len(), 1);
    }

    /// What can be no system is refused with the member that is wrong.
    #[test]
    fn what_is_wrong_is_said() {
        let of = |spoil: fn(&mut AccreditedSystem)| {
            let mut system = accredited_sample();
            spoil(&mut system);
            refused(system)
        };
        assert!(of(|system| system.interactions.clear()).contains("at least one"));
        assert!(of(|system| system.organisation = "R!".to_owned()).starts_with("organisation"));
        assert!(of(|system| system.party_key = " ".to_owned()).starts_with("party_key"));
        assert!(of(|system| system.party_key = "x".repeat(256)).contains("255"));
        assert!(of(|system| system.description = Some("a\u{7}b".to_owned())).contains("cannot be seen"));
    }

    /// A message handling system is found by what it is asked for; service and name follow from the interaction.
    #[test]
    fn interactions_have_two_parts() {
        let system = MessageHandlingSystem {
            organisation: "RXX".to_owned(),
            party_key: "RXX-1".to_owned(),
            interaction: "urn:nhs:names:services:pds:QUPA_IN000006UK02".to_owned(),
            ..MessageHandlingSystem::default()
        };
        let taken = checked(SystemContent::MessageHandling(system)).unwrap();
        let SystemContent::MessageHandling(system) = &taken else { panic!() };
        assert_eq!(system.service.as_deref(), Some("urn:nhs:names:services:pds"));
        assert_eq!(system.interaction_name.as_deref(), Some("QUPA_IN000006UK02"));
        assert!(keys(&taken).contains(&("party-key", "rxx-1".to_owned())));
    }
}
