//! Brings shares together, one after the other, until they are enough.

use std::collections::BTreeMap;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use vsss_rs::Gf256;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Share, ShareError, ShareSet, pin, sha256};
use crate::Pin;

/// The shares of one set that were given so far.
pub struct Gathering {
    set: ShareSet,
    given: BTreeMap<u8, Zeroizing<Vec<u8>>>,
}

/// What a share that was taken led to.
#[derive(Debug)]
pub enum Gathered {
    /// More are needed.
    More {
        /// How many were given.
        given: usize,
        /// How many are needed.
        needed: usize,
    },
    /// This is the PIN. The shares are wiped.
    Pin(Pin),
}

impl Gathering {
    /// Begins without any.
    pub fn new(set: ShareSet) -> Gathering {
        Gathering { set, given: BTreeMap::new() }
    }

    /// What the shares are of.
    pub fn set(&self) -> &ShareSet {
        &self.set
    }

    /// How many were given.
    pub fn given(&self) -> usize {
        self.given.len()
    }

    /// Wipes what was given, and says how many shares that were.
    pub fn forget(&mut self) -> usize {
        std::mem::take(&mut self.given).len()
    }

    /// Takes a share that is one of this set and was not given before; refuses every other by its holder's name.
    pub fn add(&mut self, share: Share) -> Result<Gathered, ShareError> {
        let Share { set, holder, number, octets, .. } = share;
        if set != self.set.set {
            return Err(ShareError::Foreign { holder, set });
        }
        let known = self.set.holders.iter().find(|known| known.number == number && known.name == holder);
        let same =
            |expected: &str| verify_slices_are_equal(sha256(&octets).as_bytes(), expected.as_bytes()).is_ok();
        if !known.is_some_and(|known| same(&known.sha256)) {
            return Err(ShareError::Wrong { holder });
        }
        if self.given.contains_key(&number) {
            return Err(ShareError::Again { holder });
        }
        self.given.insert(number, octets);
        let needed = usize::from(self.set.threshold);
        if self.given.len() < needed {
            return Ok(Gathered::More { given: self.given.len(), needed });
        }
        self.combine()
    }

    fn combine(&mut self) -> Result<Gathered, ShareError> {
        let given = std::mem::take(&mut self.given);
        // The library takes plain vectors; these are wiped below, whatever comes of them.
        let mut plain: Vec<Vec<u8>> = given.values().map(|share| share.to_vec()).collect();
        let secret = Gf256::combine_bytes(&plain).map(Zeroizing::new);
        for share in &mut plain {
            share.zeroize();
        }
        let secret = secret.map_err(|_| ShareError::NotThePin)?;
        let expected = self.set.secret_sha256.as_bytes();
        if verify_slices_are_equal(sha256(&secret).as_bytes(), expected).is_err() {
            return Err(ShareError::NotThePin);
        }
        pin(&secret).map(Gathered::Pin).ok_or(ShareError::NotThePin)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ShareError, split};
    use super::*;

    fn holders() -> Vec<String> {
        ["Ada", "Grace", "Zoë", "Tim"].map(str::to_owned).to_vec()
    }

    fn made() -> (ShareSet, Vec<Share>) {
        split(&Pin::new("4711-0815".to_owned()), "lanyard", 3, &holders()).unwrap()
    }

    fn copy(share: &Share) -> Share {
        Share::from_text(&share.to_text(None).unwrap(), None).unwrap()
    }

    /// Any three of four give the PIN, in any order; two give nothing but the wish for more.
    #[test]
    fn any_three_of_four_give_the_pin() {
        let (set, shares) = made();
        for without in 0..4 {
            let mut gathering = Gathering::new(set.clone());
            let three: Vec<_> = (0..4).rev().filter(|at| *at != without).collect();
            for (count, at) in three.iter().enumerate() {
                match gathering.add(copy(&shares[*at])).unwrap() {
                    Gathered::More { given, needed } => assert_eq!((given, needed), (count + 1, 3)),
                    Gathered::Pin(pin) => {
                        assert_eq!((count, pin.as_bytes()), (2, &b"4711-0815"[..]));
                        assert_eq!(gathering.given(), 0, "the shares are wiped");
                    }
                }
            }
        }
    }

    /// A share of another set, a forged one and one given twice are refused by name, and the others still count.
    #[test]
    fn foreign_forged_and_repeated_shares_are_refused() {
        let (set, shares) = made();
        let mut gathering = Gathering::new(set);
        gathering.add(copy(&shares[0])).unwrap();
        let again = gathering.add(copy(&shares[0])).unwrap_err();
        assert_eq!(again, ShareError::Again { holder: "Ada".to_owned() });
        let (other, foreign) = made();
        let refused = gathering.add(copy(&foreign[1])).unwrap_err();
        assert_eq!(refused, ShareError::Foreign { holder: "Grace".to_owned(), set: other.set });
        let mut forged = copy(&shares[1]);
        forged.octets[5] ^= 1;
        assert_eq!(gathering.add(forged).unwrap_err(), ShareError::Wrong { holder: "Grace".to_owned() });
        let mut renamed = copy(&shares[1]);
        renamed.holder = "Eve".to_owned();
        assert_eq!(gathering.add(renamed).unwrap_err(), ShareError::Wrong { holder: "Eve".to_owned() });
        assert_eq!(gathering.given(), 1);
        gathering.add(copy(&shares[1])).unwrap();
        assert!(matches!(gathering.add(copy(&shares[3])), Ok(Gathered::Pin(_))));
    }

    /// Numbers, names and PINs that make no sense are refused.
    #[test]
    fn senseless_wishes_are_refused() {
        let pin = Pin::new("1234".to_owned());
        let wish = |threshold, names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            split(&pin, "t", threshold, &names).map(drop)
        };
        assert_eq!(wish(1, &["a", "b"]), Err(ShareError::Numbers));
        assert_eq!(wish(3, &["a", "b"]), Err(ShareError::Numbers));
        assert_eq!(wish(2, &["a"]), Err(ShareError::Numbers));
        assert_eq!(wish(2, &["a", "a"]), Err(ShareError::Name));
        assert_eq!(wish(2, &["a", "b\nset: 0"]), Err(ShareError::Name));
        assert_eq!(wish(2, &["a", "b"]), Ok(()));
        for bad in [String::new(), "1".repeat(65)] {
            let made = split(&Pin::new(bad), "t", 2, &holders()).map(drop);
            assert_eq!(made, Err(ShareError::PinLength));
        }
    }
}
