//! The Cloud Signature Consortium API v2, one file for the methods that belong together, and version 1 in one.

mod answer;
mod around;
pub(super) mod authorize;
pub(super) mod credentials;
mod fields;
pub(super) mod info;
mod known;
mod member;
pub(super) mod polling;
pub(super) mod sign_doc;
mod sign_doc_body;
pub(super) mod sign_hash;
#[cfg(test)]
mod table;
pub(super) mod timestamp;
pub(super) mod v1;

use answer::CscAnswer;
pub use around::CscWords;
pub(super) use authorize::{authorize, authorize_check, challenge, extend};
pub(super) use credentials::{credentials_info, credentials_list};
use fields::Fields;
pub(super) use info::{info, not_implemented};
pub(crate) use known::Known;
pub(super) use polling::poll;
pub(super) use sign_doc::sign_doc;
pub(super) use sign_hash::sign_hash;
pub(super) use timestamp::timestamp;
