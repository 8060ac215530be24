//! Prescriptions to be prepared.

use std::path::Path;

use anyhow::{Context, ensure};
use lanyard::keypair::Pair;
use signer::api::Prepared;

use crate::SYSTEM;
use crate::rig::load::Load;
use crate::rig::site::Site;

/// How many in a round.
const PRESCRIPTIONS: usize = 6_000;
/// What makes each another one: the number of the prescription, which is signed.
const NUMBER: &str = "7a1c0000-0000-4000-8000-000000000014";
/// The role profile of its author, and one that the register of the bench does not have, so that anybody may sign it.
const AUTHOR: (&str, &str) = ("555000000203", "999999999999");

/// Prescriptions that no other round has.
pub(crate) fn load(site: &Site, round: usize) -> anyhow::Result<Load> {
    let pair = Pair::in_folder(&site.folder().join("clients"), SYSTEM);
    Ok(Load {
        client: site.loader(&pair)?,
        url: format!("{}/signer/prescriptions/prepare", site.base()),
        kind: "application/fhir+json",
        bodies: bodies(round, PRESCRIPTIONS)?,
        check: |answer| payload(answer).map(|_| 1),
        things: 1,
    })
}

/// So many prescriptions.
pub(crate) fn bodies(round: usize, many: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/prescription.json");
    let sample = std::fs::read_to_string(sample).context("the sample does not read")?;
    ensure!(sample.contains(NUMBER) && sample.contains(AUTHOR.0), "the sample is another one");
    let sample = sample.replace(AUTHOR.0, AUTHOR.1);
    let body = |index: usize| {
        sample.replace(NUMBER, &format!("7a1c0000-0000-4000-{:04x}-{index:012x}", 0x8000 + round))
    };
    Ok((0..many).map(|index| body(index).into_bytes()).collect())
}

/// What is to be signed of a prescription, as prepare answered it.
pub(crate) fn payload(answer: &[u8]) -> anyhow::Result<String> {
    let answer: Prepared = serde_json::from_slice(answer)?;
    ensure!(answer.value("algorithm") == Some("RS256"), "it was prepared for another algorithm");
    Ok(answer.value("digest").context("no digest was answered")?.to_owned())
}
