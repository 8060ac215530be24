//! `lanyard ceremony`: every key the installation needs, the root and the authorities, with a transcript.

mod offline;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ca::ceremony::Specification;
use hsm::{Alg, Hsm};

use crate::cli::Ceremony;
use crate::config::{Config, Purpose};
use crate::files::{self, Readers};
use crate::terminal::{Outcome, line};
use crate::wiring::Foundation;

/// The first version of the key under which people's keys are wrapped.
const WRAPPING_VERSION: u32 = 1;
/// The first master key of cards.
const DIVERSIFYING_VERSION: u32 = 1;

/// What stands in the specification of a demonstration.
const DEMONSTRATION: &str = "# In the name of every authority, for ever: nothing that these certify is true, and sign-in may be a sandbox.\n\
                             purpose = \"demonstration\"\n";

/// A specification in the names of an organisation, to be read and changed before the ceremony.
pub fn specification(organisation: &str, purpose: Purpose) -> String {
    let named = format!("organisation = {}", toml::Value::String(organisation.to_owned()));
    let named = Specification::STANDARD.replace("organisation = \"Lanyard\"", &named);
    match purpose {
        Purpose::Work => named,
        // Before every table.
        Purpose::Demonstration => named.replacen("[root]\n", &format!("{DEMONSTRATION}\n[root]\n"), 1),
    }
}

/// Holds the ceremony of a specification file.
pub async fn run(config: Config, options: &Ceremony) -> anyhow::Result<()> {
    if let Some(act) = &options.act {
        return offline::run(config, act).await;
    }
    let spec = options.spec.as_deref().context("name the specification with --spec")?;
    let foundation = Foundation::open(config).await?;
    let outcome = hold(&foundation, spec, options.transcript.as_deref(), line_of_transcript).await;
    foundation.close().await;
    match outcome? {
        Outcome::Done(what) => line(format_args!("The ceremony is over: {what}")),
        Outcome::InPlace(_) => bail!("the ceremony was held already; an authority is made once"),
    }
    Ok(())
}

fn line_of_transcript(text: &str) {
    line(text);
}

/// Makes the keys and holds the ceremony, or takes one up that broke off. Keeps the transcript beside the
/// specification unless another place is named.
pub async fn hold(
    foundation: &Foundation,
    file: &Path,
    transcript: Option<&Path>,
    tell: impl FnMut(&str) + Send,
) -> anyhow::Result<Outcome> {
    let specification = Specification::parse(&files::read_text(file)?)
        .with_context(|| format!("{} cannot be used", file.display()))?;
    let kept = transcript.map_or_else(|| beside(file), Path::to_owned);
    let _alone = foundation
        .db
        .exclusively("ceremony")
        .await
        .context("whether another ceremony is under way could not be seen")?
        .context("another ceremony of this installation is under way; wait until it has ended")?;
    keys(&foundation.hsm, &foundation.config.audit.key).await?;
    // Opened first, so that the beginning of the record is its first entry and the ceremony follows.
    foundation.log().await?;
    let held = ca::ceremony::hold(
        &specification,
        foundation.config.ca.clone(),
        &foundation.hsm,
        foundation.db.clone(),
        foundation.clock.clone(),
        foundation.high_water.clone(),
        tell,
    )
    .await;
    let outcome = match held {
        Ok(_) => Outcome::Done(kept.display().to_string()),
        Err(ca::Error::CeremonyHeld) => Outcome::InPlace(kept.display().to_string()),
        Err(error) => return Err(error).context("the ceremony broke off; run it again to take it up"),
    };
    if outcome == Outcome::Done(kept.display().to_string()) || !kept.exists() {
        // From the database: a crash before this line loses nothing of it.
        let text =
            ca::ceremony::transcript(&foundation.db).await.context("the transcript could not be read")?;
        files::write(&kept, text.to_string().as_bytes(), Readers::Everyone)?;
    }
    for (id, request) in ca::ceremony::requests(&foundation.db).await? {
        files::write(&kept.with_file_name(format!("{id}.csr")), request.as_bytes(), Readers::Everyone)?;
    }
    Ok(outcome)
}

fn beside(file: &Path) -> PathBuf {
    file.with_extension("transcript")
}

/// The keys that no certificate names: those of the audit record, of wrapping and of cards.
async fn keys(hsm: &Hsm, audit: &str) -> anyhow::Result<()> {
    match hsm.generate(audit, Alg::Ed25519).await {
        Ok(_) | Err(hsm::Error::LabelInUse { .. }) => {}
        Err(error) => return Err(error).context("the key of the audit record could not be made"),
    }
    match hsm.create_wrapping_key(WRAPPING_VERSION).await {
        Ok(()) | Err(hsm::Error::LabelInUse { .. }) => {}
        Err(error) => return Err(error).context("the key that wraps others could not be made"),
    }
    match hsm.create_diversifying_key(DIVERSIFYING_VERSION).await {
        Ok(()) | Err(hsm::Error::LabelInUse { .. }) => Ok(()),
        Err(error) => Err(error).context("the master key of cards could not be made"),
    }
}
