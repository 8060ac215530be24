//! What is written on a card besides its keys, and read back.

use card::piv::{CardCapability, CertificateObject, Chuid, Object, PrintedInformation, Slot};
use platform::clock::Millis;

use super::entry::Entry;
use super::fault::Fault;
use super::run::Run;
use crate::error::Error;
use crate::serial::Serial;
use crate::store::certificates;

/// The longest texts of the printed information. NIST SP 800-73-5 part 1, table 14.
const LONGEST_NAME: usize = 125;
const LONGEST_LINE: usize = 20;
const LONGEST_SERIAL: usize = 10;

impl Run {
    /// Writes every object that this conversation has not written yet, reads each back, and compares.
    pub(super) async fn write_objects(&mut self, own: &Entry, written: &[Object]) -> Result<(), Fault> {
        let objects = self.objects(self.errand.authentication.clone(), self.errand.signature.clone()).await?;
        let left = objects.iter().filter(|(object, _)| !written.contains(object)).cloned();
        self.write_each(left.collect()).await?;
        // The printed information is not read without a passcode.
        self.enter(own).await?;
        self.compare_each(objects).await
    }

    /// Writes what the first certificate is enough for, and says what that was.
    pub(super) async fn write_first(&mut self) -> Result<Vec<Object>, Fault> {
        let objects = self.objects_of_first(self.errand.authentication.as_deref()).await?;
        let written = objects.iter().map(|(object, _)| *object).collect();
        self.write_each(objects).await?;
        Ok(written)
    }

    pub(super) async fn write_each(&mut self, objects: Vec<(Object, Vec<u8>)>) -> Result<(), Fault> {
        for (object, content) in objects {
            self.hand.with(move |piv| piv.write(object, &content)).await?;
        }
        Ok(())
    }

    pub(super) async fn compare_each(&mut self, objects: Vec<(Object, Vec<u8>)>) -> Result<(), Fault> {
        for (object, content) in objects {
            let read = self.hand.with(move |piv| piv.read(object)).await?;
            if read.as_deref() != Some(&content[..]) {
                return Err(Fault::NotAsWritten(object.name()));
            }
        }
        Ok(())
    }

    /// What the card is to hold: the same for the same errand, so that it may be written twice.
    pub(super) async fn objects(
        &self,
        authentication: Option<String>,
        signature: Option<String>,
    ) -> Result<Vec<(Object, Vec<u8>)>, Fault> {
        let mut objects = self.objects_of_first(authentication.as_deref()).await?;
        let second = self.certificate(signature.as_deref()).await?;
        let end = self.end_of(authentication.as_deref()).await?;
        objects.push((Object::Certificate(Slot::Signature), CertificateObject { der: second }.to_content()));
        // Last: by it others know that the rest has changed.
        objects.push((Object::Chuid, self.chuid(end).to_content()));
        Ok(objects)
    }

    /// As far as it does not hang on the second certificate.
    async fn objects_of_first(&self, authentication: Option<&str>) -> Result<Vec<(Object, Vec<u8>)>, Fault> {
        let first = self.certificate(authentication).await?;
        let printed = self.printed(self.end_of(authentication).await?).await?;
        Ok(vec![
            (Object::Certificate(Slot::Authentication), CertificateObject { der: first }.to_content()),
            (Object::CardCapability, self.capability().to_content()),
            (Object::PrintedInformation, printed),
        ])
    }

    /// When a certificate ends.
    async fn end_of(&self, serial: Option<&str>) -> Result<Millis, Fault> {
        let serial = serial.and_then(Serial::parse).ok_or(Error::CertificateUnknown)?;
        let stored = certificates::by_serial(self.cards.authority.desk().db.read(), &serial).await?;
        Ok(stored.ok_or(Error::CertificateUnknown)?.not_after)
    }

    /// Its GUID is the errand's, since Windows keeps what it read of a card until that changes; the card's own id is in the
    /// capability container.
    pub(super) fn chuid(&self, end: Millis) -> Chuid {
        let (year, month, day) = date(end);
        let text = format!("{year:04}{month:02}{day:02}");
        Chuid {
            fasc_n: Chuid::NOT_FEDERAL,
            guid: uuid_octets(&self.errand.errand_id),
            expires: text.as_bytes().try_into().unwrap_or(*b"20991231"),
            holder: None,
            signature: Vec::new(),
        }
    }

    fn capability(&self) -> CardCapability {
        let mut own = [0; 14];
        own.copy_from_slice(&uuid_octets(&self.card.card_id)[2..]);
        CardCapability::new(own)
    }

    async fn printed(&self, end: Millis) -> Result<Vec<u8>, Fault> {
        const MONTHS: [&str; 12] =
            ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
        let (year, month, day) = date(end);
        let name = self.name_on_card().await?;
        let printed = PrintedInformation {
            name: cut(&name, LONGEST_NAME),
            expires: format!("{year:04}{}{day:02}", MONTHS[usize::from(month.clamp(1, 12)) - 1]),
            serial: cut(&self.card.serial, LONGEST_SERIAL),
            organisation: [cut(&self.cards.settings().organisation, LONGEST_LINE), String::new()],
            ..PrintedInformation::default()
        };
        Ok(printed.to_content().map_err(card::piv::Error::from)?)
    }
}

/// As much of a text as fits, in octets.
fn cut(text: &str, longest: usize) -> String {
    let plain: String = text.chars().filter(|letter| !letter.is_control()).collect();
    let mut end = plain.len().min(longest);
    while !plain.is_char_boundary(end) {
        end -= 1;
    }
    plain[..end].to_owned()
}

fn date(at: Millis) -> (i32, u8, u8) {
    let time = time::OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000));
    time.map_or((2099, 12, 31), |time| (time.year(), u8::from(time.month()), time.day()))
}

/// The octets of a uuid as text.
fn uuid_octets(text: &str) -> [u8; 16] {
    let plain: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let mut octets = [0; 16];
    // Ours are always of this form; another one gives a GUID all the same.
    let _ = hex::decode_to_slice(plain, &mut octets);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts are cut between letters, ids are read, and dates are those of UTC.
    #[test]
    fn values_fit_the_card() {
        assert_eq!(cut("Zoë O’Neill", 8), "Zoë O");
        assert_eq!(cut("short\n", 9), "short");
        let octets = uuid_octets("01990000-0000-7000-8000-0000000000ff");
        assert_eq!((octets[0], octets[15]), (0x01, 0xFF));
        assert_eq!(date(Millis(1_800_000_000_000)), (2027, 1, 15));
    }
}
