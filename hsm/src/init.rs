//! Initialising a token.

use std::path::Path;
use std::time::Duration;

use cryptoki::context::Pkcs11;
use cryptoki::error::Error as Pkcs11Error;
use cryptoki::session::UserType;
use cryptoki::slot::TokenInfo;

use crate::busy::Busy;
use crate::failure::describe;
use crate::library::Library;
use crate::{Error, Pin};

/// Initialises a free slot of the module as a token with this label and these PINs. Refuses a label that exists, and
/// never touches an initialised token.
///
/// It blocks: call it from the command line or a blocking thread.
pub fn init_token(module: &Path, label: &str, so_pin: &Pin, user_pin: &Pin) -> Result<(), Error> {
    let library = Library::load(module)?;
    let (_inside, _) = library
        .enter_started(&Busy::new(), Duration::from_secs(5))
        .map_err(crate::failure::Failure::into_error)?;
    let pkcs11 = library.pkcs11();
    let mut free = None;
    for slot in pkcs11.get_slots_with_token().map_err(token_error)? {
        let info = pkcs11.get_token_info(slot).map_err(token_error)?;
        if info.token_initialized() && info.label() == label {
            return Err(Error::TokenExists { label: label.to_owned() });
        }
        if !info.token_initialized() {
            free = free.or(Some(slot));
        }
    }
    let slot =
        free.ok_or_else(|| Error::NotSupported { what: "another token: no slot is free".to_owned() })?;
    pkcs11.init_token(slot, &so_pin.auth(), label).map_err(token_error)?;
    set_user_pin(pkcs11, label, so_pin, user_pin)
}

/// Whether the module has an initialised token with this label. It needs no PIN, and blocks as [`init_token`] does.
pub fn token_exists(module: &Path, label: &str) -> Result<bool, Error> {
    let library = Library::load(module)?;
    let (_inside, _) = library
        .enter_started(&Busy::new(), Duration::from_secs(5))
        .map_err(crate::failure::Failure::into_error)?;
    Ok(labelled(library.pkcs11(), label)?.is_some())
}

/// Whether the module has an initialised token with this label, and nobody a PIN to use it with yet: whoever made it broke off. It needs no
/// PIN, and blocks as [`init_token`] does.
pub fn token_lacks_pin(module: &Path, label: &str) -> Result<bool, Error> {
    let library = Library::load(module)?;
    let (_inside, _) = library
        .enter_started(&Busy::new(), Duration::from_secs(5))
        .map_err(crate::failure::Failure::into_error)?;
    Ok(labelled(library.pkcs11(), label)?.is_some_and(|info| !info.user_pin_initialized()))
}

/// Gives such a token the PIN to use it with. Refuses one that has it, and blocks as [`init_token`] does.
pub fn finish_token(module: &Path, label: &str, so_pin: &Pin, user_pin: &Pin) -> Result<(), Error> {
    let library = Library::load(module)?;
    let (_inside, _) = library
        .enter_started(&Busy::new(), Duration::from_secs(5))
        .map_err(crate::failure::Failure::into_error)?;
    let pkcs11 = library.pkcs11();
    if labelled(pkcs11, label)?.is_some_and(|info| info.user_pin_initialized()) {
        return Err(Error::TokenExists { label: label.to_owned() });
    }
    set_user_pin(pkcs11, label, so_pin, user_pin)
}

/// What the initialised token with this label says of itself.
fn labelled(pkcs11: &Pkcs11, label: &str) -> Result<Option<TokenInfo>, Error> {
    for slot in pkcs11.get_slots_with_token().map_err(token_error)? {
        let info = pkcs11.get_token_info(slot).map_err(token_error)?;
        if info.token_initialized() && info.label() == label {
            return Ok(Some(info));
        }
    }
    Ok(None)
}

/// The slot is looked up again: a token may move to another one when it is initialised.
fn set_user_pin(pkcs11: &Pkcs11, label: &str, so_pin: &Pin, user_pin: &Pin) -> Result<(), Error> {
    for slot in pkcs11.get_slots_with_token().map_err(token_error)? {
        let info = pkcs11.get_token_info(slot).map_err(token_error)?;
        if !info.token_initialized() || info.label() != label {
            continue;
        }
        let session = pkcs11.open_rw_session(slot).map_err(token_error)?;
        session.login(UserType::So, Some(&so_pin.auth())).map_err(token_error)?;
        session.init_pin(&user_pin.auth()).map_err(token_error)?;
        return session.logout().map_err(token_error);
    }
    Err(Error::TokenNotFound { label: label.to_owned() })
}

fn token_error(error: Pkcs11Error) -> Error {
    describe(error).1
}
