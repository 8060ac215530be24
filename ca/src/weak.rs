//! RSA keys that look like any other and can be taken apart.

use num_bigint::BigUint;

use crate::subject_key::KeyRefused;

/// How many steps of Fermat's method a modulus must withstand.
///
/// Two random primes of 1024 bits are this close together once in more keys than there will ever be.
const FERMAT_STEPS: u32 = 100;

/// What makes this modulus, big-endian, unfit to be certified.
pub(crate) fn fault(modulus: &[u8]) -> Option<KeyRefused> {
    if has_small_factor(modulus) {
        return Some(KeyRefused::RsaFactor);
    }
    if is_roca(modulus) {
        return Some(KeyRefused::RsaRoca);
    }
    has_close_factors(modulus).then_some(KeyRefused::RsaCloseFactors)
}

/// Every prime up to this is tried.
const SMALL: u32 = 752;

fn has_small_factor(modulus: &[u8]) -> bool {
    small_primes().any(|prime| remainder(modulus, prime) == 0)
}

fn small_primes() -> impl Iterator<Item = u32> {
    // 28 squared is past every candidate.
    (2..SMALL).filter(|number| (2..28).take_while(|d| d * d <= *number).all(|d| number % d != 0))
}

pub(crate) fn remainder(big_endian: &[u8], divisor: u32) -> u32 {
    let divisor = u64::from(divisor);
    let rest = big_endian.rchunks(4).rev().fold(0u64, |rest, chunk| {
        let word = chunk.iter().fold(0u64, |word, octet| word << 8 | u64::from(*octet));
        (rest << (8 * chunk.len()) | word) % divisor
    });
    u32::try_from(rest).unwrap_or(0)
}

/// CVE-2017-15361: primes of the form k·M + (65537^a mod M), as chips with a faulty library made them.
///
/// Their product is a power of 65537 modulo every small prime. A sound modulus is that for all of these
/// primes about once in 2^28.
fn is_roca(modulus: &[u8]) -> bool {
    const MARKED: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
    MARKED.into_iter().all(|prime| is_power_of_65537(remainder(modulus, prime), prime))
}

fn is_power_of_65537(number: u32, prime: u32) -> bool {
    let generator = 65_537 % prime;
    let mut power = 1;
    loop {
        if power == number {
            return true;
        }
        power = power * generator % prime;
        if power == 1 {
            return false;
        }
    }
}

/// Fermat: with primes close together, a² - n is a square for an a just above the root of n (CVE-2022-26320).
fn has_close_factors(modulus: &[u8]) -> bool {
    let n = BigUint::from_bytes_be(modulus);
    let mut a = n.sqrt();
    if &a * &a < n {
        a += 1u32;
    }
    let mut rest = &a * &a - &n;
    for _ in 0..FERMAT_STEPS {
        if is_square(&rest) {
            return true;
        }
        // (a + 1)² - n
        rest += &a * 2u32 + 1u32;
        a += 1u32;
    }
    false
}

fn is_square(number: &BigUint) -> bool {
    // Squares leave few remainders, so a root is seldom taken.
    let last = number.iter_u64_digits().next().unwrap_or(0);
    if !matches!(last % 16, 0 | 1 | 4 | 9) {
        return false;
    }
    let by_63 = (number % 63u32).iter_u64_digits().next().unwrap_or(0);
    if !(0..63).any(|root| root * root % 63 == by_63) {
        return false;
    }
    let root = number.sqrt();
    &root * &root == *number
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made as the faulty library made them: 126 primes in M, both factors of 1024 bits.
    const ROCA: &str = "bd85f45da057d37b0de84b93fbabdbc8c8c32161754837f3c16f1d088968d1c7a6a03d7c6a56a84e3c9b4e511015788d\
        b7ee9a7eac3a9c5c577b66045c1d04f0ae071c127a40dddbf79696433789c8c400f91c180f06009737e380a0a479344d\
        3242c57ac7e95e23e2d40dfb8d6c75d8bd2a06622df8eed7807eb7892aebb1323ca73e4485cd6c806e2db6ca7b2a39e4\
        a24817b7256141654b3d155617a3c56cdfbc0b642b809d570693069d2422b104d744368dbfef2398c3cd1a25777fb202\
        5d3118ef693da716d94c821319414a3aebb28b5975953177a76ab137b67c53bc814dbdcd3b3168366bb9d1a7f02de4a8\
        0479813cfc9244a44025042d74b73ff5";
    /// The product of two neighbouring primes of 1024 bits.
    const CLOSE: &str = "f9ebc647383ef451c4fa78fcff878ddb4c92c677a8b8659c22cf8ca36855da171e75c80dfda88b9b131f2e8ed206e9b2\
        9ae51f6fdaf2bbdfac88282b1e0a02a596e1de9254a74598e039d56e44b38a3433497b25561ea310e9fcf7cb5654d17b\
        441cf365e0855249a0c8ee726643885d566e6a74d954f04ffa68d2f296aa52ca93f01ec697d65b26067a7fe7b8ae126f\
        fcc511e574a2c5ccbdf0f68bab64f6afbde59d8c461f040cd6d7d976cbc892f1b7fe54dcd4fa55622f79c49187580c85\
        ed46fd6fd6b890c996a82d1a9eeb63e870b571ed502b797944579c02a951511152899c720ea154fcef15d3a030e275ad\
        8edd48789f7fb631339a43070b7482d3";

    /// The modulus of a fresh key from aws-lc.
    fn sound() -> Vec<u8> {
        use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
        use aws_lc_rs::signature::KeyPair as _;
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let components: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
        components.n
    }

    /// Each kind of weak modulus is told for what it is.
    #[test]
    fn weak_moduli_are_found() {
        assert_eq!(fault(&hex::decode(ROCA).unwrap()), Some(KeyRefused::RsaRoca));
        assert_eq!(fault(&hex::decode(CLOSE).unwrap()), Some(KeyRefused::RsaCloseFactors));
        let multiple = BigUint::from_bytes_be(&sound()) * 751u32;
        assert_eq!(fault(&multiple.to_bytes_be()), Some(KeyRefused::RsaFactor));
    }

    /// Sound keys pass: none of twenty fresh ones is taken for weak.
    #[test]
    fn sound_moduli_pass() {
        for _ in 0..20 {
            assert_eq!(fault(&sound()), None);
        }
    }

    /// Remainders are right for numbers of any length.
    #[test]
    fn remainders_are_right() {
        for (octets, divisor, rest) in [(&[1u8, 0, 0, 0, 0][..], 7, 4), (&[255], 256, 255), (&[], 3, 0)] {
            assert_eq!(remainder(octets, divisor), rest);
        }
    }
}
