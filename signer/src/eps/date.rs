//! Times as prescriptions write them.

use platform::clock::Millis;
use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

use super::Fault;

/// When an author signed, to the second: the claim of whoever asks for the signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct AuthorTime(OffsetDateTime);

impl AuthorTime {
    /// A present, without its fraction of a second.
    pub(crate) fn at(now: Millis) -> Result<Self, Fault> {
        OffsetDateTime::from_unix_timestamp(now.seconds())
            .map(Self)
            .map_err(|_| Fault::at("author.time", "is outside what can be written"))
    }

    /// Reads the form of HL7 V3: yyyymmddHHMMSS in UTC.
    pub(crate) fn from_v3(text: &str) -> Result<Self, Fault> {
        let fault = || Fault::at("author.time", "is not a time of the form yyyymmddHHMMSS");
        if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(fault());
        }
        let number = |from: usize, to: usize| text[from..to].parse::<u16>().map_err(|_| fault());
        let small = |from: usize| number(from, from + 2).and_then(|it| u8::try_from(it).map_err(|_| fault()));
        let month = Month::try_from(small(4)?).map_err(|_| fault())?;
        let date =
            Date::from_calendar_date(i32::from(number(0, 4)?), month, small(6)?).map_err(|_| fault())?;
        let time = Time::from_hms(small(8)?, small(10)?, small(12)?).map_err(|_| fault())?;
        Ok(Self(date.with_time(time).assume_utc()))
    }

    /// Reads the form of FHIR: RFC 3339.
    pub(crate) fn from_fhir(text: &str, path: &str) -> Result<Self, Fault> {
        let read = OffsetDateTime::parse(text, &Rfc3339);
        let time = read.map_err(|_| Fault::at(path, "is not a time such as 2026-11-29T17:00:00+00:00"))?;
        let seconds = time.to_offset(UtcOffset::UTC).unix_timestamp();
        OffsetDateTime::from_unix_timestamp(seconds).map(Self).map_err(|_| Fault::at(path, "is out of range"))
    }

    /// As milliseconds.
    pub(crate) fn millis(self) -> Millis {
        Millis(self.0.unix_timestamp() * 1000)
    }

    /// The form of HL7 V3.
    pub(crate) fn v3(self) -> String {
        let (date, time) = (self.0.date(), self.0.time());
        format!(
            "{:04}{:02}{:02}{:02}{:02}{:02}",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second()
        )
    }

    /// The form that prepare answers: with the offset in digits.
    pub(crate) fn fhir(self) -> String {
        iso(self.millis())
    }
}

/// A time as prepare answers it.
pub(crate) fn iso(at: Millis) -> String {
    let text = Millis(at.seconds() * 1000).to_string();
    text.replace(".000Z", "+00:00")
}

/// A date of FHIR, which may lack day or month, as HL7 V3 has it: the first of what is not said.
pub(super) fn day(text: &str, path: &str) -> Result<String, Fault> {
    let fault = || Fault::at(path, "is not a date such as 2026-11-29");
    let mut parts = text.split('-');
    let mut next = |digits: usize, otherwise: &'static str| match parts.next() {
        Some(part) if part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()) => Ok(part),
        Some(_) => Err(fault()),
        None if otherwise.is_empty() => Err(fault()),
        None => Ok(otherwise),
    };
    let (year, month, day) = (next(4, "")?, next(2, "01")?, next(2, "01")?);
    if parts.next().is_some() {
        return Err(fault());
    }
    let number = |part: &str| part.parse::<u8>().map_err(|_| fault());
    let named = Month::try_from(number(month)?).map_err(|_| fault())?;
    Date::from_calendar_date(year.parse().map_err(|_| fault())?, named, number(day)?).map_err(|_| fault())?;
    Ok(format!("{year}{month}{day}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time reads in both forms, and is written in both; the offset is taken out.
    #[test]
    fn author_times() {
        let at = AuthorTime::at(Millis(1_733_745_004_999)).unwrap();
        assert_eq!((at.v3().as_str(), at.fhir().as_str()), ("20241209115004", "2024-12-09T11:50:04+00:00"));
        assert_eq!(AuthorTime::from_v3("20241209115004").unwrap(), at);
        for text in ["2024-12-09T11:50:04+00:00", "2024-12-09T12:50:04+01:00", "2024-12-09T11:50:04.9Z"] {
            assert_eq!(AuthorTime::from_fhir(text, "when").unwrap(), at, "{text}");
        }
        for text in ["", "20241209", "2024120911500x", "20241309115004", "20241209115099", "２０２４１２０９"]
        {
            assert!(AuthorTime::from_v3(text).is_err(), "{text}");
        }
        assert!(AuthorTime::from_fhir("2024-12-09", "when").is_err());
    }

    /// A date may lack its day or month; what is no date is refused.
    #[test]
    fn days() {
        for (text, expected) in [("1948-04-30", "19480430"), ("1948-04", "19480401"), ("1948", "19480101")] {
            assert_eq!(day(text, "Patient.birthDate").unwrap(), expected);
        }
        for text in ["", "48-04-30", "1948-02-30", "1948-13-01", "1948-04-30-01", "1948-4-3", "30/04/1948"] {
            assert!(day(text, "Patient.birthDate").is_err(), "{text}");
        }
    }
}
