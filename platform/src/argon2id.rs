//! Passwords by argon2id (RFC 9106) as PHC strings, in memory that the caller keeps or gives back, and that is wiped after each.

mod threads;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroize as _;

pub use threads::{Busy, Threads};

/// What a hash costs.
#[derive(Debug, Clone)]
pub struct Cost(Params);

/// Why a password could not be hashed or held against a hash.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cost cannot be used.
    #[error("argon2 cannot be used so: {0}")]
    Parameters(String),
    /// The stored string is no PHC string of argon2id.
    #[error("the stored hash does not read: {0}")]
    Stored(String),
}

impl Cost {
    /// Memory in KiB, passes over it, and lanes.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, Error> {
        Params::new(memory_kib, passes, lanes, None)
            .map(Self)
            .map_err(|error| Error::Parameters(error.to_string()))
    }
}

/// The GNU C library maps what is larger than 32 MiB by itself and unmaps it when it is freed; what is smaller can stay with the
/// thread that had it, for each that ever hashed. Only what is used of it is ever touched.
const MAPPED: usize = (33 << 20) / size_of::<Block>();

/// What a hash is computed in, tens of megabytes. It grows to the dearest one that it met, and goes back to the machine when it is
/// dropped.
#[derive(Default)]
pub struct Memory(Vec<Block>);

impl Memory {
    fn compute(
        &mut self,
        params: Params,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), argon2::Error> {
        let count = params.block_count();
        if self.0.len() < count {
            self.0.reserve(MAPPED.max(count) - self.0.len());
            self.0.resize(count, Block::default());
        }
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let blocks = &mut self.0[..count];
        let done = hasher.hash_password_into_with_memory(password, salt, output, &mut *blocks);
        for block in blocks {
            block.as_mut().zeroize();
        }
        done
    }

    /// The PHC string of a password.
    pub fn hash(&mut self, cost: &Cost, password: &[u8], salt: &[u8; 16]) -> Result<String, Error> {
        let mut output = [0; 32];
        let bad = |error: &dyn std::fmt::Display| Error::Parameters(error.to_string());
        self.compute(cost.0.clone(), password, salt, &mut output).map_err(|error| bad(&error))?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&cost.0).map_err(|error| bad(&error))?,
            salt: Some(Salt::new(salt).map_err(|error| bad(&error))?),
            hash: Some(Output::new(&output).map_err(|error| bad(&error))?),
        };
        Ok(hash.to_string())
    }

    /// Whether a password is the one that was hashed. The cost is that of the stored string, so that another cost in the
    /// configuration locks nobody out.
    pub fn verify(&mut self, password: &[u8], stored: &str) -> Result<bool, Error> {
        let bad = |error: &dyn std::fmt::Display| Error::Stored(error.to_string());
        let hash = PasswordHash::new(stored).map_err(|error| bad(&error))?;
        let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else {
            return Err(Error::Stored("it has no salt or no hash".to_owned()));
        };
        let is_ours =
            hash.algorithm == Algorithm::Argon2id.ident() && hash.version == Some(Version::V0x13.into());
        if !is_ours {
            return Err(Error::Stored("it is not of argon2id, version 19".to_owned()));
        }
        let params = Params::try_from(&hash).map_err(|error| bad(&error))?;
        let mut output = vec![0; expected.as_bytes().len()];
        self.compute(params, password, salt.as_ref(), &mut output).map_err(|error| bad(&error))?;
        Ok(aws_lc_rs::constant_time::verify_slices_are_equal(&output, expected.as_bytes()).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier as _;

    use super::*;

    /// One memory hashes and recognises passwords of different costs after one another, the library itself recognises what it
    /// made, and nothing is left in it.
    #[test]
    fn one_memory_serves_all_costs() {
        let mut memory = Memory::default();
        let (dear, cheap) = (Cost::new(256, 2, 2).unwrap(), Cost::new(64, 1, 1).unwrap());
        for cost in [&dear, &cheap, &dear] {
            let stored = memory.hash(cost, b"correct horse", &[7; 16]).unwrap();
            Argon2::default().verify_password(b"correct horse", stored.as_str()).unwrap();
            assert!(memory.verify(b"correct horse", &stored).unwrap());
            assert!(!memory.verify(b"correct hoarse", &stored).unwrap());
            assert!(memory.0.iter().all(|block| block.as_ref().iter().all(|word| *word == 0)), "not wiped");
        }
    }

    /// A string of another algorithm, or of none, is refused and never taken for a wrong password.
    #[test]
    fn what_is_no_hash_is_told() {
        let mut memory = Memory::default();
        let good = memory.hash(&Cost::new(64, 1, 1).unwrap(), b"correct horse", &[7; 16]).unwrap();
        let other = good.replacen("argon2id", "argon2i", 1);
        for stored in ["", "x", "$argon2id$v=19$m=64,t=1,p=1", other.as_str()] {
            assert!(matches!(memory.verify(b"correct horse", stored), Err(Error::Stored(_))), "{stored}");
        }
        assert!(matches!(Cost::new(1, 0, 0), Err(Error::Parameters(_))));
    }
}
