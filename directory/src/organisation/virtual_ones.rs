//! Organisations of this register's own.

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::OdsCode;

use super::events::Event;
use super::hosting::set_host;
use super::parts::Prepared;
use super::{check, keys};
use crate::api::{
    ChangeKind, Dates, NewOrganisation, Organisation, OrganisationChange, OrganisationContact,
    OrganisationKind, OrganisationRecord, OrganisationRole, OrganisationStatus, Period, RecordClass,
    RecordUse, RoleWeight,
};
use crate::changes;
use crate::day::Day;
use crate::error::Error;
use crate::ods::normalised;
use crate::person;
use crate::store::{organisations, organisations_written};
use crate::version::{Expected, Version};

/// The longest name.
const LONGEST_NAME: usize = 200;
/// How many contacts may be given.
const MOST_CONTACTS: usize = 10;

/// What an operator asks for, as a record.
fn record(asked: NewOrganisation, today: Day) -> Result<OrganisationRecord, Error> {
    let ods = normalised(&asked.ods).map_err(|not| Error::field("ods", not.to_string()))?;
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
        name: named(&asked.name)?,
        record_class: RecordClass::Organisation,
        record_use: RecordUse::Full,
        status: OrganisationStatus::Active,
        last_change: Some(today),
        dates,
        address: asked.address,
        contacts: few(asked.contacts)?,
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
    organisations_written::write(tx, kind, &[&prepared], now).await?;
    let told = changes::last(tx).await?;
    organisations_written::note_names(tx, &[&ods], told).await?;
    let event = Event::OrganisationCreated { organisation: ods.to_string(), kind };
    audit::record(tx, now, actor, &event).await?;
    let mut version = Version::FIRST;
    if let Some(host) = &host {
        version = set_host(tx, now, actor, &ods, Some(host), Expected::Any).await?;
    }
    let (predecessors, successors) = (Vec::new(), Vec::new());
    Ok(Organisation { kind, ra_host: host, predecessors, successors, record: prepared.record, version })
}

/// Changes a virtual organisation; what is left out stays.
pub(crate) async fn change(
    tx: &mut Tx,
    now: Millis,
    actor: &Actor,
    ods: &OdsCode,
    expected: Expected,
    asked: OrganisationChange,
) -> Result<Organisation, Error> {
    let mut present = open(tx, now, ods, expected).await?;
    let record = &mut present.record;
    if let Some(name) = asked.name {
        record.name = named(&name)?;
    }
    if let Some(contacts) = asked.contacts {
        record.contacts = few(contacts)?;
    }
    record.address = asked.address.unwrap_or_else(|| record.address.clone());
    let event = Event::OrganisationChanged { organisation: ods.to_string() };
    written(tx, now, actor, present, &event).await
}

/// Closes a virtual organisation for good. Nothing may be given in it any more, and it may host nobody.
pub(crate) async fn close(
    tx: &mut Tx,
    now: Millis,
    actor: &Actor,
    ods: &OdsCode,
    expected: Expected,
    reason: String,
) -> Result<Organisation, Error> {
    let mut present = open(tx, now, ods, expected).await?;
    if organisations::hosts_somebody(tx, ods).await? {
        let sentence = "It hosts the registration authority of others. Give those another host first.";
        return Err(Error::conflict("hosts-others", sentence));
    }
    if organisations::is_given(tx, ods).await? {
        let sentence = "Open positions are in it, or give something in it. Close or change those first.";
        return Err(Error::conflict("positions-open", sentence));
    }
    let today = Day::of(now);
    let ended =
        |period: Period| Period { to: Some(period.from.map_or(today, |from| from.max(today))), ..period };
    let record = &mut present.record;
    record.status = OrganisationStatus::Inactive;
    record.dates.operational = ended(record.dates.operational);
    for role in &mut record.roles {
        role.status = OrganisationStatus::Inactive;
        role.dates.operational = ended(role.dates.operational);
    }
    let event = Event::OrganisationClosed { organisation: ods.to_string(), reason };
    written(tx, now, actor, present, &event).await
}

/// A virtual organisation that is open, at the version that is meant.
async fn open(tx: &mut Tx, now: Millis, ods: &OdsCode, expected: Expected) -> Result<Organisation, Error> {
    // Taken first: until this commits, no other process makes a position in it or gives it somebody to host.
    changes::tell(tx, now, ChangeKind::OrganisationChanged, ods.as_str(), None).await?;
    let present = organisations::find(tx, ods).await?.ok_or_else(|| Error::unknown("organisation", ods))?;
    if !expected.holds(present.version) {
        return Err(Error::Changed { what: "organisation", present: present.version });
    }
    if present.kind != OrganisationKind::Virtual {
        let sentence = "This is a national organisation: the next release of the nation changes it.";
        return Err(Error::conflict("organisation-national", sentence));
    }
    if present.record.status != OrganisationStatus::Active {
        return Err(Error::conflict("organisation-closed", "This organisation is closed for good."));
    }
    Ok(present)
}

async fn written(
    tx: &mut Tx,
    now: Millis,
    actor: &Actor,
    mut changed: Organisation,
    event: &Event,
) -> Result<Organisation, Error> {
    changed.record.last_change = Some(Day::of(now));
    check(&changed.record).map_err(|sentence| Error::field("organisation", sentence))?;
    let prepared = Prepared::new(changed.record)?;
    let ods = prepared.record.ods.clone();
    organisations_written::replace(tx, changed.kind, &[&prepared], now).await?;
    let told = changes::last(tx).await?;
    organisations_written::note_names(tx, &[&ods], told).await?;
    audit::record(tx, now, actor, event).await?;
    organisations::find(tx, &ods).await?.ok_or(Error::Stored { what: "organisation" })
}

fn named(name: &str) -> Result<String, Error> {
    let name = person::named("name", name, LONGEST_NAME)?;
    if keys::name_key(&name).is_empty() {
        return Err(Error::field("name", "a name has letters or digits"));
    }
    Ok(name.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn few(contacts: Vec<OrganisationContact>) -> Result<Vec<OrganisationContact>, Error> {
    if contacts.len() > MOST_CONTACTS {
        return Err(Error::field("contacts", format!("at most {MOST_CONTACTS} are kept")));
    }
    Ok(contacts)
}
