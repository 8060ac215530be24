//! The numbers of professional bodies, each in its body's form.

use crate::api::{ProfessionalBody, Registration};
use crate::error::Error;

/// How the numbers of a body look: `9` stands for a digit, `A` for a letter, `?` for a digit that may be missing; other
/// signs for themselves.
type Forms = &'static [&'static str];

fn forms(body: ProfessionalBody) -> Forms {
    match body {
        ProfessionalBody::Gmc => &["9999999"],
        // The year, a letter, four digits, a letter for the country.
        ProfessionalBody::Nmc => &["99A9999A"],
        // Pharmacists begin with 2, pharmacy technicians with 5.
        ProfessionalBody::Gphc => &["2999999", "5999999"],
        ProfessionalBody::Psni => &["999??"],
        ProfessionalBody::Gdc => &["99999?"],
        // The letters of the profession, four to six digits.
        ProfessionalBody::Hcpc => &["AA9999??", "AAA9999??"],
        // Optometrists, dispensing opticians.
        ProfessionalBody::Goc => &["01-9999??", "D-9999??"],
        ProfessionalBody::Swe => &["SW9?????"],
        ProfessionalBody::Gosc => &["99999?", "9999"],
        ProfessionalBody::Gcc => &["99999"],
        ProfessionalBody::Rcn => &["999999??"],
        ProfessionalBody::Gmp => &["G9999999"],
        ProfessionalBody::Gdp => &["D99999??", "99999??"],
        // A letter or two before the number of the General Medical Council, or of the General Dental Council.
        ProfessionalBody::Consultant => &["C9999999", "CD99999?"],
    }
}

/// Takes a registration: small letters and blanks are taken as they are meant.
pub(crate) fn checked(given: &Registration) -> Result<Registration, Error> {
    let number: String = given.number.chars().filter(|c| !c.is_whitespace()).collect();
    let number = number.to_ascii_uppercase();
    let forms = forms(given.body);
    if forms.iter().any(|form| fits(form.as_bytes(), number.as_bytes())) {
        return Ok(Registration { body: given.body, number });
    }
    let examples: Vec<String> = forms.iter().map(|form| example(form)).collect();
    Err(Error::field(
        "number",
        format!(
            "A number of {} looks like {}. Write it as the register does.",
            given.body,
            examples.join(" or ")
        ),
    ))
}

fn fits(form: &[u8], number: &[u8]) -> bool {
    match (form, number) {
        ([], []) => true,
        ([b'?', form @ ..], []) => fits(form, &[]),
        ([b'9' | b'?', form @ ..], [digit, number @ ..]) => digit.is_ascii_digit() && fits(form, number),
        ([b'A', form @ ..], [letter, number @ ..]) => letter.is_ascii_uppercase() && fits(form, number),
        ([sign, form @ ..], [same, number @ ..]) => sign == same && fits(form, number),
        _ => false,
    }
}

/// A number of this form that is nobody's.
fn example(form: &str) -> String {
    let mut digits = "1234567".chars().cycle();
    let mut letters = "XYZ".chars().cycle();
    form.chars()
        .filter_map(|sign| match sign {
            '9' => digits.next(),
            'A' => letters.next(),
            '?' => None,
            other => Some(other),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each body's numbers have its form; what the forms allow is taken as it is meant.
    #[test]
    fn numbers_have_the_form_of_their_body() {
        use ProfessionalBody::{
            Consultant, Gcc, Gdc, Gdp, Gmc, Gmp, Goc, Gosc, Gphc, Hcpc, Nmc, Psni, Rcn, Swe,
        };
        for (body, good, bad) in [
            (Gmc, "1234567", "123456"),
            (Gmc, " 12 34 567", "C1234567"),
            (Nmc, "99i1234e", "991234EE"),
            (Gphc, "2012345", "3012345"),
            (Gphc, "5012345", "201234"),
            (Psni, "1234", "123456"),
            (Gdc, "123456", "1234"),
            (Hcpc, "ph123456", "123456"),
            (Hcpc, "ODP12345", "ODPX2345"),
            (Goc, "01-12345", "0112345"),
            (Goc, "d-12345", "E-12345"),
            (Swe, "SW12345", "SW"),
            (Gosc, "12345", "123"),
            (Gcc, "01234", "1234"),
            (Rcn, "1234567", "12345"),
            (Gmp, "g1234567", "1234567"),
            (Gdp, "D123456", "D1234"),
            (Gdp, "12345", "G12345"),
            (Consultant, "c1234567", "C123456"),
            (Consultant, "CD123456", "D123456"),
        ] {
            let of = |number: &str| checked(&Registration { body, number: number.to_owned() });
            assert!(of(good).is_ok_and(|kept| !kept.number.contains(' ')), "{body} {good}");
            assert!(of(bad).is_err(), "{body} {bad}");
        }
    }

    /// The refusal shows how a number looks, and the example it gives would be taken.
    #[test]
    fn refusals_show_the_form() {
        for body in ProfessionalBody::ALL {
            let refused =
                checked(&Registration { body: *body, number: "?".to_owned() }).unwrap_err().to_string();
            assert!(refused.contains(body.word()), "{refused}");
            for form in forms(*body) {
                let number = example(form);
                assert!(refused.contains(&number));
                assert_eq!(
                    checked(&Registration { body: *body, number: number.clone() }).unwrap().number,
                    number
                );
            }
        }
    }
}
