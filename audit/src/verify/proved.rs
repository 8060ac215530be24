//! One entry with its proof, as it lies in a bundle of evidence.

use base64::prelude::{BASE64_STANDARD, Engine};
use tlog_tiles::{Hash, check_record};

use super::Finding;
use crate::api::{Entry, InclusionProof};
use crate::canonical;
use crate::checkpoint::{TreeHead, VerifierKey};
use crate::leaf::{self, LENGTH};

/// Proves from the verifier key alone that an entry is in the signed tree; the head of that tree.
pub fn entry(entry: &Entry, proof: &InclusionProof, key: &VerifierKey) -> Result<TreeHead, Finding> {
    let wrong = |what: String| Finding { place: format!("entry {}", entry.position), what };
    let head = key.open(&proof.checkpoint).map_err(|error| wrong(error.to_string()))?;
    if head.size != proof.size || proof.position != entry.position {
        return Err(wrong(
            "the proof is of another entry, or of another tree than its checkpoint".to_owned(),
        ));
    }
    let salt = BASE64_STANDARD.decode(&entry.salt).ok().and_then(|salt| salt.try_into().ok());
    let salt: [u8; LENGTH] = salt.ok_or_else(|| wrong("its salt is not 32 octets in base64".to_owned()))?;
    let record = canonical::bytes(&entry.record).map_err(|error| wrong(error.to_string()))?;
    let hash =
        |text: &String| BASE64_STANDARD.decode(text).ok().and_then(|octets| octets.try_into().ok()).map(Hash);
    let path: Option<Vec<Hash>> = proof.path.iter().map(hash).collect();
    let path = path.ok_or_else(|| wrong("a hash of its proof is not 32 octets in base64".to_owned()))?;
    let leaf = leaf::leaf_hash(&leaf::commitment(&salt, &record));
    check_record(&path, head.size, head.root, entry.position, leaf)
        .map_err(|_| wrong("salt and record are not in the tree of the checkpoint".to_owned()))?;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use hsm::Alg;
    use hsm::testing::TestToken;
    use serde_json::json;
    use tlog_tiles::record_hash;

    use super::*;
    use crate::checkpoint::sign;

    /// An entry is proved by its key; a changed record, salt, proof, checkpoint or key is not.
    #[tokio::test]
    async fn an_entry_is_proved() {
        let token = TestToken::new();
        let hsm = token.hsm().await;
        let key = hsm.generate("log", Alg::Ed25519).await.unwrap();
        let verifier = VerifierKey::of("audit.test/lanyard", &key).unwrap();
        let salt = [7; LENGTH];
        let record = json!({"b": 1, "a": "x"});
        let leaf = leaf::leaf_hash(&leaf::commitment(&salt, &canonical::bytes(&record).unwrap()));
        let other = record_hash(b"other");
        let mut edge = crate::tree::Edge::default();
        edge.append(other, |_| {});
        edge.append(leaf, |_| {});
        let note = sign(&verifier, &TreeHead { size: 2, root: edge.root() }, &key).await.unwrap();
        let good = Entry { position: 1, salt: BASE64_STANDARD.encode(salt), record };
        let proof = InclusionProof {
            log_epoch: 1,
            origin: verifier.origin().to_owned(),
            position: 1,
            commitment: String::new(),
            size: 2,
            path: vec![other.to_string()],
            checkpoint: note,
        };
        assert_eq!(entry(&good, &proof, &verifier).unwrap().size, 2);
        let changed = Entry { record: json!({"b": 2, "a": "x"}), ..good.clone() };
        assert!(entry(&changed, &proof, &verifier).is_err());
        let salted = Entry { salt: BASE64_STANDARD.encode([8; LENGTH]), ..good.clone() };
        assert!(entry(&salted, &proof, &verifier).is_err());
        let moved = InclusionProof { position: 0, ..proof.clone() };
        assert!(entry(&good, &moved, &verifier).is_err());
        let short = InclusionProof { path: vec![], ..proof.clone() };
        assert!(entry(&good, &short, &verifier).is_err());
        let unsigned =
            InclusionProof { checkpoint: proof.checkpoint.replace("\n2\n", "\n3\n"), ..proof.clone() };
        assert!(entry(&good, &unsigned, &verifier).is_err());
        let stranger = VerifierKey::from_public("audit.test/lanyard", &[9; 32]).unwrap();
        assert!(entry(&good, &proof, &stranger).is_err());
    }
}
