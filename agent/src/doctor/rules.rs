//! What the facts mean.

use card::piv::Tries;

use super::facts::{CardFacts, CertificateFacts, Facts, KeyCertificate, PivFacts, ReaderFacts};
use super::{Finding, surroundings};
use crate::readers::ReaderError;
use crate::system::ADVICE;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// From so long before its end a certificate can be renewed by its holder.
const RENEWAL_MS: i64 = 90 * DAY_MS;

/// What the facts mean at this moment, in the order in which one would look.
pub fn findings(facts: &Facts, now_ms: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &facts.readers {
        Err(error) => findings.push(no_readers(error)),
        Ok(readers) if readers.is_empty() => findings.push(surroundings::without_reader(facts.plugged_in)),
        Ok(readers) => readers.iter().for_each(|reader| in_reader(reader, now_ms, &mut findings)),
    }
    if let Ok(readers) = &facts.readers
        && !readers.is_empty()
        && readers.iter().all(|reader| matches!(reader.card, CardFacts::Nothing))
    {
        findings.push(Finding::bad(
            "No card is in a reader.",
            "Put your smartcard in, with the chip first and upwards.",
        ));
    }
    findings.extend(surroundings::findings(facts));
    findings
}

fn no_readers(error: &ReaderError) -> Finding {
    match error {
        ReaderError::NoService(_) => {
            Finding::bad("The system's service for card readers does not run.", ADVICE.no_service)
        }
        ReaderError::NotAllowed(_) => {
            Finding::bad("You may not use card readers on this machine.", ADVICE.not_allowed)
        }
        error => Finding::bad(
            format!("The card readers cannot be asked of: {error}."),
            "Unplug the readers and plug them in again; if that does not help, restart the machine.",
        ),
    }
}

fn in_reader(reader: &ReaderFacts, now_ms: i64, findings: &mut Vec<Finding>) {
    let name = &reader.name;
    findings.push(Finding::good(format!("The reader {name} is connected.")));
    match &reader.card {
        CardFacts::Nothing => {}
        CardFacts::Mute => findings.push(Finding::bad(
            format!("The card in {name} does not answer."),
            "Take it out, look that the chip is clean and goes in first, and put it in again. If another card works, yours is broken: \
             ask your registration authority for a new one.",
        )),
        CardFacts::Busy => findings.push(Finding::bad(
            format!("Another program is using the card in {name}."),
            "Close other programs that use the card, or take it out and put it in again.",
        )),
        CardFacts::NotPiv => findings.push(Finding::bad(
            format!("The card in {name} is of another kind."),
            "Put your own smartcard in: this may be a bank card, or an older smartcard of series 4 to 8, which must be replaced.",
        )),
        CardFacts::Unreadable(why) => findings.push(Finding::bad(
            format!("The card in {name} could not be read: {why}."),
            "Take it out and put it in again. If it stays so, ask your registration authority to repair it.",
        )),
        CardFacts::Piv(piv) => in_card(piv, now_ms, findings),
    }
}

fn in_card(piv: &PivFacts, now_ms: i64, findings: &mut Vec<Finding>) {
    if let Some(serial) = piv.serial {
        findings.push(Finding::good(format!("The card has the serial number {serial}.")));
    }
    findings.push(match piv.tries {
        Tries::Locked => Finding::bad(
            "The card is locked after too many wrong passcodes.",
            "Unlock it yourself on the self-service page, which asks for the serial number, or ask your registration authority. Where no \
             server is reached, whoever knows you there tells you an unblocking key: then run lanyard-agent unlock.",
        ),
        Tries::Left(1) => Finding::warning(
            "The next wrong passcode locks the card.",
            "If you are not sure of it, set a new one on the self-service page first.",
        ),
        Tries::Left(tries) => {
            Finding::good(format!("The card is not locked; {tries} wrong passcodes would lock it."))
        }
        Tries::Verified => Finding::good("The card is not locked."),
    });
    if matches!((&piv.authentication, &piv.signature), (KeyCertificate::Missing, KeyCertificate::Missing)) {
        findings.push(Finding::bad(
            "The card holds no certificates: it was not issued to anybody, or was cleared.",
            "Ask your registration authority to issue it.",
        ));
        return;
    }
    for (purpose, certificate) in
        [("signing in", &piv.authentication), ("signing prescriptions", &piv.signature)]
    {
        findings.push(match certificate {
            KeyCertificate::There(certificate) => in_time(purpose, certificate, now_ms),
            KeyCertificate::Missing => Finding::bad(
                format!("The certificate for {purpose} is missing from the card."),
                "Ask your registration authority to repair the card.",
            ),
            KeyCertificate::Unreadable(why) => Finding::bad(
                format!("The certificate for {purpose} cannot be used: {why}."),
                "Ask your registration authority to repair the card, or, if others issued it, for one of its own.",
            ),
        });
    }
}

fn in_time(purpose: &str, certificate: &CertificateFacts, now_ms: i64) -> Finding {
    let subject = &certificate.subject;
    if now_ms < certificate.not_before_ms {
        return Finding::bad(
            format!("The certificate for {purpose} begins in the future, or this machine's clock is slow."),
            "Look at the clock and the date of this machine. If they are right, ask your registration authority.",
        );
    }
    if now_ms > certificate.not_after_ms {
        return Finding::bad(
            format!("The certificate for {purpose} of {subject} has expired."),
            "Look at the clock and the date of this machine. If they are right, go to your registration authority with your card \
             and proof of your identity.",
        );
    }
    let days = (certificate.not_after_ms - now_ms) / DAY_MS;
    if certificate.not_after_ms - now_ms < RENEWAL_MS {
        return Finding::warning(
            format!("The certificate for {purpose} of {subject} ends in {days} days."),
            "Renew it, signed in with this card, or have your registration authority do it; you need the passcode that the card has.",
        );
    }
    Finding::good(format!("The certificate for {purpose} of {subject} is good for {days} days."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    const NOW: i64 = 1_800_000_000_000;

    fn certificate(from_days: i64, to_days: i64) -> KeyCertificate {
        KeyCertificate::There(CertificateFacts {
            subject: "A. Example".to_owned(),
            not_before_ms: NOW + from_days * DAY_MS,
            not_after_ms: NOW + to_days * DAY_MS,
        })
    }

    fn good_card() -> PivFacts {
        PivFacts {
            serial: Some(815),
            tries: Tries::Left(3),
            authentication: certificate(-1, 700),
            signature: certificate(-1, 700),
        }
    }

    fn worst(card: CardFacts) -> (Severity, String) {
        let reader = ReaderFacts { name: "R".to_owned(), card };
        let facts = Facts {
            readers: Ok(vec![reader]),
            plugged_in: 1,
            server: None,
            dialog: ("pinentry".into(), true),
            has_port: true,
            has_origins: true,
        };
        let findings = findings(&facts, NOW);
        let is_piv = matches!(&facts.readers, Ok(readers) if matches!(readers[0].card, CardFacts::Piv(_)));
        let said = findings.iter().any(|finding| finding.what.ends_with("serial number 815."));
        assert_eq!(said, is_piv, "a card is told from others by its number");
        let worst = findings.iter().max_by_key(|finding| finding.severity).expect("there is one");
        assert!(worst.severity == Severity::Good || worst.mend.is_some(), "what is wrong can be mended");
        (worst.severity, worst.what.clone())
    }

    /// Everything that can be wrong with a card is found, and said to be what it is.
    #[test]
    fn what_is_wrong_is_named() {
        let with = |change: fn(&mut PivFacts)| {
            let mut card = good_card();
            change(&mut card);
            CardFacts::Piv(card)
        };
        let cases = [
            (CardFacts::Nothing, Severity::Bad, "No card"),
            (CardFacts::Mute, Severity::Bad, "does not answer"),
            (CardFacts::Busy, Severity::Bad, "Another program"),
            (CardFacts::NotPiv, Severity::Bad, "another kind"),
            (CardFacts::Unreadable("it failed".to_owned()), Severity::Bad, "it failed"),
            (with(|card| card.tries = Tries::Locked), Severity::Bad, "locked"),
            (with(|card| card.tries = Tries::Left(1)), Severity::Warning, "next wrong passcode"),
            (
                with(|card| card.signature = KeyCertificate::Missing),
                Severity::Bad,
                "signing prescriptions is missing",
            ),
            (
                with(|card| card.authentication = KeyCertificate::Unreadable("it is compressed".to_owned())),
                Severity::Bad,
                "signing in cannot be used: it is compressed",
            ),
            (
                with(|card| {
                    (card.authentication, card.signature) =
                        (KeyCertificate::Missing, KeyCertificate::Missing);
                }),
                Severity::Bad,
                "holds no certificates",
            ),
            (with(|card| card.signature = certificate(-800, -1)), Severity::Bad, "has expired"),
            (with(|card| card.signature = certificate(1, 800)), Severity::Bad, "clock is slow"),
            (with(|card| card.authentication = certificate(-700, 20)), Severity::Warning, "ends in 20 days"),
        ];
        for (card, severity, words) in cases {
            let (found, what) = worst(card);
            assert_eq!(found, severity, "{what}");
            assert!(what.contains(words), "{what}: {words}");
        }
        assert_eq!(worst(CardFacts::Piv(good_card())).0, Severity::Good);
    }

    /// Without the system's service, or the right to use it, the finding says which it is.
    #[test]
    fn what_keeps_from_readers_is_named() {
        let said = |error| no_readers(&error).to_string();
        assert!(said(ReaderError::NoService(pcsc::Error::NoService)).contains("does not run"));
        assert!(said(ReaderError::NotAllowed(pcsc::Error::SecurityViolation)).contains("polkit"));
        assert!(said(ReaderError::Failed(pcsc::Error::CommError)).contains("restart the machine"));
    }
}
