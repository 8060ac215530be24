//! Which names an issuer may certify: the name constraints of its certificate and of those above it.
//!
//! A certificate with a name outside of them would be refused by every reader that follows RFC 5280, so it is refused
//! before a serial is taken. The lints ask the same of the bytes.

use pki::{NameConstraints, NameOutside};

use crate::error::Error;
use crate::intent::Identity;
use crate::subject::Names;

/// Refuses names outside of the issuer's constraints. RFC 5280 4.2.1.10
pub(crate) fn check(issuer: &Identity, names: &Names) -> Result<(), Error> {
    if issuer.constraints.is_empty() {
        return Ok(());
    }
    let outside = |source| Error::NameNotPermitted { issuer: issuer.id.clone(), source };
    let unreadable = |_| outside(NameOutside::unreadable());
    let subject = pki::Name::from_der(&names.subject.to_der()).map_err(unreadable)?;
    let ders: Vec<u8> = names.alternative.iter().flat_map(crate::subject::AlternativeName::to_der).collect();
    let alternative = pki::AlternativeName::read_each(&ders).map_err(unreadable)?;
    within(&issuer.constraints, &subject, &alternative).map_err(outside)
}

/// Whether names are within every one of the constraints.
pub(crate) fn within(
    constraints: &[NameConstraints],
    subject: &pki::Name,
    alternative: &[pki::AlternativeName],
) -> Result<(), NameOutside> {
    constraints.iter().try_for_each(|constraints| constraints.check(subject, alternative))
}
