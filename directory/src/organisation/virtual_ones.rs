//! Organisations of this register's own.

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;

use super::events::Event;
use super::hosting::set_host;
use super::parts::Prepared;
use super::{check, keys};
use crate::api::{
    ChangeKind, Dates, NewOrganisation, Organisation, OrganisationKind, OrganisationRecord, OrganisationRole,
    OrganisationStatus, Period, RecordClass, RecordUse, RoleWeight,
};
use crate::changes;
use crate::day::Day;
use crate::error::Error;
use crate::ods::normalised;
use crate::store::{organisations, organisations_written};
use crate::version::{Expected, Version};

/// How many contacts may be given.
const MOST_CONTACTS: usize = 10;

/// What an operator asks for, as a record.
fn record(asked: NewOrganisation, today: Day) -> Result<OrganisationRecord, Error> {
    let ods = normalised(&asked.ods).map_err(|not| Error::field("ods", not.to_string()))?;
    if keys::name_key(&asked.name).is_empty() {
        return Err(Error::field("name", "a name has letters or digits"));
    }
    if asked.contacts.len() > MOST_CONTACTS {
        return Err(Error::field("contacts", format!("at most {MOST_CONTACTS} are kept")));
    }
    let period = Period { from: Some(asked.from.unwrap_or(today)), to: None };
    let dates = Dates { operational: period, legal: Period::default() };
    let role = OrganisationRole {
        instance: "1".to_owned(),
        role: asked.primary_role.trim().to_ascii_uppercase(),
        weight: RoleWeight::Primary,
        status: OrganisationStatus::Active,
        dates,
    };
    let record = OrganisationRecord {
        ods,
        name: asked.name.split_whitespace().collect::<Vec<_>>().join(" "),
        record_class: RecordClass::Organisation,
        record_use: RecordUse::Full,
        status: OrganisationStatus::Active,
        last_change: Some(today),
        dates,
        address: asked.address,
        contacts: asked.contacts,
        roles: vec![role],
        relationships: Vec::new(),
        successions: Vec::new(),
    };
    match check(&record) {
        Ok(()) => Ok(record),
        Err(sentence) => Err(Error::field("organisation", sentence)),
    }
}

/// Makes a virtual organisation.
pub(crate) async fn create(
    tx: &mut Tx,
    now: Millis,
    actor: &Actor,
    asked: NewOrganisation,
) -> Result<Organisation, Error> {
    let host = asked.ra_host.as_deref().map(normalised).transpose();
    let host = host.map_err(|not| Error::field("ra_host", not.to_string()))?;
    let prepared = Prepared::new(record(asked, Day::of(now))?)?;
    let ods = prepared.record.ods.clone();
    // Taken first: no other process can make the same organisation until this commits.
    changes::tell(tx, now, ChangeKind::OrganisationChanged, ods.as_str(), None).await?;
    if organisations::standing(&mut *tx, &ods).await?.is_some() {
        return Err(Error::conflict(
            "code-taken",
            format!("There is an organisation {ods} already. Choose a code that nobody has."),
        ));
    }
    let kind = OrganisationKind::Virtual;
    organisations_written::write(tx, kind, &[&prepared]).await?;
    let event = Event::OrganisationCreated { organisation: ods.to_string(), kind };
    audit::record(tx, now, actor, &event).await?;
    let mut version = Version::FIRST;
    if let Some(host) = &host {
        version = set_host(tx, now, actor, &ods, Some(host), Expected::Any).await?;
    }
    Ok(Organisation { kind, ra_host: host, record: prepared.record, version })
}
