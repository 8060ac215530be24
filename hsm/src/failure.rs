//! What an error from a token means for the session, the token and the call.

use std::cell::RefCell;
use std::sync::Arc;

use cryptoki::context::Function;
use cryptoki::error::{Error as Pkcs11Error, RvError};
use metrics::counter;

use crate::Error;

thread_local! {
    /// The token that this thread works with. A thread that calls one calls no other.
    static TOKEN: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// Says for which token the errors of this thread are counted.
pub(crate) fn works_with(token: &Arc<str>) {
    TOKEN.set(Some(Arc::clone(token)));
}

/// Why one attempt of a call failed, by what has to follow.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The call itself is at fault: tell the caller.
    Answer(Error),
    /// This token has not got the key: try another.
    Absent,
    /// A handle that the token does not know any more.
    Handle(Error),
    /// The session is broken: replace it and try once more.
    Session(Error),
    /// The token is broken: drain it and try another.
    Token(Error),
    /// The library was started anew since the session was opened.
    Stale,
}

impl Failure {
    /// The same failure for an act that must not be tried twice, such as making a key under a label: if the token went
    /// away in the middle, the key may be there.
    pub(crate) fn at_once(self) -> Failure {
        Failure::Answer(self.into_error())
    }

    /// The error a caller gets when nothing can be tried any more.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Failure::Answer(error)
            | Failure::Handle(error)
            | Failure::Session(error)
            | Failure::Token(error) => error,
            Failure::Absent => lost("the key is on no token that is ready"),
            Failure::Stale => lost("the library was restarted"),
        }
    }
}

fn lost(why: &str) -> Error {
    Error::Unavailable { retry_after: std::time::Duration::from_secs(1), why: why.to_owned() }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Answer(error)
    }
}

impl From<Pkcs11Error> for Failure {
    fn from(error: Pkcs11Error) -> Failure {
        let (code, error) = describe(error);
        let token = TOKEN.with_borrow(|token| token.as_deref().unwrap_or("none").to_owned());
        counter!("hsm_errors_total", "token" => token, "code" => error_code(&error)).increment(1);
        code.map_or(Class::Session, class).of(error)
    }
}

fn error_code(error: &Error) -> String {
    match error {
        Error::Token { code, .. } | Error::TokenFailed { code, .. } => code.clone(),
        _ => "other".to_owned(),
    }
}

/// The library's error in our words.
pub(crate) fn describe(error: Pkcs11Error) -> (Option<RvError>, Error) {
    match error {
        Pkcs11Error::Pkcs11(code, function) => {
            let (call, name) = (function_name(function), format!("CKR_{}", snake(&format!("{code:?}"))));
            let error = match class(code) {
                Class::Answer => Error::Token { call, code: name },
                Class::Handle | Class::Session | Class::Token => Error::TokenFailed { call, code: name },
            };
            (Some(code), error)
        }
        other => {
            (None, Error::TokenFailed { call: "the PKCS#11 library".to_owned(), code: other.to_string() })
        }
    }
}

/// What a return value speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    Answer,
    Handle,
    Session,
    Token,
}

impl Class {
    fn of(self, error: Error) -> Failure {
        match self {
            Class::Answer => Failure::Answer(error),
            Class::Handle => Failure::Handle(error),
            Class::Session => Failure::Session(error),
            Class::Token => Failure::Token(error),
        }
    }
}

/// Which of our classes a return value belongs to. What is not listed drains the token: an unknown error is not
/// a reason to go on.
fn class(code: RvError) -> Class {
    use RvError as Rv;
    match code {
        Rv::ObjectHandleInvalid
        | Rv::KeyHandleInvalid
        | Rv::KeyChanged
        | Rv::UnwrappingKeyHandleInvalid
        | Rv::WrappingKeyHandleInvalid => Class::Handle,
        Rv::SessionHandleInvalid
        | Rv::SessionClosed
        | Rv::OperationActive
        | Rv::OperationNotInitialized
        | Rv::FunctionCanceled
        | Rv::FunctionFailed
        | Rv::GeneralError
        | Rv::HostMemory => Class::Session,
        Rv::ArgumentsBad
        | Rv::ActionProhibited
        | Rv::AttributeReadOnly
        | Rv::AttributeSensitive
        | Rv::AttributeTypeInvalid
        | Rv::AttributeValueInvalid
        | Rv::CurveNotSupported
        | Rv::DataInvalid
        | Rv::DataLenRange
        | Rv::DomainParamsInvalid
        | Rv::EncryptedDataInvalid
        | Rv::EncryptedDataLenRange
        | Rv::FunctionNotSupported
        | Rv::KeyFunctionNotPermitted
        | Rv::KeyNotWrappable
        | Rv::KeySizeRange
        | Rv::KeyTypeInconsistent
        | Rv::KeyUnextractable
        | Rv::MechanismInvalid
        | Rv::MechanismParamInvalid
        | Rv::SignatureInvalid
        | Rv::SignatureLenRange
        | Rv::TemplateIncomplete
        | Rv::TemplateInconsistent
        | Rv::UnwrappingKeySizeRange
        | Rv::UnwrappingKeyTypeInconsistent
        | Rv::WrappedKeyInvalid
        | Rv::WrappedKeyLenRange
        | Rv::WrappingKeySizeRange
        | Rv::WrappingKeyTypeInconsistent => Class::Answer,
        _ => Class::Token,
    }
}

fn function_name(function: Function) -> String {
    format!("C_{function:?}")
}

/// `DeviceError` as `DEVICE_ERROR`.
fn snake(camel: &str) -> String {
    let mut out = String::with_capacity(camel.len() + 4);
    for (at, letter) in camel.chars().enumerate() {
        if at > 0 && letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Errors of the token drain it, errors of the session replace it, and errors of the call go to the caller only.
    #[test]
    fn return_values_have_their_class() {
        let failure = |code| Failure::from(Pkcs11Error::Pkcs11(code, Function::Sign));
        for code in
            [RvError::DeviceError, RvError::DeviceRemoved, RvError::UserNotLoggedIn, RvError::SlotIdInvalid]
        {
            assert!(matches!(failure(code), Failure::Token(_)), "{code:?}");
        }
        assert!(matches!(failure(RvError::SessionHandleInvalid), Failure::Session(_)));
        assert!(matches!(failure(RvError::KeyHandleInvalid), Failure::Handle(_)));
        assert!(matches!(failure(RvError::DataLenRange), Failure::Answer(_)));
        assert_eq!(
            failure(RvError::DeviceRemoved).into_error().to_string(),
            "C_Sign failed with CKR_DEVICE_REMOVED"
        );
    }

    /// A call that a token broke off passes, also one that is not tried twice; one that it refused does not.
    #[test]
    fn broken_off_calls_pass() {
        let failure = |code| Failure::from(Pkcs11Error::Pkcs11(code, Function::Sign));
        for code in [
            RvError::DeviceError,
            RvError::DeviceRemoved,
            RvError::SessionHandleInvalid,
            RvError::ObjectHandleInvalid,
            RvError::KeyHandleInvalid,
            RvError::CryptokiNotInitialized,
            RvError::GeneralError,
            RvError::UserNotLoggedIn,
        ] {
            assert!(failure(code).into_error().retry_after().is_some(), "{code:?}");
            assert!(failure(code).at_once().into_error().retry_after().is_some(), "{code:?} at once");
        }
        for code in [RvError::DataLenRange, RvError::MechanismInvalid, RvError::KeyFunctionNotPermitted] {
            assert!(failure(code).into_error().retry_after().is_none(), "{code:?}");
        }
    }
}
