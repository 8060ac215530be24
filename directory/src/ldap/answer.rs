//! What is answered: results with sentences that say what to do.

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapBindResponse, LdapExtendedResponse, LdapMsg, LdapOp, LdapResult, LdapResultCode as Code,
};

use super::dn::Dn;
use crate::error::Error;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) message: String,
    /// The nearest entry above that there is.
    pub(super) matched: String,
}

impl Refusal {
    /// A refusal with a sentence.
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), matched: String::new() }
    }

    /// There is no such entry; this is the nearest one above.
    pub(super) fn no_such(matched: &Dn) -> Self {
        Self { matched: matched.to_string(), ..Self::new(Code::NoSuchObject, "There is no such entry.") }
    }

    /// The result.
    pub(super) fn result(self) -> LdapResult {
        LdapResult { code: self.code, matcheddn: self.matched, message: self.message, referral: Vec::new() }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy { sentence } => Self::new(Code::Busy, sentence),
            Error::Conflict { sentence, .. } => Self::new(Code::Busy, sentence),
            Error::NotAllowed { sentence, .. } => Self::new(Code::InsufficentAccessRights, sentence),
            Error::JournalUnwritten(cause) => {
                tracing::error!(error = %cause, "a read could not be kept in the journal of reads: {cause}");
                let sentence =
                    "It could not be recorded whom this shows, so it is not answered. Try again shortly.";
                Self::new(Code::Unavailable, sentence)
            }
            other => {
                // Logged once, here where it ends; outside nothing of it is shown.
                tracing::error!(error = %other, "the directory could not be read: {other}");
                Self::new(Code::Other, "Something went wrong on the server. It has been logged.")
            }
        }
    }
}

/// It was done.
pub(super) fn success() -> LdapResult {
    Refusal::new(Code::Success, "").result()
}

/// A message without controls.
pub(super) fn message(msgid: i32, op: LdapOp) -> LdapMsg {
    LdapMsg { msgid, op, ctrl: Vec::new() }
}

/// The end of a search.
pub(super) fn done(msgid: i32, result: LdapResult, ctrl: Vec<LdapControl>) -> LdapMsg {
    LdapMsg { msgid, op: LdapOp::SearchResultDone(result), ctrl }
}

/// The answer to an extended operation.
pub(super) fn extended(msgid: i32, res: LdapResult, name: Option<&str>, value: Option<Vec<u8>>) -> LdapMsg {
    message(
        msgid,
        LdapOp::ExtendedResponse(LdapExtendedResponse { res, name: name.map(str::to_owned), value }),
    )
}

/// The answer to a bind.
pub(super) fn bound(msgid: i32, res: LdapResult) -> LdapMsg {
    message(msgid, LdapOp::BindResponse(LdapBindResponse { res, saslcreds: None }))
}

/// What is said before a connection is ended by the server. RFC 4511 4.4.1.
pub(super) fn disconnection(refusal: Refusal) -> LdapMsg {
    extended(0, refusal.result(), Some("1.3.6.1.4.1.1466.20036"), None)
}

/// The answer to a request with this tag; none where the protocol has none.
pub(super) fn of(msgid: i32, tag: u8, result: LdapResult) -> Option<LdapMsg> {
    Some(match tag {
        0x60 => bound(msgid, result),
        0x63 => done(msgid, result, Vec::new()),
        0x66 => message(msgid, LdapOp::ModifyResponse(result)),
        0x68 => message(msgid, LdapOp::AddResponse(result)),
        0x4a => message(msgid, LdapOp::DelResponse(result)),
        0x6c => message(msgid, LdapOp::ModifyDNResponse(result)),
        0x6e => message(msgid, LdapOp::CompareResult(result)),
        0x77 => extended(msgid, result, None, None),
        _ => return None,
    })
}
