//! The serial number of a certificate.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A serial number of at most 20 octets (RFC 5280 4.1.2.2), as the content octets of its INTEGER.
///
/// Ordered as a number when positive; it also carries CRL numbers, which have the same form. Displayed as lower-case hexadecimal without a leading zero octet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial {
    length: u8,
    octets: [u8; Self::MAX],
}

impl Serial {
    /// The most octets a serial number may have.
    pub const MAX: usize = 20;

    /// A serial number from the content octets of its INTEGER.
    pub fn from_content(content: &[u8]) -> Result<Self, Error> {
        let refused = Error::SerialLength { octets: content.len() };
        if content.is_empty() || content.len() > Self::MAX {
            return Err(refused);
        }
        let mut octets = [0; Self::MAX];
        octets[..content.len()].copy_from_slice(content);
        let length = u8::try_from(content.len()).map_err(|_| refused)?;
        Ok(Self { length, octets })
    }

    /// A positive serial number from its big-endian magnitude; a sign octet is added where DER needs one.
    pub fn from_magnitude(magnitude: &[u8]) -> Result<Self, Error> {
        let significant =
            magnitude.iter().position(|&octet| octet != 0).map_or(&[0][..], |at| &magnitude[at..]);
        if significant[0] < 0x80 {
            return Self::from_content(significant);
        }
        let mut content = vec![0];
        content.extend_from_slice(significant);
        Self::from_content(&content)
    }

    /// The content octets of the INTEGER.
    pub fn content(&self) -> &[u8] {
        &self.octets[..usize::from(self.length)]
    }

    /// The number, if it is positive and fits.
    pub fn to_u64(&self) -> Option<u64> {
        let magnitude = self.magnitude();
        let fits = self.octets[0] < 0x80 && magnitude.len() <= 8;
        fits.then(|| magnitude.iter().fold(0, |sum, &octet| (sum << 8) | u64::from(octet)))
    }

    /// The magnitude without a leading sign octet.
    pub fn magnitude(&self) -> &[u8] {
        match self.content() {
            [0, rest @ ..] if !rest.is_empty() => rest,
            content => content,
        }
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.magnitude().iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

impl FromStr for Serial {
    type Err = Error;

    /// Reads hexadecimal, as `Display` writes it. Colons are passed over.
    fn from_str(text: &str) -> Result<Self, Error> {
        let digits: String = text.chars().filter(|&c| c != ':').collect();
        let magnitude = hex::decode(&digits).map_err(|_| Error::malformed("serial number"))?;
        Self::from_magnitude(&magnitude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A serial number reads back from what it displays, with its sign octet.
    #[test]
    fn display_and_parse_agree() {
        let serial: Serial = "9f:00:01".parse().unwrap();
        assert_eq!(serial.content(), [0, 0x9f, 0, 1]);
        assert_eq!(serial.to_string(), "9f0001");
        assert_eq!(serial.to_string().parse::<Serial>().unwrap(), serial);
        assert_eq!(Serial::from_magnitude(&[]).unwrap().to_string(), "00");
    }

    /// Twenty-one octets are refused, twenty are not.
    #[test]
    fn longer_than_twenty_octets_is_refused() {
        assert!(Serial::from_content(&[0x7f; 20]).is_ok());
        assert_eq!(Serial::from_content(&[0x7f; 21]), Err(Error::SerialLength { octets: 21 }));
        assert_eq!(Serial::from_magnitude(&[0xff; 20]), Err(Error::SerialLength { octets: 21 }));
    }
}
