//! The PIV card application. NIST SP 800-73-5 part 2.

mod application;
mod authenticate;
mod error;
mod keys;
mod management;
mod objects;
mod passcode;
mod reference;
pub(crate) mod secure;
mod signature;
mod yubikey;

pub(crate) use application::NAME;
pub use application::{Application, Piv};
pub use authenticate::{Challenge, Witness};
pub use error::{Error, Secret};
pub use keys::PublicKey;
pub use management::{ManagementAlgorithm, ManagementKey, WrongKeyLength};
pub use objects::{
    CardCapability, CertificateObject, Chuid, Discovery, KeyHistory, MalformedObject, Object,
    PrintedInformation,
};
pub use passcode::{NotAPasscode, NotAPuk, Passcode, Puk, Tries};
pub use reference::{Algorithm, Slot};
pub use secure::{ContentSigner, Establishing, NotBelieved, SecureError, Session, Suite, Waiting};
pub use signature::Digest;
pub use yubikey::{Metadata, Origin, PinPolicy, Policies, RetryCounts, TouchPolicy, Version};
