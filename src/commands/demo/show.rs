//! The main act: a prescription is signed, lies in `out/` with all that a stranger needs, and is verified there.

use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signer::api::Credential;
use zeroize::Zeroizing;

use super::openssl;
use super::people::USER_ID;
use super::places::Places;
use crate::client::Server;
use crate::files::{self, Readers};
use crate::keypair::pem;
use crate::signing::{self, Envelope};
use crate::terminal::Outcome;

/// An invented prescription in the shape of a FHIR prescription-order message.
const PRESCRIPTION: &str = include_str!("../../../fixtures/prescription.json");
/// What an attacker would like: ten times the capsules.
const CHANGED: (&str, &str) = ("\"value\": 21,", "\"value\": 210,");
/// The authorities above the signer, whose revocation lists a verifier needs.
const LISTS: [&str; 2] = ["root", "remote-signing"];

/// Signs the prescription as the prescribing system, and leaves it with its signature in `out/`.
pub(super) async fn sign(
    system: &Server,
    made: &Credential,
    passphrase: &Zeroizing<String>,
    places: &Places,
) -> anyhow::Result<Outcome> {
    let credential = signing::credential(system, USER_ID, Some(made.credential_id.as_str())).await?;
    let document = PRESCRIPTION.as_bytes().to_vec();
    let documents = [document];
    let signatures = signing::sign(system, &credential, passphrase, &documents, Envelope::Detached).await?;
    let signature = signatures.first().context("the server answered no signature")?;
    files::write(&places.out_file("prescription.json"), &documents[0], Readers::Everyone)?;
    files::write(&places.out_file("prescription.p7s"), signature, Readers::Everyone)?;
    leave_chain(&credential.certificates, places)?;
    Ok(Outcome::Done(format!("{} octets of CMS", signature.len())))
}

/// `root.pem` and `chain.pem` from the chain the server gave, the signer first and the root last.
fn leave_chain(certificates: &[String], places: &Places) -> anyhow::Result<()> {
    let [_signer, between @ .., root] = certificates else {
        bail!("the server gave {} certificates, not a chain", certificates.len());
    };
    let between: String = between.iter().map(|text| pem("CERTIFICATE", text)).collect();
    files::write(&places.out_file("chain.pem"), between.as_bytes(), Readers::Everyone)?;
    files::write(&places.out_file("root.pem"), pem("CERTIFICATE", root).as_bytes(), Readers::Everyone)
}

/// Fetches the revocation lists over plain HTTP, as any verifier would, and lays them beside the root.
pub(super) async fn fetch_lists(base: &str, places: &Places) -> anyhow::Result<Outcome> {
    let http = reqwest::Client::builder().no_proxy().build().context("could not prepare a client")?;
    let mut trust = files::read_text(&places.out_file("root.pem"))?;
    for id in LISTS {
        let url = format!("{base}/crl/{id}.crl");
        let answer = http.get(&url).send().await.and_then(reqwest::Response::error_for_status);
        let list = match answer {
            Ok(answer) => answer.bytes().await.with_context(|| format!("{url} broke off"))?,
            Err(error) => bail!("could not fetch {url}: {error}"),
        };
        files::write(&places.out_file(&format!("{id}.crl")), &list, Readers::Everyone)?;
        trust.push_str(&pem("X509 CRL", &STANDARD.encode(&list)));
    }
    files::write(&places.out_file("trust.pem"), trust.as_bytes(), Readers::Everyone)?;
    Ok(Outcome::Done(format!("{} from {base}/crl/", LISTS.map(|id| format!("{id}.crl")).join(", "))))
}

/// openssl accepts the signature.
pub(super) fn verify(places: &Places) -> anyhow::Result<Outcome> {
    match openssl::verify(&places.out(), "prescription.json")? {
        Ok(()) => Ok(Outcome::Done("CMS verification successful".to_owned())),
        Err(said) => bail!("openssl does not accept the signature:\n{said}"),
    }
}

/// openssl refuses the same signature over a prescription with ten times the quantity.
pub(super) fn verify_changed(places: &Places) -> anyhow::Result<Outcome> {
    let name = "prescription-changed.json";
    let changed = PRESCRIPTION.replacen(CHANGED.0, CHANGED.1, 1);
    if changed == PRESCRIPTION {
        bail!("the prescription to change has no quantity {}", CHANGED.0);
    }
    files::write(&places.out_file(name), changed.as_bytes(), Readers::Everyone)?;
    match openssl::verify(&places.out(), name)? {
        Err(said) if said.contains("digest") || said.contains("verification failure") => {
            Ok(Outcome::Done("refused: the digest does not match".to_owned()))
        }
        Err(said) => bail!("openssl refused the changed prescription, but for another reason:\n{said}"),
        Ok(()) => bail!("openssl accepted a changed prescription"),
    }
}

/// The log of acts also has a home for whoever wants to read on.
pub(super) fn where_to_look(out: &Path) -> Vec<(&'static str, String)> {
    [
        ("the prescription", "prescription.json"),
        ("its signature", "prescription.p7s"),
        ("the root", "root.pem"),
        ("the chain", "chain.pem"),
        ("revocation lists", "*.crl"),
    ]
    .map(|(what, file)| (what, out.join(file).display().to_string()))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The prescription is JSON, names the demo's prescriber, and its patient is of the test range.
    #[test]
    fn the_prescription_is_invented() {
        let bundle: serde_json::Value = serde_json::from_str(PRESCRIPTION).unwrap();
        assert_eq!(bundle["resourceType"], "Bundle");
        assert_eq!(bundle["type"], "message");
        assert!(PRESCRIPTION.contains(USER_ID));
        assert!(PRESCRIPTION.contains("\"value\": \"9990548609\""));
        assert_ne!(PRESCRIPTION.replacen(CHANGED.0, CHANGED.1, 1), PRESCRIPTION);
    }
}
