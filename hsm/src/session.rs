//! A logged-in session that one thread owns.

use std::sync::atomic::{AtomicU64, Ordering};

use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use cryptoki::session::Session as Pkcs11Session;
use cryptoki::slot::Slot;
use metrics::counter;

use crate::Error;
use crate::failure::Failure;
use crate::library::Library;

/// Searches made by this process.
static SEARCHES: AtomicU64 = AtomicU64::new(0);

/// How often this process searched a token for objects. It must not move while keys sign: a search is linear in the
/// number of objects.
pub(crate) fn searches() -> u64 {
    SEARCHES.load(Ordering::Relaxed)
}

/// The slot that holds the token with this label.
pub(crate) fn slot(library: &Library, label: &str) -> Result<Slot, Failure> {
    let pkcs11 = library.pkcs11();
    let holds = |slot: &Slot| {
        // A slot that does not answer must not hide the token in another.
        pkcs11.get_token_info(*slot).is_ok_and(|info| info.token_initialized() && info.label() == label)
    };
    let found: Vec<Slot> = pkcs11.get_slots_with_token()?.into_iter().filter(holds).collect();
    match found[..] {
        [slot] => Ok(slot),
        [] => Err(Failure::Token(Error::TokenNotFound { label: label.to_owned() })),
        _ => Err(Failure::Token(Error::TokenAmbiguous { label: label.to_owned() })),
    }
}

/// Opens a session that is not closed by being dropped: after a restart of the library its number may be another's.
pub(crate) fn open(library: &Library, slot: Slot) -> Result<Pkcs11Session, Failure> {
    Ok(library.pkcs11().open_rw_session_no_drop(slot)?)
}

/// The objects that match. Counted.
pub(crate) fn find(session: &Pkcs11Session, template: &[Attribute]) -> Result<Vec<ObjectHandle>, Failure> {
    SEARCHES.fetch_add(1, Ordering::Relaxed);
    counter!("hsm_find_objects_total").increment(1);
    Ok(session.find_objects(template)?)
}

/// The attributes asked for that the object has and shows.
pub(crate) fn attributes(
    session: &Pkcs11Session,
    object: ObjectHandle,
    types: &[AttributeType],
) -> Result<Vec<Attribute>, Failure> {
    Ok(session.get_attributes(object, types)?)
}
