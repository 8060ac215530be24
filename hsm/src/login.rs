//! Logging in: once, never in parallel, and never again with a PIN that was refused.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest;
use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::Slot;

use crate::failure::Failure;
use crate::token::Token;
use crate::{Error, TokenState};

/// Digests of module, label and PIN of every refusal in this process: three wrong PINs lock a token.
static REFUSED: Mutex<Option<HashSet<[u8; 32]>>> = Mutex::new(None);

/// Why a token could not be opened.
pub(crate) enum Refused {
    /// It may work later.
    Failed(Failure),
    /// The PIN is wrong or locked; trying again would do harm.
    Pin { state: TokenState, error: Error },
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused::Failed(failure)
    }
}

/// Logs the process in to the token, if it is not yet.
pub(crate) fn log_in(token: &Token, slot: Slot, session: &Session) -> Result<(), Refused> {
    let _one_at_a_time = token.library.login.lock().unwrap_or_else(PoisonError::into_inner);
    let label = || token.config.label.clone();
    let fingerprint = fingerprint(token);
    let pin_refused =
        || Refused::Pin { state: TokenState::PinRefused, error: Error::PinRefused { label: label() } };
    if refused(|refused| refused.contains(&fingerprint)) {
        return Err(pin_refused());
    }
    let state = session.get_session_info().map_err(Failure::from)?.session_state();
    if matches!(state, SessionState::RwUser | SessionState::RoUser) {
        return Ok(());
    }
    let info = token.library.pkcs11().get_token_info(slot).map_err(Failure::from)?;
    let locked = || Refused::Pin { state: TokenState::PinLocked, error: Error::PinLocked { label: label() } };
    if info.user_pin_locked() {
        return Err(locked());
    }
    if info.user_pin_final_try() {
        let error = Error::PinFinalTry { label: label() };
        return Err(Refused::Pin { state: TokenState::PinLocked, error });
    }
    match session.login(UserType::User, Some(&token.pin.auth())) {
        Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Pkcs11Error::Pkcs11(RvError::PinLocked, _)) => Err(locked()),
        Err(Pkcs11Error::Pkcs11(
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange | RvError::PinExpired,
            _,
        )) => {
            refused(|refused| refused.insert(fingerprint));
            Err(pin_refused())
        }
        Err(error) => Err(Failure::from(error).into()),
    }
}

/// Looks at the refusals. The lock is never held across a call to a token, which may hang.
fn refused<T>(look: impl FnOnce(&mut HashSet<[u8; 32]>) -> T) -> T {
    look(REFUSED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

fn fingerprint(token: &Token) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [
        token.config.module.as_os_str().as_encoded_bytes(),
        token.config.label.as_bytes(),
        token.pin.as_bytes(),
    ] {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(context.finish().as_ref());
    fingerprint
}
