//! Proving that an e-mail address is its holder's, before anybody signs in with it: by a code that is sent there.
//!
//! Whether an address is somebody's is told by the mailbox alone: whatever was typed, a code is sent, and only who reads it learns more.

use aws_lc_rs::rand::SecureRandom;
use directory::api::{Letter, ToldThere, Unproved, tell_there};
use platform::clock::Millis;
use platform::message::code::{COUNTED_OVER, LIFETIME, SENDINGS, TRIES};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::enrol::Proposed;
use crate::authenticator::AuthenticatorEvent;
use crate::enrolment::{Enrolment, EnrolmentId};
use crate::error::Error;
use crate::provider::Provider;
use crate::secret::sha256_hex;
use crate::session::holder;
use crate::store::ceremonies;

/// What codes are made of: five bits each, and nothing that is read as something else.
const SYMBOLS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// How many of them: 60 bits, of which the row has a hash, so that a copy of the database is of no use within the code's time.
const LENGTH: usize = 12;

/// An app that is added once its holder has shown a code.
#[derive(Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) proposed: Proposed,
    /// The hash of the code.
    hash: String,
    /// How often it can be tried still.
    tries: u32,
    /// Until when.
    until: i64,
}

impl Waiting {
    /// Whether this is the code.
    pub(super) fn is(&self, enrolment: &EnrolmentId, given: &str) -> bool {
        let given = hash(enrolment, &self.proposed.email, &typed(given));
        self.hash.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

/// The row in which it waits.
pub(super) fn ceremony(enrolment: &EnrolmentId) -> String {
    format!("app-address/{enrolment}")
}

/// A new code, as people read it.
fn code(random: &dyn SecureRandom) -> Result<Zeroizing<String>, Error> {
    let mut chance = Zeroizing::new([0_u8; LENGTH]);
    random.fill(&mut chance[..]).map_err(|_| Error::NoRandomness)?;
    let mut code = Zeroizing::new(String::with_capacity(LENGTH + 2));
    for (place, octet) in chance.iter().enumerate() {
        if place > 0 && place.is_multiple_of(4) {
            code.push('-');
        }
        code.push(char::from(SYMBOLS[usize::from(octet % 32)]));
    }
    Ok(code)
}

/// What was typed as a code, in the form in which it is hashed.
fn typed(text: &str) -> Zeroizing<String> {
    let plain = text.chars().filter(char::is_ascii_alphanumeric).take(LENGTH + 1);
    Zeroizing::new(plain.map(|symbol| symbol.to_ascii_uppercase()).collect())
}

/// What is kept of a code: it is good for one link and one address.
fn hash(enrolment: &EnrolmentId, email: &str, typed: &str) -> String {
    sha256_hex(Zeroizing::new(format!("address-code\n{enrolment}\n{email}\n{typed}")).as_bytes())
}

/// Sends a code to the address that somebody proposes. It takes the place of the one before.
pub(super) async fn ask(
    provider: &Provider,
    enrolment: &Enrolment,
    proposed: Proposed,
    now: Millis,
) -> Result<(), Error> {
    let code = code(&provider.random)?;
    let until = now.plus(LIFETIME);
    let to = Unproved { address: proposed.email.clone(), most: SENDINGS, since: now.minus(COUNTED_OVER) };
    let hash = hash(&enrolment.id, &to.address, &typed(&code));
    let waiting = Waiting { proposed, hash, tries: TRIES, until: until.0 };
    let state = serde_json::to_string(&waiting).map_err(Error::json)?;
    let (key, person, letter) = (ceremony(&enrolment.id), enrolment.person.clone(), letter(&code, until));
    let actor = holder(&enrolment.person, enrolment.session.as_ref());
    let event = AuthenticatorEvent::AddressCodeSent {
        enrolment: enrolment.id.to_string(),
        user: enrolment.person.to_string(),
    };
    let sent = provider.db.write(move |tx| {
        Box::pin(async move {
            match tell_there(tx, &person, &to, &letter, now).await? {
                ToldThere::Posted => {}
                ToldThere::Enough => {
                    let sentence =
                        "We have sent several codes there today. Use another address, or try again tomorrow.";
                    return Err(Error::field("email", sentence));
                }
                ToldThere::Full => return Err(Error::Busy),
            }
            ceremonies::put(tx, &key, None, &state, until).await?;
            audit::record(tx, now, &actor, &event).await?;
            Ok(())
        })
    });
    sent.await
}

fn letter(code: &str, until: Millis) -> Letter {
    let text = format!(
        "Your code is {code}.\n\nEnter it on the page on which you add an authenticator app. It shows that this address is yours, \
         and can be used for fifteen minutes. Nobody will ask you for it.\n\nIf you did not ask for a code, somebody gave this \
         address as theirs. You need do nothing: without the code nobody signs in with it.\n"
    );
    Letter { kind: "address-code", subject: "Your code".to_owned(), short: text.clone(), text, until }
}

/// What waits for a code of this link, and the text of its row.
pub(super) async fn sent(
    provider: &Provider,
    enrolment: &EnrolmentId,
    now: Millis,
) -> Result<Option<(String, Waiting)>, Error> {
    let Some(text) = ceremonies::look(provider.db.read(), &ceremony(enrolment), now).await? else {
        return Ok(None);
    };
    let waiting = serde_json::from_str(&text).map_err(Error::json)?;
    Ok(Some((text, waiting)))
}

/// The address to which a code of this link was sent.
pub(crate) async fn asked(
    provider: &Provider,
    enrolment: &Enrolment,
    now: Millis,
) -> Result<Option<String>, Error> {
    Ok(sent(provider, &enrolment.id, now).await?.map(|(_, waiting)| waiting.proposed.email))
}

/// Counts a wrong code, and says what to tell. After the last the code is good for nothing.
pub(super) async fn wrong(
    provider: &Provider,
    enrolment: &Enrolment,
    (text, waiting): (String, Waiting),
    now: Millis,
) -> Result<Error, Error> {
    let left = waiting.tries.saturating_sub(1);
    let until = Millis(waiting.until);
    let state = serde_json::to_string(&Waiting { tries: left, ..waiting }).map_err(Error::json)?;
    let key = ceremony(&enrolment.id);
    let actor = holder(&enrolment.person, enrolment.session.as_ref());
    let event = AuthenticatorEvent::AddressCodeRefused {
        enrolment: enrolment.id.to_string(),
        user: enrolment.person.to_string(),
        left,
    };
    let counted = provider.db.write(move |tx| {
        Box::pin(async move {
            // Of many at once each is counted: the others find that it was, and are not looked at.
            if !ceremonies::take(tx, &key, &text, now).await? {
                return Ok(Error::field("proof", "Enter the code again, one at a time."));
            }
            audit::record(tx, now, &actor, &event).await?;
            if left == 0 {
                let sentence =
                    "The code was wrong too often. Go back to your link, and have another one sent.";
                return Ok(Error::conflict("address-code-spent", sentence));
            }
            ceremonies::put(tx, &key, None, &state, until).await?;
            Ok(Error::field("proof", "The code is not right. Enter the newest that we have sent to you."))
        })
    });
    counted.await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes are read as people type them, and are good for one link and one address.
    #[test]
    fn codes_are_read() {
        let code = code(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        assert_eq!((code.len(), code.matches('-').count()), (14, 2), "{}", code.as_str());
        assert!(!code.contains(['0', 'O', '1', 'I']));
        let plain = typed(&code);
        assert_eq!((plain.len(), typed(&format!(" {} ", code.to_lowercase()))), (LENGTH, plain.clone()));
        let (one, other) = (EnrolmentId::new(Millis(1)), EnrolmentId::new(Millis(2)));
        let kept = hash(&one, "a@example.org", &plain);
        assert_eq!(kept, hash(&one, "a@example.org", &typed(&code)));
        for another in [
            hash(&other, "a@example.org", &plain),
            hash(&one, "b@example.org", &plain),
            hash(&one, "a@example.org", &plain[1..]),
        ] {
            assert_ne!(kept, another);
        }
        assert!(letter(&code, Millis(1)).text.contains(code.as_str()));
    }
}
