//! The `add-checkpoint` call. C2SP tlog-witness.

use std::time::Duration;

use tlog_tiles::Hash;

use crate::error::Error;

/// The longest answer that is read: a few signature lines.
const LONGEST_ANSWER: usize = 16 * 1024;

/// Why a witness did not cosign.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Its verifier key does not read.
    #[error("the witness key {0:?} does not read: it must be NAME+HASH+KEY of a cosignature key")]
    KeyMalformed(String),
    /// It could not be reached in time.
    #[error("the witness could not be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It holds another size than we thought. 409.
    #[error("the witness holds a tree of {0} entries")]
    Holds(u64),
    /// It holds a tree that ours does not continue. 422.
    #[error("the witness says that the log is not consistent with what it has seen")]
    Inconsistent,
    /// It does not know the log or its key. 403 and 404.
    #[error("the witness does not know this log or its key (status {0}): give it the verifier key")]
    UnknownLog(u16),
    /// It answered something else.
    #[error("the witness answered with status {0}")]
    Refused(u16),
    /// Its answer holds no cosignature of its key.
    #[error("the witness answered without a valid cosignature of its key")]
    NotCosigned,
    /// The checkpoint or the proof could not be read here.
    #[error("the log could not be read for the witness")]
    Log(#[from] Error),
}

/// How one witness is spoken to.
pub struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    /// A client for a submission prefix; every call ends within `time_out`.
    pub fn new(prefix: &str, time_out: Duration) -> Result<Self, WitnessError> {
        let http = reqwest::Client::builder()
            .timeout(time_out)
            .connect_timeout(time_out)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(WitnessError::Unreachable)?;
        Ok(Self { http, url: format!("{}/add-checkpoint", prefix.trim_end_matches('/')) })
    }

    /// Show a checkpoint with the proof that it continues the tree of `old` leaves. Returns the signature lines.
    pub async fn add_checkpoint(&self, old: u64, proof: &[Hash], note: &str) -> Result<String, WitnessError> {
        let mut body = format!("old {old}\n");
        for hash in proof {
            body.push_str(&hash.to_string());
            body.push('\n');
        }
        body.push('\n');
        body.push_str(note);
        let answer = self.http.post(&self.url).body(body).send().await.map_err(WitnessError::Unreachable)?;
        let status = answer.status().as_u16();
        let text = bounded_text(answer).await?;
        match status {
            200 => Ok(text),
            409 => Err(text.trim().parse().map_or(WitnessError::Refused(409), WitnessError::Holds)),
            422 => Err(WitnessError::Inconsistent),
            403 | 404 => Err(WitnessError::UnknownLog(status)),
            other => Err(WitnessError::Refused(other)),
        }
    }
}

async fn bounded_text(mut answer: reqwest::Response) -> Result<String, WitnessError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(WitnessError::Unreachable)? {
        if bytes.len() + chunk.len() > LONGEST_ANSWER {
            return Err(WitnessError::NotCosigned);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
