//! Who was shown people: recorded, or kept where it will be, before any of it is answered; those of requests that come together with few
//! statements.

use std::sync::Arc;

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;
use platform::db::together::{Row, Undone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Error;
use crate::fhir::FhirEvent;
use crate::ldap::LdapEvent;
use crate::register::Register;

/// When it is in the record whom a face has shown people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadsRecorded {
    /// Before any of it is answered.
    #[default]
    BeforeAnswer,
    /// In a journal on this machine's disk before any of it is answered, and in the record a moment later, whatever ends the server but a
    /// loss of power.
    Journal,
    /// Within a second of the answer: a server that is killed loses what it showed in that time from the record. No more than a few
    /// thousand wait to be recorded; who asks for more is told to come later.
    WithinASecond,
}

/// What a face tells the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Showing {
    Ldap(LdapEvent),
    Fhir(FhirEvent),
}

impl audit::Event for Showing {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::Ldap(event) => audit::Event::name(event),
            Self::Fhir(event) => audit::Event::name(event),
        }
    }
}

/// Something that was shown, by whom and when it was asked for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) at: Millis,
    pub(crate) actor: Actor,
    pub(crate) showing: Showing,
}

impl Record {
    /// The same as the record takes it.
    fn act(&self) -> (Millis, &Actor, &Showing) {
        (self.at, &self.actor, &self.showing)
    }
}

impl Row for Record {
    type Answer = ();
    type Error = Error;

    async fn write(&self, tx: &mut Tx) -> Result<(), Error> {
        audit::record(tx, self.at, &self.actor, &self.showing).await?;
        Ok(())
    }

    async fn write_all(rows: &[Arc<Self>], tx: &mut Tx) -> Result<Vec<()>, Undone> {
        let acts: Vec<_> = rows.iter().map(|row| row.act()).collect();
        audit::record_each_of(tx, &acts).await?;
        Ok(vec![(); rows.len()])
    }
}

/// Records what a face shows. When this returns it is in the record; or, where that was set, in the journal, or will be in the record
/// within a second.
pub(crate) async fn record(register: &Register, actor: Actor, showing: Showing) -> Result<(), Error> {
    let row = Record { at: register.now(), actor, showing };
    match register.config.reads_recorded {
        ReadsRecorded::BeforeAnswer => register.records().write(row).await,
        ReadsRecorded::Journal => register.journal()?.keep(row).await,
        ReadsRecorded::WithinASecond => record_after(register, row),
    }
}

fn record_after(register: &Register, row: Record) -> Result<(), Error> {
    let waiting = register.records().begin(row)?;
    tokio::spawn(async move {
        if let Err(error) = waiting.await {
            metrics::counter!("directory_reads_unrecorded_total").increment(1);
            tracing::error!(%error, "whom people were shown could not be recorded: {error}");
        }
    });
    Ok(())
}
