//! Signing in with a card: a challenge that the agent has the card sign, and what it tells of the card afterwards.
//!
//! The page that signs somebody in stands between server and agent: it asks the server for a [`Challenge`], gives that to the agent
//! (`POST /sign-in` on the workstation itself), brings the [`Answer`] back, and gives the agent the [`Watch`] that came of it
//! (`POST /watch`). The agent looks at the `Origin` that the browser says: it signs for [`Challenge::server`] alone, so that a page
//! elsewhere cannot have a card sign for it. When the card is taken out, the agent sends a [`Removed`] to [`Watch::address`].
//!
//! Where a card signed in without the agent, by TLS, the page gives the agent a [`Watch`] all the same, with [`Watch::certificate`]: the
//! agent watches the card in its readers that has this certificate, and refuses (404) where none has.

use serde::{Deserialize, Serialize};

/// The version of these messages.
pub const VERSION: u32 = 1;
/// The first line of what is signed, so that no signature made for anything else can stand for one of these, and none of these for
/// anything else: what TLS has signed begins with blanks.
const PURPOSE: &str = "lanyard card sign-in 1";
/// The longest text in a challenge.
const LONGEST: usize = 500;

/// What the server asks a card to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// [`VERSION`].
    pub version: u32,
    /// The origin of the server that asks. The agent signs only what this very origin brings.
    pub server: String,
    /// The service that is signed in to, by its client id.
    pub client: String,
    /// The same as people know it: the agent shows it.
    pub service: String,
    /// The request that is signed in for.
    pub interaction: String,
    /// 256 random bits in base64url.
    pub nonce: String,
    /// Until when an answer is taken, in milliseconds since 1970.
    pub expires_at: i64,
}

/// Why a challenge is not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAChallenge;

impl Challenge {
    /// The octets that the card's key signs, whatever hash its algorithm has: one line for each member.
    ///
    /// A challenge of another version, or with a member that is no line, is none.
    pub fn message(&self) -> Result<Vec<u8>, NotAChallenge> {
        let end = self.expires_at.to_string();
        let lines = [&self.server, &self.client, &self.service, &self.interaction, &self.nonce, &end];
        let plain =
            |line: &&String| !line.is_empty() && line.len() <= LONGEST && !line.chars().any(char::is_control);
        if self.version != VERSION || !lines.iter().all(plain) {
            return Err(NotAChallenge);
        }
        let mut message = String::from(PURPOSE);
        for line in lines {
            message.push('\n');
            message.push_str(line);
        }
        Ok(message.into_bytes())
    }
}

/// How the key on a card signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256; the signature is DER.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384 with SHA-384; the signature is DER.
    #[serde(rename = "ES384")]
    Es384,
    /// RSA with PKCS #1 v1.5 padding and SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
}

/// What a card answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The certificate of the key that signed, DER in base64.
    pub certificate: String,
    /// Certificates above it, if the card has any: at most four.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub above: Vec<String>,
    /// How it signed.
    pub algorithm: Algorithm,
    /// What it signed, base64.
    pub signature: String,
}

/// What the server answers when somebody is signed in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// Where the browser goes on.
    pub location: String,
    /// For the agent.
    pub watch: Watch,
}

/// By what the agent tells that a card was taken out. It does nothing else, for one session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Where to.
    pub address: String,
    /// The secret of this session's card.
    pub secret: String,
    /// SHA-256 of the card's certificate (DER), in hexadecimal; absent where the card has just signed for the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// The card was taken out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// [`Watch::secret`].
    pub secret: String,
    /// How many milliseconds before this was sent the card was taken out; absent where it was just now. Not a time: the clocks of
    /// workstations differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ago_ms: Option<u64>,
}

/// What the server did about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// What became of the session.
    pub session: Became,
}

/// What became of a session whose card was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Became {
    /// It has ended: the agent forgets the watch.
    Ended,
    /// It gives nobody anything until a card signs in again.
    Locked,
    /// It goes on as it was.
    Kept,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge() -> Challenge {
        Challenge {
            version: VERSION,
            server: "https://id.example.org".to_owned(),
            client: "records".to_owned(),
            service: "Shared records".to_owned(),
            interaction: "0192".to_owned(),
            nonce: "bm9uY2U".to_owned(),
            expires_at: 120_000,
        }
    }

    /// What is signed says everything that the challenge does, and no two challenges have the same.
    #[test]
    fn everything_is_signed() {
        let message = String::from_utf8(challenge().message().unwrap_or_default()).unwrap_or_default();
        let whole =
            "lanyard card sign-in 1\nhttps://id.example.org\nrecords\nShared records\n0192\nbm9uY2U\n120000";
        assert_eq!(message, whole);
        let changed: [fn(&mut Challenge); 6] = [
            |one| one.server.push('x'),
            |one| one.client.push('x'),
            |one| one.service.push('x'),
            |one| one.interaction.push('x'),
            |one| one.nonce.push('x'),
            |one| one.expires_at += 1,
        ];
        for change in changed {
            let mut other = challenge();
            change(&mut other);
            assert_ne!(other.message(), challenge().message());
        }
    }

    /// A member that could pass for two, an empty or endless one, and another version are not signed.
    #[test]
    fn lines_are_lines() {
        let changed: [fn(&mut Challenge); 4] = [
            |one| one.client = "records\nOther".to_owned(),
            |one| one.nonce = String::new(),
            |one| one.service = "x".repeat(LONGEST + 1),
            |one| one.version = 2,
        ];
        for change in changed {
            let mut other = challenge();
            change(&mut other);
            assert_eq!(other.message(), Err(NotAChallenge));
        }
    }
}
