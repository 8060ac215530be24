//! Authorising by being there: the API of the Cloud Signature Consortium asks a person on our own page.
//!
//! Two roads lead to that page. A request for an access token (OAuth 2.0 with the details of RFC 9396, CSC API v2, 8.4) is known to
//! sign-in, which sends the browser here before it gives a code; or a client asks with `credentials/authorize` and is given a handle, with
//! which it asks again while the person decides. Either way they are shown what is to be signed, prove to be there, and what their
//! authenticator answers is bound to one hash over application, person, credential, documents and end ([`binding`]). Consent is one
//! transaction, which gives an authorisation for exactly these documents (SCAL2).

mod begin;
mod binding;
mod check;
mod decide;
mod handle;

pub(crate) use begin::{Apart, of_token, set_apart};
pub(crate) use binding::{Bound, binding, binding_before, binding_of, bound_description, hashes, is_current};
pub(crate) use check::{Checked, check};
pub(crate) use decide::{answer, ask, cancel, finish, of_person};

use audit::Actor;

use crate::store::consents::ConsentRow;

/// How many of one client may wait for one person.
const MOST_WAITING: i64 = 20;

/// Who acts: its person, through the application, in their session if that is known.
fn actor(row: &ConsentRow) -> Actor {
    Actor {
        kind: "person".to_owned(),
        subject: row.user_id.clone(),
        client: Some(row.client.clone()),
        organisation: None,
        role_profile: None,
        session: row.session.clone(),
    }
}
