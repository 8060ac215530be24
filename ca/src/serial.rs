//! Serial numbers: one octet that names the instance, then 136 random bits.

use std::fmt;

/// How many random octets follow the instance's. RFC 5280 4.1.2.2 allows 20 octets in all;
/// 64 random bits are the least docs/cps.md 3.3 accepts.
pub(crate) const RANDOM_OCTETS: usize = 17;

/// The number of a serving process, first octet of every serial it gives.
///
/// Two processes with different numbers cannot give the same serial. 1 to 127: zero would make
/// serials shorter, more would need a sign octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "u8")]
pub struct Instance(u8);

impl Instance {
    /// The number a process has unless told.
    pub(crate) const FIRST: Instance = Instance(1);

    /// The number itself.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Instance {
    type Error = String;

    fn try_from(number: u8) -> Result<Instance, String> {
        if (1..=127).contains(&number) {
            Ok(Instance(number))
        } else {
            Err(format!("instance is a number from 1 to 127, not {number}"))
        }
    }
}

/// A serial this authority gives, big-endian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Serial([u8; RANDOM_OCTETS + 1]);

impl Serial {
    /// One as long as every other, given to nobody.
    pub(crate) const EXAMPLE: Serial = Serial([1; RANDOM_OCTETS + 1]);

    pub(crate) fn new(instance: Instance, random: [u8; RANDOM_OCTETS]) -> Serial {
        let mut octets = [0; RANDOM_OCTETS + 1];
        octets[0] = instance.0;
        octets[1..].copy_from_slice(&random);
        Serial(octets)
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The serial with this number. One of another form than we give is `None`: no such serial is ours.
    pub(crate) fn from_content(content: &[u8]) -> Option<Serial> {
        let octets: [u8; RANDOM_OCTETS + 1] = content.try_into().ok()?;
        (octets[0] != 0 && octets[0] < 0x80).then_some(Serial(octets))
    }

    /// Reads the hexadecimal form. Anything but the form we give is `None`: no such serial is ours.
    pub(crate) fn parse(text: &str) -> Option<Serial> {
        let octets: [u8; RANDOM_OCTETS + 1] = hex::decode(text).ok()?.try_into().ok()?;
        Some(Serial(octets))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

/// Fresh random octets from the operating system by way of aws-lc.
pub(crate) fn random_octets() -> Result<[u8; RANDOM_OCTETS], aws_lc_rs::error::Unspecified> {
    let mut octets = [0; RANDOM_OCTETS];
    aws_lc_rs::rand::fill(&mut octets)?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn instance() -> Instance {
        Instance::try_from(7).unwrap()
    }

    /// The text form comes back as the same serial, and foreign forms are nobody's.
    #[test]
    fn text_round_trips() {
        let serial = Serial::new(instance(), [0xab; RANDOM_OCTETS]);
        assert_eq!(Serial::parse(&serial.to_string()), Some(serial));
        for foreign in ["", "00", "zz", &"07".repeat(19)] {
            assert_eq!(Serial::parse(foreign), None, "{foreign}");
        }
        assert_eq!(Serial::from_content(serial.octets()), Some(serial));
        for foreign in [&[][..], &[7; 17], &[7; 19], &[0; 18], &[0x80; 18]] {
            assert_eq!(Serial::from_content(foreign), None, "{foreign:?}");
        }
    }

    /// Only numbers that keep serials positive and of one length are instances.
    #[test]
    fn instances_keep_serials_positive() {
        assert!(Instance::try_from(0).is_err());
        assert!(Instance::try_from(128).is_err());
        assert!(Instance::try_from(127).is_ok());
    }

    /// Every one of the 136 bits is set in about half of the serials, and none repeats.
    #[test]
    fn every_random_bit_is_free() {
        const COUNT: usize = 4096;
        let mut ones = [0usize; RANDOM_OCTETS * 8];
        let mut seen = HashSet::new();
        for _ in 0..COUNT {
            let serial = Serial::new(instance(), random_octets().unwrap());
            assert_eq!(serial.octets()[0], 7);
            for (bit, count) in ones.iter_mut().enumerate() {
                *count += usize::from(serial.octets()[1 + bit / 8] >> (7 - bit % 8) & 1);
            }
            assert!(seen.insert(serial));
        }
        // Six standard deviations of a fair coin thrown 4096 times are 192.
        let unfair: Vec<_> = ones.iter().filter(|count| count.abs_diff(COUNT / 2) > 192).collect();
        assert!(unfair.is_empty(), "{unfair:?}");
    }
}
