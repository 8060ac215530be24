//! Who was shown people: recorded before any of it is answered, those of requests that come together with few statements.

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
    /// Within a second of the answer: a server that is killed loses what it showed in that time from the record. No more than a few
    /// thousand wait to be recorded; who asks for more is told to come later.
    WithinASecond,
}

/// What a face tells the record.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
#[derive(Debug)]
pub(crate) struct Record {
    at: Millis,
    actor: Actor,
    showing: Showing,
}

impl Row for Record {
    type Answer = ();
    type Error = Error;

    async fn write(&self, tx: &mut Tx) -> Result<(), Error> {
        audit::record(tx, self.at, &self.actor, &self.showing).await?;
        Ok(())
    }

    async fn write_all(rows: &[Arc<Self>], tx: &mut Tx) -> Result<Vec<()>, Undone> {
        let acts: Vec<_> = rows.iter().map(|row| (row.at, &row.actor, row.showing.clone())).collect();
        audit::record_each(tx, &acts).await?;
        Ok(vec![(); rows.len()])
    }
}

/// Records what a face shows. When this returns it is in the record, or, where that was set, will be within a second.
pub(crate) async fn record(register: &Register, actor: Actor, showing: Showing) -> Result<(), Error> {
    let records = register.records();
    let row = Record { at: register.now(), actor, showing };
    if register.config.reads_recorded == ReadsRecorded::BeforeAnswer {
        return records.write(row).await;
    }
    let waiting = records.begin(row)?;
    tokio::spawn(async move {
        if let Err(error) = waiting.await {
            metrics::counter!("directory_reads_unrecorded_total").increment(1);
            tracing::error!(%error, "whom people were shown could not be recorded: {error}");
        }
    });
    Ok(())
}
