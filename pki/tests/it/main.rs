//! The crate against the standards' vectors, and against certificates made for the purpose.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod mutations;
mod ocsp;
mod paths;
mod pkits;
mod statuses;
mod values;
mod wycheproof;
