//! Codes by message: whoever reads one shows that an address is theirs, or that they are who has it.
//!
//! What holds for each of them is here, so that it is the same everywhere. What a code is made of, where it waits and what is kept of it is each
//! module's own: a code of the token's, of a key of the register's or of enough chance to be hashed alone, in a row that counts its tries in the
//! transaction of the act.

use std::time::Duration;

/// For how long a code can be used.
pub const LIFETIME: Duration = Duration::from_mins(15);
/// How often a code can be tried, the times included in which a right one goes on.
pub const TRIES: u32 = 6;
/// How many codes somebody is sent, or an address, within [`COUNTED_OVER`].
pub const SENDINGS: u32 = 6;
/// The day in which they are counted.
pub const COUNTED_OVER: Duration = Duration::from_hours(24);

/// Six digits of eight octets of chance, each as likely as the others but for one part in ten million millions.
pub fn six_digits(chance: [u8; 8]) -> String {
    format!("{:06}", u64::from_be_bytes(chance) % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes have six digits whatever the chance is, and differ where it does.
    #[test]
    fn six_digits_are_six() {
        for (chance, code) in [(0, "000000"), (7, "000007"), (1_000_000, "000000"), (u64::MAX, "551615")] {
            assert_eq!(six_digits(u64::to_be_bytes(chance)), code, "{chance}");
        }
    }
}
